"""Encoders and decoders of escapes: a character by its number or its name, among plain ones."""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from boltz_keyscan.detect.decoders import (
    ALPHANUMERIC,
    Reading,
    Spelling,
    compile_pattern,
    make_spellings,
    unit_run,
)
from boltz_keyscan.records import dataclass

CHARACTER: Final = rb"[\x21-\x7e]"
"""One character of a text without spaces; escapes consist of them."""


def escape_spell(forms: tuple[bytes, ...], text: bytes) -> Iterator[Spelling]:
    """Yield the text with every byte escaped, and with all but letters and digits escaped."""

    def literals() -> Iterator[bytes]:
        for form in forms:
            escapes = [form % byte for byte in text]
            yield b"".join(escapes)
            yield b"".join(
                text[at : at + 1] if text[at : at + 1].isalnum() else escape
                for at, escape in enumerate(escapes)
            )

    return ((literal, phase) for literal, phase in make_spellings(literals()) if literal != text)


def escape_chain(forms: tuple[bytes, ...], text: bytes) -> Iterator[Spelling]:
    """Yield the text with every byte escaped, in the two most common ways."""
    return make_spellings(b"".join(form % byte for byte in text) for form in forms[:2])


def escape_again(forms: tuple[bytes, ...], text: bytes) -> Iterator[Spelling]:
    """Yield the text with everything escaped but letters, digits, ``_``, ``-`` and ``.``."""
    safe = b"_-." + ALPHANUMERIC
    return make_spellings(
        b"".join(b"%c" % byte if byte in safe else form % byte for byte in text) for form in forms[:2]
    )


def mixed_spell(forms: tuple[bytes, ...], text: bytes) -> Iterator[Spelling]:
    """Yield two characters in each combination of forms: what hides addresses from robots mixes them."""
    return make_spellings(one % text[1] + other % text[2] for one in forms for other in forms)


def double_escape(old: bytes, new: bytes, text: bytes) -> Iterator[Spelling]:
    """Yield the text with the first character of escapes escaped."""
    return make_spellings([text.replace(old, new)])


def named_spell(names: tuple[bytes, ...], text: bytes) -> Iterator[Spelling]:
    """Yield the text with ``_`` written by name, or with a backslash before it."""
    return make_spellings(text.replace(b"_", name) for name in names)


@dataclass(frozen=True, slots=True)
class Escapes:
    """The decoder of escapes in a text without spaces."""

    name: str
    pattern: bytes
    """The escapes; a named group of each has its number (``x``, ``o``, ``d``) or its name (``n``)."""
    unit: bytes = CHARACTER
    """A part of the text: a character, or an escape with other bytes in it."""

    def read(self, text: bytes, at: int, _phase: int, _low: int) -> tuple[Reading]:
        """Read the text around an offset, its escapes decoded once; one of no character becomes nothing."""
        low, high = unit_run(self.unit, text, at)
        # Escapes are matched whole, so that none begins within another.
        parts = split_at(self.pattern, text[low:high])
        decoded = parts.copy()
        decoded[1::2] = [_decode(self.pattern, escape) for escape in parts[1::2]]
        return (read_parts(self.name, parts, decoded, low, high),)


def split_at(pattern: bytes, text: bytes) -> list[bytes]:
    """Return the parts of a text: each match of a pattern is between two parts that have none."""
    return _with_one_group(pattern).split(text)


@functools.cache
def _with_one_group(pattern: bytes) -> re.Pattern[bytes]:
    """Return a compiled pattern with one group, the match."""
    return re.compile(b"(" + re.sub(rb"\(\?P<[a-z]>", b"(?:", pattern) + b")", re.DOTALL)


def without(name: str, pattern: bytes, text: bytes, low: int, high: int) -> Reading:
    """Return the reading of a range without the matches of a pattern."""
    parts = split_at(pattern, text[low:high])
    decoded = parts.copy()
    decoded[1::2] = [b""] * (len(parts) // 2)
    return read_parts(name, parts, decoded, low, high)


def read_parts(  # noqa: PLR0917 - the fields of a reading
    name: str, parts: list[bytes], decoded: list[bytes], low: int, high: int, doubt: int = 0
) -> Reading:
    """Return the reading of a range that was split in parts.

    Args:
        name: the name of the reading.
        parts: the parts as ``split_at`` returns them.
        decoded: the bytes that each means; for a plain one as many of it as are kept.
        low: the start of the range.
        high: its end.
        doubt: more than 0 if another reading of the same bytes is better.
    """
    places: list[list[int]] = []

    def part_of(byte: int) -> tuple[int, int, int]:
        """Return the number of the part of a byte, the start of the part, and the place of the byte in it."""
        if not places:  # made only for a text with a key
            places.append(list(accumulate(map(len, parts), initial=low)))
            places.append(list(accumulate(map(len, decoded), initial=0)))
        origins, begins = places
        part = bisect_right(begins, byte) - 1
        return part, origins[part], byte - begins[part]

    def start(byte: int) -> int:
        part, origin, place = part_of(byte)
        return origin if part % 2 else origin + place

    def end(byte: int) -> int:
        part, origin, place = part_of(byte)
        return origin + (len(parts[part]) if part % 2 else place + 1)

    return Reading(name, b"".join(decoded), start, end, low, high, doubt=doubt, period=1)


@functools.lru_cache(maxsize=1 << 12)
def _decode(escapes: bytes, escape: bytes) -> bytes:
    """Return the character of an escape; nothing if it has none."""
    match = compile_pattern(escapes).fullmatch(escape)
    groups = match.groupdict() if match else {}
    for group, base in (("x", 16), ("u", 16), ("y", 16), ("o", 8), ("d", 10)):
        if value := groups.get(group):
            number = int(value, base)
            return bytes([number if number < 256 else 0xFF])
    if groups.get("h"):
        return b"-"
    if value := groups.get("n"):
        return _NAMES.get(value, value[-1:])
    return b""


_NAMES = {
    b"lowbar": b"_",
    b"UnderBar": b"_",
    b"hyphen": b"-",
    b"dash": b"-",
    b"amp": b"&",
    b"~": b" ",
}

BACKSLASH: Final = Escapes(
    "backslash",
    rb"\\(?:u\{(?P<y>[0-9A-Fa-f]{1,6})\}|[uU](?:0000)?00(?P<u>[0-9A-Fa-f]{2})|x(?P<x>[0-9A-Fa-f]{2})"
    rb"|(?P<o>[0-3][0-7]{2})|(?P<n>[\\/\"'_-]))",
)
HTML: Final = Escapes(
    "html",
    rb"&(?:\#[xX]0{0,5}(?P<x>[0-9A-Fa-f]{1,2})|\#0{0,5}(?P<d>[0-9]{1,3})"
    rb"|(?P<n>lowbar|UnderBar|hyphen|dash|amp));",
)
PERCENT: Final = Escapes("percent", rb"%(?P<x>[0-9A-Fa-f]{2})")
_SOFT_BREAK: Final = rb"(?:=[ \t]{0,9}\r?\n|\?=\r?\n[ \t]{1,9}=\?[\w-]{1,20}\?[qQ]\?)"
"""The end of a line, or of a word of a header (RFC 2047) and the beginning of the next one."""

QUOTED_PRINTABLE: Final = Escapes(
    "quoted-printable", rb"=(?P<x>[0-9A-Fa-f]{2})|" + _SOFT_BREAK, _SOFT_BREAK + b"|" + CHARACTER
)
_RTF: Final = (
    rb"\\(?:'(?P<x>[0-9A-Fa-f]{2})|u(?P<d>[0-9]{1,3}) ?(?:\?|\\'[0-9A-Fa-f]{2})"
    rb"|(?P<h>_)|-|(?P<n>[\\{}~]))"
)
"""Numbered characters; non-breaking and optional hyphens; a blank; escaped signs."""

RTF: Final = Escapes("rtf", _RTF, _RTF + b"|" + CHARACTER)
