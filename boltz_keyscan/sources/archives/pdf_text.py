"""Text of PDF pages that their bytes do not show (ISO 32000-2, 9.4 and 9.10).

A key that is set in pieces (kerning, one operator for each letter) is joined from the operators of
its stream. Text in fonts with codes of their own, as word processors and browsers embed them, is
decoded by pypdf, page by page, within a budget.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pypdf import PageObject
from pypdf.generic import DictionaryObject, IndirectObject, NameObject, StreamObject

from boltz_keyscan import rules
from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import ContainerError
from boltz_keyscan.sources.archives.pdf_codes import Codes, font_codes, may_show_key
from boltz_keyscan.sources.archives.pdf_filters import resolve

if TYPE_CHECKING:
    from boltz_keyscan.sources.archives.pdf_objects import Document

_BETWEEN = re.compile(rb"\)[^()<>\\]{0,160}+\(|>[^()<>\\]{0,160}+<|\\\r?\n|\\\r")
"""Bytes between two consecutive pieces of text: numbers and operators."""

_WORD_BYTES = b"\0-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_TO_SPACE = bytes(byte if byte in _WORD_BYTES else 32 for byte in range(256))
"""Translation of the bytes between words to spaces, because a split takes less time than an expression."""
_WRAPPED = re.compile(rb"[\w-]++(?:\0++[\w-]++|[ \t]*+\r?\n[ \t]*+[\w-]++)++", re.ASCII)
"""Words of which only the ends of lines or pieces are between them."""

_PREFIX = re.compile(b"|".join(rules.list_prefixes(rules.load())))
_BODY_CHARACTERS = 43

_MIN_TEXT_CHARACTERS = 20
"""Characters of the shortest text that is scanned."""

_MAX_PAGE_BYTES = 4 << 20
"""Bytes of decoded pages of one document at most: pypdf reads about 300 KB a second."""

_MAX_FORM_DEPTH = 4
"""Nested forms whose fonts are checked."""

_MAX_ANCESTORS = 32
"""Nodes above a page that are searched for its fonts."""


def join_words(content: bytes) -> tuple[bytes, bytes]:
    """Return words that a stream of operators shows in pieces, one a line; and the ends of their pieces."""
    if b"Tj" not in content and b"TJ" not in content:
        return b"", b""
    pieces = _BETWEEN.sub(b"\0", content)
    runs = [
        run.strip(b"\0") for run in pieces.translate(_TO_SPACE).split() if len(run) > _MIN_TEXT_CHARACTERS
    ]
    words = [word for word in runs if 0 < word.count(b"\0") <= len(word) - _MIN_TEXT_CHARACTERS]
    return b"\n".join(words).replace(b"\0", b""), join_lines(b"\n\n".join(words))


def join_lines(text: bytes) -> bytes:
    """Return what may be keys that are wrapped: each up to the end of a line or piece that may be its last.

    Text that follows, such as the next cell of a table, is not joined to them.
    """
    found: list[bytes] = []
    for word in _WRAPPED.finditer(text):
        pieces = word[0].replace(b"\0", b" ").split()
        joined = b"".join(pieces)
        ends = {0, *itertools.accumulate(map(len, pieces))}
        for prefix in _PREFIX.finditer(joined):
            end = prefix.end() + _BODY_CHARACTERS
            # A character before it in the same piece shows that no key begins here.
            start = prefix.start() - (prefix.start() not in ends)
            if end in ends:
                found.append(joined[start:end])
    return b"\n".join(found)


class Text:
    """The text of pages, within the budget of a document."""

    def __init__(self, document: Document, content: Content) -> None:
        self._document: Any = document
        self._content = content
        self._bytes_left = _MAX_PAGE_BYTES
        self._skipped_pages = 0
        self._fonts: dict[int, Codes | None] = {}

    def extract_page(self, number: int, page: DictionaryObject) -> Iterator[Member]:
        """Yield the text of a page, if it may show a key that its bytes do not."""
        self._content.meter.check_time()
        try:
            resources = _inherited_resources(page)
            layers = [(resources, None), *_forms(resources, set(), _MAX_FORM_DEPTH)]
            fonts = [self._font_codes(font) for inner, _ in layers for font in _values(inner, "/Font")]
            if not any(codes is None or codes for codes in fonts):
                return
            page_object = PageObject(self._document, IndirectObject(number, 0, self._document))
            page_object.update(page)
            page_object[NameObject("/Resources")] = resources
            streams = [page_object.get_contents(), *(form for _, form in layers)]
            data = b"\n".join(stream.get_data() for stream in streams if stream is not None)
            known = [codes for codes in fonts if codes is not None]
            if len(known) == len(fonts) and not may_show_key(data, frozenset().union(*known)):
                return
            self._bytes_left -= len(data)
            if self._bytes_left < 0:
                self._skipped_pages += 1
                return
            text = page_object.extract_text()
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - damage of its streams is reported where they are read
            return
        if text.strip():
            yield Member(b"object %d" % number, [text.encode("utf-8", "replace")], view=join_lines)

    def report(self) -> None:
        """Report the pages that the budget left out."""
        if self._skipped_pages:
            count = self._skipped_pages
            detail = f"the text of {count} of its pages, in fonts with their own codes, is not decoded"
            self._content.report(ContainerError("too-large", detail))

    def _font_codes(self, value: object) -> Codes | None:
        known = value.idnum if isinstance(value, IndirectObject) else None
        if known is not None and known in self._fonts:
            return self._fonts[known]
        font = resolve(value)
        found = font_codes(font) if isinstance(font, DictionaryObject) else frozenset()
        if known is not None:
            self._fonts[known] = found
        return found


def _values(resources: object, kind: str) -> Iterator[object]:
    """Yield the resources of a kind, of which some may be references."""
    found = resolve(resources.get(kind)) if isinstance(resources, DictionaryObject) else None
    yield from found.values() if isinstance(found, DictionaryObject) else ()


def _forms(resources: object, seen: set[int], depth: int) -> Iterator[tuple[object, StreamObject]]:
    """Yield the resources and the stream of each form that a page or form may show."""
    for value in _values(resources, "/XObject"):
        if not isinstance(value, IndirectObject) or value.idnum in seen:
            continue
        seen.add(value.idnum)
        form = resolve(value)
        if not isinstance(form, StreamObject) or form.get("/Subtype") != "/Form":
            continue
        inner = resolve(form.get("/Resources"))
        yield inner, form
        if depth:
            yield from _forms(inner, seen, depth - 1)


def _inherited_resources(page: DictionaryObject) -> DictionaryObject | None:
    """Return the resources of a page, or of what is above it."""
    node: object = page
    for _ in range(_MAX_ANCESTORS):
        if not isinstance(node, DictionaryObject):
            return None
        found = resolve(node.get("/Resources"))
        if isinstance(found, DictionaryObject):
            return found
        node = resolve(node.get("/Parent"))
    return None
