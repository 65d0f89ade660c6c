"""A snapshot of every type reads back equal in pyarrow, DuckDB, Polars and pandas."""

import datetime as dt
import math
from decimal import Decimal

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakes import write
from program import Snapshot

UTC = dt.timezone.utc
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)

SCHEMA = {
    "id": pa.string(),
    "i": pa.int64(),
    "d": pa.float64(),
    "b": pa.bool_(),
    "s": pa.string(),
    "day": pa.date32(),
    "at": pa.timestamp("us", tz="UTC"),
    "price": pa.decimal128(10, 2),
    "wide": pa.decimal128(38, 9),
}

# What a CSV cell says and what it must become.
ROWS = [
    ("plain", "1", "1.5", "true", "text", "2020-02-29", "2020-02-29T23:59:59Z", "12.34", "1.000000001"),
    ("nulls", "", "", "", "", "", "", "", ""),
    ("largest", "9223372036854775807", "1.7976931348623157e308", "true", '"a ""quoted"", one"', "9999-12-31",
     "9999-12-31T23:59:59.999999Z", "99999999.99", "99999999999999999999999999999.999999999"),
    ("smallest", "-9223372036854775808", "5e-324", "false", '"two\nlines"', "0001-01-01", "0001-01-01T00:00:00Z",
     "-99999999.99", "-99999999999999999999999999999.999999999"),
    ("before 1970", "-1", "-0.1", "false", "é ö 漢字 🛒", "1969-12-31", "1969-12-31T23:59:59.999999Z", "-0.01",
     "-0.000000001"),
    ("zero", "0", "-0.0", "false", '""', "1970-01-01", "1970-01-01T00:00:00Z", "0.00", "0"),
    ("offset", "+7", "1e-7", "true", " spaces stay ", "2024-12-31", "2024-06-01T12:00:00+02:00", "1", "7.5"),
]

VALUES = {
    "plain": (1, 1.5, True, "text", dt.date(2020, 2, 29), dt.datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC),
              Decimal("12.34"), Decimal("1.000000001")),
    "nulls": (None,) * 8,
    "largest": (2**63 - 1, 1.7976931348623157e308, True, 'a "quoted", one', dt.date(9999, 12, 31),
                dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), Decimal("99999999.99"),
                Decimal("99999999999999999999999999999.999999999")),
    "smallest": (-(2**63), 5e-324, False, "two\nlines", dt.date(1, 1, 1), dt.datetime(1, 1, 1, tzinfo=UTC),
                 Decimal("-99999999.99"), Decimal("-99999999999999999999999999999.999999999")),
    "before 1970": (-1, -0.1, False, "é ö 漢字 🛒", dt.date(1969, 12, 31),
                    dt.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), Decimal("-0.01"),
                    Decimal("-0.000000001")),
    # A quoted empty field is the empty string, not null.
    "zero": (0, -0.0, False, "", dt.date(1970, 1, 1), EPOCH, Decimal("0.00"), Decimal("0E-9")),
    "offset": (7, 1e-7, True, " spaces stay ", dt.date(2024, 12, 31), dt.datetime(2024, 6, 1, 10, tzinfo=UTC),
               Decimal("1.00"), Decimal("7.500000000")),
}

DEFINITION = """\
dataset: types
key: id
as_of: 2026-01-01T00:00:00Z
sources:
  rows:
    objects: "${{IN}}"
    format: {{csv: {{header: true}}}}
    keep: latest
    columns: {{id: string, i: int, d: double, b: bool, s: string, day: date, at: timestamp, price: "decimal(10,2)",
              wide: "decimal(38,9)"}}
features: {{rows: [i, d, b, s, day, at, price, wide]}}
rows: {{from: rows}}
split: {{train: 0.5, eval: 0.5, salt: s}}
snapshot: {{to: "${{OUT}}", format: {{parquet: {{compression: {compression}}}}}}}
"""


@pytest.fixture(scope="module", params=["zstd", "snappy", "none"])
def snapshot(request, program, tmp_path_factory) -> Snapshot:
    tmp = tmp_path_factory.mktemp("types")
    write(tmp / "in" / "rows.csv", "id,i,d,b,s,day,at,price,wide\n" + "".join(",".join(row) + "\n" for row in ROWS))
    definition = write(tmp / "types.yaml", DEFINITION.format(compression=request.param))
    program.batch(definition, IN=tmp / "in", OUT=tmp / "out")
    return Snapshot.newest(tmp / "out")


def files(snapshot) -> list[str]:
    return sorted(str(snapshot.path / part["key"]) for part in snapshot.manifest["parts"])


def assert_values(rows: dict[str, tuple]) -> None:
    assert rows.keys() == VALUES.keys()
    for key, want in VALUES.items():
        assert rows[key] == want, f"{key}: {rows[key]} against {want}"
    # -0.0 == 0.0, so its sign needs a look of its own.
    assert math.copysign(1, rows["zero"][1]) == -1


def test_pyarrow(snapshot):
    table = snapshot.table()
    assert {field.name: field.type for field in table.schema} == SCHEMA
    assert_values({row[0]: row[1:] for row in zip(*(table[name].to_pylist() for name in SCHEMA))})


def test_duckdb(snapshot):
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    found = connection.sql(f"select * from read_parquet({files(snapshot)}, hive_partitioning = false)")
    assert dict(zip(found.columns, map(str, found.types))) == {
        "id": "VARCHAR", "i": "BIGINT", "d": "DOUBLE", "b": "BOOLEAN", "s": "VARCHAR", "day": "DATE",
        "at": "TIMESTAMP WITH TIME ZONE", "price": "DECIMAL(10,2)", "wide": "DECIMAL(38,9)"}
    # DuckDB's Python side needs another package for times with a zone; microseconds need none.
    rows = connection.sql(f"""select * replace (epoch_us("at") as "at")
                              from read_parquet({files(snapshot)}, hive_partitioning = false)""").fetchall()
    assert_values({row[0]: (*row[1:6], None if row[6] is None else EPOCH + dt.timedelta(microseconds=row[6]), *row[7:])
                   for row in rows})


def test_polars(snapshot):
    frame = pl.read_parquet(files(snapshot), hive_partitioning=False)
    assert dict(frame.schema) == {
        "id": pl.String, "i": pl.Int64, "d": pl.Float64, "b": pl.Boolean, "s": pl.String, "day": pl.Date,
        "at": pl.Datetime("us", "UTC"), "price": pl.Decimal(10, 2), "wide": pl.Decimal(38, 9)}
    assert_values({row[0]: row[1:] for row in frame.rows()})


def test_pandas(snapshot):
    frame = pd.concat([pd.read_parquet(file, dtype_backend="pyarrow", partitioning=None) for file in files(snapshot)])
    assert {name: kind.pyarrow_dtype for name, kind in frame.dtypes.items()} == SCHEMA
    assert_values({row[0]: tuple(None if value is pd.NA or value is pd.NaT else value for value in row[1:])
                   for row in zip(*(frame[name].array.__arrow_array__().to_pylist() for name in SCHEMA))})


def test_statistics_and_sizes_hold(snapshot):
    """Readers skip row groups by their statistics, so a wrong one loses rows."""
    for part in snapshot.manifest["parts"]:
        path = snapshot.path / part["key"]
        assert path.stat().st_size == part["bytes"]
        file = pq.ParquetFile(path)
        assert file.metadata.num_rows == part["rows"]
        for group in range(file.metadata.num_row_groups):
            rows = file.read_row_group(group)
            for number in range(file.metadata.num_columns):
                about = file.metadata.row_group(group).column(number)
                values = [value for value in rows[about.path_in_schema].to_pylist() if value is not None]
                assert about.statistics is not None, about.path_in_schema
                assert about.statistics.null_count == rows.num_rows - len(values)
                if values and about.statistics.has_min_max:
                    assert about.statistics.min <= min(values) and about.statistics.max >= max(values)


def test_filters_find_their_rows(snapshot):
    """The same, seen from a reader that pushes a filter down."""
    for column, value, ids in [("i", -(2**63), ["smallest"]), ("s", "é ö 漢字 🛒", ["before 1970"]),
                               ("day", dt.date(9999, 12, 31), ["largest"]), ("price", Decimal("-0.01"), ["before 1970"]),
                               ("d", 0.0, ["zero"])]:
        # Each file by itself: a filter must give the rows that reading all and comparing gives.
        found = [row["id"] for file in files(snapshot)
                 for row in pq.read_table(file, filters=[(column, "=", value)], partitioning=None).to_pylist()]
        assert found == ids, f"{column} = {value!r}"


def test_the_fingerprint_is_of_these_rows(snapshot):
    assert snapshot.computed_fingerprint() == snapshot.fingerprint


def test_the_schema_is_in_the_manifest(snapshot):
    assert [field["name"] for field in snapshot.manifest["schema"]] == list(SCHEMA)
    assert [field["type"] for field in snapshot.manifest["schema"]] == [
        "string", "int", "double", "bool", "string", "date", "timestamp", "decimal(10,2)", "decimal(38,9)"]


def test_the_profile_holds(snapshot):
    profile = snapshot.manifest["profile"]
    assert profile.keys() >= SCHEMA.keys() - {"id"}
    assert profile["i"]["nulls"] == 1
    assert profile["b"]["nulls"] == 1
