"""Whether several programs' tables hold the same numbers: the count of rows, and of each number's column its values and sum.

usage: totals.py DIRECTORY DIRECTORY…      each with Parquet files anywhere below it

For peers, whose types differ (pandas makes doubles of counts with a null among them): the first one's numbers are
looked for in all others. Sums may differ by 1e-9 relative.
"""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset


def totals(directory: Path) -> dict[str, tuple[int, float]]:
    files = sorted(file for file in directory.rglob("*.parquet"))
    if not files:
        sys.exit(f"{directory}: there is no Parquet file")
    table = pa.concat_tables([pyarrow.dataset.dataset(file).to_table() for file in files], promote_options="permissive")
    found = {"rows": (table.num_rows, 0.0)}
    for field in table.schema:
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type):
            values = table[field.name].cast(pa.float64())
            found[field.name] = (len(values) - values.null_count, pc.sum(values).as_py() or 0.0)
    return found


def main() -> None:
    first, *others = map(Path, sys.argv[1:])
    want = totals(first)
    for other in others:
        got = totals(other)
        for name, (count, total) in want.items():
            if name not in got:
                sys.exit(f"{other.name} lacks the numbers of '{name}'")
            if got[name][0] != count or abs(got[name][1] - total) > 1e-9 * max(abs(total), abs(got[name][1])):
                sys.exit(f"{other.name}, '{name}': {got[name]}, {first.name} has {(count, total)}")
    print(f"equal totals: {len(want) - 1} columns of {', '.join(other.name for other in others)}")


if __name__ == "__main__":
    main()
