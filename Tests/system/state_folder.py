"""What lies in a dataset's place in the store, and what of it anything still names: checkpoints, segments, parts."""

import json
import re
from dataclasses import dataclass, field

CHECKPOINT = re.compile(r"^_tributary/shards/(\d+)/checkpoints/[^/]+\.json$")
SEGMENT = re.compile(r"^_tributary/shards/(\d+)/segments/([^/]+\.seg)$")
SNAPSHOT = re.compile(r"^snapshot=([^/]+)/(.+)$")


@dataclass
class Folder:
    """Keys below `snapshot.to`, by what they are to readers and to recovery."""

    # Named by the newest checkpoint of a shard, or by a manifest, or what names them.
    live: set[str] = field(default_factory=set)
    # Named, but not there: data loss.
    lost: set[str] = field(default_factory=set)
    # What `tributary gc` may delete: older checkpoints, segments and parts that nothing names.
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
    for key in keys - named:
        if CHECKPOINT.match(key) or SEGMENT.match(key) or SNAPSHOT.match(key):
            folder.orphans.add(key)
        else:
            folder.strange.add(key)
    folder.live, folder.lost = named & keys, named - keys
    return folder


def segment_bytes(s3, prefix: str) -> int:
    """How many bytes lie in the state folder."""
    pages = s3.client.get_paginator("list_objects_v2").paginate(Bucket=s3.bucket, Prefix=prefix + "_tributary/")
    return sum(item["Size"] for page in pages for item in page.get("Contents", []))
