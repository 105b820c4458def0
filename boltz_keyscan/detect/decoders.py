"""What a text becomes in an encoding, and how it is read back from the bytes around an offset.

Two functions for each encoding: one spells a piece of text, for the fast pass to look for;
one reads, with the place of every byte. Breaks of lines and what else may stand between
the characters of one text are left out.

Boundary: functions and patterns; which of them make an encoding is the table in ``forms``.
"""

from __future__ import annotations

import binascii
import functools
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import regex

BACK: Final = 1 << 10
"""Bytes before a literal that belong to the same key at most."""

SERVED: Final = 14 << 10
"""Bytes after a literal of which all literals are served by one decoding."""

AHEAD: Final = SERVED + (2 << 10)
"""Bytes decoded after it: a key that begins in the served part is whole."""

Spelling = tuple[bytes, int]
"""A literal, and where in a group of the encoding it begins."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text read back from an encoding."""

    name: str
    data: bytes
    start: Callable[[int], int]
    """Where in the encoded text a byte of ``data`` begins."""
    end: Callable[[int], int]
    """Where it ends."""
    low: int
    high: int
    """What was read of the encoded text."""
    fits: Callable[[int, int], bool] = lambda _at, _phase: True
    """Whether a literal of a phase at an offset of the encoded text is read rightly by this."""
    doubt: int = 0
    """More than 0 when the same bytes read better in another way."""


def _plain(literals: Iterable[bytes]) -> Iterator[Spelling]:
    return ((literal, 0) for literal in dict.fromkeys(literals))


# Base64. A break may fall anywhere in it, and what breaks it may hold letters of its own.

_GLUE = (
    rb"(?:\\{1,7}r)?(?:\\{1,7}n)(?:[\"'][ \t]{0,9}[,+]?[ \t\r\n]{0,60}[\"'])?[ \t]{0,40}"  # JSON, code
    rb"|[ \t]{0,9}(?:[=\\^`]|&#(?:10|xA|x0A);)?\r?\n[ \t]{0,60}(?:(?:#|//|[>|*]) ?)?"  # lines, mail, comments
    rb"|\\{1,7}/"  # JSON's slash; it stands for a character, but never within a key
    rb"|[\"'][ \t]{0,9}[+.]?[ \t]{0,9}(?:\\?\r?\n[ \t]{0,60})?[+.]?[ \t]{0,9}[\"']"  # joined literals
    rb"|%0[dD]%0[aA]|%0[aA]"
)
_LETTERS = rb"[A-Za-z0-9+/_-]++"
_BASE64 = b"(?:" + _GLUE + b"|" + _LETTERS + b")+"
_LETTERS_OR_GLUE = _GLUE + b"|(" + _LETTERS + b")"
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def base64_read(text: bytes, at: int, phase: int, low: int) -> Iterator[Reading]:
    """Read base64, in lines of any width; ``phase`` is where in its group of four the literal begins."""
    # Forward only: read backwards, the ``n`` of a line break's escape is a letter like any other.
    runs = _compiled(_BASE64).finditer(text, max(at - BACK, low), at + AHEAD)
    low, high = next((run.span() for run in runs if run.end() > at), (at, at))
    letters = bytearray()
    places: list[int] = []
    for found in _compiled(_LETTERS_OR_GLUE).finditer(text, low, high):
        begin, stop = found.span(1)
        if begin >= 0:
            letters += text[begin:stop]
            places.extend(range(begin, stop))
    if not places:
        return
    # What stands before belongs to the group of the first character only in part.
    lead = (phase - bisect_left(places, at)) % 4
    padded = b"A" * lead + letters.translate(_TO_STANDARD)
    data = binascii.a2b_base64(padded + b"A" * (-len(padded) % 4))[: len(padded) * 6 // 8]

    def start(index: int) -> int:
        return places[max(index * 8 // 6 - lead, 0)]

    def end(index: int) -> int:
        return places[min((index * 8 + 7) // 6 - lead, len(places) - 1)] + 1

    def fits(at: int, phase: int) -> bool:
        return low <= at < high and (bisect_left(places, at) + lead) % 4 == phase

    yield Reading("base64", data, start, end, low, high, fits)


# UTF-16 and UTF-32: the bytes of the text, with NULs between.


def wide_spell(width: int, text: bytes) -> Iterator[Spelling]:
    """The bytes of a text with NULs between, less the outer ones: one literal for both byte orders."""
    yield (b"\0" * (width - 1)).join(text[at : at + 1] for at in range(len(text))), 0


_ASCII = rb"[\x01-\x7f]"
_CONTROLS = bytes({*range(32), 127} - {9, 10, 13})


def wide_read(width: int, text: bytes, at: int, _phase: int, _low: int) -> Iterator[Reading]:
    """UTF-16 or UTF-32, in either byte order, from the low byte of a character."""
    nuls = b"\\x00" * (width - 1)
    readings = []
    for order, unit, shift in (("le", _ASCII + nuls, 0), ("be", nuls + _ASCII, width - 1)):
        low, high = _run(unit, text, at - shift) if at >= shift else (at, at)
        if high > low:
            readings.append(_spaced(f"utf-{8 * width}{order}", text, (low, high), width=width, shift=shift))
    # Text reads in either order, less a character at one end: the longer is right. Then the one
    # with fewer control characters, and in files characters stand at even offsets.
    readings.sort(
        key=lambda each: (
            each.low - each.high,
            len(each.data) - len(each.data.translate(None, _CONTROLS)),
            each.low % 2,
        )
    )
    yield from (replace(each, doubt=number) for number, each in enumerate(readings))


def _spaced(name: str, text: bytes, run: tuple[int, int], *, width: int, shift: int) -> Reading:
    low, high = run
    return Reading(
        name,
        text[low + shift : high : width],
        lambda index: low + width * index,
        lambda index: low + width * (index + 1),
        low,
        high,
        lambda at, _phase: low <= at < high and (at - low) % width == shift,
    )


# Hexadecimal and decimal dumps: every byte as a number, with or without something between.

BETWEEN = (
    rb"(?:[ \t]{0,3}\r?\n[ \t]{0,60}|[ \t]{1,3}|[:;,._-][ \t]{0,3}(?:\r?\n[ \t]{0,60})?|\\{1,7}n"
    rb"|[\"'][ \t]{0,9}[,+.]?[ \t]{0,9}(?:\\?\r?\n[ \t]{0,60})?[+.]?[ \t]{0,9}[\"'])?"
)
HEX = rb"(?:0[xX])?[0-9A-Fa-f]{2}" + BETWEEN
DECIMAL = rb"[0-9]{1,3}[ \t]{0,3}(?:[,;:][ \t]{0,3}(?:\r?\n[ \t]{0,60})?|\r?\n[ \t]{0,60})?"
OCTAL = rb"0?[0-3][0-7]{2}[ \t]{0,3}(?:[,;:][ \t]{0,3}(?:\r?\n[ \t]{0,60})?|\r?\n[ \t]{0,60})?"
_HEX_BETWEEN = (b"", b" ", b":", b"-", b", ", b",")


def hex_spell(text: bytes) -> Iterator[Spelling]:
    """Two digits for each byte, in either case, with what dumps and arrays put between."""

    def literals() -> Iterator[bytes]:
        for spelt in (text.hex(), text.hex().upper()):
            pairs = [spelt[at : at + 2].encode() for at in range(0, len(spelt), 2)]
            yield from (between.join(pairs) for between in _HEX_BETWEEN)
            yield from (between.join(b"0x" + pair for pair in pairs) for between in (b", ", b",", b" "))
            for first in (1, 2):
                words = [b"".join(pairs[:first])]
                words += [b"".join(pairs[at : at + 2]) for at in range(first, len(pairs), 2)]
                yield b" ".join(words)

    return _plain(literals())


def hex_chain(text: bytes) -> Iterator[Spelling]:
    """The same with nothing between."""
    return _plain((text.hex().encode(), text.hex().upper().encode()))


def numbers_spell(form: bytes, text: bytes) -> Iterator[Spelling]:
    """A number for each byte, as arrays have them."""
    numbers = [form % byte for byte in text]
    return _plain(between.join(numbers) for between in (b", ", b",", b" "))


def numbers_read(
    text: bytes, at: int, _phase: int, _low: int, *, name: str, unit: bytes, digits: bytes, base: int
) -> Iterator[Reading]:
    """Read numbers with what may stand between: a ``unit`` is one with it, ``digits`` the one alone."""
    low, high = _run(unit, text, at)
    starts: list[int] = []
    ends: list[int] = []
    data = bytearray()
    bytes_of = _numbers(base)
    run = text[low:high]
    if base == 16 and len(run) % 2 == 0 and not run.translate(None, _DIGITS):
        starts, ends = list(range(low, high, 2)), list(range(low + 2, high + 2, 2))
        data = bytearray.fromhex(run.decode("ascii"))
    for each in () if starts else _compiled(digits).finditer(text, low, high):
        starts.append(each.start())
        begin, end = each.span(1)
        ends.append(end)
        data.append(bytes_of[text[begin:end]])

    def fits(at: int, _phase: int) -> bool:
        return low <= at < high and starts[bisect_right(starts, at) - 1] in (at, at - 2)

    yield Reading(name, bytes(data), starts.__getitem__, ends.__getitem__, low, high, fits)


_DIGITS = b"0123456789abcdefABCDEF"


@functools.cache
def _numbers(base: int) -> dict[bytes, int]:
    """The byte that each number of up to three digits stands for."""
    digits = _DIGITS if base == 16 else b"0123456789"[:base]
    widths = {16: (2,), 10: (1, 2, 3), 8: (3,)}[base]
    texts = (bytes(each) for width in widths for each in itertools.product(digits, repeat=width))
    return {text: int(text, base) & 255 for text in texts}


# Escapes: a character by its number or its name, among others as they are.


def escape_spell(forms: tuple[bytes, ...], text: bytes) -> Iterator[Spelling]:
    """Every byte escaped, and all but letters and digits."""

    def literals() -> Iterator[bytes]:
        for form in forms:
            spelt = [form % byte for byte in text]
            yield b"".join(spelt)
            kept = (
                text[at : at + 1] if text[at : at + 1].isalnum() else each for at, each in enumerate(spelt)
            )
            yield b"".join(kept)

    return ((literal, phase) for literal, phase in _plain(literals()) if literal != text)


def escape_chain(forms: tuple[bytes, ...], text: bytes) -> Iterator[Spelling]:
    """Every byte escaped, in the two most common ways."""
    return _plain(b"".join(form % byte for byte in text) for form in forms[:2])


def escape_again(forms: tuple[bytes, ...], text: bytes) -> Iterator[Spelling]:
    """Only what is neither letter nor digit nor a sign that may stay."""
    kept = b"_-." + bytes(byte for byte in range(128) if chr(byte).isalnum())
    return _plain(
        b"".join(b"%c" % byte if byte in kept else form % byte for byte in text) for form in forms[:2]
    )


def doubled(old: bytes, new: bytes, text: bytes) -> Iterator[Spelling]:
    """What escapes the sign by which escapes begin."""
    return _plain([text.replace(old, new)])


def named_spell(names: tuple[bytes, ...], text: bytes) -> Iterator[Spelling]:
    """``_`` by its name, or marked as a character without a meaning."""
    return _plain(text.replace(b"_", name) for name in names)


def escape_read(
    text: bytes, at: int, _phase: int, _low: int, *, name: str, pattern: bytes, glue: bytes = b""
) -> Iterator[Reading]:
    """Read text among spaces with its escapes undone once; ``glue`` stands for nothing."""
    # Text without spaces; an escape is whole, so that none begins within another.
    low, high = _run(pattern + b"|" + (glue + b"|" if glue else b"") + rb"[\x21-\x7e]", text, at)
    data = bytearray()
    starts: list[int] = []
    ends: list[int] = []
    last = low
    escapes = pattern + (b"|" + glue if glue else b"")
    for found in _compiled(escapes).finditer(text, low, high):
        begin, end = found.span()
        if begin > last:
            data += text[last:begin]
            starts.extend(range(last, begin))
            ends.extend(range(last + 1, begin + 1))
        last = end
        if (char := _number(escapes, text[begin:end])) is not None:
            data.append(char)
            starts.append(begin)
            ends.append(end)
    data += text[last:high]
    starts.extend(range(last, high))
    ends.extend(range(last + 1, high + 1))
    yield Reading(
        name,
        bytes(data),
        starts.__getitem__,
        ends.__getitem__,
        low,
        high,
        lambda at, _phase: low <= at < high,
    )


@functools.lru_cache(maxsize=1 << 12)
def _number(escapes: bytes, escape: bytes) -> int | None:
    """Return the character an escape stands for; None for what stands for nothing."""
    found = _compiled(escapes).fullmatch(escape)
    groups = found.groupdict() if found else {}
    for group, base in (("x", 16), ("y", 16), ("o", 8), ("d", 10)):
        if value := groups.get(group):
            number = int(value, base)
            return number if number < 256 else 0xFF
    if groups.get("h"):
        return ord("-")
    if value := groups.get("n"):
        return _NAMES.get(value, value[-1])
    return None


_NAMES = {
    b"lowbar": ord("_"),
    b"UnderBar": ord("_"),
    b"hyphen": ord("-"),
    b"dash": ord("-"),
    b"amp": ord("&"),
    b"~": ord(" "),
}

BACKSLASHED = (
    rb"\\(?:u\{(?P<y>[0-9A-Fa-f]{1,6})\}|[uU](?:0000)?00(?P<x>[0-9A-Fa-f]{2})|x(?P<x>[0-9A-Fa-f]{2})"
    rb"|(?P<o>[0-3][0-7]{2})|(?P<n>[\\/\"'_-]))"
)
HTML = (
    rb"&(?:\#[xX]0{0,5}(?P<x>[0-9A-Fa-f]{1,2})|\#0{0,5}(?P<d>[0-9]{1,3})"
    rb"|(?P<n>lowbar|UnderBar|hyphen|dash|amp));"
)


@functools.cache
def _compiled(pattern: bytes) -> regex.Pattern[bytes]:
    import regex  # noqa: PLC0415 - only blobs with a hit pay for it

    return regex.compile(pattern)


def _run(unit: bytes, text: bytes, at: int) -> tuple[int, int]:
    """The bytes around ``at`` that are units and nothing else, as far as ``BACK`` and ``AHEAD``."""
    before = _compiled(b"(?r)(?:" + unit + b")+").match(text, max(at - BACK, 0), at)
    after = _compiled(b"(?:" + unit + b")+").match(text, at, at + AHEAD)
    return before.start() if before else at, after.end() if after else at
