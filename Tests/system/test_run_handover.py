"""Workers that go and come: shards are handed over, taken over, recovered from the local cache or the store alone."""

import random
import shutil
import signal

import pytest

from lakes import PEOPLE, people_csv, write
from program import Snapshot
from workers import definition_for, notification, serving

SHARDS = 6
SESSION = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1500, "max.poll.interval.ms": 10000}


@pytest.fixture
def people(program, seaweed, kafka, workers, tmp_path, request):
    """Three workers that have read 3,000 people; `check` compares a new snapshot with `batch`."""
    dataset = request.node.name.replace("_", "-")
    definition = write(tmp_path / "people.yaml", definition_for(
        PEOPLE, dataset, shards=SHARDS, kafka=kafka, store=True, **SESSION))
    place = f"s3://lake/{dataset}"
    group = workers(definition, 3, IN=f"{place}/in/", OUT=f"{place}/out", **seaweed.environment)
    group.another = lambda: workers(
        definition, 1, IN=f"{place}/in/", OUT=f"{place}/out", **seaweed.environment)[0]
    reference = write(tmp_path / "reference.yaml", definition_for(PEOPLE, dataset, shards=SHARDS, store=True))
    draw = random.Random(1)

    def put(name: str, ids) -> None:
        key = f"{dataset}/in/{name}"
        seaweed.put(key, people_csv(ids).encode())
        kafka.produce("s3.events", [notification("lake", key, draw)])

    def check(worker, snapshot: str) -> None:
        worker.snapshot(snapshot)
        program.batch(reference, IN=f"{place}/in/", OUT=tmp_path / f"batch-{snapshot}", **seaweed.environment)
        seaweed.download(f"{dataset}/out/", tmp_path / "out")
        got = Snapshot(tmp_path / "out" / f"snapshot={snapshot}")
        assert got.fingerprint == Snapshot.newest(tmp_path / f"batch-{snapshot}").fingerprint

    for number in range(3):
        put(f"{number}.csv", range(number * 1000, number * 1000 + 1000))
    group.wait_until_serving(SHARDS)
    group.wait_until_accepted(3)
    return group, put, check, dataset


def test_a_worker_stops(people):
    """SIGTERM: it is gone within ten seconds with exit code 0, and the others have its shards."""
    group, put, check, _ = people
    check(group[0], "before")
    assert group[0].stop() < 10
    group.wait_until_serving(SHARDS)
    put("3.csv", range(500, 3500))
    check(group[1], "without")
    # It comes back with its cache, and takes part again.
    group[0].start()
    group.wait_until(lambda statuses: len(statuses) == 3 and serving(statuses) == list(range(SHARDS))
                     and all(status["shards"] for status in statuses), "shared by all three again")
    put("0.csv", range(50))
    check(group[0], "again")
    group.stop()


def test_a_worker_dies(people):
    """Its shards are others' once it is missed; what it did not finish is done again.

    Kafka misses it when its session ends, noida-db when another worker joins.
    """
    group, put, check, _ = people
    put("1.csv", range(1000, 1500))
    group[2].kill()
    put("4.csv", range(4000, 5000))
    group.append(group.another())
    group.wait_until_serving(SHARDS)
    group.wait_until_accepted(4)
    check(group[0], "without")
    group[2].start()
    group.wait_until_serving(SHARDS)
    check(group[2], "again")
    group.stop()


def test_from_the_store_alone(people, kafka):
    """All workers die and lose their disks; the rows that were on their way are gone from the broker, too."""
    group, put, check, dataset = people
    check(group[0], "before")
    group.stop()
    kafka.truncate(f"{dataset}.rows")
    for worker in group:
        shutil.rmtree(worker.data)
    group[1].start()
    group.wait_until_serving(SHARDS)
    check(group[1], "after")
    put("5.csv", range(100, 5100))
    check(group[1], "more")
    group.stop()


def test_a_second_signal_ends_it_at_once(people):
    group, *_ = people
    group[0].signal(signal.SIGTERM)
    group[0].signal(signal.SIGTERM)
    assert group[0].process.wait(10) in (0, -signal.SIGTERM, 143), group[0].tail()
    group.wait_until_serving(SHARDS)
    group.stop()
