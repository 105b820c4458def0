"""Containers written as text: base64, hex, escapes, base85, and the hunks of a binary patch.

An encoded text is a container with one member, its bytes. What these bytes begin is opened like any
member, so encodings and containers follow each other in any order within one budget.
"""

from __future__ import annotations

import codecs
import re
from base64 import b85decode
from collections.abc import Iterator

from boltz_keyscan import beginnings
from boltz_keyscan.sources.archives.compression import inflate_stream
from boltz_keyscan.sources.archives.content import Content, Member, Members
from boltz_keyscan.sources.archives.git_objects import read_varint
from boltz_keyscan.sources.archives.limits import Meter, corrupt_error
from boltz_keyscan.sources.archives.reader import Reader
from boltz_keyscan.sources.encoded import Decoder
from boltz_keyscan.sources.encoded_checks import CONTEXT_BYTES, find_run
from boltz_keyscan.sources.signatures import ORDER_MARKS

_HUNK = re.compile(rb"(literal|delta) ([0-9]{1,12})\r?\n")
_MAX_LINE_BYTES = 80
"""Bytes of a line of a hunk at most: 52 bytes in base85, and their count."""


def _text(name: str) -> Members:
    """Return the reader of texts in an encoding."""

    def members(content: Content) -> Iterator[Member]:
        decoder = Decoder(name, _chunks(content.reader))
        yield Member(b"", _counted(decoder, content.meter), implied=True, locate=decoder.locate)

    return members


def deflate_members(content: Content) -> Iterator[Member]:
    """Yield the content of raw deflate in base64, behind the text that announces it."""
    at = find_run(content.reader.peek(CONTEXT_BYTES))
    if at < 0:
        return
    content.reader.skip(at)
    decoder = Decoder("base64", _chunks(content.reader))
    source = Reader(_counted(decoder, content.meter))
    if source.peek(len(beginnings.PACKET)) == beginnings.PACKET:
        source.skip(len(beginnings.PACKET))
    yield Member(b"", inflate_stream(source, content.meter, -15), implied=True, source=source)
    content.cover(at, at + decoder.locate(source.position))


def utf_16_members(content: Content) -> Iterator[Member]:
    """Yield text in UTF-16 with a byte order mark as UTF-8; without one, the characters of an encoding."""
    if content.reader.peek(2) not in ORDER_MARKS:
        yield from _text("utf-16")(content)
        return
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    texts = (decoder.decode(chunk).replace("\r\n", "\n") for chunk in _chunks(content.reader))
    chunks = (text.encode("utf-8", "replace") for text in texts)
    yield Member(b"", filter(None, chunks), implied=True)


def _chunks(reader: Reader) -> Iterator[bytes]:
    while chunk := reader.take():
        yield chunk


def _counted(decoder: Decoder, meter: Meter) -> Iterator[bytes]:
    for output in decoder:
        meter.add_output(len(output))
        yield output


def patch_members(content: Content) -> Iterator[Member]:
    """Yield the content of the hunks of a binary patch: the file, or the bytes that a delta inserts."""
    reader = content.reader
    reader.skip(len(beginnings.PATCH))
    while found := _HUNK.match(reader.peek(_MAX_LINE_BYTES)):
        reader.skip(found.end())
        start = reader.position
        lines = Reader(_hunk(reader))
        chunks = inflate_stream(lines, content.meter, 15)
        if found[1] == b"delta":
            chunks = _inserted(chunks)
        yield Member(b"", chunks, implied=True)
        # Behind damage too, the next hunk begins behind an empty line.
        while lines.take():
            pass
        content.cover(start, reader.position)


def _hunk(reader: Reader) -> Iterator[bytes]:
    """Yield the bytes of the lines of a hunk (``git-apply``'s source, apply.c, ``parse_binary_hunk``)."""
    while True:
        line, newline, _ = reader.peek(_MAX_LINE_BYTES).partition(b"\n")
        reader.skip(len(line) + len(newline))
        line = line.rstrip(b"\r")
        if len(line) < 2:
            return
        size = line[0] - 64 if 65 <= line[0] <= 90 else line[0] - 70
        try:
            yield b85decode(line[1:])[: max(size, 0)]
        except ValueError:
            raise corrupt_error("a line of a binary patch is damaged") from None


def _inserted(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the bytes that a delta inserts (gitformat-pack), with a zero where it copies."""
    delta = b"".join(chunks)
    _, at = read_varint(delta, 0)
    _, at = read_varint(delta, at)
    parts = []
    while at < len(delta):
        order = delta[at]
        at += 1
        if order & 0x80:
            at += (order & 0x7F).bit_count()
            parts.append(b"\0")
        else:
            parts.append(delta[at : at + order])
            at += order
    if parts:
        yield b"".join(parts)


base64_members = _text("base64")
base32_members = _text("base32")
hex_members = _text("hex")
decimal_members = _text("decimal")
percent_members = _text("percent")
quoted_printable_members = _text("quoted-printable")
escape_members = _text("escape")
base85_members = _text("base85")
ascii85_members = _text("ascii85")
uuencode_members = _text("uuencode")
