"""The fingerprint of docs/fingerprint.md, written apart from the Swift one, over Parquet parts.

    fingerprint.py SPLIT=FILE [SPLIT=FILE …]        # train=a/part-0.parquet eval=b/part-0.parquet

Prints 32 hexadecimal digits.
"""

import sys

import numpy
import pyarrow
import pyarrow.parquet

U64 = numpy.uint64
MASK = (1 << 64) - 1
SEED_A, SEED_B = 0x243F6A8885A308D3, 0x13198A2E03707344
STEP_A, STEP_B, FACTOR_B = U64(0xA4093822299F31D0), U64(0x082EFA98EC4E6C89), U64(0x452821E638D01377)
NULL_A, NULL_B = U64(0xBE5466CF34E90C6C), U64(0xC0AC29B7C97C50DD)


def mix(x):
    x = x ^ (x >> U64(33))
    x = x * U64(0xFF51AFD7ED558CCD)
    x = x ^ (x >> U64(33))
    x = x * U64(0xC4CEB9FE1A85EC53)
    return x ^ (x >> U64(33))


def hash64(data, seed):
    """Of one byte string, in Python integers."""
    h = (seed ^ (len(data) * 0x9E3779B97F4A7C15)) & MASK
    for at in range(0, len(data), 8):
        h ^= int.from_bytes(data[at:at + 8], "little")
        h = (int(mix(numpy.array([h], U64))[0]) * 0x9FB21C651E98DF25) & MASK
    return int(mix(numpy.array([h], U64))[0])


def hash64_many(strings, seed):
    """Of a list of byte strings: those of one length at once."""
    result = numpy.zeros(len(strings), U64)
    lengths = numpy.array([len(s) for s in strings], dtype=numpy.int64)
    for length in numpy.unique(lengths):
        rows = numpy.flatnonzero(lengths == length)
        words = -(-int(length) // 8)
        block = numpy.zeros((len(rows), words * 8), numpy.uint8)
        for number, row in enumerate(rows):
            block[number, :length] = numpy.frombuffer(strings[row], numpy.uint8)
        block = block.view("<u8").reshape(len(rows), words)
        h = numpy.full(len(rows), (seed ^ (int(length) * 0x9E3779B97F4A7C15)) & MASK, U64)
        for word in range(words):
            h = mix(h ^ block[:, word]) * U64(0x9FB21C651E98DF25)
        result[rows] = mix(h)
    return result


def type_name(arrow):
    if pyarrow.types.is_decimal(arrow):
        return f"decimal({arrow.precision},{arrow.scale})"
    names = {
        pyarrow.string(): "string", pyarrow.int64(): "int", pyarrow.float64(): "double", pyarrow.bool_(): "bool",
        pyarrow.date32(): "date", pyarrow.timestamp("us", tz="UTC"): "timestamp",
    }
    return names[arrow]


def words(array):
    """The steps of a column: pairs of arrays (u, v)."""
    kind = type_name(array.type)
    if kind == "string":
        strings = [b"" if s is None else s.encode() for s in array.to_pylist()]
        return [(hash64_many(strings, SEED_A), hash64_many(strings, SEED_B))]
    if kind.startswith("decimal"):
        shift = array.type.scale
        unscaled = [0 if d is None else int(d.as_tuple().sign and -1 or 1) * int(
            "".join(map(str, d.as_tuple().digits)) + "0" * (d.as_tuple().exponent + shift))
            for d in array.to_pylist()]
        low = numpy.array([u & MASK for u in unscaled], dtype=U64)
        high = numpy.array([u >> 64 & MASK for u in unscaled], dtype=U64)
        return [(low, low), (high, high)]
    if kind == "double":
        values = numpy.array(array.fill_null(0.0).to_numpy(zero_copy_only=False), dtype=numpy.float64)
        values[values == 0] = 0.0
        bits = values.view(U64).copy()
        bits[numpy.isnan(values)] = U64(0x7FF8000000000000)
        return [(bits, bits)]
    if kind == "bool":
        array = array.cast(pyarrow.int8())
    elif kind == "date":
        array = array.cast(pyarrow.int32())
    integers = array.cast(pyarrow.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    bits = integers.astype(numpy.int64).view(U64)
    return [(bits, bits)]


def rows_sum(table, split):
    """The sum of the rows' numbers."""
    a = numpy.full(len(table), hash64(split.encode(), SEED_A), U64)
    b = numpy.full(len(table), hash64(split.encode(), SEED_B), U64)
    for column in table.columns:
        array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
        nulls = array.is_null().to_numpy(zero_copy_only=False)
        for number, (u, v) in enumerate(words(array)):
            u, v = numpy.where(nulls, NULL_A, u), numpy.where(nulls, NULL_B, v)
            next_a, next_b = mix(a ^ u) + STEP_A, mix(b + v * FACTOR_B) + STEP_B
            # A null decimal takes one step, not two.
            keep = nulls if number > 0 else numpy.zeros(len(table), bool)
            a, b = numpy.where(keep, a, next_a), numpy.where(keep, b, next_b)
    return (sum(b.tolist()) << 64) + sum(a.tolist())


def fingerprint(parts):
    total, rows, schema = 0, 0, None
    for split, path in parts:
        table = pyarrow.parquet.read_table(path)
        text = "".join(f"{f.name}\x1f{type_name(f.type)}\x1e" for f in table.schema)
        if schema not in (None, text):
            raise SystemExit(f"{path} has another schema than the parts before it")
        schema = text
        total += rows_sum(table, split)
        rows += len(table)
    a = numpy.array([hash64(schema.encode(), SEED_A)], U64)
    b = numpy.array([hash64(schema.encode(), SEED_B)], U64)
    for word in (total & MASK, total >> 64 & MASK, rows):
        word = numpy.array([word], U64)
        a, b = mix(a ^ word) + STEP_A, mix(b + word * FACTOR_B) + STEP_B
    return f"{int(b[0]):016x}{int(a[0]):016x}"


if __name__ == "__main__":
    print(fingerprint([argument.split("=", 1) for argument in sys.argv[1:]]))
