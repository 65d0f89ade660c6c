"""The streaming job on a broker of this machine: how fast, how late, how large.

usage: stream.py [--objects 100000] [--records 2000000] [--latency 20] [--soak 60] [--only objects,records]

objects  customer360 through topics of a broker, from the worker's start to the published snapshot, against
         `tributary batch` in the same run; both snapshots must have the same fingerprint
records  a topic of JSON records joined with customers' attributes, features written to their topic: records a second from
         the worker's start to the last feature row, beside a bare librdkafka consumer; a snapshot must have the
         fingerprint of a batch over the same records. Then, on the same worker, the time from producing a record to
         reading the feature row that has it, at 5,000 records/s; then memory over --soak seconds at 10,000 records/s

All of it runs on this machine's processors, the broker and this program too. Prints a table and writes
.work/bench/results-stream.json.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

import duckdb
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import report
from processes import Broker, Worker, compiled
from jobs import BENCH, PROGRAM, WORK, data

PLACE = WORK / "stream"
PARTITIONS = 4
CUSTOMERS = 100_000
SHARDS = 16
AS_OF = "2026-08-21T00:00:00Z"
FEATURES = ["invoicing", "banking", "payroll", "expenses", "tax", "projects", "estimates", "timeslips"]


def definition(name: str, *changes: tuple[str, str], more: str = "") -> Path:
    """A definition of this directory with something changed, in the working directory."""
    text = (BENCH / name).read_text()
    for old, new in changes:
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    path = PLACE / name
    path.write_text(text + more)
    return path


def manifest(out: str | Path) -> dict:
    """That of the newest snapshot."""
    latest = json.loads((Path(out) / "latest.json").read_text())
    return json.loads((Path(out) / f"snapshot={latest['snapshot']}" / "manifest.json").read_text())


def batch(definition: Path, environment: dict, published=manifest) -> dict:
    """Runs `tributary batch`; its measurements and its fingerprint. `published`: the manifest of where OUT is."""
    result = PLACE / "measured.json"
    shutil.rmtree(environment["OUT"], ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-S", BENCH / "measure.py", result, PROGRAM, "batch", definition, "--json"],
        env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"batch ended with {done.returncode}:\n{done.stderr}")
    made = published(environment["OUT"])
    return json.loads(result.read_text()) | {
        "fingerprint": made["fingerprint"], "rows": sum(of["rows_read"] for of in made["inputs"])}


def fresh() -> None:
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)


# Objects


def land(data: Path, lake: Path) -> None:
    """The files appear below `lake`, each at once and whole."""
    for path in sorted(path for path in data.rglob("*") if path.is_file()):
        there = lake / path.relative_to(data)
        there.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, there)
        except OSError:
            shutil.copyfile(path, there)


def objects(customers: int, rounds: int) -> dict:
    """Objects that land where a worker looks: from then until the snapshot is there. `batch` in turns with it."""
    lake = data(customers)
    found = [landed(customers, lake) for _ in range(rounds)]
    batches = [of.pop("batch") for of in found]

    def median(of: list[dict]) -> dict:
        return {key: statistics.median(one[key] for one in of) for key in of[0] if not isinstance(of[0][key], str)}

    result = median(found) | {"customers": customers, "batch": median(batches), "rounds": rounds}
    return result | {"ratio": result["batch"]["seconds"] / result["seconds"]}


def landed(customers: int, lake: Path) -> dict:
    fresh()
    alone = batch(BENCH / "customer360.yaml", {"DATA": str(lake), "OUT": str(PLACE / "out-batch")})
    broker = Broker(PLACE)
    # The files stand still already; and a batch writes no features to a topic either.
    settled = [(f'objects: "${{DATA}}/{name}/"\n', f'objects: "${{DATA}}/{name}/"\n    settle: 0s\n')
               for name in ("attributes", "usage", "billing")]
    streaming = definition(
        "customer360.yaml", *settled,
        more=f'events: {{list: 2s}}\nbroker: {{kafka: {{brokers: "{broker.address}"}}}}\n')
    place = PLACE / "lake"
    for name in ("attributes", "usage", "billing"):
        (place / name).mkdir(parents=True)
    environment = {"DATA": str(place), "OUT": str(PLACE / "out-run")}
    worker = Worker(PROGRAM, streaming, PLACE, environment, ["--no-features"])
    try:
        worker.wait_until_joined("s3.events")
        ready = time.monotonic() - worker.began
        cpu, broker_cpu = worker.cpu_seconds, broker.cpu_seconds
        began = time.monotonic()
        land(lake, place)
        worker.snapshot("bench", AS_OF, PLACE / "out-run")
        seconds = time.monotonic() - began
        result = {
            "customers": customers, "rows": alone["rows"], "batch": alone, "seconds": seconds, "ready_seconds": ready,
            "cpu_seconds": worker.cpu_seconds - cpu, "broker_cpu_seconds": broker.cpu_seconds - broker_cpu,
            "peak_bytes": worker.memory("VmHWM"),
        }
    finally:
        worker.stop()
        broker.stop()
    if (made := manifest(PLACE / "out-run")["fingerprint"]) != alone["fingerprint"]:
        sys.exit(f"the streamed snapshot's fingerprint is {made}, batch's {alone['fingerprint']}")
    return result


# Records


def record_lines(count: int) -> Path:
    """JSON records, one a line, deterministic; times lie in the past."""
    path = WORK / f"records-{count}.jsonl"
    if not path.exists():
        aside = path.with_suffix(".making")
        duckdb.sql(f"""copy (select printf('{{"customer_id":"c%08d","event_ts":"%s","feature":"%s","cnt":%d,"duration_s":%.2f}}',
            hash(j*31+1) % {CUSTOMERS}, strftime(timestamp '2024-01-01' + to_seconds((hash(j*31+2) % 50000000)::bigint), '%Y-%m-%d %H:%M:%S'),
            {FEATURES}[1 + (hash(j*31+3) % {len(FEATURES)})::int], (1 + hash(j*31+4) % 9)::int, (hash(j*31+5) % 360000) / 100.0)
            from range({count}) t(j)) to '{aside}' (format csv, header false, quote '', escape '', delimiter '\t')""")
        aside.rename(path)
    return path


def create(address: str, topic: str, partitions: int = PARTITIONS) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    for future in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        future.result()


def produce(address: str, topic: str, lines: Path) -> None:
    producer = Producer({"bootstrap.servers": address, "linger.ms": 20, "compression.type": "lz4",
                         "queue.buffering.max.messages": 1_000_000})
    with open(lines, "rb") as file:
        for line in file:
            value = line[:-1]
            while True:
                try:
                    producer.produce(topic, value, key=value[16:25])
                    break
                except BufferError:
                    producer.poll(0.05)
    if left := producer.flush(120):
        sys.exit(f"{left} records were not delivered to {topic}")


def bare_consumer(address: str, topic: str) -> dict:
    program = compiled("consume", PLACE, "-lrdkafka")
    run = subprocess.run([program, address, topic, str(PARTITIONS)], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout)


class FeatureReader:
    """Reads the topic of features from its start or its ends."""

    def __init__(self, address: str, from_start: bool):
        topic = "live360.features"
        self.consumer = Consumer({"bootstrap.servers": address, "group.id": "bench", "enable.auto.commit": False,
                                  "fetch.wait.max.ms": 10, "fetch.queue.backoff.ms": 10})
        self.left, places = 0, []
        for partition in range(SHARDS):
            first, end = self.consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
            places.append(TopicPartition(topic, partition, first if from_start else end))
            self.left += end - first
        self.consumer.assign(places)

    def read(self, seconds: float) -> list:
        return self.consumer.consume(10_000, seconds)


def records_in_features(address: str) -> tuple[int, int]:
    """Sum of usage_rows over each customer's last row, and how many rows there are in all."""
    reader, last, total = FeatureReader(address, from_start=True), {}, 0
    while total < reader.left:
        rows = reader.read(5)
        if not rows:
            break
        for row in rows:
            last[row.key()] = row.value()
        total += len(rows)
    reader.consumer.close()
    return sum(json.loads(row)["usage_rows"] for row in last.values() if row), total


def records(count: int, latency_seconds: int, soak_seconds: int) -> dict:
    fresh()
    lake, lines, topic = data(CUSTOMERS), record_lines(count), "app.usage"
    broker = Broker(PLACE)
    environment = {"DATA": str(lake), "OUT": str(PLACE / "out-run"), "TOPIC": topic, "BROKERS": broker.address}
    create(broker.address, topic)
    produce(broker.address, topic, lines)
    bare = bare_consumer(broker.address, topic)
    broker_before = broker.cpu_seconds
    worker = Worker(PROGRAM, BENCH / "stream.yaml", PLACE, environment)
    try:
        result = throughput(worker, broker, count, broker_before) | {"bare": bare}
        worker.snapshot("bench", "2100-01-01T00:00:00Z", PLACE / "out-run")
        found, rows = records_in_features(broker.address)
        if found != count:
            sys.exit(f"the topic of features holds {found} of {count} records")
        result["feature_rows"] = rows
        if latency_seconds:
            result["latency"] = latency(worker, broker, topic, latency_seconds, 5_000)
        if soak_seconds:
            result["soak"] = soak(worker, broker, topic, soak_seconds, 10_000)
        result["peak_bytes"] = worker.memory("VmHWM")
    finally:
        worker.stop()
        broker.stop()
    # The same records from a file, by batch.
    bounded = definition("stream.yaml", ('records: "${TOPIC:-usage}"', f'objects: "{lines}"'), ("events: {list: 2s}\n", ""),
                         ('broker: {kafka: {brokers: "${BROKERS:-127.0.0.1:9092}"}}\n', ""))
    result["batch"] = batch(bounded, environment | {"OUT": str(PLACE / "out-batch")})
    if (made := manifest(PLACE / "out-run")["fingerprint"]) != result["batch"]["fingerprint"]:
        sys.exit(f"the streamed snapshot's fingerprint is {made}, batch's {result['batch']['fingerprint']}")
    return result


def throughput(worker: Worker, broker: Broker, count: int, broker_before: float) -> dict:
    """Until the ledger and the shards have all records and no feature row has come for a while."""
    first = None

    def applied() -> float:
        nonlocal first
        rows = worker.metric('tributary_rows_applied_total{source="usage"}')
        if rows and first is None:
            first = (time.monotonic(), rows)
        return rows

    worker.wait_until(lambda: applied() >= count, 600)
    joined = time.monotonic()
    cpu, broker_cpu, rows, quiet_since = worker.cpu_seconds, broker.cpu_seconds, 0.0, joined
    while time.monotonic() - quiet_since < 1.5:
        now = worker.metric("tributary_feature_rows_total")
        if now != rows:
            rows, quiet_since = now, time.monotonic()
            cpu, broker_cpu = worker.cpu_seconds, broker.cpu_seconds
        time.sleep(0.02)
        worker.check()
    done = max(quiet_since, joined)
    return {
        "records": count, "seconds": done - worker.began, "rate": count / (done - worker.began),
        "first_seconds": first[0] - worker.began, "joined_seconds": joined - worker.began,
        "steady_rate": (count - first[1]) / max(done - first[0], 1e-9), "cpu_seconds": cpu,
        "cpu_per_million": cpu / count * 1e6, "broker_cpu_seconds": broker_cpu - broker_before,
        "peak_bytes": worker.memory("VmHWM"),
    }


class Pump:
    """Produces records at a steady rate from a thread; their event time is when they were handed to the producer."""

    def __init__(self, address: str, topic: str, rate: int):
        self.topic, self.rate, self.sent = topic, rate, []
        self.producer = Producer({"bootstrap.servers": address, "linger.ms": 1})
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        began, number = time.monotonic(), 0
        while not self.stopping.is_set():
            due = int((time.monotonic() - began) * self.rate)
            while number < due:
                customer = f"c{number * 7919 % CUSTOMERS:08d}"
                now = time.time_ns() // 1000
                seconds, micros = divmod(now, 1_000_000)
                text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
                value = (f'{{"customer_id":"{customer}","event_ts":"{text}.{micros:06d}Z","feature":"payroll",'
                         f'"cnt":1,"duration_s":1.25}}')
                while True:
                    try:
                        self.producer.produce(self.topic, value, key=customer)
                        break
                    except BufferError:
                        # The broker is behind; a record's time stays the one at which it was due.
                        self.producer.poll(0.05)
                self.sent.append((customer, now))
                number += 1
            self.producer.poll(0)
            time.sleep(0.001)
        self.producer.flush(30)

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join()


def latency(worker: Worker, broker: Broker, topic: str, seconds: int, rate: int) -> dict:
    """From handing a record to the producer to reading the first feature row that has it."""
    reader = FeatureReader(broker.address, from_start=False)
    reader.read(1)
    cpu, broker_cpu = worker.cpu_seconds, broker.cpu_seconds
    pump = Pump(broker.address, topic, rate)
    seen, until, stopped = {}, time.monotonic() + seconds, False
    while not stopped or time.monotonic() < until + 3:
        for row in reader.read(0.005):
            now = time.time_ns() // 1000
            if value := row.value():
                # The newest record in it; nulls before the first.
                at = value.find(b'"usage_last":"') + 14
                last = value[at:value.find(b'"', at)].decode()
                seen.setdefault(row.key().decode(), []).append((now, last))
        if not stopped and time.monotonic() >= until:
            pump.stop()
            stopped = True
    result = {"cpu_cores": (worker.cpu_seconds - cpu) / seconds, "broker_cpu_cores": (broker.cpu_seconds - broker_cpu) / seconds}
    reader.consumer.close()
    for rows in seen.values():
        rows[:] = [(now, int(datetime.fromisoformat(last).replace(tzinfo=timezone.utc).timestamp() * 1e6 + 0.5))
                   for now, last in rows]
    waits, unseen = [], 0
    for customer, sent in pump.sent:
        for now, last in seen.get(customer, []):
            if last >= sent:
                waits.append((now - sent) / 1000)
                break
        else:
            unseen += 1
    if unseen:
        sys.exit(f"{unseen} of {len(pump.sent)} records never came to the topic of features")
    waits.sort()
    of = lambda share: waits[min(len(waits) - 1, int(len(waits) * share))]
    return result | {"records": len(waits), "p50_ms": of(0.5), "p90_ms": of(0.9), "p99_ms": of(0.99), "max_ms": waits[-1]}


def soak(worker: Worker, broker: Broker, topic: str, seconds: int, rate: int) -> dict:
    """Memory while records come in. Flat: the last quarter's mean against the second's."""
    pump = Pump(broker.address, topic, rate)
    samples = []
    try:
        while len(samples) < seconds:
            time.sleep(1)
            worker.check()
            pump.sent.clear()
            samples.append(worker.memory())
    finally:
        pump.stop()
    quarter = max(1, len(samples) // 4)
    mean = lambda part: sum(part) / len(part)
    second, last = mean(samples[quarter:2 * quarter] or samples), mean(samples[-quarter:])
    return {"seconds": seconds, "rate": rate, "second_quarter_bytes": second, "last_quarter_bytes": last,
            "growth": last / second}


def table(results: dict) -> str:
    lines = []

    def line(what: str, ours: str, beside: str, ratio: float | None = None, wanted: str = "") -> None:
        lines.append(f"{what:34}{ours:>22}{beside:>32}{f'{ratio:.2f}' if ratio is not None else '':>8}  {wanted}")

    line("", "tributary run", "beside", None, "wanted")
    if of := results.get("objects"):
        name = f"objects, {of['customers']:,} customers"
        line(f"{name}: rows/s", f"{of['rows'] / of['seconds']:,.0f}",
             f"{of['rows'] / of['batch']['seconds']:,.0f} batch", of["ratio"], "ratio >= 0.8")
        line("  seconds", f"{of['seconds']:.2f}", f"{of['batch']['seconds']:.2f} batch")
        line("  CPU seconds", f"{of['cpu_seconds']:.2f}",
             f"{of['batch']['cpu_seconds']:.2f} batch, {of['broker_cpu_seconds']:.2f} broker")
        line("  peak MB", f"{of['peak_bytes'] / 1e6:.0f}", f"{of['batch']['peak_bytes'] / 1e6:.0f} batch")
    if of := results.get("records"):
        bare = of["bare"]
        line(f"{of['records']:,} records: records/s", f"{of['rate']:,.0f}",
             f"{bare['records'] / bare['seconds']:,.0f} bare consumer", of["rate"] * bare["seconds"] / bare["records"],
             ">= 500,000/s")
        line("  from the first commit on", f"{of['steady_rate']:,.0f}", "")
        line("  seconds (first commit, joined)", f"{of['seconds']:.2f}",
             f"({of['first_seconds']:.2f}, {of['joined_seconds']:.2f})")
        line("  CPU seconds a million", f"{of['cpu_per_million']:.2f}",
             f"{bare['cpu_seconds'] / bare['records'] * 1e6:.2f} bare, {of['broker_cpu_seconds'] / of['records'] * 1e6:.2f} broker",
             of["cpu_per_million"] * bare["records"] / 1e6 / max(bare["cpu_seconds"], 1e-9))
        line("  feature rows", f"{of['feature_rows']:,}", "")
        line("  batch over the same, seconds", "", f"{of['batch']['seconds']:.2f}")
        line("  peak MB", f"{of['peak_bytes'] / 1e6:.0f}", "")
        if late := of.get("latency"):
            line("  ms at 5,000/s, median", f"{late['p50_ms']:.0f}", "", None, "< 200")
            line("  ms at 5,000/s, 99 of 100", f"{late['p99_ms']:.0f}", f"at most {late['max_ms']:.0f}", None, "< 400")
            line("  processors at 5,000/s", f"{late['cpu_cores']:.2f}", f"{late['broker_cpu_cores']:.2f} broker")
        if long := of.get("soak"):
            line(f"  MB after {long['seconds']} s at {long['rate']:,}/s", f"{long['last_quarter_bytes'] / 1e6:.0f}",
                 f"{long['second_quarter_bytes'] / 1e6:.0f} in the second quarter", long["growth"], "flat")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the streaming job.")
    parser.add_argument("--objects", type=int, default=100_000, help="customers")
    parser.add_argument("--rounds", type=int, default=3, help="of the objects, each beside a batch")
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--latency", type=int, default=20, help="seconds; 0: leave it out")
    parser.add_argument("--soak", type=int, default=60, help="seconds; 0: leave it out")
    parser.add_argument("--only", default="objects,records")
    arguments = parser.parse_args()
    parts = [name for name in arguments.only.split(",") if name]
    if unknown := set(parts) - {"objects", "records"}:
        parser.error(f"unknown part {sorted(unknown)}; there are objects and records")
    WORK.mkdir(parents=True, exist_ok=True)
    results = report.circumstances()
    if "objects" in parts:
        results["objects"] = objects(arguments.objects, arguments.rounds)
    if "records" in parts:
        results["records"] = records(arguments.records, arguments.latency, arguments.soak)
    results["table"] = table(results).splitlines()
    (WORK / "results-stream.json").write_text(json.dumps(results, indent=1) + "\n")
    print(f"\n{table(results)}\n", flush=True)


if __name__ == "__main__":
    main()
