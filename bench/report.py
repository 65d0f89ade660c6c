"""What was measured, as text: tables for the terminal, and a report for docs/performance.md.

usage: report.py [--into FILE] [--check]

Reads .work/bench/results-*.json and writes .work/bench/report.md. `--into` puts the report between the two lines of a
file that say so. `--check` fails unless every stage, peer and part that there is was measured and agreed: for CI.
"""

import argparse
import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

from jobs import WORK

BEGIN, END = "<!-- made by bench/report.py -->", "<!-- up to here -->"
NAMES = {"tributary": "Tributary", "duckdb": "DuckDB", "polars": "Polars", "pandas": "pandas", "pyspark": "PySpark"}
# What a report holds when it is whole; by what stands in a stage's name.
STAGES = ["inflate gzip", "inflate gzip and cut", "inflate zstd", "CSV scan", "UTF-8", "timestamps", "integers", "doubles",
          "JSON scan", "JSON doubles", "JSON sums", "hash of keys", "deal to", "row batch encode", "row batch decode",
          "probe and count", "probe and accumulate", "snapshot table", "profile", "fingerprint", "Parquet encode"]


def circumstances() -> dict:
    """The machine and the time."""
    cpu = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), "unknown processor")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    system = next((line.partition("=")[2].strip('"') for line in Path("/etc/os-release").read_text().splitlines()
                   if line.startswith("PRETTY_NAME=")), "Linux")
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "machine": f"{len(os.sched_getaffinity(0))} processors ({cpu}), {memory / 2**30:.0f} GiB, {system}",
    }


def rate(count: float, seconds: float) -> str:
    """Three digits: 27.1 M."""
    if not count:
        return ""
    value, unit = count / seconds, ""
    for larger in ("k", "M", "G"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.{max(0, 3 - len(str(int(value))))}f} {unit}".strip()


def aligned(rows: list[list[str]], left: int = 1) -> str:
    """Columns of text, the first ones to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) if column < left else cell.rjust(width)
                               for column, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows)


def markdown(rows: list[list[str]], left: int = 1) -> str:
    head, *rest = rows
    rule = ["---" if column < left else "--:" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rest])


def job_rows(result: dict) -> list[list[str]]:
    rows = [["", "rounds", "wall s", "CPU s", "peak MB", "wall", "CPU", "memory"]]
    for contender, of in result["medians"].items():
        if failed := result.get("failed", {}).get(contender):
            rows.append([NAMES[contender], str(of["rounds"]), failed, *[""] * 5])
            continue
        ratio = result["ratios"].get(contender)
        times = [f"{ratio[measure]:.2f} ×" for measure in ("seconds", "cpu_seconds", "peak_bytes")] if ratio else [""] * 3
        digits = 3 if of["seconds"] < 10 else 1
        rows.append([NAMES[contender], str(of["rounds"]), f"{of['seconds']:.{digits}f}",
                     f"{of['cpu_seconds']:.{digits}f}", f"{of['peak_bytes'] / 1e6:.0f}", *times])
        if alone := of.get("alone_seconds"):
            ours = result["medians"].get("tributary")
            rows.append([f"{NAMES[contender]} once loaded", "", f"{alone:.{digits}f}", "", "",
                         f"{alone / ours['seconds']:.2f} ×" if ours else "", "", ""])
    return rows


def job_text(result: dict) -> str:
    return (f"{result['title']}, {result['input_bytes'] / 1e6:.1f} MB of input, medians, as multiples of Tributary's; "
            f"{result['machine']}\n{aligned(job_rows(result))}")


def job_section(result: dict) -> str:
    versions = ", ".join(f"{NAMES[name]} {version}" for name, version in result["versions"].items() if version)
    agreed = f" {result['agreed'][:1].upper()}{result['agreed'][1:]}." if result["agreed"] else ""
    return (f"### {result['title']}\n\n{result['input_bytes'] / 1e6:.1f} MB of input; medians of rounds in turn.{agreed}\n"
            f"{result['date']}, {result['machine']}; {versions}.\n\n{markdown(job_rows(result))}\n")


def micro_section(result: dict) -> str:
    rows = [["stage", "beside it", "rows/s", "bytes/s", "beside it, bytes/s", "takes"]]
    for stage in result["stages"]:
        own = [rate(stage["rows"], stage["seconds"]), rate(stage["bytes"], stage["seconds"])]
        for number, beside in enumerate(stage["yardsticks"] or [None]):
            first = [stage["name"], *own] if number == 0 else ["", "", ""]
            other = [beside["name"], rate(stage["bytes"], beside["seconds"]),
                     f"{stage['seconds'] / beside['seconds']:.1f} ×"] if beside else ["", "", ""]
            rows.append([first[0], other[0], first[1], first[2], other[1], other[2]])
    return (f"### Stages, a second of one core\n\nEach stage alone, processor time of its thread, medians of "
            f"{result['rounds']} rounds; {result['megabytes']} MiB of text of each source of customer360 with "
            f"{result['customers']:,} customers.\n{result['date']}, {result['machine']}.\n\n{markdown(rows, left=2)}\n")


def table_section(title: str, result: dict, note: str) -> str:
    lines = "\n".join(line.rstrip() for line in result["table"])
    return f"### {title}\n\n{result['date']}, {result['machine']}{note}.\n\n```\n{lines}\n```\n"


def results() -> dict[str, dict]:
    return {file.stem.removeprefix("results-"): json.loads(file.read_text()) for file in WORK.glob("results-*.json")}


def sections(found: dict[str, dict]) -> list[str]:
    # Files of another form, left by an older version, are no results.
    found = {name: result for name, result in found.items() if "date" in result}
    sizes = sorted((name for name in found if name.isdigit()), key=int)
    journeys = [name for name in ("journey-sample", "journey-whole") if name in found]
    texts = [job_section(found[name]) for name in [*sizes, *journeys]]
    if "micro" in found:
        texts.append(micro_section(found["micro"]))
    if "table" in found.get("stream", {}):
        texts.append(table_section("The stream", found["stream"], "; the broker on the same processors"))
    if "snapshots" in found:
        texts.append(table_section("Snapshots of a worker that has everything", found["snapshots"], ""))
    if "table" in found.get("s3", {}):
        texts.append(table_section("Objects in S3", found["s3"], "; the S3 server and the broker on the same processors"))
    return texts


def into(file: Path, text: str) -> None:
    head, begin, rest = file.read_text().partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{file} lacks the lines '{BEGIN}' and '{END}'")
    file.write_text(f"{head}{BEGIN}\n{text}{END}{tail}")


def check(found: dict[str, dict]) -> list[str]:
    """What is missing, a line each."""
    missing = []
    measured = [stage["name"] for stage in found.get("micro", {}).get("stages", [])]
    for stage in STAGES:
        names = [name for name in measured if name.startswith(stage)]
        if not names:
            missing.append(f"the stage '{stage}…' was not measured")
    for stage in found.get("micro", {}).get("stages", []):
        if stage["seconds"] <= 0 or any(beside["seconds"] <= 0 for beside in stage["yardsticks"]):
            missing.append(f"the stage '{stage['name']}' took no time")
    jobs = {name: result for name, result in found.items() if name.isdigit() or name.startswith("journey")}
    if not any(name.isdigit() for name in jobs) or not any(name.startswith("journey") for name in jobs):
        missing.append("customer360 or Complete Journey was not measured")
    for name, result in jobs.items():
        wanted = set(NAMES) if name.isdigit() else {"tributary", "duckdb"}
        if lacking := wanted - {contender for contender, of in result["medians"].items() if of["rounds"] > 0 and contender not in result.get("failed", {})}:
            missing.append(f"{result['title']}: not by {', '.join(sorted(lacking))}")
        if "equals DuckDB's" not in result["agreed"] or (name.isdigit() and "totals" not in result["agreed"]):
            missing.append(f"{result['title']}: the results were not compared")
    if "table" not in found.get("snapshots", {}):
        missing.append("snapshots were not measured")
    if "table" not in found.get("s3", {}):
        missing.append("objects in S3 were not measured")
    stream = found.get("stream", {})
    missing += [f"the stream's part '{part}' was not measured" for part in ("objects", "records") if part not in stream]
    return missing


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes what was measured as a report.")
    parser.add_argument("--into", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true", help="fail unless all was measured")
    arguments = parser.parse_args()
    found = results()
    text = "\n" + "\n".join(sections(found)) + "\n"
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "report.md").write_text(text.lstrip())
    print(f"{len(sections(found))} sections in {WORK / 'report.md'}")
    if arguments.into:
        into(arguments.into, text)
    if arguments.check and (missing := check(found)):
        sys.exit("\n".join(missing))


if __name__ == "__main__":
    main()
