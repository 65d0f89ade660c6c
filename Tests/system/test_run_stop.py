"""Stopping a worker whose Kafka does not answer: soon, with exit code 0, and with a line that says what is left."""

import re
import time

import pytest

from lakes import PEOPLE, people_csv, write
from workers import definition_for

SHARDS = 4
# Half of what an orchestrator gives at least.
SECONDS = 5


@pytest.mark.parametrize("how", ["killed", "frozen", "long gone", "never there"])
def test_without_kafka(kafka, workers, tmp_path, how):
    definition = write(tmp_path / "people.yaml", definition_for(PEOPLE, "stopping", shards=SHARDS, kafka=kafka))
    lake = tmp_path / "in"
    lake.mkdir()
    (lake / "1.csv").write_text(people_csv(range(1000)))
    if how == "never there":
        kafka.server.kill()
    group = workers(definition, 1, IN=lake / "*.csv", OUT=tmp_path / "out")
    if how == "never there":
        time.sleep(3)
    else:
        group.wait_until_serving(SHARDS)
        (kafka.server.freeze if how == "frozen" else kafka.server.kill)()
    if how == "long gone":
        time.sleep(15)
    took = group[0].stop()  # it ends with 0
    assert took < SECONDS, f"{took:.1f} s:\n{group[0].tail()}"
    lines = [line for line in group[0].tail().splitlines() if "stopped without the broker" in line]
    assert len(lines) == 1, group[0].tail()
    assert re.search(r"objects=\d+ records=\d+ shards=\d+", lines[0]), lines
