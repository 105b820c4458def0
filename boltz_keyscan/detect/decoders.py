"""Encoders and decoders: two functions for each encoding of the table in ``encodings``.

One encodes a part of a type prefix, for the engine to search for; the other decodes the text
around an offset, with the place of every byte. Line breaks and other separators between the
characters of one text are left out. Those of escapes are in ``escapes``.
"""

from __future__ import annotations

import functools
import itertools
import re
import string
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from boltz_keyscan import base64_text
from boltz_keyscan.records import dataclass, field

if TYPE_CHECKING:
    import regex

BACK: Final = 1 << 10
"""Bytes decoded before a literal: more than a key has before any of its literals."""

SERVED: Final = 14 << 10
"""Bytes after a literal in which one decoding serves all literals."""

AHEAD: Final = SERVED + (2 << 10)
"""Bytes decoded after a literal, so that a key that begins in the served part is whole."""

ALPHANUMERIC: Final = (string.ascii_letters + string.digits).encode()

Spelling = tuple[bytes, int]
"""A literal, and its position in a group of the encoding."""


@dataclass(slots=True)  # not frozen: one is made for each line, and it takes ten times as long
class Reading:
    """A decoded text. It is not changed."""

    name: str
    data: bytes = field(repr=False)
    start: Callable[[int], int]
    """The start in the encoded text of a byte of ``data``."""
    end: Callable[[int], int]
    """The end in the encoded text of a byte of ``data``."""
    low: int
    high: int
    """The range of the encoded text that was decoded."""
    is_aligned: Callable[[int, int], bool] = lambda _at, _phase: True
    """A test of a literal at an offset in the range: True if its phase there is that of this reading."""
    doubt: int = 0
    """More than 0 if another reading of the same bytes is better."""
    period: int = 0
    """1, 2 or 4 if offsets that differ by so many are aligned in the same way; 0 if they may not be."""


def make_spellings(literals: Iterable[bytes]) -> Iterator[Spelling]:
    """Yield each literal once, for an encoding without groups."""
    return ((literal, 0) for literal in dict.fromkeys(literals))


# Base64. A break may be anywhere in it, and may itself have letters.

_GLUE = (
    rb"(?:\\{1,7}r)?(?:\\{1,7}n)(?:[\"'][ \t]{0,9}[,+]?[ \t\r\n]{0,60}[\"'])?[ \t]{0,40}"  # JSON, code
    rb"|[ \t]{0,9}[=\\^`$|]?(?:\r{0,2}\n|\r)[ \t]{0,60}(?:(?:#|//|[>|*]) ?)?"  # lines, mail
    rb"|(?:&#(?:1[03]|[xX]0?[aAdD]);|<br ?/?>|=0[dD]=0[aA])[ \t]{0,60}"  # the same in XML, HTML, mail
    rb"|\?=\r?\n[ \t]{1,9}=\?[\w-]{1,20}\?[bB]\?"  # words of a header (RFC 2047)
    rb"|\\{1,7}/"  # JSON's slash: a character of base64, but never of a key
    rb"|[\"'][ \t]{0,9}[,+.]?[ \t]{0,9}(?:\\?\r?\n[ \t]{0,60})?[+.]?[ \t]{0,9}[\"']"  # joined literals
    rb"|%0[dD]%0[aA]|%0[aA]"
)
_LETTERS = rb"[A-Za-z0-9+/_-]++"
_BASE64 = b"(?:" + _LETTERS + b"|" + _GLUE + b")+"
_LETTERS_OR_GLUE = b"(" + _LETTERS + b")|" + _GLUE
_OTHER = rb"[^A-Za-z0-9+/_\- \t\r\n\\\"',.=^`$&#;<>?|*%]"
_ALPHABET = ALPHANUMERIC + b"+/_-"
_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def offsets(spans: Iterable[tuple[int, int]]) -> Sequence[int]:
    """Return the offset of each byte of ranges, in a quarter of the memory of a list."""
    return array("q", itertools.chain.from_iterable(itertools.starmap(range, spans)))


def base64_spell(text: bytes) -> Iterator[Spelling]:
    """Yield base64 of a text at each alignment and in each alphabet, with the position in a group of four."""
    for encoded, first in base64_text.alignments(text):
        yield encoded, first
        if b"+" in encoded or b"/" in encoded:
            yield encoded.translate(_TO_URL_SAFE), first


def base64_read(text: bytes, at: int, phase: int, low: int) -> tuple[Reading, ...]:
    """Read base64, in lines of any width; ``phase`` is the position of the literal in its group of four."""
    # Forward only: backwards, the ``n`` of an escaped line break looks like any other letter.
    low = max(at - BACK, low)
    other = compile_reversed(_OTHER).search(text, low, at)
    high = at
    for run in compile_pattern(_BASE64).finditer(text, other.end() if other else low, at + AHEAD):
        low, high = run.span()
        if high > at:
            break
    if high <= at:
        return ()
    places: Sequence[int] = range(low, high)
    letters = text[low:high]
    index: Callable[[int], int] = low.__rsub__
    period = 4
    if letters.translate(None, _ALPHABET):
        spans = [found.span(1) for found in compile_pattern(_LETTERS_OR_GLUE).finditer(text, low, high)]
        letters = b"".join([text[begin:stop] for begin, stop in spans if begin >= 0])
        places = offsets(spans)
        if not places:
            return ()
        index = functools.partial(bisect_left, places)
        period = 0
    # The first group may be incomplete.
    lead = (phase - index(at)) % 4
    data = base64_text.decode(b"A" * lead + letters)

    def start(byte: int) -> int:
        return places[max(byte * 8 // 6 - lead, 0)]

    def end(byte: int) -> int:
        return places[min((byte * 8 + 7) // 6 - lead, len(places) - 1)] + 1

    def is_aligned(at: int, phase: int) -> bool:
        return (index(at) + lead) % 4 == phase

    return (Reading("base64", data, start, end, low, high, is_aligned, period=period),)


# UTF-16 and UTF-32: the bytes of the text, with NULs between.


def wide_spell(width: int, text: bytes) -> Iterator[Spelling]:
    """Yield the text with NULs between its bytes and none outside: one literal for both byte orders."""
    yield (b"\0" * (width - 1)).join(text[at : at + 1] for at in range(len(text))), 0


_ASCII = rb"[\x01-\x7f]"
_CONTROLS = bytes({*range(32), 127} - {9, 10, 13})


def wide_read(width: int, text: bytes, at: int, _phase: int, _low: int) -> list[Reading]:
    """Read UTF-16 or UTF-32 in either byte order; ``at`` is the low byte of a character."""
    nuls = b"\\x00" * (width - 1)
    runs = []
    for order, unit, shift in (("le", _ASCII + nuls, 0), ("be", nuls + _ASCII, width - 1)):
        low, high = unit_run(unit, text, at - shift) if at >= shift else (at, at)
        if high > low:
            data = text[low + shift : high : width]
            runs.append((low - high, -len(data.translate(None, _CONTROLS)), low % 2, shift, order, low, data))
    # Both byte orders decode the same bytes, but for one character at an end: the longer is right.
    # Then the one with fewer control characters, then the one at an even offset, as in files.
    runs.sort()
    if len(runs) == 2:
        (size, _, _, shift, _, low, longer), (rest, _, _, other, _, start, shorter) = runs
        if low - size + shift == start - rest + other and longer.endswith(shorter):
            del runs[1]  # all of it is in the longer one
    return [
        _every_so_many(f"utf-{8 * width}{order}", data, range(low, low - size, width), shift, doubt)
        for doubt, (size, _, _, shift, order, low, data) in enumerate(runs)
    ]


def _every_so_many(name: str, data: bytes, units: range, shift: int, doubt: int) -> Reading:
    """Return the reading of units of equal width, of which each has its byte at ``shift``."""
    low, high, width = units.start, units.stop, units.step
    return Reading(
        name,
        data,
        lambda index: low + width * index,
        lambda index: low + width * (index + 1),
        low,
        high,
        lambda at, _phase: (at - low) % width == shift,
        doubt,
        width,
    )


# Hexadecimal and decimal dumps: every byte as a number, with or without separators.

_BETWEEN = (
    rb"(?:[ \t]{0,3}\r?\n[ \t]{0,60}|[ \t]{1,3}|[:;,._-][ \t]{0,3}(?:\\?\r?\n[ \t]{0,60})?|\\{1,7}n"
    rb"|[\"'][ \t]{0,9}[,+.]?[ \t]{0,9}(?:\\?\r?\n[ \t]{0,60})?[+.]?[ \t]{0,9}[\"'])?"
)
_AFTER = rb"[ \t]{0,3}(?:[,;:][ \t]{0,3}(?:\r?\n[ \t]{0,60})?|\r?\n[ \t]{0,60})?"
_SEPARATORS = (b"", b" ", b":", b"-", b", ", b",")


def hex_spell(text: bytes) -> Iterator[Spelling]:
    """Yield two digits for each byte, in either case, with the separators of dumps and arrays."""

    def literals() -> Iterator[bytes]:
        for form in (b"%02x", b"%02X"):
            pairs = [form % byte for byte in text]
            yield from (between.join(pairs) for between in _SEPARATORS)
            yield from (between.join(b"0x" + pair for pair in pairs) for between in (b", ", b",", b" "))
            for first in (1, 2):
                words = [b"".join(pairs[:first])]
                words += [b"".join(pairs[at : at + 2]) for at in range(first, len(pairs), 2)]
                yield b" ".join(words)

    return make_spellings(literals())


def hex_chain(text: bytes) -> Iterator[Spelling]:
    """Yield two digits for each byte, in either case, without separators."""
    return make_spellings((text.hex().encode(), text.hex().upper().encode()))


def numbers_spell(form: bytes, text: bytes) -> Iterator[Spelling]:
    """Yield a number for each byte, with the separators of arrays."""
    numbers = [form % byte for byte in text]
    return make_spellings(between.join(numbers) for between in (b", ", b",", b" "))


@dataclass(frozen=True, slots=True)
class Numbers:
    """The decoder of bytes that are written as numbers."""

    name: str
    base: int
    unit: bytes
    """The pattern of one number with its separator."""
    digits: bytes
    """The pattern of one number, whose group has the digits."""

    def read(self, text: bytes, at: int, _phase: int, _low: int) -> tuple[Reading]:
        """Read the numbers around an offset."""
        low, high = unit_run(self.unit, text, at)
        run = text[low:high]
        starts: Sequence[int]
        ends: Sequence[int]
        if self.base == 16 and len(run) % 2 == 0 and not run.translate(None, _DIGITS):
            starts, ends = range(low, high, 2), range(low + 2, high + 2, 2)
            data = bytes.fromhex(run.decode("ascii"))
            period = 2
        else:
            period = 0
            bytes_of = _numbers(self.base)
            found = list(compile_pattern(self.digits).finditer(text, low, high))
            starts, ends = [number.start() for number in found], [number.end(1) for number in found]
            data = bytes([bytes_of[number[1]] for number in found])

        def is_aligned(at: int, _phase: int) -> bool:
            return starts[bisect_right(starts, at) - 1] in (at, at - 2)

        return (
            Reading(
                self.name, data, starts.__getitem__, ends.__getitem__, low, high, is_aligned, period=period
            ),
        )


HEX: Final = Numbers(
    "hex",
    16,
    rb"(?:0[xX])?[0-9A-Fa-f]{2}" + _BETWEEN,
    rb"(?:0[xX])?([0-9A-Fa-f]{2})" + _BETWEEN,
)
DECIMAL: Final = Numbers("decimal", 10, rb"[0-9]{1,3}" + _AFTER, rb"([0-9]{1,3})")
OCTAL: Final = Numbers("octal", 8, rb"0?[0-3][0-7]{2}" + _AFTER, rb"([0-7]{3})")


_DIGITS = b"0123456789abcdefABCDEF"


@functools.cache
def _numbers(base: int) -> dict[bytes, int]:
    """Return the byte of each number of up to three digits."""
    digits = _DIGITS if base == 16 else b"0123456789"[:base]
    widths = {16: (2,), 10: (1, 2, 3), 8: (3,)}[base]
    texts = (bytes(number) for width in widths for number in itertools.product(digits, repeat=width))
    return {text: int(text, base) & 255 for text in texts}


@functools.cache
def compile_pattern(pattern: bytes) -> re.Pattern[bytes]:
    """Return a compiled pattern, which is kept."""
    return re.compile(pattern)


@functools.cache
def compile_reversed(pattern: bytes) -> regex.Pattern[bytes]:
    """Return a compiled pattern that is matched backwards, which only ``regex`` can."""
    import regex  # noqa: PLC0415 - only for blobs with a candidate

    return regex.compile(b"(?r)" + pattern)


def unit_run(unit: bytes, text: bytes, at: int) -> tuple[int, int]:
    """Return the range around ``at`` that consists of units, within ``BACK`` and ``AHEAD``."""
    backwards, forwards = _run_patterns(unit)
    before = backwards.match(text, max(at - BACK, 0), at)
    after = forwards.match(text, at, at + AHEAD)
    return before.start() if before else at, after.end() if after else at


@functools.cache
def _run_patterns(unit: bytes) -> tuple[regex.Pattern[bytes], re.Pattern[bytes]]:
    """Return the patterns of many units before an offset, and of many after it."""
    many = b"(?:" + unit + b")+"
    return compile_reversed(many), compile_pattern(many)
