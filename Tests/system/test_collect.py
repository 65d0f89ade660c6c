"""What crashes leave goes with `tributary gc`, and nothing else does."""

import json
import os
import random
import time
from pathlib import Path

import pytest

from running import Shop, until


@pytest.fixture
def shop(program, tmp_path):
    shop = Shop(program, tmp_path, more="events: {list: 100ms}")
    yield shop
    shop.kill()


def files(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}


def needed(out: Path) -> set[str]:
    """What checkpoints and manifests name, from the documents themselves."""
    found = {"latest.json"} if (out / "latest.json").exists() else set()
    for folder in (out / "_tributary" / "shards").iterdir():
        newest = max(folder.glob("checkpoints/*.json"), default=None)
        if newest is None:
            continue
        found.add(str(newest.relative_to(out)))
        checkpoint = json.loads(newest.read_text())
        for held in [checkpoint, *checkpoint["cuts"]]:
            found |= {str((folder / "segments" / item["name"]).relative_to(out)) for item in held["segments"]}
    for manifest in out.glob("snapshot=*/manifest.json"):
        found.add(str(manifest.relative_to(out)))
        found |= {str((manifest.parent / part["key"]).relative_to(out)) for part in json.loads(manifest.read_text())["parts"]}
    return found


def test_after_kills_nothing_is_left_that_nobody_names(shop, seed):
    dice = random.Random(seed)
    out = shop.place / "out"
    for round_ in range(5):
        for number in range(3):
            shop.write(f"{number}.csv", "id,name,age\n" + "".join(
                f"k{dice.randrange(400)},n{round_},{dice.randrange(90)}\n" for _ in range(200)))
        shop.start().until_ready()
        until("rows", lambda: shop.status["rows_applied"] > 0)
        shop.ask("snapshot", shop.definition, "--id", f"s{round_}", "--no-listing")
        time.sleep(dice.random())
        shop.kill()
    shop.start().until_ready()
    manifest = shop.snapshot("last")
    refused = shop.ask("gc", shop.definition, "--grace", "0", check=1)
    assert "another worker" in refused.err and "stopped" in refused.err
    shop.ask("gc", shop.definition)  # beside a worker: what is young stays, so does what it works on
    shop.snapshot("after")
    shop.stop()
    # What no run of ours left: a crash's half-written file, a snapshot that never came to be, a segment of nobody's.
    (out / "_tributary" / "shards" / "0" / "segments").mkdir(parents=True, exist_ok=True)
    for stray in ["_tributary/shards/0/segments/000000000001-000000000001-00000000000000000000000000000000.seg",
                  "snapshot=dead/_shards/00000-x/train-00000.csv", "snapshot=dead/train/part-1.csv",
                  "snapshot=last/_shards/00001-x/state.bin", "snapshot=last/.tributary-1-aa.tmp"]:
        path = out / stray
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (shop.data / "segments" / "0-stray.seg").write_text("x")
    (shop.data / "segments" / ".0-half.seg.12").write_text("x")
    kept = needed(out)
    said = shop.ask("gc", shop.definition).out
    assert "snapshot=dead" not in said, "it is younger than an hour"
    removed = shop.ask("gc", shop.definition, "--grace", "0", "--json").json
    names = {Path(item["key"]).name for item in removed["removed"]}
    assert {"train-00000.csv", "part-1.csv", "state.bin", ".tributary-1-aa.tmp"} <= names
    assert removed["count"] == len(removed["removed"]) > 4
    assert files(out) == kept == needed(out)
    local = {path.name for path in (shop.data / "segments").iterdir()}
    segments = {path.parent.parent.name + "-" + path.name for path in out.glob("_tributary/shards/*/segments/*")}
    assert local <= segments
    assert shop.ask("gc", shop.definition, "--grace", "0").out == "nothing to remove\n"
    # Nothing that mattered went.
    shop.start().until_ready()
    assert shop.snapshot("again")["fingerprint"] == manifest["fingerprint"]


def test_age_decides(shop):
    shop.write("a.csv", "id,name,age\nx,Ann,31\n")
    shop.start().until_ready()
    shop.snapshot("one")
    shop.stop()
    old = shop.place / "out" / "snapshot=old" / "train" / "part.csv"
    young = old.with_name("young.csv")
    old.parent.mkdir(parents=True)
    for path in (old, young):
        path.write_text("x")
    then = time.time() - 7200
    os.utime(old, (then, then))
    shop.ask("gc", shop.definition)
    assert old.exists() and young.exists(), "a folder goes as a whole"
    os.utime(young, (then, then))
    shop.ask("gc", shop.definition, "--grace", "3h")
    assert old.exists()
    assert "removed 2 files" in shop.ask("gc", shop.definition, "--grace", "90m").out
    assert not old.exists() and not young.exists()


def test_wrong_use_and_other_datasets(shop):
    shop.write("a.csv", "id,name,age\nx,Ann,31\n")
    assert "is not a duration" in shop.ask("gc", shop.definition, "--grace", "1 hour", check=2).err
    assert shop.ask("gc", shop.definition, "--grace", "0").out == "nothing to remove\n"
    shop.start().until_ready()
    shop.snapshot("one")
    shop.stop()
    manifest = shop.place / "out" / "snapshot=one" / "manifest.json"
    before = files(shop.place / "out")
    broken = shop.place / "out" / "snapshot=two"
    broken.mkdir()
    (broken / "manifest.json").write_text("{}")
    (broken / "part.csv").write_text("x")
    said = shop.ask("gc", shop.definition, "--grace", "0")
    assert "'two' is left alone" in said.err and (broken / "part.csv").exists()
    shop.definition.write_text(shop.definition.read_text().replace("dataset: shop", "dataset: other"))
    assert "'shop'" in shop.ask("gc", shop.definition, "--grace", "0", check=1).err
    assert manifest.exists() and before <= files(shop.place / "out") | {x for x in before if "_tributary" in x}


def test_in_a_bucket(program, tmp_path, seaweed):
    shop = Shop(program, tmp_path, more=f'events: {{list: 100ms}}\nstore: {{endpoint: "{seaweed.endpoint}", path_style: true}}',
                **seaweed.environment)
    shop.to = f"s3://{seaweed.bucket}/{tmp_path.name}"
    shop.define()
    try:
        for round_ in range(3):
            shop.write("a.csv", "id,name,age\n" + "".join(f"k{n},n{round_},{n}\n" for n in range(50)))
            shop.start().until_ready()
            until("rows", lambda: shop.status["rows_applied"] > 0)
            shop.stop()
        shop.start().until_ready()
        shop.ask("snapshot", shop.definition, "--id", "one", "--wait", "--timeout", "60")
        shop.stop()
        for stray in ["snapshot=one/_shards/x/state.bin", "snapshot=dead/train/part.csv"]:
            seaweed.put(f"{tmp_path.name}/{stray}", b"x")
        time.sleep(1)  # its times are whole seconds
        removed = {item["key"] for item in shop.ask("gc", shop.definition, "--grace", "0", "--json").json["removed"]}
        assert {f"{tmp_path.name}/snapshot=one/_shards/x/state.bin", f"{tmp_path.name}/snapshot=dead/train/part.csv"} <= removed
        kept = seaweed.download(f"{tmp_path.name}/", tmp_path / "kept")
        assert files(kept) == needed(kept)
    finally:
        shop.kill()
