"""zip, and the formats based on it: wheel, jar, docx, xlsx, pptx, npz, conda, apk.

The directory is read first, as other programs do; then the local headers it does not list, which also
recovers members when the directory is damaged. A declared size is not trusted where the data marks its
own end. Members may overlap, as in small bombs; they are read anyway, and the budgets stop a bomb.
(Python's ``zipfile`` reads only the directory, and before 3.11.8 accepted overlaps, CVE-2024-0450.)

Section numbers are those of APPNOTE.TXT 6.3.10,
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
"""

from __future__ import annotations

import functools
import itertools
import re
import struct
import zlib
from collections.abc import Iterable, Iterator

from boltz_keyscan.records import replace
from boltz_keyscan.sources.archives import compression, office
from boltz_keyscan.sources.archives.content import Content, Inflate, Member
from boltz_keyscan.sources.archives.known_members import MAX_PACKED_BYTES, identify
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
    has_complete_comment,
    is_field_list,
    locate_directory,
    read_entries,
    read_local,
    read_packed,
    read_zip64,
)
from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.signature_checks import ZIP_METHODS, is_zip_name

_HAS_END_MARK = 0x02
"""Bit of a member in lzma whose end is marked in its data (4.4.4)."""
_HAS_DESCRIPTOR = 0x08
_ENCRYPTED = 0x01 | 0x40 | 0x2000
_STORED = 0
_DEFLATED = 8
_LZMA = 14
_SHORT_BYTES = 64 << 10
"""Bytes of a member, packed and unpacked, up to which it is read at once."""

_WINDOW_BYTES = 16 << 10
"""Bytes searched for a local header at a time."""

_LOCAL_FIELDS = struct.Struct("<8xH16xHH")
_DESCRIPTOR_SIGNATURE = b"PK\7\x08"
_END = re.compile(rb"PK(?:\x07\x08|\x03\x04|\x01\x02)")
"""Records at which a stored member of unknown size may end."""

_NAMES = {1: "shrink", 6: "implode", 9: "deflate64", 97: "wavpack", 98: "ppmd", 99: "AES"}


def members(content: Content) -> Iterator[Member]:
    """Yield all members; those of office documents with their text."""
    for member in _members(content):
        yield replace(member, view=office.join_runs) if office.is_part(member.name) else member


def _members(content: Content) -> Iterator[Member]:
    """Yield the members in the directory, then those found only by local headers.

    A damaged directory is reported, and the headers are searched.
    """
    space = content.space()
    if space is None:
        yield from _members_by_local_header(content.reader, content, 0, is_certain=True)
        return
    covered: list[tuple[int, int]] = []
    try:
        yield from _members_by_directory(space, content, covered)
    except ContainerError as error:
        # Members that the directory omits may still be found by their local headers.
        if content.is_certain or covered:
            content.report(error)
    for start, end in uncovered_ranges(covered, space.size):
        if end - start > 30:
            stray = Reader(read_pieces(space, start, end))
            yield from _members_by_local_header(
                stray, content, start, is_certain=content.is_certain and not covered
            )


def _members_by_directory(
    space: RandomAccess, content: Content, covered: list[tuple[int, int]]
) -> Iterator[Member]:
    """Yield the members in the directory; add their ranges to ``covered``."""
    meter = content.meter
    first, last, count, declared_offset = locate_directory(space)
    if not has_complete_comment(space):
        content.report(corrupt_error(TRUNCATED))
    found = 0
    for entry in read_entries(space, first, last):
        found += 1
        # All offsets are off by as much as that of the directory.
        at, header = read_local(space, entry.local + first - declared_offset, entry.local)
        if header[:4] != LOCAL or len(header) < 30:
            yield _unreadable(entry, corrupt_error("its directory names a member that is not there"))
            continue
        other, name_length, extra_length = _LOCAL_FIELDS.unpack(header)
        start = at + 30 + name_length + extra_length
        name_offsets = (entry.name_offset, at + 30)
        covered.append((at, start))
        packed = read_packed(space, start, entry.size, MAX_PACKED_BYTES)
        identity = identify(packed, entry)
        if entry.flags & _ENCRYPTED or (decompress := _decompressor(entry)) is None:
            covered.append((start, start + entry.size))
            yield _unreadable(entry, _unsupported_error(entry), name_offsets)
        elif (member := _read_at_once(packed, identity, entry, content, name_offsets)) is not None:
            covered.append((start, start + entry.size))
            content.cover(start, start + entry.size)
            yield member
            content.complete(identity)
        elif entry.method == _STORED:
            covered.append((start, start + entry.size))
            chunks = _read_stored_at(space, start, entry.size, meter)
            yield Member(entry.name, _verify_crc(chunks, entry.crc), start, name_offsets)
            content.complete(identity)
        else:
            source = Reader(read_pieces(space, start, first=min(entry.size + 64, CHUNK)))
            yield Member(entry.name, _verify_crc(decompress(source, meter), entry.crc), None, name_offsets)
            covered.append((start, start + source.position))
            content.cover(*covered[-1])
            if source.position == entry.size:
                content.complete(identity)
        if other != entry.method and (decompress := _METHODS.get(other)) is not None and other != _STORED:
            # A program that reads from the beginning would use the method of the local header.
            yield Member(entry.name, decompress(Reader(read_pieces(space, start)), meter))
    if found != count & 0xFFFF and found != count:
        raise corrupt_error(f"its directory should have {count} members and has {found}")


def _read_at_once(
    packed: bytes | None, identity: bytes, entry: Entry, content: Content, name_offsets: tuple[int, ...]
) -> Member | None:
    """Return a member that need not be read, or that is short; None for any other one."""
    if content.recall(identity):
        return Member(entry.name, (), None, name_offsets, is_known=True)
    short = _unpack(packed, entry, content.meter)
    return None if short is None else Member(entry.name, (short,), None, name_offsets)


def _unpack(packed: bytes | None, entry: Entry, meter: Meter) -> bytes | None:
    """Return the content of a short and sound member; None for any other one."""
    if packed is None or len(packed) > _SHORT_BYTES or entry.method not in (_STORED, _DEFLATED):
        return None
    short = packed
    if entry.method == _DEFLATED:
        engine = zlib.decompressobj(-15)
        try:
            short = engine.decompress(packed, _SHORT_BYTES)
        except zlib.error:
            return None
        if not engine.eof or engine.unused_data:
            return None
    if zlib.crc32(short) != entry.crc or not meter.can_add(0, len(short)):
        return None
    meter.add_output(len(short))
    return short


def _read_stored_at(space: RandomAccess, start: int, size: int, meter: Meter) -> Iterator[bytes]:
    for piece in Reader(read_pieces(space, start, start + size)).member(size):
        meter.add_output(len(piece))
        yield piece


def _verify_crc(chunks: Iterator[bytes], expected: int) -> Iterator[bytes]:
    crc = 0
    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
        yield chunk
    if crc != expected:
        raise corrupt_error("its checksum does not match: the content differs from what was packed")


def _unreadable(entry: Entry, error: ContainerError, name_offsets: tuple[int, ...] = ()) -> Member:
    return Member(entry.name, raise_on_read(error), None, name_offsets)


def _unsupported_error(entry: Entry) -> ContainerError:
    if entry.flags & _ENCRYPTED or entry.method == 99:
        return ContainerError("encrypted", "unpack it with its password and scan the files")
    name = _NAMES.get(entry.method, f"method {entry.method}")
    return ContainerError(
        "unsupported-container", f"compressed with {name}, which is not read here; unpack it"
    )


def _members_by_local_header(
    reader: Reader, content: Content, base: int, *, is_certain: bool
) -> Iterator[Member]:
    """Yield members by their local headers (4.3.7), anywhere in a stream.

    Args:
        reader: the stream to search.
        content: the container it is a part of.
        base: offset of the stream in the container.
        is_certain: False where no members are expected, so that an unreadable one is no gap.
    """
    while window := reader.peek(_WINDOW_BYTES):
        at = window.find(LOCAL)
        if at < 0:
            # Skip all but the bytes that may begin a header.
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
        if method not in ZIP_METHODS or not name or not is_zip_name(name) or not is_field_list(extra):
            reader.skip(4)
            continue
        start = base + reader.position
        reader.skip(30 + len(names))
        full, size = read_zip64(extra, (full, size))
        entry = Entry(name, flags, method, crc, size, full, start, start + 30)
        begin = base + reader.position
        member = _in_stream(entry, reader, content.meter, base)
        yield member if is_certain else replace(member, chunks=_ignore_failed_start(member.chunks))
        if member.stored_at is None:
            content.cover(begin, base + reader.position)


def _ignore_failed_start(chunks: Iterable[bytes]) -> Iterator[bytes]:
    has_output = False
    try:
        for chunk in chunks:
            has_output = True
            yield chunk
    except BudgetExceededError:
        raise
    except ContainerError as error:
        if has_output or error.reason == "encrypted":
            raise


def _in_stream(entry: Entry, reader: Reader, meter: Meter, base: int) -> Member:
    """Return the member whose local header was just read."""
    name_offsets = (entry.name_offset,)
    decompress = _decompressor(entry)
    if entry.flags & _ENCRYPTED or decompress is None:
        return _unreadable(entry, _unsupported_error(entry), name_offsets)
    if entry.method == _STORED and entry.flags & _HAS_DESCRIPTOR and not entry.size:
        return Member(entry.name, _until_descriptor(reader), base + reader.position, name_offsets)
    if entry.method == _STORED:
        return Member(entry.name, reader.member(entry.size), base + reader.position, name_offsets)
    chunks = decompress(reader, meter)
    return Member(
        entry.name,
        chunks if entry.flags & _HAS_DESCRIPTOR else _verify_crc(chunks, entry.crc),
        None,
        name_offsets,
    )


def _until_descriptor(reader: Reader) -> Iterator[bytes]:
    """Yield a stored member up to the descriptor with its size (4.3.9), or to the next header.

    A zip stored in this way ends before its own first header: its members are read by their
    headers, as members of the outer zip.
    """
    count = 0
    while window := reader.peek(_WINDOW_BYTES):
        found = _END.search(window)
        length = found.start() if found else max(len(window) - 3, 1)
        yield from reader.part(length)
        count += length
        if found:
            record = reader.peek(24)
            if record[:4] != _DESCRIPTOR_SIGNATURE or count in _sizes(record):
                return
            yield from reader.part(1)
            count += 1


def _sizes(descriptor: bytes) -> tuple[int, int]:
    """Return the compressed size in a descriptor, as 32 bits and as 64."""
    return int.from_bytes(descriptor[8:12], "little"), int.from_bytes(descriptor[8:16], "little")


def _inflate(reader: Reader, meter: Meter) -> Iterator[bytes]:
    return compression.inflate_stream(reader, meter, -15)


def _read_stored(reader: Reader, meter: Meter) -> Iterator[bytes]:  # noqa: ARG001 - as the others
    return reader.part(1 << 62)


def _lzma(reader: Reader, meter: Meter, size: int = (1 << 64) - 1) -> Iterator[bytes]:
    """Yield the content of lzma: two bytes of version, length of properties, properties, data (5.8.8).

    Args:
        reader: the data, and what follows.
        meter: the budget.
        size: size of the content; the default if its end is marked.
    """
    head = reader.read(4)
    properties = reader.read(5)
    if head[2:] != b"\5\0" or len(properties) < 5:
        raise corrupt_error("its LZMA properties have the wrong length")
    # The same stream as an lzma file: its properties, and the size.
    head = properties + size.to_bytes(8, "little")
    start = reader.position
    alone = Reader(itertools.chain((head,), iter(reader.take, b"")))
    try:
        yield from compression.unlzma(alone, meter)
    finally:
        # Bytes read ahead belong to the next member.
        rest = reader.position - start - max(alone.position - len(head), 0)
        if alone.position >= len(head) and rest > 0:
            reader.unread(alone.peek(rest))


_METHODS: dict[int, Inflate] = {
    _STORED: _read_stored,
    8: _inflate,
    12: compression.bunzip,
    _LZMA: _lzma,
    93: compression.unzstd,
    95: compression.unxz,
}
"""Decompressors, by compression method (4.4.5)."""


def _decompressor(entry: Entry) -> Inflate | None:
    """Return the decompressor of a member; None for a method that is not read."""
    if entry.method == _LZMA and entry.full and not entry.flags & _HAS_END_MARK:
        return functools.partial(_lzma, size=entry.full)
    return _METHODS.get(entry.method)
