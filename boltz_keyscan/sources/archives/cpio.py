"""cpio(5), as in rpm, initial RAM disks and ``cpio -o``: with ASCII digits, and the older binary form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import TRUNCATED, corrupt_error
from boltz_keyscan.sources.archives.reader import Reader

_ZERO_RUN_BYTES = 64 << 10
_MAX_NAME_BYTES = 1 << 20
"""Bytes of a name at most."""

_DAMAGED_HEADER = "a header in it is damaged"


@dataclass(frozen=True, slots=True)
class _Kind:
    """A form of the header."""

    length: int
    name: slice
    """Position of the name's size; ``size`` is that of the content's."""
    size: slice
    base: int
    """Base of the digits; 0 for binary."""
    step: int
    """Alignment of name and content in bytes."""


_NEW = _Kind(110, slice(94, 102), slice(54, 62), 16, 4)
_BINARY = _Kind(26, slice(20, 22), slice(22, 26), 0, 2)
_KINDS = {
    b"070707": _Kind(76, slice(59, 65), slice(65, 76), 8, 1),
    b"070701": _NEW,
    b"070702": _NEW,
    b"\xc7\x71": _BINARY,
    b"\x71\xc7": _BINARY,
}
_DIGITS = {8: re.compile(rb"\s*([0-7]*)"), 16: re.compile(rb"\s*([0-9A-Fa-f]*)")}


def members(content: Content) -> Iterator[Member]:
    """Yield the members of one cpio, or of several in a row with zeros between."""
    reader = content.reader
    ended = False
    while magic := reader.peek(6):
        kind = _KINDS.get(magic) or _KINDS.get(magic[:2])
        if kind is None and not magic.strip(b"\0"):
            _skip_zeros(reader)
            continue
        if kind is None:
            break
        base = reader.position
        header = reader.read_exactly(kind.length)
        name_size, size = (_parse_size(content, kind, header, field) for field in (kind.name, kind.size))
        name = reader.read(min(name_size, _MAX_NAME_BYTES)).partition(b"\0")[0]
        reader.skip(-(reader.position - base) % kind.step)
        ended = name == b"TRAILER!!!"
        if not ended:
            yield Member(name, reader.member(size), reader.position, (base + len(header),))
            reader.skip(-size % kind.step)
    if not ended:
        content.report(corrupt_error(_DAMAGED_HEADER if reader.peek(1) else TRUNCATED))


def _parse_size(content: Content, kind: _Kind, header: bytes, where: slice) -> int:
    """Return a size as cpio and bsdtar read it: up to the first character that is no digit."""
    field = header[where]
    if not kind.base:
        order: Literal["little", "big"] = "little" if header[:1] == b"\xc7" else "big"
        words = [int.from_bytes(field[at : at + 2], order) for at in range(0, len(field), 2)]
        return words[0] if len(words) == 1 else words[0] << 16 | words[1]
    if header[6:].translate(None, b"0123456789abcdefABCDEF"):
        content.report(corrupt_error(_DAMAGED_HEADER))
    found = _DIGITS[kind.base].match(field)
    return int(found[1] or b"0", kind.base) if found else 0


def _skip_zeros(reader: Reader) -> None:
    zeros = reader.peek(_ZERO_RUN_BYTES)
    reader.skip(max((len(zeros) - len(zeros.lstrip(b"\0"))) // 4 * 4, 1))
