"""A grocer's year as it comes in, in two waves: files land in a lake, redeemed coupons are sent as records.

usage: demo.py PROGRAM sample|whole|NUMBER [--kafka]

`tributary run` follows both, and a snapshot is cut after each wave. Then `tributary batch` reads the same lake from
scratch, and the fingerprints have to be equal. Without --kafka everything is embedded defaults; with it there are a Kafka
broker (noida-db), an S3 server (SeaweedFS) and two workers, all on this machine. All is written to .work/demo
(.work/demo-kafka), and whatever was started is stopped at the end, however it ends.
"""

import argparse
import contextlib
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import servers

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TOPIC = "coupons.redeemed"
# The first wave ends here: coupons redeemed later, and all that the last slice of the UNLOAD tells of later, come with the
# second.
FIRST_WAVE = b"2017-07-01"


class Demo:
    def __init__(self, program: Path, work: Path, stack: contextlib.ExitStack):
        self.program, self.work, self.stack = program, work, stack
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        self.environment = dict(os.environ, LAKE="lake", OUT="snapshots")
        # As somebody would do it: in a directory of one's own, with a copy of the definitions.
        self.stream, self.batch = work / "stream.yaml", work / "complete-journey.yaml"
        for copy in (self.stream, self.batch):
            shutil.copy(HERE / copy.name, copy)
        # Names, data directories and logs.
        self.workers: list[tuple[str, Path, Path]] = []

    # What a person sees and types

    def say(self, text: str) -> None:
        bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
        print(f"\n{bold}{text}{plain}", flush=True)

    def tributary(self, *arguments, show: bool = True, **environment) -> None:
        """Runs a command to its end and shows it as it would be typed."""
        if show:
            print("$", *(f"{name}={shorter(value)}" for name, value in environment.items()), "tributary",
                  *(self.typed(argument) for argument in arguments), flush=True)
        done = subprocess.run([self.program, *map(self.typed, arguments)], cwd=self.work, timeout=300,
                              env=self.environment | environment)
        if done.returncode:
            sys.exit(f"tributary {arguments[0]} ended with {done.returncode}")

    def ask(self, command: str, *arguments) -> None:
        """A command that talks to the workers."""
        if len(self.workers) > 1:
            asked = self.workers if command == "status" else self.workers[:1]
            arguments = (*arguments, "--http", ",".join(address(data) for _, data, _ in asked))
        self.tributary(command, self.stream, *arguments)

    def typed(self, argument) -> str:
        """A path as it is called in the directory of the demonstration."""
        return str(argument).removeprefix(f"{self.work}/")

    # The worker

    def start(self, name: str | None = None) -> None:
        """`tributary run` in the background, until it says that it is ready."""
        data = self.work / (name or ".tributary/complete-journey")
        log = self.work / f"{name or 'run'}.log"
        command = ["run", self.stream, *(["--name", name, "--data", data] if name else []), "--log", "text"]
        print("$ tributary", *map(self.typed, command), f"2> {log.name} &", flush=True)
        process = self.stack.enter_context(servers.process(
            [self.program, *map(self.typed, command)], log, environment=self.environment, cwd=self.work, seconds=15))
        self.workers.append((name or "the worker", data, log))

        def ready() -> bool:
            with urllib.request.urlopen(f"http://{address(data)}/readyz", timeout=5) as answer:
                return answer.status == 200

        servers.wait_until(ready, process, f"the worker '{name}'", log)

    # The lake

    def put(self, key: str, content: bytes) -> None:
        """An object lands in the lake: a file, which appears whole."""
        path = self.work / "lake" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.with_name("." + path.name)
        hidden.write_bytes(content)
        hidden.replace(path)

    def landed(self) -> None:
        """Called when a wave is over."""


class KafkaDemo(Demo):
    """The same with an S3 server whose notifications come through Kafka, and two workers."""

    def __init__(self, program: Path, work: Path, stack: contextlib.ExitStack):
        super().__init__(program, work, stack)
        self.store = stack.enter_context(servers.seaweed(work / "seaweed"))
        brokers = stack.enter_context(servers.noida(work / "noida"))
        self.environment |= self.store.environment | {"LAKE": "s3://lake", "OUT": "s3://lake/snapshots"}
        more = f"""\
events: {{topic: s3.events}}
broker: {{kafka: {{brokers: "{brokers}"}}}}
store: {{endpoint: "{self.store.endpoint}", region: us-east-1, path_style: true}}
"""
        with open(self.stream, "a") as stream:
            stream.write("\n" + more)
        self.say("A Kafka broker and an S3 server are there; the definition names them")
        print(f"$ cat >> {shorter(self.stream)}\n{more}", end="", flush=True)
        self.notifications: list[str] = []

    def put(self, key: str, content: bytes) -> None:
        tag = self.store.put(key, content)
        # What AWS, MinIO or Ceph would say of it; SeaweedFS does not speak this dialect.
        self.notifications.append(json.dumps({"Records": [{
            "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "lake"}, "object": {"key": key, "size": len(content), "eTag": tag}}}]}))

    def landed(self) -> None:
        told = self.work / "notifications.jsonl"
        told.write_text("\n".join(self.notifications) + "\n")
        self.notifications = []
        self.ask("send", "s3.events", told)


def shorter(argument) -> str:
    text = str(argument)
    return text.removeprefix(f"{ROOT}/") if text.startswith(f"{ROOT}/") else text


def address(data: Path) -> str:
    return (data / "http").read_text()


def flow(demo: Demo, lake: Path) -> None:
    # A record's key, here the household, decides its partition: KEY, a tab, VALUE.
    coupons = [(json.loads(line), line) for line in gzip.open(lake / "redemptions" / "redemptions.json.gz", "rt")]
    for name, is_early in (("coupons-1", True), ("coupons-2", False)):
        (demo.work / f"{name}.tsv").write_text("".join(
            f"{coupon['household']['id']}\t{line}" for coupon, line in coupons
            if (coupon["redeemed_at"] < FIRST_WAVE.decode()) == is_early))

    *whole, last = sorted((lake / "transactions").iterdir())
    so_far = [line for line in gzip.decompress(last.read_bytes()).splitlines(keepends=True)
              if line.split(b"|")[2][:10] < FIRST_WAVE]
    crm = sorted((lake / "crm").iterdir())

    demo.say("The first wave: most files, one of them not whole yet, and the coupons until July")
    first = [*(lake / "labels").iterdir(), *(lake / "demographics").iterdir(), *whole, crm[0]]
    for path in first:
        demo.put(f"{path.parent.name}/{path.name}", path.read_bytes())
    demo.put(f"transactions/{last.name}", gzip.compress(b"".join(so_far)))
    demo.landed()
    demo.ask("send", TOPIC, demo.work / "coupons-1.tsv", "--keyed")
    demo.ask("snapshot", "--id", "july", "--wait")

    demo.say("The second wave: a new file, a file that takes an older one's place, and the coupons since July")
    for path in (crm[1], last):
        demo.put(f"{path.parent.name}/{path.name}", path.read_bytes())
    demo.landed()
    demo.ask("send", TOPIC, demo.work / "coupons-2.tsv", "--keyed")
    demo.ask("snapshot", "--id", "october", "--wait")


def manifest(to: Path, snapshot: str) -> dict:
    return json.loads((to / f"snapshot={snapshot}" / "manifest.json").read_text())


def compare(demo: Demo, lake: Path, snapshots: Path) -> None:
    demo.say("What changed between the two")
    demo.tributary("diff", "snapshots/snapshot=july", "snapshots/snapshot=october")

    demo.say("What ran")
    demo.ask("status")
    for name, _, log in demo.workers:
        print(f"\nWhat {name} said ({shorter(log)})\n{log.read_text()}", end="", flush=True)

    demo.say("What a training program reads")
    subprocess.run([sys.executable, HERE / "show.py", snapshots], check=True)

    demo.say("All of it from scratch: the whole files, the coupons in a file too, by a batch run")
    demo.tributary("batch", demo.batch, "--id", "batch", "--to", "batch", "--quiet", LAKE=str(lake))
    stream, batch = manifest(snapshots, "october"), manifest(demo.work / "batch", "batch")
    print(f"  run, snapshot october  {stream['fingerprint']}  {stream['rows']} rows")
    print(f"  batch                  {batch['fingerprint']}  {batch['rows']} rows", flush=True)
    if stream["fingerprint"] != batch["fingerprint"]:
        sys.exit("The fingerprints differ, which they never should.")
    print("The same rows, whichever way they came.\n")


def lake_of(households: str) -> Path:
    if households == "sample":
        return HERE / "sample"
    lake = ROOT / ".work" / f"lake-{households}"
    wanted = ["--whole"] if households == "whole" else ["--households", households]
    subprocess.run([sys.executable, HERE / "make_lake.py", *wanted, lake], check=True)
    return lake


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("households", help="sample, whole, or a number")
    parser.add_argument("--kafka", action="store_true", help="with a Kafka broker, an S3 server and two workers")
    arguments = parser.parse_args()
    # Whatever ends it ends by an exception, so that all contexts are left.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    work = ROOT / ".work" / ("demo-kafka" if arguments.kafka else "demo")
    lake = lake_of(arguments.households)
    try:
        with contextlib.ExitStack() as stack:
            demo = (KafkaDemo if arguments.kafka else Demo)(arguments.program.resolve(), work, stack)
            if arguments.kafka:
                demo.say("The topics, and two workers")
                demo.tributary("topics", "apply", demo.stream)
                demo.start("worker-1")
                demo.start("worker-2")
            else:
                demo.say(f"A worker on embedded defaults, in {shorter(work)}: its broker is a file, its lake a directory")
                demo.start()
            try:
                flow(demo, lake)
            except SystemExit:
                for name, _, log in demo.workers:
                    print(f"What {name} said last ({shorter(log)})", *log.read_text().splitlines()[-15:], sep="\n",
                          file=sys.stderr)
                raise
            snapshots = demo.work / "snapshots"
            if arguments.kafka:
                demo.store.download("snapshots/", snapshots)
            compare(demo, lake, snapshots)
    except KeyboardInterrupt:
        sys.exit(130)
    print(f"Everything is in {shorter(work)}; nothing is left running.")


if __name__ == "__main__":
    main()
