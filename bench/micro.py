"""Each stage of the program alone, beside its limit: .build/release/tributary-microbench on customer360's data.

usage: micro.py [--customers 100000] [--rounds 5] [--megabytes 16]

Prints a table and writes .work/bench/results-micro.json.
"""

import argparse
import json
import subprocess

import report
from jobs import BENCH, ROOT, WORK, data

MICROBENCH = ROOT / ".build" / "release" / "tributary-microbench"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures each stage.")
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=16, help="of text of each source")
    arguments = parser.parse_args()
    lake = data(arguments.customers)
    measured = WORK / "microbench.json"
    subprocess.run([MICROBENCH, BENCH / "customer360.yaml", lake, "--rounds", str(arguments.rounds), "--megabytes",
                    str(arguments.megabytes), "--json", measured], check=True)
    result = {"customers": arguments.customers, **report.circumstances(), **json.loads(measured.read_text())}
    (WORK / "results-micro.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
