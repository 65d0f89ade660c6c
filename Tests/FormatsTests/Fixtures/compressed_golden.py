"""Writes compressed_golden.jsonl: compressed forms of a few texts, made by Python's gzip, zlib and zstandard.

usage: compressed_golden.py            (beside this file; needs the package zstandard; deterministic)

A line an object: {"name", "kind": plain | gzip | zstd, "text": base64 of the content, "bytes": base64 of the object,
"error": the object is damaged and the text is empty}.
"""
import base64, gzip, io, json, os, random, zlib
import zstandard

rng = random.Random(20261121)
SMALL = b"id,name\n1,anna\n2,bert\n"
WORDS = [bytes(rng.choices(b"abcdefghijklmnop,\n0123456789", k=rng.randint(1, 12))) for _ in range(300)]
MEDIUM = b"".join(rng.choice(WORDS) for _ in range(1500))
NOISE = rng.randbytes(1500)
LONG = b"the same line again and again\n" * 40_000


def member(text, level=6, strategy=zlib.Z_DEFAULT_STRATEGY, head=b"\x1f\x8b\x08\0\0\0\0\0\0\xff"):
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    body = deflate.compress(text) + deflate.flush()
    return head + body + zlib.crc32(text).to_bytes(4, "little") + (len(text) & 0xFFFFFFFF).to_bytes(4, "little")


def head(extra=None, name=None, comment=None, checksum=False):
    flags = (4 if extra is not None else 0) | (8 if name else 0) | (16 if comment else 0) | (2 if checksum else 0)
    text = bytes([0x1F, 0x8B, 8, flags, 1, 2, 3, 4, 2, 3])
    if extra is not None:
        text += len(extra).to_bytes(2, "little") + extra
    if name:
        text += name + b"\0"
    if comment:
        text += comment + b"\0"
    if checksum:
        text += (zlib.crc32(text) & 0xFFFF).to_bytes(2, "little")
    return text


def stream(text):
    out = io.BytesIO()
    with zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).stream_writer(out, closefd=False) as w:
        for at in range(0, len(text), 700):
            w.write(text[at:at + 700])
            w.flush(zstandard.FLUSH_BLOCK)
    return out.getvalue()


def zst(text, level=3):
    return zstandard.ZstdCompressor(level=level, write_checksum=True).compress(text)


SKIP = b"\x5e\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"
good = [("plain " + n, "plain", t, t) for n, t in [("small", SMALL), ("medium", MEDIUM), ("noise", b"n" + NOISE)]]
good += [(f"plain {n} bytes", "plain", b"(\x28\x1f\x50"[:n], b"(\x28\x1f\x50"[:n]) for n in range(4)]
for level in (0, 1, 6, 9):
    good.append((f"gzip level {level}", "gzip", MEDIUM, member(MEDIUM, level)))
good += [
    ("gzip fixed codes", "gzip", MEDIUM, member(MEDIUM, 6, zlib.Z_FIXED)),
    ("gzip huffman only", "gzip", MEDIUM, member(MEDIUM, 6, zlib.Z_HUFFMAN_ONLY)),
    ("gzip noise", "gzip", NOISE, member(NOISE)),
    ("gzip small", "gzip", SMALL, gzip.compress(SMALL, mtime=0)),
    ("gzip empty", "gzip", b"", member(b"")),
    ("gzip long", "gzip", LONG, member(LONG, 9)),
    ("gzip with all header fields", "gzip", SMALL, member(SMALL, head=head(b"ex\0tra", b"name", b"comment", True))),
    ("gzip with a long name", "gzip", SMALL, member(SMALL, head=head(name=b"n" * 400))),
    ("gzip with a large extra field", "gzip", SMALL, member(SMALL, head=head(extra=b"e" * 700))),
    ("gzip members", "gzip", SMALL * 3 + MEDIUM, member(SMALL) + member(SMALL * 2, 0) + member(MEDIUM)),
    ("gzip empty members", "gzip", SMALL * 2, member(b"") + member(SMALL) + member(b"") * 3 + member(SMALL) + member(b"")),
    ("gzip many members", "gzip", b"x\n" * 200, member(b"x\n") * 200),
    ("gzip padded", "gzip", SMALL, member(SMALL) + b"\0" * 700),
    ("gzip padded by one", "gzip", SMALL, member(SMALL) + b"\0"),
    ("zstd small", "zstd", SMALL, zst(SMALL)),
    ("zstd empty", "zstd", b"", zst(b"")),
    ("zstd medium", "zstd", MEDIUM, zst(MEDIUM)),
    ("zstd level 19", "zstd", MEDIUM, zst(MEDIUM, 19)),
    ("zstd noise", "zstd", NOISE, zst(NOISE)),
    ("zstd long", "zstd", LONG, zst(LONG)),
    ("zstd in blocks", "zstd", MEDIUM, stream(MEDIUM)),
    ("zstd frames", "zstd", SMALL + MEDIUM, zst(SMALL) + zst(b"") + stream(MEDIUM)),
    ("zstd skippable first", "zstd", SMALL, SKIP + zst(SMALL)),
    ("zstd skippable between and last", "zstd", SMALL * 2, zst(SMALL) + SKIP + SKIP + zst(SMALL) + SKIP),
    ("zstd skippable alone", "zstd", b"", SKIP),
]
bad = [
    ("gzip with garbage behind", "gzip", member(SMALL) + b"garbage"),
    ("gzip with garbage behind padding", "gzip", member(SMALL) + b"\0\0x"),
    ("gzip with a member behind padding", "gzip", member(SMALL) + b"\0" + member(SMALL)),
    ("gzip with half a magic behind", "gzip", member(SMALL) + b"\x1f"),
    ("gzip with a wrong method", "gzip", b"\x1f\x8b\x07" + member(SMALL)[3:]),
    ("gzip with a wrong header checksum", "gzip", member(SMALL, head=head(name=b"n", checksum=True)[:-1] + b"\x99")),
    ("zstd with garbage behind", "zstd", zst(SMALL) + b"garbage"),
    ("zstd with zeros behind", "zstd", zst(SMALL) + b"\0\0\0\0"),
]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "compressed_golden.jsonl"), "w") as out:
    for name, kind, text, data, error in [g + (False,) for g in good] + [(n, k, b"", d, True) for n, k, d in bad]:
        encoded = [base64.b64encode(b).decode() for b in (text, data)]
        if text == LONG:
            encoded[0] = "LONG"
        out.write(json.dumps({"name": name, "kind": kind, "text": encoded[0], "bytes": encoded[1], "error": error}) + "\n")
