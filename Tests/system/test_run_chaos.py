"""Workers that are killed again and again on a lake that keeps changing: in the end it is all there, once.

    CHAOS_KILLS=500 SEED=7 pytest -k chaos         # longer than the 30 kills of CI, with the same draws again
"""

import json
import os
import random
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from lakes import write
from program import Snapshot
from state_folder import assert_sound, assert_swept, survey
from workers import definition_for, notification

KILLS = int(os.environ.get("CHAOS_KILLS", 30))
SESSION_SECONDS = 6
# How long a member may stay away from a group that rebalances.
PATIENCE_SECONDS = 10
STORE_AWAY_SECONDS = 20
SHARDS = 6
PARTITIONS = 4
CUSTOMERS = 2_000
AS_OF = "2026-06-01T00:00:00Z"

DEFINITION = """\
dataset: chaos
key: id
as_of: 2026-06-01T00:00:00Z
sources:
  people:
    objects: "s3://lake/{place}/people/"
    format: {{csv: {{header: true}}}}
    keep: latest
    columns: {{id: string, n: int, x: double}}
  usage:
    objects: "s3://lake/{place}/usage/"
    format: json
    keep: events
    time: at
    columns: {{id: string, at: timestamp, amount: double, kind: string}}
  clicks:
    {clicks}
    format: json
    keep: events
    time: at
    columns: {{id: string, at: timestamp, page: string, size: int}}
features:
  people: [n, x]
  usage:
    usages: count()
    amount: sum(amount)
    last_kind: last(kind)
  clicks:
    clicks: count()
    size: sum(size)
    pages: count_distinct(page)
    first_click: min(at)
rows: {{from: people}}
max_rejects: 100%
split: {{train: 0.8, eval: 0.2, salt: v1}}
snapshot: {{to: "{out}", format: parquet}}
"""


class Lake:
    """Objects that come, change and go, and records that are appended, all drawn from a seed, on a thread of its own.

    It has to get through what the test does to the store and the broker, so it tries again until it is done.
    """

    def __init__(self, s3, kafka, place: str, topic: str, seed: int):
        self.s3, self.kafka, self.place, self.topic = s3, kafka, place, topic
        self.draw = random.Random(seed)
        self.keys: list[str] = []
        self.changes = 0
        self.serial = 0
        self.failure = None
        # Held while it changes.
        self.gate = threading.Lock()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                with self.gate:
                    self.change()
                self.stopping.wait(self.draw.uniform(0.05, 0.4))
        except Exception as error:  # told by `end`
            self.failure = error

    def end(self) -> None:
        self.stopping.set()
        self.thread.join(180)
        assert not self.thread.is_alive() and self.failure is None, self.failure

    def change(self) -> None:
        self.changes += 1
        kind = self.draw.choices(["new", "replace", "delete", "records"], [4, 3, 1, 4])[0]
        if kind == "records" or (kind != "new" and len(self.keys) < 4):
            self.kafka.produce(self.topic, [self.record() for _ in range(self.draw.randrange(1, 200))])
        elif kind == "delete":
            key = self.keys.pop(self.draw.randrange(len(self.keys)))
            self.insist(lambda: self.s3.client.delete_object(Bucket="lake", Key=key))
            self.notify(key, removed=True)
        else:
            if kind == "new":
                source, ending = self.draw.choice([("people", "csv"), ("usage", "jsonl")])
                key = f"{self.place}/{source}/part-{self.changes}.{ending}"
                self.keys.append(key)
            else:
                key = self.draw.choice(self.keys)
            data = self.people() if "/people/" in key else self.usage()
            self.insist(lambda: self.s3.put(key, data))
            self.notify(key)

    def insist(self, act) -> None:
        while True:
            try:
                return act()
            except (BotoCoreError, ClientError):
                time.sleep(0.3)

    def notify(self, key: str, removed: bool = False) -> None:
        """Most notifications come once, some twice, some never."""
        for _ in range(self.draw.choices([0, 1, 2], [1, 8, 2])[0]):
            self.kafka.produce("s3.events", [notification("lake", key, self.draw, removed=removed)])

    def customer(self) -> str:
        return f"c{self.draw.randrange(CUSTOMERS)}"

    def people(self) -> bytes:
        rows = [f"{self.customer()},{self.draw.randrange(1000)},{self.draw.random()}" for _ in range(100)]
        if self.draw.random() < 0.2:
            rows.append("c1,not a number,0.5")  # rejected, and counted
        return ("id,n,x\n" + "\n".join(rows) + "\n").encode()

    def at(self) -> str:
        """Each row has a time of its own, so that none of them ties with another; some lie behind the as-of time."""
        self.serial += 1
        seconds = self.draw.randrange(200 * 86400)
        second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_767_225_600 + seconds))
        return f"{second}.{self.serial % 1_000_000:06}Z"

    def usage(self) -> bytes:
        return b"".join(json.dumps({"id": self.customer(), "at": self.at(), "amount": self.draw.random() * 100,
                                    "kind": self.draw.choice("abc")}).encode() + b"\n" for _ in range(100))

    def record(self) -> tuple[bytes, bytes]:
        customer = self.customer()
        if self.draw.random() < 0.01:
            return customer.encode(), b'{"id": "c1", "at": "no time"}'
        return customer.encode(), json.dumps({"id": customer, "at": self.at(), "page": self.draw.choice("uvwxyz"),
                                              "size": self.draw.randrange(1000)}).encode()


class Chaos:
    """Kills a random worker every one to three seconds and starts it again at once, and does worse now and then."""

    def __init__(self, group, extra, lake: Lake, draw: random.Random):
        self.group, self.extra, self.lake, self.draw = group, extra, lake, draw
        self.kafka, self.s3 = lake.kafka, lake.s3
        self.kills = 0
        self.frozen = None
        # What is to be undone at a time.
        self.later: list[tuple[float, callable]] = []

    def run(self, kills: int) -> None:
        worse = {
            kills * 1 // 6: self.freeze_worker, kills * 4 // 6: self.kill_broker, kills * 5 // 6: self.freeze_store}
        while self.kills < kills or self.later:
            time.sleep(self.draw.uniform(1, 3) if self.kills < kills else 0.2)
            for entry in [entry for entry in self.later if entry[0] <= time.monotonic()]:
                self.later.remove(entry)
                entry[1]()
            if self.kills < kills:
                if self.kills % 8 == 3:
                    self.ask(f"mid-{self.kills}")
                victim = self.draw.choice([worker for worker in self.group if worker is not self.frozen])
                victim.kill()
                victim.start()
                self.kills += 1
                if self.kills in worse:
                    worse.pop(self.kills)()

    def ask(self, snapshot: str) -> None:
        """For a snapshot that workers may die over. The one that is asked may be starting, and the wish die with it."""
        worker = self.draw.choice([worker for worker in self.group if worker is not self.frozen])
        if worker.address:
            worker.program("snapshot", worker.definition, "--data", worker.data, "--id", snapshot, "--as-of", AS_OF,
                           "--no-listing", check=None, **worker.environment)

    def freeze_worker(self) -> None:
        """It loses its shards, and wakes up not knowing it.

        Kafka would see that its session has ended. noida-db sees who is missing when somebody joins.
        """
        self.frozen = self.draw.choice(self.group)
        self.frozen.freeze()
        now = time.monotonic()
        self.later += [(now + 4, self.extra.start), (now + 8 + PATIENCE_SECONDS, self.thaw_worker),
                       (now + 16 + PATIENCE_SECONDS, self.extra.stop)]

    def thaw_worker(self) -> None:
        self.frozen.thaw()
        self.frozen = None

    def kill_broker(self) -> None:
        """And starts it again. All others stand still until it has on disk what it acknowledged (see `start_noida`)."""
        with self.lake.gate:
            running = [worker for worker in self.group if worker is not self.frozen]
            for worker in running:
                worker.freeze()
            time.sleep(2)
            self.kafka.server.kill()
            self.later.append((time.monotonic() + 2, self.kafka.server.restart))
            for worker in running:
                worker.thaw()

    def freeze_store(self) -> None:
        self.s3.server.freeze()
        self.later.append((time.monotonic() + STORE_AWAY_SECONDS, self.s3.server.thaw))


def lines_of(kafka, topic: str, ends: dict[int, int]) -> list[bytes]:
    """All values of a topic, as an independent client reads them."""
    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": "reference", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in ends])
    left, lines, deadline = {number for number, end in ends.items() if end > 0}, [], time.monotonic() + 60
    try:
        while left:
            assert time.monotonic() < deadline, f"{topic} {left} cannot be read"
            message = consumer.poll(1)
            if message is None or message.error():
                continue
            lines.append(message.value() + b"\n")
            if message.offset() + 1 >= ends[message.partition()]:
                left.discard(message.partition())
    finally:
        consumer.close()
    return lines


@pytest.mark.slow
def test_chaos(program, seaweed, kafka, workers, tmp_path, seed):
    place, out, topic = f"chaos-{seed}", f"s3://lake/chaos-{seed}-out", "clicks"
    for name, partitions in ((topic, PARTITIONS), ("s3.events", 8)):
        kafka.create(name, partitions)
    text = DEFINITION.format(place=place, out=out, clicks=f"records: {topic}")
    definition = write(tmp_path / "chaos.yaml", definition_for(
        text, "chaos", shards=SHARDS, kafka=kafka, store=True, **{
            "session.timeout.ms": SESSION_SECONDS * 1000, "heartbeat.interval.ms": 1500,
            "max.poll.interval.ms": PATIENCE_SECONDS * 1000}))
    group = workers(definition, 3, **seaweed.environment)
    (extra,) = workers(definition, 1, starts=False, **seaweed.environment)
    lake = Lake(seaweed, kafka, place, topic, seed)
    chaos = Chaos(group, extra, lake, random.Random(seed + 1))
    lake.thread.start()
    try:
        chaos.run(KILLS)
        assert chaos.kills >= KILLS
    finally:
        seaweed.server.thaw()
        if chaos.frozen:
            chaos.frozen.thaw()
    lake.end()
    assert lake.changes >= KILLS, "the lake changed too little for this to show anything"

    ends = group.wait_until_caught_up(kafka, topic)
    group.wait_until_serving(SHARDS)
    group[0].snapshot("end", "--as-of", AS_OF, timeout=120)

    seaweed.put(f"{place}/clicks/all.jsonl", b"".join(lines_of(kafka, topic, ends)))
    reference = write(tmp_path / "reference.yaml", definition_for(
        DEFINITION.format(place=place, out=tmp_path / "reference",
                          clicks=f'objects: "s3://lake/{place}/clicks/"'), "chaos", shards=SHARDS, store=True))
    program.batch(reference, **seaweed.environment)
    want = Snapshot.newest(tmp_path / "reference")
    seaweed.download(out.removeprefix("s3://lake/") + "/", tmp_path / "out")
    got = Snapshot(tmp_path / "out" / "snapshot=end")

    manifest = got.manifest
    # What was read is what there is: nothing lost, nothing doubled, nothing that is gone.
    assert {source["key"]: source["rows_read"] for source in manifest["inputs"]} == {
        source["key"]: source["rows_read"] for source in want.manifest["inputs"] if "/clicks/" not in source["key"]}
    assert {part["partition"]: part["to"] for part in manifest["ranges"]} == ends
    for source in manifest["inputs"] + manifest["ranges"]:
        assert source["rows_read"] == source["rows_applied"] + source["rows_rejected"], source
    assert sum(part["rows_read"] for part in manifest["ranges"]) == sum(ends.values())
    for kind in ("rows", "reasons"):
        assert manifest["rejected"][kind] == want.manifest["rejected"][kind]
    assert all(check["passed"] for check in manifest["checks"]), manifest["checks"]
    assert got.fingerprint == want.fingerprint == got.computed_fingerprint()

    # Those that were cut meanwhile are whole, too.
    group.wait_until(lambda statuses: not any(status["snapshots"]["pending"] for status in statuses), "nothing pending")
    seaweed.download(out.removeprefix("s3://lake/") + "/", tmp_path / "out")
    for snapshot in map(Snapshot, sorted((tmp_path / "out").glob("snapshot=*"))):
        print(snapshot.path.name, snapshot.manifest["rows"], "rows")
        assert snapshot.fingerprint == snapshot.computed_fingerprint()
        assert all(check["passed"] for check in snapshot.manifest["checks"]), snapshot.manifest["checks"]
    group.stop()
    prefix = out.removeprefix("s3://lake/") + "/"
    folder = assert_sound(seaweed, prefix)
    assert folder.live and folder.orphans, "so many kills leave something behind"
    program("gc", definition, "--grace", "0", **seaweed.environment)
    assert_swept(seaweed, prefix)
    assert survey(seaweed, prefix).live == folder.live
