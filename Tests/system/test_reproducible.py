"""I1: with the as-of time pinned, a snapshot's fingerprint depends on the definition and the rows, on nothing else."""

import gzip
import json
import math
import os
import random
import shutil
from pathlib import Path

import pytest

from lakes import aged, packed, write
from program import Program, Snapshot

DEFINITION = """\
dataset: hard
key: id
as_of: 2026-01-01T00:00:00Z
sources:
  accounts:
    objects: "${LAKE}/accounts/"
    format: {csv: {header: true}}
    keep: latest
    columns: {id: string, opened: date, plan: string}
  events:
    objects: "${LAKE}/events/"
    format: {csv: {delimiter: pipe, header: false, names: [id, at, kind, value, price]}}
    keep: events
    time: at
    columns: {id: string, at: timestamp, kind: string, value: double, price: "decimal(18,4)"}
  bills:
    objects: "${LAKE}/bills/"
    format: json
    keep: latest
    time: at
    columns: {id: {path: customer.id, type: string}, at: timestamp, total: {path: bill.total, type: double}}
features:
  accounts: [opened, plan]
  events:
    rows: count()
    total: sum(value)
    average: mean(value)
    spread: stddev(value)
    lowest: min(value)
    kinds: count_distinct(kind)
    values: count_distinct(value)
    first_kind: first(kind)
    last_kind: last(kind)
    paid: sum(price)
    paid_30d: sum(price) over 30d default 0
    total_a: "sum(value) where kind = 'a' or kind is null default 0"
  bills: {bill_total: total, bill_at: at}
rows: {from: accounts}
split: {train: 0.7, eval: 0.3, salt: v1}
snapshot: {to: "${OUT}", format: parquet}
"""

ACCOUNTS, EVENTS = 700, 40_000


class Lake:
    """Rows without ties, with doubles whose naive sum depends on its order."""

    def __init__(self, seed: int):
        draw = random.Random(seed)
        self.accounts = [f"k{i},{2000 + i % 25}-0{1 + i % 9}-1{i % 10},{draw.choice(['free', 'team', ''])}"
                         for i in range(ACCOUNTS)]
        self.events, self.values = [], {}
        # Each second once, so that first and last have no ties.
        for second in draw.sample(range(365 * 86_400), EVENTS):
            key = f"k{int(draw.random() ** 2 * (ACCOUNTS + 50))}"
            value = draw.choice([1, -1]) * draw.random() * 10.0 ** draw.randint(-12, 15)
            at = f"2025-{1 + second // 86_400 // 31:02}-{1 + second // 86_400 % 28:02} {second // 3600 % 24:02}:" \
                 f"{second // 60 % 60:02}:{second % 60:02}.{second % 1_000_000:06}"
            self.events.append(f"{key}|{at}|{draw.choice('abcd') if draw.random() < 0.9 else ''}|{value!r}|"
                               f"{draw.randint(-10**9, 10**9) / 10_000:.4f}")
            self.values.setdefault(key, []).append(value)
        self.bills = [json.dumps({"customer": {"id": f"k{i % ACCOUNTS}"}, "at": f"2025-06-01T00:00:00.{i:06}Z",
                                  "bill": {"total": draw.random() * 100}}) for i in range(3 * ACCOUNTS)]

    def write(self, lake: Path, parts: dict[str, int], *, shuffle: random.Random | None = None,
              name="part-{:03}".format) -> Path:
        for source, rows, ending, header in [("accounts", self.accounts, "", "id,opened,plan\n"),
                                             ("events", self.events, ".gz", ""), ("bills", self.bills, ".gz", "")]:
            rows = list(rows)
            if shuffle:
                shuffle.shuffle(rows)
            count = parts[source]
            for number in range(count):
                text = header + "".join(row + "\n" for row in rows[number::count])
                write(lake / source / (name(number) + ending), packed(text) if ending else text)
        return lake


PARTS = {"accounts": 3, "events": 6, "bills": 2}


@pytest.fixture(scope="module")
def rows() -> Lake:
    return Lake(20261121)


@pytest.fixture(scope="module")
def lake(rows, tmp_path_factory) -> Path:
    return rows.write(tmp_path_factory.mktemp("hard") / "lake", PARTS)


def batch(program: Program, lake: Path, out: Path, *arguments, definition: str = DEFINITION) -> Snapshot:
    path = write(out.parent / f"{out.name}.yaml", definition)
    program.batch(path, *arguments, LAKE=lake, OUT=out)
    return Snapshot.newest(out)


@pytest.fixture(scope="module")
def reference(program, lake, tmp_path_factory) -> Snapshot:
    return batch(program, lake, tmp_path_factory.mktemp("reference") / "out", "--shards", "16", "--threads", "2")


@pytest.mark.parametrize("shards", [1, 3, 16, 64])
@pytest.mark.parametrize("threads", [1, 2])
def test_shards_and_threads(program, lake, reference, tmp_path, shards, threads):
    found = batch(program, lake, tmp_path / "out", "--shards", str(shards), "--threads", str(threads))
    assert found.fingerprint == reference.fingerprint
    # The fingerprint is of rows as a multiset; the rows themselves must be the same too.
    assert found.table().sort_by("id").equals(reference.table().sort_by("id"))


def test_other_part_files_names_and_order(program, rows, reference, tmp_path, seed):
    draw = random.Random(seed)
    for number, parts in enumerate([{"accounts": 1, "events": 1, "bills": 1}, {"accounts": 9, "events": 23, "bills": 7}]):
        lake = rows.write(tmp_path / f"lake{number}", parts, shuffle=draw,
                          name=lambda part: f"{draw.getrandbits(32):08x} ünï+%20-{part}")
        # Times too: a listing in the order of time would be another one.
        for file in sorted(lake.rglob("*")):
            aged(file, draw.uniform(10, 100_000)) if file.is_file() else None
        assert batch(program, lake, tmp_path / f"out{number}").fingerprint == reference.fingerprint


def test_one_value_changes_the_fingerprint(program, rows, lake, reference, tmp_path):
    """Else all the equalities here would prove nothing."""
    changed = shutil.copytree(lake, tmp_path / "lake")
    part = changed / "accounts" / "part-001"
    write(part, part.read_text().replace("free", "trial", 1))
    assert batch(program, changed, tmp_path / "out").fingerprint != reference.fingerprint


def test_sums_are_right_not_only_stable(rows, reference):
    found = reference.by("id")
    checked = 0
    for key, values in rows.values.items():
        if key in found:
            assert found[key]["rows"] == len(values)
            # Correctly rounded, or within an ulp of it: far below what any summation in order gives here.
            assert math.isclose(found[key]["total"], math.fsum(values), rel_tol=1e-15, abs_tol=1e-15), key
            assert found[key]["values"] == len(set(values))
            checked += 1
    assert checked > 600


def test_rebuild_gives_the_same(program, lake, reference, tmp_path):
    again = program("rebuild", reference.path / "manifest.json", "--json", "--to", tmp_path / "again", LAKE=lake)
    assert again.json["fingerprint"] == reference.fingerprint
    assert Snapshot.newest(tmp_path / "again").table().sort_by("id").equals(reference.table().sort_by("id"))


def test_rebuild_needs_neither_the_definition_nor_its_variables(program, lake, tmp_path):
    snapshot = batch(program, lake, tmp_path / "out")
    (tmp_path / "out.yaml").unlink()
    assert program("rebuild", snapshot.path / "manifest.json", "--json").json["fingerprint"] == snapshot.fingerprint


def test_rebuild_leaves_newer_objects_out(program, lake, tmp_path):
    """It reads the inputs of the manifest, not what lies there today."""
    lake = shutil.copytree(lake, tmp_path / "lake")
    snapshot = batch(program, lake, tmp_path / "out")
    write(lake / "events" / "part-later.gz", packed("k1|2025-05-05 05:05:05|z|1e15|1.0000\n" * 50))
    assert program("rebuild", snapshot.path / "manifest.json", "--json").json["fingerprint"] == snapshot.fingerprint


@pytest.mark.parametrize("change", ["content", "removed"])
def test_rebuild_names_the_input_that_changed(program, lake, tmp_path, change):
    lake = shutil.copytree(lake, tmp_path / "lake")
    snapshot = batch(program, lake, tmp_path / "out")
    part = lake / "events" / "part-003.gz"
    if change == "removed":
        part.unlink()
    else:
        # Same size and time: only the content tells.
        stat = part.stat()
        text = bytearray(gzip.decompress(part.read_bytes()))
        text[-2] = ord("1") if text[-2] != ord("1") else ord("2")
        part.write_bytes(packed(bytes(text)).ljust(stat.st_size, b"\0"))
        os.utime(part, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    outcome = program("rebuild", snapshot.path / "manifest.json", "--json", "--to", tmp_path / "again", check=1)
    assert "part-003.gz" in outcome.err, str(outcome)
    assert "part-002.gz" not in outcome.err, str(outcome)
    assert not (tmp_path / "again" / "latest.json").exists()


def test_ties_are_broken_by_object_and_row(program, tmp_path):
    """Two rows of one key at one time: the later row wins, and the row of the later key wins over it (§3, I1)."""
    definition = DEFINITION.split("  bills:\n")[0] + """\
features:
  events: {last_kind: last(kind), first_kind: first(kind)}
rows: {from: accounts}
split: {train: 0.5, eval: 0.5, salt: v1}
snapshot: {to: "${OUT}", format: parquet}
"""
    lake = tmp_path / "lake"
    write(lake / "accounts" / "a.csv", "id,opened,plan\nx,2020-01-01,free\ny,2020-01-01,free\n")
    at = "2025-01-01 00:00:00"
    write(lake / "events" / "a.gz", packed(f"x|{at}|first|1|1\nx|{at}|second|1|1\ny|{at}|of a, row 1|1|1\n"))
    write(lake / "events" / "b.gz", packed(f"y|{at}|of b, row 1|1|1\n"))
    # The later key is the older file: time of the file must not matter.
    aged(lake / "events" / "b.gz", 10_000)
    for threads in ("1", "2"):
        found = batch(program, lake, tmp_path / f"out{threads}", "--threads", threads, definition=definition).by("id")
        assert (found["x"]["first_kind"], found["x"]["last_kind"]) == ("first", "second")
        assert (found["y"]["first_kind"], found["y"]["last_kind"]) == ("of a, row 1", "of b, row 1")


def test_latest_without_time_takes_the_newer_object(program, tmp_path):
    """A timeless source: Last-Modified, then key, then row; the later wins (§7)."""
    definition = """\
dataset: timeless
key: id
as_of: 2026-01-01T00:00:00Z
sources:
  accounts: {objects: "${LAKE}", format: {csv: {header: true}}, keep: latest, columns: {id: string, plan: string}}
features: {accounts: [plan]}
rows: {from: accounts}
split: {train: 0.5, eval: 0.5, salt: v1}
snapshot: {to: "${OUT}", format: parquet}
"""
    lake = tmp_path / "lake"
    for name, rows, age in [("z-old.csv", "a,old\nb,old\nc,old\n", 900), ("a-new.csv", "a,new\nb,row 2\nb,row 3\n", 300),
                            ("b-tie.csv", "c,b\n", 600), ("c-tie.csv", "c,c\n", 600)]:
        write(lake / name, "id,plan\n" + rows)
    # Exactly one time for the tie, so that the key decides.
    for name, seconds in [("z-old.csv", 1_700_000_000), ("b-tie.csv", 1_700_000_100), ("c-tie.csv", 1_700_000_100),
                          ("a-new.csv", 1_700_000_200)]:
        os.utime(lake / name, (seconds, seconds))
    found = batch(program, lake, tmp_path / "out", definition=definition).by("id")
    assert {key: row["plan"] for key, row in found.items()} == {"a": "new", "b": "row 3", "c": "c"}
