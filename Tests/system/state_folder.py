"""What lies in a dataset's place in the store, and what of it anything still names: checkpoints, segments, parts."""

import json
import re
from dataclasses import dataclass, field

CHECKPOINT = re.compile(r"^_tributary/shards/(\d+)/checkpoints/[^/]+\.json$")
SEGMENT = re.compile(r"^_tributary/shards/(\d+)/segments/([^/]+\.seg)$")
FOLD = re.compile(r"^_tributary/folds/(\d+)\.json$")
SNAPSHOT = re.compile(r"^snapshot=([^/]+)/(.+)$")
ROWS = re.compile(r"^_tributary/rows/[0-9a-f]{32}-\d+$")


@dataclass
class Folder:
    """Keys below `snapshot.to`, by what they are to readers and to recovery."""

    # Named by the newest checkpoint of a shard, or by a manifest, or what names them.
    live: set[str] = field(default_factory=set)
    # Named, but not there: data loss.
    lost: set[str] = field(default_factory=set)
    # What `tributary gc` may delete: older checkpoints and folds, segments and parts that nothing names.
    orphans: set[str] = field(default_factory=set)
    # Neither: nobody knows what it is.
    strange: set[str] = field(default_factory=set)


def survey(s3, prefix: str) -> Folder:
    """Reads all keys below `prefix` (which ends in a slash). The workers are stopped."""
    keys = {key.removeprefix(prefix) for key in s3.keys(prefix)}
    folder = Folder()
    newest: dict[str, str] = {}
    for key in keys:
        if found := CHECKPOINT.match(key):
            newest[found[1]] = max(key, newest.get(found[1], ""))
    named = {"latest.json"} & keys
    for shard, key in newest.items():
        checkpoint = json.loads(s3.get(prefix + key))
        segments = checkpoint["segments"] + [segment for cut in checkpoint["cuts"] for segment in cut["segments"]]
        named |= {key} | {f"_tributary/shards/{shard}/segments/{segment['name']}" for segment in segments}
    for key in keys:
        if key.endswith("/manifest.json"):
            manifest = json.loads(s3.get(prefix + key))
            home = key.removesuffix("manifest.json")
            named |= {key} | {home + part["key"] for part in manifest["parts"]}
    # Reading the ledger begins at the highest fold that lies before all checkpoints; later ones are for later.
    folds = {key: int(found[1]) for key in keys if (found := FOLD.match(key))}
    least = min((int(key.rpartition("/")[2].partition("-")[0]) for key in newest.values()), default=0)
    begin = max((position for position in folds.values() if position < least), default=0)
    named |= {key for key, position in folds.items() if position >= begin}
    # As long as `rows` may tell of them.
    named |= {key for key in keys if ROWS.match(key)}
    for key in keys - named:
        if FOLD.match(key) or CHECKPOINT.match(key) or SEGMENT.match(key) or SNAPSHOT.match(key):
            folder.orphans.add(key)
        else:
            folder.strange.add(key)
    folder.live, folder.lost = named & keys, named - keys
    return folder


def assert_sound(s3, prefix: str) -> Folder:
    """All that is named is there, and all that is there is known."""
    folder = survey(s3, prefix)
    assert not folder.lost, f"named, and not there: {sorted(folder.lost)[:10]}"
    assert not folder.strange, f"nobody knows what these are: {sorted(folder.strange)[:10]}"
    return folder


def assert_swept(s3, prefix: str) -> None:
    """Nothing is left that no checkpoint or manifest names: what `tributary gc --grace 0` leaves behind."""
    folder = assert_sound(s3, prefix)
    assert not folder.orphans, f"nothing names these: {sorted(folder.orphans)[:10]}"
