"""Golden dates and timestamps, by Python's datetime.

    python3 make_times.py          # rewrites times.tsv beside this file

times.tsv: type, time format (iso | a strptime pattern | s ms us ns), text, expected (days, microseconds, or the name of
a fault). The seed is fixed, so the file only changes with this script.
"""
import datetime
import pathlib
import random
from fractions import Fraction
from math import floor

SEED = 20261121
HERE = pathlib.Path(__file__).parent
EPOCH = datetime.datetime(1970, 1, 1)
MICRO = datetime.timedelta(microseconds=1)
FIRST = (datetime.datetime.min - EPOCH) // MICRO
LAST = (datetime.datetime.max - EPOCH) // MICRO
rng = random.Random(SEED)


def micros(moment):
    return (moment - EPOCH) // MICRO


def in_range(value):
    return str(value) if FIRST <= value <= LAST else "outOfRange"


def any_moment():
    kind = rng.random()
    if kind < 0.6:
        year = rng.randint(1890, 2110)
    elif kind < 0.9:
        year = rng.randint(1, 9999)
    else:
        year = rng.choice([1, 4, 100, 400, 1600, 1700, 1899, 1900, 1999, 2000, 2099, 2100, 9996, 9999])
    month = rng.choice([rng.randint(1, 12), 2, 12, 1])
    day = rng.choice([1, 28, rng.randint(1, 28), 29, 30, 31])
    hour, minute, second = rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59)
    try:
        return datetime.datetime(year, month, day, hour, minute, second, rng.randint(0, 999999))
    except ValueError:
        return any_moment()


def offset():
    """A text and its seconds east."""
    if rng.random() < 0.3:
        return rng.choice(["Z", "z", "UTC", "+00:00", "-00:00", "+0000", "GMT", "+00"]), 0
    sign, hour, minute = rng.choice([1, -1]), rng.randint(0, 23), rng.choice([0, 30, 45, rng.randint(0, 59)])
    mark = "+" if sign > 0 else "-"
    kind = rng.random()
    if kind < 0.5:
        return f"{mark}{hour:02}:{minute:02}", sign * (hour * 3600 + minute * 60)
    if kind < 0.75:
        return f"{mark}{hour:02}{minute:02}", sign * (hour * 3600 + minute * 60)
    if kind < 0.9:
        return f"{mark}{hour:02}", sign * hour * 3600
    second = rng.randint(0, 59)
    colon = rng.choice([":", ""])
    return f"{mark}{hour:02}{colon}{minute:02}{colon}{second:02}", sign * (hour * 3600 + minute * 60 + second)


def iso_timestamp():
    moment = any_moment()
    separator = rng.choice(["T", " ", "t", "T"])
    basic = rng.random() < 0.2
    date = moment.strftime("%m%d" if basic else "-%m-%d")
    date = f"{moment.year:04}{date}"
    text = date
    shape = rng.random()
    if shape < 0.1:
        return text, micros(moment.replace(hour=0, minute=0, second=0, microsecond=0))
    if shape < 0.25:
        moment = moment.replace(second=0, microsecond=0)
        text += separator + moment.strftime("%H%M" if basic else "%H:%M")
    else:
        text += separator + moment.strftime("%H%M%S" if basic else "%H:%M:%S")
        if shape < 0.6:
            moment = moment.replace(microsecond=0)
        else:
            digits = "%06d" % moment.microsecond + "".join(rng.choice("0123456789") for _ in range(6))
            digits = digits[: rng.choice([1, 2, 3, 3, 4, 5, 6, 6, 7, 9, 12])]
            text += rng.choice([".", ".", ","]) + digits
            moment = moment.replace(microsecond=int((digits + "000000")[:6]))
    value = micros(moment)
    if rng.random() < 0.6:
        zone, seconds = offset()
        text += rng.choice(["", "", " "]) + zone
        value -= seconds * 1_000_000
    if rng.random() < 0.05:
        text = " " * rng.randint(0, 2) + text + " "
    return text, value


BAD = """
2026-13-01T00:00:00|2026-00-01|2026-02-29|2026-02-30T10:00:00|1900-02-29|2100-02-29|2026-04-31|2026-06-31 00:00:00
2026-01-00|2026-01-32|0000-01-01|0000-01-01T00:00:00Z|2026-1-1|26-01-01|2026/01/01|2026-01-01T|2026-01-01T1
2026-01-01T10|2026-01-01T10:|2026-01-01T10:5|2026-01-01T10:60|2026-01-01T24:00:01|2026-01-01T24:01|2026-01-01T25:00
2026-01-01T10:00:61|2026-01-01T10:00:|2026-01-01T10:00:00.|2026-01-01T10:00:00.Z|2026-01-01T10:00:00.1x
2026-01-01T10:00:00X|2026-01-01T10:00:00ZZ|2026-01-01T10:00:00+|2026-01-01T10:00:00+1|2026-01-01T10:00:00+1:00
2026-01-01T10:00:00+24:00|2026-01-01T10:00:00+10:60|2026-01-01T10:00:00+10:|2026-01-01T10:00:00+100
2026-01-01Z|2026-01-01+01:00|2026-01-01x10:00:00|2026-01-01_10:00:00|2026-01-01  10:00:00|202601011|2026010110:00
20260101T10:00:00|2026-01-01T101010|2026-0101|202601-01|20261301|T10:00:00|10:00:00|now|2026|2026-01|-2026-01-01
+2026-01-01|12026-01-01|2026-01-01T10:00:0O|2O26-01-01|2026-01-01 1O:00:00|2026-01-01 10-00-00|2026:01:01 10:00:00
2026-01-01T10:00:00 PST|2026-01-01T10:00:00UTCx|2026-01-01T-1:00:00|2026-01-01T99:99:99|9999-99-99 99:99:99|/026-01-01
:026-01-01 10:00:00|2026-01-01 1::00:00|2026-01-0: 10:00:00|2026-01-01 10:00:00.12345678901234567890x|1800-02-30
"""


def iso():
    for _ in range(3500):
        text, value = iso_timestamp()
        yield "timestamp", "iso", text, in_range(value)
    yield "timestamp", "iso", "2026-01-01T24:00", str(micros(datetime.datetime(2026, 1, 2)))
    yield "timestamp", "iso", "2026-12-31T24:00:00Z", str(micros(datetime.datetime(2027, 1, 1)))
    yield "timestamp", "iso", "2016-12-31T23:59:60Z", str(micros(datetime.datetime(2017, 1, 1)))
    yield "timestamp", "iso", "2016-12-31T23:59:60.5Z", str(micros(datetime.datetime(2017, 1, 1)) + 500_000)
    yield "timestamp", "iso", "9999-12-31T24:00:00Z", "outOfRange"
    yield "timestamp", "iso", "0001-01-01T00:00:00+00:01", "outOfRange"
    yield "timestamp", "iso", "0001-01-01T00:00:00-00:01", str(FIRST + 60_000_000)
    yield "timestamp", "iso", "9999-12-31T23:59:59.9999999Z", str(LAST)
    for line in BAD.split("\n"):
        for text in line.split("|"):
            yield "timestamp", "iso", text, "notATimestamp"
            yield "date", "iso", text, "notADate"
    for _ in range(700):
        day = any_moment()
        days = str((day - EPOCH).days)
        plain = f"{day.year:04}-{day.month:02}-{day.day:02}"
        text = rng.choice([plain, plain, plain.replace("-", ""), f" {plain}", f"{plain} "])
        yield "date", "iso", text, days
        midnight = rng.choice(["T00:00:00", " 00:00", "T00:00:00Z", " 00:00:00.000", "T00:00:00+02:00", "T00:00:00.000000Z"])
        yield "date", "iso", plain + midnight, days
        yield "date", "iso", plain + rng.choice(["T00:00:01", " 24:00:00", "T12:00", " 00:00:00.000001"]), "notADate"


# Pattern, and the pattern that Python reads it with where that differs.
PATTERNS = [
    ("%Y-%m-%d %H:%M:%S", None), ("%d/%m/%Y %H:%M", None), ("%m/%d/%y %I:%M %p", None), ("%d %b %Y", None),
    ("%A, %d %B %Y %H:%M:%S", None), ("%a %b %d %H:%M:%S %Y", None), ("%Y%m%d%H%M%S", None), ("%Y%j", None),
    ("%Y-%m-%dT%H:%M:%S.%f", None), ("%Y-%m-%dT%H:%M:%S%z", None), ("%d.%m.%Y", None), ("%d-%b-%y %H.%M", None),
    ("%H:%M:%S %d/%m/%Y", None), ("%d/%b/%Y:%H:%M:%S %z", None), ("%Y-%m-%d %H:%M:%S %Z", None), ("100%% %Y-%m-%d", None),
    ("%F %T", "%Y-%m-%d %H:%M:%S"), ("%D %R", "%m/%d/%y %H:%M"), ("%Y%n%m%t%d", "%Y %m %d"), ("%b %e %Y", "%b %d %Y"),
    ("%-d.%-m.%Y", "%d.%m.%Y"), ("%h %d, %Y %I:%M:%S%p", "%b %d, %Y %I:%M:%S%p"), ("am %d. %B %Y um %H Uhr", None),
    ("%I %p %d %m %Y", None), ("%y%m%d", None), ("%B %d %Y", None),
]


def strptime(text, pattern):
    moment = datetime.datetime.strptime(text, pattern)
    if moment.tzinfo is not None:
        shift = moment.utcoffset()
        moment = moment.replace(tzinfo=None)
        return micros(moment) - shift // MICRO, moment
    return micros(moment), moment


def patterns():
    for pattern, python in PATTERNS:
        python = python or pattern
        for _ in range(60):
            moment = any_moment()
            if "%y" in python:
                moment = moment.replace(year=rng.randint(1969, 2068), day=min(moment.day, 28))
            if moment.year < 1000:
                moment = moment.replace(year=moment.year + 1000, day=min(moment.day, 28))
            shift = datetime.timedelta(minutes=rng.randint(-14 * 60, 14 * 60))
            text = moment.replace(tzinfo=datetime.timezone(shift)).strftime(python.replace("%Z", "UTC"))
            # Names in any case; the words of this one pattern stand for themselves.
            if rng.random() < 0.1 and not pattern.startswith("am"):
                text = text.upper()
            # Days and months of one digit.
            if rng.random() < 0.2 and "%y" not in python:
                text = text.replace(" 0", " ").replace("/0", "/")
            try:
                value, local = strptime(text, python)
            except ValueError:
                raise SystemExit(f"{python!r} does not read {text!r}")
            yield "timestamp", pattern, text, in_range(value)
            yield "date", pattern, text, str((local - EPOCH).days)
            spoilt = list(text)
            spoilt.insert(rng.randint(0, len(text)), rng.choice("x#"))
            spoilt = "".join(spoilt)
            yield "timestamp", pattern, spoilt, "notATimestamp"
    # Python reads this as the next year's first day.
    yield "timestamp", "%Y-%j", "2026-366", "notATimestamp"
    for pattern, text in [
        ("%d/%m/%Y", "31/02/2026"), ("%d/%m/%Y", "00/01/2026"), ("%d/%m/%Y", "01/13/2026"), ("%d/%m/%Y", "01/01/26"),
        ("%Y-%j", "2024-367"), ("%Y-%j", "2024-000"), ("%Y-%m-%d %H", "2026-01-01 24"),
        ("%Y-%m-%d %M", "2026-01-01 60"), ("%Y-%m-%d %I %p", "2026-01-01 13 PM"), ("%Y-%m-%d %I %p", "2026-01-01 00 AM"),
        ("%Y-%m-%d %H", "2026-01-01"), ("%Y-%m-%d", "2026-01-01 10"), ("%Y-%m-%d", ""), ("%d %b %Y", "01 Foo 2026"),
        ("%Y-%m-%d %z", "2026-01-01 +25:00"), ("%Y-%m-%d %S", "2026-01-01 62"), ("%Y-%m-%d", "0000-01-01"),
        ("%d %B %Y", "01 Januar 2026"), ("%a %Y-%m-%d", "Foo 2026-01-01"),
    ]:
        try:
            strptime(text, pattern)
            raise SystemExit(f"Python takes {text!r} as {pattern!r}")
        except ValueError:
            yield "timestamp", pattern, text, "notATimestamp"


def epochs():
    for unit, scale in (("s", 10**6), ("ms", 10**3), ("us", 1), ("ns", Fraction(1, 1000))):
        for _ in range(250):
            moment = micros(any_moment())
            number = Fraction(moment) / scale + Fraction(rng.choice([0, 0, rng.randint(-999, 999)]), 10**9)
            places = rng.choice([0, 0, 3, 6, 12])
            scaled = floor(number * 10**places)
            text = str(abs(scaled)).rjust(places + 1, "0")
            text = ("-" if scaled < 0 else "") + (text[:-places] + "." + text[-places:] if places else text)
            yield "timestamp", unit, text, in_range(floor(Fraction(text) * scale))
        for text in ("0", "-0", "1", "-1", "-0.5", "0.0000000001", "-0.0000000001", "1e3", "1.5e2", "-1e-30", "253402300799",
                     "253402300800", "-62135596800", "-62135596801", "1e30", "-9223372036854775808", "9223372036854775807",
                     "99999999999999999999999", "1e-999", "1700000000.1234567"):
            yield "timestamp", unit, text, in_range(floor(Fraction(text) * scale))
        for text in ("", "x", "1x", "2026-01-01", "1.2.3", "nan"):
            yield "timestamp", unit, text, "notATimestamp"
    for text in ("0", "86399", "-1", "1700000000"):
        yield "timestamp", "%s", text, str(int(text) * 1_000_000)
        yield "date", "%s", text, str(int(text) // 86400)


def main():
    lines = list(iso()) + list(patterns()) + list(epochs())
    (HERE / "times.tsv").write_text("".join("\t".join(line) + "\n" for line in lines), newline="\n")


if __name__ == "__main__":
    main()
