"""Compares a snapshot with a table that something else computed: every column of every row.

usage: compare.py SNAPSHOT EXPECTED.parquet… --key customer_id

SNAPSHOT is a directory with train/ and eval/, or the TO of a definition (then its newest snapshot is taken).
Doubles may differ by 1e-12 relative, because the other side's sums depend on their order; all else must be equal,
nulls included. Types are mapped where they say the same thing: a timestamp with and without UTC, a 128-bit sum that
the other side stored as a double, decimals of different precision.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

RELATIVE = 1e-12


def snapshot_directory(path: Path) -> Path:
    latest = path / "latest.json"
    if latest.exists():
        return path / f"snapshot={json.loads(latest.read_text())['snapshot']}"
    return path


def read_snapshot(path: Path) -> pa.Table:
    """All splits of a snapshot in one table. An absent or doubled row shows in `differences`."""
    snapshot = snapshot_directory(Path(path))
    files = sorted(file for split in ("train", "eval") for file in (snapshot / split).glob("*.parquet"))
    if not files:
        raise FileNotFoundError(f"no Parquet file in {snapshot}/train or {snapshot}/eval")
    return pa.concat_tables([pq.ParquetFile(file).read() for file in files])


def differences(got: pa.Table, want: pa.Table, key: str, relative: float = RELATIVE) -> list[str]:
    """What differs, a line each; empty when the tables hold the same rows (in any order)."""
    found = []
    if missing := sorted(set(want.column_names) - set(got.column_names)):
        found.append(f"columns missing: {missing}")
    if extra := sorted(set(got.column_names) - set(want.column_names)):
        found.append(f"columns too many: {extra}")
    got, want = got.sort_by(key), want.sort_by(key)
    if not got[key].combine_chunks().equals(want[key].combine_chunks().cast(got[key].type)):
        found.append(_key_difference(got[key], want[key]))
        return found
    for name in want.column_names:
        if name in got.column_names:
            line = _column_difference(name, got[name], want[name], got[key], relative)
            if line:
                found.append(line)
    return found


def _key_difference(got: pa.ChunkedArray, want: pa.ChunkedArray) -> str:
    ours, theirs = got.to_pylist(), want.to_pylist()
    twice = len(ours) - len(set(ours))
    missing, extra = set(theirs) - set(ours), set(ours) - set(theirs)
    return (f"keys differ: {len(ours)} rows against {len(theirs)}, {twice} repeated, {len(missing)} missing "
            f"{sorted(missing)[:3]}, {len(extra)} too many {sorted(extra)[:3]}")


def _column_difference(name, got, want, keys, relative) -> str | None:
    got, want, problem = _same_type(got.combine_chunks(), want.combine_chunks())
    if problem:
        return f"{name}: {problem}"
    same_null = pc.equal(got.is_null(), want.is_null())
    if pa.types.is_floating(got.type):
        ours, theirs = (column.fill_null(0.0).to_numpy(zero_copy_only=False) for column in (got, want))
        with np.errstate(invalid="ignore"):
            close = np.abs(ours - theirs) <= relative * np.maximum(np.abs(ours), np.abs(theirs))
        same = pa.array(close | (ours == theirs) | (np.isnan(ours) & np.isnan(theirs)))
    else:
        same = pc.equal(got, want).fill_null(True)
    wrong = pc.invert(pc.and_(same, same_null)).to_numpy(zero_copy_only=False).nonzero()[0]
    if len(wrong) == 0:
        return None
    first = int(wrong[0])
    return (f"{name}: {len(wrong)} rows differ, first at {keys[first].as_py()!r}: "
            f"{got[first].as_py()!r} against {want[first].as_py()!r}")


def _same_type(got: pa.Array, want: pa.Array):
    """Both in one type, or why they have none. `want` moves, `got` keeps what the snapshot says it is."""
    ours, theirs = got.type, want.type
    if ours == theirs:
        return got, want, None
    kinds = pa.types
    if kinds.is_timestamp(ours) and kinds.is_timestamp(theirs):
        same = pa.timestamp("us")
        return got.cast(same), want.cast(same), None
    if kinds.is_decimal(ours) and kinds.is_decimal(theirs) and ours.scale == theirs.scale:
        same = pa.decimal128(38, ours.scale)
        return got.cast(same), want.cast(same), None
    if kinds.is_integer(ours) and (kinds.is_integer(theirs) or kinds.is_floating(theirs)):
        return got, want.cast(ours), None  # a fraction or an overflow raises
    if _is_text(ours) and _is_text(theirs):
        return got.cast(pa.string()), want.cast(pa.string()), None
    return got, want, f"type {ours} against {theirs}"


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view"


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares a snapshot with what something else computed.")
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("expected", type=Path, nargs="+")
    parser.add_argument("--key", default="customer_id")
    arguments = parser.parse_args()
    got = read_snapshot(arguments.snapshot)
    want = pa.concat_tables([pq.ParquetFile(file).read() for file in arguments.expected])
    found = differences(got, want, arguments.key)
    for line in found:
        print(line)
    if found:
        sys.exit(1)
    print(f"equal: {got.num_rows} rows, {got.num_columns} columns")


if __name__ == "__main__":
    main()
