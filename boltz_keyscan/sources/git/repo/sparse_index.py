"""Sparse indexes: whole folders in one entry, which git would unfold before it tells anything.

In a sparse index (gitformat-index, "sparse directory entries") an entry can be a tree. git
unfolds them all into memory whenever we ask, and a dozen trees that name each other make
10^10 paths: its memory grew by 300 MB a second. So git gets a copy without those entries.
What is lost is little: they stand for what HEAD has, and their objects are read anyway.

Boundary: the bytes of an index in, those of another out; what an index means is ``index``.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

_MARK = b"sdir"
"""The extension without which git refuses such entries."""

_SPLIT = b"link"

_HEADER = struct.Struct(">4sII")
_STAT = 40
"""Bytes of an entry before its object id: ten numbers, the mode being the seventh."""

_EXTENDED = 0x4000
_LENGTH = 0x0FFF
_TREE = 0o040000
_MOST_GROWTH = 64
"""Paths may be this many times as long as the file that holds them shortened (version 4)."""


def unfolded(whole: bytes, id_bytes: int) -> bytes | None:
    """The index without entries for whole folders; None when it can have none.

    Raises:
        ValueError: it is not in a form that is known.
    """
    try:
        kept, end = _kept(whole, id_bytes)
        extensions = set(_extensions(whole, end, id_bytes))
    except (struct.error, IndexError) as error:
        raise ValueError("it is cut short") from error
    if _MARK not in extensions:
        return None
    if _SPLIT in extensions:
        raise ValueError("it is split and sparse, which git does not write")
    body = _HEADER.pack(b"DIRC", 3, len(kept)) + b"".join(kept)
    # git's own form: SHA-1 where the repository has it.
    return body + hashlib.new("sha1" if id_bytes == 20 else "sha256", body, usedforsecurity=False).digest()


def _kept(whole: bytes, id_bytes: int) -> tuple[list[bytes], int]:
    """The entries that are paths, in the form of version 3; and where the entries end."""
    magic, version, count = _HEADER.unpack_from(whole)
    if magic != b"DIRC" or version not in (2, 3, 4):
        raise ValueError(f"its version is {version}")
    kept: list[bytes] = []
    at, path, size = _HEADER.size, b"", 0
    for _ in range(count):
        start = at
        [mode] = struct.unpack_from(">I", whole, at + 24)
        at += _STAT + id_bytes
        [flags] = struct.unpack_from(">H", whole, at)
        at += 4 if flags & _EXTENDED else 2
        fixed = whole[start:at]
        shared = b""
        if version == 4:
            strip, at = _number(whole, at)
            shared = path[: max(len(path) - strip, 0)]
        # As git's create_from_disk: the length that is told counts, the NUL only where it has no room.
        told = flags & _LENGTH
        rest = (whole.index(b"\0", at) - at) if told == _LENGTH else told - len(shared)
        if rest < 0 or at + rest >= len(whole):
            raise ValueError("a path of it has no end")
        path = shared + whole[at : at + rest]
        length = len(fixed) + len(path)
        at = at + rest + 1 if version == 4 else start + length + 8 - length % 8
        size += length
        if size > _MOST_GROWTH * len(whole):
            raise ValueError("its paths are longer than can be")
        if mode != _TREE:
            kept.append(fixed + path + bytes(8 - length % 8))
    return kept, at


def _number(whole: bytes, at: int) -> tuple[int, int]:
    """A number of any length, as in pack files ("offset encoding"), and where it ends."""
    byte = whole[at]
    number = byte & 127
    while byte & 128:
        at += 1
        byte = whole[at]
        number = ((number + 1) << 7) | (byte & 127)
    return number, at + 1


def _extensions(whole: bytes, at: int, id_bytes: int) -> Iterator[bytes]:
    """The names of the extensions behind the entries."""
    while at + 8 <= len(whole) - id_bytes:
        [size] = struct.unpack_from(">I", whole, at + 4)
        yield whole[at : at + 4]
        at += 8 + size
