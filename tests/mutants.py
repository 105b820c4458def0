"""Archives with something wrong in them: small samples of every format, and changes to their bytes.

Each sample has a key where only a reader of its format finds it. A change is drawn from a seed, and
its recipe says what was done, so that a mutant can be made again from its name.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.finding import ShardResult
from boltz_keyscan.sources.files.shard import FileShard
from conformance.containers import (
    FILLER,
    ar,
    cpio,
    deb,
    old_tar,
    rpm,
    seven,
    tarred,
    text,
    zipped,
    zipped_to_a_pipe,
    zstd,
)
from tests.keys import fake_key

DETECTOR = KeyDetector.of(rules.load())
KEY = fake_key(seed="mutant")
PLAIN = FILLER[:130] + text(KEY)
PACKED = gzip.compress(PLAIN, mtime=0)
"""For formats that keep a member as it is."""

PAIR = {"first.txt": FILLER[:200], "settings.env": PLAIN}
KEPT = {"first.txt": FILLER[:200], "settings.gz": PACKED}


def _binary_cpio(order: str) -> bytes:
    out = b""
    for name, content in {**KEPT, "TRAILER!!!": b""}.items():
        raw = name.encode() + b"\0"
        size = len(content)
        out += struct.pack(
            f"{order}13H", 0o070707, 1, 2, 0o100644, 0, 0, 1, 0, 0, 0, len(raw), size >> 16, size & 0xFFFF
        )
        out += raw + bytes(len(raw) % 2) + content + bytes(size % 2)
    return out


def _old_cpio() -> bytes:
    out = b""
    for name, content in {**KEPT, "TRAILER!!!": b""}.items():
        raw = name.encode() + b"\0"
        fields = (1, 2, 0o100644, 0, 0, 1, 0)
        out += b"070707" + b"".join(b"%06o" % field for field in fields)
        out += b"%011o%06o%011o" % (0, len(raw), len(content)) + raw + content
    return out


def _wide_zip() -> bytes:
    """A zip with 64-bit sizes and a 64-bit end of its directory."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in PAIR.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
    raw = out.getvalue()
    at = raw.rindex(b"PK\5\6")
    size, offset = struct.unpack("<II", raw[at + 12 : at + 20])
    wide = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 2, 2, size, offset)
    return raw[:at] + wide + b"PK\6\7" + struct.pack("<IQI", 0, at, 1) + raw[at:]


def _lzma(*, sized: bool, **options: int) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 6, "dict_size": 1 << 16, **options}]
    raw = lzma.compress(PLAIN, lzma.FORMAT_ALONE, filters=filters)
    return raw[:5] + struct.pack("<Q", len(PLAIN)) + raw[13:] if sized else raw


SAMPLES: dict[str, Callable[[], bytes]] = {
    "zip": lambda: zipped(PAIR),
    "zip-stored": lambda: zipped(KEPT, zipfile.ZIP_STORED, b"a comment"),
    "zip-piped": lambda: zipped_to_a_pipe(PAIR, zipfile.ZIP_DEFLATED),
    "zip-64": _wide_zip,
    "zip-lzma": lambda: zipped(PAIR, zipfile.ZIP_LZMA),
    "zip-sh": lambda: b"#!/bin/sh\nexit 0\n" + zipped(PAIR) + b"\n",
    "7z": lambda: seven(PAIR),
    "7z-elf": lambda: b"\x7fELF" + bytes(60) + seven(PAIR, encoded=True),
    "gzip": lambda: gzip.compress(FILLER[:50], mtime=0) + PACKED,
    "bzip2": lambda: bz2.compress(FILLER[:50]) + bz2.compress(PLAIN),
    "xz": lambda: lzma.compress(FILLER[:50]) + bytes(4) + lzma.compress(PLAIN),
    "lzma": lambda: _lzma(sized=False),
    "lzma-sized": lambda: _lzma(sized=True, lc=0, lp=2, pb=0),
    "zstd": lambda: b"\x50\x2a\x4d\x18\4\0\0\0abcd" + zstd(PLAIN),
    "tar-ustar": lambda: tarred(KEPT, tarfile.USTAR_FORMAT)[:3072],
    "tar-gnu": lambda: tarred({"n" * 120: FILLER[:9], **KEPT}, tarfile.GNU_FORMAT)[:5120],
    "tar-pax": lambda: tarred({"é": b"", **KEPT})[:5120],
    "tar-old": lambda: old_tar(b"first", FILLER[:200])[:1024] + old_tar(b"settings.gz", PACKED),
    "tar-gz": lambda: gzip.compress(tarred(PAIR), mtime=0),
    "cpio-new": lambda: cpio(KEPT),
    "cpio-old": _old_cpio,
    "cpio-binary": lambda: _binary_cpio("<"),
    "cpio-swapped": lambda: _binary_cpio(">"),
    "ar": lambda: ar(KEPT),
    "deb": lambda: deb(PAIR, lzma.compress, ".xz"),
    "rpm": lambda: rpm(gzip.compress(cpio(PAIR), mtime=0)),
}


def mutant(sample: bytes, other: bytes, seed: str) -> tuple[bytes, list[str]]:
    """Return a changed sample, and what was changed.

    Args:
        sample: the archive.
        other: one of another format, to take a part of.
        seed: what the changes are drawn from.
    """
    draw = random.Random(seed)
    made, recipe = sample, []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        made, step = _changed(made, other, draw)
        recipe.append(step)
    return made, recipe


def _place(raw: bytes, draw: random.Random) -> int:
    """Return an offset, where headers are more often than elsewhere."""
    size = max(len(raw), 1)
    return draw.choice(
        (
            draw.randrange(size),
            draw.randrange(min(size, 32)),
            draw.randrange(min(size, 160)),
            max(size - 1 - draw.randrange(min(size, 96)), 0),
        )
    )


def _changed(raw: bytes, other: bytes, draw: random.Random) -> tuple[bytes, str]:  # noqa: C901, PLR0911 - a table
    """Return bytes with one change, and what it is."""
    at, count = _place(raw, draw), draw.choice((1, 1, 2, 4, 8, 30))
    match draw.randrange(12):
        case 0 | 1:
            bit = draw.randrange(8)
            return raw[:at] + bytes(byte ^ 1 << bit for byte in raw[at : at + 1]) + raw[
                at + 1 :
            ], f"flip {at}.{bit}"
        case 2:
            new = draw.randbytes(1)
            return raw[:at] + new + raw[at + 1 :], f"set {at} {new.hex()}"
        case 3:
            return raw[:at] + raw[at + count :], f"delete {at}+{count}"
        case 4:
            new = draw.choice((draw.randbytes(count), b"#!/bin/sh\n", b"\n", bytes(count), b"text " * count))
            return raw[:at] + new + raw[at:], f"insert {at} {new.hex()}"
        case 5:
            to = _place(raw, draw)
            return raw[:to] + raw[at : at + 4 * count] + raw[to:], f"duplicate {at}+{4 * count} at {to}"
        case 6:
            return raw[:at], f"truncate {at}"
        case 7:
            begin = _place(other, draw)
            part = other[begin : begin + 8 * count]
            return raw[:at] + part + raw[
                at + len(part) :
            ], f"splice {at} with {begin}+{len(part)} of the other"
        case 8:
            to = _place(raw, draw)
            low, high = sorted((at, to))
            width = min(draw.choice((1, 2, 4)), high - low)
            swapped = raw[high : high + width] + raw[low + width : high] + raw[low : low + width]
            return raw[:low] + swapped + raw[high + width :], f"swap {low} and {high}, {width}"
        case 9:
            new = draw.choice((b"\0", b"\xff")) * count
            return raw[:at] + new + raw[at + count :], f"fill {at}+{count} {new[:1].hex()}"
        case 10:
            new = draw.choice((b"\n", b"some text\n" * count, other, draw.randbytes(count), bytes(512)))
            return new + raw, f"{len(new)} bytes before"
        case _:
            new = draw.choice((b"\n", b"x" * 600, other, draw.randbytes(count), bytes(512)))
            return raw + new, f"{len(new)} bytes behind"


def scanned(path: Path) -> ShardResult:
    """Return what a scan finds in one file, in this process."""
    results = [FileShard(os.fsencode(path.parent), b"", (os.fsencode(path.name),)).scan(DETECTOR)]
    results += [shard.scan(DETECTOR) for shard in results[0].more]
    return ShardResult(
        tuple(hit for result in results for hit in result.hits),
        tuple(gap for result in results for gap in result.gaps),
    )
