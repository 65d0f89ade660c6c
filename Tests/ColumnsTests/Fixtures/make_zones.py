"""Golden local times to UTC, by Python's zoneinfo (fold=0) from the very files in zones/.

    python3 make_zones.py [--compile]   # rewrites zones.tsv and paris.tsv beside this file

--compile first makes zones/ anew from the system's tzdata.zi with zic (public domain data): the compact form that newer
systems install, whose footer rule matters from the last change of law on, and for Paris also the long form (.fat).

zones.tsv: zone file, local seconds since 1970-01-01T00:00, UTC seconds. paris.tsv: for each day of 1970-2038 the offsets
at 00:30, 02:30 and 12:00 local, run-length coded: days, three offsets. The seed is fixed.
"""
import datetime
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import zoneinfo

SEED = 20261121
HERE = pathlib.Path(__file__).parent
ZONES = HERE / "zones"
EPOCH = datetime.datetime(1970, 1, 1)
NAMES = """Europe/Paris America/New_York Australia/Lord_Howe Africa/Casablanca Asia/Kolkata Pacific/Apia Europe/Dublin
America/Sao_Paulo Antarctica/Troll America/Nuuk Asia/Tehran Pacific/Chatham""".split()
rng = random.Random(SEED)


def compile_zones():
    ZONES.mkdir(exist_ok=True)
    for name, kind, file in [(n, "slim", n.split("/")[1]) for n in NAMES] + [("Europe/Paris", "fat", "Paris.fat")]:
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run(["zic", "-b", kind, "-d", directory, "/usr/share/zoneinfo/tzdata.zi"], check=True)
            shutil.copy(pathlib.Path(directory) / name, ZONES / file)


def zone(file):
    with open(file, "rb") as bytes_:
        return zoneinfo.ZoneInfo.from_file(bytes_)


def utc(local, rules):
    offset = local.replace(tzinfo=rules).utcoffset()
    return int((local - EPOCH).total_seconds()) - int(offset.total_seconds())


def moments(rules):
    """Local times of all ages, many of them within hours of a change."""
    for _ in range(60):
        yield EPOCH + datetime.timedelta(seconds=rng.randint(-719162 * 86400 + 86400, 2932895 * 86400))
    for _ in range(120):
        yield datetime.datetime(rng.randint(1880, 2150), 1, 1) + datetime.timedelta(seconds=rng.randint(0, 365 * 86400))
    for _ in range(130):
        # A day within which the offset changes, if the year has one.
        year = rng.choice([rng.randint(1900, 2060), rng.randint(2300, 2500), rng.randint(9000, 9998)])
        start = datetime.datetime(year, 1, 1, tzinfo=rules)
        days = [start + datetime.timedelta(days=n) for n in range(366)]
        changes = [a for a, b in zip(days, days[1:]) if a.utcoffset() != b.utcoffset()]
        if changes:
            yield rng.choice(changes).replace(tzinfo=None) + datetime.timedelta(minutes=15 * rng.randint(-8, 112))


def main():
    if "--compile" in sys.argv:
        compile_zones()
    lines = []
    for file in sorted(ZONES.iterdir()):
        rules = zone(file)
        for local in moments(rules):
            lines.append(f"{file.name}\t{int((local - EPOCH).total_seconds())}\t{utc(local, rules)}\n")
    (HERE / "zones.tsv").write_text("".join(lines), newline="\n")

    rules, runs = zone(ZONES / "Paris"), []
    for day in range((datetime.datetime(2039, 1, 1) - EPOCH).days):
        midnight = EPOCH + datetime.timedelta(days=day)
        offsets = []
        for minutes in (30, 150, 720):
            local = midnight + datetime.timedelta(minutes=minutes)
            offsets.append(int((local - EPOCH).total_seconds()) - utc(local, rules))
        if runs and runs[-1][1:] == offsets:
            runs[-1][0] += 1
        else:
            runs.append([1] + offsets)
    (HERE / "paris.tsv").write_text("".join("\t".join(map(str, run)) + "\n" for run in runs), newline="\n")


if __name__ == "__main__":
    main()
