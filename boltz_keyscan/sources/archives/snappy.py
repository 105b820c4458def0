"""Snappy: blocks, and streams of them (google/snappy, format_description.txt and framing_format.txt).

Java programs such as Kafka write streams of their own form (xerial/snappy-java, SnappyOutputStream): a
header of 16 bytes, then blocks behind their length.

In Python, because a block has a few hundred elements, and no other dependency needs a library for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.sources.archives.git_objects import read_varint
from boltz_keyscan.sources.archives.limits import NOT_DECODED, TRUNCATED, ContainerError, Meter, corrupt_error
from boltz_keyscan.sources.archives.reader import Reader

_MAX_BLOCK_BYTES = 64 << 20
_CHECKSUM_BYTES = 4
_MAX_NUMBER_BYTES = 5
_MAX_SHORT_BYTES = 60
"""Bytes of the longest literal whose length is in its tag."""

_COPIES = [
    ((tag >> 2 & 7) + 4, 1) if tag & 3 == 1 else ((tag >> 2) + 1, 2 * (tag & 3) - 2) for tag in range(256)
]
"""Bytes of a copy, and of its distance, by the tag."""

_JAVA = b"\x82SNAPPY\0"
_JAVA_HEADER_BYTES = 16

_STORED = 1
"""The type of a chunk that is not compressed; 0 is one that is, and those from 128 on are skipped."""


def decompress(data: bytes, meter: Meter) -> bytes:
    """Return the content of a block.

    Raises:
        ContainerError: it is damaged or too large.
    """
    size, at = read_varint(data[:_MAX_NUMBER_BYTES], 0)
    if size > _MAX_BLOCK_BYTES:
        raise ContainerError(NOT_DECODED, "a block of it is too large to be decompressed")
    out = bytearray()
    while at < len(data) and len(out) <= size:
        tag = data[at]
        at += 1
        if tag & 3:
            length, width = _COPIES[tag]
            back = int.from_bytes(data[at : at + width], "little") | (tag >> 5 << 8 if width == 1 else 0)
            at += width
            if not 0 < back <= len(out):
                break
            copied = out[-back:][:length] if back > length else out[-back:] * (length // back + 1)
            out += copied[:length]
        else:
            length = (tag >> 2) + 1
            if length > _MAX_SHORT_BYTES:
                width = length - _MAX_SHORT_BYTES
                length = int.from_bytes(data[at : at + width], "little") + 1
                at += width
            out += data[at : at + length]
            at += length
    if len(out) != size or at != len(data):
        raise corrupt_error("a block of it cannot be decompressed")
    meter.add_output(size)
    return bytes(out)


def unsnappy(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Yield the content of a stream in chunks.

    Raises:
        ContainerError: it is damaged.
    """
    if reader.peek(len(_JAVA)) == _JAVA:
        yield from _read_java(reader, meter)
        return
    while header := reader.read(4):
        kind, size = header[0], int.from_bytes(header[1:], "little")
        if _STORED < kind < 0x80:
            raise corrupt_error("a chunk of it is of an unknown type")
        data = reader.read(size)
        if len(header) < 4 or len(data) < size:
            raise corrupt_error(TRUNCATED)
        match kind:
            case 0:
                output = decompress(data[_CHECKSUM_BYTES:], meter)
            case _ if kind == _STORED:
                output = data[_CHECKSUM_BYTES:]
                meter.add_output(len(output))
            case _:
                output = b""
        if output:
            yield output


def _read_java(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Yield the content of a stream of snappy-java; another header begins what was appended."""
    while reader.peek(1):
        if reader.peek(len(_JAVA)) == _JAVA:
            reader.skip(_JAVA_HEADER_BYTES)
            continue
        size = int.from_bytes(reader.read(4), "big")
        if size > _MAX_BLOCK_BYTES or len(block := reader.read(size)) < size or not size:
            raise corrupt_error(TRUNCATED)
        yield decompress(block, meter)
