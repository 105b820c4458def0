"""zip and all that is one: wheel, jar, docx, xlsx, pptx, npz, conda, apk.

Read by its directory, as programs do, and then by the local headers that the directory
does not name: those are how something is hidden from programs. Sizes are believed of
nothing that can tell its own end. Members may overlap, which is how the small bombs are
made; they are read all the same, and the budgets stop a bomb. (Python's own ``zipfile``
reads only by the directory, and before 3.11.8 took overlaps as they came, CVE-2024-0450.)

Boundary: APPNOTE.TXT 6.3.10, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT;
sections are named where they are read.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from boltz_keyscan.sources.archives import compression
from boltz_keyscan.sources.archives.extract import Content, Member
from boltz_keyscan.sources.archives.limits import (
    TRUNCATED,
    BudgetExceededError,
    ContainerError,
    Meter,
    corrupt_error,
    raise_on_read,
)
from boltz_keyscan.sources.archives.reader import RandomAccess, Reader, read_pieces, uncovered_ranges
from boltz_keyscan.sources.archives.zip_headers import (
    LOCAL,
    Entry,
    is_complete,
    is_field_list,
    locate_directory,
    read_entries,
    read_zip64,
)
from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.signature_checks import ZIP_METHODS

_DESCRIPTOR = 0x08
_ENCRYPTED = 0x01 | 0x40 | 0x2000
_STORED = 0
_WINDOW = 16 << 10
"""Bytes searched for a local header at a time."""

_DESCRIBES = b"PK\7\x08"
_END = re.compile(rb"PK(?:\x07\x08|\x03\x04|\x01\x02)")
"""What a stored member of unknown size may end at."""

_NAMES = {1: "shrink", 6: "implode", 9: "deflate64", 97: "wavpack", 98: "ppmd", 99: "AES"}


def members(content: Content) -> Iterator[Member]:
    """What the directory lists, then what it does not."""
    space = content.space()
    if space is None:
        yield from _local_members(content.reader, content, 0, sure=True)
        return
    covered: list[tuple[int, int]] = []
    try:
        yield from _listed(space, content, covered)
    except ContainerError as trouble:
        # What the directory does not lead to may still be found by its local headers.
        if content.is_certain or covered:
            content.report(trouble)
    for start, end in uncovered_ranges(covered, space.size):
        if end - start > 30:
            stray = Reader(read_pieces(space, start, end))
            yield from _local_members(stray, content, start, sure=content.is_certain and not covered)


def _listed(space: RandomAccess, content: Content, covered: list[tuple[int, int]]) -> Iterator[Member]:
    """The members in the directory; notes what bytes they take."""
    meter = content.meter
    first, last, count, told = locate_directory(space)
    if not is_complete(space):
        content.report(corrupt_error(TRUNCATED))
    found = 0
    for entry in read_entries(space, first, last):
        found += 1
        # Everything stands as much behind where it says as the directory does.
        at = entry.local + first - told
        if space.read(at, 4) != LOCAL:
            at = entry.local
        header = space.read(at, 30)
        if header[:4] != LOCAL or len(header) < 30:
            yield _unread(entry, corrupt_error("its directory names a member that is not there"))
            continue
        lengths = struct.unpack("<HH", header[26:30])
        start = at + 30 + sum(lengths)
        named = (entry.named, at + 30)
        covered.append((at, start))
        if entry.flags & _ENCRYPTED or (reader := _METHODS.get(entry.method)) is None:
            covered.append((start, start + entry.size))
            yield _unread(entry, _closed(entry), named)
        elif entry.method == _STORED:
            covered.append((start, start + entry.size))
            yield Member(entry.name, _stored(space, start, entry, meter), start, named)
        else:
            source = Reader(read_pieces(space, start, first=min(entry.size + 64, CHUNK)))
            yield Member(entry.name, _checked(reader(source, meter), entry.crc), None, named)
            covered.append((start, start + source.position))
            content.cover(*covered[-1])
        other = struct.unpack("<H", header[8:10])[0]
        if other != entry.method and (reader := _METHODS.get(other)) is not None and other != _STORED:
            # A program that reads from the beginning would take its word.
            yield Member(entry.name, reader(Reader(read_pieces(space, start)), meter))
    if found != count & 0xFFFF and found != count:
        raise corrupt_error(f"its directory should have {count} members and has {found}")


def _stored(space: RandomAccess, start: int, entry: Entry, meter: Meter) -> Iterator[bytes]:
    crc = 0
    for piece in read_pieces(space, start, start + entry.size):
        meter.add_output(len(piece))
        crc = zlib.crc32(piece, crc)
        yield piece
    if start + entry.size > space.size:
        raise corrupt_error(TRUNCATED)
    _check(crc, entry.crc)


def _checked(chunks: Iterator[bytes], wanted: int) -> Iterator[bytes]:
    crc = 0
    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
        yield chunk
    _check(crc, wanted)


def _check(crc: int, wanted: int) -> None:
    if crc != wanted:
        raise corrupt_error("it was read, but its checksum is another: it is not what was packed")


def _unread(entry: Entry, trouble: ContainerError, named: tuple[int, ...] = ()) -> Member:
    return Member(entry.name, raise_on_read(trouble), None, named)


def _closed(entry: Entry) -> ContainerError:
    if entry.flags & _ENCRYPTED or entry.method == 99:
        return ContainerError("encrypted", "it is encrypted; unpack it with its password and scan the files")
    name = _NAMES.get(entry.method, f"method {entry.method}")
    return ContainerError(
        "unsupported-container", f"compressed with {name}, which is not read here; unpack it"
    )


def _local_members(reader: Reader, content: Content, base: int, *, sure: bool) -> Iterator[Member]:
    """Members by their local headers (4.3.7), wherever those stand in a stream.

    Args:
        reader: what to look through.
        content: the container it is a part of.
        base: where in the container the stream begins.
        sure: whether it is members that it is made of. Where they are not expected, what cannot
            be read at all is none.
    """
    while window := reader.peek(_WINDOW):
        at = window.find(LOCAL)
        if at < 0:
            # All but what may be the beginning of one.
            if reader.skip(max(len(window) - 3, 1)) < 1 or len(window) <= 3:
                return
            continue
        reader.skip(at)
        fixed = reader.peek(30)
        if len(fixed) < 30:
            reader.skip(4)
            continue
        flags, method, crc, size, full, name_length, extra_length = struct.unpack("<6xHH4xIIIHH", fixed)
        names = reader.peek(30 + name_length + extra_length)[30:]
        name, extra = names[:name_length], names[name_length:]
        if method not in ZIP_METHODS or not name or min(name) < 0x20 or not is_field_list(extra):
            reader.skip(4)
            continue
        start = base + reader.position
        reader.skip(30 + len(names))
        entry = Entry(name, flags, method, crc, read_zip64(extra, (full, size))[1], start, start + 30)
        begin = base + reader.position
        member = _in_stream(entry, reader, content.meter, base)
        yield member if sure else replace(member, chunks=_unless_none(member.chunks))
        if member.stored_at is None:
            content.cover(begin, base + reader.position)


def _unless_none(chunks: Iterable[bytes]) -> Iterator[bytes]:
    begun = False
    try:
        for chunk in chunks:
            begun = True
            yield chunk
    except BudgetExceededError:
        raise
    except ContainerError as trouble:
        if begun or trouble.reason == "encrypted":
            raise


def _in_stream(entry: Entry, reader: Reader, meter: Meter, base: int) -> Member:
    """The member whose local header was just read."""
    named = (entry.named,)
    inflate = _METHODS.get(entry.method)
    if entry.flags & _ENCRYPTED or inflate is None:
        return _unread(entry, _closed(entry), named)
    if entry.method == _STORED and entry.flags & _DESCRIPTOR and not entry.size:
        return Member(entry.name, _until_descriptor(reader), base + reader.position, named)
    if entry.method == _STORED:
        return Member(entry.name, reader.member(entry.size), base + reader.position, named)
    chunks = inflate(reader, meter)
    return Member(
        entry.name, chunks if entry.flags & _DESCRIPTOR else _checked(chunks, entry.crc), None, named
    )


def _until_descriptor(reader: Reader) -> Iterator[bytes]:
    """A stored member whose size follows it (4.3.9), or the next header where no such size does.

    A zip stored in this way ends before its own first header: its members are read by
    their headers, as the outer zip's.
    """
    count = 0
    while window := reader.peek(_WINDOW):
        found = _END.search(window)
        passed = found.start() if found else max(len(window) - 3, 1)
        yield from reader.part(passed)
        count += passed
        if found:
            record = reader.peek(24)
            if record[:4] != _DESCRIBES or count in _sizes(record):
                return
            yield from reader.part(1)
            count += 1


def _sizes(descriptor: bytes) -> tuple[int, int]:
    """What a descriptor gives as the compressed size, in 32 bits and in 64."""
    return int.from_bytes(descriptor[8:12], "little"), int.from_bytes(descriptor[8:16], "little")


def _inflate(reader: Reader, meter: Meter) -> Iterator[bytes]:
    return compression.inflate_stream(reader, meter, -15)


def _as_it_is(reader: Reader, meter: Meter) -> Iterator[bytes]:  # noqa: ARG001 - as the others
    return reader.part(1 << 62)


def _lzma(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Two bytes of version, the length of the properties, the properties (5.8.8)."""
    head = reader.read(4)
    properties = reader.read(5)
    if head[2:] != b"\5\0" or len(properties) < 5:
        raise corrupt_error("its properties of lzma are not of the length they have")
    # The same stream in the format of lzma: its properties, and a size that is not known.
    head = properties + b"\xff" * 8
    start = reader.position
    alone = Reader(_with(head, reader))
    try:
        yield from compression.unlzma(alone, meter)
    finally:
        # What was taken and not needed is what follows the member.
        rest = reader.position - start - max(alone.position - len(head), 0)
        if alone.position >= len(head) and rest > 0:
            reader.unread(alone.peek(rest))


def _with(head: bytes, reader: Reader) -> Iterator[bytes]:
    yield head
    while chunk := reader.take():
        yield chunk


_METHODS: dict[int, compression.Inflate] = {
    _STORED: _as_it_is,
    8: _inflate,
    12: compression.bunzip,
    14: _lzma,
    93: compression.unzstd,
    95: compression.unxz,
}
"""What undoes a method of compression (4.4.5)."""
