"""WARC web archives (ISO 28500), with the HTTP messages in them (RFC 9112) decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from boltz_keyscan.sources.archives import brotli, compression
from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import TRUNCATED, ContainerError, corrupt_error
from boltz_keyscan.sources.archives.reader import Reader

_MAX_HEADER_BYTES = 64 << 10
"""Bytes of the headers of a record, or of its HTTP message, at most."""

_FIELD = re.compile(rb"^([A-Za-z-]+):[ \t]*([^\r\n]*)", re.MULTILINE)
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[^\r\n]*\r?\n")


def members(content: Content) -> Iterator[Member]:
    """Yield the records; an encoded HTTP body is a member of its own."""
    reader = content.reader
    while window := reader.peek(_MAX_HEADER_BYTES):
        gap = len(window) - len(window.lstrip(b"\r\n"))
        if gap:
            reader.skip(gap)
            continue
        end = re.search(rb"\r?\n\r?\n", window)
        fields = _fields(window[: end.start()]) if end else {}
        length = fields.get(b"content-length", b"")
        if end is None or not window.startswith(b"WARC/") or not length.isdigit() or len(length) > 18:
            raise corrupt_error("a record in it is damaged")
        reader.skip(end.end())
        name = fields.get(b"warc-target-uri") or fields.get(b"warc-record-id", b"")
        yield from _record(content, name, int(length))


def _fields(text: bytes) -> dict[bytes, bytes]:
    return {name.lower(): value.strip() for name, value in _FIELD.findall(text)}


def _record(content: Content, name: bytes, length: int) -> Iterator[Member]:
    reader = content.reader
    head, found, _ = reader.peek(min(length, _MAX_HEADER_BYTES)).partition(b"\r\n\r\n")
    fields = _fields(head) if found and head.startswith(b"HTTP/") else {}
    encodings = [encoding.strip().lower() for encoding in fields.get(b"content-encoding", b"").split(b",")]
    encodings = [encoding for encoding in encodings if encoding not in (b"", b"identity")]
    chunked = b"chunked" in fields.get(b"transfer-encoding", b"").lower()
    if not encodings and not chunked:
        yield Member(name, reader.member(length), reader.position)
        return
    yield Member(name, reader.member(len(head) + 4), reader.position)
    left = length - len(head) - 4
    if left > content.meter.limits.spool:
        reader.skip(left)
        content.report(ContainerError("too-large", f"an encoded answer of {left} bytes in it is not read"))
        return
    start = reader.position
    body = b"".join(reader.part(left))
    yield Member(name, _decode_body(content, _join_chunks(body) if chunked else body, encodings))
    content.cover(start, reader.position)
    if len(body) < left:
        raise corrupt_error(TRUNCATED)


def _join_chunks(body: bytes) -> bytes:
    """Return a chunked body as one; unchanged if it has no chunks."""
    at, parts = 0, []
    while (found := _CHUNK.match(body, at)) and (size := int(found[1], 16)):
        parts.append(body[found.end() : found.end() + size])
        at = found.end() + size
        at += 2 if body[at : at + 2] == b"\r\n" else 1
    return b"".join(parts) if parts else body


def _decode_body(content: Content, body: bytes, encodings: list[bytes]) -> Iterator[bytes]:
    """Yield a decoded body; gzip and zstd are left to the search for containers.

    Raises:
        ContainerError: its compression is not supported.
    """
    # An archive may name an encoding that was undone before it was written.
    is_compressed = body[:2] == b"\x1f\x8b" or body[:4] == b"\x28\xb5\x2f\xfd"
    if is_compressed or not body or not encodings or (encodings[-1] in (b"gzip", b"x-gzip", b"zstd")):
        yield from filter(None, (body,))
    elif encodings[-1] == b"deflate":
        bits = 15 if body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0 else -15
        yield from compression.inflate_stream(Reader([body]), content.meter, bits)
    elif encodings[-1] == b"br":
        yield from brotli.unbrotli(Reader([body]), content.meter)
    else:
        name = encodings[-1].decode("ascii", "replace")[:20]
        raise ContainerError(
            "unsupported-container", f"an answer in it is encoded with {name}, which is not read"
        )
