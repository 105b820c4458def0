"""Members of a PDF: its streams, its attachments by their names, strings, and text.

Boundary: what the objects of a document hold; finding and parsing them is ``pdfobjects``.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pypdf.generic import (
    ArrayObject,
    ByteStringObject,
    DictionaryObject,
    IndirectObject,
    PdfObject,
    StreamObject,
    TextStringObject,
)

from boltz_keyscan.sources.archives import pdf_filters, pdf_text
from boltz_keyscan.sources.archives.extract import Content, Member
from boltz_keyscan.sources.archives.limits import (
    TRUNCATED,
    BudgetExceededError,
    ContainerError,
    corrupt_error,
)
from boltz_keyscan.sources.archives.pdf_filters import resolve
from boltz_keyscan.sources.archives.pdf_objects import OBJECT_BYTES, Document, Stream
from boltz_keyscan.sources.signatures import HEAD, is_container_head

if TYPE_CHECKING:
    import mmap

_INTERESTING = re.compile(rb"\\|#|/EF|/Page|<[0-9A-Fa-f\s]{16}")
"""Marks of an object that says more than its bytes: escapes, attachments, pages, hex."""

_HELD = 16 << 20
"""Bytes of a decoded stream that are held to be read for objects and words."""

_DEPTH = 20
"""Arrays and dictionaries in one another that are searched."""


def members(data: bytes | mmap.mmap, content: Content) -> Iterator[Member]:
    """Yield what a document holds; nothing when only its header is like that of one."""
    document = Document(data, content.meter)
    marked = data.find(b"%%EOF") >= 0 or data.find(b"xref") >= 0
    if data[:5] == b"%PDF-" or (document.starts and marked):
        yield from _Members(document, content).all()


class _Members:
    """The members of one document."""

    def __init__(self, document: Document, content: Content) -> None:
        self._document = document
        self._content = content
        self._failures: list[tuple[int, ContainerError]] = []
        """Numbers of streams of which nothing could be read, reported when all was seen."""
        self._ends: dict[int, int] = {}
        """Where the dictionary of an object with a stream ends, by the number of its header."""
        self._names: dict[int, bytes] = {}
        """Names of attachments, by the number of their stream."""
        self._pages: list[tuple[int, DictionaryObject]] = []

    def all(self) -> Iterator[Member]:
        """Yield them, those that hold objects first, as others may refer into them."""
        packs: list[Stream] = []
        others: list[Stream] = []
        covered = 0
        for stream, dictionary in self._document.streams():
            self._ends.setdefault(stream.at, stream.end)
            if stream.end < covered:
                continue
            (packs if dictionary.get("/Type") == "/ObjStm" else others).append(stream)
            if "/Filter" not in dictionary:
                end = self._document.extent(dictionary, stream.start)
                if self._is_container(stream.start, end):
                    # A document in a document: what is in it is read as a member.
                    covered = end
        for stream in packs:
            yield from self._stream(stream)
        yield from self._plain_objects()
        for stream in others:
            yield from self._stream(stream)
        text = pdf_text.Text(self._document, self._content)
        for number, page in self._pages:
            yield from text.extract_page(number, page)
        text.report()
        self._report()

    def _stream(self, stream: Stream) -> Iterator[Member]:
        """Yield what a stream holds, and words that its content says in pieces."""
        self._content.meter.check_time()
        number = self._document.numbers[stream.at]
        dictionary = self._document.parse(self._document.data[self._document.starts[stream.at] : stream.end])
        if not isinstance(dictionary, DictionaryObject):
            return
        end = self._document.extent(dictionary, stream.start)
        if end == stream.start:
            return
        name = self._names.get(number, b"object %d" % number)
        kept = bytearray()
        try:
            loaded = self._document.load(stream, dictionary)
            raw: bytes = loaded._data  # noqa: SLF001 - there is no other way to the bytes as they are
            chunks = pdf_filters.decode_stream(loaded, raw, self._content.meter)
        except ContainerError as trouble:
            self._failures.append((number, trouble))
            return
        if chunks is not None or self._document.is_open:
            yield Member(name, self._guarded(number, chunks or iter([raw]), kept))
            self._content.cover(stream.start, end)
        elif number in self._names or self._is_container(stream.start, end):
            yield Member(name, [raw], stream.start)
        else:
            kept += raw[:_HELD]
        if dictionary.get("/Type") == "/ObjStm":
            text = self._unpack(loaded, bytes(kept))
        else:
            text = b"" if dictionary.get("/Subtype") == "/Image" else pdf_text.join_words(bytes(kept))
        if text:
            yield Member(name, [text])

    def _guarded(self, number: int, chunks: Iterator[bytes], kept: bytearray) -> Iterator[bytes]:
        """Yield the chunks and keep the first; trouble before those waits for the end of the document."""
        begun = False
        try:
            for chunk in chunks:
                if not chunk:
                    continue
                begun = True
                if len(kept) < _HELD:
                    kept += chunk
                yield chunk
        except BudgetExceededError:
            raise
        except ContainerError as trouble:
            if begun:
                raise
            self._failures.append((number, trouble))

    def _is_container(self, start: int, end: int) -> bool:
        """Return whether bytes of the document, as they are, are a container."""
        return is_container_head(self._document.data[start : min(start + HEAD, end)])

    def _unpack(self, stream: StreamObject, decoded: bytes) -> bytes:
        """Read the objects of a stream of objects; return their strings that it spells otherwise."""
        first = resolve(stream.get("/First"))
        first = first if isinstance(first, int) and 0 <= first <= len(decoded) else 0
        places = [int(word) for word in decoded[:first].split() if word.isdigit() and len(word) <= 10]
        offsets = sorted(places[1::2])
        texts: list[bytes] = []
        for number, offset in zip(places[::2], places[1::2], strict=False):
            self._content.meter.check_time()
            after = bisect.bisect_right(offsets, offset)
            end = first + offsets[after] if after < len(offsets) else len(decoded)
            piece = decoded[first + offset : end]
            found = self._document.parse(piece)
            if found is not None:
                self._document.packed[number] = found
                if _INTERESTING.search(piece):
                    self._note(number, found)
                    texts.append(_unspelled(found, piece))
        return b"\n".join(filter(None, texts))

    def _plain_objects(self) -> Iterator[Member]:
        """Read objects without their streams, and yield their strings that are spelled otherwise."""
        document = self._document
        for at, number in enumerate(document.numbers):
            start, end = document.region(at)
            end = min(self._ends.get(at, end), start + OBJECT_BYTES)
            if not document.is_open and not _INTERESTING.search(document.data, start, end):
                continue
            self._content.meter.check_time()
            piece = bytes(document.data[start:end])
            try:
                found = document.decrypt(at, document.parse(piece))
            except ContainerError:
                # Its stream, encrypted the same way, is a gap.
                continue
            if found is not None:
                self._note(number, found)
                if text := _unspelled(found, piece):
                    yield Member(b"object %d" % number, [text])

    def _note(self, number: int, found: PdfObject) -> None:
        """Note pages, and the names of attachments."""
        if not isinstance(found, DictionaryObject):
            return
        if found.get("/Type") == "/Page":
            self._pages.append((number, found))
        for each in _within(found, _DEPTH):
            if isinstance(each, DictionaryObject) and "/EF" in each:
                name, files = resolve(each.get("/UF", each.get("/F"))), resolve(each.get("/EF"))
                references = files.values() if isinstance(files, DictionaryObject) else ()
                for reference in references:
                    if isinstance(reference, IndirectObject) and isinstance(name, str) and name:
                        self._names[reference.idnum] = name.encode("utf-8", "replace")

    def _report(self) -> None:
        """Report what could not be read, now that the whole document was seen."""
        if self._document.is_closed:
            what = "the streams of this document are encrypted; save it without a password"
            self._content.report(ContainerError("encrypted", what))
            return
        for at in self._document.orphans.values():
            self._content.report(corrupt_error(f"stream at {at}: its dictionary cannot be read"))
        for number, trouble in self._failures:
            self._content.report(ContainerError(trouble.reason, f"object {number}: {trouble.detail}"))
        if self._document.data.rfind(b"%%EOF") < 0:
            self._content.report(corrupt_error(TRUNCATED))


def _within(found: object, depth: int) -> Iterator[object]:
    """Yield an object and all that is in it, without what it refers to."""
    yield found
    inner: list[object] = []
    if isinstance(found, DictionaryObject):
        inner = list(found.values())
    elif isinstance(found, ArrayObject):
        inner = list(found)
    if depth:
        for each in inner:
            yield from _within(each, depth - 1)


def _unspelled(found: PdfObject, piece: bytes) -> bytes:
    """Return the strings of an object that its bytes spell otherwise, one a line."""
    texts: list[bytes] = []
    spelled = piece.lower()
    for each in _within(found, _DEPTH):
        if isinstance(each, (TextStringObject, ByteStringObject)):
            original = each.original_bytes
            if original in piece or original.hex().encode() in spelled:
                continue
            texts.append(each.encode("utf-8", "replace") if isinstance(each, str) else bytes(each))
    return b"\n".join(texts)
