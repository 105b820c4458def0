"""Fields of a systemd journal that are compressed (https://systemd.io/JOURNAL_FILE_FORMAT)."""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.sources.archives import compression
from boltz_keyscan.sources.archives.content import Content, Inflate, Member
from boltz_keyscan.sources.archives.limits import (
    NOT_DECODED,
    ContainerError,
    Meter,
    corrupt_error,
    raise_on_read,
)
from boltz_keyscan.sources.archives.reader import Reader

_DATA = 1
"""Type of an object with a field."""

_COMPACT = 1 << 4
"""Flag of a file whose objects with fields have two numbers more."""

_HEADER_BYTES = 16
_MIN_DATA_BYTES = 64


def members(content: Content) -> Iterator[Member]:
    """Yield the compressed fields of a journal.

    Raises:
        ContainerError: it is damaged.
    """
    reader = content.reader
    head = reader.read(96)
    flags, size = (int.from_bytes(head[at : at + width], "little") for at, width in ((12, 4), (88, 8)))
    before_payload = _MIN_DATA_BYTES + (8 if flags & _COMPACT else 0)
    reader.skip(size - len(head))
    while len(header := reader.peek(_HEADER_BYTES)) == _HEADER_BYTES:
        content.meter.check_time()
        kind, packing, length = header[0], header[1] & 7, int.from_bytes(header[8:16], "little")
        if not kind:
            # Space that is allocated and not used yet.
            return
        if length < _HEADER_BYTES:
            raise corrupt_error("an object in it is damaged")
        start = reader.position
        if kind == _DATA and packing and length > before_payload:
            reader.skip(before_payload)
            unpack = _PACKINGS.get(packing, _refuse)
            yield from content.packed_member(b"field at %d" % start, length - before_payload, unpack)
        else:
            reader.skip_exactly(length)
        reader.skip(-reader.position % 8)


def _refuse(_reader: Reader, _meter: Meter) -> Iterator[bytes]:
    return raise_on_read(ContainerError(NOT_DECODED, "its compression is not known"))


def _unlz4(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Yield a field of lz4: its size, and one block."""
    yield from compression.unlz4_block(reader, meter, int.from_bytes(reader.read(8), "little"))


_PACKINGS: dict[int, Inflate] = {
    1: compression.unxz,
    2: _unlz4,
    4: compression.unzstd,
}
"""Decompressors by the flag of an object."""
