"""S3 end to end against a real server: the same snapshot as from local files, with a bad network too."""

import json
import random
import subprocess
import sys

import pytest

from lakes import PEOPLE, people_csv, packed, write
from program import ROOT, Snapshot, assert_same, assert_says
from servers import SECRET_KEY

STORE = 'store: {endpoint: "${ENDPOINT}", region: us-east-1, path_style: true}\n'
CUSTOMER360 = (ROOT / "bench" / "customer360.yaml").read_text() + STORE
PEOPLE_S3 = PEOPLE + STORE


@pytest.fixture(scope="module")
def lake(seaweed, program, tmp_path_factory):
    """2,000 customers on disk and in the bucket, and the snapshot of those on disk."""
    place = tmp_path_factory.mktemp("s3")
    subprocess.run([sys.executable, ROOT / "bench" / "gen.py", place / "data", "2000"], check=True)
    seaweed.upload(place / "data", "customer360/")
    program.batch(ROOT / "bench" / "customer360.yaml", DATA=place / "data", OUT=place / "out")
    return Snapshot.newest(place / "out")


def run(program, s3, tmp_path, *arguments, definition=CUSTOMER360, data="s3://lake/customer360", out=None, **keywords):
    environment = {**s3.environment, "DATA": data, "IN": data, "OUT": out or tmp_path / "out", **keywords}
    return program.batch(write(tmp_path / "definition.yaml", definition), *arguments, **environment)


def test_the_same_as_from_files(program, seaweed, lake, tmp_path):
    said = run(program, seaweed, tmp_path).json
    assert said["fingerprint"] == lake.fingerprint
    inputs = Snapshot.newest(tmp_path / "out").manifest["inputs"]
    assert len(inputs) == 16
    for source in inputs:
        assert source["bucket"] == "lake" and source["key"].startswith("customer360/") and source["etag"], source


def test_written_to_s3(program, seaweed, lake, tmp_path):
    said = run(program, seaweed, tmp_path, "--id", "one", out="s3://lake/written").json
    assert said["fingerprint"] == lake.fingerprint
    keys = seaweed.keys("written/")
    assert "written/latest.json" in keys and "written/snapshot=one/manifest.json" in keys
    local = Snapshot.newest(seaweed.download("written/", tmp_path / "copy"))
    assert_same(local.table(), lake.table(), "customer_id", relative=0)

    # The same again changes nothing; another result may not take the id.
    before = {key: seaweed.client.head_object(Bucket="lake", Key=key)["LastModified"] for key in keys}
    assert run(program, seaweed, tmp_path, "--id", "one", out="s3://lake/written").json["fingerprint"] == lake.fingerprint
    run(program, seaweed, tmp_path, "--id", "one", "--as-of", "2026-06-01T00:00:00Z", out="s3://lake/written", check=1)
    assert {key: seaweed.client.head_object(Bucket="lake", Key=key)["LastModified"]
            for key in seaweed.keys("written/")} == before

    # The commands read there too.
    environment = seaweed.environment
    for place in ("s3://lake/written", "s3://lake/written/snapshot=one/manifest.json"):
        assert program("inspect", place, "--json", **environment, AWS_ENDPOINT_URL=seaweed.endpoint
                       ).json["fingerprint"] == lake.fingerprint
    again = program("rebuild", "s3://lake/written/snapshot=one/manifest.json", "--json", **environment,
                    AWS_ENDPOINT_URL=seaweed.endpoint)
    assert again.json["fingerprint"] == lake.fingerprint


def test_keys_as_people_name_them(program, seaweed, tmp_path):
    names = ["plain.csv", "a space.csv", "plus+plus.csv", "per%cent%20.csv", "ünï 漢字 🛒.csv", "quote'\".csv", "a=b&c=d.csv",
             "year=2026/month=01/part (1).csv", "tilde~!$*,;:@.csv", "#hash?.csv", "<angle>.csv", "semi;colon.csv.gz"]
    for number, name in enumerate(names):
        text = people_csv(range(number * 10, number * 10 + 10)).encode()
        seaweed.put(f"odd keys+%/{name}", packed(text) if name.endswith(".gz") else text)
    seaweed.put("odd keys+%/_SUCCESS", b"")
    seaweed.put("odd keys+%/.hidden.csv", people_csv(range(900, 910)).encode())
    said = run(program, seaweed, tmp_path, definition=PEOPLE_S3, data="s3://lake/odd keys+%/",
               out="s3://lake/odd out+%/ü").json
    assert said["rows"] == 10 * len(names)
    copy = Snapshot.newest(seaweed.download("odd out+%/ü/", tmp_path / "copy"))
    assert {source["key"].removeprefix("odd keys+%/") for source in copy.manifest["inputs"]} == set(names)


def test_a_large_object_is_read_in_ranges_and_written_in_parts(program, seaweed, tmp_path):
    draw = random.Random(1)
    rows = "".join(f"{draw.getrandbits(128):032x}{draw.getrandbits(128):032x},{draw.getrandbits(62)},{draw.random()}\n"
                   for _ in range(300_000))
    write(tmp_path / "in" / "big.csv", "id,n,x\n" + rows)
    seaweed.upload(tmp_path / "in", "large/")
    local = program.batch(write(tmp_path / "people.yaml", PEOPLE), IN=tmp_path / "in", OUT=tmp_path / "local").json
    there = run(program, seaweed, tmp_path, definition=PEOPLE_S3, data="s3://lake/large/", out="s3://lake/large-out").json
    assert there["fingerprint"] == local["fingerprint"]
    copy = Snapshot.newest(seaweed.download("large-out/", tmp_path / "copy"))
    assert copy.table().num_rows == 300_000
    assert max(part["bytes"] for part in copy.manifest["parts"]) > 8 << 20


def test_a_wrong_secret(program, seaweed, tmp_path):
    outcome = run(program, seaweed, tmp_path, check=1, AWS_SECRET_ACCESS_KEY="wrong-secret-that-must-not-show")
    assert_says(outcome, "customer360")
    assert "wrong-secret-that-must-not-show" not in outcome.out + outcome.err
    assert not (tmp_path / "out" / "latest.json").exists()


def test_no_credentials(program, seaweed, tmp_path):
    environment = {name: "" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    outcome = run(program, seaweed, tmp_path, check=1, AWS_EC2_METADATA_DISABLED="true", **environment)
    assert_says(outcome, "credentials")


def test_credentials_from_a_profile(program, seaweed, lake, tmp_path):
    write(tmp_path / "home" / ".aws" / "credentials",
          f"[other]\naws_access_key_id = {seaweed.environment['AWS_ACCESS_KEY_ID']}\naws_secret_access_key = {SECRET_KEY}\n")
    path = write(tmp_path / "definition.yaml", CUSTOMER360)
    said = program.batch(path, HOME=tmp_path / "home", AWS_PROFILE="other", AWS_REGION="us-east-1",
                         ENDPOINT=seaweed.endpoint, DATA="s3://lake/customer360", OUT=tmp_path / "out").json
    assert said["fingerprint"] == lake.fingerprint


def test_a_bucket_that_is_not_there(program, seaweed, tmp_path):
    assert_says(run(program, seaweed, tmp_path, check=1, data="s3://no-such-bucket/customer360"), "no-such-bucket")


def test_a_server_that_is_not_there(program, seaweed, tmp_path):
    outcome = run(program, seaweed, tmp_path, check=1, ENDPOINT="http://127.0.0.1:9", timeout=120)
    assert_says(outcome, "127.0.0.1")


def test_rebuild_names_the_object_that_changed(program, seaweed, tmp_path):
    for number in range(3):
        seaweed.put(f"changing/{number}.csv", people_csv(range(number * 10, number * 10 + 10)).encode())
    run(program, seaweed, tmp_path, definition=PEOPLE_S3, data="s3://lake/changing/")
    manifest = Snapshot.newest(tmp_path / "out").path / "manifest.json"
    program("rebuild", manifest, **seaweed.environment)
    seaweed.put("changing/1.csv", people_csv(range(10, 19)).encode())
    outcome = program("rebuild", manifest, check=1, **seaweed.environment)
    assert_says(outcome, "changing/1.csv")
    assert "changing/2.csv" not in outcome.err


@pytest.mark.slow
@pytest.mark.parametrize("faults", ["503:0.2", "reset:0.15,lost:0.05", "truncate:0.15,garbage:0.05", "stall:0.03",
                                    "503:0.05,reset:0.05,truncate:0.05,refuse:0.05,lost:0.05"])
def test_a_bad_network(program, seaweed, lake, faulty, tmp_path, seed, faults):
    """With what retries can mend, the result is the same, read and written."""
    endpoint = faulty(seed, faults)
    prefix = f"faulty-{faults.replace(':', '-').replace(',', '-')}"
    said = run(program, seaweed, tmp_path, "--id", "one", out=f"s3://lake/{prefix}", ENDPOINT=endpoint, timeout=600).json
    assert said["fingerprint"] == lake.fingerprint
    copy = Snapshot.newest(seaweed.download(f"{prefix}/", tmp_path / "copy"))
    assert_same(copy.table(), lake.table(), "customer_id", relative=0)


@pytest.mark.parametrize("faults", ["503:1", "reset:1", "truncate:1"])
def test_a_network_that_never_works(program, seaweed, faulty, tmp_path, faults):
    """A clear error in bounded time, and nothing published."""
    outcome = run(program, seaweed, tmp_path, ENDPOINT=faulty(1, faults), check=1, timeout=300)
    assert outcome.err.strip() and "customer360" in outcome.err, outcome
    assert not (tmp_path / "out" / "latest.json").exists()


@pytest.mark.slow
def test_many_objects_are_read_at_once(program, seaweed, faulty, tmp_path):
    """1,000 objects with 50 ms to each answer: in a row that would be 50 seconds."""
    for number in range(1_000):
        seaweed.put(f"many/{number:04}.csv", people_csv(range(number, number + 1)).encode())
    direct = run(program, seaweed, tmp_path, definition=PEOPLE_S3, data="s3://lake/many/", out=tmp_path / "direct")
    slow = run(program, seaweed, tmp_path, definition=PEOPLE_S3, data="s3://lake/many/", ENDPOINT=faulty(1, "delay:1"))
    assert slow.json["fingerprint"] == direct.json["fingerprint"]
    assert slow.seconds < direct.seconds + 20, f"{slow.seconds:.1f} s against {direct.seconds:.1f} s"


def test_no_secret_is_ever_shown(program, seaweed, lake, tmp_path):
    """Neither in a manifest nor in what is printed."""
    outcome = run(program, seaweed, tmp_path, "--id", "secret", out="s3://lake/secrets")
    assert SECRET_KEY not in outcome.out + outcome.err
    for key in seaweed.keys("secrets/"):
        if key.endswith(".json"):
            assert SECRET_KEY not in json.dumps(json.loads(seaweed.get(key)))
