"""A worker of `tributary run` for tests of its commands: one small dataset in a directory, asked over HTTP."""

import json
import sqlite3
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config

from program import Program
from servers import BINARIES, Server, free_ports
from workers import Worker

TEXT = """\
dataset: shop
key: id
shards: 3
max_rejects: 100%
sources:
  people:
    objects: "{objects}"
    format: csv
    keep: latest
    settle: 0s
    columns: {{id: string, name: string, age: {age}}}
features:
  people: [name]
rows: {{from: people, label: age}}
split: {{train: 0.8, eval: 0.2, salt: v1}}
snapshot: {{to: "{to}", format: {{csv: {{header: true}}}}}}
{more}
"""


def until(what, holds, seconds: float = 60):
    """Waits until `holds()` is true, and gives it; fails after a while."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.1)


class Shop:
    """A dataset below a directory, and the worker that keeps it."""

    def __init__(self, program: Program, place: Path, more: str = "events: {list: 200ms}", age: str = "int",
                 **environment):
        self.program, self.place, self.environment = program, place, environment
        self.more = more
        self.objects = f"{place}/people/"
        self.to = f"{place}/out"
        self.user = None
        self.definition = place / "shop.yaml"
        self.worker = Worker(program, self.definition, place, "worker", **environment)
        self.worker.data = self.data = place / "data"
        self.log = self.worker.log
        (place / "people").mkdir(exist_ok=True)
        self.define(age)

    def define(self, age: str = "int", text: str = TEXT) -> None:
        self.definition.write_text(text.format(objects=self.objects, to=self.to, age=age, more=self.more))

    def write(self, name: str, text: str | bytes) -> Path:
        """A file of people, whole at once."""
        path = self.place / "people" / name
        hidden = path.with_name("." + name)
        hidden.write_bytes(text if isinstance(text, bytes) else text.encode())
        hidden.rename(path)
        return path

    # The worker.

    @property
    def process(self):
        return self.worker.process

    def start(self, *arguments, **process) -> "Shop":
        """`process`: what `Popen` is told beside the command."""
        self.worker.arguments = list(arguments)
        self.worker.start(user=self.user, **process)
        until("the worker listens", lambda: (self.data / "http").exists() or not self.worker.runs)
        return self

    def stop(self) -> None:
        if self.worker.runs:
            self.worker.stop()

    def kill(self) -> None:
        if self.worker.runs:
            self.worker.kill()

    def ended(self, seconds: float = 60) -> int:
        """Waits for the worker to end by itself; gives its exit code."""
        return self.process.wait(seconds)

    def said(self) -> str:
        return self.worker.tail(6000)

    def get(self, path: str) -> tuple[int, str]:
        address = (self.data / "http").read_text()
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    @property
    def status(self) -> dict:
        return json.loads(self.get("/status")[1])

    def until_ready(self) -> None:
        def ready():
            assert self.process.poll() is None, self.said()
            return self.get("/readyz")[0] == 200
        until("the worker is ready", ready)

    # Its commands.

    def ask(self, *arguments, check: int | None = 0):
        return self.program(*arguments, "--data", self.data, check=check, **self.environment)

    def snapshot(self, name: str, *arguments) -> dict:
        self.ask("snapshot", self.definition, "--id", name, "--wait", "--timeout", "60", *arguments)
        return json.loads((self.place / "out" / f"snapshot={name}" / "manifest.json").read_text())

    def letters(self, *arguments) -> dict:
        return self.ask("dead-letters", "list", self.definition, "--json", *arguments).json

    def rows(self, name: str) -> dict[str, list[str]]:
        """The rows of a snapshot by key."""
        found = {}
        for part in (self.place / "out" / f"snapshot={name}").rglob("*.csv"):
            for line in part.read_text().splitlines()[1:]:
                fields = line.split(",")
                found[fields[0]] = fields[1:]
        return found


class Broker:
    """The file of an embedded broker whose worker has stopped: what no client can do is done to it."""

    def __init__(self, shop: Shop):
        self.file = sqlite3.connect(shop.data / "broker.sqlite")

    def __enter__(self) -> "Broker":
        return self

    def __exit__(self, *_) -> None:
        self.file.commit()
        self.file.close()

    def log(self, topic: str, partition: int) -> str:
        """The table of a partition."""
        (number,) = self.file.execute("SELECT id FROM partitions WHERE topic = ? AND number = ?", (topic, partition)).fetchone()
        return f"log_{number}"

    def append(self, topic: str, partition: int, value: bytes, key: bytes | None = None) -> None:
        number, offset = self.file.execute(
            "SELECT id, next FROM partitions WHERE topic = ? AND number = ?", (topic, partition)).fetchone()
        (last,) = self.file.execute(f"SELECT max(position) FROM log_{number}").fetchone()
        offset = max(offset, last + 1 if last is not None else 0)
        self.file.execute(f"INSERT INTO log_{number} VALUES (?, ?, ?, ?)", (offset, int(time.time() * 1000), key, value))
        self.file.execute("UPDATE partitions SET next = ? WHERE id = ?", (offset + 1, number))


@dataclass
class Cloud:
    """MiniStack: a bucket whose events go to a queue."""

    endpoint: str
    s3: object
    sqs: object
    bucket: str
    queue: str

    environment = {"AWS_ACCESS_KEY_ID": "AKTEST", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}

    def put(self, key: str, text: str) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())

    @property
    def waiting(self) -> int:
        """Messages in the queue, those included that somebody has taken and not deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


def start_cloud(place: Path) -> tuple[Server, Cloud]:
    (port,) = free_ports(1)
    server = Server("MiniStack", [
        "env", "BIND_HOST=127.0.0.1", f"GATEWAY_PORT={port}", f"S3_DATA_DIR={place}/s3", f"STATE_DIR={place}/state",
        f"TMPDIR={place}", BINARIES / "ministack"], place / "ministack.log")
    endpoint = f"http://127.0.0.1:{port}"
    def client(name):
        return boto3.client(name, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKTEST",
                            aws_secret_access_key="secret", config=Config(retries={"max_attempts": 1}))
    s3, sqs = client("s3"), client("sqs")
    server.wait_until(lambda: sqs.list_queues() is not None)
    queue = sqs.create_queue(QueueName="lake")["QueueUrl"]
    s3.create_bucket(Bucket="lake")
    s3.put_bucket_notification_configuration(Bucket="lake", NotificationConfiguration={"QueueConfigurations": [{
        "QueueArn": "arn:aws:sqs:us-east-1:000000000000:lake", "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]})
    return server, Cloud(endpoint, s3, sqs, "lake", queue)
