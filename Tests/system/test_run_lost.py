"""Rows that the topic of rows has lost before a shard had them: supplied again, or given up, of real workers."""

import json
import shutil

import pytest

from running import TEXT, Broker, Shop, until

# A source of records beside the one of objects.
CLICKS = TEXT.replace("features:", """\
  clicks:
    records: app.clicks
    format: json
    keep: events
    columns: {{id: {{path: $key, type: string}}, n: int}}
features:
  clicks: {{clicks: sum(n)}}""", 1)


@pytest.fixture
def shop(program, tmp_path):
    shop = Shop(program, tmp_path)
    shop.define(text=CLICKS)
    yield shop
    shop.kill()


def bereave(shop: Shop, *topics: str) -> None:
    """Takes a stopped worker's checkpoints, and all that lies in some topics, as retention does."""
    with Broker(shop) as broker:
        for topic in topics:
            partitions = broker.file.execute("SELECT id FROM partitions WHERE topic = ?", (topic,)).fetchall()
            assert partitions, topic
            for (number,) in partitions:
                broker.file.execute(f"DELETE FROM log_{number}")
                broker.file.execute("UPDATE partitions SET first = next WHERE id = ?", (number,))
    shutil.rmtree(shop.place / "out" / "_tributary")
    shutil.rmtree(shop.data / "segments", ignore_errors=True)


def missing(shop: Shop) -> list[dict]:
    return shop.ask("lost", shop.definition, "--json").json


def test_lost_rows_are_supplied_or_given_up(shop):
    shop.write("a.csv", "id,name,age\n" + "".join(f"p{n},n{n},{n % 90}\n" for n in range(300)))
    shop.start().until_ready()
    lines = shop.place / "lines"
    lines.write_text("".join(f'p{n % 300}\t{{"n": {n}}}\n' for n in range(1000)))
    shop.ask("send", shop.definition, "app.clicks", lines, "--keyed")
    whole = shop.snapshot("whole")
    assert whole["rows"] == 300 and not whole["missing"]
    shop.stop()

    bereave(shop, "shop.rows")
    shop.start()
    until("all shards wait", lambda: [item["state"] for item in shop.status["shards"]] == ["stopped"] * 3)
    code, text = shop.get("/readyz")
    assert code == 503 and "tributary backfill --again" in text and "shop.rows[" in text
    listed = missing(shop)
    assert {item["source"] for item in listed} == {"people", "clicks"}
    assert shop.status["missing"]["count"] == len(listed)
    assert sum(item["rows"] for item in listed if item["source"] == "clicks") == 1000
    shown = shop.ask("status", shop.definition).out
    assert "without rows" in shown and "a.csv" in shown, shown
    assert "a.csv" in shop.ask("lost", shop.definition).out
    shop.ask("snapshot", shop.definition, "--id", "waits", "--wait", "--timeout", "2", check=1)
    assert f"the rows of {len(listed)} inputs" in shop.ask("backfill", shop.definition, "--again").out
    shop.until_ready()
    assert missing(shop) == [] and "missing" not in shop.status
    for name in ["waits", "supplied"]:
        manifest = shop.snapshot(name)
        assert manifest["fingerprint"] == whole["fingerprint"] and not manifest["missing"], name
    shop.stop()

    # Now the records are gone, too.
    bereave(shop, "shop.rows", "app.clicks")
    shop.start()
    until("all shards wait", lambda: [item["state"] for item in shop.status["shards"]] == ["stopped"] * 3)
    shop.ask("backfill", shop.definition, "--again")
    until("the rest cannot be", lambda: all(item.get("problem") for item in missing(shop)))
    left = missing(shop)
    assert {item["source"] for item in left} == {"clicks"}
    assert all("app.clicks[" in item["problem"] for item in left), left
    refused = shop.ask("lost", shop.definition, left[0]["input"], "app.taps[0]", check=1)
    assert "app.taps[0]" in refused.err and missing(shop) == left
    shop.ask("lost", shop.definition, "--all", left[0]["input"], check=2)
    partition = left[0]["input"].partition(":")[0]
    assert f"given up: {left[0]['input']}" in shop.ask("lost", shop.definition, partition).out
    until("it is given up", lambda: left[0]["input"] not in {item["input"] for item in missing(shop)})
    shop.ask("lost", shop.definition, "--all")
    shop.until_ready()
    assert "nothing is missing" in shop.ask("lost", shop.definition, "--all").out

    def check(manifest: dict) -> None:
        assert {item["state"] for item in manifest["missing"]} == {"lost"}
        assert all("given up" in item["reason"] for item in manifest["missing"])
        assert len(manifest["missing"]) == len(left)
        assert all(item["rows_read"] == 0 for item in manifest["ranges"]), json.dumps(manifest["ranges"])
        assert manifest["rows"] == 300 and manifest["fingerprint"] != whole["fingerprint"]

    check(shop.snapshot("after"))
    assert {fields[0] for fields in shop.rows("after").values()} == {""}, "no clicks"
    # What comes is counted, and what is lost stays named, whoever takes it up.
    shop.stop()
    shop.start().until_ready()
    check(shop.snapshot("later"))
    lines.write_text('p1\t{"n": 5}\n')
    shop.ask("send", shop.definition, "app.clicks", lines, "--keyed")
    shop.snapshot("on")
    assert shop.rows("on")["p1"][0] == "5"
