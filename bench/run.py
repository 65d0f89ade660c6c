"""The reference job and the example, by Tributary and by its peers, in turn.

usage: run.py [--sizes 20000,500000] [--households sample] [--rounds 5] [--only tributary,duckdb]

Each round runs every contender once, so that what else the machine does meets all of them. Data is made once and kept
in .work/bench. Prints medians and ratios to Tributary, writes them to .work/bench/results-JOB.json, and fails if
Tributary's snapshot is not what DuckDB computed, or a peer's totals are others.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
from importlib import metadata

import report
from jobs import BENCH, PROGRAM, WORK, Job, complete_journey, customer360

MEASURES = ["seconds", "cpu_seconds", "peak_bytes"]
CONTENDERS = ["tributary", "duckdb", "polars", "pandas", "pyspark"]
# Whose tables are compared column by column: they take all rounds, and must not fail.
COMPARED = ["tributary", "duckdb"]
# What a peer says of itself: how long its work took once Python had loaded it.
ALONE = re.compile(r"alone: ([0-9.]+) s$", re.M)


def run(job: Job, contender: str) -> dict:
    out = job.out / contender
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    result, log = WORK / "measured.json", WORK / f"{contender}.log"
    with open(log, "wb") as output:
        code = subprocess.run(
            [sys.executable, "-S", BENCH / "measure.py", result, *job.command(contender, out)],
            env=job.environment(out), stdout=output, stderr=output,
        ).returncode
    if code != 0 and contender in COMPARED:
        sys.exit(f"{contender} ended with {code}:\n{log.read_text()}")
    if code != 0:
        # As pandas does where 5,000,000 customers do not fit the memory: that is its result.
        last = (log.read_text().strip().splitlines() or [""])[-1]
        return {"failed": f"killed by signal {code - 128}" if code > 128 else f"ended with {code}: {last[:100]}"}
    measured = json.loads(result.read_text())
    if contender != "tributary" and (alone := ALONE.search(log.read_text())):
        measured["alone_seconds"] = float(alone[1])
    return measured


def measure(job: Job, contenders: list[str], rounds: int, slow: float, slow_rounds: int) -> dict:
    runs = {contender: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            of = runs[contender]
            if contender not in COMPARED and of:
                if "failed" in of[-1] or of[0]["seconds"] > slow and number >= slow_rounds:
                    continue
            of.append(run(job, contender))
            shown = of[-1].get("failed") or f"{of[-1]['seconds']:8.3f} s"
            print(f"  round {number + 1}/{rounds} {contender:9} {shown}", flush=True)
    medians = {contender: median(of) for contender, of in runs.items()}
    failed = {contender: of[-1]["failed"] for contender, of in runs.items() if "failed" in of[-1]}
    ended = [contender for contender in contenders if contender not in failed]
    ours = medians.get("tributary")
    return {
        "job": job.name,
        "title": job.title,
        "input_bytes": sum(file.stat().st_size for file in job.lake.rglob("*.*") if file.is_file()),
        **report.circumstances(),
        "versions": {contender: version(contender) for contender in ended},
        "medians": medians,
        "ratios": {contender: {measure: of[measure] / ours[measure] for measure in MEASURES}
                   for contender, of in medians.items() if contender in ended} if ours else {},
        "failed": failed,
        "agreed": job.agree(ended),
        "runs": runs,
    }


def median(runs: list[dict]) -> dict:
    ended = [run for run in runs if "failed" not in run]
    return {measure: statistics.median(run[measure] for run in ended)
            for measure in [*MEASURES, "alone_seconds"] if ended and measure in ended[0]} | {"rounds": len(ended)}


def version(contender: str) -> str:
    if contender != "tributary":
        return metadata.version(contender)
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    # Where it was built from, unless this is no repository.
    if shutil.which("git"):
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=BENCH, capture_output=True, text=True)
        said += f" ({commit.stdout.strip()})" if commit.returncode == 0 else ""
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the reference job and the example.")
    parser.add_argument("--sizes", default="20000,500000", help="customers, comma between; none: leave the job out")
    parser.add_argument("--households", default="sample", choices=["sample", "whole", "both", "none"],
                        help="of Complete Journey")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow", type=float, default=60, help="seconds from which a peer is slow")
    parser.add_argument("--slow-rounds", type=int, default=2, help="rounds of a peer that is slow")
    parser.add_argument("--only", default=",".join(CONTENDERS))
    arguments = parser.parse_args()
    chosen = [name for name in arguments.only.split(",") if name]
    if unknown := set(chosen) - set(CONTENDERS):
        parser.error(f"unknown contender {sorted(unknown)}; there are {', '.join(CONTENDERS)}")
    WORK.mkdir(parents=True, exist_ok=True)
    households = {"both": ["sample", "whole"], "none": []}.get(arguments.households, [arguments.households])
    sizes = [int(size) for size in arguments.sizes.split(",") if size]
    for job in [*map(complete_journey, households), *map(customer360, sizes)]:
        contenders = [name for name in job.scripts if name in chosen]
        result = measure(job, contenders, arguments.rounds, arguments.slow, arguments.slow_rounds)
        (WORK / f"results-{job.name}.json").write_text(json.dumps(result, indent=1) + "\n")
        print(f"\n{report.job_text(result)}\n", flush=True)


if __name__ == "__main__":
    main()
