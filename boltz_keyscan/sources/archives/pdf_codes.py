"""Codes that the fonts of a PDF have for the beginning of a key (ISO 32000-2, 9.6.5 and 9.10.3).

To decode the text of a page is slow. A page can show a key only if the codes of its beginning
stand one behind the other in the strings of the page.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import TypeAlias

from pypdf.generic import ArrayObject, DictionaryObject, NumberObject, StreamObject

from boltz_keyscan import rules
from boltz_keyscan.sources.archives.pdf_filters import resolve

Codes: TypeAlias = frozenset[tuple[str, bytes]]
"""Characters of ``_STEMS``, and their codes where the bytes of a string do not show them."""

_STEM_CHARACTERS = 6
_STEMS = tuple(
    dict.fromkeys(prefix[:_STEM_CHARACTERS].decode() for prefix in rules.list_prefixes(rules.load()))
)
"""Beginnings of the type prefixes."""

_CHARACTERS = "".join(sorted(set("".join(_STEMS))))
_PAIRS = frozenset(stem[at : at + 2] for stem in _STEMS for at in range(len(stem) - 1))
_GLYPHS = {"/underscore" if each == "_" else f"/{each}": each for each in _CHARACTERS}

_MAX_BETWEEN = 4
"""Bytes between two codes of a stem at most: an escape or a blank, of two bytes each."""

_MAX_CODES = 64
"""Codes in one font at most, as hostile tables have them; beyond it, what it shows is not known."""

_STRING = re.compile(rb"\(((?:[^()\\]++|\\.|\((?:[^()\\]++|\\.)*+\))*+)\)|<([0-9A-Fa-f\s]*+)>", re.DOTALL)
"""A string of a page, literal or in hex."""

_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|(\r\n|.))", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_ESCAPED |= dict.fromkeys((b"\n", b"\r", b"\r\n"), b"")

_WHITESPACE = b"\0\t\n\f\r "
_MAPPINGS = re.compile(rb"beginbf(char|range)(.*?)endbf", re.DOTALL)
_CODE = re.compile(rb"<([0-9A-Fa-f\s]*)>")
_CHAR = re.compile(rb"%b\s*%b" % (_CODE.pattern, _CODE.pattern))
_RANGE = re.compile(rb"%b\s*(?:%b|\[([^\]]*)\])" % (_CHAR.pattern, _CODE.pattern))


def may_show_key(content: bytes, codes: Codes) -> bool:
    """Return True if the strings of a page may show the beginning of a key in these codes.

    Where a string has no end, as in the bytes of a picture, this is not known, and True.
    """
    rest = _STRING.sub(b"", content)
    if b"(" in rest or b")" in rest:
        return True
    strings = _STRING.findall(content)
    shown = b"".join(_ESCAPE.sub(_unescape, literal) or _from_hex(digits) for literal, digits in strings)
    return _pattern(codes).search(shown) is not None


@functools.lru_cache(maxsize=64)
def _pattern(codes: Codes) -> re.Pattern[bytes]:
    """Return a pattern of the stems in these codes, or as they are."""
    spellings = {
        each: b"|".join({re.escape(code) for shown, code in codes if shown == each} | {each.encode()})
        for each in _CHARACTERS
    }
    between = b".{0,%d}?" % _MAX_BETWEEN
    stems = (between.join(b"(?:%b)" % spellings[each] for each in stem) for stem in _STEMS)
    return re.compile(b"|".join(stems), re.DOTALL)


def _unescape(escape: re.Match[bytes]) -> bytes:
    """Return the byte of an escape in a literal string (7.3.4.2)."""
    octal, other = escape.groups()
    return bytes([int(octal, 8) & 0xFF]) if octal else _ESCAPED.get(other, other)


def _from_hex(digits: bytes) -> bytes:
    digits = digits.translate(None, _WHITESPACE)
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())


def font_codes(font: DictionaryObject) -> Codes | None:
    """Return the codes that a font has for the beginning of a key; None if they are not known."""
    table = resolve(font.get("/ToUnicode"))
    if isinstance(table, StreamObject):
        codes = _codes_in_table(table.get_data())
        if codes is None or font.get("/Subtype") == "/Type0":
            return codes
    else:
        encoding = resolve(font.get("/Encoding"))
        codes = frozenset(_codes_in_differences(encoding))
    return frozenset((shown, code) for shown, code in codes if code != shown.encode())


def _codes_in_differences(encoding: object) -> Iterator[tuple[str, bytes]]:
    """Yield the codes in the array of differences of an encoding (9.6.5)."""
    differences = resolve(encoding.get("/Differences")) if isinstance(encoding, DictionaryObject) else None
    code = 0
    for item in map(resolve, differences) if isinstance(differences, ArrayObject) else ():
        if isinstance(item, NumberObject):
            code = int(item)
        else:
            if item in _GLYPHS and 0 <= code <= 0xFF:
                yield _GLYPHS[item], bytes([code])
            code += 1


def _codes_in_table(table: bytes) -> Codes | None:
    """Return the codes in a ToUnicode table; None if it shows several characters by one code."""
    if b"usecmap" in table:
        return None
    codes: set[tuple[str, bytes]] = set()
    for first, last, target in _mappings(table):
        text = target.decode("utf-16-be", "replace")
        start, end = (int.from_bytes(code, "big") for code in (first, last))
        if len(text) > 1 and ("_" in text or any(pair in text for pair in _PAIRS)):
            return None
        for shown in _CHARACTERS if text else ():
            # The last character of the target counts up with the code.
            code = start + ord(shown) - ord(text[-1])
            if start <= code <= end:
                codes.add((shown, code.to_bytes(max(len(first), len(last)), "big")))
        if len(codes) > _MAX_CODES:
            return None
    return frozenset(codes)


def _mappings(table: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield the first and the last code of each mapping, and the text of the first one in UTF-16 (9.10.3)."""
    for kind, body in _MAPPINGS.findall(table):
        if kind == b"char":
            for code, target in _CHAR.findall(body):
                yield _from_hex(code), _from_hex(code), _from_hex(target)
            continue
        for first, last, target, listed in _RANGE.findall(body):
            start = _from_hex(first)
            if not listed:
                yield start, _from_hex(last), _from_hex(target)
            for code, item in enumerate(_CODE.findall(listed), int.from_bytes(start, "big")):
                each = code.to_bytes(len(start) + 1, "big")[-len(start) :]
                yield each, each, _from_hex(item)
