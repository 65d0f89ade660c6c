"""Reads a snapshot as a training program would and prints a few rows of it.

usage: show.py TO        TO holds latest.json and snapshot=…/
"""

import datetime
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def snapshot_directory(to: Path) -> Path:
    latest = json.loads((to / "latest.json").read_text())
    return to / f"snapshot={latest['snapshot']}"


def shown(value) -> str:
    match value:
        case None:
            return "–"
        case float():
            return f"{value:.2f}"
        case datetime.datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case _:
            return str(value)


def print_rows(table: pa.Table, count: int) -> None:
    """Columns down, rows across: there are more columns than a terminal is wide."""
    rows = table.slice(0, count)
    lines = [(field.name, str(field.type), *map(shown, rows[field.name].to_pylist()))
             for field in table.schema]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    for line in lines:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


def main() -> None:
    snapshot = snapshot_directory(Path(sys.argv[1]))
    manifest = json.loads((snapshot / "manifest.json").read_text())
    for split in ("eval", "train"):
        promised = manifest["splits"][split]
        files = sorted((snapshot / split).glob("*.parquet"))
        table = pa.concat_tables([pq.read_table(file) for file in files])
        if table.num_rows != promised:
            sys.exit(f"{split}: {table.num_rows} rows, but the manifest says {promised}")
        labels = table["redeemed"].to_pylist()
        print(f"\n{split}: {table.num_rows} rows, {table.num_columns} columns, {len(files)} file(s), "
              f"{sum(labels)} households redeemed a coupon ({sum(labels) / len(labels):.1%})")
        if split == "train":
            print_rows(table, 4)


if __name__ == "__main__":
    main()
