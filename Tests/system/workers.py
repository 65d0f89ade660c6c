"""`tributary run` from outside: workers that are started, killed, frozen and asked, and definitions for them."""

import json
import os
import random
import re
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

from program import Program, clean_environment

# How soon a worker has to be gone after SIGTERM.
STOP_SECONDS = 10
# What none may say, however it is treated; that it ended by itself is seen by its exit code. (librdkafka calls an error
# after which a client must be made anew "Fatal error", too; Swift's come with a place in the source.)
CRASH = re.compile(r"\.swift:\d+: Fatal error|^Fatal error|Stack dump|this is a bug|Precondition failed"
                   r"|\*\*\* .* detected|Program crashed", re.I | re.M)


class Worker:
    """One `tributary run`. It keeps its data directory over restarts; all its runs write to one log."""

    def __init__(self, program: Program, definition: Path, place: Path, name: str, arguments=(), **environment):
        self.program, self.definition, self.name, self.arguments = program, definition, name, list(arguments)
        # SWIFT_BACKTRACE=enable=yes,swift-backtrace=/…/swift-backtrace-static: where a crash was.
        traces = {name: value for name, value in os.environ.items() if name == "SWIFT_BACKTRACE"}
        self.environment = traces | environment
        self.data = place / name
        self.log = place / f"{name}.log"
        self.process = None

    def start(self, **process) -> "Worker":
        """`process`: what `Popen` is told beside the command."""
        assert not self.runs, f"{self.name} runs"
        # A killed worker leaves its address; the next one must not be taken for it.
        (self.data / "http").unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(self.program.binary), "run", str(self.definition), "--data", str(self.data), "--name", self.name,
                 "--log", "text", *map(str, self.arguments)],
                env=clean_environment(self.environment), stdout=log, stderr=log, stdin=subprocess.DEVNULL, **process)
        return self

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        assert self.runs, f"{self.name} ended by itself with {self.process.returncode}:\n{self.tail()}"
        self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait()

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def stop(self) -> float:
        """Ends it as an orchestrator does; gives how long that took."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS + 10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not end within {STOP_SECONDS + 10} s of SIGTERM:\n{self.tail()}")
        assert code == 0, f"{self.name} ended with {code}:\n{self.tail()}"
        return time.monotonic() - began

    def tail(self, characters: int = 4000) -> str:
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""

    @property
    def address(self) -> str | None:
        try:
            return (self.data / "http").read_text().strip()
        except OSError:
            return None

    def get(self, path: str, timeout: float = 5) -> bytes:
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=timeout) as answer:
            return answer.read()

    def status(self) -> dict | None:
        """What it says of itself; nothing while it does not answer."""
        if not self.runs:
            return None
        try:
            return json.loads(self.get("/status"))
        except (OSError, ValueError):
            return None

    def snapshot(self, snapshot: str, *arguments, timeout: float = 120) -> None:
        """`tributary snapshot --wait`, as soon as it listens."""
        deadline = time.monotonic() + 30
        while self.runs and not self.address and time.monotonic() < deadline:
            time.sleep(0.05)
        self.program("snapshot", self.definition, "--data", self.data, "--id", snapshot, "--wait", "--timeout",
                     int(timeout), *arguments, timeout=timeout + 30, **self.environment)


class Workers(list):
    """The workers of one dataset."""

    def start(self) -> "Workers":
        for worker in self:
            worker.start()
        return self

    def wait_until(self, holds, what: str, seconds: float = 60, every: float = 0.2):
        """Until `holds(statuses)` is true, of the workers that answer; gives its value."""
        deadline = time.monotonic() + seconds
        while True:
            statuses = [status for status in (worker.status() for worker in self) if status]
            value = holds(statuses)
            if value:
                return value
            for worker in self:
                assert worker.process is None or worker.process.poll() in (None, 0, -signal.SIGKILL), \
                    f"{worker.name} ended with {worker.process.returncode}:\n{worker.tail()}"
            assert time.monotonic() < deadline, f"not {what} after {seconds} s:\n" + "\n".join(
                json.dumps(status)[:2000] for status in statuses) + "".join(
                f"\n--- {worker.name}\n{worker.tail(1500)}" for worker in self)
            time.sleep(every)

    def wait_until_serving(self, shards: int, seconds: float = 60) -> None:
        """Until each shard is served. (One that has not heard of the last rebalance may believe to serve some, too.)"""
        self.wait_until(lambda statuses: set(serving(statuses)) == set(range(shards)), "serving all shards", seconds)

    def wait_until_accepted(self, count: int, seconds: float = 120) -> None:
        self.wait_until(lambda statuses: any(status["inputs"]["accepted"] >= count for status in statuses),
                        f"{count} inputs accepted", seconds)

    def wait_until_caught_up(self, kafka, topic: str, seconds: float = 120) -> dict[int, int]:
        """Until all that lies in a topic of records now is in the ledger; gives the partitions' ends."""
        ends = kafka.ends(topic)

        def holds(statuses) -> bool:
            lags = [lag for status in statuses for lag in status["lag"] if lag["topic"] == topic]
            return {lag["partition"] for lag in lags} == set(ends) and not any(lag["records"] for lag in lags)

        self.wait_until(holds, f"at the end of {topic}", seconds)
        return ends

    def stop(self) -> None:
        for worker in self:
            if worker.runs:
                took = worker.stop()
                assert took < STOP_SECONDS, f"{worker.name} took {took:.1f} s to stop:\n{worker.tail()}"

    def end(self) -> None:
        """By force, when the test is over."""
        for worker in self:
            if worker.runs:
                worker.process.kill()
                worker.process.wait()

    def assert_no_crash(self) -> None:
        for worker in self:
            text = worker.log.read_text(errors="replace") if worker.log.exists() else ""
            found = CRASH.search(text)
            assert not found, f"{worker.name}: {text[max(0, found.start() - 500):found.end() + 2000]}"


def serving(statuses) -> list[int]:
    return sorted(shard["shard"] for status in statuses for shard in status["shards"] if shard["state"] == "serving")


def definition_for(text: str, dataset: str, *, shards: int, kafka=None, events: str = "s3.events", store: bool = False,
                   **properties) -> str:
    """A definition of `batch` as one for `run`: with Kafka, or the embedded broker."""
    text = re.sub(r"(?m)^dataset: .*$", f"dataset: {dataset}", text) + f"\nshards: {shards}\n"
    if store:
        text += 'store: {endpoint: "${ENDPOINT}", region: us-east-1, path_style: true}\n'
    if kafka:
        settings = {"brokers": kafka.address, **properties}
        inner = ", ".join(f'{name}: "{value}"' for name, value in settings.items())
        text += f"events: {{topic: {events}}}\nbroker: {{kafka: {{{inner}}}}}\n"
    return text


def notification(bucket: str, key: str, draw: random.Random, *, removed: bool = False) -> tuple[bytes, bytes]:
    """A record of `s3.events` in AWS's form: keys are encoded as in a form, and the sequencer means nothing to us."""
    record = {
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2026-11-21T03:00:00.000Z",
        "eventName": "ObjectRemoved:Delete" if removed else "ObjectCreated:Put",
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
               "object": {"key": urllib.parse.quote_plus(key, safe="/"), "sequencer": f"{draw.getrandbits(64):016X}"}}}
    if not removed:
        record["s3"]["object"] |= {"size": draw.randrange(1 << 20), "eTag": f"{draw.getrandbits(128):032x}"}
    return f"{bucket}/{key}".encode(), json.dumps({"Records": [record]}).encode()
