"""Sparse indexes, rewritten without the entries for whole folders.

In a sparse index (gitformat-index, "sparse directory entries") an entry can be a tree. git
expands all of them in memory before it prints anything, and a dozen trees that name each
other make 10^10 paths: its memory grew by 300 MB a second. So git reads a copy without those
entries. Little is lost: they equal what HEAD has, and their objects are scanned anyway.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

from boltz_keyscan.sources.git.run.environment import OBJECT_FORMATS

_SPARSE = b"sdir"
"""Extension without which git refuses folder entries."""

_SPLIT = b"link"

_HEADER = struct.Struct(">4sII")
_STAT_BYTES = 40
"""Bytes of an entry before its object id: ten numbers, the mode being the seventh."""

_EXTENDED = 0x4000
_LENGTH = 0x0FFF
_TREE = 0o040000
_MAX_PATHS_RATIO = 64
"""Paths may be this many times as long as the file that holds them compressed (version 4)."""


def drop_folders(whole: bytes, id_bytes: int) -> bytes | None:
    """Return the index without entries for whole folders; None if it is not sparse.

    Raises:
        ValueError: its format is unknown.
    """
    try:
        entries, end = _path_entries(whole, id_bytes)
        extensions = set(_extensions(whole, end, id_bytes))
    except (struct.error, IndexError) as error:
        raise ValueError("it is cut short") from error
    if _SPARSE not in extensions:
        return None
    if _SPLIT in extensions:
        raise ValueError("it is split and sparse, which git does not write")
    body = _HEADER.pack(b"DIRC", 3, len(entries)) + b"".join(entries)
    # The checksum is SHA-1 where object ids are.
    return body + hashlib.new(OBJECT_FORMATS[id_bytes], body, usedforsecurity=False).digest()


def _path_entries(whole: bytes, id_bytes: int) -> tuple[list[bytes], int]:
    """Return the entries that are no folders, in version 3, and the end offset of all entries."""
    magic, version, count = _HEADER.unpack_from(whole)
    if magic != b"DIRC" or version not in (2, 3, 4):
        raise ValueError(f"its version is {version}")
    entries: list[bytes] = []
    offset, path, size = _HEADER.size, b"", 0
    for _ in range(count):
        start = offset
        [mode] = struct.unpack_from(">I", whole, offset + 24)
        offset += _STAT_BYTES + id_bytes
        [flags] = struct.unpack_from(">H", whole, offset)
        offset += 4 if flags & _EXTENDED else 2
        fixed = whole[start:offset]
        shared = b""
        if version == 4:
            strip, offset = _varint(whole, offset)
            shared = path[: max(len(path) - strip, 0)]
        # As git's create_from_disk: the declared length counts, and the NUL only if it does not fit.
        declared = flags & _LENGTH
        rest = (whole.index(b"\0", offset) - offset) if declared == _LENGTH else declared - len(shared)
        if rest < 0 or offset + rest >= len(whole):
            raise ValueError("a path of it has no end")
        path = shared + whole[offset : offset + rest]
        length = len(fixed) + len(path)
        offset = offset + rest + 1 if version == 4 else start + length + 8 - length % 8
        size += length
        if size > _MAX_PATHS_RATIO * len(whole):
            raise ValueError("its paths are longer than can be")
        if mode != _TREE:
            entries.append(fixed + path + bytes(8 - length % 8))
    return entries, offset


def _varint(whole: bytes, offset: int) -> tuple[int, int]:
    """Return a number of any length, as in pack files ("offset encoding"), and its end offset."""
    byte = whole[offset]
    number = byte & 127
    while byte & 128:
        offset += 1
        byte = whole[offset]
        number = ((number + 1) << 7) | (byte & 127)
    return number, offset + 1


def _extensions(whole: bytes, offset: int, id_bytes: int) -> Iterator[bytes]:
    """Yield the names of the extensions, which follow the entries."""
    while offset + 8 <= len(whole) - id_bytes:
        [size] = struct.unpack_from(">I", whole, offset + 4)
        yield whole[offset : offset + 4]
        offset += 8 + size
