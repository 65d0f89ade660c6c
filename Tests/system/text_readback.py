"""Compares table.csv and table.jsonl with table.json, the description that WriterTextTests.swift writes beside them.

    text_readback.py DIRECTORY

Python's json reads the JSON lines with all digits; a small RFC 4180 reader, which unlike Python's csv tells an empty field
from an empty string, reads the CSV. Then Polars and DuckDB must read both, and pandas the CSV, with the right number of
rows, columns and nulls. Prints `equal`; the first difference ends it with status 1.
"""

import datetime
import decimal
import json
import math
import pathlib
import struct
import sys

import duckdb
import pandas
import polars

EPOCH = datetime.datetime(1970, 1, 1)
decimal.getcontext().prec = 60


def records(text):
    """The fields of RFC 4180 text: pairs of (was quoted, text)."""
    row, at = [], 0
    while at < len(text):
        if text[at] == '"':
            field, at = "", at + 1
            while True:
                end = text.index('"', at)
                field += text[at:end]
                at = end + 1
                if at < len(text) and text[at] == '"':
                    field, at = field + '"', at + 1
                else:
                    break
            row.append((True, field))
        else:
            end = at
            while text[end] not in ",\n":
                assert text[end] != '"' and text[end] != "\r", "unquoted quote or return"
                end += 1
            row.append((False, text[at:end]))
            at = end
        if text[at] == "\n":
            yield row
            row = []
        at += 1
        if at < len(text) and text[at - 1] == "," and text[at] == "\n":
            row.append((False, ""))
            yield row
            row, at = [], at + 1
    assert not row, "no line end at the end"


def wanted(column, value):
    """A described value as its text must stand for it."""
    kind = column["type"]
    if value is None or kind == "string":
        return value
    if kind == "int":
        return int(value)
    if kind == "double":
        return struct.unpack("<d", struct.pack("<Q", int(value)))[0]
    if kind == "bool":
        return value == "1"
    if kind == "date":
        return (EPOCH + datetime.timedelta(days=int(value))).date()
    if kind == "timestamp":
        return EPOCH + datetime.timedelta(microseconds=int(value))
    return decimal.Decimal(int(value)).scaleb(-int(kind.rstrip(")").split(",")[1]))


def parsed(column, text):
    kind = column["type"]
    if kind == "string":
        return text
    if kind == "int":
        return int(text)
    if kind == "double":
        return float(text)
    if kind == "bool":
        return {"true": True, "false": False}[text]
    if kind == "date":
        return datetime.date.fromisoformat(text)
    if kind == "timestamp":
        assert text.endswith("Z") and ("." not in text or len(text.partition(".")[2]) == 7), text
        return datetime.datetime.fromisoformat(text[:-1])
    value = decimal.Decimal(text)
    assert -value.as_tuple().exponent == int(kind.rstrip(")").split(",")[1]), f"{text} for {kind}"
    return value


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return math.isnan(a) and math.isnan(b) or struct.pack("<d", a) == struct.pack("<d", b)
    return a == b and type(a) is type(b)


def check(what, column, row, got, want):
    if not same(got, want):
        print(f"{what}, column {column['name']}, row {row}: {got!r} instead of {want!r}")
        sys.exit(1)


def of_pandas(what, frame):
    return what, list(frame.columns), len(frame), frame.isna().sum().to_dict()


def of_polars(what, frame):
    return what, frame.columns, frame.height, {name: frame[name].null_count() for name in frame.columns}


def of_duckdb(what, source):
    relation = duckdb.sql(f"select * from {source}")
    counts = ", ".join(f'count("{name}")' for name in relation.columns)
    rows, *values = duckdb.sql(f"select count(*), {counts} from relation").fetchall()[0]
    return what, relation.columns, rows, {n: rows - v for n, v in zip(relation.columns, values)}


def main():
    directory = pathlib.Path(sys.argv[1])
    columns = json.loads((directory / "table.json").read_text())["columns"]
    names = [c["name"] for c in columns]
    rows = len(columns[0]["values"])

    with open(directory / "table.csv", newline="", encoding="utf-8") as file:
        lines = list(records(file.read()))
    assert [text for _, text in lines[0]] == names, lines[0]
    assert len(lines) == rows + 1, f"{len(lines)} lines"
    for row, fields in enumerate(lines[1:]):
        assert len(fields) == len(columns), f"row {row} has {len(fields)} fields"
        for column, (quoted, text) in zip(columns, fields):
            got = None if not quoted and text == "" else parsed(column, text)
            check("CSV", column, row, got, wanted(column, column["values"][row]))

    documents = []
    with open(directory / "table.jsonl", newline="\n", encoding="utf-8") as file:
        for line in file.read().removesuffix("\n").split("\n"):
            documents.append(json.loads(line, parse_float=str, parse_int=str))
    assert len(documents) == rows
    for row, document in enumerate(documents):
        assert list(document) == names
        for column in columns:
            want = wanted(column, column["values"][row])
            if isinstance(want, float) and not math.isfinite(want):
                want = None
            got = document[column["name"]]
            if got is not None and column["type"] not in ("string", "bool"):
                got = parsed(column, got)
            check("JSON", column, row, got, want)

    # Readers at large: the shape, and which are null. pandas' JSON reader refuses whole numbers above 64 bits, which
    # decimals have, so it reads the CSV only.
    csv, jsonl = str(directory / "table.csv"), str(directory / "table.jsonl")
    for what, found, found_rows, nulls in [
        of_pandas("pandas CSV", pandas.read_csv(csv, dtype=str)),
        of_polars("Polars CSV", polars.read_csv(csv, infer_schema=False)),
        of_polars("Polars JSON", polars.read_ndjson(jsonl, infer_schema_length=None)),
        of_duckdb("DuckDB CSV", f"read_csv('{csv}', all_varchar=true, quote='\"', escape='\"')"),
        of_duckdb("DuckDB JSON", f"read_json('{jsonl}', format='newline_delimited')"),
    ]:
        # JSON's members have no order, and Polars keeps none.
        good = found == names if "CSV" in what else sorted(found) == sorted(names)
        assert good and found_rows == rows, f"{what}: {len(found)} columns, {found_rows} rows"
        for column in columns:
            if column["type"] == "double" or (column["type"] == "string" and "CSV" in what):
                continue  # NaN, and the empty string, which readers of CSV take for null as they like
            got, want = nulls[column["name"]], column["values"].count(None)
            assert got == want, f"{what}, column {column['name']}: {got} nulls instead of {want}"
    print("equal")


if __name__ == "__main__":
    main()
