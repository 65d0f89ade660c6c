"""`tributary send` and `POST /records/TOPIC`: records into a running worker, and into the next snapshot."""

import http.client
import json
import urllib.error
import urllib.request

import pyarrow.dataset
import pytest

from program import assert_says
from workers import Worker, Workers

DEFINITION = """\
dataset: clicks
key: id
shards: 3
sources:
  people: {{records: app.people, format: json, keep: latest, columns: {{id: {{path: $key, type: string}}, name: string}}}}
  clicks: {{records: app.clicks, format: csv, keep: events, columns: {{id: {{path: $key, type: string}}, page: string}}}}
features:
  people: [name]
  clicks: {{clicks: count()}}
rows: {{from: people}}
split: {{train: 0.8, eval: 0.2, salt: v1}}
max_rejects: 100%
snapshot: {{to: "{place}/out"}}
""".replace("format: csv", "format: {{csv: {{header: false, names: [page]}}}}")


@pytest.fixture
def worker(program, tmp_path):
    definition = tmp_path / "clicks.yaml"
    definition.write_text(DEFINITION.format(place=tmp_path))
    worker = Worker(program, definition, tmp_path, "worker").start()
    try:
        Workers([worker]).wait_until(lambda _: ready(worker), "ready")
        yield worker
        worker.stop()
    finally:
        if worker.runs:
            worker.kill()


def ready(worker) -> bool:
    try:
        return worker.get("/readyz") == b"ready\n"
    except (OSError, TypeError):
        return False


def send(worker, topic, lines, *arguments, check=0):
    path = worker.data.parent / "lines"
    path.write_bytes(lines)
    return worker.program("send", worker.definition, topic, path, "--data", worker.data, *arguments, check=check)


def rows(worker, snapshot) -> dict:
    worker.snapshot(snapshot)
    place = worker.data.parent / "out" / f"snapshot={snapshot}"
    return {row["id"]: (row["name"], row["clicks"]) for split in ("train", "eval") if (place / split).exists()
            for row in pyarrow.dataset.dataset(place / split).to_table().to_pylist()}


def test_records_are_in_the_next_snapshot(worker):
    """Keys, tombstones, JSON and CSV values; what was sent before a snapshot was asked for is in it."""
    people = b"".join(b'p%d\t{"name":"n%d"}\n' % (i, i) for i in range(1000))
    assert send(worker, "app.people", people, "--keyed", "--json").json == {"topic": "app.people", "records": 1000}
    assert "3 records sent to app.clicks" in send(worker, "app.clicks", b"p1\t/a\np1\t/b\r\n\np2\t/a", "--keyed").out
    assert rows(worker, "one") == {f"p{i}": (f"n{i}", {1: 2, 2: 1}.get(i, 0)) for i in range(1000)}
    send(worker, "app.people", b"p1\t\n", "--keyed")
    assert set(rows(worker, "two")) == {f"p{i}" for i in range(1000) if i != 1}


def test_a_large_file_goes_in_pieces(worker):
    """3 MB, three times what a request may hold."""
    lines = b"".join(b'p%d\t{"name":"%s"}\n' % (i, b"x" * 990) for i in range(3000))
    send(worker, "app.people", lines, "--keyed")
    assert len(rows(worker, "one")) == 3000


def test_what_cannot_be_sent(worker, program):
    # "clicks.ledger" is a topic of the dataset, which nobody may write to.
    for topic in ("nobody.reads", "clicks.ledger"):
        assert_says(send(worker, topic, b"x\n", check=1), topic, "app.clicks")
    assert_says(send(worker, "no/topic", b"x\n", check=2), "no/topic")
    assert_says(send(worker, "app.clicks", b"k\tv\n\nno key\n", "--keyed", check=1), "line 3")
    assert_says(send(worker, "app.clicks", b"short\n" + b"x" * (1 << 20) + b"y\n", check=1), "line 2", "1 MiB", "1 record")
    missing = program("send", worker.definition, "app.clicks", "/nowhere/at/all", "--data", worker.data, check=1)
    assert_says(missing, "/nowhere/at/all")
    nobody = program("send", worker.definition, "app.clicks", "/dev/null", "--data", worker.data.parent / "other", check=1)
    assert_says(nobody, "tributary run")


def test_http(worker):
    def post(path, body, method="POST", **headers):
        request = urllib.request.Request(f"http://{worker.address}{path}", data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    status, body = post("/records/app.clicks?keyed=1", b"p1\t/a\np2\t/b\n")
    assert (status, json.loads(body)) == (200, {"topic": "app.clicks", "records": 2})
    assert post("/records/app.clicks", b"")[0] == 200
    assert post("/records/app.nothing", b"x\n")[0] == 404
    assert post("/records/app.clicks?keyed=1", b"x\n")[0] == 400
    # Refused by its length alone, before it has been sent.
    large = http.client.HTTPConnection(worker.address, timeout=10)
    large.request("POST", "/records/app.clicks", headers={"Content-Length": str((1 << 20) + 1)})
    assert large.getresponse().status == 413
    large.close()
    assert post("/records/app.clicks", None, method="GET")[0] == 405
    # A page that somebody looks at must not be able to write.
    assert post("/records/app.clicks", b"x\n", Origin="http://elsewhere.example")[0] == 403
