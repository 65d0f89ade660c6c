"""Bad input: one clear error or counted rejects; no crash, no partial snapshot, bounded memory."""

import os
import random
import shutil
import stat
import subprocess
import tempfile
import zlib
from pathlib import Path

import pytest

from lakes import PEOPLE, PEOPLE_JSON, packed, people_csv, write
from program import MEBIBYTE, Program, Snapshot, assert_nothing_published, assert_says


@pytest.fixture
def lake(tmp_path) -> Path:
    """One good object of 100 rows."""
    write(tmp_path / "in" / "good.csv", people_csv(range(100)))
    return tmp_path / "in"


@pytest.fixture
def run(program, tmp_path):
    """Runs the small dataset over `tmp_path/in`."""
    def run(*arguments, definition: str = PEOPLE, **keywords):
        path = write(tmp_path / "people.yaml", definition)
        return program.batch(path, *arguments, IN=tmp_path / "in", OUT=tmp_path / "out", **keywords)
    return run


# ---- objects that cannot be read whole: the run fails and names them

def test_truncated_gzip(run, lake, tmp_path):
    data = packed(people_csv(range(100, 50_000)))
    write(lake / "cut.csv.gz", data[: len(data) * 2 // 3])
    assert_says(run(check=1), "cut.csv.gz")
    assert_nothing_published(tmp_path)


@pytest.mark.parametrize("missing", range(1, 9))
def test_gzip_without_its_end(run, lake, tmp_path, missing):
    """The rows are all there; the checksum and length behind them are not."""
    write(lake / "cut.csv.gz", packed(people_csv(range(100, 200)))[:-missing])
    assert_says(run(check=1), "cut.csv.gz")
    assert_nothing_published(tmp_path)


def test_corrupt_gzip(run, lake, tmp_path):
    """A flipped bit in the checksum: every row looks right, and still none may be used."""
    data = bytearray(packed(people_csv(range(100, 20_000))))
    data[-6] ^= 0x10
    write(lake / "flipped.csv.gz", bytes(data))
    assert_says(run(check=1), "flipped.csv.gz")
    assert_nothing_published(tmp_path)


def test_gzip_with_bits_flipped_anywhere(run, lake, tmp_path, seed):
    draw = random.Random(seed)
    whole = packed(people_csv(range(100, 20_000)))
    for number in range(12):
        data = bytearray(whole)
        # Behind the header: some of its bits (name, time) say nothing about the content.
        data[draw.randrange(10, len(data))] ^= 1 << draw.randrange(8)
        write(lake / "flipped.csv.gz", bytes(data))
        assert_says(run(check=1), "flipped.csv.gz")
        assert_nothing_published(tmp_path)


def test_garbage_behind_gzip(run, lake, tmp_path):
    write(lake / "tail.csv.gz", packed(people_csv(range(100, 200))) + b"garbage, not a gzip member")
    assert_says(run(check=1), "tail.csv.gz")
    assert_nothing_published(tmp_path)


def test_gzip_of_many_members(run, lake, tmp_path):
    """What `cat a.gz b.gz` makes is one object; so is an empty member."""
    rows = people_csv(range(100, 400)).splitlines(keepends=True)
    write(lake / "many.csv.gz", packed("") + b"".join(packed("".join(rows[i:i + 7])) for i in range(0, len(rows), 7))
          + packed(""))
    assert run().json["rows"] == 400


def test_truncated_zstd(run, lake, tmp_path):
    import zstandard
    data = zstandard.ZstdCompressor(write_checksum=True).compress(people_csv(range(100, 50_000)).encode())
    write(lake / "whole.csv.zst", data)
    assert run("--id", "whole").json["rows"] == 50_000
    shutil.rmtree(tmp_path / "out")
    write(lake / "whole.csv.zst", data[:-5])
    assert_says(run(check=1), "whole.csv.zst")
    assert_nothing_published(tmp_path)


def test_all_that_cannot_be_read_is_named(run, lake, tmp_path):
    for name in ("one", "two", "three"):
        write(lake / f"{name}.csv.gz", packed(people_csv(range(1_000)))[:-20])
    assert_says(run(check=1), "one.csv.gz", "two.csv.gz", "three.csv.gz")
    assert_nothing_published(tmp_path)


# ---- objects that are odd

def test_empty_objects(run, lake, tmp_path):
    write(lake / "empty.csv", b"")
    write(lake / "empty.csv.gz", b"")
    write(lake / "header only.csv", "id,n,x\n")
    write(lake / "nothing inside.csv.gz", packed(""))
    said = run().json
    assert said["rows"] == said["rows_read"] == 100
    assert len(Snapshot.newest(tmp_path / "out").manifest["inputs"]) == 5


def test_nothing_to_read(run, tmp_path):
    """A prefix without an object is more often a wrong path than a wish for an empty data set."""
    (tmp_path / "in").mkdir()
    assert_says(run(check=None), str(tmp_path / "in"))
    assert_nothing_published(tmp_path)


def test_a_path_that_is_not_there(run, tmp_path):
    outcome = run(check=None)
    assert outcome.code in (1, 2)
    assert_says(outcome, str(tmp_path / "in"))
    assert_nothing_published(tmp_path)


def test_binary_called_csv(run, lake, tmp_path, seed):
    write(lake / "picture.csv", b"\x89PNG\r\n\x1a\n" + random.Random(seed).randbytes(300_000))
    outcome = run(check=None)
    assert outcome.code in (1, 3)
    assert_says(outcome, "picture.csv")


def test_a_header_without_a_column(run, lake, tmp_path):
    write(lake / "other.csv", "id,number,x\nq,1,1\n")
    outcome = run(check=None)
    assert outcome.code in (1, 3)
    assert_says(outcome, "other.csv", "n")


def test_columns_in_another_order(run, lake, tmp_path):
    write(lake / "other.csv", "x,more,n,id\n2.5,?,8,q\n")
    run()
    assert Snapshot.newest(tmp_path / "out").by("id")["q"] == {"id": "q", "n": 8, "x": 2.5}


def test_invalid_utf8(run, lake, tmp_path):
    for number, text in enumerate([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]):
        write(lake / f"bad{number}.csv", b"id,n,x\nq" + text + b",1,1\nfine%d,2,2\n" % number)
    assert run("--max-rejects", "5").json["rows_rejected"] == 5
    assert len(Snapshot.newest(tmp_path / "out").rejected) == 5


# ---- sizes

def one_long_line(path: Path, mebibytes: int, before: bytes, after: bytes) -> None:
    """A gzip object with a line of so many MiB, written without holding it."""
    packer = zlib.compressobj(1, wbits=31)
    with open(path, "wb") as file:
        file.write(packer.compress(before))
        for _ in range(mebibytes):
            file.write(packer.compress(b"x" * MEBIBYTE))
        file.write(packer.compress(after) + packer.flush())
    os.utime(path, (0, 1_700_000_000))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "csv quoted", "json"])
def test_a_line_of_1_gibibyte(run, lake, tmp_path, form):
    if form == "json":
        (lake / "good.csv").unlink()
        before, start, after = b'{"id": "a", "n": 1, "x": 1}\n', b'{"id": "', b'", "n": 2}\n{"id": "b", "n": 3, "x": 3}\n'
    else:
        quote = b'"' if "quoted" in form else b""
        before, start, after = b"id,n,x\na,1,1\n", quote, quote + b",2,2\nb,3,3\n"
    one_long_line(lake / "long.gz", 1024, before + start, after)
    outcome = run("--max-rejects", "1", definition=PEOPLE_JSON if form == "json" else PEOPLE)
    assert outcome.json["rows_rejected"] == 1
    [line] = Snapshot.newest(tmp_path / "out").rejected
    assert line["row"] == 2 and line["byte"] == len(before)
    assert len(line["raw"]) < MEBIBYTE
    # The row behind it is there.
    assert Snapshot.newest(tmp_path / "out").by("id").keys() >= {"a", "b"}
    assert outcome.peak_bytes < 256 * MEBIBYTE, f"{outcome.peak_bytes / MEBIBYTE:.0f} MiB"


def test_a_quote_that_never_ends(run, lake, tmp_path):
    """Only its own line is lost, the lines that it would have swallowed are rows; and it is quick."""
    write(lake / "open.csv", 'id,n,x\na,1,1\n"open,2,2\n' + "b,3,3\n" * 500_000)
    outcome = run(check=None)
    assert outcome.code == 3 and outcome.json["rows_rejected"] == 1
    [rejected] = Snapshot.newest(tmp_path / "out").rejected
    assert rejected["object"].endswith("open.csv") and rejected["reason"] == "unclosed_quote"
    assert (rejected["row"], rejected["byte"], rejected["raw"]) == (2, 13, '"open,2,2')


def test_a_row_of_just_the_limit(run, lake, tmp_path):
    limit = 900 * 1024
    for over in (-1, 0, 1, 2):
        name = "y" * (limit - len(",1,1") + over)
        write(lake / f"{over + 1}.csv", f"id,n,x\n{name},1,1\n")
    outcome = run("--max-rejects", "4")
    # Whether the line end counts is open.
    assert outcome.json["rows_rejected"] in (2, 3)


def test_10000_columns_in_the_file(run, lake, tmp_path):
    (lake / "good.csv").unlink()
    names = ["id", *(f"c{i}" for i in range(4_999)), "n", *(f"d{i}" for i in range(4_998)), "x"]
    assert len(names) == 9_999 + 1
    rows = [",".join(names)]
    for number in range(200):
        rows.append(",".join([f"k{number}", *["7"] * 4_999, str(number), *["word"] * 4_998, f"{number}.5"]))
    write(lake / "wide.csv", "\n".join(rows) + "\n")
    outcome = run()
    found = Snapshot.newest(tmp_path / "out").by("id")
    assert len(found) == 200 and found["k123"] == {"id": "k123", "n": 123, "x": 123.5}
    assert outcome.peak_bytes < 512 * MEBIBYTE


@pytest.mark.slow
def test_10000_columns_in_the_definition(run, lake, tmp_path):
    (lake / "good.csv").unlink()
    names = [f"c{i}" for i in range(10_000)]
    write(lake / "wide.csv", ",".join(["id", *names]) + "\n"
          + "".join(f"k{row}," + ",".join(str(row + i) for i in range(10_000)) + "\n" for row in range(50)))
    definition = PEOPLE.replace("n: int, x: double", ", ".join(f"{name}: int" for name in names)) \
        .replace("[n, x]", f"[{', '.join(names)}]")
    outcome = run(definition=definition)
    found = Snapshot.newest(tmp_path / "out").by("id")
    assert len(found) == 50 and len(found["k7"]) == 10_001
    assert found["k7"]["c0"] == 7 and found["k7"]["c9999"] == 10_006
    assert outcome.peak_bytes < 1536 * MEBIBYTE


def test_numbers_out_of_range(run, lake, tmp_path):
    write(lake / "far.csv", "id,n,x\na,9223372036854775808,1\nb,-9223372036854775809,1\nc,1e400,1\nd,1,1e400\n"
          "e," + "9" * 10_000 + ",1\nf,9223372036854775807,1e-400\n")
    assert run("--max-rejects", "5").json["rows_rejected"] == 5
    assert Snapshot.newest(tmp_path / "out").by("id")["f"] == {"id": "f", "n": 2**63 - 1, "x": 0.0}


SUMS = """\
dataset: sums
key: id
as_of: 2026-01-01T00:00:00Z
sources:
  keys: {objects: "${IN}/keys.csv", format: {csv: {header: true}}, keep: latest, columns: {id: string}}
  events:
    objects: "${IN}/events.csv"
    format: {csv: {header: true}}
    keep: events
    time: at
    columns: {id: string, at: timestamp, n: int}
features: {events: {total: sum(n)}}
rows: {from: keys}
split: {train: 0.8, eval: 0.2, salt: v1}
snapshot: {to: "${OUT}", format: parquet}
"""


def test_a_sum_out_of_range(run, tmp_path):
    """A sum of 64-bit integers that does not fit is an error that names the feature, not a wrong number."""
    write(tmp_path / "in" / "keys.csv", "id\na\n")
    events = f"id,at,n\na,2025-01-01,{2**63 - 1}\na,2025-01-01,1\n"
    write(tmp_path / "in" / "events.csv", events)
    assert_says(run(check=1, definition=SUMS), "total")
    assert_nothing_published(tmp_path)
    # On the way it may pass the limit: only the sum has to fit.
    write(tmp_path / "in" / "events.csv", events + "a,2025-01-01,-5\n")
    run(definition=SUMS)
    assert Snapshot.newest(tmp_path / "out").by("id")["a"]["total"] == 2**63 - 5


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
def test_json_10000_levels_deep(run, lake, tmp_path, opening, closing):
    (lake / "good.csv").unlink()
    deep = opening * 10_000 + "1" + closing * 10_000
    write(lake / "deep.json", f'{{"id": "a", "n": 1, "x": 1}}\n{{"id": "b", "n": {deep}, "x": 1}}\n'
          f'{{"id": "c", "n": 1, "x": 1, "other": {deep}}}\n{{"id": "d", "n": 4, "x": 1}}\n{opening * 500_000}\n')
    outcome = run("--max-rejects", "3", definition=PEOPLE_JSON)
    # A document that is too deep in a member that nobody asked for may be read or rejected.
    assert outcome.json["rows_rejected"] in (2, 3)
    assert Snapshot.newest(tmp_path / "out").by("id").keys() >= {"a", "d"}


# ---- the machine

@pytest.fixture
def stranger(program):
    """The program as a user who may not read everything: nobody when the tests run as root, else oneself."""
    place = Path(tempfile.mkdtemp(prefix="tributary-test-"))
    place.chmod(0o755)
    binary = place / "tributary"
    shutil.copy(program.binary, binary)
    binary.chmod(0o755)

    class Stranger(Program):
        def __call__(self, *arguments, check, **environment):
            drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
            ran = subprocess.run([*drop, str(binary), *map(str, arguments)], capture_output=True, text=True, timeout=60,
                                 cwd=place, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent",
                                                 **{name: str(value) for name, value in environment.items()}})
            assert ran.returncode == check, f"exit {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
            return ran

    (place / "out").mkdir()
    (place / "out").chmod(0o777)
    yield Stranger(binary), place
    for path in [place, *place.rglob("*")]:
        if not path.is_symlink() and path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(place)


@pytest.mark.parametrize("what", ["directory", "directory within", "file"])
def test_what_may_not_be_read(stranger, what):
    """No permission is not absence: leaving the rows out would be a wrong snapshot."""
    program, place = stranger
    write(place / "in" / "good.csv", people_csv(range(10)))
    secret = write(place / "in" / "sub" / "secret.csv", people_csv(range(10, 20)))
    closed = {"directory": place / "in", "directory within": place / "in" / "sub", "file": secret}[what]
    closed.chmod(0)
    definition = write(place / "people.yaml", PEOPLE)
    definition.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    ran = program("batch", definition, check=1, IN=place / "in", OUT=place / "out")
    assert str(closed) in ran.stderr and "ermission" in ran.stderr, ran.stderr
    assert_nothing_published(place / "out")


def test_a_place_that_may_not_be_written(stranger):
    program, place = stranger
    write(place / "in" / "good.csv", people_csv(range(10)))
    definition = write(place / "people.yaml", PEOPLE)
    (place / "out").chmod(0o555)
    ran = program("batch", definition, check=1, IN=place / "in", OUT=place / "out" / "deep")
    assert str(place / "out") in ran.stderr, ran.stderr


MOUNTED = """
mount -t tmpfs -o size=$SIZE tributary-test "$DISK" || exit 99
"$@"
code=$?
find "$DISK" -name manifest.json -o -name latest.json | sed 's/^/VISIBLE /'
exit $code
"""


def on_a_small_disk(command: list, disk: Path, room: int, environment: dict) -> subprocess.CompletedProcess:
    """Runs a command while `disk` is a file system with `room` bytes; lists what it leaves there to be seen.

    A mount in a namespace that ends with the command, so nothing has to be undone. Where no mount is allowed (some
    containers), the container's own small /dev/shm is filled up to the same room and `disk` points into it.
    """
    run = {"capture_output": True, "text": True, "timeout": 120,
           "env": {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "DISK": str(disk), "SIZE": str(room),
                   **environment}}
    disk.mkdir()
    namespace = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    ran = subprocess.run([*namespace, "sh", "-c", MOUNTED, "sh", *command], **run)
    if ran.returncode != 99 and "unshare" not in ran.stderr:
        return ran

    disk.rmdir()
    place = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        disk.symlink_to(place)
        free = shutil.disk_usage(place).free
        assert free < 1 << 30, "neither a mount is allowed here nor is /dev/shm small: a full disk cannot be made"
        with open(place / "ballast", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, free - room)
        ran = subprocess.run(command, **run)
        ran.stdout += "".join(f"VISIBLE {path}\n" for path in place.rglob("*.json")
                              if path.name in ("manifest.json", "latest.json"))
        return ran
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize("room", [64 << 10, 1 << 20])
def test_a_full_disk(program, tmp_path, seed, room):
    draw = random.Random(seed)
    write(tmp_path / "in" / "a.csv", "id,n,x\n" + "".join(
        f"{draw.getrandbits(128):x},{draw.getrandbits(60)},{draw.random()}\n" for _ in range(100_000)))
    definition = write(tmp_path / "people.yaml", PEOPLE)
    out = tmp_path / "disk" / "out"
    ran = on_a_small_disk([program.binary, "batch", definition], tmp_path / "disk", room,
                          {"IN": str(tmp_path / "in"), "OUT": str(out)})
    assert ran.returncode == 1, f"exit {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    assert "No space left" in ran.stderr or "full" in ran.stderr, ran.stderr
    assert str(out) in ran.stderr, ran.stderr
    assert "VISIBLE" not in ran.stdout, ran.stdout
