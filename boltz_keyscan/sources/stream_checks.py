"""Checks of bytes that begin like a compressed stream: it decompresses for as long as a key needs."""

from __future__ import annotations

import zlib
from typing import Protocol

from boltz_keyscan import beginnings
from boltz_keyscan.late_pattern import late_pattern

_STEP_BYTES = 4
"""Bytes given to a decompressor at a time, to find the offset at which it fails."""

_MIN_STREAM_BYTES = 52
"""Bytes of the shortest stream that holds a key, with its header: a key's body is 32 random bytes."""

_BEGINNING_BYTES = 1024
"""Bytes of output of a stream that are enough to test it."""

_MIN_LZMA_BYTES = 13 + 48
"""Bytes of the shortest lzma that can hold a key: header and stream."""

_GZIP = late_pattern(
    rb"(?s)..\x08(?:[\0-\3]|[\x08-\x0b\x10-\x13\x18-\x1b].{6}[^\0-\x08\x0e-\x1f]*(?:\0|\Z)"
    rb"|[\4-\7\x0c-\x0f\x14-\x17\x1c-\x1f].{6}(?:\0\0|..[ -~]{2}))"
)
"""A header of gzip whose name, comment and first field are text (RFC 1952, 2.3.1)."""


def is_lzma(head: bytes) -> bool:
    """Return True if bytes are an lzma header that xz or 7z accepts, and the stream decompresses."""
    # A shorter one was cut off, or is a table of numbers that looks like one without the usual properties.
    is_usual = head[:1] == b"\x5d" or len(head) >= _MIN_LZMA_BYTES
    if len(head) < 18 or not is_usual or head[0] >= 225 or head[0] % 9 + head[0] // 9 % 5 > 4:
        return False
    dictionary = int.from_bytes(head[1:5], "little")
    power = dictionary.bit_length() - 1
    if dictionary not in (0xFFFFFFFF, 1 << max(power, 0), 3 << max(power - 1, 0)):
        return False
    size = int.from_bytes(head[5:13], "little")
    if size == 0 or (not size < 1 << 38 and size != (1 << 64) - 1) or not any(head[14:18]):
        return False
    # A larger dictionary than any window needs would be refused, which proves nothing.
    return is_lzma_stream(head[:1] + min(dictionary, 1 << 26).to_bytes(4, "little"), head[13:])


def is_lzma_stream(properties: bytes, payload: bytes) -> bool:
    """Return True if a stream of lzma follows its properties and the size of its dictionary, five bytes."""
    import lzma  # noqa: PLC0415 - few files begin like this

    engine = lzma.LZMADecompressor(lzma.FORMAT_ALONE, 1 << 30)
    try:
        # Decompressed as of unknown size, because a wrong size proves nothing.
        return is_stream(engine, properties + b"\xff" * 8 + payload, lzma.LZMAError)
    except MemoryError:
        return True


class _Engine(Protocol):
    """A decompressor."""

    def decompress(self, data: bytes, /) -> bytes: ...


def is_stream(engine: _Engine, data: bytes, error: type[Exception]) -> bool:
    """Return True if compressed bytes are valid for the length that a key in them needs.

    Of 20,000 random lzma streams, one in 25 is valid for 32 bytes with its header, and none for 64.
    """
    for at in range(0, len(data), _STEP_BYTES):
        try:
            engine.decompress(data[at : at + _STEP_BYTES])
        except EOFError:
            break
        except error as failure:
            return at >= _MIN_STREAM_BYTES or "limit" in str(failure)
    return True


def is_zlib(head: bytes) -> bool:
    """Return True if bytes are a zlib stream (RFC 1950) that is not a colour profile of an image."""
    if head[:2] not in beginnings.ZLIB or not is_block(head[2:7]):
        return False
    engine = zlib.decompressobj()
    try:
        beginning = engine.decompress(head, _BEGINNING_BYTES)
    except zlib.error:
        return is_stream(zlib.decompressobj(), head, zlib.error)
    return beginning[36:40] != b"acsp" and (len(head) > _MIN_STREAM_BYTES or engine.eof)


def is_block(head: bytes) -> bool:
    """Return True if five bytes, or all, can begin a block of deflate (RFC 1951, 3.2.3).

    A stored one has its length twice, behind bits that every program clears: that excludes most of the
    two bytes of a zlib header in the code and the tables of programs.
    """
    kind = head[0] & 6 if head else 0
    if kind or len(head) < 5:
        return kind != 6
    return head[0] < 8 and head[1] ^ head[3] == head[2] ^ head[4] == 0xFF


def is_deflate(head: bytes) -> bool:
    """Return True if bytes are a raw deflate stream (RFC 1951)."""
    return len(head) >= _MIN_STREAM_BYTES - 4 and is_stream(zlib.decompressobj(-15), head, zlib.error)


def is_gzip(window: bytes) -> bool:
    """Return True if bytes are gzip with a header of text that decompresses."""
    is_header = len(window) < 16 or _GZIP.match(window) is not None
    return is_header and is_stream(zlib.decompressobj(31), window, zlib.error)


def is_bzip2(window: bytes) -> bool:
    """Return True if the header of the first block is valid: its start, the bytes in use, its tables."""
    if window[3:4] not in b"123456789" or window[4:10] != b"1AY&SY" or len(window) < 22:
        return 0 < len(window) < 22 and window[4:10] == b"1AY&SY"
    bits = int.from_bytes(window[14:22], "big")
    randomised, start, used = bits >> 63, bits >> 39 & 0xFFFFFF, bits >> 23 & 0xFFFF
    at = 14 * 8 + 1 + 24 + 16 + 16 * used.bit_count()
    rest = int.from_bytes(window, "big") >> max(len(window) * 8 - at - 18, 0) & 0x3FFFF
    tables, selectors = rest >> 15, rest & 0x7FFF
    return not randomised and start <= 900_000 and used != 0 and 2 <= tables <= 6 and selectors != 0


def is_xz(window: bytes) -> bool:
    """Return True if the flags of a stream of xz have their checksum."""
    return len(window) < 12 or zlib.crc32(window[6:8]) == int.from_bytes(window[8:12], "little")


def is_zstd(window: bytes) -> bool:
    """Return True if the frame header and first block header are valid (RFC 8878, 3.1.1)."""
    if len(window) < 5:
        return True
    flags = window[4]
    single = flags >> 5 & 1
    at = 5 + (not single) + (0, 1, 2, 4)[flags & 3] + ((0, 2, 4, 8)[flags >> 6] or single)
    block = int.from_bytes(window[at : at + 3], "little")
    return not flags & 8 and (block >> 1 & 3) != 3 and block >> 3 <= 128 << 10
