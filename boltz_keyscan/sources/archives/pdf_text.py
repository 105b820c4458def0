"""Text of PDF pages that their bytes do not show (ISO 32000-2, 9.4 and 9.10).

A key that is set in pieces (kerning, one operator for each letter) is joined from the operators of
its stream. Text in fonts with codes of their own, as word processors and browsers embed them, is
decoded by pypdf, page by page, within a budget.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pypdf import PageObject
from pypdf.generic import DictionaryObject, IndirectObject, NameObject, StreamObject

from boltz_keyscan.sources.archives.extract import Content, Member
from boltz_keyscan.sources.archives.limits import ContainerError
from boltz_keyscan.sources.archives.pdf_filters import resolve

if TYPE_CHECKING:
    from boltz_keyscan.sources.archives.pdf_objects import Document

_BETWEEN = re.compile(rb"\)[^()<>\\]{0,160}+\(|>[^()<>\\]{0,160}+<|\\\r?\n|\\\r")
"""Bytes between two consecutive pieces of text: numbers and operators."""

_TOKEN = re.compile(rb"[\w-]++(?:\0++[\w-]++)++", re.ASCII)
_MIN_TEXT_CHARACTERS = 20
"""Characters of the shortest text that is scanned."""

_MAX_PAGE_BYTES = 4 << 20
"""Bytes of decoded pages of one document at most: pypdf reads about 300 KB a second."""

_UNDERSCORE = re.compile(rb"<0*5[Ff]>")
_RANGE = re.compile(rb"<([0-9A-Fa-f]{1,8})>\s*<([0-9A-Fa-f]{1,8})>\s*<([0-9A-Fa-f]{1,8})>")
_MAX_FORM_DEPTH = 4
"""Nested forms whose fonts are checked."""

_MAX_ANCESTORS = 32
"""Nodes above a page that are searched for its fonts."""


def join_words(content: bytes) -> bytes:
    """Return words that a stream of operators shows in pieces, one a line."""
    if b"Tj" not in content and b"TJ" not in content:
        return b""
    pieces = _BETWEEN.sub(b"\0", content)
    words = (found[0].replace(b"\0", b"") for found in _TOKEN.finditer(pieces))
    return b"\n".join(word for word in words if len(word) >= _MIN_TEXT_CHARACTERS)


class Text:
    """The text of pages, within the budget of a document."""

    def __init__(self, document: Document, content: Content) -> None:
        self._document: Any = document
        self._content = content
        self._bytes_left = _MAX_PAGE_BYTES
        self._skipped_pages = 0
        self._fonts: dict[int, bool] = {}

    def extract_page(self, number: int, page: DictionaryObject) -> Iterator[Member]:
        """Yield the text of a page, if its bytes do not show it."""
        self._content.meter.check_time()
        try:
            resources = _inherited_resources(page)
            if resources is None or not self._is_coded(resources, _MAX_FORM_DEPTH):
                return
            page_object = PageObject(self._document, IndirectObject(number, 0, self._document))
            page_object.update(page)
            page_object[NameObject("/Resources")] = resources
            contents = page_object.get_contents()
            self._bytes_left -= len(contents.get_data()) if contents is not None else 0
            if self._bytes_left < 0:
                self._skipped_pages += 1
                return
            text = page_object.extract_text()
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - damage of its streams is reported where they are read
            return
        if text.strip():
            yield Member(b"object %d" % number, [text.encode("utf-8", "replace")])

    def report(self) -> None:
        """Report the pages that the budget left out."""
        if self._skipped_pages:
            count = self._skipped_pages
            detail = f"the text of {count} of its pages, in fonts with their own codes, is not decoded"
            self._content.report(ContainerError("too-large", detail))

    def _is_coded(self, resources: DictionaryObject, depth: int) -> bool:
        """Return whether a font in these resources has codes of its own for the characters of keys."""
        fonts = resolve(resources.get("/Font"))
        if isinstance(fonts, DictionaryObject) and any(map(self._has_codes, fonts.values())):
            return True
        forms = resolve(resources.get("/XObject"))
        if not depth or not isinstance(forms, DictionaryObject):
            return False
        for value in forms.values():
            form = resolve(value)
            inner = resolve(form.get("/Resources")) if isinstance(form, StreamObject) else None
            if isinstance(inner, DictionaryObject) and self._is_coded(inner, depth - 1):
                return True
        return False

    def _has_codes(self, value: object) -> bool:
        """Return whether a font encodes an underscore otherwise than ASCII."""
        known = value.idnum if isinstance(value, IndirectObject) else None
        if known is not None and known in self._fonts:
            return self._fonts[known]
        font = resolve(value)
        found = isinstance(font, DictionaryObject) and _writes_underscore(font)
        if known is not None:
            self._fonts[known] = found
        return found


def _writes_underscore(font: DictionaryObject) -> bool:
    """Return whether text in a font may have an underscore that its bytes do not show."""
    codes = resolve(font.get("/ToUnicode"))
    if not isinstance(codes, StreamObject):
        encoding = resolve(font.get("/Encoding"))
        return (
            isinstance(encoding, DictionaryObject)
            and "/Differences" in encoding
            and "/underscore" in str(encoding)
        )
    table = codes.get_data()
    if font.get("/Subtype") != "/Type0" and not re.search(rb"<(?!0*5[Ff]>)[0-9A-Fa-f]+>\s*<0*5[Ff]>", table):
        return False
    if _UNDERSCORE.search(table):
        return True
    for found in _RANGE.finditer(table):
        first, last, to = (int(each, 16) for each in found.groups())
        if to <= 0x5F <= to + last - first:
            return True
    return False


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
