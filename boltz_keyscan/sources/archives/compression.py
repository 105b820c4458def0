"""Single compressed streams: gzip, bzip2, xz, lzma and zstd, as often in a row as they come.

Each is one function from a reader to chunks that stops behind the last stream; what
follows is the container's own bytes. The names of files say nothing here: a stream is
known by its first bytes.

Boundary: compressed bytes to plain ones, in pieces of bounded size.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from boltz_keyscan.sources.archives.extract import Content, Member, Members
from boltz_keyscan.sources.archives.limits import TRUNCATED, WINDOW, ContainerError, Meter, corrupt_error
from boltz_keyscan.sources.archives.reader import Reader
from boltz_keyscan.sources.blob import CHUNK

_OBJECT = re.compile(rb"(?:blob|tree|commit|tag) \d+\0")

Inflate = Callable[[Reader, Meter], Iterator[bytes]]

_TOO_MUCH = ContainerError("memory-limit", f"it takes more than {WINDOW >> 20} MiB of memory to decompress")


def stream(inflate: Inflate) -> Members:
    """A container whose one member is what ``inflate`` makes of it."""

    def members(content: Content) -> Iterator[Member]:
        reader = content.reader
        start = reader.position
        yield Member(b"", inflate(reader, content.meter), implied=True)
        content.cover(start, reader.position)

    return members


def gunzip(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Gzip (RFC 1952); zeros between and behind streams are padding."""
    while True:
        yield from inflate_stream(reader, meter, 31)
        while (padding := reader.peek(CHUNK)) and not padding.strip(b"\0"):
            reader.skip(len(padding))
        reader.skip(len(padding) - len(padding.lstrip(b"\0")))
        if reader.peek(3) != b"\x1f\x8b\x08":
            return


def inflate_stream(reader: Reader, meter: Meter, bits: int) -> Iterator[bytes]:
    """One stream of deflate; ``bits`` as for ``zlib.decompressobj``."""
    engine = zlib.decompressobj(bits)
    rest = b""
    while not engine.eof:
        rest = rest or reader.take()
        before = engine.copy()
        try:
            # At the end the engine may still have something.
            got = engine.decompress(rest, CHUNK) if rest else engine.flush()
        except zlib.error as error:
            good, last = _salvaged(before, rest)
            # Whoever goes on behind this begins before it.
            reader.unread(rest[good:])
            if last:
                meter.add_output(len(last))
                yield last
            raise corrupt_error(_words(error)) from error
        if got:
            meter.add_output(len(got))
            yield got
        elif not rest and not engine.eof:
            raise corrupt_error(TRUNCATED)
        rest = engine.unconsumed_tail
    reader.unread(engine.unused_data)


def _salvaged(engine: zlib._Decompress, given: bytes) -> tuple[int, bytes]:
    """Return the bytes before those that an engine fails on: how many, and what they give."""
    parts = []
    for at in range(len(given)):
        try:
            parts.append(engine.decompress(given[at : at + 1]))
        except zlib.error:
            return at, b"".join(parts)
    return len(given), b"".join(parts)


def is_object(head: bytes) -> bool:
    """Whether bytes are a loose git object, as a packed ``.git`` has them (gitformat-loose)."""
    if head[:1] != b"\x78" or int.from_bytes(head[:2], "big") % 31:
        return False
    try:
        return _OBJECT.match(zlib.decompressobj().decompress(head, 32)) is not None
    except zlib.error:
        return False


def object_content(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """A loose git object, its header included."""
    return inflate_stream(reader, meter, 15)


class _Engine(Protocol):
    """What the decompressors of bz2 and lzma have in common."""

    eof: bool
    needs_input: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def bunzip(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """bzip2."""
    while True:
        yield from _run(bz2.BZ2Decompressor(), reader, meter)  # type: ignore[arg-type]  # its attributes are read-only
        if reader.peek(3) != b"BZh":
            return


def unxz(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """xz; between streams are zeros, four at a time."""
    while True:
        engine = lzma.LZMADecompressor(lzma.FORMAT_XZ, WINDOW)
        yield from _run(engine, reader, meter)  # type: ignore[arg-type]  # as above
        while reader.peek(4) == b"\0\0\0\0":
            reader.skip(4)
        if reader.peek(6) != b"\xfd7zXZ\0":
            return


def unlzma(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """lzma, the format before xz."""
    engine = lzma.LZMADecompressor(lzma.FORMAT_ALONE, WINDOW)
    yield from _run(engine, reader, meter)  # type: ignore[arg-type]  # as above


def raw_lzma(filters: list[dict[str, int]], reader: Reader, meter: Meter, size: int) -> Iterator[bytes]:
    """A stream of so many bytes without a header, as other formats hold it; it need not tell its end."""
    if any(each.get("dict_size", 0) > WINDOW for each in filters):
        raise _TOO_MUCH
    try:
        engine = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    except (lzma.LZMAError, ValueError) as error:
        raise corrupt_error(_words(error)) from error
    for chunk in _run(engine, reader, meter, endless=True):  # type: ignore[arg-type]  # as above
        yield chunk
        size -= len(chunk)
        if size <= 0:
            return


def _run(engine: _Engine, reader: Reader, meter: Meter, *, endless: bool = False) -> Iterator[bytes]:
    while not engine.eof:
        given = reader.take() if engine.needs_input else b""
        if engine.needs_input and not given:
            if endless:
                return
            raise corrupt_error(TRUNCATED)
        try:
            got = engine.decompress(given, CHUNK)
        except (OSError, ValueError, EOFError) as error:
            reader.unread(given)
            raise corrupt_error(_words(error)) from error
        except lzma.LZMAError as error:
            reader.unread(given)
            raise _TOO_MUCH if "limit" in str(error) else corrupt_error(_words(error)) from error
        if got:
            meter.add_output(len(got))
            yield got
    reader.unread(engine.unused_data)


_FRAME = b"\x28\xb5\x2f\xfd"


def unzstd(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Zstd (RFC 8878), block by block: what comes out of one is bounded, whatever it says."""
    import zstandard  # noqa: PLC0415 - the one format that the standard library does not read

    skipped = False
    while True:
        head = reader.peek(4)
        if head == _FRAME:
            skipped = False
            engine = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
            try:
                for piece in _frame(reader):
                    if got := engine.decompress(piece):
                        meter.add_output(len(got))
                        yield got
            except zstandard.ZstdError as error:
                told = str(error)
                raise _TOO_MUCH if "memory" in told else corrupt_error(_words(error)) from error
            if not engine.eof:
                raise corrupt_error(TRUNCATED)
        elif len(head) == 4 and head[1:] == b"\x2a\x4d\x18" and head[0] >> 4 == 5:
            size = int.from_bytes(reader.read(8)[4:], "little")
            if reader.skip(size) < size:
                raise corrupt_error(TRUNCATED)
            skipped = True
        elif skipped and head:
            # Where the frame to skip ends is told by nothing else; what it took may have been another.
            raise corrupt_error("behind a frame to skip there is no other")
        else:
            return


def _frame(reader: Reader) -> Iterator[bytes]:
    """A frame in parts: its header, each block, its checksum (RFC 8878, section 3.1.1)."""
    descriptor = reader.peek(5)[4:]
    if not descriptor:
        raise corrupt_error(TRUNCATED)
    flags = descriptor[0]
    single = flags >> 5 & 1
    sizes = (0, 2, 4, 8)[flags >> 6] or single
    yield _all(reader, 5 + (not single) + (0, 1, 2, 4)[flags & 3] + sizes)
    last = False
    while not last:
        header = _all(reader, 3)
        fields = int.from_bytes(header, "little")
        last = bool(fields & 1)
        # The second kind of block is one byte, repeated.
        yield header + _all(reader, 1 if fields >> 1 & 3 == 1 else fields >> 3)
    if flags >> 2 & 1:
        yield _all(reader, 4)


def _all(reader: Reader, count: int) -> bytes:
    got = reader.read(count)
    if len(got) < count:
        raise corrupt_error(TRUNCATED)
    return got


def _words(error: Exception) -> str:
    """What a library says of bad bytes; none of them quotes any."""
    return f"it cannot be decompressed: {error}"
