"""Servers that tests talk to, started on free ports of this machine and stopped by process id."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import boto3
import noida_db
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BINARIES = Path(sys.executable).parent
SYSTEM = Path(__file__).resolve().parent
ACCESS_KEY, SECRET_KEY = "AKTESTACCESSKEY", "not/a+real=secret"


def free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_ports(count: int, also: int = 0) -> list[int]:
    """Ports nobody listens on; with `also`, the ports that far above are free too."""
    found = []
    while len(found) < count:
        # Below the range that the kernel gives to outgoing connections (32768 and up), with room for `also`.
        port = random.randrange(11_000, 32_700 - also)
        if port not in found and free(port) and (not also or free(port + also)):
            found.append(port)
    return found


class Server:
    """A process group that ends with the test session. It can be killed and started again, frozen and thawed."""

    def __init__(self, name: str, command: list, log: Path):
        self.name, self.command, self.log = name, list(map(str, command)), log
        self.process = self.launch()

    def launch(self) -> subprocess.Popen:
        with open(self.log, "ab") as output:
            return subprocess.Popen(self.command, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                                    start_new_session=True)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        self.process = self.launch()

    def freeze(self) -> None:
        """It answers nothing, and its connections stay open: the worst way of not being there."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    def wait_until(self, ready, seconds: float = 60) -> None:
        """Until `ready()` is true; an exception of it counts as not yet."""
        deadline, last = time.monotonic() + seconds, None
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"{self.name} ended:\n{self.log.read_text(errors='replace')[-3000:]}"
            try:
                if ready():
                    return
            except (OSError, BotoCoreError, ClientError) as error:
                last = error
            time.sleep(0.1)
        raise AssertionError(f"{self.name} is not ready after {seconds} s: {last}\n"
                             f"{self.log.read_text(errors='replace')[-3000:]}")

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGCONT)
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(2)  # its data is thrown away, so nothing is lost by force
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class S3:
    """A running S3 server and an independent client of it."""

    endpoint: str
    client: object
    bucket: str
    server: Server

    @property
    def environment(self) -> dict[str, str]:
        """What the program needs to speak to it."""
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": "us-east-1",
                "ENDPOINT": self.endpoint}

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=data)

    def upload(self, directory: Path, prefix: str) -> None:
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                self.put(prefix + str(path.relative_to(directory)), path.read_bytes())

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def get(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def download(self, prefix: str, directory: Path) -> Path:
        for key in self.keys(prefix):
            path = directory / key.removeprefix(prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.get(key))
        return directory


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory):
    """SeaweedFS: verifies signatures, answers ranges, conditional PUTs, multipart uploads, versions."""
    place = tmp_path_factory.mktemp("seaweed")
    config = place / "s3.json"
    config.write_text(json.dumps({"identities": [{
        "name": "admin", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}))
    (place / "data").mkdir()
    # It takes each port plus 10,000 for gRPC.
    master, volume, filer, s3 = free_ports(4, also=10_000)
    server = Server("SeaweedFS", [
        BINARIES / "weed", f"-logdir={place}", "server", f"-dir={place / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-s3", f"-s3.port={s3}",
        "-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={config}", "-s3.domainName=localhost",
        "-master.volumeSizeLimitMB=64", "-volume.max=0", "-volume.preStopSeconds=1", "-metricsPort=0"], place / "weed.log")
    try:
        endpoint = f"http://127.0.0.1:{s3}"
        client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, connect_timeout=5))
        server.wait_until(lambda: client.create_bucket(Bucket="lake"))
        yield S3(endpoint, client, "lake", server)
    finally:
        server.stop()


@dataclass
class Kafka:
    """A running server that speaks Kafka's protocol, and an independent client of it."""

    address: str
    server: Server

    @property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address})

    def is_ready(self) -> bool:
        try:
            return bool(self.admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def create(self, topic: str, partitions: int) -> None:
        admin = self.admin  # held while the answer is under way
        for made in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            made.result(30)

    def produce(self, topic: str, records) -> None:
        """Appends (key, value) in order, and waits until all are acknowledged."""
        failed = []
        producer = Producer({"bootstrap.servers": self.address, "enable.idempotence": True, "linger.ms": 5,
                             "message.timeout.ms": 120_000})
        for key, value in records:
            while True:
                try:
                    producer.produce(topic, key=key, value=value,
                                     on_delivery=lambda error, _: failed.append(error) if error else None)
                    break
                except BufferError:
                    producer.poll(0.1)
        left = producer.flush(150)
        assert not failed and left == 0, (failed[:3], left)

    def truncate(self, topic: str) -> None:
        """Removes all records of a topic, as retention does in the end."""
        admin = self.admin
        wanted = [TopicPartition(topic, number, end) for number, end in self.ends(topic).items()]
        for done in admin.delete_records(wanted).values():
            done.result(30)

    def ends(self, topic: str) -> dict[int, int]:
        """The end of each partition."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "ends"})
        try:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            return {number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
                    for number in partitions}
        finally:
            consumer.close()


def start_noida(place: Path, port: int | None = None) -> Kafka:
    """noida-db: groups with cooperative rebalancing, idempotent producers, and a log on disk.

    Other than Kafka it does not end the session of a member that is silent: it leaves out who is missing when somebody
    joins, after that member's max.poll.interval.ms. And it acknowledges before it writes: a kill (and now and then a
    shutdown) takes the last 100 ms or so with it, which Kafka's replicas would have. Then shards stop (`the broker has
    lost … entries`, `a row batch is … missing`), as they must.
    """
    if port is None:
        (port,) = free_ports(1)
    place.mkdir(exist_ok=True)
    # The command of that name is a launcher, whose end leaves the server running.
    binary = Path(noida_db.__file__).parent / "noida-db"
    server = Server("noida-db", [binary, "start", "--data-dir", place, "--host", "127.0.0.1", "--only", "kafka",
                                 "--kafka-port", port], place / "noida.log")
    kafka = Kafka(f"127.0.0.1:{port}", server)
    server.wait_until(kafka.is_ready)
    return kafka


@pytest.fixture
def kafka(tmp_path):
    """One of each test's own: it may kill it. (And noida-db writes all that it holds as one file again and again: with the
    records of many tests in it, nobody got an answer for half a minute at a time.)"""
    kafka = start_noida(tmp_path / "noida")
    yield kafka
    kafka.server.stop()


@pytest.fixture
def faulty(seaweed, tmp_path):
    """Gives a function that starts a proxy before the S3 server which does wrong what it is told to."""
    started = []

    def start(seed: int, faults: str) -> str:
        log = tmp_path / f"proxy-{len(started)}.log"
        proxy = Server("the fault proxy", [
            sys.executable, SYSTEM / "fault_proxy.py", "--upstream", seaweed.endpoint.rpartition(":")[2], "--seed", seed,
            "--faults", faults, "--stall-seconds", 20], log)
        started.append(proxy)
        proxy.wait_until(lambda: log.read_text().startswith("listening "))
        return f"http://127.0.0.1:{int(log.read_text().split()[1])}"

    yield start
    for proxy in started:
        proxy.stop()
