"""Members of a PDF: its streams, its attachments by name, strings, and text.

``pdf_objects`` finds and parses the objects.
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
from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import (
    TRUNCATED,
    BudgetExceededError,
    ContainerError,
    corrupt_error,
)
from boltz_keyscan.sources.archives.pdf_filters import resolve
from boltz_keyscan.sources.archives.pdf_objects import MAX_OBJECT_BYTES, Document, Stream
from boltz_keyscan.sources.signatures import HEAD, is_container_head

if TYPE_CHECKING:
    import mmap

_INTERESTING = re.compile(rb"\\|#|/EF|/Page|/AIPrivateData|<[0-9A-Fa-f\s]{16}")
"""Marks of an object with content that its bytes do not show: escapes, attachments, pages, pieces, hex."""

_PIECE = re.compile(r"/AIPrivateData([0-9]{1,6})")
"""Name of a piece of the file that Adobe Illustrator adds to its documents."""

_COMPRESSED = re.compile(rb"%AI[0-9]{2}_(?:CompressedData|ZStandard_Data)")
_COMPRESSED_BYTES = 30
"""The mark before the compressed part of that file, and more bytes than it has."""

_MAX_KEPT_BYTES = 16 << 20
"""Bytes of a decoded stream kept for the search for objects and words."""

_MAX_DEPTH = 20
"""Nested arrays and dictionaries at most."""


def members(data: bytes | mmap.mmap, content: Content) -> Iterator[Member]:
    """Yield the members of a document; nothing when only its header looks like one."""
    document = Document(data, content.meter)
    marked = data.find(b"%%EOF") >= 0 or data.find(b"xref") >= 0
    if data[:5] == b"%PDF-" or (document.starts and marked):
        try:
            yield from _Members(document, content).all()
        finally:
            document.release()


class _Members:
    """The members of one document."""

    def __init__(self, document: Document, content: Content) -> None:
        self._document = document
        self._content = content
        self._failures: list[tuple[int, ContainerError]] = []
        """Streams that could not be read, by number, reported at the end."""
        self._ends: dict[int, int] = {}
        """Ends of the dictionaries of objects with a stream, by header number."""
        self._names: dict[int, bytes] = {}
        """Names of attachments, by stream number."""
        self._pages: list[tuple[int, DictionaryObject]] = []
        self._split_files: list[list[int]] = []
        """Numbers of the streams that are pieces of one file, in order."""
        self._joined: set[int] = set()
        """Header numbers of the pieces that were read."""

    def all(self) -> Iterator[Member]:
        """Yield all members, object streams first, because others may refer into them."""
        object_streams: list[Stream] = []
        other_streams: list[Stream] = []
        covered = 0
        for stream, dictionary in self._document.streams():
            self._ends.setdefault(stream.at, stream.end)
            if stream.end < covered:
                continue
            (object_streams if dictionary.get("/Type") == "/ObjStm" else other_streams).append(stream)
            if "/Filter" not in dictionary:
                end = self._document.extent(dictionary, stream.start)
                if self._is_container(stream.start, end):
                    # An embedded document is read as a member.
                    covered = end
        for stream in object_streams:
            yield from self._stream(stream)
        yield from self._plain_objects()
        by_number = {self._document.numbers[stream.at]: stream for stream in other_streams}
        for numbers in self._split_files:
            pieces = [by_number.pop(number) for number in numbers if number in by_number]
            yield Member(b"AIPrivateData", self._join(pieces))
        for stream in other_streams:
            if stream.at not in self._joined:
                yield from self._stream(stream)
        text = pdf_text.Text(self._document, self._content)
        for number, page in self._pages:
            yield from text.extract_page(number, page)
        text.report()
        self._report()

    def _stream(self, stream: Stream) -> Iterator[Member]:
        """Yield the content of a stream, and words that it shows in pieces."""
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
            raw: bytes = loaded._data  # noqa: SLF001 - pypdf has no public access to the raw bytes
            chunks = pdf_filters.decode_stream(loaded, raw, self._content.meter)
        except ContainerError as error:
            self._failures.append((number, error))
            return
        if chunks is not None or self._document.is_open:
            yield Member(name, self._guarded(number, chunks or iter([raw]), kept))
            self._content.cover(stream.start, end)
        elif number in self._names or self._is_container(stream.start, end):
            yield Member(name, [raw], stream.start)
        else:
            kept += raw[:_MAX_KEPT_BYTES]
        text, wrapped = b"", b""
        if dictionary.get("/Type") == "/ObjStm":
            text = self._unpack(loaded, bytes(kept))
        elif dictionary.get("/Subtype") != "/Image":
            text, wrapped = pdf_text.join_words(bytes(kept))
        if text:
            yield Member(name, [text], view=lambda _: wrapped)

    def _join(self, pieces: list[Stream]) -> Iterator[bytes]:
        """Yield a file in pieces from its compressed part on: the document shows what precedes it."""
        before, has_begun = b"", False
        for stream in pieces:
            self._content.meter.check_time()
            found = self._document.get_object(self._document.numbers[stream.at])
            if not isinstance(found, StreamObject):
                continue
            raw: bytes = found._data  # noqa: SLF001 - pypdf has no public access to the raw bytes
            chunks = pdf_filters.decode_stream(found, raw, self._content.meter)
            start, end = stream.start, self._document.extent(found, stream.start)
            if not has_begun and chunks is None and not self._document.is_open:
                before = before[-_COMPRESSED_BYTES:]
                begin = _COMPRESSED.search(before + raw)
                if begin is None:
                    before += raw
                    continue
                raw = raw[begin.end() - len(before) :]
                start = end - len(raw)
            has_begun = True
            yield from filter(None, chunks or [raw])
            self._joined.add(stream.at)
            self._content.cover(start, end)

    def _guarded(self, number: int, chunks: Iterator[bytes], kept: bytearray) -> Iterator[bytes]:
        """Yield the chunks and keep the first; an error before them is reported at the end."""
        has_output = False
        try:
            for chunk in chunks:
                if not chunk:
                    continue
                has_output = True
                if len(kept) < _MAX_KEPT_BYTES:
                    kept += chunk
                yield chunk
        except BudgetExceededError:
            raise
        except ContainerError as error:
            if has_output:
                raise
            self._failures.append((number, error))

    def _is_container(self, start: int, end: int) -> bool:
        """Return True if bytes of the document, as they are, are a container."""
        return is_container_head(self._document.data[start : min(start + HEAD, end)])

    def _unpack(self, stream: StreamObject, decoded: bytes) -> bytes:
        """Read the objects of an object stream; return the strings that its bytes do not show."""
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
            self._document.add_packed(number, piece)
            found = self._document.parse(piece) if _INTERESTING.search(piece) else None
            if found is not None:
                self._record(number, found)
                texts.append(_hidden_strings(found, piece))
        return b"\n".join(filter(None, texts))

    def _plain_objects(self) -> Iterator[Member]:
        """Read objects without their streams, and yield the strings that their bytes do not show."""
        document = self._document
        for at, number in enumerate(document.numbers):
            start, end = document.region(at)
            end = min(self._ends.get(at, end), start + MAX_OBJECT_BYTES)
            if not document.is_open and not _INTERESTING.search(document.data, start, end):
                continue
            self._content.meter.check_time()
            piece = bytes(document.data[start:end])
            try:
                found = document.decrypt(at, document.parse(piece))
            except ContainerError:
                # Its stream, encrypted the same way, is reported as a gap.
                continue
            if found is not None:
                self._record(number, found)
                if text := _hidden_strings(found, piece):
                    yield Member(b"object %d" % number, [text])

    def _record(self, number: int, found: PdfObject) -> None:
        """Record pages, and the names of attachments."""
        if not isinstance(found, DictionaryObject):
            return
        if found.get("/Type") == "/Page":
            self._pages.append((number, found))
        for item in _iter_nested(found, _MAX_DEPTH):
            if not isinstance(item, DictionaryObject):
                continue
            names = [(int(match[1]), key) for key in item if (match := _PIECE.fullmatch(key))]
            if references := [item.raw_get(key) for _, key in sorted(names)]:
                self._split_files.append(
                    [each.idnum for each in references if isinstance(each, IndirectObject)]
                )
            if "/EF" in item:
                name, files = resolve(item.get("/UF", item.get("/F"))), resolve(item.get("/EF"))
                for reference in files.values() if isinstance(files, DictionaryObject) else ():
                    if isinstance(reference, IndirectObject) and isinstance(name, str) and name:
                        self._names[reference.idnum] = name.encode("utf-8", "replace")

    def _report(self) -> None:
        """Report unreadable streams, after the whole document was read."""
        if self._document.is_closed:
            what = "the streams of this document are encrypted; save it without a password"
            self._content.report(ContainerError("encrypted", what))
            return
        for at in self._document.orphans.values():
            self._content.report(corrupt_error(f"stream at {at}: its dictionary cannot be read"))
        for number, error in self._failures:
            self._content.report(ContainerError(error.reason, f"object {number}: {error.detail}"))
        if self._document.data.rfind(b"%%EOF") < 0:
            self._content.report(corrupt_error(TRUNCATED))


def _iter_nested(found: object, depth: int) -> Iterator[object]:
    """Yield an object and everything in it, without following references."""
    yield found
    inner: list[object] = []
    if isinstance(found, DictionaryObject):
        inner = list(found.values())
    elif isinstance(found, ArrayObject):
        inner = list(found)
    if depth:
        for item in inner:
            yield from _iter_nested(item, depth - 1)


def _hidden_strings(found: PdfObject, piece: bytes) -> bytes:
    """Return the strings of an object that its bytes do not show, one a line."""
    texts: list[bytes] = []
    spelled = piece.lower()
    for item in _iter_nested(found, _MAX_DEPTH):
        if isinstance(item, (TextStringObject, ByteStringObject)):
            original = item.original_bytes
            if original in piece or original.hex().encode() in spelled:
                continue
            texts.append(item.encode("utf-8", "replace") if isinstance(item, str) else bytes(item))
    return b"\n".join(texts)
