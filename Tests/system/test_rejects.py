"""I3: nothing is lost silently. Rows read = applied + rejected, and each rejected row says where and why."""

import base64
import json
from pathlib import Path

import pytest

from lakes import packed, write
from program import Snapshot, assert_says

DEFINITION = """\
dataset: strict
key: id
as_of: 2026-01-01T00:00:00Z
sources:
  rows:
    objects: "${IN}"
    format: FORMAT
    keep: latest
    columns:
      id: string
      n: int
      x: double
      day: date
      at: timestamp
      price: "decimal(6,2)"
      ok: bool
      soft: {type: int, on_error: set_null}
      filled: {type: int, default: 7}
features: {rows: [n, x, day, at, price, ok, soft, filled]}
rows: {from: rows}
split: {train: 0.8, eval: 0.2, salt: v1}
snapshot: {to: "${OUT}", format: parquet}
"""

HEADER = b"id,n,x,day,at,price,ok,soft,filled\n"
GOOD_TAIL = b"1.5,2020-01-31,2020-01-31T10:00:00Z,12.50,true,1,1"

# A record as it stands in the file, and the column it fails in (None: it is good, "": the row as such is bad).
CSV_RECORDS: list[tuple[bytes, str | None]] = [
    (b"good1,1," + GOOD_TAIL, None),
    (b"word,one," + GOOD_TAIL, "n"),
    (b"good2,2," + GOOD_TAIL, None),
    (b"fraction,1.5," + GOOD_TAIL, "n"),
    (b"too large,9223372036854775808," + GOOD_TAIL, "n"),
    (b"too small,-9223372036854775809," + GOOD_TAIL, "n"),
    (b"\"quoted\nover lines\",3," + GOOD_TAIL, None),
    (b"after newlines,x," + GOOD_TAIL, "n"),
    (b"double,1,1.5.2,2020-01-31,2020-01-31T10:00:00Z,12.50,true,1,1", "x"),
    (b"no such day,1,1.5,2021-02-29,2020-01-31T10:00:00Z,12.50,true,1,1", "day"),
    (b"no such month,1,1.5,2021-13-01,2020-01-31T10:00:00Z,12.50,true,1,1", "day"),
    (b"no such time,1,1.5,2020-01-31,2020-01-31T25:00:00Z,12.50,true,1,1", "at"),
    (b"decimal too wide,1,1.5,2020-01-31,2020-01-31T10:00:00Z,12345.00,true,1,1", "price"),
    (b"decimal too fine,1,1.5,2020-01-31,2020-01-31T10:00:00Z,1.005,true,1,1", "price"),
    (b"bool,1,1.5,2020-01-31,2020-01-31T10:00:00Z,12.50,maybe,1,1", "ok"),
    (b"soft,4,1.5,2020-01-31,2020-01-31T10:00:00Z,12.50,true,oops,", None),
    (b"too few,1", ""),
    (b"too many,1," + GOOD_TAIL + b",1", ""),
    (b"bad utf\xff8,1," + GOOD_TAIL, "id"),
    (b",5," + GOOD_TAIL, "id"),
    ("größe 漢字,6,".encode() + GOOD_TAIL, None),
    (b"last has no newline,nope," + GOOD_TAIL, "n"),
]

GOOD_JSON = {"n": 1, "x": 1.5, "day": "2020-01-31", "at": "2020-01-31T10:00:00Z", "price": "12.50", "ok": True,
             "soft": 1, "filled": 1}

JSON_RECORDS: list[tuple[bytes, str | None]] = [
    (json.dumps({"id": "good1", **GOOD_JSON}).encode(), None),
    (b'{"id": "cut', ""),
    (json.dumps({"id": "word", **GOOD_JSON, "n": "one"}).encode(), "n"),
    (json.dumps({"id": "too large", **GOOD_JSON, "n": 2**63}).encode(), "n"),
    (json.dumps({"id": "object", **GOOD_JSON, "x": {"a": 1}}).encode(), "x"),
    (b"[1, 2]", ""),
    (b"not json at all", ""),
    (json.dumps({"id": "soft", **GOOD_JSON, "soft": "oops", "filled": None}).encode(), None),
    (json.dumps({**GOOD_JSON}).encode(), "id"),
    (b'{"id": "bad utf\xff8", "n": 1}', ""),
    (json.dumps({"id": "good2", **GOOD_JSON}).encode(), None),
    (json.dumps({"id": "no such day", **GOOD_JSON, "day": "2021-02-29"}).encode(), "day"),
    (b'{"id": "twice", "n": 1} {"id": "on one line", "n": 2}', ""),
]


def lay_out(records, header: bytes) -> tuple[bytes, dict[int, tuple[int, str, bytes]]]:
    """The object's bytes, and for each bad record (from 1) its byte offset, column and text."""
    data, bad = bytearray(header), {}
    for number, (text, column) in enumerate(records, start=1):
        if column is not None:
            bad[number] = (len(data), column, text)
        data += text + (b"\n" if number < len(records) else b"")
    return bytes(data), bad


def check(program, tmp_path, form: str, objects: dict[str, tuple[bytes, dict]], good: int) -> Snapshot:
    definition = write(tmp_path / "strict.yaml", DEFINITION.replace("FORMAT", form))
    total = sum(len(bad) for _, bad in objects.values())
    for name, (data, _) in objects.items():
        write(tmp_path / "in" / name, packed(data) if name.endswith(".gz") else data)

    done = program.batch(definition, "--max-rejects", str(total), IN=tmp_path / "in", OUT=tmp_path / "out")
    snapshot = Snapshot.newest(tmp_path / "out")
    assert done.json["rows_rejected"] == total
    assert done.json["rows"] == good

    rejected = {}
    for line in snapshot.rejected:
        assert line["source"] == "rows" and line["reason"] and line["message"], line
        place = (Path(line["object"]).name, line["row"])
        assert place not in rejected, f"rejected twice: {line}"
        rejected[place] = line
    wanted = {(name, row): about for name, (_, bad) in objects.items() for row, about in bad.items()}
    assert rejected.keys() == wanted.keys()
    for place, (offset, column, text) in wanted.items():
        line = rejected[place]
        assert line["byte"] == offset, line
        if column:
            assert line["column"] == column, line
        # Bytes that are no UTF-8 stand in base64, so that what is kept is what came.
        kept = line["raw"].encode() if "raw" in line else base64.b64decode(line["raw_base64"])
        assert kept.rstrip(b"\n") == text, line

    inputs = {Path(source["key"]).name: source for source in snapshot.manifest["inputs"]}
    assert inputs.keys() == objects.keys()
    for name, (_, bad) in objects.items():
        about = inputs[name]
        assert about["rows_read"] == about["rows_applied"] + about["rows_rejected"], about
        assert about["rows_rejected"] == len(bad), about
    return snapshot


@pytest.mark.parametrize("threads", ["1", "2"])
def test_csv(program, tmp_path, threads):
    one = lay_out(CSV_RECORDS, HEADER)
    # The same in a second, compressed object and in other order: offsets are in the inflated object.
    two = lay_out([(text.replace(b"good", b"more").replace(b"soft", b"more soft").replace("größe".encode(), b"more")
                    .replace(b"quoted", b"more"), column) for text, column in reversed(CSV_RECORDS)], HEADER)
    good = 2 * sum(column is None for _, column in CSV_RECORDS)
    found = check(program, tmp_path, "{csv: {header: true}}", {"one.csv": one, "two.csv.gz": two}, good).by("id")
    assert found["soft"]["soft"] is None and found["soft"]["filled"] == 7
    assert found["quoted\nover lines"]["n"] == 3
    assert found["größe 漢字"]["n"] == 6


def test_csv_with_windows_line_ends_and_bom(program, tmp_path):
    """CRLF and a byte order mark count in the offsets and belong to no value."""
    records = [(b"good,1," + GOOD_TAIL, None), (b"bad,one," + GOOD_TAIL, "n"), (b"better,2," + GOOD_TAIL, None),
               (b"worse,two," + GOOD_TAIL, "n")]
    data, bad = bytearray(b"\xef\xbb\xbf" + HEADER.replace(b"\n", b"\r\n")), {}
    for number, (text, column) in enumerate(records, start=1):
        if column:
            bad[number] = (len(data), column, text)
        data += text + b"\r\n"
    write(tmp_path / "in" / "a.csv", bytes(data))
    definition = write(tmp_path / "strict.yaml", DEFINITION.replace("FORMAT", "{csv: {header: true}}"))
    program.batch(definition, "--max-rejects", "2", IN=tmp_path / "in", OUT=tmp_path / "out")
    snapshot = Snapshot.newest(tmp_path / "out")
    assert [(line["row"], line["byte"]) for line in sorted(snapshot.rejected, key=lambda line: line["row"])] == [
        (row, offset) for row, (offset, _, _) in bad.items()]
    assert snapshot.by("id").keys() == {"good", "better"}


def test_json(program, tmp_path):
    objects = {"one.json": lay_out(JSON_RECORDS, b"")}
    found = check(program, tmp_path, "json", objects, sum(column is None for _, column in JSON_RECORDS)).by("id")
    assert found["soft"]["soft"] is None and found["soft"]["filled"] == 7


@pytest.mark.slow
def test_bad_rows_among_many(program, tmp_path):
    """Offsets and numbers hold across blocks and threads, where they are counted piecewise."""
    lines, bad, offset = [HEADER], {}, len(HEADER)
    for number in range(1, 400_001):
        wrong = number % 9973 == 0 or number in (1, 400_000)
        text = b"r%d,%s," % (number, b"bad" if wrong else b"%d" % number) + GOOD_TAIL
        if wrong:
            bad[number] = (offset, "n", text)
        lines.append(text + b"\n")
        offset += len(text) + 1
    data = b"".join(lines)
    assert len(data) > 20 << 20
    check(program, tmp_path, "{csv: {header: true}}", {"big.csv": (data, bad), "big.csv.gz": (data, bad)},
          400_000 - len(bad))


def one_bad_in(tmp_path, rows: int) -> tuple[Path, Path]:
    lines = [b"k%d,%d,%s\n" % (i, i, GOOD_TAIL) for i in range(rows - 1)] + [b"bad,x," + GOOD_TAIL + b"\n"]
    write(tmp_path / "in" / "a.csv", HEADER + b"".join(lines))
    return write(tmp_path / "strict.yaml", DEFINITION.replace("FORMAT", "{csv: {header: true}}")), tmp_path / "in"


def test_any_reject_ends_with_3_by_default(program, tmp_path):
    definition, lake = one_bad_in(tmp_path, 100)
    outcome = program.batch(definition, check=3, IN=lake, OUT=tmp_path / "out")
    assert_says(outcome, "reject")


@pytest.mark.parametrize("limit, code", [("0", 3), ("1", 0), ("0.5%", 3), ("1%", 0), ("100%", 0)])
def test_max_rejects(program, tmp_path, limit, code):
    definition, lake = one_bad_in(tmp_path, 100)
    program.batch(definition, "--max-rejects", limit, check=code, IN=lake, OUT=tmp_path / "out")


def test_max_rejects_of_the_definition(program, tmp_path):
    definition, lake = one_bad_in(tmp_path, 100)
    write(definition, definition.read_text() + "max_rejects: 1\n")
    program.batch(definition, IN=lake, OUT=tmp_path / "out")
    # The command line goes before the definition.
    program.batch(definition, "--max-rejects", "0", check=3, IN=lake, OUT=tmp_path / "out2")


@pytest.mark.parametrize("limit", ["-1", "x", "101%", "1.5", ""])
def test_a_senseless_limit_is_wrong_use(program, tmp_path, limit):
    definition, lake = one_bad_in(tmp_path, 3)
    program.batch(definition, f"--max-rejects={limit}", check=2, IN=lake, OUT=tmp_path / "out")
    assert not (tmp_path / "out").exists()
