"""The README's own commands, run as they stand there."""

import contextlib
import os
import re
import signal
import subprocess
import urllib.request
from pathlib import Path

import pyarrow.dataset
import pytest

from program import clean_environment
from running import until
from servers import free_ports

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
# A section's title to its text.
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", README, re.S | re.M))


def blocks(section: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", SECTIONS[section], re.S | re.M)


def runs_workers(block: str) -> bool:
    return all(line.startswith("tributary run ") for line in block.splitlines())


class Reader:
    """Somebody who types what the README says, in the directory `place`."""

    def __init__(self, program, place: Path, stack: contextlib.ExitStack, **environment):
        self.place, self.stack = place, stack
        self.environment = clean_environment({"PATH": f"{program.binary.parent}:{os.environ['PATH']}"} | environment)

    def type(self, block: str) -> str:
        """Runs a block; one of workers stays running in terminals of its own."""
        if runs_workers(block):
            for line in block.splitlines():
                self.start(line)
            return ""
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=self.place, env=self.environment, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=180)
        assert done.returncode == 0, block + done.stdout + done.stderr
        return done.stdout

    def start(self, line: str) -> None:
        definition = line.split()[2]
        log = self.place / f"{definition}.log"
        with open(log, "ab") as output:
            process = subprocess.Popen(["bash", "-c", f"exec {line.partition('#')[0]}"], cwd=self.place, stdout=output,
                                       stderr=output, stdin=subprocess.DEVNULL, env=self.environment)
        self.stack.callback(self.stop, process, log)
        found = re.search(r"--data (\S+)", line)
        address = self.place / (found[1] if found else f".tributary/{Path(definition).stem}") / "http"

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                with urllib.request.urlopen(f"http://{address.read_text()}/readyz", timeout=5) as answer:
                    return answer.status == 200
            except OSError:
                return False

        until(f"{line} is ready", ready)

    @staticmethod
    def stop(process: subprocess.Popen, log: Path) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(20) == 0, log.read_text()
        finally:
            process.kill()

    def rows(self, snapshot: str) -> dict:
        """By customer, of all splits that have a file."""
        place = self.place / snapshot
        return {row["customer_id"]: row for split in ("train", "eval") if (place / split).exists()
                for row in pyarrow.dataset.dataset(place / split).to_table().to_pylist()}


@pytest.fixture
def reader(program, tmp_path):
    """Has done what "Your own data" says before the batch: the files are there."""
    with contextlib.ExitStack() as stack:
        reader = Reader(program, tmp_path, stack)
        reader.type(blocks("Your own data", "sh")[0])
        yield reader


def test_your_own_data(reader):
    """The section from top to bottom: each shell block in order, with the definition in its place."""
    [definition] = blocks("Your own data", "yaml")
    (reader.place / "churn.yaml").write_text(definition)
    _, commands = blocks("Your own data", "sh")
    shown = reader.type(commands)
    rows = reader.rows("snapshots/snapshot=first")
    assert {key: (row["orders"], row["orders_30d"], str(row["spent"]), str(row["spent_on_books"]), row["churned"])
            for key, row in rows.items()} == {
        "c1": (2, 1, "20.50", "12.50", 0), "c2": (1, 1, "31.20", "31.20", 1), "c3": (0, 0, "0.00", "0.00", 0)}
    assert "churn" in shown and "fingerprint" in shown


def stream(reader) -> list[str]:
    [definition] = blocks("As it comes in", "yaml")
    (reader.place / "live.yaml").write_text(definition)
    return blocks("As it comes in", "sh")


def test_as_it_comes_in(reader):
    """A worker, records, two snapshots, what changed; then what "Operating it" says."""
    run, commands = stream(reader)
    reader.type(run)
    shown = reader.type(commands)
    assert "2 records sent to app.clicks" in shown and "snapshot later: published" in shown, shown
    assert "part-0001.gz" in shown and "all well" in shown, shown
    before, after = (reader.rows(f"live-snapshots/snapshot={name}") for name in ("now", "later"))
    clicks = {key: (row["clicks"], row["last_page"]) for key, row in before.items()}
    assert clicks == {"c1": (1, "/pricing"), "c2": (0, None), "c3": (1, "/help")}
    assert before["c2"]["orders"] + 1 == after["c2"]["orders"] and before["c1"] == after["c1"] | {"clicks_7d": before["c1"]["clicks_7d"]}
    [operations] = blocks("Operating it", "sh")
    reader.type(operations)


def test_with_kafka(reader, kafka):
    """Topics, three workers, a snapshot."""
    stream(reader)
    reader.environment["KAFKA"] = kafka.address
    ports = dict(zip(("9464", "9465", "9466"), map(str, free_ports(3))))

    def here(block: str) -> str:
        return re.sub("|".join(ports), lambda port: ports[port[0]], block)

    topics, run, ask = blocks("With Kafka", "sh")
    assert "app.clicks" in reader.type(topics)
    reader.type(here(run))
    status, snapshot = here(ask).splitlines()
    # A worker that joins takes shards over from the others, which takes a moment.
    until("the fleet is well", lambda: "3 workers, all well" in reader.type(status))
    shown = reader.type(snapshot)
    assert "snapshot now: published" in shown, shown
    assert set(reader.rows("fleet-snapshots/snapshot=now")) == {"c1", "c2", "c3"}


def test_make_targets_are_run_by_ci():
    """What the README tells a person to make is what CI makes."""
    ci = (ROOT / ".ci" / "run").read_text() + (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.M)):
        assert re.search(rf"^{target}:", ci, re.M), target
    for target in ("make demo", "make demo-kafka", "make test"):
        assert target in (ROOT / ".ci" / "run").read_text()


def test_every_block_of_commands_is_run():
    """What has no test above has no commands but make's."""
    tested = {"Your own data", "As it comes in", "With Kafka", "Operating it"}
    for section in SECTIONS:
        for block in blocks(section, "sh"):
            assert section in tested or all(line.startswith("make ") for line in block.splitlines()), (section, block)


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link
