"""Many small objects: time in proportion to their bytes and count, memory bounded."""

import os

import pytest

from lakes import PEOPLE, people_csv, write
from program import MEBIBYTE, Snapshot

ROWS, FILES = 150_000, 50_000


@pytest.mark.slow
def test_50000_small_files(program, tmp_path):
    definition = write(tmp_path / "people.yaml", PEOPLE)
    write(tmp_path / "few" / "a.csv", people_csv(range(ROWS // 2)))
    write(tmp_path / "few" / "b.csv", people_csv(range(ROWS // 2, ROWS)))
    each = ROWS // FILES
    for number in range(FILES):
        path = tmp_path / "many" / f"{number % 100:02}" / f"{number}.csv"
        if number < 100:
            path.parent.mkdir(parents=True)
        path.write_text(people_csv(range(number * each, (number + 1) * each)))
        os.utime(path, (1_700_000_000, 1_700_000_000))

    few = program.batch(definition, IN=tmp_path / "few", OUT=tmp_path / "few-out")
    many = program.batch(definition, IN=tmp_path / "many", OUT=tmp_path / "many-out")
    assert many.json["fingerprint"] == few.json["fingerprint"]
    manifest = Snapshot.newest(tmp_path / "many-out").manifest
    assert len(manifest["inputs"]) == FILES
    assert sum(source["rows_applied"] for source in manifest["inputs"]) == ROWS
    # Opening, reading, hashing and listing a file in the manifest: half a millisecond each is generous.
    assert many.seconds < 10 * few.seconds + FILES * 0.0005, f"{many.seconds:.1f} s against {few.seconds:.1f} s"
    assert many.peak_bytes < few.peak_bytes + 256 * MEBIBYTE, f"{many.peak_bytes / MEBIBYTE:.0f} MiB"


@pytest.mark.slow
def test_memory_does_not_grow_with_an_object(program, tmp_path):
    """Ten times the events of the same keys: the same memory, but for what the manifest holds."""
    definition = write(tmp_path / "events.yaml", """\
dataset: events
key: id
as_of: 2026-01-01T00:00:00Z
sources:
  keys: {objects: "${IN}/keys.csv", format: {csv: {header: true}}, keep: latest, columns: {id: string}}
  events:
    objects: "${IN}/events.csv"
    format: {csv: {header: true}}
    keep: events
    time: at
    columns: {id: string, at: timestamp, x: double}
features: {events: {rows: count(), total: sum(x), last: max(at)}}
rows: {from: keys}
split: {train: 0.8, eval: 0.2, salt: v1}
snapshot: {to: "${OUT}", format: parquet}
""")
    peaks = {}
    for size in (400_000, 4_000_000):
        lake = tmp_path / str(size)
        write(lake / "keys.csv", "id\n" + "".join(f"k{i}\n" for i in range(2_000)))
        with open(lake / "events.csv", "w") as file:
            file.write("id,at,x\n")
            block = "".join(f"k{i % 2_000},2025-06-{1 + i % 28:02}T00:00:00Z,{i / 7}\n" for i in range(100_000))
            for _ in range(size // 100_000):
                file.write(block)
        os.utime(lake / "events.csv", (1_700_000_000, 1_700_000_000))
        done = program.batch(definition, IN=lake, OUT=tmp_path / f"out-{size}")
        assert done.json["rows_read"] == size + 2_000
        peaks[size] = done.peak_bytes
    assert peaks[4_000_000] < peaks[400_000] + 128 * MEBIBYTE, peaks
