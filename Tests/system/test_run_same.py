"""The same fingerprint from `batch` and from `run`, however it is run: embedded or on Kafka, 1 worker or 3, 4 shards or
64, with events shuffled and sent three times."""

import json
import random
import shutil
import subprocess
import sys

import pytest

from lakes import aged, write
from program import ROOT, Snapshot, independent
from workers import definition_for, notification

CUSTOMER360 = (ROOT / "bench" / "customer360.yaml").read_text()
EXAMPLE = ROOT / "examples" / "complete-journey"
JOURNEY = (EXAMPLE / "complete-journey.yaml").read_text()
AS_OF = "2026-08-21T00:00:00Z"


@pytest.fixture(scope="module")
def customers(program, seaweed, tmp_path_factory):
    """20,000 customers on disk, and the snapshot that `batch` makes of them."""
    place = tmp_path_factory.mktemp("customers")
    subprocess.run([sys.executable, ROOT / "bench" / "gen.py", place / "data", "20000"], check=True)
    for file in (place / "data").rglob("*.*"):
        aged(file)
    program.batch(ROOT / "bench" / "customer360.yaml", DATA=place / "data", OUT=place / "out")
    return place / "data", Snapshot.newest(place / "out")


@pytest.fixture(scope="module")
def households(program, tmp_path_factory):
    """The sample of Complete Journey, and the snapshot that `batch` makes of it."""
    place = tmp_path_factory.mktemp("households")
    shutil.copytree(EXAMPLE / "sample", place / "data")
    for file in (place / "data").rglob("*.*"):
        aged(file)
    program.batch(EXAMPLE / "complete-journey.yaml", LAKE=place / "data", OUT=place / "out")
    return place / "data", Snapshot.newest(place / "out")


def assert_like(got: Snapshot, want: Snapshot) -> None:
    """Equal, and the manifest accounts for every row."""
    assert got.fingerprint == want.fingerprint == got.computed_fingerprint()
    manifest = got.manifest
    assert manifest["rows"] == want.manifest["rows"] and manifest["splits"] == want.manifest["splits"]
    assert manifest["as_of"] == want.manifest["as_of"]
    for source in manifest["inputs"]:
        assert source["rows_read"] == source["rows_applied"] + source["rows_rejected"], source
    assert sum(source["rows_read"] for source in manifest["inputs"]) == sum(
        source["rows_read"] for source in want.manifest["inputs"])
    assert all(check["passed"] for check in manifest["checks"]), manifest["checks"]


@pytest.mark.parametrize("lake, shards", [("households", 4), ("households", 64), ("customers", 16)])
def test_embedded(request, workers, tmp_path, lake, shards):
    data, want = request.getfixturevalue(lake)
    text, place = (JOURNEY, "LAKE") if lake == "households" else (CUSTOMER360, "DATA")
    definition = write(tmp_path / "definition.yaml", definition_for(text, "embedded", shards=shards))
    (worker,) = workers(definition, **{place: data, "OUT": tmp_path / "out"})
    worker.snapshot("one", "--as-of", want.manifest["as_of"])
    assert_like(Snapshot.newest(tmp_path / "out"), want)
    assert worker.stop() < 10


@pytest.mark.parametrize("lake, count, shards", [
    ("households", 1, 4), ("households", 3, 64), ("customers", 1, 64), ("customers", 3, 4)])
def test_kafka(request, seaweed, kafka, workers, tmp_path, seed, lake, count, shards):
    """The workers run before there is anything; only shuffled events, each three times, tell them of the objects."""
    draw = random.Random(seed)
    data, want = request.getfixturevalue(lake)
    text, place = (JOURNEY, "LAKE") if lake == "households" else (CUSTOMER360, "DATA")
    dataset = f"{lake}-{count}-{shards}"
    definition = write(tmp_path / "definition.yaml",
                       definition_for(text, dataset, shards=shards, kafka=kafka, store=True))
    group = workers(definition, count, **seaweed.environment,
                    **{place: f"s3://lake/{dataset}", "OUT": f"s3://lake/{dataset}-out"})
    group.wait_until_serving(shards)

    seaweed.upload(data, f"{dataset}/")
    keys = seaweed.keys(f"{dataset}/")
    events = [notification("lake", key, draw) for key in keys * 3]
    draw.shuffle(events)
    kafka.produce("s3.events", events)
    group.wait_until_accepted(len(want.manifest["inputs"]))
    # Any worker can be asked. It does not look at the store, so the events alone must have told it all.
    draw.choice(group).snapshot("one", "--as-of", want.manifest["as_of"], "--no-listing")

    got = Snapshot.newest(seaweed.download(f"{dataset}-out/", tmp_path / "out"))
    assert_like(got, want)
    assert {source["key"] for source in got.manifest["inputs"]} <= set(keys)
    group.stop()


# The same rows twice: as records, whose customer is the record's key, and as lines of objects.
ORDERS = """\
dataset: orders
key: customer
as_of: 2026-03-01T00:00:00Z
sources:
  orders:
    {orders}
    format: json
    keep: events
    time: at
    columns: {{customer: {{path: {customer}, type: string}}, at: timestamp, amount: "decimal(10,2)", weight: double}}
  profile:
    {profile}
    format: json
    keep: latest
    time: changed
    columns:
      customer: {{path: {customer}, type: string}}
      changed: timestamp
      city: string
      tags: {{path: tags, type: count}}
features:
  orders:
    orders: count()
    orders_30d: count() over 30d
    amount: sum(amount)
    weight: sum(weight)
    last_amount: last(amount)
  profile: [city, tags]
rows: {{from: profile}}
split: {{train: 0.7, eval: 0.3, salt: v1}}
snapshot: {{to: "${{OUT}}", format: parquet}}
"""


def orders_and_profiles(draw: random.Random):
    """10,000 orders and 2,000 profiles of 500 customers, (customer, document); no two times are equal."""
    def time(serial: int) -> str:
        return f"2026-0{draw.randrange(1, 4)}-{draw.randrange(1, 29):02}T{draw.randrange(24):02}:00:00.{serial:06}Z"

    def customer() -> str:
        return f"käufer {draw.randrange(500)}"

    orders = [(customer(), {"at": time(n), "amount": f"{draw.randrange(100_000) / 100:.2f}",
                            "weight": draw.random() * 1e6}) for n in range(10_000)]
    profiles = [(customer(), {"changed": time(n), "city": draw.choice(["Köln", "Lyon", "", 'a "b"', "\u2028"]),
                              "tags": [1] * draw.randrange(4)}) for n in range(2_000)]
    return orders, profiles


def test_records(program, kafka, workers, tmp_path, seed):
    """Records give what the same rows as objects give, whichever worker reads which partition."""
    draw = random.Random(seed)
    orders, profiles = orders_and_profiles(draw)
    for name, rows in (("orders", orders), ("profile", profiles)):
        for number in range(2):
            write(tmp_path / "lake" / name / f"{number}.jsonl", "".join(
                json.dumps({"customer": customer, **row}) + "\n" for customer, row in rows[number::2]))
    reference = write(tmp_path / "reference.yaml", ORDERS.format(
        orders='objects: "${LAKE}/orders/"', profile='objects: "${LAKE}/profile/"', customer="customer"))
    program.batch(reference, LAKE=tmp_path / "lake", OUT=tmp_path / "reference")
    want = Snapshot.newest(tmp_path / "reference")

    kafka.create("shop.orders", 3)
    kafka.create("shop.profile", 1)
    definition = write(tmp_path / "orders.yaml", definition_for(
        ORDERS.format(orders="records: shop.orders", profile="records: shop.profile", customer="$key"),
        "orders", shards=8, kafka=kafka))
    group = workers(definition, 2, OUT=tmp_path / "out")
    # Some lie there before they are read, some come later.
    half = len(orders) // 2
    for name, rows in (("shop.orders", orders[:half]), ("shop.profile", profiles), ("shop.orders", orders[half:])):
        kafka.produce(name, ((customer.encode(), json.dumps(row).encode()) for customer, row in rows))
    group.wait_until_serving(8)
    group.wait_until_caught_up(kafka, "shop.orders")
    group.wait_until_caught_up(kafka, "shop.profile")
    group[1].snapshot("one")

    got = Snapshot.newest(tmp_path / "out")
    ranges = got.manifest["ranges"]
    assert sum(part["to"] - part["from"] for part in ranges) == sum(part["rows_applied"] for part in ranges) == 12_000
    assert got.fingerprint == want.fingerprint == got.computed_fingerprint()
    group.stop()
