"""Processes of the demonstration: they end with it, and tell why if they cannot begin."""

import contextlib
import ctypes
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

ACCESS_KEY, SECRET_KEY = "demo", "demo-secret"
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


@contextlib.contextmanager
def process(command: list, log: Path, environment: dict | None = None, cwd: Path | None = None,
            seconds: float = 5):
    """A process in the background; at the end it is asked to stop (SIGTERM) and given so many seconds."""
    parent = os.getpid()

    def tie() -> None:
        # If this program is killed, nobody would stop it.
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    with open(log, "wb") as output:
        # A session of its own: Ctrl-C in the terminal is for this program, which stops the others in order.
        started = subprocess.Popen(list(map(str, command)), stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                                   env=environment, cwd=cwd, start_new_session=True, preexec_fn=tie)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(seconds)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def wait_until(ready, started: subprocess.Popen, name: str, log: Path, seconds: float = 60) -> None:
    """Until `ready()` is true; an error of it counts as not yet."""
    deadline, last = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        if started.poll() is not None:
            break
        try:
            if ready():
                return
        except Exception as error:  # whatever a server that is not there yet makes a client say
            last = error
        time.sleep(0.1)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    sys.exit(f"{name} did not become ready ({last}); its log, {log}, ends with:\n{tail}")


def free_port(also: int = 0) -> int:
    """A port that nobody listens on, nor on the one so far above it; below those of outgoing connections."""
    while True:
        port = random.randrange(11_000, 32_700 - also)
        if all(is_free(each) for each in {port, port + also}):
            return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


@contextlib.contextmanager
def noida(place: Path):
    """A server that speaks Kafka's protocol; gives its address."""
    import noida_db

    place.mkdir(parents=True)
    port, log = free_port(), place / "log"
    # The server itself: the command of that name is a launcher, whose end leaves the server running.
    binary = Path(noida_db.__file__).parent / "noida-db"
    with process([binary, "start", "--data-dir", place / "data", "--host", "127.0.0.1", "--only", "kafka",
                  "--kafka-port", port], log) as started:
        def ready() -> bool:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True

        wait_until(ready, started, "noida-db", log)
        yield f"127.0.0.1:{port}"


@dataclass
class Store:
    endpoint: str
    client: object

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": "us-east-1"}

    def put(self, key: str, content: bytes) -> str:
        """Gives the entity tag."""
        return self.client.put_object(Bucket="lake", Key=key, Body=content)["ETag"].strip('"')

    def download(self, prefix: str, to: Path) -> None:
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix=prefix):
            for item in page.get("Contents", []):
                path = to / item["Key"].removeprefix(prefix)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.client.get_object(Bucket="lake", Key=item["Key"])["Body"].read())


@contextlib.contextmanager
def seaweed(place: Path):
    """SeaweedFS with a bucket `lake`."""
    import boto3
    from botocore.config import Config

    (place / "data").mkdir(parents=True)
    config, log = place / "s3.json", place / "log"
    config.write_text(json.dumps({"identities": [{
        "name": "demo", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}))
    # It takes each port plus 10,000 for gRPC.
    master, volume, filer, s3 = (free_port(also=10_000) for _ in range(4))
    with process([
            Path(sys.executable).parent / "weed", f"-logdir={place}", "server", f"-dir={place / 'data'}", "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1", f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}",
            "-s3", f"-s3.port={s3}", "-s3.port.iceberg=0", f"-s3.config={config}", "-s3.domainName=localhost",
            "-master.volumeSizeLimitMB=64", "-volume.max=0", "-volume.preStopSeconds=1", "-metricsPort=0"],
            log) as started:
        endpoint = f"http://127.0.0.1:{s3}"
        client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, connect_timeout=5))
        wait_until(lambda: client.create_bucket(Bucket="lake"), started, "SeaweedFS", log)
        yield Store(endpoint, client)
