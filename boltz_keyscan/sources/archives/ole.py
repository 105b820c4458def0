"""Compound files of OLE, read by olefile: doc, xls, ppt, msg, and the macros of all office documents.

A stream is stored in sectors anywhere in the file: a key at the edge of one is cut in two there, and
whole in the stream. Modules of VBA are compressed ([MS-OVBA] 2.4.1), strings and drawings of an old
workbook continue in further records ([MS-XLS] 2.5.293 and 2.4.58), and objects in a presentation are
compressed, each in a record ([MS-PPT] 2.10.34).
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator

from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import NOT_DECODED, ContainerError, corrupt_error

_MODULE = re.compile(rb"\x01..\x00Attribut\x00e", re.DOTALL)
"""Beginning of a compressed module: its signature, the header of a chunk, and eight letters and one more."""

_MAX_CHUNK_BYTES = 4096
"""Bytes of a decompressed chunk."""

_CONTINUE = b"\x3c\0"
_DRAWINGS = b"\xeb\0"
"""Kind of the record with the pictures of a workbook, which also continues in further ones of its kind."""

_TEXTS = frozenset({b"\xfc\0", b"\xb6\1", b"\7\2"})
"""Kinds of records with strings: the table of all, the text of a shape, the result of a formula."""

_OBJECT = b"\x10\0\x11\x10"
"""Beginning of a record with a compressed object; its size follows, and the size of the object."""

_RECORD_HEADER_BYTES = 4
_MAX_RECORD_BYTES = 8224
_CUT_BYTES = 200
"""Bytes before the end of a record in which a key may begin."""


def members(content: Content) -> Iterator[Member]:
    """Yield the streams, modules as text, and strings that end in another record.

    Raises:
        ContainerError: it is too large or damaged.
    """
    import olefile  # noqa: PLC0415 - few scans meet one

    space = content.space()
    if space is None or space.size > content.meter.limits.spool:
        raise ContainerError(NOT_DECODED, "only its bytes were searched, not its streams: it is too large")
    data = space.read(0, space.size)
    try:
        document = olefile.OleFileIO(io.BytesIO(data), raise_defects=olefile.DEFECT_FATAL)
        paths = document.listdir(streams=True, storages=False)
    except (OSError, ValueError, IndexError, struct.error) as error:
        raise corrupt_error("its directory of streams cannot be read") from error
    failures = 0
    for path in paths:
        content.meter.check_time()
        name = "/".join(path).encode("utf-8", "replace")
        try:
            stream = document.openstream(path).read()
        except (OSError, ValueError, IndexError, struct.error):
            failures += 1
            continue
        if path[-1] in ("Workbook", "Book"):
            stream = _join_records(stream, data, content)
        for part in _split_records(stream) if path[-1] == "PowerPoint Document" else (stream,):
            yield Member(name, (part,), is_record=True)
        for found in _MODULE.finditer(stream):
            content.meter.check_time()
            yield Member(name, (decompress(memoryview(stream)[found.start() :]),), is_record=True)
    if failures:
        content.report(corrupt_error(f"{failures} of its streams cannot be read"))


def decompress(container: memoryview) -> bytes:
    """Return the content of a compressed container of VBA, up to the first damage ([MS-OVBA] 2.4.1.3)."""
    chunks: list[bytes] = []
    at = 1
    while at + 2 <= len(container):
        header = int.from_bytes(container[at : at + 2], "little")
        if header >> 12 & 7 != 3:
            break
        end = at + (header & 0xFFF) + 3
        is_compressed = header >> 15
        chunk = container[at + 2 : end]
        chunks.append(_decompress_chunk(chunk) if is_compressed else bytes(chunk[:_MAX_CHUNK_BYTES]))
        at = end
    return b"".join(chunks)


def _decompress_chunk(chunk: memoryview) -> bytes:
    """Return the content of a chunk: groups of eight bytes and copies, behind a byte with the kinds."""
    out = bytearray()
    at = 0
    while at < len(chunk) and len(out) < _MAX_CHUNK_BYTES:
        kinds = chunk[at]
        at += 1
        for bit in range(8):
            if not kinds >> bit & 1:
                out += chunk[at : at + 1]
                at += 1
                continue
            token = int.from_bytes(chunk[at : at + 2], "little")
            at += 2
            # The more there is, the more bits has the distance.
            bits = max((len(out) - 1).bit_length(), 4)
            distance = (token >> 16 - bits) + 1
            if at > len(chunk) or distance > len(out):
                return bytes(out)
            for _ in range((token & 0xFFFF >> bits) + 3):
                out.append(out[-distance])
    return bytes(out)


def _join_records(stream: bytes, data: bytes, content: Content) -> bytes:
    """Return a workbook without the headers of records that continue others.

    Args:
        stream: the workbook.
        data: the file, in which what such a header cuts is left out.
        content: its container.
    """
    parts: list[bytes] = []
    at = first = 0
    whole = b""
    while at + _RECORD_HEADER_BYTES <= len(stream):
        kind, size = stream[at : at + 2], int.from_bytes(stream[at + 2 : at + 4], "little")
        if size > _MAX_RECORD_BYTES:
            break
        if kind == _CONTINUE or kind == whole == _DRAWINGS:
            parts.append(stream[first:at])
            # A string that goes on has its flags again.
            first = at + _RECORD_HEADER_BYTES + (whole in _TEXTS)
            before = stream[max(at - _CUT_BYTES, 0) : at + _RECORD_HEADER_BYTES]
            if (place := data.find(before)) >= 0:
                content.cover(place, place + len(before))
        else:
            whole = kind
        at += _RECORD_HEADER_BYTES + size
    return b"".join((*parts, stream[first:]))


def _split_records(stream: bytes) -> Iterator[bytes]:
    """Yield the compressed objects of a presentation, and what is between them."""
    at = first = 0
    while at + 8 <= len(stream):
        end = at + 8 + int.from_bytes(stream[at + 4 : at + 8], "little")
        if stream[at : at + 4] == _OBJECT:
            # It may end without a last block, so that what follows would be read as one.
            yield stream[first:at]
            yield stream[at + 12 : end]
            first = end
        at = end
    yield stream[first:]
