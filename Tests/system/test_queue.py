"""`events: {sqs: …}`: what a bucket tells its queue is read, and nothing is deleted from the queue before it is safe."""

import json
import time

import pytest

from running import Shop, start_cloud, until


@pytest.fixture
def cloud(tmp_path):
    (tmp_path / "cloud").mkdir()
    server, cloud = start_cloud(tmp_path / "cloud")
    yield cloud
    server.stop()


@pytest.fixture
def shop(program, tmp_path, cloud):
    more = f'events: {{sqs: "{cloud.queue}", reconcile: 1h}}\n' \
           f'store: {{endpoint: "{cloud.endpoint}", path_style: true}}'
    shop = Shop(program, tmp_path, more=more, **cloud.environment)
    shop.objects = f"s3://{cloud.bucket}/people/"
    shop.define()
    yield shop
    shop.kill()


def test_objects_come_in_by_their_notifications(shop, cloud):
    shop.start().until_ready()
    # The one listing of the start is over; the next is an hour away.
    cloud.put("elsewhere/x.csv", "id,name,age\nq,Q,1\n")
    for number in range(12):
        cloud.put(f"people/{number} +ü.csv", f"id,name,age\nk{number},n{number},{number}\n")
    until("all are read", lambda: shop.status["rows_applied"] >= 12)
    cloud.put("people/0 +ü.csv", "id,name,age\nk0,new,99\n")
    cloud.s3.delete_object(Bucket=cloud.bucket, Key="people/1 +ü.csv")
    until("the queue is empty", lambda: cloud.waiting == 0)

    def is_current():
        name = f"s{time.monotonic_ns()}"
        shop.snapshot(name, "--no-listing")
        rows = shop.rows(name)
        return rows.get("k0", [""])[0] == "new" and "k1" not in rows and len(rows) == 11
    until("the snapshot has what the queue told", is_current)
    assert shop.status["repaired"] == 0
    begin = time.monotonic()
    shop.stop()
    assert time.monotonic() - begin < 10, "a long poll held up the stop"

    # While no worker runs, the queue keeps what it is told.
    cloud.put("people/late.csv", "id,name,age\nlate,L,1\n")
    until("it is in the queue", lambda: cloud.waiting >= 1)
    shop.start().until_ready()
    # The poll that was given up may have been handed it: then it is out of sight for a minute.
    until("it is taken", lambda: cloud.waiting == 0, seconds=120)
    shop.snapshot("last")
    assert "late" in shop.rows("last")


def test_hostile_messages_are_put_aside(shop, cloud):
    shop.start().until_ready()
    hostile = [
        "", "no json", "{", "[" * 100_000, '{"Records":' + "[" * 60_000, '{"a":' * 50_000, '{"Records":[{}]}',
        '{"Records":[{"s3":{"bucket":{"name":"lake"},"object":{"key":null}}}]}', '{"tributary":2,"key":"x"}',
        json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": {
            "bucket": {"name": "lake"}, "object": {"key": "x" * 150_000}}}]}),
        '{"Type":"Notification","Message":"{\\"Type\\":\\"Notification\\",\\"Message\\":\\"x\\"}"}', "\\u0000" * 30_000,
        '{"Records":[' + ",".join(['{"eventName":"ObjectCreated:Put"}'] * 5_000) + "]}",
    ]
    told = 0
    for body in hostile:
        try:
            cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody=body)
            told += 1
        except Exception:  # noqa: BLE001 (what the queue itself refuses is no case of ours)
            continue
    assert told >= 10
    # Keys that climb out name nothing but themselves.
    for key in ["people/../../../etc/passwd", "../etc/passwd", "/etc/passwd", "people/%2e%2e/x"]:
        for bucket in ["lake", ""]:
            cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody=json.dumps(
                {"tributary": 1, "bucket": bucket, "key": key, "kind": "created"}))
    cloud.put("people/good.csv", "id,name,age\nx,Ann,31\n")
    until("the good one is read", lambda: shop.status["rows_applied"] == 1)
    until("the queue is empty", lambda: cloud.waiting == 0)
    found = until("the letters", lambda: [x for x in shop.letters("--limit", "100")["letters"] if x["kind"] == "message"])
    assert len(found) >= 8 and all(x["reason"] for x in found)
    big = [x for x in found if (x.get("length") or 0) > 50_000]
    assert big and all(len(x["raw"]) <= 5000 for x in big)
    assert shop.get("/readyz")[0] == 200, shop.said()
    assert not shop.status["inputs"]["failed"]
    left = shop.ask("dead-letters", "replay", shop.definition, "--json").json
    assert left["objects"] == [] and sum(left["left"].values()) == len(found)


def test_a_queue_that_is_not_there_is_said(shop, cloud):
    shop.more = shop.more.replace("/lake\"", "/none\"")
    shop.define()
    shop.start()
    def said():
        code, text = shop.get("/readyz")
        return code == 503 and "events" in text and text
    text = until("readyz says it", said)
    assert "none" in text
    cloud.sqs.create_queue(QueueName="none")
    shop.until_ready()
    shop.stop()
