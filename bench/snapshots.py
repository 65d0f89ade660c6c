"""Snapshots of a worker that has everything: the time from asking for one to its manifest.

usage: snapshots.py [--customers 1000000] [--rounds 3]

A worker on the embedded broker reads customer360 (26 features) and comes to rest. Then, in turn: a snapshot after a
change of a few rows, and one after 1 % new rows of usage; beside each, what writing its files alone takes (copied and
synchronised, from memory). The last one must have the fingerprint of a batch over the same files. Prints a table and
writes .work/bench/results-snapshots.json.
"""

import argparse
import gzip
import json
import os
import random
import shutil
import statistics
import sys
import time
from pathlib import Path

import report
import stream
from jobs import PROGRAM, WORK, data
from processes import Worker
from stream import AS_OF, FEATURES, batch, definition, fresh, manifest

SOURCES = ("attributes", "usage", "billing")


def lake_of_ones_own(customers: int) -> Path:
    """The generated files by hard links: new ones are put beside them."""
    lake = stream.PLACE / "lake"
    shutil.copytree(data(customers), lake, copy_function=os.link)
    return lake


def add_usage(lake: Path, customers: int, rows: int, number: int) -> None:
    """A file of new rows, of customers at random."""
    chance = random.Random(number)
    lines = []
    for _ in range(rows):
        day, second = divmod(chance.randrange(20_000_000), 86_400)
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1_767_225_600 + day * 86_400 + second))
        lines.append(f"c{chance.randrange(customers):08d}|{moment}|{chance.choice(FEATURES)}|{chance.randrange(1, 10)}"
                     f"|{chance.randrange(360_000) / 100:.2f}\n")
    aside = stream.PLACE / "more"
    with gzip.open(aside, "wt", 1) as file:
        file.writelines(lines)
    aside.rename(lake / "usage" / f"part-more-{number:02d}.gz")


def applied(worker: Worker) -> float:
    return sum(worker.metric(f'tributary_rows_applied_total{{source="{source}"}}') for source in SOURCES)


def rest(worker: Worker, rows: int) -> None:
    """Until the rows are there and the worker does nothing for a while: checkpoints are written."""
    worker.wait_until(lambda: applied(worker) >= rows, 600)
    since, cpu = time.monotonic(), worker.cpu_seconds
    while time.monotonic() - since < 3:
        time.sleep(0.2)
        if worker.cpu_seconds - cpu > 0.5:
            since, cpu = time.monotonic(), worker.cpu_seconds


def snapshot(worker: Worker, out: Path, name: str) -> dict:
    """Asked for as `tributary snapshot` does it; until the manifest is there."""
    cpu, began = worker.cpu_seconds, time.monotonic()
    worker.ask(f"/snapshot?id={name}&as_of={AS_OF}&listing=1", "POST")
    path = out / f"snapshot={name}" / "manifest.json"
    while not path.exists():
        worker.check()
        time.sleep(0.002)
    seconds = time.monotonic() - began
    cpu = worker.cpu_seconds - cpu
    # The parts' folder goes behind the manifest.
    worker.wait_until(lambda: manifest(out)["snapshot"] == name, 60)
    files = [file for file in path.parent.rglob("*.parquet")]
    return {"seconds": seconds, "cpu_seconds": cpu, "bytes": sum(file.stat().st_size for file in files),
            "copied_seconds": copied(files)}


def copied(files: list) -> float:
    """Writing the same bytes and bringing them to the device."""
    contents = [file.read_bytes() for file in files]
    aside = stream.PLACE / "copied"
    began = time.monotonic()
    aside.mkdir()
    for number, content in enumerate(contents):
        with open(aside / str(number), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    seconds = time.monotonic() - began
    shutil.rmtree(aside)
    return seconds


def measure(customers: int, rounds: int, program: Path = PROGRAM, options: list | None = None) -> dict:
    fresh()
    lake, out = lake_of_ones_own(customers), stream.PLACE / "out-run"
    environment = {"DATA": str(lake), "OUT": str(out)}
    settled = [(f'objects: "${{DATA}}/{name}/"\n', f'objects: "${{DATA}}/{name}/"\n    settle: 0s\n') for name in SOURCES]
    running = definition("customer360.yaml", *settled, more="events: {list: 1s}\n")
    worker = Worker(program, running, stream.PLACE, environment, options or ["--no-features"])
    try:
        worker.wait_until(lambda: worker.ask("/readyz").startswith("ready"), 180)
        # One row of attributes, 20 of usage and mostly one of billing a customer.
        rows, before = 0, -1
        while rows != before or rows < 21 * customers:
            worker.check()
            before = rows
            time.sleep(3)
            rows = applied(worker)
        rest(worker, rows)
        few, more, number = [], [], 0
        first = snapshot(worker, out, "first")
        for _ in range(rounds):
            for runs, count in ((few, 1000), (more, customers * 20 // 100)):
                number += 1
                add_usage(lake, customers, count, number)
                rows += count
                rest(worker, rows)
                runs.append(snapshot(worker, out, f"s{number:02d}"))
        peak = worker.memory("VmHWM")
        made = manifest(out)
    finally:
        worker.stop()
    alone = batch(definition("customer360.yaml"), environment | {"OUT": str(stream.PLACE / "out-batch")})
    if made["fingerprint"] != alone["fingerprint"]:
        sys.exit(f"the snapshot's fingerprint is {made['fingerprint']}, batch's {alone['fingerprint']}")
    return {"customers": customers, "rounds": rounds, "first": first, "few": median(few), "more": median(more),
            "peak_bytes": peak, "batch": alone}


def median(runs: list) -> dict:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def table(result: dict) -> str:
    lines = [f"{result['customers']:,} customers, 26 features{'':14}{'seconds':>10}{'CPU s':>8}{'MB':>8}{'copied, s':>11}"]
    for name, what in (("first", "first, state from segments"), ("few", "again, 1,000 new rows"), ("more", "again, 1 % new rows")):
        of = result[name]
        lines.append(f"  {what:40}{of['seconds']:>10.2f}{of['cpu_seconds']:>8.2f}{of['bytes'] / 1e6:>8.0f}{of['copied_seconds']:>11.2f}")
    lines.append(f"  peak MB {result['peak_bytes'] / 1e6:.0f}; batch over the same {result['batch']['seconds']:.2f} s, "
                 f"{result['batch']['cpu_seconds']:.2f} CPU s, {result['batch']['peak_bytes'] / 1e6:.0f} MB")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures snapshots of a worker that has everything.")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    result = report.circumstances() | measure(arguments.customers, arguments.rounds)
    result["table"] = table(result).splitlines()
    (WORK / "results-snapshots.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{table(result)}\n", flush=True)


if __name__ == "__main__":
    main()
