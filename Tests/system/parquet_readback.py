"""Compares Parquet files with independent descriptions of what they hold, through four readers.

    parquet_readback.py DIRECTORY      # NAME.parquet beside NAME.json, as ParquetReadbackTests.swift writes them

Checked for pyarrow, DuckDB, Polars and pandas: names, types, every value (doubles by their bits). Checked in the
footer: row groups, whether a column is required, codec, null counts, least and greatest values.
Prints how many files were compared; the first difference ends it with status 1.
"""

import decimal
import json
import pathlib
import re
import struct
import sys

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.parquet

decimal.getcontext().prec = 60
NAN = struct.unpack("<Q", struct.pack("<d", float("nan")))[0]


def decimal_parts(type_name):
    found = re.fullmatch(r"decimal\((\d+),(\d+)\)", type_name)
    return (int(found[1]), int(found[2])) if found else None


def arrow_type(type_name):
    if parts := decimal_parts(type_name):
        return pyarrow.decimal128(*parts)
    return {
        "string": pyarrow.string(), "int": pyarrow.int64(), "double": pyarrow.float64(),
        "bool": pyarrow.bool_(), "date": pyarrow.date32(), "timestamp": pyarrow.timestamp("us", tz="UTC"),
    }[type_name]


def duckdb_type(type_name):
    if parts := decimal_parts(type_name):
        return "DECIMAL(%d,%d)" % parts
    return {
        "string": "VARCHAR", "int": "BIGINT", "double": "DOUBLE", "bool": "BOOLEAN", "date": "DATE",
        "timestamp": "TIMESTAMP WITH TIME ZONE",
    }[type_name]


def polars_type(type_name):
    if parts := decimal_parts(type_name):
        return polars.Decimal(*parts)
    return {
        "string": polars.String, "int": polars.Int64, "double": polars.Float64, "bool": polars.Boolean,
        "date": polars.Date, "timestamp": polars.Datetime("us", "UTC"),
    }[type_name]


def plain(type_name, array):
    """An arrow column as the description has values: text, doubles as the text of their bits."""
    array = array.combine_chunks() if isinstance(array, pyarrow.ChunkedArray) else array
    if type_name == "string":
        return array.to_pylist()
    if type_name == "bool":
        return [None if v is None else str(int(v)) for v in array.to_pylist()]
    if type_name == "int":
        return [None if v is None else str(v) for v in array.to_pylist()]
    if type_name == "date":
        return [None if v is None else str(v) for v in array.cast(pyarrow.int32()).to_pylist()]
    if type_name == "timestamp":
        return [None if v is None else str(v) for v in array.cast(pyarrow.int64()).to_pylist()]
    if type_name == "double":
        return [None if v is None else str(bits(v)) for v in array.to_pylist()]
    scale = decimal_parts(type_name)[1]
    return [None if v is None else str(int(v.scaleb(scale))) for v in array.to_pylist()]


def bits(value):
    return NAN if value != value else struct.unpack("<Q", struct.pack("<d", value))[0]


def wanted(column):
    if column["type"] != "double":
        return column["values"]
    return [None if v is None else str(bits(struct.unpack("<d", struct.pack("<Q", int(v)))[0]))
            for v in column["values"]]


def fail(path, message):
    print(f"{path}: {message}")
    sys.exit(1)


def compare(path, reader, columns, table):
    names = [c["name"] for c in columns]
    if table.column_names != names:
        fail(path, f"{reader} sees the columns {table.column_names}")
    for column in columns:
        got = plain(column["type"], table.column(column["name"]))
        want = wanted(column)
        if got != want:
            row = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
            fail(path, f"{reader}, column {column['name']}, row {row} of {len(want)} ({len(got)} read): "
                       f"{got[row:row + 1]} instead of {want[row:row + 1]}")


def typed(column, text):
    """A described value as Python compares it."""
    kind = column["type"]
    if kind == "string":
        return text.encode()
    if kind == "double":
        return struct.unpack("<d", struct.pack("<Q", int(text)))[0]
    if kind == "bool":
        return bool(int(text))
    return int(text)


def statistic(column, value):
    """A footer's bound in the same form."""
    kind = column["type"]
    if kind == "string":
        return value.encode() if isinstance(value, str) else value
    if kind in ("date", "timestamp"):
        array = pyarrow.array([value], arrow_type(kind))
        return array.cast(pyarrow.int32() if kind == "date" else pyarrow.int64())[0].as_py()
    if parts := decimal_parts(kind):
        if isinstance(value, bytes):
            return int.from_bytes(value, "big", signed=True)
        return int(decimal.Decimal(value).scaleb(parts[1])) if isinstance(value, decimal.Decimal) else int(value)
    return value


def check_statistics(path, metadata, groups, columns):
    start = 0
    # pyarrow does not tell whether a bound is exact; DuckDB does.
    exactness = {(group, column): exact for group, column, *exact in duckdb.sql(
        "select row_group_id, column_id, min_is_exact, max_is_exact "
        f"from parquet_metadata('{path}')").fetchall()}
    for index, rows in enumerate(groups):
        group = metadata.row_group(index)
        if group.num_rows != rows:
            fail(path, f"row group {index} has {group.num_rows} rows instead of {rows}")
        for number, column in enumerate(columns):
            chunk = group.column(number)
            where = f"row group {index}, column {column['name']}"
            values = column["values"][start:start + rows]
            there = [typed(column, v) for v in values if v is not None]
            there = [v for v in there if v == v]
            stats = chunk.statistics
            if stats.null_count != values.count(None):
                fail(path, f"{where}: null_count {stats.null_count}")
            if "PLAIN_DICTIONARY" in chunk.encodings:
                fail(path, f"{where}: PLAIN_DICTIONARY")
            if stats.has_min_max != bool(there):
                # A greatest string of 64 times the last code point has no short bound above it.
                fail(path, f"{where}: has_min_max is {stats.has_min_max} for {len(there)} values")
            if not there:
                continue
            low, high = statistic(column, stats.min), statistic(column, stats.max)
            if column["type"] == "string":
                exact = [len(min(there)) <= 64, len(max(there)) <= 64]
                if exactness[index, number] != exact:
                    fail(path, f"{where}: exactness {exactness[index, number]}")
                good = (low == min(there) if exact[0] else low < min(there) and min(there).startswith(low))
                good = good and (high == max(there) if exact[1] else high > max(there) and len(high) <= 67)
            elif column["type"] == "double":
                least, greatest = min(there), max(there)
                good = bits(low) == bits(least if least != 0 else -0.0)
                good = good and bits(high) == bits(greatest if greatest != 0 else 0.0)
            else:
                good = (low, high) == (min(there), max(there))
            if not good:
                fail(path, f"{where}: bounds {stats.min!r}, {stats.max!r} of {min(there)!r}, {max(there)!r}")
        start += rows


def check(path):
    description = json.loads(path.with_suffix(".json").read_text())
    columns, groups = description["columns"], description["groups"]
    file = pyarrow.parquet.ParquetFile(path)
    metadata = file.metadata
    if metadata.num_row_groups != len(groups) or metadata.num_rows != sum(groups):
        fail(path, f"{metadata.num_row_groups} row groups, {metadata.num_rows} rows")
    if metadata.metadata.get(b"dataset") != "test ü".encode():
        fail(path, f"key-value metadata {metadata.metadata}")
    for number, column in enumerate(columns):
        if file.schema.column(number).max_definition_level != (0 if column["required"] else 1):
            fail(path, f"column {column['name']} is not {'required' if column['required'] else 'optional'}")
        for group in range(len(groups)):
            codec = metadata.row_group(group).column(number).compression.lower()
            if codec != path.name.split("-")[0]:
                fail(path, f"codec {codec}")
    check_statistics(path, metadata, groups, columns)

    table = file.read()
    for column in columns:
        if table.schema.field(column["name"]).type != arrow_type(column["type"]):
            fail(path, f"pyarrow reads {column['name']} as {table.schema.field(column['name']).type}")
    compare(path, "pyarrow", columns, table)

    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    relation = connection.sql(f"select * from read_parquet('{path}')")
    for column, found in zip(columns, relation.types):
        if str(found) != duckdb_type(column["type"]):
            fail(path, f"DuckDB reads {column['name']} as {found}")
    compare(path, "DuckDB", columns, relation.to_arrow_table())

    frame = polars.read_parquet(path)
    for column in columns:
        if frame.schema[column["name"]] != polars_type(column["type"]):
            fail(path, f"Polars reads {column['name']} as {frame.schema[column['name']]}")
    compare(path, "Polars", columns, frame.to_arrow())

    frame = pandas.read_parquet(path, dtype_backend="pyarrow")
    for column in columns:
        if frame[column["name"]].dtype != pandas.ArrowDtype(arrow_type(column["type"])):
            fail(path, f"pandas reads {column['name']} as {frame[column['name']].dtype}")
    compare(path, "pandas", columns, pyarrow.Table.from_pandas(frame, preserve_index=False))


def main():
    paths = sorted(pathlib.Path(sys.argv[1]).glob("*.parquet"))
    for path in paths:
        check(path)
    print(f"{len(paths)} files")


if __name__ == "__main__":
    main()
