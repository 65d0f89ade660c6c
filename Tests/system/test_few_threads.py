"""A system that gives few threads, as a container with a limit of tasks does: the work is done with those, or what is
missing is said."""

import shutil
import subprocess
from pathlib import Path

import pytest

from lakes import PEOPLE, people_csv, write
from program import Snapshot, assert_says
from running import Shop, start_cloud, until


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A library that, loaded before the system's, gives THREADS threads and no more."""
    compiler = next(filter(None, map(shutil.which, ["cc", "gcc", "clang"])))
    library = tmp_path_factory.mktemp("few") / "no_threads.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", Path(__file__).with_name("no_threads.c"), "-o", library, "-ldl"],
                   check=True)
    return library


@pytest.fixture(scope="module")
def lake(program, tmp_path_factory):
    place = tmp_path_factory.mktemp("lake")
    for number in range(6):
        write(place / "in" / f"{number}.csv", people_csv(range(number * 500, number * 500 + 500)))
    program.batch(write(place / "people.yaml", PEOPLE), IN=place / "in", OUT=place / "out")
    return place


@pytest.mark.parametrize("threads", range(9))
def test_a_batch(program, few, lake, tmp_path, threads):
    outcome = program.batch(lake / "people.yaml", "--threads", 2, check=None, timeout=60, IN=lake / "in",
                            OUT=tmp_path / "out", LD_PRELOAD=few, THREADS=threads)
    if outcome.code == 0:
        assert Snapshot.newest(tmp_path / "out").fingerprint == Snapshot.newest(lake / "out").fingerprint
    else:
        assert outcome.code == 1
        assert_says(outcome, "thread")
        assert not (tmp_path / "out" / "latest.json").exists()
    # The run itself, one that reads, and one that works.
    assert (outcome.code == 0) == (threads >= 3), outcome


def serves(shop: Shop) -> bool:
    try:
        return shop.get("/readyz")[0] == 200
    except OSError:
        return False  # it is ending


# The server's five, and one for each part of a worker; beyond these, as many as there are.
NEEDED = 15


@pytest.mark.parametrize("threads", [0, 1, 2, 3, 4, 5, 9, NEEDED - 1, NEEDED, NEEDED + 1, 20, 40])
def test_a_worker(program, few, tmp_path, threads):
    shop = Shop(program, tmp_path, LD_PRELOAD=few, THREADS=threads)
    shop.environment = {}
    try:
        shop.start("--threads", "2")
        until("it serves, or has ended", lambda: shop.process.poll() is not None or serves(shop))
        if shop.process.poll() is None:
            shop.write("a.csv", "id,name,age\na,Ann,31\nb,Bob,32\n")
            shop.snapshot("one")
            assert sorted(shop.rows("one")) == ["a", "b"]
            shop.stop()
        assert shop.process.returncode == (0 if threads >= NEEDED else 1), shop.said()
        assert ("thread" in shop.said()) == (threads < 40), shop.said()
        assert ("fewer threads" in shop.said()) == (NEEDED <= threads < 40), shop.said()
        # By itself, and not because the time to stop was over.
        if threads >= 5:
            assert "stopped" in shop.said(), shop.said()
    finally:
        shop.kill()


def test_a_worker_with_a_queue(program, few, tmp_path):
    (tmp_path / "cloud").mkdir()
    server, cloud = start_cloud(tmp_path / "cloud")
    # One more reads the queue; none is left to keep what it has taken out of others' sight.
    shop = Shop(program, tmp_path, LD_PRELOAD=few, THREADS=NEEDED + 1, **cloud.environment,
                more=f'events: {{sqs: "{cloud.queue}", reconcile: 1h}}\n'
                     f'store: {{endpoint: "{cloud.endpoint}", path_style: true}}')
    shop.environment = cloud.environment
    shop.objects = f"s3://{cloud.bucket}/people/"
    shop.define()
    try:
        shop.start("--threads", "2").until_ready()
        assert "fewer threads" in shop.said()
        for number in range(3):
            cloud.put(f"people/{number}.csv", f"id,name,age\nk{number},n,{number}\n")
            until("it is read", lambda: shop.status["rows_applied"] == number + 1)
        until("the queue is empty", lambda: cloud.waiting == 0)
        shop.stop()
    finally:
        shop.kill()
        server.stop()
