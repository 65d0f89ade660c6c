"""`tributary run` and what nobody wishes it: damage, other versions of itself, a full disk, a broker that is away."""

import gzip
import json
import os
import random
import resource
import threading
import time

import pytest

from running import Broker, Shop, until
from servers import free_ports, start_noida


@pytest.fixture
def shop(program, tmp_path):
    shop = Shop(program, tmp_path)
    yield shop
    shop.kill()


def rows(count: int, age: int) -> str:
    return "id,name,age\n" + "".join(f"k{number},n{age},{age}\n" for number in range(count))


def test_an_object_that_is_replaced_while_it_is_read(shop):
    """Each version is taken whole or not at all."""
    shop.write("a.csv", rows(30_000, 0))
    shop.start()
    stopping = threading.Event()
    written = [0]

    def replace():
        while not stopping.is_set():
            written[0] += 1
            shop.write("a.csv", rows(30_000 + written[0] % 7, written[0] % 100))
            time.sleep(0.13)
    writer = threading.Thread(target=replace)
    writer.start()
    try:
        shop.until_ready()
        for number in range(6):
            shop.snapshot(f"s{number}", "--no-listing")
            ages = {fields[-1] for fields in shop.rows(f"s{number}").values()}
            assert len(ages) <= 1, f"rows of several versions: {ages}"
            time.sleep(0.4)
    finally:
        stopping.set()
        writer.join()
    manifest = shop.snapshot("last")
    found = shop.rows("last")
    assert {fields[-1] for fields in found.values()} == {str(written[0] % 100)}
    assert len(found) == 30_000 + written[0] % 7 and not manifest.get("missing")


def test_large_objects_one_of_them_torn(shop, seed):
    """Their blocks are cut ahead by threads of their own, whose errors are the objects', at the same place."""
    chance = random.Random(seed)

    def people(first: int) -> bytes:
        # Names that gzip makes little of: large is what is stored.
        lines = [f'k{number},"{chance.randbytes(40).hex()}",{number % 90}\n' for number in range(first, first + 120_000)]
        return gzip.compress(("id,name,age\n" + "".join(lines)).encode(), 1)
    whole, torn = people(0), people(120_000)
    assert min(len(whole), len(torn)) > 5 << 20
    shop.write("whole.csv.gz", whole)
    shop.write("torn.csv.gz", torn[:-1000])
    shop.start().until_ready()
    until("the torn one is set aside", lambda: shop.status["inputs"]["failed"], seconds=60)
    assert "truncated" in shop.status["inputs"]["failed"][0]["reason"], shop.status["inputs"]["failed"]
    manifest = shop.snapshot("one")
    assert {item["key"].rpartition("/")[2] for item in manifest["missing"]} == {"torn.csv.gz"}
    assert manifest["rows"] == 120_000
    shop.write("torn.csv.gz", torn)
    until("nothing is failed any more", lambda: not shop.status["inputs"]["failed"])
    assert shop.snapshot("two")["rows"] == 240_000


def test_a_damaged_row_batch_stops_its_shard_and_loses_nothing(shop):
    shop.write("a.csv", rows(300, 5))
    shop.start().until_ready()
    until("the rows are applied", lambda: shop.status["rows_applied"] == 300)
    shop.kill()  # before a checkpoint: the rows have to be read again
    assert not list((shop.place / "out").glob("_tributary/shards/*/checkpoints/*"))
    with Broker(shop) as broker:
        table = broker.log("shop.rows", 1)
        position, value = broker.file.execute(f"SELECT position, value FROM {table} ORDER BY position").fetchone()
        damaged = bytearray(value)
        damaged[len(damaged) // 2] ^= 0x10
        broker.file.execute(f"UPDATE {table} SET value = ? WHERE position = ?", (bytes(damaged), position))
    shop.start()
    def stopped():
        return [item for item in shop.status["shards"] if item["state"] == "stopped"]
    (shard,) = until("the shard stops", stopped)
    assert shard["shard"] == 1
    for word in ["shard 1", "people", "a.csv", "damaged", "nothing was applied", "shop.rows[1]"]:
        assert word in shard["reason"], shard["reason"]
    code, text = shop.get("/readyz")
    assert code == 503 and "shard 1 is stopped" in text
    assert "stopped" in shop.ask("status", shop.definition).out
    # The others go on, and no snapshot comes of a part of the rows.
    assert {item["state"] for item in shop.status["shards"] if item["shard"] != 1} == {"serving"}
    shop.ask("snapshot", shop.definition, "--id", "one", "--wait", "--timeout", "2", check=1)
    shop.stop()
    assert not (shop.place / "out" / "snapshot=one" / "manifest.json").exists()
    # What was damaged is restored: all is there, the snapshot that waited too.
    with Broker(shop) as broker:
        broker.file.execute(f"UPDATE {table} SET value = ? WHERE position = ?", (value, position))
    shop.start().until_ready()
    assert shop.snapshot("one")["rows"] == 300
    assert len(shop.rows("one")) == 300


def test_an_entry_of_another_version_ends_the_worker(shop):
    shop.write("a.csv", rows(3, 1))
    shop.start().until_ready()
    shop.snapshot("one")
    shop.stop()
    for entry, words in [(b'{"v":99,"type":"commit"}', ["version 99", "newer program"]),
                         (b'{"v":1,"type":"miracle"}', ["'miracle'", "newer program"]),
                         (b"\xff\x00", ["no ledger entry"])]:
        with Broker(shop) as broker:
            table = broker.log("shop.ledger", 0)
            broker.append("shop.ledger", 0, entry)
            end = broker.file.execute(f"SELECT max(position) FROM {table}").fetchone()[0]
        shop.log.unlink()
        shop.start()
        assert shop.ended() == 1
        for word in [*words, "shop.ledger[0]", f"offset {end}"]:
            assert word in shop.said(), shop.said()
        with Broker(shop) as broker:
            broker.file.execute(f"DELETE FROM {table} WHERE position = ?", (end,))
            broker.file.execute("UPDATE partitions SET next = ? WHERE topic = 'shop.ledger'", (end,))
    shop.start().until_ready()
    assert shop.snapshot("two")["rows"] == 3


def test_a_worker_with_an_older_definition_does_not_start(shop):
    shop.write("a.csv", rows(3, 1))
    shop.start().until_ready()
    shop.stop()
    shop.define(age="string")
    shop.start().until_ready()
    shop.stop()
    shop.define(age="int")
    shop.start()
    assert shop.ended() == 1
    assert "generation 1" in shop.said() and "generation 2" in shop.said() and "newer definition" in shop.said()
    shop.define(age="string")
    shop.start().until_ready()


def test_a_full_disk_under_the_embedded_broker(shop):
    """Nothing is lost: the worker says what is wrong and goes on when there is room.

    A limit on the size of files stands for the disk, so that nobody needs to be allowed to mount one.
    """
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (6 << 20, resource.RLIM_INFINITY))

    # The signal that comes with the limit stays ignored, as Python has it.
    shop.start(preexec_fn=limited, restore_signals=False).until_ready()
    for number in range(8):
        shop.write(f"{number}.csv", "id,name,age\n" + "".join(
            f"k{number}-{row},{os.urandom(40).hex()},{row % 90}\n" for row in range(30_000)))

    def said():
        code, text = shop.get("/readyz")
        return code == 503 and "full" in text and text
    text = until("readyz says it", said)
    assert shop.process.poll() is None, shop.said()
    assert "broker.sqlite" in text or "free" in text, text
    resource.prlimit(shop.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until("all is read", lambda: shop.status["rows_applied"] == 240_000, seconds=120)
    shop.until_ready()
    assert shop.snapshot("one")["rows"] == 240_000
    shop.stop()


# With Kafka.


def kafka(port: int) -> str:
    return f'events: {{list: 200ms}}\nbroker: {{kafka: {{brokers: "127.0.0.1:{port}"}}}}'


def test_a_broker_that_is_not_there_yet(program, tmp_path):
    (port,) = free_ports(1)
    shop = Shop(program, tmp_path, more=kafka(port))
    shop.write("a.csv", rows(20, 1))
    server = None
    try:
        shop.start()
        def said():
            code, text = shop.get("/readyz")
            return code == 503 and f"{port}" in text and text
        until("readyz says which broker", said)
        assert shop.get("/healthz")[0] == 200 and shop.process.poll() is None
        assert not shop.status["broker"]["reachable"]
        server = start_noida(tmp_path / "noida", port).server
        shop.until_ready()
        assert shop.snapshot("one")["rows"] == 20
        shop.stop()
    finally:
        shop.kill()
        if server:
            server.stop()


def test_a_running_worker_that_a_newer_definition_outdates(program, tmp_path):
    (port,) = free_ports(1)
    server = start_noida(tmp_path / "noida", port).server
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = Shop(program, tmp_path / "a", more=kafka(port)), Shop(program, tmp_path / "b", more=kafka(port))
    for shop in (first, second):
        shop.objects = f"{tmp_path}/people/"
    try:
        (tmp_path / "people").mkdir()
        (tmp_path / "people" / "a.csv").write_text("id,name,age\nx,Ann,31\ny,Bob,old\n")
        text = {shop: shop.definition for shop in (first, second)}
        first.define()
        second.define("string")
        for path in text.values():
            path.write_text(path.read_text().replace(f"{path.parent}/out", f"{tmp_path}/out"))
        first.start("--name", "first").until_ready()
        until("the rows of the first", lambda: first.status["rows_applied"] == 1)
        # Kafka lets anybody read: without the worker's help.
        (first.data / "http").rename(first.data / "away")
        assert [x["raw"].strip() for x in first.letters()["letters"]] == ["y,Bob,old"]
        replayed = first.ask("dead-letters", "replay", first.definition, "--json").json
        assert replayed["objects"] == [f"{tmp_path}/people/a.csv"] and not replayed["left"]
        until("it is read again", lambda: [x["state"] for x in first.letters("--all")["letters"]].count("settled") == 1)
        assert len(first.letters()["letters"]) == 1
        (first.data / "away").rename(first.data / "http")
        second.start("--name", "second")
        assert first.ended() == 1
        assert "redefined by another worker (generation 2)" in first.said()
        second.until_ready()
        second.ask("snapshot", second.definition, "--id", "two", "--wait", "--timeout", "60")
        manifest = json.loads((tmp_path / "out" / "snapshot=two" / "manifest.json").read_text())
        assert manifest["rows"] == 2 and manifest["rejected"]["rows"] == 0
        assert second.letters()["letters"] == []
        replayed = second.ask("dead-letters", "replay", second.definition).out
        assert replayed == "no dead letters to replay\n"
        second.stop()
    finally:
        first.kill()
        second.kill()
        server.stop()
