"""The README's own commands, run as they stand there."""

import os
import re
import subprocess
from pathlib import Path

from program import clean_environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.S | re.M)


def test_your_own_data(program, tmp_path):
    """The section from top to bottom: each shell block but make's, in order, with the definition in its place."""
    [definition] = blocks("yaml")
    (tmp_path / "churn.yaml").write_text(definition)
    shell = [block for block in blocks("sh") if not block.startswith("make")]
    assert len(shell) == 2
    environment = clean_environment({"PATH": f"{program.binary.parent}:{os.environ['PATH']}"})
    shown = ""
    for block in shell:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=tmp_path, env=environment, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        shown += done.stdout
    import pyarrow.dataset

    rows = {row["customer_id"]: row for split in ("train", "eval") for row in pyarrow.dataset.dataset(
        tmp_path / "snapshots" / "snapshot=first" / split).to_table().to_pylist()}
    assert {key: (row["orders"], row["orders_30d"], str(row["spent"]), str(row["spent_on_books"]), row["churned"])
            for key, row in rows.items()} == {
        "c1": (2, 1, "20.50", "12.50", 0), "c2": (1, 1, "31.20", "31.20", 1), "c3": (0, 0, "0.00", "0.00", 0)}
    assert "churn" in shown and "fingerprint" in shown


def test_make_targets_are_run_by_ci():
    """What the README tells a person to make is what CI makes."""
    ci = (ROOT / ".ci" / "run").read_text() + (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.M)):
        assert re.search(rf"^{target}:", ci, re.M), target
    for target in ("make demo", "make test"):
        assert target in (ROOT / ".ci" / "run").read_text()


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link
