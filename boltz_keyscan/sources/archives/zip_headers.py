"""Headers of a zip: its directory, the end of the directory, extra fields.

Section numbers are those of APPNOTE.TXT 6.3.10,
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from boltz_keyscan.sources.archives.limits import corrupt_error
from boltz_keyscan.sources.archives.reader import RandomAccess
from boltz_keyscan.sources.blob import CHUNK

LOCAL = b"PK\3\4"
END_OF_ZIP = b"PK\5\6"

TAIL_BYTES = 80 << 10
"""Bytes at the end of a zip that are searched for the end of its directory. A comment may be 64 KiB
(4.3.16); unzip searches 66,000 bytes, in blocks of 8 KiB."""

_ENTRY = b"PK\1\2"
_FIELDS = struct.Struct("<4s4xHH4xIIIHHH8xI")


class Entry(NamedTuple):
    """A member as a header describes it. A named tuple, because there are many of them."""

    name: bytes
    flags: int
    method: int
    crc: int
    size: int
    """Compressed size in bytes."""
    full: int
    """Size in bytes, 0 where it is in a descriptor behind the data."""
    local: int
    """Offset of its local header."""
    name_offset: int
    """Offset of its name."""


def locate_directory(space: RandomAccess) -> tuple[int, int, int, int]:
    """Return start and end of the directory, its count of members, and its declared offset (4.3.12-16)."""
    start = max(space.size - TAIL_BYTES, 0)
    tail = space.read(start, TAIL_BYTES)
    at = tail.rfind(END_OF_ZIP)
    if at < 0 or len(tail) - at < 22:
        raise corrupt_error("it has no directory at its end, perhaps because it was cut off")
    count, size, offset = struct.unpack("<HII", tail[at + 10 : at + 20])
    end = start + at
    locator = space.read(end - 20, 20)
    if locator[:4] == b"PK\6\7":
        record = space.read(struct.unpack("<Q", locator[8:16])[0], 56)
        if record[:4] != b"PK\6\6":
            # Bytes before the zip shift its offsets; the record is right before the locator.
            record, end = space.read(end - 76, 56), end - 76
        else:
            end = struct.unpack("<Q", locator[8:16])[0]
        if record[:4] != b"PK\6\6" or len(record) < 56:
            raise corrupt_error("its zip64 end record is missing")
        count, size, offset = struct.unpack("<QQQ", record[32:56])
    first = end - size
    if space.read(first, 4) != _ENTRY and space.read(offset, 4) == _ENTRY:
        first = offset
    if first < 0 or (count and space.read(first, 4) != _ENTRY):
        raise corrupt_error("its directory is not where it should be")
    return first, end, count, offset


def has_complete_comment(space: RandomAccess) -> bool:
    """Return True if the comment, the last part of a zip, is complete."""
    tail = space.read(max(space.size - TAIL_BYTES, 0), TAIL_BYTES)
    at = tail.rfind(END_OF_ZIP)
    return at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") <= len(tail)


def read_entries(space: RandomAccess, at: int, last: int) -> Iterator[Entry]:
    """Yield the entries of the directory, read in pieces (4.3.12)."""
    held, base = b"", at
    while at < last:
        if at - base + 46 > len(held):
            held, base = space.read(at, CHUNK), at
            if len(held) < 46:
                return
        start, flags, method, crc, size, full, name_length, extra_length, comment, local = (
            _FIELDS.unpack_from(held, at - base)
        )
        if start != _ENTRY:
            return
        end = at + 46 + name_length + extra_length + comment
        if end - base > len(held):
            held, base = space.read(at, CHUNK), at
        name_at = at - base + 46
        name = held[name_at : name_at + name_length]
        if 0xFFFFFFFF in (full, size, local):
            extra = held[name_at + name_length : name_at + name_length + extra_length]
            full, size, local = read_zip64(extra, (full, size, local))
        yield Entry(name, flags, method, crc, size, full, local, at + 46)
        at = end


def read_local(space: RandomAccess, *offsets: int) -> tuple[int, bytes]:
    """Return the first of the offsets at which a local header begins, or the last, with the bytes there."""
    for at in offsets:
        if (header := space.read(at, 30))[:4] == LOCAL:
            break
    return at, header


def read_packed(space: RandomAccess, start: int, size: int, most: int) -> bytes | None:
    """Return the bytes of a member as they are packed; None for more than ``most``, or if it is cut off."""
    if size > most:
        return None
    packed = space.read(start, size)
    return packed if len(packed) == size else None


def read_zip64(extra: bytes, values: tuple[int, ...]) -> list[int]:
    """Return the values, with those of 0xFFFFFFFF replaced from the zip64 field (4.5.3)."""
    found = list(values)
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == 1:
            field = extra[4 : 4 + length]
            for number, value in enumerate(values):
                if value == 0xFFFFFFFF and len(field) >= 8:
                    found[number], field = int.from_bytes(field[:8], "little"), field[8:]
            break
        extra = extra[4 + length :]
    return found


def is_field_list(extra: bytes) -> bool:
    """Return True if bytes are a list of extra fields, each with its length (4.5.1)."""
    while len(extra) >= 4:
        length = 4 + int.from_bytes(extra[2:4], "little")
        if length > len(extra):
            return False
        extra = extra[length:]
    return not extra.strip(b"\0")
