"""A worker of `tributary run` for tests of its commands: one small dataset in a directory, asked over HTTP."""

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from program import Program, clean_environment

TEXT = """\
dataset: shop
key: id
shards: 3
max_rejects: 100%
sources:
  people:
    objects: "{place}/people/"
    format: csv
    keep: latest
    settle: 0s
    columns: {{id: string, name: string, age: {age}}}
features:
  people: [name]
rows: {{from: people, label: age}}
split: {{train: 0.8, eval: 0.2, salt: v1}}
snapshot: {{to: "{place}/out", format: {{csv: {{header: true}}}}}}
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
        self.definition = place / "shop.yaml"
        self.data = place / "data"
        self.log = place / "worker.log"
        self.process = None
        (place / "people").mkdir(exist_ok=True)
        self.define(age)

    def define(self, age: str = "int", text: str = TEXT) -> None:
        self.definition.write_text(text.format(place=self.place, age=age, more=self.more))

    def write(self, name: str, text: str | bytes) -> Path:
        """A file of people, whole at once."""
        path = self.place / "people" / name
        hidden = path.with_name("." + name)
        hidden.write_bytes(text if isinstance(text, bytes) else text.encode())
        hidden.rename(path)
        return path

    # The worker.

    def start(self, *arguments) -> "Shop":
        assert self.process is None or self.process.poll() is not None
        (self.data / "http").unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(self.program.binary), "run", str(self.definition), "--data", str(self.data), "--log", "text",
                 "--name", "worker", *map(str, arguments)],
                env=clean_environment(self.environment), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until("the worker listens", lambda: (self.data / "http").exists() or self.process.poll() is not None)
        return self

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(20) == 0, self.said()

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def ended(self, seconds: float = 60) -> int:
        """Waits for the worker to end by itself; gives its exit code."""
        return self.process.wait(seconds)

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-6000:]

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
