"""Objects of a PDF, found by their headers and never by the cross-reference table.

The table (xref) lists the objects of the last revision only, and may be wrong. Earlier revisions and
unreferenced objects are still in the file. Therefore every ``N G obj`` and every ``stream`` is
read; pypdf parses and decrypts them.

ISO 32000-2, 7.3 (objects), 7.5 (file structure), 7.6 (encryption).
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

from boltz_keyscan.records import dataclass
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
"""Bytes searched for a header: enough for most, then enough for the longest."""

_STREAM = re.compile(rb">>" + _WHITE + rb"*+stream(?:[ \t]*+(?:\r\n|\n|\r))?")
_MAX_HEADERS = 4
"""Headers tried before a stream: a string in its dictionary may look like one."""

_MAX_MISSES = 16
"""Streams without a match to a header, after which it is not tried: keeps the search linear."""

MAX_OBJECT_BYTES = 1 << 20
"""Bytes of an object without its stream at most."""

_END = re.compile(rb"\s{0,4}endstream")
_TRAILER = re.compile(rb"trailer" + _WHITE + rb"*+(?=<<)")
_MAX_TRAILER_BYTES = 4096

_MAX_PARSED_OBJECTS = 4096
"""Parsed objects cached for references to them."""

pypdf.overwrite_configuration(jbig2dec_binary=None)  # starts no external program


def silence_warnings() -> None:
    """Turn off the warnings of pypdf, which quote the document."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: its header number in the file, and the offsets of its dictionary and bytes."""

    at: int
    end: int
    """End of its dictionary."""
    start: int
    """Start of its bytes."""


class Document:
    """A document, with the interface that pypdf expects of its reader."""

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
        self._packed: dict[int, bytes] = {}
        """Objects of object streams, by number, not parsed yet."""
        self.orphans: dict[int, int] = {}
        """Starts of streams with an unreadable dictionary, by header number."""
        self._index = {number: at for at, number in enumerate(self.numbers)}
        self._parsed: dict[int, PdfObject | None] = {}
        self._resolving: set[int] = set()
        self._misses = Counter[int]()
        """Streams that did not match a header before them, by header number."""
        self._encrypted_trailers: list[DictionaryObject] = []
        """Trailers with an encryption dictionary."""
        self._key: Encryption | None = None

    @property
    def is_open(self) -> bool:
        """True for an encrypted document that opens with the empty password."""
        return self._key is not None

    @property
    def is_closed(self) -> bool:
        """True for a document encrypted with a password."""
        return bool(self._encrypted_trailers) and self._key is None

    def release(self) -> None:
        """Free its objects: they refer to it, so that only a search for garbage would find them."""
        self._packed.clear()
        self._parsed.clear()
        self._encrypted_trailers.clear()

    def region(self, at: int) -> tuple[int, int]:
        """Return the range of an object, by its header number."""
        return self.starts[at], self.starts[at + 1] if at + 1 < len(self.starts) else len(self.data)

    # Objects.

    def get_object(self, reference: IndirectObject | int) -> PdfObject | None:
        """Return an object by its number; None when there is none. Called by pypdf."""
        number = reference if isinstance(reference, int) else reference.idnum
        if number in self._parsed:
            return self._parsed[number]
        found = self.parse(self._packed[number]) if number in self._packed else None
        if found is None:
            if number not in self._index or number in self._resolving:
                return None
            self._resolving.add(number)
            try:
                found = self._object(self._index[number])
            except ContainerError:
                found = None
            finally:
                self._resolving.discard(number)
        if len(self._parsed) < _MAX_PARSED_OBJECTS:
            self._parsed[number] = found
        return found

    def add_packed(self, number: int, piece: bytes) -> None:
        """Add an object of an object stream, which counts more than one of its number that is not packed."""
        self._packed[number] = piece
        self._parsed.pop(number, None)

    def _object(self, at: int) -> PdfObject | None:
        """Return an object; None when it cannot be parsed.

        Raises:
            ContainerError: it cannot be decrypted.
        """
        start, end = self.region(at)
        if found := _STREAM.search(self.data, start, end):
            owner, dictionary = self._dictionary(found)
            if dictionary is not None and owner == at:
                stream = Stream(at, 0, found.end())
                return self.load(stream, dictionary)
        parsed = self.parse(self.data[start : min(end, start + MAX_OBJECT_BYTES)])
        return self.decrypt(at, parsed)

    def parse(self, piece: bytes) -> PdfObject | None:
        """Return the object at the beginning of some bytes; None when there is none."""
        return self._read(io.BytesIO(piece + b" "))

    def _read(self, source: io.BytesIO) -> PdfObject | None:
        """Return the next object; None when there is none."""
        try:
            read_non_whitespace(source)
            source.seek(-1, 1)
            return read_object(source, cast("Any", self))
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - hostile bytes: an object that pypdf cannot parse is none
            return None

    def _dictionary(self, found: re.Match[bytes]) -> tuple[int, DictionaryObject | None]:
        """Return the header and the dictionary of a stream; no dictionary where none fits."""
        end = found.start() + 2
        last = bisect.bisect_right(self.starts, found.start()) - 1
        for at in range(last, max(last - _MAX_HEADERS, -1), -1):
            start = self.starts[at]
            if end - start > MAX_OBJECT_BYTES or self._misses[at] > _MAX_MISSES:
                break
                # pypdf reads a few bytes behind a dictionary, for a stream.
            source = io.BytesIO(self.data[start:end] + b" endobj")
            parsed = self._read(source)
            if isinstance(parsed, DictionaryObject) and source.tell() == end - start:
                return at, parsed
            self._misses[at] += 1
        return last, None

    def load(self, stream: Stream, dictionary: DictionaryObject) -> StreamObject:
        """Return a stream with its bytes, decrypted.

        Raises:
            ContainerError: it cannot be decrypted.
        """
        raw = bytes(self.data[stream.start : self.extent(dictionary, stream.start)])
        stream_object = StreamObject.initialize_from_dictionary({**dictionary, "__streamdata__": raw})
        return (
            stream_object
            if pdf_filters.is_plain(dictionary)
            else cast("StreamObject", self.decrypt(stream.at, stream_object))
        )

    def decrypt(self, at: int, found: PdfObject | None) -> PdfObject | None:
        """Return an object decrypted, if the document is encrypted.

        Raises:
            ContainerError: it cannot be decrypted.
        """
        if self._key is None or found is None:
            return found
        try:
            return self._key.decrypt_object(found, self.numbers[at], self._generations[at], strict=False)
        except Exception as error:
            raise corrupt_error("it cannot be decrypted") from error

    def extent(self, dictionary: DictionaryObject, start: int) -> int:
        """Return the end of a stream: by its length, if ``endstream`` follows, else the next one."""
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
        """Yield every stream with its dictionary; then open the document with the empty password."""
        for found in _TRAILER.finditer(self.data):
            self._add_trailer(self.parse(self.data[found.end() : found.end() + _MAX_TRAILER_BYTES]))
        for found in _STREAM.finditer(self.data):
            self._meter.check_time()
            at, dictionary = self._dictionary(found)
            if dictionary is not None:
                self._add_trailer(dictionary)
                # The orphan was in a string of this dictionary.
                self.orphans.pop(at, None)
                yield Stream(at, found.start() + 2, found.end()), dictionary
            elif at >= 0 and self.data.find(b"endstream", found.end(), self.region(at)[1]) >= 0:
                self.orphans[at] = found.end()
        self._unlock()

    def _add_trailer(self, found: PdfObject | None) -> None:
        if isinstance(found, DictionaryObject) and "/Encrypt" in found:
            self._encrypted_trailers.append(found)

    def _unlock(self) -> None:
        """Open the document with the empty password, if that works."""
        for trailer in self._encrypted_trailers:
            encryption = resolve(trailer.get("/Encrypt"))
            identity = resolve(trailer.get("/ID"))
            first = resolve(identity[0]) if isinstance(identity, ArrayObject) and identity else None
            salt = first.original_bytes if isinstance(first, (ByteStringObject, TextStringObject)) else b""
            if not isinstance(encryption, DictionaryObject):
                continue
            # Unknown or damaged encryption: the document stays closed.
            with contextlib.suppress(Exception):
                key = Encryption.read(encryption, salt)
                if key.verify(b"", strict=False):
                    self._key = key
                    break
        self._parsed.clear()


def _headers(data: bytes | mmap.mmap, meter: Meter) -> tuple[array[int], array[int], array[int]]:
    """Return the starts of the objects of a document, behind their headers, with numbers and generations."""
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
