"""Runs the built program from outside, as a user or a scheduler would, and reads what it wrote."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import compare  # noqa: E402  (the benchmark's comparison is the tests' comparison)
import fingerprint as independent  # noqa: E402

MEBIBYTE = 1 << 20


@dataclass
class Outcome:
    """How a run of the program ended."""

    code: int
    out: str
    err: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int

    @property
    def json(self) -> dict:
        """The one object that `--json` prints."""
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"exit {self.code} after {self.seconds:.2f} s\n{self.out[-3000:]}\n{self.err[-5000:]}"


class Program:
    """The binary under test. Every run gets a clean environment but for what is passed."""

    def __init__(self, binary: Path):
        self.binary = binary

    def __call__(self, *arguments, check: int | None = 0, timeout: float = 300, **environment) -> Outcome:
        """Runs it to the end; `check` is the exit code that it must have (None: any but a crash)."""
        with tempfile.NamedTemporaryFile(suffix=".json") as measured:
            ran = subprocess.run(
                [sys.executable, "-S", str(ROOT / "bench" / "measure.py"), measured.name, str(self.binary),
                 *map(str, arguments)],
                env=clean_environment(environment), capture_output=True, timeout=timeout, cwd=ROOT)
            numbers = json.loads(Path(measured.name).read_text())
        outcome = Outcome(numbers["code"], ran.stdout.decode(errors="replace"), ran.stderr.decode(errors="replace"),
                          numbers["seconds"], numbers["cpu_seconds"], numbers["peak_bytes"])
        assert outcome.code >= 0, f"the program crashed with {signal.Signals(-outcome.code).name}\n{outcome}"
        if check is not None:
            assert outcome.code == check, f"expected exit {check}\n{outcome}"
        return outcome

    def batch(self, definition, *arguments, **keywords) -> Outcome:
        return self("batch", definition, "--json", *arguments, **keywords)

    def start(self, *arguments, **environment) -> subprocess.Popen:
        """Starts it and does not wait."""
        return subprocess.Popen([str(self.binary), *map(str, arguments)], env=clean_environment(environment), cwd=ROOT,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def clean_environment(extra: dict) -> dict[str, str]:
    """PATH and HOME of nobody: no credentials, no Swift runtime, no settings of the machine."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8",
            **{name: str(value) for name, value in extra.items()}}


@dataclass
class Snapshot:
    """A published snapshot on the local disk."""

    path: Path

    @classmethod
    def newest(cls, to: Path) -> "Snapshot":
        return cls(compare.snapshot_directory(Path(to)))

    @property
    def manifest(self) -> dict:
        return json.loads((self.path / "manifest.json").read_text())

    @property
    def fingerprint(self) -> str:
        return self.manifest["fingerprint"]

    def computed_fingerprint(self) -> str:
        """The fingerprint of the rows as they stand in the parts, by an implementation of its own."""
        return independent.fingerprint([(part["split"], self.path / part["key"]) for part in self.manifest["parts"]])

    @property
    def rejected(self) -> list[dict]:
        files = sorted((self.path / "rejected").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def table(self) -> pa.Table:
        """All splits, as pyarrow reads them."""
        return compare.read_snapshot(self.path)

    def rows(self) -> list[dict]:
        return self.table().to_pylist()

    def by(self, key: str) -> dict:
        rows = self.rows()
        found = {row[key]: row for row in rows}
        assert len(found) == len(rows), f"{key} is not unique"
        return found

    def split_of(self, key: str) -> dict:
        """The split that each key is in."""
        found = {}
        for part in self.manifest["parts"]:
            for value in compare.pq.ParquetFile(self.path / part["key"]).read(columns=[key])[key].to_pylist():
                assert value not in found, f"{value} is in two parts"
                found[value] = part["split"]
        return found


def assert_same(got: pa.Table, want: pa.Table, key: str, relative: float = compare.RELATIVE) -> None:
    found = compare.differences(got, want, key, relative)
    assert not found, "\n".join(found)


def assert_nothing_published(to: Path) -> None:
    """What a reader may look at is not there: no manifest, no latest.json."""
    to = Path(to)
    visible = [str(path) for path in to.rglob("*") if path.name in ("manifest.json", "latest.json")] \
        if to.exists() else []
    assert not visible, f"a failed run published {visible}"


def assert_says(outcome: Outcome, *words: str) -> None:
    """The error names what it must name and is no dump."""
    for word in words:
        assert word in outcome.err, f"{word!r} is not in the error:\n{outcome}"
    assert "Fatal error" not in outcome.err and "Stack dump" not in outcome.err, str(outcome)
