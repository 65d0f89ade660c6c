"""Objects in an S3 store: customer360 by `batch` and by a streaming worker, the store on this machine's processors too.

usage: s3.py [--customers 100000] [--rounds 3]

SeaweedFS has the objects. A worker that has joined its groups is told of them by notifications in AWS's form, through a
broker; the time is that from the first of them to the published snapshot. `batch` reads the same objects, in turns with it.
Twice: with the snapshot, and the worker's state beside it, in files of this machine, and with both in the store as well.
The two snapshots of a round must have the same fingerprint. Prints a table and writes .work/bench/results-s3.json.
"""

import argparse
import json
import shutil
import statistics
import sys
import time
import urllib.parse
from pathlib import Path

from confluent_kafka import Producer

import report
from jobs import PROGRAM, WORK, data
from processes import Broker, Store, Worker
from stream import AS_OF, PLACE, batch, definition, fresh, manifest

EVENTS = "s3.events"
STORE = 'store: {endpoint: "${ENDPOINT}", region: us-east-1, path_style: true}\n'


def notify(broker: Broker, sizes: dict[str, int]) -> None:
    producer = Producer({"bootstrap.servers": broker.address})
    for key, size in sizes.items():
        event = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {
            "bucket": {"name": Store.BUCKET}, "object": {"key": urllib.parse.quote_plus(key), "size": size}}}
        producer.produce(EVENTS, key=f"{Store.BUCKET}/{key}", value=json.dumps({"Records": [event]}))
    if left := producer.flush(30):
        sys.exit(f"{left} notifications were not delivered")


def published(store: Store, out: str) -> dict:
    """The newest snapshot's manifest, wherever it is."""
    if not out.startswith("s3://"):
        return manifest(out)
    folder = out.removeprefix(f"s3://{store.BUCKET}/")
    return store.json(f"{folder}/snapshot={store.json(f'{folder}/latest.json')['snapshot']}/manifest.json")


def streamed(store: Store, lake: Path, prefix: str, out: str) -> dict:
    broker = Broker(PLACE)
    path = definition("customer360.yaml", more=STORE + f"events: {{topic: {EVENTS}, reconcile: 1h}}\n"
                      f'broker: {{kafka: {{brokers: "{broker.address}"}}}}\n')
    environment = store.environment | {"DATA": f"s3://{store.BUCKET}/{prefix}", "OUT": out}
    worker = Worker(PROGRAM, path, PLACE, environment, ["--no-features"])
    try:
        # Its first listing finds nothing: the objects are not there yet.
        worker.wait_until_joined(EVENTS)
        time.sleep(1)
        sizes = store.upload(lake, prefix)
        time.sleep(1)
        cpu, broker_cpu, store_cpu = worker.cpu_seconds, broker.cpu_seconds, store.cpu_seconds
        began = time.monotonic()
        notify(broker, sizes)
        if out.startswith("s3://"):
            path = f"/snapshot?id=bench&as_of={AS_OF}&listing=1"
            worker.wait_until(lambda: json.loads(worker.ask(path, "POST"))["state"] == "published", 600, every=0.02)
        else:
            worker.snapshot("bench", AS_OF, Path(out))
        seconds = time.monotonic() - began
        return {
            "seconds": seconds, "cpu_seconds": worker.cpu_seconds - cpu, "broker_cpu_seconds": broker.cpu_seconds - broker_cpu,
            "store_cpu_seconds": store.cpu_seconds - store_cpu, "peak_bytes": worker.memory("VmHWM"),
            "fingerprint": published(store, out)["fingerprint"]}
    finally:
        worker.stop()
        broker.stop()


def measured(store: Store, lake: Path, in_store: bool) -> dict:
    fresh()
    place = f"s3://{store.BUCKET}/out" if in_store else str(PLACE)
    ours = streamed(store, lake, "in", f"{place}/run")
    before = store.cpu_seconds
    environment = store.environment | {"DATA": f"s3://{store.BUCKET}/in", "OUT": f"{place}/batch"}
    alone = batch(definition("customer360.yaml", more=STORE), environment, lambda out: published(store, out))
    ours["batch"] = alone | {"store_cpu_seconds": store.cpu_seconds - before}
    if ours["fingerprint"] != ours["batch"]["fingerprint"]:
        sys.exit(f"the streamed snapshot's fingerprint is {ours['fingerprint']}, batch's {ours['batch']['fingerprint']}")
    for prefix in ("in", "out"):
        store.remove(prefix)
    return ours


def median(of: list[dict]) -> dict:
    return {key: statistics.median(one[key] for one in of) for key in of[0] if isinstance(of[0][key], (int, float))}


def table(results: dict) -> str:
    lines = [f"{'':62}{'tributary run':>16}{'batch':>16}{'ratio':>8}"]

    def line(what: str, ours: str, batch: str, ratio: str = "") -> None:
        lines.append(f"{what:62}{ours:>16}{batch:>16}{ratio:>8}")

    for name, where in (("here", "snapshot and state in files"), ("there", "snapshot and state in S3")):
        ours, alone = results[name], results[name]["batch"]
        line(f"{results['customers']:,} customers in S3, {where}: seconds", f"{ours['seconds']:.2f}",
             f"{alone['seconds']:.2f}", f"{alone['seconds'] / ours['seconds']:.2f}")
        line("  CPU seconds", f"{ours['cpu_seconds']:.2f}", f"{alone['cpu_seconds']:.2f}")
        line("  CPU seconds of the S3 server", f"{ours['store_cpu_seconds']:.2f}", f"{alone['store_cpu_seconds']:.2f}")
        line("  CPU seconds of the broker", f"{ours['broker_cpu_seconds']:.2f}", "")
        line("  peak MB", f"{ours['peak_bytes'] / 1e6:.0f}", f"{alone['peak_bytes'] / 1e6:.0f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures batch and stream on objects in S3.")
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    lake, results = data(arguments.customers), report.circumstances() | {"customers": arguments.customers}
    place = WORK / "s3"
    shutil.rmtree(place, ignore_errors=True)
    store = Store(place)
    try:
        for name in ("here", "there"):
            rounds = [measured(store, lake, in_store=name == "there") for _ in range(arguments.rounds)]
            results[name] = median(rounds) | {"batch": median([of["batch"] for of in rounds])}
    finally:
        store.stop()
        shutil.rmtree(place, ignore_errors=True)
    results["table"] = table(results).splitlines()
    (WORK / "results-s3.json").write_text(json.dumps(results, indent=1) + "\n")
    print(f"\n{table(results)}\n", flush=True)


if __name__ == "__main__":
    main()
