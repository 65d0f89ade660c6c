"""Rows of large objects that their worker kept in files for its own shards: a worker that dies, and files that are gone."""

import random
import shutil
from pathlib import Path

import pytest

from running import Broker, Shop, until

ROWS = 400_000


@pytest.fixture
def shop(program, tmp_path):
    shop = Shop(program, tmp_path)
    yield shop
    shop.kill()


def files(shop: Shop) -> list[Path]:
    return sorted((shop.place / "out" / "_tributary" / "rows").glob("*"))


def forget(shop: Shop) -> None:
    """A worker that was killed before its first checkpoint."""
    shutil.rmtree(shop.place / "out" / "_tributary" / "shards", ignore_errors=True)
    shutil.rmtree(shop.data / "segments", ignore_errors=True)


def until_applied(shop: Shop, rows: int) -> None:
    until(f"{rows} rows", lambda: sum(item["rows"] for item in shop.status["shards"]) == rows)


def test_rows_in_files_outlive_their_worker(shop, program, seed):
    draw = random.Random(seed)
    shop.write("a.csv", "id,name,age\n" + "".join(f"p{n},n{n},{n % 90}\n" for n in range(300)))
    shop.start().until_ready()
    until_applied(shop, 300)
    # Its shards have taken what there is, and take from now on what their worker sends.
    shop.write("b.csv", "id,name,age\n" + "".join(f"p{n},{draw.getrandbits(48):x},{n % 90}\n" for n in range(300, ROWS)))
    until_applied(shop, ROWS)
    shop.kill()
    kept = files(shop)
    assert sum(path.stat().st_size for path in kept) > 2 << 20
    with Broker(shop) as broker:
        sizes = [broker.file.execute(f"SELECT sum(length(value)) FROM {broker.log('shop.rows', n)}").fetchone() for n in range(3)]
    assert sum(size for (size,) in sizes) < 1 << 20, "the broker has them, too"

    forget(shop)
    shop.start().until_ready()
    until_applied(shop, ROWS)
    made = shop.snapshot("one")
    alone = program("batch", shop.definition, "--to", shop.place / "alone", "--json").json
    assert made["rows"] == ROWS and made["fingerprint"] == alone["fingerprint"]
    shop.stop()
    shop.ask("gc", shop.definition, "--grace", "0")
    assert files(shop) == kept, "what the topic of rows tells of stays"

    # As if the topic of rows had kept its messages for longer than the files.
    forget(shop)
    for path in kept:
        path.unlink()
    shop.start()
    # A file that is not there for a minute may be of a disk that is away; then the shards stop.
    until("all shards wait", lambda: [item["state"] for item in shop.status["shards"]] == ["stopped"] * 3, 150)
    code, text = shop.get("/readyz")
    assert code == 503 and "is gone; `tributary backfill --again" in text and kept[0].name[:32] in text, text
    shop.ask("backfill", shop.definition, "--again")
    shop.until_ready()
    assert shop.snapshot("two")["fingerprint"] == alone["fingerprint"]
