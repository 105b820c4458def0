"""cpio, as rpm and initial ram disks have it.

Boundary: cpio(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.sources.containers.limits import TRUNCATED, damaged
from boltz_keyscan.sources.containers.reader import Reader
from boltz_keyscan.sources.containers.walk import Content, Member

_MAGIC = {b"070707": 76, b"070701": 110, b"070702": 110}
"""Bytes of a header, for each kind."""

_ODC = b"070707"
_ZEROS = 64 << 10
_LONG = 1 << 20
"""Bytes of a name that are believed."""


def members(content: Content) -> Iterator[Member]:
    """What is in a cpio, or in several that follow each other with zeros between."""
    reader = content.reader
    ended = False
    while magic := reader.peek(6):
        if magic not in _MAGIC and not magic.strip(b"\0"):
            _skip_zeros(reader)
            continue
        if magic not in _MAGIC:
            break
        at = reader.position
        header = reader.read(_MAGIC[magic])
        name_size, size = _sizes(header, magic)
        name = reader.read(min(name_size, _LONG)).rstrip(b"\0")
        _align(reader, magic)
        ended = name == b"TRAILER!!!"
        if not ended:
            yield Member(name, reader.member(size), reader.position, (at + len(header),))
            _align(reader, magic)
    if not ended:
        content.tell(damaged(TRUNCATED))


def _sizes(header: bytes, magic: bytes) -> tuple[int, int]:
    """Bytes of the name and of the content."""
    if len(header) < _MAGIC[magic]:
        raise damaged(TRUNCATED)
    fields, base = (
        ((header[59:65], header[65:76]), 8) if magic == _ODC else ((header[94:102], header[54:62]), 16)
    )
    try:
        name_size, size = (int(field, base) for field in fields)
    except ValueError as error:
        raise damaged("a header in it is damaged") from error
    if name_size < 0 or size < 0:
        raise damaged("a header in it is damaged")
    return name_size, size


def _align(reader: Reader, magic: bytes) -> None:
    if magic != _ODC:
        reader.skip(-reader.position % 4)


def _skip_zeros(reader: Reader) -> None:
    zeros = reader.peek(_ZEROS)
    reader.skip(max((len(zeros) - len(zeros.lstrip(b"\0"))) // 4 * 4, 1))
