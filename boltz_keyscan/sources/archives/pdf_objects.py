"""Objects of a PDF, found by their headers and never by the tables that point to them.

A table of references (xref) names the objects of the last revision only, and may be wrong.
The bytes of earlier revisions and of objects that nothing refers to are still in the file.
Therefore every ``N G obj`` and every ``stream`` is looked at; pypdf parses what is there
and decrypts it.

Boundary: ISO 32000-2, 7.3 (objects), 7.5 (file structure), 7.6 (encryption). What the
objects hold is read by ``pdfmembers``.
"""

from __future__ import annotations

import bisect
import contextlib
import io
import logging
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pypdf
from pypdf._encryption import Encryption  # it has no public name; PdfReader would follow the tables
from pypdf._utils import read_non_whitespace
from pypdf.generic import (
    ArrayObject,
    ByteStringObject,
    DictionaryObject,
    IndirectObject,
    PdfObject,
    StreamObject,
    TextStringObject,
    read_object,
)

from boltz_keyscan.sources.archives import pdf_filters
from boltz_keyscan.sources.archives.limits import ContainerError, Meter, corrupt_error
from boltz_keyscan.sources.archives.pdf_filters import resolve

if TYPE_CHECKING:
    import mmap

_WHITE = rb"(?:[\0\t\n\f\r ]++|%[^\r\n]*+)"
"""White space or a comment: both may be between any two words."""

_WORD = re.compile(rb"obj(?![A-Za-z])")
_HEADER = re.compile(rb"(?<!\d)(\d{1,10})" + _WHITE + rb"++(\d{1,5})" + _WHITE + rb"*+obj\Z")
_HEADER_BYTES = (32, 512)
"""Bytes in which a header is looked for: what most take, and what the longest takes."""

_STREAM = re.compile(rb">>" + _WHITE + rb"*+stream(?:[ \t]*+(?:\r\n|\n|\r))?")
_HEADERS = 4
"""Headers before a stream that are tried: a string in its dictionary may look like one."""

_MISSES = 16
"""Streams that do not belong to a header, after which none does: the search stays linear."""

OBJECT_BYTES = 1 << 20
"""Bytes of an object without its stream that are parsed."""

_END = re.compile(rb"\s{0,4}endstream")
_TRAILER = re.compile(rb"trailer" + _WHITE + rb"*+(?=<<)")
_TRAILER_BYTES = 4096

_PARSED = 4096
"""Objects that are kept for those that refer to them."""

# Its warnings quote the document; without a handler of its own they would reach stderr.
logging.getLogger("pypdf").addHandler(logging.NullHandler())
logging.getLogger("pypdf").propagate = False
pypdf.overwrite_configuration(jbig2dec_binary=None)  # no program of the machine is started


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: the number of its header in the file, and where its dictionary and its bytes are."""

    at: int
    end: int
    """Where its dictionary ends."""
    start: int
    """Where its bytes begin."""


class Document:
    """A document, as pypdf asks for its objects."""

    strict = False

    def __init__(self, data: bytes | mmap.mmap, meter: Meter) -> None:
        """Find the objects of a document.

        Args:
            data: all of its bytes.
            meter: the budget of the container.
        """
        self.data = data
        self._meter = meter
        self.starts, self.numbers, self._generations = _headers(data, meter)
        self.packed: dict[int, PdfObject] = {}
        """Objects out of streams of objects, by their numbers."""
        self.orphans: dict[int, int] = {}
        """Where streams begin whose dictionaries cannot be read, by the numbers of their headers."""
        self._index = {number: at for at, number in enumerate(self.numbers)}
        self._parsed: dict[int, PdfObject | None] = {}
        self._resolving: set[int] = set()
        self._misses = Counter[int]()
        """Streams that do not belong to a header before them, by the number of that."""
        self._locks: list[DictionaryObject] = []
        """Trailers that say how it is encrypted."""
        self._key: Encryption | None = None

    @property
    def is_open(self) -> bool:
        """Whether it was encrypted and is decrypted."""
        return self._key is not None

    @property
    def is_closed(self) -> bool:
        """Whether it is encrypted with a password."""
        return bool(self._locks) and self._key is None

    def region(self, at: int) -> tuple[int, int]:
        """Return from where to where an object is, by the number of its header in the file."""
        return self.starts[at], self.starts[at + 1] if at + 1 < len(self.starts) else len(self.data)

    # Objects.

    def get_object(self, reference: IndirectObject | int) -> PdfObject | None:
        """Return an object by its number, as pypdf asks for it; None when there is none."""
        number = reference if isinstance(reference, int) else reference.idnum
        if number in self.packed:
            return self.packed[number]
        if number in self._parsed:
            return self._parsed[number]
        if number not in self._index or number in self._resolving:
            return None
        self._resolving.add(number)
        try:
            found = self._object(self._index[number])
        except ContainerError:
            found = None
        finally:
            self._resolving.discard(number)
        if len(self._parsed) < _PARSED:
            self._parsed[number] = found
        return found

    def _object(self, at: int) -> PdfObject | None:
        """Return an object; None when it cannot be parsed.

        Raises:
            Trouble: it cannot be decrypted.
        """
        start, end = self.region(at)
        if found := _STREAM.search(self.data, start, end):
            owner, dictionary = self._dictionary(found)
            if dictionary is not None and owner == at:
                stream = Stream(at, 0, found.end())
                return self.load(stream, dictionary)
        parsed = self.parse(self.data[start : min(end, start + OBJECT_BYTES)])
        return self.decrypt(at, parsed)

    def parse(self, piece: bytes) -> PdfObject | None:
        """Return the object that bytes begin with; None when there is none."""
        return self._read(io.BytesIO(piece + b" "))

    def _read(self, source: io.BytesIO) -> PdfObject | None:
        """Return the next object; None when there is none."""
        try:
            read_non_whitespace(source)
            source.seek(-1, 1)
            return read_object(source, cast("Any", self))
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - hostile bytes: what pypdf trips over is no object
            return None

    def _dictionary(self, found: re.Match[bytes]) -> tuple[int, DictionaryObject | None]:
        """Return the header and the dictionary of a stream; no dictionary where none fits."""
        end = found.start() + 2
        last = bisect.bisect_right(self.starts, found.start()) - 1
        for at in range(last, max(last - _HEADERS, -1), -1):
            start = self.starts[at]
            if end - start > OBJECT_BYTES or self._misses[at] > _MISSES:
                break
            # A few bytes more: pypdf looks for a stream behind a dictionary.
            source = io.BytesIO(self.data[start:end] + b" endobj")
            parsed = self._read(source)
            if isinstance(parsed, DictionaryObject) and source.tell() == end - start:
                return at, parsed
            self._misses[at] += 1
        return last, None

    def load(self, stream: Stream, dictionary: DictionaryObject) -> StreamObject:
        """Return a stream with its bytes, decrypted.

        Raises:
            Trouble: it cannot be decrypted.
        """
        raw = bytes(self.data[stream.start : self.extent(dictionary, stream.start)])
        made = StreamObject.initialize_from_dictionary({**dictionary, "__streamdata__": raw})
        return (
            made if pdf_filters.is_plain(dictionary) else cast("StreamObject", self.decrypt(stream.at, made))
        )

    def decrypt(self, at: int, found: PdfObject | None) -> PdfObject | None:
        """Return an object as it was before it was encrypted, if it was.

        Raises:
            Trouble: it cannot be decrypted.
        """
        if self._key is None or found is None:
            return found
        try:
            return self._key.decrypt_object(found, self.numbers[at], self._generations[at], strict=False)
        except Exception as error:
            raise corrupt_error("it cannot be decrypted") from error

    def extent(self, dictionary: DictionaryObject, start: int) -> int:
        """Return where a stream ends: where its length says, if it ends there."""
        length = resolve(dictionary.get("/Length"))
        if isinstance(length, int) and 0 <= length <= len(self.data) - start:
            end = start + length
            if _END.match(self.data, end, end + 16):
                return end
        end = self.data.find(b"endstream", start)
        if end < 0:
            return len(self.data)
        # The end of line before it is not part of the stream.
        last = self.data[max(start, end - 2) : end]
        return end - (2 if last == b"\r\n" else last[-1:] in {b"\r", b"\n"})

    def streams(self) -> Iterator[tuple[Stream, DictionaryObject]]:
        """Yield every stream with its dictionary; then begin to decrypt, if the empty password does."""
        for found in _TRAILER.finditer(self.data):
            self._note_lock(self.parse(self.data[found.end() : found.end() + _TRAILER_BYTES]))
        for found in _STREAM.finditer(self.data):
            self._meter.check_time()
            at, dictionary = self._dictionary(found)
            if dictionary is not None:
                self._note_lock(dictionary)
                # What looked like one was in a string of this dictionary.
                self.orphans.pop(at, None)
                yield Stream(at, found.start() + 2, found.end()), dictionary
            elif at >= 0 and self.data.find(b"endstream", found.end(), self.region(at)[1]) >= 0:
                self.orphans[at] = found.end()
        self._unlock()

    def _note_lock(self, found: PdfObject | None) -> None:
        if isinstance(found, DictionaryObject) and "/Encrypt" in found:
            self._locks.append(found)

    def _unlock(self) -> None:
        """Begin to decrypt, if the empty password does."""
        for trailer in self._locks:
            lock = resolve(trailer.get("/Encrypt"))
            identity = resolve(trailer.get("/ID"))
            first = resolve(identity[0]) if isinstance(identity, ArrayObject) and identity else None
            salt = first.original_bytes if isinstance(first, (ByteStringObject, TextStringObject)) else b""
            if not isinstance(lock, DictionaryObject):
                continue
            # Another way to encrypt, or a damaged one: the document stays closed.
            with contextlib.suppress(Exception):
                key = Encryption.read(lock, salt)
                if key.verify(b"", strict=False):
                    self._key = key
                    break
        self._parsed.clear()


def _headers(data: bytes | mmap.mmap, meter: Meter) -> tuple[array[int], array[int], array[int]]:
    """Return where the objects of a document begin, behind their headers; their numbers and generations."""
    starts, numbers, generations = array("Q"), array("Q"), array("L")
    for word in _WORD.finditer(data):
        at, end = word.span()
        if data[at - 3 : at] == b"end":
            continue
        meter.check_time()
        for count in _HEADER_BYTES:
            found = _HEADER.search(data[max(0, end - count) : end])
            if found and found.start():
                starts.append(end)
                numbers.append(int(found[1]))
                generations.append(int(found[2]))
                break
    return starts, numbers, generations
