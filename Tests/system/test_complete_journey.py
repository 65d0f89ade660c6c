"""The example on real data, sample and whole, equal to an independent computation; no future in it."""

import difflib
import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import complete_journey
from lakes import aged
from program import ROOT, Snapshot, assert_same

EXAMPLE = ROOT / "examples" / "complete-journey"
DEFINITION = EXAMPLE / "complete-journey.yaml"


def make_lake(out, *arguments):
    subprocess.run([sys.executable, EXAMPLE / "make_lake.py", *arguments, out], check=True)
    for file in out.rglob("*.*"):
        aged(file)
    return out


def check(program, lake, out) -> dict:
    done = program.batch(DEFINITION, LAKE=lake, OUT=out)
    snapshot = Snapshot.newest(out)
    assert_same(snapshot.table(), complete_journey.expected(lake), "household_id")
    return snapshot.manifest | {"said": done.json}


def test_sample_equals_duckdb(program, tmp_path):
    manifest = check(program, EXAMPLE / "sample", tmp_path)
    assert manifest["said"]["rows"] == 300
    assert manifest["as_of"].startswith("2017-10-01T00:00:00")
    assert {part["split"] for part in manifest["parts"]} == {"train", "eval"}


@pytest.mark.slow
def test_whole_equals_duckdb(program, tmp_path):
    lake = make_lake(tmp_path / "lake", "--whole")
    manifest = check(program, lake, tmp_path / "out")
    transactions = [source for source in manifest["inputs"] if source["source"] == "transactions"]
    assert sum(source["rows_read"] for source in transactions) == 1_469_307
    assert manifest["said"]["rows"] == sum(1 for _ in open(lake / "labels" / "households.csv")) - 1 > 2_400


def test_the_sample_is_what_its_script_makes(tmp_path):
    made = make_lake(tmp_path / "lake")
    shipped = EXAMPLE / "sample"

    def files_of(lake):
        files = [file for file in lake.rglob("*.*") if file.name != "README.md"]
        return {str(file.relative_to(lake)): gzip.decompress(file.read_bytes()) if file.suffix == ".gz"
                else file.read_bytes() for file in files}

    assert files_of(made) == files_of(shipped)


def test_rows_from_the_future_change_nothing(program, tmp_path):
    """The lake without all that happened after the as-of time gives the same features."""
    program.batch(DEFINITION, LAKE=EXAMPLE / "sample", OUT=tmp_path / "whole")
    past = tmp_path / "past"
    for file in (EXAMPLE / "sample").rglob("*.*"):
        copy = past / file.relative_to(EXAMPLE / "sample")
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.parent.name == "transactions":
            lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
            kept = [line for line in lines if line.split(b"|")[2] < b"2017-10-01"]
            assert 0 < len(kept) < len(lines)
            copy.write_bytes(gzip.compress(b"".join(kept)))
        else:
            copy.write_bytes(file.read_bytes())
        aged(copy)
    program.batch(DEFINITION, LAKE=past, OUT=tmp_path / "past-out")
    assert Snapshot.newest(tmp_path / "past-out").fingerprint == Snapshot.newest(tmp_path / "whole").fingerprint


def test_another_as_of_is_another_answer(program, tmp_path):
    program.batch(DEFINITION, "--as-of", "2017-07-01T12:00:00Z", LAKE=EXAMPLE / "sample", OUT=tmp_path)
    want = complete_journey.expected(EXAMPLE / "sample", "timestamp '2017-07-01 12:00:00'")
    assert_same(Snapshot.newest(tmp_path).table(), want, "household_id")


def test_the_stream_reads_what_the_batch_reads():
    """stream.yaml is complete-journey.yaml, but that redemptions are records."""
    batch, stream = (path.read_text().splitlines() for path in (DEFINITION, EXAMPLE / "stream.yaml"))
    changed = [line for line in difflib.ndiff(batch, stream) if line[0] in "+-" and not line[2:].startswith("#")]
    assert [line.partition("#")[0].rstrip() for line in changed] == [
        "+ shards: 4", "-   redemptions:", '-     objects: "${LAKE:-sample}/redemptions/"', "+   redemptions:",
        "+     records: coupons.redeemed"], changed


def test_the_demonstration(program):
    shown = subprocess.run([sys.executable, EXAMPLE / "demo.py", program.binary, "sample"], check=True,
                           capture_output=True, text=True, timeout=300).stdout
    assert "train:" in shown and "eval:" in shown and "spend_90d" in shown and "The same rows" in shown, shown


@pytest.mark.parametrize("kafka", [[], ["--kafka"]])
def test_nothing_is_left_running_when_the_demonstration_is_stopped(program, kafka):
    demo = subprocess.Popen([sys.executable, EXAMPLE / "demo.py", program.binary, "sample", *kafka], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    for line in demo.stdout:
        if "coupons-1" in line:
            break
    assert demo.poll() is None
    # As Ctrl-C in a terminal, but that the others are in sessions of their own anyway.
    demo.send_signal(signal.SIGINT)
    rest = demo.stdout.read()
    assert demo.wait(60) == 130, rest
    work = EXAMPLE.parents[1] / ".work" / ("demo-kafka" if kafka else "demo")
    left = [process.name for process in Path("/proc").glob("[0-9]*") if belongs(process, work)]
    assert not left, left


def belongs(process: Path, work: Path) -> bool:
    try:
        return os.readlink(process / "cwd") == str(work) or str(work).encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False
