"""The reference job, by Tributary and by its peers, in turn.

usage: run.py [--sizes 20000,500000] [--rounds 5] [--only tributary,duckdb]

Each round runs every contender once, so that what else the machine does meets all of them. Data is generated once
and kept in .work/bench. Prints medians and ratios to Tributary, writes them to .work/bench/results-SIZE.json, and
fails if Tributary's snapshot is not what DuckDB computed.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
WORK = ROOT / ".work" / "bench"
PROGRAM = ROOT / ".build" / "release" / "tributary"
CONTENDERS = ["tributary", "duckdb", "polars", "pandas", "pyspark"]
MEASURES = ["seconds", "cpu_seconds", "peak_bytes"]


def data(customers: int) -> Path:
    """The generated lake; made aside and renamed, so that an interrupted run leaves no half of one."""
    made = WORK / f"data-{customers}"
    if not made.exists():
        print(f"generating {customers} customers", flush=True)
        aside = WORK / f"making-{customers}"
        shutil.rmtree(aside, ignore_errors=True)
        subprocess.run([sys.executable, BENCH / "gen.py", aside, str(customers)], check=True)
        aside.rename(made)
    return made


def command(contender: str, lake: Path, out: Path) -> list[str]:
    if contender == "tributary":
        return [str(PROGRAM), "batch", str(BENCH / "customer360.yaml"), "--json"]
    return [sys.executable, str(BENCH / f"peer_{contender}.py"), str(lake), str(out)]


def run(contender: str, lake: Path, out: Path) -> dict:
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    result, log = WORK / "measured.json", WORK / f"{contender}.log"
    with open(log, "wb") as output:
        code = subprocess.run(
            [sys.executable, "-S", BENCH / "measure.py", result, *command(contender, lake, out)],
            env={**os.environ, "DATA": str(lake), "OUT": str(out)}, stdout=output, stderr=output,
        ).returncode
    if code != 0:
        sys.exit(f"{contender} ended with {code}:\n{log.read_text()}")
    return json.loads(result.read_text())


def verify(customers: int) -> None:
    """In a process of its own: the libraries it needs would make this one large."""
    out = WORK / f"out-{customers}"
    subprocess.run([sys.executable, BENCH / "compare.py", out / "tributary",
                    out / "duckdb" / "train.parquet", out / "duckdb" / "eval.parquet"], check=True)


def measure(customers: int, rounds: int, contenders: list[str]) -> dict:
    lake = data(customers)
    runs = {contender: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            runs[contender].append(run(contender, lake, WORK / f"out-{customers}" / contender))
            print(f"  round {number + 1}/{rounds} {contender:9} {runs[contender][-1]['seconds']:8.2f} s", flush=True)
    medians = {contender: {measure: statistics.median(run[measure] for run in runs[contender])
                           for measure in MEASURES} for contender in contenders}
    ours = medians.get("tributary")
    return {
        "customers": customers,
        "input_bytes": sum(file.stat().st_size for file in lake.rglob("*") if file.is_file()),
        "rounds": rounds,
        "machine": {"cpus": os.cpu_count(), "system": platform.platform()},
        "medians": medians,
        "ratios": {contender: {measure: of[measure] / ours[measure] for measure in MEASURES}
                   for contender, of in medians.items()} if ours else {},
        "runs": runs,
    }


def table(result: dict) -> str:
    lines = [f"{result['customers']:,} customers, {result['input_bytes'] / 1e6:.1f} MB of input, medians of "
             f"{result['rounds']} rounds, {result['machine']['cpus']} CPUs",
             f"{'':11}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}   as a multiple of Tributary's"]
    for contender, of in result["medians"].items():
        ratio = result["ratios"].get(contender)
        times = "".join(f"{ratio[measure]:9.2f}" for measure in MEASURES) if ratio else ""
        lines.append(f"{contender:11}{of['seconds']:9.2f}{of['cpu_seconds']:9.2f}"
                     f"{of['peak_bytes'] / 1e6:9.0f}   {times}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the reference job.")
    parser.add_argument("--sizes", default="20000,500000", help="customers, comma between")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(CONTENDERS))
    arguments = parser.parse_args()
    contenders = [name for name in arguments.only.split(",") if name]
    if unknown := set(contenders) - set(CONTENDERS):
        parser.error(f"unknown contender {sorted(unknown)}; there are {', '.join(CONTENDERS)}")
    WORK.mkdir(parents=True, exist_ok=True)
    for customers in (int(size) for size in arguments.sizes.split(",")):
        result = measure(customers, arguments.rounds, contenders)
        if {"tributary", "duckdb"} <= set(contenders):
            verify(customers)
        (WORK / f"results-{customers}.json").write_text(json.dumps(result, indent=1) + "\n")
        print(f"\n{table(result)}\n", flush=True)


if __name__ == "__main__":
    main()
