"""Small lakes and definitions that several tests use."""

import gzip
import json
import os
import time
from pathlib import Path

# One source, one key, values of two types: the smallest dataset there is.
PEOPLE = """\
dataset: people
key: id
as_of: 2026-01-01T00:00:00Z
sources:
  people:
    objects: "${IN}"
    format: {csv: {header: true}}
    keep: latest
    columns: {id: string, n: int, x: double}
features:
  people: [n, x]
rows: {from: people}
split: {train: 0.8, eval: 0.2, salt: v1}
snapshot: {to: "${OUT}", format: parquet}
"""

# The same of JSON lines.
PEOPLE_JSON = PEOPLE.replace("{csv: {header: true}}", "json")


def write(path: Path, data: str | bytes) -> Path:
    """A file whose time lies a minute back, so that no reader waits for it to settle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    aged(path)
    return path


def aged(path: Path, seconds: float = 60) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def packed(text: str | bytes) -> bytes:
    return gzip.compress(text.encode() if isinstance(text, str) else text, 6, mtime=0)


def people_csv(ids, *, header: bool = True) -> str:
    """A row for each number in `ids`; its values follow from the number."""
    lines = ["id,n,x"] if header else []
    return "\n".join(lines + [f"p{i},{i * 7},{i / 8}" for i in ids]) + "\n"


def json_lines(documents) -> str:
    return "".join(json.dumps(document) + "\n" for document in documents)
