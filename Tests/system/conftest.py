"""What all tests from outside share: the binary and directories. S3 has a fixture of its own in servers.py."""

import os
import random
from pathlib import Path

import pytest

from program import ROOT, Program
from workers import Worker, Workers

pytest_plugins = ["servers"]


@pytest.fixture(scope="session")
def program() -> Program:
    binary = Path(os.environ.get("TRIBUTARY", ROOT / ".build" / "release" / "tributary"))
    assert binary.exists(), f"{binary} is not there; run `make build`"
    return Program(binary)


@pytest.fixture
def seed(request) -> int:
    """A seed for what a test does at random; printed when the test fails, repeated with SEED=… pytest."""
    value = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"SEED={value}")
    return value


@pytest.fixture
def workers(program, tmp_path):
    """Gives a function that makes the workers of a dataset; they end with the test."""
    made = []

    def make(definition, count: int = 1, *arguments, starts: bool = True, **environment) -> Workers:
        (tmp_path / "workers").mkdir(exist_ok=True)
        group = Workers(Worker(program, definition, tmp_path / "workers", f"w{len(made)}-{number}", arguments,
                               **environment) for number in range(count))
        made.append(group)
        return group.start() if starts else group

    yield make
    for group in made:
        group.end()
    for group in made:
        group.assert_no_crash()
