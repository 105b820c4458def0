"""Compressed streams: gzip, bzip2, xz, lzma and zstd, one or several in a row.

Each is one function from a reader to chunks of bounded size that stops behind the last stream;
the bytes that follow belong to the container. A stream is identified by its first bytes, not by
the name of a file.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import Protocol

from boltz_keyscan.sources.archives import snappy
from boltz_keyscan.sources.archives.content import Content, Inflate, Member, Members
from boltz_keyscan.sources.archives.limits import (
    NOT_DECODED,
    TRUNCATED,
    WINDOW,
    ContainerError,
    Meter,
    corrupt_error,
)
from boltz_keyscan.sources.archives.reader import Reader
from boltz_keyscan.sources.blob import CHUNK

_MEMORY_ERROR = ContainerError(
    "memory-limit", f"it takes more than {WINDOW >> 20} MiB of memory to decompress"
)


def stream(inflate: Inflate) -> Members:
    """Return the reader of a container whose one member is its decompressed content."""

    def members(content: Content) -> Iterator[Member]:
        reader = content.reader
        start = reader.position
        yield Member(b"", inflate(reader, content.meter), implied=True, source=reader)
        content.cover(start, reader.position)

    return members


def gunzip(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Yield the content of gzip (RFC 1952); zeros between and behind streams are padding."""
    while True:
        yield from inflate_stream(reader, meter, 31)
        while (padding := reader.peek(CHUNK)) and not padding.strip(b"\0"):
            reader.skip(len(padding))
        reader.skip(len(padding) - len(padding.lstrip(b"\0")))
        if reader.peek(3) != b"\x1f\x8b\x08":
            return


_FLUSHED = b"\0\0\xff\xff"
"""End of a deflate stream that was flushed and never ended (RFC 1951, 3.2.4): nothing of it is missing."""


def inflate_stream(reader: Reader, meter: Meter, bits: int) -> Iterator[bytes]:
    """Yield the content of one deflate stream; ``bits`` as for ``zlib.decompressobj``."""
    engine = zlib.decompressobj(bits)
    before = None
    rest = tail = b""
    while not engine.eof:
        if not rest and (rest := reader.take()):
            tail = (tail + rest)[-len(_FLUSHED) :]
        try:
            # At the end of the input the engine may still hold output.
            output = engine.decompress(rest, CHUNK) if rest else engine.flush()
        except zlib.error as error:
            good, last = _salvage(before or zlib.decompressobj(bits), rest)
            # The search for embedded archives continues before the damage.
            reader.unread(rest[good:])
            if last:
                meter.add_output(len(last))
                yield last
            raise corrupt_error(decompress_message(error)) from error
        if output:
            meter.add_output(len(output))
            yield output
        elif not rest and not engine.eof:
            if tail == _FLUSHED:
                return
            raise corrupt_error(TRUNCATED)
        rest = engine.unconsumed_tail
        before = None if engine.eof else engine.copy()
    reader.unread(engine.unused_data)


def _salvage(engine: zlib._Decompress, data: bytes) -> tuple[int, bytes]:
    """Return how many bytes an engine accepts before it fails, and their output."""
    parts = []
    for at in range(len(data)):
        try:
            parts.append(engine.decompress(data[at : at + 1]))
        except zlib.error:
            return at, b"".join(parts)
    return len(data), b"".join(parts)


def inflate_zlib(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Yield the content of zlib (RFC 1950), of a loose git object including its header."""
    return inflate_stream(reader, meter, 15)


class _Engine(Protocol):
    """The common interface of the decompressors of bz2 and lzma."""

    eof: bool
    needs_input: bool
    unused_data: bytes | None

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def bunzip(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Yield the content of bzip2."""
    while True:
        yield from _run(bz2.BZ2Decompressor(), reader, meter)  # type: ignore[arg-type]  # its attributes are read-only
        if reader.peek(3) != b"BZh":
            return


def unxz(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Yield the content of xz; streams are padded with zeros, four at a time."""
    while True:
        engine = lzma.LZMADecompressor(lzma.FORMAT_XZ, WINDOW)
        yield from _run(engine, reader, meter)  # type: ignore[arg-type]  # as above
        while reader.peek(4) == b"\0\0\0\0":
            reader.skip(4)
        if reader.peek(6) != b"\xfd7zXZ\0":
            return


def unlzma(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Yield the content of lzma, the format before xz."""
    engine = lzma.LZMADecompressor(lzma.FORMAT_ALONE, WINDOW)
    yield from _run(engine, reader, meter)  # type: ignore[arg-type]  # as above


def raw_lzma(filters: list[dict[str, int]], reader: Reader, meter: Meter, size: int) -> Iterator[bytes]:
    """Yield ``size`` bytes of an lzma stream without a header, which may lack an end marker."""
    if any(options.get("dict_size", 0) > WINDOW for options in filters):
        raise _MEMORY_ERROR
    try:
        engine = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    except (lzma.LZMAError, ValueError) as error:
        raise corrupt_error(decompress_message(error)) from error
    for chunk in _run(engine, reader, meter, endless=True):  # type: ignore[arg-type]  # as above
        yield chunk
        size -= len(chunk)
        if size <= 0:
            return


def _run(engine: _Engine, reader: Reader, meter: Meter, *, endless: bool = False) -> Iterator[bytes]:
    while not engine.eof:
        data = reader.take() if engine.needs_input else b""
        if engine.needs_input and not data:
            if endless:
                return
            raise corrupt_error(TRUNCATED)
        try:
            output = engine.decompress(data, CHUNK)
        except (OSError, ValueError, EOFError) as error:
            reader.unread(data)
            raise corrupt_error(decompress_message(error)) from error
        except lzma.LZMAError as error:
            reader.unread(data)
            raise (
                _MEMORY_ERROR if "limit" in str(error) else corrupt_error(decompress_message(error))
            ) from error
        if output:
            meter.add_output(len(output))
            yield output
    reader.unread(engine.unused_data or b"")


def unlz4(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Yield the content of lz4: one frame or several, or one block behind the mark of Firefox."""
    import lz4.frame  # noqa: PLC0415 - the standard library has no lz4

    if reader.peek(len(_FIREFOX)) == _FIREFOX:
        reader.skip(len(_FIREFOX))
        yield from unlz4_block(reader, meter, int.from_bytes(reader.read(4), "little"))
        return
    while True:
        try:
            yield from _run(lz4.frame.LZ4FrameDecompressor(), reader, meter)
        except RuntimeError as error:
            raise corrupt_error(decompress_message(error)) from error
        if reader.peek(4) != b"\x04\x22\x4d\x18":
            return


def unlz4_block(reader: Reader, meter: Meter, size: int) -> Iterator[bytes]:
    """Yield the content of a block of lz4 that reaches to the end."""
    import lz4.block  # noqa: PLC0415 - the standard library has no lz4

    if size > _MAX_BLOCK_BYTES:
        raise ContainerError(NOT_DECODED, "a block of this size is not decompressed")
    meter.add_output(size)
    try:
        # No block is longer than this.
        block = b"".join(reader.part(size + (size >> 7) + 16))
        yield lz4.block.decompress(block, uncompressed_size=size)
    except lz4.block.LZ4BlockError as error:
        raise corrupt_error("it cannot be decompressed") from error


_FIREFOX = b"mozLz40\0"
"""Mark of a file of Firefox: sessions, bookmarks, searches."""

_MAX_BLOCK_BYTES = 64 << 20


_FRAME = b"\x28\xb5\x2f\xfd"


def unzstd(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Yield the content of zstd (RFC 8878), block by block, because the output of a block is bounded."""
    import zstandard  # noqa: PLC0415 - the standard library has no zstd

    skipped = False
    while True:
        head = reader.peek(4)
        if head == _FRAME:
            skipped = False
            engine = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
            try:
                for piece in _frame(reader):
                    if output := engine.decompress(piece):
                        meter.add_output(len(output))
                        yield output
            except zstandard.ZstdError as error:
                raise (
                    _MEMORY_ERROR if "memory" in str(error) else corrupt_error(decompress_message(error))
                ) from error
            if not engine.eof:
                raise corrupt_error(TRUNCATED)
        elif len(head) == 4 and head[1:] == b"\x2a\x4d\x18" and head[0] >> 4 == 5:
            size = int.from_bytes(reader.read(8)[4:], "little")
            reader.skip_exactly(size)
            skipped = True
        elif skipped and head:
            # Only the next frame confirms the size of a skippable one, which may have covered others.
            raise corrupt_error("no frame follows a skippable frame")
        else:
            return


def _frame(reader: Reader) -> Iterator[bytes]:
    """Yield a frame in parts: its header, each block, its checksum (RFC 8878, section 3.1.1)."""
    descriptor = reader.peek(5)[4:]
    if not descriptor:
        raise corrupt_error(TRUNCATED)
    flags = descriptor[0]
    single = flags >> 5 & 1
    sizes = (0, 2, 4, 8)[flags >> 6] or single
    yield reader.read_exactly(5 + (not single) + (0, 1, 2, 4)[flags & 3] + sizes)
    last = False
    while not last:
        header = reader.read_exactly(3)
        fields = int.from_bytes(header, "little")
        last = bool(fields & 1)
        # The second kind of block is one byte, repeated.
        yield header + reader.read_exactly(1 if fields >> 1 & 3 == 1 else fields >> 3)
    if flags >> 2 & 1:
        yield reader.read_exactly(4)


def decompress_message(error: Exception) -> str:
    """Return the message of a library for bad bytes; none of them quotes content."""
    return f"it cannot be decompressed: {error}"


_BEHIND_BYTES = 1024
"""Bytes behind an uncompressed block that have to be valid, too: code of programs is for fewer, by chance."""


def zlib_members(content: Content) -> Iterator[Member]:
    """Yield the content of zlib; nothing where only an uncompressed block of what seems to be zlib is valid.

    Its first bytes are in compiled JavaScript thousands of times. Those in it are searched as any others.
    """
    head = content.reader.peek(7)
    if not content.is_certain and len(head) == 7 and not head[2] & 6:
        end = len(head) + int.from_bytes(head[3:5], "little")
        window = content.reader.peek(end + _BEHIND_BYTES)
        try:
            zlib.decompressobj().decompress(window)
        except zlib.error:
            return
        if len(window) <= end:
            return
    yield from stream(inflate_zlib)(content)


gzip_members = stream(gunzip)
bzip2_members = stream(bunzip)
xz_members = stream(unxz)
lzma_members = stream(unlzma)
zstd_members = stream(unzstd)
lz4_members = stream(unlz4)
snappy_members = stream(snappy.unsnappy)
