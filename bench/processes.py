"""What the streaming benchmarks start: a broker, an S3 server and a worker, with what the kernel says of their time and
memory."""

import atexit
import ctypes
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import noida_db
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

HERE = Path(__file__).resolve().parent
BROKER = Path(noida_db.__file__).parent / "noida-db"
TICKS = os.sysconf("SC_CLK_TCK")


def free_port(also: int = 0) -> int:
    """A port that nobody listens on; with `also`, nobody does so far above it either."""
    while True:
        # Below the range that the kernel gives to outgoing connections.
        port = random.randrange(11_000, 32_700 - also)
        try:
            for number in {port, port + also}:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
            return port
        except OSError:
            continue


def compiled(name: str, place: Path, *libraries: str) -> Path:
    """A small C program of this directory."""
    program = place / name
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", HERE / f"{name}.c", "-o", program, *libraries], check=True)
    return program


class Arrivals:
    """Files that appear in a directory, as the system tells of them (inotify(7)): whole ones, by a link or a rename."""

    MOVED_TO, CREATE = 0x80, 0x100

    def __init__(self, directory: Path):
        library = ctypes.CDLL(None, use_errno=True)
        self.file = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.file < 0 or library.inotify_add_watch(self.file, bytes(directory), self.MOVED_TO | self.CREATE) < 0:
            raise OSError(ctypes.get_errno(), "inotify", str(directory))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.file)

    def wait(self, name: str, seconds: float) -> None:
        """Until a file of that name has appeared, or so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and select.select([self.file], [], [], left)[0]:
            events = os.read(self.file, 1 << 16)
            while events:
                length = int.from_bytes(events[12:16], "little")
                if events[16:16 + length].rstrip(b"\0") == os.fsencode(name):
                    return
                events = events[16 + length:]


class Process:
    """A child in a process group of its own, ended by `stop`."""

    def __init__(self, command: list, log: Path, environment: dict | None = None):
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self.began = time.monotonic()
        with open(log, "wb") as output:
            self.child = subprocess.Popen(
                list(map(str, command)), stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                env={**os.environ, **(environment or {})}, start_new_session=True)
        # Whatever fails before somebody stops it.
        atexit.register(self._kill)

    def _kill(self) -> None:
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)

    @property
    def cpu_seconds(self) -> float:
        # The name, the second field, may hold spaces; it ends with the last parenthesis.
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self, name: str = "VmRSS") -> int:
        """Bytes: VmRSS now, VmHWM at most so far."""
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"process {self.child.pid} has no {name}")

    def check(self) -> None:
        if (code := self.child.poll()) is not None:
            raise RuntimeError(f"{self.child.args[0]} ended with {code}:\n{self.tail()}")

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def wait_until(self, ready, seconds: float, every: float = 0.05) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            try:
                if ready():
                    return
            except OSError:
                pass
            time.sleep(every)
        raise RuntimeError(f"{self.child.args[0]}: not within {seconds} s; its log ends:\n{self.tail()}")

    def stop(self) -> None:
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGTERM)
            try:
                self.child.wait(12)
            except subprocess.TimeoutExpired:
                self._kill()
        self.child.wait()
        atexit.unregister(self._kill)


class Broker(Process):
    """A server that speaks Kafka's protocol, on this machine, made to behave as a broker where it does not:

    - It saves all it has as one JSON text every few seconds, a number for each byte, which takes more time than everything
      else it does. The thread that does it is held still (holdthread.c), so its log is in memory.
    - It answers a fetch at once where it has nothing, so that idle consumers ask ten thousand times a second. A program in
      front of it (longpoll.c) holds such answers until something comes, as Kafka does.
    """

    def __init__(self, place: Path):
        self.port = free_port()
        super().__init__(
            [BROKER, "start", "--data-dir", place / "broker", "--host", "127.0.0.1", "--only", "kafka",
             "--kafka-port", self.port], place / "broker.log")
        self.wait_until(lambda: self._listens(self.port), 30)
        self.hold = Process([compiled("holdthread", place), self.child.pid, "autosave"], place / "holdthread.log")
        self.hold.wait_until(lambda: "held" in self.hold.tail(), 30)
        shutil.rmtree(place / "broker")
        self.front_port = free_port()
        self.front = Process([compiled("longpoll", place, "-lpthread"), self.front_port, self.port],
                             place / "longpoll.log")
        self.front.wait_until(lambda: self._listens(self.front_port), 30)

    def _listens(self, port: int) -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.front_port}"

    @property
    def cpu_seconds(self) -> float:
        return super().cpu_seconds + self.front.cpu_seconds

    def stop(self) -> None:
        self.front.stop()
        self.hold.stop()
        super().stop()


class Store(Process):
    """An S3 server on this machine (SeaweedFS), and a client of it. It starts with one bucket, `lake`."""

    BUCKET, KEY, SECRET = "lake", "AKBENCH", "a-secret-of-the-benchmark"

    def __init__(self, place: Path):
        (place / "store").mkdir(parents=True)
        config = place / "s3.json"
        config.write_text(json.dumps({"identities": [{
            "name": "bench", "credentials": [{"accessKey": self.KEY, "secretKey": self.SECRET}],
            "actions": ["Admin", "Read", "List", "Write"]}]}))
        # It takes each port plus 10,000, too.
        master, volume, filer, s3 = (free_port(also=10_000) for _ in range(4))
        super().__init__(
            [Path(sys.executable).parent / "weed", f"-logdir={place}", "server", f"-dir={place / 'store'}",
             "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={master}", f"-volume.port={volume}", "-filer",
             f"-filer.port={filer}", "-s3", f"-s3.port={s3}", "-s3.port.iceberg=0", "-s3.port.lance=0",
             f"-s3.config={config}", "-master.volumeSizeLimitMB=64", "-volume.max=0", "-volume.preStopSeconds=1",
             "-metricsPort=0"], place / "store.log")
        self.endpoint = f"http://127.0.0.1:{s3}"
        self.client = boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id=self.KEY,
            aws_secret_access_key=self.SECRET,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, connect_timeout=5))
        self.wait_until(self._has_bucket, 60, every=0.2)

    def _has_bucket(self) -> bool:
        try:
            self.client.create_bucket(Bucket=self.BUCKET)
            return True
        except (BotoCoreError, ClientError):
            return False

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": self.KEY, "AWS_SECRET_ACCESS_KEY": self.SECRET, "AWS_REGION": "us-east-1",
                "ENDPOINT": self.endpoint}

    def upload(self, directory: Path, prefix: str) -> dict[str, int]:
        """All files below a directory; gives their sizes by key."""
        sizes = {}
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            key = f"{prefix}/{path.relative_to(directory)}"
            self.client.upload_file(str(path), self.BUCKET, key)
            sizes[key] = path.stat().st_size
        return sizes

    def json(self, key: str) -> dict:
        return json.loads(self.client.get_object(Bucket=self.BUCKET, Key=key)["Body"].read())

    def remove(self, prefix: str) -> None:
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.BUCKET, Prefix=prefix + "/"):
            for item in page.get("Contents", []):
                self.client.delete_object(Bucket=self.BUCKET, Key=item["Key"])


class Worker(Process):
    """`tributary run`, and what it says of itself."""

    def __init__(self, program: Path, definition: Path, place: Path, environment: dict, options: list | None = None):
        self.data = place / "worker"
        super().__init__(
            [program, "run", definition, "--data", self.data, "--log", "text", *(options or [])], place / "worker.log",
            environment)
        self.wait_until((self.data / "http").exists, 60)
        self.address = (self.data / "http").read_text()

    def ask(self, path: str, method: str = "GET") -> str:
        request = urllib.request.Request(f"http://{self.address}{path}", method=method,
                                         data=b"" if method == "POST" else None)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def wait_until_joined(self, topic: str) -> None:
        """Until it is in its groups: it serves all shards, and reads notifications from `topic`."""
        def is_joined() -> bool:
            shards = json.loads(self.ask("/status"))["shards"]
            return (len(shards) > 0 and all(shard["state"] == "serving" for shard in shards)
                    and f'topic="{topic}"' in self.ask("/metrics"))
        self.wait_until(is_joined, 180)

    def metric(self, name: str) -> float:
        """The sum of a metric's series; `name` may have labels."""
        return sum(float(line.rsplit(" ", 1)[1]) for line in self.ask("/metrics").splitlines()
                   if line.startswith(name) and not line.startswith("#"))

    def snapshot(self, name: str, as_of: str, out: Path, seconds: float = 600) -> None:
        """Asks for it as `tributary snapshot` does, and waits until `latest.json` in `out`, which has none of the name yet,
        names it. The system says when the file appears, and the worker is asked now and then only: looking and asking take
        processor time, and a pause between two looks would be measured."""
        path, latest = f"/snapshot?id={name}&as_of={as_of}&listing=1", out / "latest.json"
        deadline = time.monotonic() + seconds
        out.mkdir(parents=True, exist_ok=True)
        with Arrivals(out) as arrivals:
            while not (latest.exists() and json.loads(latest.read_text())["snapshot"] == name):
                self.check()
                try:
                    state = json.loads(self.ask(path, "POST"))["state"]
                except urllib.error.HTTPError:
                    raise
                except OSError:
                    state = "unknown"
                if state == "abandoned":
                    raise RuntimeError(f"the snapshot was abandoned:\n{self.tail()}")
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the snapshot is not there within {seconds} s; the log ends:\n{self.tail()}")
                arrivals.wait(latest.name, seconds=1)
