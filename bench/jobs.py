"""The jobs that Tributary and its peers are measured with: their data, who does them and how, whether results agree."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
EXAMPLE = ROOT / "examples" / "complete-journey"
# BENCH_WORK: another place, for a run whose numbers are not to stand beside others'.
WORK = Path(os.environ.get("BENCH_WORK") or ROOT / ".work" / "bench").resolve()
PROGRAM = ROOT / ".build" / "release" / "tributary"


def made(name: str, *command) -> Path:
    """What `command DIRECTORY` makes, once; aside and renamed, so that an interrupted run leaves no half of it."""
    place = WORK / name
    if not place.exists():
        print(f"making {name}", flush=True)
        aside = WORK / f"making-{name}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, *(aside if part is None else part for part in command)], check=True)
        aside.rename(place)
    return place


def data(customers: int) -> Path:
    """The lake of customer360."""
    return made(f"data-{customers}", BENCH / "gen.py", None, str(customers))


@dataclass
class Job:
    """Something that several programs do with the same files. Contenders in the order in which they take turns."""

    name: str
    title: str
    lake: Path
    definition: Path
    variable: str
    key: str
    # A contender's name to its script, None for Tributary.
    scripts: dict[str, Path | None]

    def command(self, contender: str, out: Path) -> list[str]:
        script = self.scripts[contender]
        if script is None:
            return [str(PROGRAM), "batch", str(self.definition), "--json"]
        return [sys.executable, str(script), str(self.lake), str(out)]

    def environment(self, out: Path) -> dict[str, str]:
        return {**os.environ, self.variable: str(self.lake), "OUT": str(out)}

    @property
    def out(self) -> Path:
        return WORK / f"out-{self.name}"

    def agree(self, contenders: list[str]) -> str:
        """Fails unless Tributary's rows are DuckDB's, and everybody's totals too. In processes of their own: the
        libraries that this needs would make this one large. Gives what was compared, for people."""
        if "duckdb" not in contenders:
            return ""
        compared = []
        duckdb = [self.out / "duckdb" / f"{split}.parquet" for split in ("train", "eval")]
        if "tributary" in contenders:
            subprocess.run([sys.executable, BENCH / "compare.py", self.out / "tributary", *duckdb, "--key", self.key],
                           check=True)
            compared.append("every column of every row of Tributary's snapshot equals DuckDB's")
        others = [contender for contender in contenders if contender not in ("tributary", "duckdb")]
        if others:
            subprocess.run([sys.executable, BENCH / "totals.py", self.out / "duckdb",
                            *(self.out / contender for contender in others)], check=True)
            compared.append(f"the totals of all numbers of {', '.join(others)} too")
        return "; ".join(compared)


def customer360(customers: int) -> Job:
    peers = {peer: BENCH / f"peer_{peer}.py" for peer in ("duckdb", "polars", "pandas", "pyspark")}
    return Job(str(customers), f"customer360, {customers:,} customers", data(customers), BENCH / "customer360.yaml",
               "DATA", "customer_id", {"tributary": None, **peers})


def complete_journey(households: str) -> Job:
    """`households`: sample (in the repository) or whole."""
    lake = EXAMPLE / "sample" if households == "sample" else made(
        "lake-whole", EXAMPLE / "make_lake.py", "--whole", None)
    return Job(f"journey-{households}", f"Complete Journey, {households}", lake, EXAMPLE / "complete-journey.yaml",
               "LAKE", "household_id", {"tributary": None, "duckdb": BENCH / "journey_duckdb.py"})
