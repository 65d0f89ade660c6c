"""What could not be used: listed with all that is known of it, read again when it is mended."""

import gzip
import os
import tempfile
from pathlib import Path

import pytest

from running import Shop, until


@pytest.fixture
def shop(program, tmp_path):
    shop = Shop(program, tmp_path)
    yield shop
    shop.kill()


def test_rejected_rows_are_listed_shown_and_replayed(shop):
    shop.write("a.csv", "id,name,age\nx,Ann,31\ny,Bob,old\nz,Cy,7\n")
    shop.write("b.csv", b"id,name,age\nv,Dee,\xff\n")
    shop.start().until_ready()
    manifest = shop.snapshot("one")
    assert manifest["rejected"]["rows"] == 2
    found = shop.letters()
    assert [(c["source"], c["kind"], c["count"]) for c in found["counts"]] == [("people", "row", 2)]
    letter = next(x for x in found["letters"] if x["object"].endswith("a.csv"))
    assert letter["row"] == 2 and letter["byte"] == 21 and letter["reason"] == "not_an_int" and letter["column"] == "age"
    assert letter["raw"].strip() == "y,Bob,old"
    text = shop.ask("dead-letters", "show", shop.definition, "--id", letter["id"]).out
    assert "y,Bob,old" in text and "a.csv" in text and "not_an_int" in text and "open" in text
    assert "a.csv" in shop.ask("dead-letters", "list", shop.definition).out
    base64 = next(x for x in found["letters"] if x["object"].endswith("b.csv"))
    assert "raw_base64" in base64

    # A definition that takes what was refused: the objects are read again, and the old letters are settled.
    shop.stop()
    shop.define(age="string")
    # The columns changed, so everything is read anew by itself; what a replay adds comes below.
    shop.start().until_ready()
    until("the rows are taken", lambda: not [x for x in shop.letters()["letters"] if x["object"].endswith("a.csv")])
    shop.snapshot("two")
    assert shop.rows("two")["y"][0] == "Bob"
    settled = shop.letters("--all")["letters"]
    assert {x["state"] for x in settled if x["object"].endswith("a.csv")} == {"settled"}

    # Replaying reads the object again, known as it is; what is still wrong comes back as a new letter.
    before = shop.letters()["letters"]
    assert len(before) == 1
    replayed = shop.ask("dead-letters", "replay", shop.definition, "--source", "people", "--json").json
    assert [name.rpartition("/")[2] for name in replayed["objects"]] == ["b.csv"]
    after = until("a new letter", lambda: [x for x in shop.letters()["letters"] if x["id"] != before[0]["id"]])
    assert len(after) == 1 and after[0]["attempt"] != before[0]["attempt"]

    # Without a worker they are read from its file.
    shop.stop()
    assert [x["id"] for x in shop.letters()["letters"]] == [after[0]["id"]]
    replayed = shop.ask("dead-letters", "replay", shop.definition, "--id", after[0]["id"]).out
    assert "read again" in replayed and "b.csv" in replayed


def test_letters_of_attempts_that_never_counted_are_not_shown(shop):
    """A worker that is killed over and over again while it reads leaves letters without an entry in the ledger."""
    rows = "".join(f"k{n},N,{'bad' if n % 50 == 0 else n}\n" for n in range(20_000))
    for number in range(3):
        shop.write(f"{number}.csv", "id,name,age\n" + rows)
    for _ in range(4):
        shop.start()
        try:
            until("something was rejected", lambda: shop.status["rows_rejected"] > 0, seconds=0.5)
        except AssertionError:
            pass
        shop.kill()
    shop.start().until_ready()
    assert shop.snapshot("one")["rejected"]["rows"] == 1200
    found = shop.letters("--limit", "1000")
    assert sum(count["count"] for count in found["counts"]) == 1200
    assert len({(x["object"], x["row"]) for x in found["letters"]}) == len(found["letters"]) == 1000


@pytest.fixture
def nobodys_shop(program):
    """A shop whose worker may not read everything, whoever runs the tests."""
    with tempfile.TemporaryDirectory() as place:
        shop = Shop(program, Path(place))
        if os.geteuid() == 0:
            for path in [shop.place, shop.place / "people"]:
                path.chmod(0o777)
            shop.user = 65534
        yield shop
        shop.kill()


def test_an_object_that_cannot_be_read_is_set_aside_and_holds_up_nobody(nobodys_shop):
    shop = nobodys_shop
    shop.write("good.csv", "id,name,age\nx,Ann,31\n")
    whole = gzip.compress(b"id,name,age\ny,Bob,5\n" * 1000)
    shop.write("corrupt.csv.gz", whole[:200] + b"\0" * 40 + whole[240:] if len(whole) > 300 else whole[:-12])
    hidden = shop.write("hidden.csv", "id,name,age\nz,Cy,7\n")
    hidden.chmod(0)
    shop.start().until_ready()
    until("the good one is there", lambda: shop.status["rows_applied"] >= 1, seconds=20)
    until("set aside", lambda: len(shop.status["inputs"]["failed"]) == 2, seconds=60)
    reasons = {item["location"].rpartition("/")[2]: item["reason"] for item in shop.status["inputs"]["failed"]}
    assert reasons.keys() == {"corrupt.csv.gz", "hidden.csv"}
    manifest = shop.snapshot("one")
    missing = {item["key"].rpartition("/")[2]: item["state"] for item in manifest["missing"]}
    assert missing["corrupt.csv.gz"] == "failed"
    assert missing["hidden.csv"] == "failed"
    assert "x" in shop.rows("one") and "y" not in shop.rows("one")
    letters = shop.letters()["letters"]
    assert {x["kind"] for x in letters} == {"object"} and len(letters) == 2
    assert "corrupt" in shop.ask("status", shop.definition).out

    # A new version, and a permission: both are cleared, and their rows come in.
    shop.write("corrupt.csv.gz", gzip.compress(b"id,name,age\ny,Bob,5\n"))
    hidden.chmod(0o644)
    replayed = shop.ask("dead-letters", "replay", shop.definition, "--json").json
    assert any(name.endswith("hidden.csv") for name in replayed["objects"])
    until("nothing is failed any more", lambda: not shop.status["inputs"]["failed"])
    manifest = shop.snapshot("two")
    assert not manifest.get("missing")
    assert shop.rows("two").keys() >= {"x", "y", "z"}
    assert shop.letters()["letters"] == []
    assert {x["state"] for x in shop.letters("--all")["letters"]} == {"settled"}


def test_wrong_use(shop):
    shop.define()
    assert "is none of" in shop.ask("dead-letters", "burn", shop.definition, check=2).err
    assert "--id" in shop.ask("dead-letters", "show", shop.definition, check=2).err
    assert "PARTITION:OFFSET" in shop.ask("dead-letters", "show", shop.definition, "--id", "7", check=2).err
    assert "people" in shop.ask("dead-letters", "list", shop.definition, "--source", "nobody", check=2).err
    assert "no such data directory" in shop.ask("dead-letters", "list", shop.definition, check=1).err
    shop.start().until_ready()
    assert shop.get("/dead-letters?id=x")[0] == 400
    assert shop.get("/dead-letters?limit=100000")[0] == 400
    assert shop.get("/dead-letters/replay")[0] == 405
    assert "no dead letter 3:99" in shop.ask("dead-letters", "show", shop.definition, "--id", "3:99", check=1).err
