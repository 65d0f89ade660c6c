"""Golden casts of numbers, truth values and UTF-8, by Python's own float, decimal, fractions and codecs.

    python3 make_numbers.py        # rewrites numbers.tsv and utf8.tsv beside this file

numbers.tsv: type, text, expected (a value or the name of a fault). A double is given by its bits, a decimal by its
unscaled value. utf8.tsv: bytes in hex, 1 or 0. The seed is fixed, so the files only change with this script.
"""
import pathlib
import random
import re
import struct
from fractions import Fraction

SEED = 20261121
HERE = pathlib.Path(__file__).parent
GRAMMAR = re.compile(r"[ ]*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?[ ]*\Z", re.ASCII)
rng = random.Random(SEED)


def exact(text):
    """The text as a fraction, or None if it is no number."""
    match = GRAMMAR.match(text)
    if not match or not (match[2] or match[3]):
        return None
    digits, fraction = match[2] or "", match[3] or ""
    # No other part of a text here reaches as far as 3,000 digits.
    exponent = max(-3000, min(3000, int(match[4] or 0)))
    value = Fraction(int((digits + fraction) or "0")) * Fraction(10) ** (exponent - len(fraction))
    return -value if match[1] == "-" else value


def expected_int(text):
    value = exact(text)
    if value is None or (value.denominator != 1):
        return "notAnInt"
    return str(int(value)) if -(2**63) <= value < 2**63 else "outOfRange"


def expected_decimal(text, precision, scale):
    value = exact(text)
    if value is None:
        return "notADecimal"
    scaled = value * 10**scale
    if abs(scaled) >= 10**precision:
        return "outOfRange"
    return str(int(scaled)) if scaled.denominator == 1 else "tooPrecise"


def expected_double(text):
    try:
        value = float(text)
    except ValueError:
        return "notADouble"
    if value in (float("inf"), float("-inf")) and "i" not in text.lower():
        return "outOfRange"
    if value != value:
        return "nan"
    return struct.pack(">d", value).hex()


def digits(low, high):
    return "".join(rng.choice("0123456789") for _ in range(rng.randint(low, high)))


def dressed(text):
    """Signs, spaces and leading zeros that change nothing."""
    if rng.random() < 0.3:
        text = rng.choice("+-") + text
    if rng.random() < 0.1:
        text = " " * rng.randint(0, 2) + text + " " * rng.randint(0, 2)
    return text


def numbers():
    """Texts that are numbers, of all shapes."""
    for length in range(1, 24):
        for _ in range(12):
            yield dressed(digits(length, length))
    for _ in range(700):
        yield dressed(digits(0, 12) + "." + digits(1, 12))
    for _ in range(150):
        yield dressed(digits(1, 8) + "." + "0" * rng.randint(0, 40))
        yield dressed(digits(0, 6) + "." + digits(0, 6) + rng.choice("eE") + rng.choice(["", "+", "-"]) + digits(1, 2))
    for base in (2**63, 2**53, 2**64, 10**38, 10**19, 10**16, 10**15, 10**8):
        for near in range(-2, 3):
            yield str(base + near)
            yield str(-(base + near))
    yield from ["0", "-0", "+0", "00", "0.0", "-0.0", ".5", "5.", "0e0", "0e999999999999999999999", "1e0", "1e18"]
    yield from ["1e19", "9.223372036854775807e18", "9223372036854775807.0", "9223372036854775808.0", "1e-1"]
    yield from ["10e-1", "1e38", "1e39", "123e-40", "1e-999999999999999999999", "1e999999999999999999999"]
    yield from ["0." + "0" * 50 + "1e51", "1" + "0" * 45 + "e-45", "9" * 38, "9" * 39, "0" * 60 + "7"]
    yield from ["1." + "0" * 50 + "1", "9" * 36 + ".99", "9" * 36 + ".999", "9" * 37 + ".9"]


BAD = ["", " ", "-", "+", ".", "-.", "e5", "1e", "1e+", "1.2.3", "--1", "+-1", "1-", "1 2", "1,5", "0x10", "1_000", "abc"]
BAD += ["12a", "a12", "1.5x", "١٢", "1e5.5", "∞", "1/2", "12:", "/1", ":", "1234567:", "12345678:", "1234567890123:", "½"]


def doubles():
    yield from numbers()
    for _ in range(600):
        value = struct.unpack(">d", rng.randbytes(8))[0]
        if value == value and abs(value) != float("inf"):
            yield repr(value)
            yield "%.17g" % value
            yield "%.16e" % value
    for _ in range(500):
        yield digits(1, 25) + "." + digits(0, 25) + "e" + str(rng.randint(-350, 310))
    for _ in range(40):
        # Exactly between two doubles, and a little beside it.
        low = abs(struct.unpack(">d", rng.randbytes(8))[0])
        if low != low or not 1e-30 < low < 1e60:
            low = rng.random() * 10 ** rng.randint(-10, 20)
        high = struct.unpack(">d", struct.pack(">q", struct.unpack(">q", struct.pack(">d", low))[0] + 1))[0]
        middle = (Fraction(low) + Fraction(high)) / 2
        shift = middle.denominator.bit_length() - 1
        text = str(int(middle * 10**shift)).rjust(shift + 1, "0")
        text = text[: len(text) - shift] + "." + text[len(text) - shift :]
        yield text
        yield text + "0000000001"
        yield text[:-1] + "4999"
    for bits in (1, 2, 3, 0xFFFFFFFFFFFFF, 0x10000000000000, 0x10000000000001, 0x7FEFFFFFFFFFFFFF):
        yield "%.17g" % struct.unpack(">d", struct.pack(">Q", bits))[0]
        value = Fraction(struct.unpack(">d", struct.pack(">Q", bits))[0])
        step = Fraction(2) ** (-1074 if bits < 2**53 else 971)
        for middle in (value - step / 2, value + step / 2):
            if middle > 0:
                shift = max(middle.denominator.bit_length() - 1, 0)
                yield str(int(middle * 10**shift)) + "e-" + str(shift)
                yield str(int(middle * 10**shift)) + "1e-" + str(shift + 1)
                yield str(int(middle * 10**shift) - 1) + "e-" + str(shift)
    yield from ["2.4703282292062327e-324", "2.4703282292062328e-324", "1e-400", "1e400", "-1e400", "1e309", "1e308"]
    yield from ["1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "4.9e-324", "1e-323"]
    yield from ["2.2250738585072011e-308", "2.2250738585072014e-308", "9007199254740993", "9007199254740993.0"]
    yield from ["9007199254740992.5", "9007199254740993e0", "1" + "0" * 400, "0." + "0" * 400 + "1", "1" * 900]
    yield from ["nan", "NaN", "NAN", "-nan", "+nan", "inf", "-inf", "+Inf", "INFINITY", "-Infinity", "iNf", " inf "]


def utf8():
    pieces = [b"", b"a", b"plain ascii", "é".encode(), "€".encode(), "\U0001f600".encode(), b"\xc0\x80", b"\xc1\xbf"]
    pieces += [b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xe0\xa0\x80", b"\xed\x9f\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf"]
    pieces += [b"\xee\x80\x80", b"\xef\xbf\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x80\x80"]
    pieces += [b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xff", b"\xfe", b"\x80", b"\xbf", b"\xc2"]
    pieces += [b"\xe2\x82", b"\xf0\x9f\x98", b"\xe2\x28\xa1", b"\xf0\x28\x8c\xbc", b"\xf0\x9f\x28\x80", b"\x00"]
    yield from pieces
    for _ in range(1500):
        yield b"".join(rng.choice(pieces) for _ in range(rng.randint(1, 5)))
    for _ in range(700):
        text = "".join(chr(rng.choice([65, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF])) for _ in range(6))
        data = bytearray(text.encode())
        if rng.random() < 0.7:
            data[rng.randrange(len(data))] = rng.choice([0, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC2, 0xED, 0xF4])
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        yield bytes(data)


def is_utf8(data):
    try:
        data.decode("utf-8")
        return 1
    except UnicodeDecodeError:
        return 0


def main():
    lines = []
    for text in list(numbers()) + BAD:
        lines.append(("int", text, expected_int(text)))
        precision = rng.randint(1, 38)
        for p, s in ((10, 2), (38, 10), (precision, rng.randint(0, precision))):
            lines.append((f"decimal({p},{s})", text, expected_decimal(text, p, s)))
    lines += [("double", text, expected_double(text)) for text in doubles()]
    lines += [("double", text, "notADouble") for text in BAD + ["in", "infinit", "nanx", "infinityx", "na", "inf.", "0x1p3"]]
    for word, value in {"true": 1, "t": 1, "yes": 1, "y": 1, "on": 1, "1": 1, "false": 0, "f": 0, "no": 0, "n": 0}.items():
        for text in {word, word.upper(), word.capitalize(), f" {word} "}:
            lines.append(("bool", text, str(value)))
    lines += [("bool", text, "0") for text in ("off", "OFF", "0")]
    for text in ["", "tru", "truee", "2", "-1", "01", "\x11", "\x10", "o", "of", "yess", "nope", "wahr", "True1", "falsey"]:
        lines.append(("bool", text, "notABool"))
    (HERE / "numbers.tsv").write_text("".join("\t".join(line) + "\n" for line in lines), newline="\n")
    (HERE / "utf8.tsv").write_text("".join(f"{data.hex()}\t{is_utf8(data)}\n" for data in utf8()), newline="\n")


if __name__ == "__main__":
    main()
