"""`tributary rebuild` of snapshots that a stream made: from topics and stores, from retained segments, and what it says when
neither has the rows; and `batch` over topics."""

import json
import random

import pytest
from confluent_kafka.admin import AdminClient

from lakes import write
from program import Snapshot, assert_says
from running import until
from workers import definition_for

# Objects and records; rows that are rejected; tombstones; ties (all records of a batch have the same few times).
DEFINITION = """\
dataset: shop
key: id
shards: 3
max_rejects: 100%
sources:
  people:
    objects: "${LAKE}/people/"
    format: csv
    keep: latest
    settle: 0s
    columns: {id: string, name: string}
  profile:
    records: TOPIC
    format: json
    keep: latest
    time: at
    columns: {id: {path: $key, type: string}, at: {path: $timestamp, type: timestamp}, city: string}
  clicks:
    records: TOPIC
    format: json
    keep: events
    columns: {id: {path: $key, type: string}, n: int, at: {path: $timestamp, type: timestamp}}
features:
  people: [name]
  profile: [city]
  clicks: {clicks: count(), n: sum(n), last: last(n)}
rows: {from: people}
split: {train: 0.8, eval: 0.2, salt: v1}
snapshot: {to: "${OUT}", format: parquet}
"""


def clicks(draw: random.Random, count: int):
    """(key, value); a value may be nothing, or no JSON."""
    for number in range(count):
        value = draw.choice([json.dumps({"n": number, "city": draw.choice("ABC")}), json.dumps({"n": "x"}), "{", None])
        yield f"p{draw.randrange(50)}", value


def people(numbers) -> str:
    return "id,name\n" + "".join(f"p{number},n{number}\n" for number in numbers)


def delete_topic(kafka, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.address})
    for done in admin.delete_topics([topic]).values():
        done.result(30)
    until("the topic is gone", lambda: topic not in admin.list_topics(timeout=10).topics)


@pytest.fixture
def stream(program, kafka, workers, tmp_path, seed):
    """A stream over Kafka with a snapshot, and its worker."""
    draw = random.Random(seed)
    topic = f"shop.{tmp_path.name}"
    kafka.create(topic, 3)
    lake = tmp_path / "lake"
    write(lake / "people" / "a.csv", people(range(30)))
    write(lake / "people" / "b.csv", people(range(20, 50)))
    definition = write(tmp_path / "shop.yaml", definition_for(
        DEFINITION.replace("TOPIC", topic), f"shop-{tmp_path.name}", shards=3, kafka=kafka).replace("shards: 3\n", "", 1))
    environment = {"LAKE": lake, "OUT": tmp_path / "out"}
    group = workers(definition, **environment)
    (worker,) = group
    kafka.produce(topic, [(key.encode(), value and value.encode()) for key, value in clicks(draw, 2000)])
    group.wait_until_caught_up(kafka, topic)
    worker.snapshot("one")
    # What comes later is not of it.
    kafka.produce(topic, [(key.encode(), value and value.encode()) for key, value in clicks(draw, 200)])
    snapshot = Snapshot(tmp_path / "out" / "snapshot=one")
    ranges = snapshot.manifest["ranges"]
    assert sum(part["rows_read"] for part in ranges) == 2 * 2000 and sum(part["rows_rejected"] for part in ranges) > 100
    return worker, topic, snapshot, environment, lake


def test_from_topics(program, kafka, stream, tmp_path):
    worker, _, snapshot, environment, _ = stream
    again = program("rebuild", snapshot.path, "--to", tmp_path / "again", "--json").json
    assert again["equal"] and again["retained"] == [] and again["fingerprint"] == snapshot.fingerprint
    rebuilt = Snapshot.newest(tmp_path / "again")
    assert rebuilt.computed_fingerprint() == snapshot.fingerprint
    assert rebuilt.manifest["ranges"] == snapshot.manifest["ranges"]
    assert rebuilt.manifest["rejected"]["reasons"] == snapshot.manifest["rejected"]["reasons"]
    assert all(check["passed"] for check in rebuilt.manifest["checks"])
    worker.stop()
    # A batch reads what is there by now.
    batch = program.batch(worker.definition, "--to", tmp_path / "batch", **environment).json
    assert batch["rows_read"] == 60 + 2 * 2200
    one = program("rebuild", tmp_path / "batch", "--json").json
    assert one["equal"] and one["retained"] == []
    # Where the broker is may stand in the environment, which is in no manifest.
    path = snapshot.path / "manifest.json"
    path.write_text(path.read_text().replace(kafka.address, "${BROKERS}"))
    without = program("rebuild", path, "--json").json
    assert without["equal"] and all("BROKERS is not set" in line for line in without["retained"]), without
    for more in ({"BROKERS": kafka.address}, {}):
        found = program("rebuild", path, "--json", *([] if more else ["--kafka", kafka.address]), **more).json
        assert found["equal"] and found["retained"] == []


def test_from_segments(program, kafka, stream, tmp_path):
    """The topic is deleted, an object replaced and another removed: the rows are the same, and what came from where is said."""
    worker, topic, snapshot, _, lake = stream
    worker.stop()
    delete_topic(kafka, topic)
    (lake / "people" / "a.csv").unlink()
    write(lake / "people" / "b.csv", people(range(3)))
    again = program("rebuild", snapshot.path, "--to", tmp_path / "again", "--json").json
    assert again["equal"] and again["fingerprint"] == snapshot.fingerprint
    assert len(again["retained"]) == 2 + 2 * 3, again["retained"]
    rebuilt = Snapshot.newest(tmp_path / "again")
    assert rebuilt.computed_fingerprint() == snapshot.fingerprint
    assert rebuilt.manifest["inputs"] == snapshot.manifest["inputs"]
    assert rebuilt.manifest["ranges"] == snapshot.manifest["ranges"]
    shown = program("rebuild", snapshot.path)
    assert "8 inputs came out of retained segments" in shown.out and topic in shown.out and "a.csv is gone" in shown.out
    # Kafka is not there at all.
    away = program("rebuild", snapshot.path, "--kafka", "127.0.0.1:9", "--json", timeout=120).json
    assert away["equal"] and len(away["retained"]) == 8


def test_nowhere(program, kafka, stream, tmp_path):
    worker, topic, snapshot, _, _ = stream
    worker.stop()
    delete_topic(kafka, topic)
    for shard in (tmp_path / "out" / "_tributary" / "shards").iterdir():
        for checkpoint in (shard / "checkpoints").iterdir():
            checkpoint.unlink()
    refused = program("rebuild", snapshot.path, "--to", tmp_path / "again", check=1)
    assert_says(refused, topic, "offsets 0 to ", "there is no topic", "hold 0 of its ", "does not rebuild")
    assert not (tmp_path / "again").exists() or not list((tmp_path / "again").rglob("*.json"))
    # The state folder that was moved away with the snapshots is found beside the manifest.
    machine = program("rebuild", snapshot.path, "--json", check=1).json
    assert not machine["equal"] and any(topic in line for line in machine["differences"])


def test_embedded(program, workers, tmp_path, seed):
    """The worker has the broker's file while it runs, so its segments serve; then the topic itself; then, gone, segments."""
    draw = random.Random(seed)
    lake = tmp_path / "lake"
    write(lake / "people" / "a.csv", people(range(50)))
    definition = write(tmp_path / "shop.yaml", DEFINITION.replace("TOPIC", "app.clicks"))
    environment = {"LAKE": lake, "OUT": tmp_path / "out"}
    (worker,) = workers(definition, **environment)
    lines = write(tmp_path / "lines", "".join(f"{key}\t{value or ''}\n" for key, value in clicks(draw, 1000)))
    until("the worker listens", lambda: worker.address)
    until("records are taken", lambda: program(
        "send", definition, "app.clicks", lines, "--keyed", "--data", worker.data, check=None, **environment).code == 0)
    worker.snapshot("one")
    snapshot = Snapshot(tmp_path / "out" / "snapshot=one")
    assert snapshot.manifest["ranges"]
    refused = program.batch(definition, "--data", worker.data, "--to", tmp_path / "batch", check=1, **environment)
    assert_says(refused, "a worker uses the embedded broker", "tributary snapshot")

    def rebuilt(*arguments):
        return program("rebuild", snapshot.path, "--data", worker.data, "--json", *arguments, check=None)

    # As soon as there is a checkpoint behind the cut.
    running = until("a checkpoint has it", lambda: (found := rebuilt()).code == 0 and found)
    assert running.json["equal"] and all("a worker uses" in line for line in running.json["retained"])
    worker.stop()
    stopped = rebuilt().json
    assert stopped["equal"] and stopped["retained"] == []
    elsewhere = program("rebuild", snapshot.path, "--data", tmp_path / "nothing", "--json").json
    assert elsewhere["equal"] and all("holds no embedded broker" in line for line in elsewhere["retained"])
    batch = program.batch(definition, "--data", worker.data, "--to", tmp_path / "batch", "--as-of",
                          snapshot.manifest["as_of"], **environment).json
    assert batch["fingerprint"] == snapshot.fingerprint


def test_versions_in_s3(program, seaweed, kafka, workers, tmp_path):
    """An object that was replaced or removed is read by its version where the bucket keeps versions."""
    bucket = f"versions-{tmp_path.name.replace('_', '-').lower()}"[:60]
    seaweed.client.create_bucket(Bucket=bucket)
    seaweed.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for name, numbers in (("a", range(30)), ("b", range(20, 50)), ("c", range(50, 60))):
        seaweed.client.put_object(Bucket=bucket, Key=f"people/{name}.csv", Body=people(numbers).encode())
    text = DEFINITION.split("  profile:\n")[0] + "features: {people: [name]}\n" + DEFINITION[DEFINITION.index("rows:"):]
    definition = write(tmp_path / "shop.yaml", definition_for(
        text, "versions", shards=3, store=True).replace("shards: 3\n", "", 1) + "events: {list: 200ms}\n")
    environment = {"LAKE": f"s3://{bucket}", "OUT": tmp_path / "out", **seaweed.environment}
    (worker,) = workers(definition, **environment)
    worker.snapshot("one")
    snapshot = Snapshot(tmp_path / "out" / "snapshot=one")
    assert all(part["version"] for part in snapshot.manifest["inputs"]), snapshot.manifest["inputs"]
    worker.stop()
    seaweed.client.put_object(Bucket=bucket, Key="people/a.csv", Body=people(range(3)).encode())
    seaweed.client.delete_object(Bucket=bucket, Key="people/b.csv")
    again = program("rebuild", snapshot.path, "--json", **seaweed.environment).json
    assert again["equal"] and again["retained"] == [], again
    # This version is removed for good.
    (gone,) = [part for part in snapshot.manifest["inputs"] if part["key"] == "people/c.csv"]
    seaweed.client.delete_object(Bucket=bucket, Key="people/c.csv", VersionId=gone["version"])
    again = program("rebuild", snapshot.path, "--json", **seaweed.environment).json
    assert again["equal"] and len(again["retained"]) == 1 and "people/c.csv" in again["retained"][0]
