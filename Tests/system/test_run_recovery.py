"""How soon a worker with much state serves again, and how little a checkpoint writes.

    RECOVERY_ROWS=10000000 pytest -k recovery     # ten times what CI takes
"""

import os
import random
import shutil
import time

import pytest

from lakes import packed, write
from workers import definition_for, notification, serving

ROWS = int(os.environ.get("RECOVERY_ROWS", 1_000_000))
OBJECTS = 10
SHARDS = 8
# The promise is for ten million rows on a machine of its own; a busy one may take as long for the tenth of it.
CACHE_SECONDS, STORE_SECONDS = 10, 20

DEFINITION = """\
dataset: recovery
key: id
as_of: 2026-06-01T00:00:00Z
sources:
  usage:
    objects: "s3://lake/recovery/in/"
    format: {csv: {header: false, names: [id, at, amount, kind]}}
    keep: events
    time: at
    columns: {id: string, at: timestamp, amount: double, kind: string}
  customers:
    objects: "s3://lake/recovery/customers/"
    format: {csv: {header: true}}
    keep: latest
    columns: {id: string}
features:
  usage:
    rows: count()
    amount: sum(amount)
    a: "sum(amount) where kind = 'a'"
    last: max(at)
rows: {from: customers}
split: {train: 0.8, eval: 0.2, salt: v1}
snapshot: {to: "s3://lake/recovery/out", format: parquet}
"""


def usage(draw: random.Random, rows: int) -> bytes:
    """Gzip CSV."""
    return packed("".join(
        f"c{draw.randrange(100_000)},2026-0{draw.randrange(1, 6)}-{draw.randrange(1, 29):02}T00:00:00Z,"
        f"{draw.random() * 100:.4f},{'abc'[draw.randrange(3)]}\n" for _ in range(rows)))


def sizes(s3) -> dict[str, int]:
    """What lies in the state folder."""
    pages = s3.client.get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix="recovery/out/_tributary/")
    return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}


@pytest.mark.slow
def test_recovery(program, seaweed, kafka, workers, tmp_path, seed):
    draw = random.Random(seed)
    definition = write(tmp_path / "recovery.yaml", definition_for(
        DEFINITION, "recovery", shards=SHARDS, kafka=kafka, store=True))
    group = workers(definition, 1, **seaweed.environment)
    (worker,) = group

    def put(name: str, rows: int) -> None:
        key = f"recovery/in/{name}.csv.gz"
        seaweed.put(key, usage(draw, rows))
        kafka.produce("s3.events", [notification("lake", key, draw)])

    def settle(rows: int) -> None:
        def holds(statuses) -> bool:
            shards = statuses[0]["shards"] if statuses else []
            return sum(shard["rows"] for shard in shards) == rows + 1000 and serving(statuses) == list(range(SHARDS))

        group.wait_until(holds, f"{rows} rows held", 600)

    def recover() -> float:
        began = time.monotonic()
        worker.start()
        group.wait_until_serving(SHARDS, 120)
        took = time.monotonic() - began
        settle(ROWS)
        return took

    seaweed.put("recovery/customers/all.csv", ("id\n" + "".join(f"c{n}\n" for n in range(1000))).encode())
    kafka.produce("s3.events", [notification("lake", "recovery/customers/all.csv", draw)])
    for number in range(OBJECTS):
        put(f"part-{number}", ROWS // OBJECTS)
    settle(ROWS)
    # The last checkpoint holds everything.
    worker.stop()
    from_cache = recover()
    worker.stop()
    shutil.rmtree(worker.data)
    from_store = recover()
    print(f"{ROWS} rows: serving after {from_cache:.1f} s from the cache, {from_store:.1f} s from the store")
    assert from_cache < CACHE_SECONDS and from_store < STORE_SECONDS

    before = sizes(seaweed)
    put("more", ROWS // 100)
    settle(ROWS + ROWS // 100)
    worker.stop()
    written = sum(size for key, size in sizes(seaweed).items() if key not in before)
    print(f"1 % new rows: {written / sum(before.values()):.2%} of {sum(before.values())} bytes written")
    assert 0 < written <= sum(before.values()) * 0.05
