"""I6: readers see a complete snapshot or none, whenever the program dies; a published snapshot never changes."""

import hashlib
import json
import os
import random
import select
import subprocess
import sys
import time

import pytest

from lakes import PEOPLE, people_csv, write
from program import ROOT, Snapshot, assert_nothing_published, assert_says

KILLS = 24


def files(directory) -> dict[str, str]:
    """What lies in a directory, by content."""
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(directory.rglob("*")) if path.is_file()}


def assert_complete(to) -> int:
    """All that can be seen is whole. Gives how many snapshots can be seen."""
    manifests = list(to.glob("snapshot=*/manifest.json"))
    for path in manifests:
        manifest = json.loads(path.read_text())
        assert manifest["parts"]
        for part in manifest["parts"]:
            content = (path.parent / part["key"]).read_bytes()
            assert len(content) == part["bytes"], f"{path}: {part['key']}"
            assert hashlib.sha256(content).hexdigest() == part["sha256"], f"{path}: {part['key']}"
        assert sum(part["rows"] for part in manifest["parts"]) == sum(manifest["splits"].values())
    latest = to / "latest.json"
    if latest.exists():
        assert (to / f"snapshot={json.loads(latest.read_text())['snapshot']}" / "manifest.json").exists()
    return len(manifests)


def has_ended(child: subprocess.Popen, within: float) -> bool:
    """Whether a process ends within so many seconds; it is seen at once when it does."""
    descriptor = os.pidfd_open(child.pid)
    try:
        return bool(select.select([descriptor], [], [], within)[0])
    finally:
        os.close(descriptor)


@pytest.mark.slow
def test_killed_at_any_moment(program, tmp_path, seed):
    draw = random.Random(seed)
    lake, out = tmp_path / "lake", tmp_path / "out"
    subprocess.run([sys.executable, ROOT / "bench" / "gen.py", lake, "20000"], check=True)
    definition = ROOT / "bench" / "customer360.yaml"
    whole = program.batch(definition, "--id", "whole", DATA=lake, OUT=tmp_path / "reference")
    # The first run of a program reads it from the disk and says little of the next: the shortest one seen counts.
    took = whole.seconds

    killed = 0
    for number in range(4 * KILLS):
        # Every third time the id of a run that was killed before; the last moments (parts, manifest) more often.
        name = f"run-{number - number % 3}"
        was_published = (out / f"snapshot={name}" / "manifest.json").exists()
        begin = time.monotonic()
        child = program.start("batch", definition, "--id", name, DATA=lake, OUT=out)
        ended = has_ended(child, within=took * (draw.random() if number % 2 else draw.uniform(0.7, 1.1)))
        # One that finds its snapshot there writes none, and is shorter.
        if ended and not was_published:
            took = min(took, time.monotonic() - begin)
        child.kill()
        killed += child.wait() < 0
        if out.exists():
            assert_complete(out)
        if killed == KILLS:
            break
    assert killed == KILLS, f"only {killed} of {4 * KILLS} runs died in time"

    # What was left behind hinders nobody, and the result is the same.
    for name in ("run-0", "after"):
        again = program.batch(definition, "--id", name, DATA=lake, OUT=out)
        assert again.json["fingerprint"] == whole.json["fingerprint"]
    assert_complete(out)
    assert Snapshot.newest(out).fingerprint == whole.json["fingerprint"]


@pytest.fixture
def people(tmp_path):
    write(tmp_path / "in" / "a.csv", people_csv(range(1_000)))
    return write(tmp_path / "people.yaml", PEOPLE)


def test_the_same_run_again_changes_nothing(program, people, tmp_path):
    first = program.batch(people, "--id", "one", IN=tmp_path / "in", OUT=tmp_path / "out")
    before = files(tmp_path / "out")
    again = program.batch(people, "--id", "one", IN=tmp_path / "in", OUT=tmp_path / "out")
    assert again.json["fingerprint"] == first.json["fingerprint"]
    assert files(tmp_path / "out") == before


def test_another_result_cannot_take_an_id(program, people, tmp_path):
    program.batch(people, "--id", "one", IN=tmp_path / "in", OUT=tmp_path / "out")
    before = files(tmp_path / "out")
    write(tmp_path / "in" / "b.csv", people_csv(range(1_000, 2_000)))
    outcome = program.batch(people, "--id", "one", check=1, IN=tmp_path / "in", OUT=tmp_path / "out")
    assert_says(outcome, "one")
    assert files(tmp_path / "out") == before


def test_a_second_snapshot_leaves_the_first_alone(program, people, tmp_path):
    program.batch(people, "--id", "2026-01-01T00:00:00Z", IN=tmp_path / "in", OUT=tmp_path / "out")
    first = tmp_path / "out" / "snapshot=2026-01-01T00:00:00Z"
    before = files(first)
    write(tmp_path / "in" / "b.csv", people_csv(range(1_000, 2_000)))
    program.batch(people, "--id", "2026-01-02T00:00:00Z", IN=tmp_path / "in", OUT=tmp_path / "out")
    assert files(first) == before
    newest = Snapshot.newest(tmp_path / "out")
    assert newest.path.name == "snapshot=2026-01-02T00:00:00Z" and newest.table().num_rows == 2_000
    assert assert_complete(tmp_path / "out") == 2


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".", "..", "a\nb", "x" * 300])
def test_an_id_is_a_name(program, people, tmp_path, name):
    program.batch(people, f"--id={name}", check=2, IN=tmp_path / "in", OUT=tmp_path / "deep" / "out")
    assert_nothing_published(tmp_path)


def test_to_goes_before_the_definition(program, people, tmp_path):
    program.batch(people, "--to", tmp_path / "there", IN=tmp_path / "in", OUT=tmp_path / "out")
    assert Snapshot.newest(tmp_path / "there").table().num_rows == 1_000
    assert not (tmp_path / "out").exists()


def test_a_place_of_another_dataset_is_refused(program, people, tmp_path):
    program.batch(people, IN=tmp_path / "in", OUT=tmp_path / "out")
    before = files(tmp_path / "out")
    other = write(tmp_path / "other.yaml", PEOPLE.replace("dataset: people", "dataset: orders"))
    outcome = program.batch(other, "--id", "x", check=None, IN=tmp_path / "in", OUT=tmp_path / "out")
    assert outcome.code in (1, 2)
    assert_says(outcome, "people", "orders", str(tmp_path / "out"))
    assert files(tmp_path / "out") == before


def test_two_runs_of_one_id_at_once(program, people, tmp_path):
    """One of them publishes, the other adopts: both end well, with one snapshot."""
    children = [program.start("batch", people, "--id", "one", IN=tmp_path / "in", OUT=tmp_path / "out")
                for _ in range(4)]
    assert [child.wait(60) for child in children] == [0, 0, 0, 0]
    assert assert_complete(tmp_path / "out") == 1
    assert Snapshot.newest(tmp_path / "out").table().num_rows == 1_000
