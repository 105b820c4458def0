"""Text of PDF pages that their bytes do not show (ISO 32000-2, 9.4 and 9.10).

A key that is set in pieces (kerning, one operator for each letter) is joined from the operators of
its stream. Text in fonts with codes of their own, as word processors and browsers embed them, is
decoded by pypdf, page by page, within a budget.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from pypdf import PageObject
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    NumberObject,
    StreamObject,
)

from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import ContainerError
from boltz_keyscan.sources.archives.pdf_filters import resolve

if TYPE_CHECKING:
    from boltz_keyscan.sources.archives.pdf_objects import Document

_BETWEEN = re.compile(rb"\)[^()<>\\]{0,160}+\(|>[^()<>\\]{0,160}+<|\\\r?\n|\\\r")
"""Bytes between two consecutive pieces of text: numbers and operators."""

_TOKEN = re.compile(rb"[\w-]++(?:\0++[\w-]++)++", re.ASCII)
_WRAPPED = re.compile(rb"[\w-]++(?:\0++[\w-]++|[ \t]*+\r?\n[ \t]*+[\w-]++)++", re.ASCII)
"""Words of which only the ends of lines or pieces are between them."""

_BLANKS = b" \t\r\n"
_BODY_CHARACTERS = 43
_KEY_CHARACTERS = 17 + _BODY_CHARACTERS
"""Characters of the longest key."""

_MIN_TEXT_CHARACTERS = 20
"""Characters of the shortest text that is scanned."""

_MAX_PAGE_BYTES = 4 << 20
"""Bytes of decoded pages of one document at most: pypdf reads about 300 KB a second."""

_MIN_UNDERSCORES = 3
"""Underscores in the shortest type prefix."""

_ESCAPE = re.compile(rb"\\[0-7\r\n]")
"""An escape in a string that can hide any code."""

_SPECIAL = frozenset(b"()\\\n\r\t\b\f")
"""Bytes that a string may hold in an escaped form."""

_WHITESPACE = b"\0\t\n\f\r "
_MAPPINGS = re.compile(rb"beginbf(char|range)(.*?)endbf", re.DOTALL)
_LIST = re.compile(rb"\[[^\]]*\]")
_CODE = re.compile(rb"<([0-9A-Fa-f\s]*)>")
_MAX_FORM_DEPTH = 4
"""Nested forms whose fonts are checked."""

_MAX_ANCESTORS = 32
"""Nodes above a page that are searched for its fonts."""


def join_words(content: bytes) -> tuple[bytes, bytes]:
    """Return words that a stream of operators shows in pieces, one a line; and the ends of their pieces."""
    if b"Tj" not in content and b"TJ" not in content:
        return b"", b""
    pieces = _BETWEEN.sub(b"\0", content)
    words = [found[0] for found in _TOKEN.finditer(pieces)]
    words = [word for word in words if len(word) - word.count(b"\0") >= _MIN_TEXT_CHARACTERS]
    return b"\n".join(words).replace(b"\0", b""), join_lines(b"\n".join(words))


def join_lines(text: bytes) -> bytes:
    """Return what may be keys that are wrapped: each up to the end of a line or piece that may be its last.

    Text that follows, such as the next cell of a table, is not joined to them.
    """
    found: list[bytes] = []
    for word in _WRAPPED.finditer(text):
        pieces = word[0].translate(None, _BLANKS).split(b"\0") if b"\0" in word[0] else word[0].split()
        joined = b"".join(pieces)
        if joined.count(b"_") < _MIN_UNDERSCORES:
            continue
        for end in itertools.accumulate(map(len, pieces)):
            start = max(end - _KEY_CHARACTERS, 0)
            prefix = joined[start : max(end - _BODY_CHARACTERS, 0)]
            if prefix.count(b"_") >= _MIN_UNDERSCORES:
                found.append(joined[start:end])
    return b"\n".join(found)


_Codes: TypeAlias = "frozenset[bytes] | None"
"""Codes of the underscore where the bytes of a string do not show it; None if they are not known."""


class Text:
    """The text of pages, within the budget of a document."""

    def __init__(self, document: Document, content: Content) -> None:
        self._document: Any = document
        self._content = content
        self._bytes_left = _MAX_PAGE_BYTES
        self._skipped_pages = 0
        self._fonts: dict[int, _Codes] = {}

    def extract_page(self, number: int, page: DictionaryObject) -> Iterator[Member]:
        """Yield the text of a page, if its bytes do not show it."""
        self._content.meter.check_time()
        try:
            resources = _inherited_resources(page)
            codes = frozenset() if resources is None else self._codes(resources, _MAX_FORM_DEPTH)
            if resources is None or (codes is not None and not codes):
                return
            page_object = PageObject(self._document, IndirectObject(number, 0, self._document))
            page_object.update(page)
            page_object[NameObject("/Resources")] = resources
            contents = page_object.get_contents()
            data = contents.get_data() if contents is not None else b""
            if codes is not None and not _may_show_prefix(data, codes):
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

    def _codes(self, resources: DictionaryObject, depth: int) -> _Codes:
        """Return the codes of the underscore in the fonts of a page; see ``_Codes``."""
        codes: set[bytes] = set()
        fonts = resolve(resources.get("/Font"))
        for value in fonts.values() if isinstance(fonts, DictionaryObject) else ():
            found = self._font_codes(value)
            if found is None:
                return None
            codes |= found
        forms = resolve(resources.get("/XObject"))
        if not depth or not isinstance(forms, DictionaryObject):
            return frozenset(codes)
        for value in forms.values():
            form = resolve(value)
            inner = resolve(form.get("/Resources")) if isinstance(form, StreamObject) else None
            # A form has a stream of its own, which may show the text.
            if isinstance(inner, DictionaryObject) and self._codes(inner, depth - 1) != frozenset():
                return None
        return frozenset(codes)

    def _font_codes(self, value: object) -> _Codes:
        known = value.idnum if isinstance(value, IndirectObject) else None
        if known is not None and known in self._fonts:
            return self._fonts[known]
        font = resolve(value)
        found = _underscore_codes(font) if isinstance(font, DictionaryObject) else frozenset()
        if known is not None:
            self._fonts[known] = found
        return found


def _may_show_prefix(data: bytes, codes: frozenset[bytes]) -> bool:
    """Return True if the operators of a page can show as many underscores as a type prefix has."""
    if _ESCAPE.search(data) or not _SPECIAL.isdisjoint(b"".join(codes)):
        return True
    digits = data.translate(None, _WHITESPACE).lower()
    return sum(data.count(code) + digits.count(code.hex().encode()) for code in codes) >= _MIN_UNDERSCORES


def _underscore_codes(font: DictionaryObject) -> _Codes:
    """Return the codes of the underscore in a font; see ``_Codes``."""
    table = resolve(font.get("/ToUnicode"))
    if not isinstance(table, StreamObject):
        encoding = resolve(font.get("/Encoding"))
        return _codes_in_differences(encoding) if isinstance(encoding, DictionaryObject) else frozenset()
    codes = _codes_in_table(table.get_data())
    if codes is not None and font.get("/Subtype") != "/Type0" and codes <= {b"_"}:
        return frozenset()
    return codes


def _codes_in_differences(encoding: DictionaryObject) -> frozenset[bytes]:
    """Return the codes that an array of differences gives the underscore (9.6.5)."""
    differences = resolve(encoding.get("/Differences"))
    codes: set[bytes] = set()
    code = 0
    for item in map(resolve, differences) if isinstance(differences, ArrayObject) else ():
        if isinstance(item, NumberObject):
            code = int(item)
        else:
            if item == "/underscore" and 0 <= code <= 255:
                codes.add(bytes([code]))
            code += 1
    return frozenset(codes)


def _codes_in_table(table: bytes) -> _Codes:
    """Return the codes that a ToUnicode table maps to text with an underscore (9.10.3)."""
    if b"usecmap" in table:
        return None
    codes: set[bytes] = set()
    for kind, body in _MAPPINGS.findall(table):
        if any("_" in _decoded(item) for listed in _LIST.findall(body) for item in _CODE.findall(listed)):
            return None
        values = map(_from_hex, _CODE.findall(_LIST.sub(b"<>", body)))
        for first, *rest, target in zip(*[values] * (2 if kind == b"char" else 3), strict=False):
            text = target.decode("utf-16-be", "replace")
            start, end = (int.from_bytes(code, "big") for code in (first, *rest, first)[:2])
            # The last character of the target counts up with the code.
            offset = ord("_") - ord(text[-1]) if text else -1
            if "_" in text[:-1]:
                return None
            if 0 <= offset <= end - start:
                codes.add((start + offset).to_bytes(len(first), "big"))
    return frozenset(codes)


def _from_hex(digits: bytes) -> bytes:
    digits = digits.translate(None, _WHITESPACE)
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())


def _decoded(digits: bytes) -> str:
    return _from_hex(digits).decode("utf-16-be", "replace")


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
