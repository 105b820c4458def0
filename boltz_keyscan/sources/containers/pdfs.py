"""PDF: its compressed streams, object streams among them.

No structure is followed, so none can lead astray: every ``stream`` that follows a
dictionary is undone by the filters that dictionary names. What is not compressed stands
in the file as it is. Text that a page sets letter by letter, or with an encoding of its
font, is not put together.

Boundary: ISO 32000-1, 7.3.8 (streams), 7.4 (filters).
"""

from __future__ import annotations

import binascii
import re
from base64 import a85decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from boltz_keyscan.sources.containers.limits import TRUNCATED, Meter, Spent, Trouble, damaged, raising
from boltz_keyscan.sources.containers.reader import Reader
from boltz_keyscan.sources.containers.streams import inflated
from boltz_keyscan.sources.containers.walk import Content, Member

_WINDOW = 64 << 10
_DICTIONARY = 4 << 10
"""Bytes before ``stream`` in which its dictionary is looked for."""

_TEXT = 16 << 20
"""Bytes of a stream in letters that are decoded; longer ones are a gap."""

_STREAM = re.compile(rb">>\s{0,64}stream(?:\r\n|\n|\r)")
_LONGEST = 80
"""Bytes of the longest thing that is searched for."""

_OBJECT = re.compile(rb"(\d{1,10})\s+\d{1,5}\s+obj\b")
_FILTERS = re.compile(
    rb"/(FlateDecode|Fl|ASCII85Decode|A85|ASCIIHexDecode|AHx|LZWDecode|LZW|RunLengthDecode|RL|Crypt)\b"
)
_FLATE = frozenset({b"FlateDecode", b"Fl"})
_LETTERS = frozenset({b"ASCII85Decode", b"A85", b"ASCIIHexDecode", b"AHx"})
_ENCRYPTED = re.compile(rb"/Encrypt\s+(?:\d|<<)")


@dataclass(slots=True)
class _Document:
    """What was seen of a document so far."""

    encrypted: bool = False
    ended: bool = False
    failed: list[tuple[bytes, Trouble]] = field(default_factory=list)
    """Streams of which nothing could be read. Why is known when all of the document was seen."""

    def see(self, text: bytes) -> None:
        """Look for what concerns all of it."""
        self.encrypted = self.encrypted or _ENCRYPTED.search(text) is not None
        self.ended = self.ended or b"%%EOF" in text

    def tried(self, name: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The chunks; trouble before the first is put aside."""
        begun = False
        try:
            for chunk in chunks:
                begun = True
                yield chunk
        except Spent:
            raise
        except Trouble as trouble:
            if begun:
                raise
            self.failed.append((name, trouble))

    def tell(self, content: Content) -> None:
        """What is to be said at its end."""
        if self.encrypted:
            what = "the streams of this document are encrypted; save it without a password"
            content.tell(Trouble("encrypted", what))
            return
        for name, trouble in self.failed:
            content.tell(Trouble(trouble.reason, f"{name.decode()}: {trouble.detail}"))
        if not self.ended:
            content.tell(damaged(TRUNCATED))


def members(content: Content) -> Iterator[Member]:
    """What the streams of a document hold."""
    reader = content.reader
    document = _Document()
    before = b""
    while window := reader.peek(_WINDOW):
        content.meter.tick()
        found = _STREAM.search(window)
        passed = window[: found.end()] if found else window[: max(len(window) - _LONGEST, 1)]
        last = found is None and len(window) <= _LONGEST
        document.see(before[-_LONGEST:] + (window if last else passed))
        if last:
            break
        reader.skip(len(passed))
        before = (before + passed)[-_DICTIONARY:]
        if found is None:
            continue
        start = reader.position
        # Up to the end of the dictionary.
        name, chunks = _stream(before[: before.rindex(b">>")], reader, content.meter)
        if chunks is not None:
            yield Member(name, document.tried(name, chunks))
            content.cover(start, reader.position)
        before = b""
    document.tell(content)


def _stream(before: bytes, reader: Reader, meter: Meter) -> tuple[bytes, Iterator[bytes] | None]:
    """The name and content of the stream that begins here; no content when it is not compressed."""
    objects = list(_OBJECT.finditer(before))
    dictionary = before[objects[-1].end() :] if objects else before
    filters = [found[1] for found in _FILTERS.finditer(dictionary)]
    name = b"object " + objects[-1][1] if objects else b"stream at %d" % reader.position
    if not filters:
        return name, None
    if filters[0] in _FLATE:
        return name, inflated(reader, meter, 15)
    if filters[0] in _LETTERS:
        return name, _letters(filters, reader, meter)
    return name, _not_read(filters[0])


def _not_read(name: bytes) -> Iterator[bytes]:
    return raising(Trouble("unsupported-container", f"its filter {name.decode()} is not read here"))


def _letters(filters: list[bytes], reader: Reader, meter: Meter) -> Iterator[bytes]:
    """A stream in ASCII85 or hex, and what is compressed in it."""
    text = bytearray()
    while window := reader.peek(_WINDOW):
        end = window.find(b"endstream")
        if end >= 0:
            text += reader.read(end)
            break
        text += reader.read(max(len(window) - 8, 1))
        if len(text) > _TEXT:
            raise Trouble("too-large", f"a stream of more than {_TEXT} letters is not decoded")
    try:
        decoded = _DECODERS[filters[0]](bytes(text))
    except ValueError as error:
        raise damaged("its letters are not those of its filter") from error
    meter.output(len(decoded))
    if filters[1:2] and filters[1] in _FLATE:
        yield from inflated(Reader([decoded]), meter, 15)
    elif filters[1:2] and filters[1] not in _LETTERS:
        yield from _not_read(filters[1])
    elif decoded:
        yield decoded


def _ascii85(text: bytes) -> bytes:
    body = text.strip().removeprefix(b"<~")
    return a85decode(body.partition(b"~>")[0], ignorechars=b" \t\n\r\v\f\0")


def _hex(text: bytes) -> bytes:
    digits = b"".join(text.partition(b">")[0].split())
    return binascii.unhexlify(digits + b"0" * (len(digits) % 2))


_DECODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"ASCII85Decode": _ascii85,
    b"A85": _ascii85,
    b"ASCIIHexDecode": _hex,
    b"AHx": _hex,
}
