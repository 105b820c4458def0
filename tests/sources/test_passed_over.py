"""Keys in bytes of a container that its reader passes over: names, comments, frames to skip, and the like."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import lz4.frame
import pytest

from conformance.containers import FILLER, tarred, zipped, zstd
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import scan_json

KEY = fake_key("admin", "live", "passed over")
OTHER = fake_key(seed="member")
CONTENT = FILLER[:400] + OTHER.encode() + b"\n"


def gzip_with(flag: int, part: bytes) -> bytes:
    """Return gzip whose header has a part (RFC 1952, section 2.3)."""
    packed = gzip.compress(CONTENT)
    return packed[:3] + bytes([flag]) + packed[4:10] + part + packed[10:]


def skippable(part: bytes) -> bytes:
    """Return a frame that readers of zstd and lz4 skip (RFC 8878, section 3.1.2)."""
    return b"\x50\x2a\x4d\x18" + struct.pack("<I", len(part)) + part


RAW = KEY.encode()
PLACES = {
    "gzip name": gzip_with(8, RAW + b"\0"),
    "gzip long name": gzip_with(8, RAW + b"-2026-01.sql\0"),
    "gzip comment": gzip_with(16, b"a " + RAW + b"\0"),
    "gzip extra": gzip_with(4, struct.pack("<HHH", len(RAW) + 4, 0x4242, len(RAW)) + RAW),
    "zstd, before": skippable(RAW) + zstd(CONTENT),
    "zstd, behind": zstd(CONTENT) + skippable(RAW),
    "zstd, between": zstd(CONTENT[:200]) + skippable(RAW) + zstd(CONTENT[200:]),
    "lz4, between": lz4.frame.compress(CONTENT[:200]) + skippable(RAW) + lz4.frame.compress(CONTENT[200:]),
    "zip comment": zipped({"a.txt": CONTENT}, comment=RAW),
    "stored block": b"x\x01" + zlib.compress(CONTENT, 0)[2:] + RAW,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("passed-over")
    for name, content in PLACES.items():
        (root / name).write_bytes(content)
        (root / f"{name}.tar").write_bytes(tarred({"a.txt": FILLER, "inner": content}))
    return root


def check(folder: Path, *options: str) -> None:
    report = scan_json(folder, *options)
    for key, names in ((KEY, set(PLACES)), (OTHER, {*PLACES} - {"zstd, between", "lz4, between"})):
        (finding,) = [one for one in report["findings"] if one["fingerprint"] == fingerprint(key)]
        places = [where["path"] for where in finding["locations"]]
        wanted = sorted([*names, *(f"{name}.tar" for name in names)])
        assert sorted(name for name in places if name.removesuffix(".tar") in names) == wanted


def test_in_files(folder: Path) -> None:
    check(folder)


def test_in_history(folder: Path, repo: Repo) -> None:
    for path in sorted(folder.iterdir()):
        repo.add(path.name, path.read_bytes())
    repo.commit("archives")
    check(repo.path, "--history-only")
