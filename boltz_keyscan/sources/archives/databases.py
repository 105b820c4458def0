"""Databases whose values are compressed: dumps of Redis, and DuckDB.

A dump (rdb.c of Redis) has a string of more than 20 bytes compressed by LZF, behind the byte 0xC3 and two
lengths. LZF (lzf_d.c of liblzf) has a byte before at most 32 others, so that no key in it is whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import NOT_DECODED, ContainerError
from boltz_keyscan.sources.archives.reader import RandomAccess
from boltz_keyscan.sources.blob import CHUNK

_MARKED: Final = late_pattern(rb"\xc3(?:[\x00-\x3f]|[\x40-\x7f].|\x80.{4}){2}[\x00-\x1f]", re.DOTALL)
"""A mark, two lengths, and the number of the first bytes, less one."""
_HEAD_BYTES = 1 + 2 * 5 + 1
_FIRST_BYTES = 1 << 12
"""Bytes of a string that are decompressed first: what is no LZF ends before."""

_MIN_TEXT_BYTES = 20
_MAX_TEXT_BYTES = 64 << 20
_MAX_RATIO = 132
"""Bytes out of each byte of LZF at most: three for a copy of 264."""

_LITERAL = 32
"""Elements of LZF below this number are so many bytes and one; those above are copies."""


def redis_members(content: Content) -> Iterator[Member]:
    """Yield the compressed strings of a dump of Redis.

    They are found by their mark, whatever values they are in; what is not LZF behind one is no gap.

    Raises:
        ContainerError: it is too large to be read within another container.
    """
    space = content.space()
    if space is None:
        raise ContainerError(NOT_DECODED, "only its bytes were searched: it is too large to be read here")
    at, wasted = 0, 0
    while at < space.size:
        content.meter.check_time()
        window = space.read(at, CHUNK)
        base, at = at, at + max(len(window) - _HEAD_BYTES, 1)
        found = _MARKED.search(window)
        while found:
            value, end, tried = _string(space, base + found.start())
            if value:
                content.meter.add_output(len(value))
                yield Member(b"value at %d" % (base + found.start()), (value,), is_record=True)
                content.cover(base + found.start(), end)
            else:
                # Of what is no string little is read, unless it is made to look like one.
                wasted += tried
                if wasted > space.size + CHUNK:
                    detail = "only its bytes were searched: too much of it looks like compressed strings"
                    raise ContainerError(NOT_DECODED, detail)
            at = max(at, end)
            found = _MARKED.search(window, end - base)


def duckdb_members(_content: Content) -> Iterator[Member]:
    """Report that what a DuckDB database compresses is not read."""
    raise ContainerError(NOT_DECODED, "only its bytes were searched: DuckDB compresses columns")


def _string(space: RandomAccess, at: int) -> tuple[bytes, int, int]:
    """Return the string of a mark, the offset behind it, and how much was decompressed for nothing."""
    head = space.read(at, _HEAD_BYTES)
    packed, used = _read_length(head, 1)
    size, used = _read_length(head, used)
    if not (_MIN_TEXT_BYTES < size <= min(packed * _MAX_RATIO, _MAX_TEXT_BYTES) and packed < size):
        return b"", at + 1, 0
    if at + used + packed > space.size:
        return b"", at + 1, 0
    value, tried = _unpack(space.read(at + used, min(packed, _FIRST_BYTES)), size)
    if value is not None and packed > _FIRST_BYTES:
        value, tried = _unpack(space.read(at + used, packed), size)
    if value is None or len(value) != size or tried != packed:
        return b"", at + 1, tried
    return value, at + used + packed, 0


def _read_length(head: bytes, at: int) -> tuple[int, int]:
    """Return a length and the offset behind it; 0 for a number of another kind."""
    first = head[at] if at < len(head) else 0xFF
    match first >> 6:
        case 0:
            return first, at + 1
        case 1:
            return int.from_bytes(head[at : at + 2], "big") & 0x3FFF, at + 2
        case _:
            return (int.from_bytes(head[at + 1 : at + 5], "big") if first == 0x80 else 0), at + 5


def _unpack(data: bytes, size: int) -> tuple[bytes | None, int]:
    """Return the content of LZF, or None if it is damaged, and the bytes of it that were read."""
    out = bytearray()
    at = 0
    while at < len(data) and len(out) < size:
        control = data[at]
        at += 1
        if control < _LITERAL:
            out += data[at : at + control + 1]
            at += control + 1
            continue
        length = control >> 5
        if length == 7:
            length += data[at] if at < len(data) else 0
            at += 1
        back = ((control & 31) << 8 | (data[at] if at < len(data) else 0)) + 1
        at += 1
        length += 2
        if back > len(out):
            return None, at
        copied = out[-back:][:length] if back > length else out[-back:] * (length // back + 1)
        out += copied[:length]
    return bytes(out), at
