"""Parts of a line that may be a key in a form without its type prefix.

The line around a key often has the key once more: reversed, in base64 next to other text, as
a list of numbers, cut in two. No list of such forms is complete. So ``redact`` keeps words, short
numbers and dates, and removes everything that looks random: removing a word too many costs
nothing. All searches take linear time.
"""

from __future__ import annotations

import codecs
import functools
import itertools
import string
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator

from boltz_keyscan.late_pattern import late_pattern

_GRAM = 6
"""Letters and digits that identify a part of a body, with any separators between them."""

ROT13 = bytes.maketrans(
    string.ascii_lowercase.encode(), codecs.encode(string.ascii_lowercase, "rot13").encode()
)

_TURNS: tuple[Callable[[bytes], bytes], ...] = (
    lambda letters: letters,
    lambda letters: letters[::-1],
    lambda letters: letters.translate(ROT13),
    lambda letters: letters.translate(ROT13)[::-1],
)
"""Ways to write a body; each undoes itself."""

_PIECE = late_pattern(rb"[A-Za-z0-9]+")

_PIECE_OR_ESCAPE = late_pattern(
    rb"\\+(?:[nrtbfv]|x[0-9A-Fa-f]{2}|u00[0-9A-Fa-f]{2})|%%(?:25)*[0-9A-Fa-f]{2}|(%b)" % _PIECE.pattern
)
"""Letters and digits; the group is empty for an escape, which is part of no word."""

_WORD = late_pattern(rb"(?:[A-Z]{1,20}|[A-Z]?[a-z]{1,20}(?:[A-Z][a-z]{2,20}){0,5})[0-9]{0,4}")
"""A word, or a name in camel case, and a number after it."""

_MAX_DIGITS = 16
"""Digits of a number that is not removed."""

_MIN_RANDOM = 10
"""Letters and digits outside words that are removed. In base64 these are 7 bytes."""

_MAX_GAP = 4
"""Bytes between two pieces of one random part."""

_MAX_BRIDGE = 5
"""Letters of a word between two random pieces that is random too."""

_JOINED = frozenset(string.ascii_letters.encode() + string.digits.encode() + b"_+-")

_BETWEEN = rb"[^0-9A-Za-z\n]{1,8}(?:0[xX]|[xX]|[uU]\+?\{?0{0,6})?"
_END = rb"(?![0-9A-Za-z])"
# Atomic: however leading zeros are divided, a number has the same end, and each way would be tried.
_NUMBERS = tuple(
    late_pattern(rb"(?:%b)(?>%b(?:%b)){%d,}" % (number, between, number, count - 1))
    for number, between, count in (
        (rb"(?:[0-9A-Fa-f]{2}|[0-9]{1,3})" + _END, _BETWEEN, 10),  # bytes: hexadecimal, octal, decimal
        (rb"[0-9A-Za-z]{1,2}" + _END, rb"[^0-9A-Za-z\n]{1,4}", 10),  # a text spaced out
        (rb"[0-9A-Fa-f]{4}" + _END, _BETWEEN, 6),  # words of two bytes
        (rb"[0-9A-Fa-f]{8}" + _END, _BETWEEN, 3),  # words of four bytes
        (rb"[0-9]{2,3}(?![0-9])", rb"[^0-9\n]{1,8}", 10),  # chr(115) + chr(107)
    )
)
"""Lists of numbers or letters that may be a text. A date and time has at most 9 numbers."""

Range = tuple[int, int]
"""Start and end in the text."""


def parts_of(bodies: Iterable[bytes], text: bytes, ranges: Iterable[Range]) -> Iterator[Range]:
    """Yield parts of bodies in ranges of ``text``, in any case, reversed, in rot13, with any separators."""
    pieces = ((low, high, _PIECE.findall(text, low, high)) for low, high in ranges)
    joined = ((low, high, b"".join(words).lower()) for low, high, words in pieces)
    long = [part for part in joined if len(part[2]) >= _GRAM]
    if not long:
        return
    known = frozenset().union(*map(_grams_of, set(bodies)))
    for low, high, letters in long:
        grams = {turn(gram) for turn in _TURNS for gram in known.intersection(_grams(turn(letters)))}
        if grams:
            yield from _matching(grams, letters, text, low, high)


@functools.lru_cache(maxsize=64)
def _grams_of(body: bytes) -> frozenset[bytes]:
    """Return the grams of every part of the body. Cached: adjacent keys are in each other's lines."""
    return frozenset(_grams(b"".join(_PIECE.findall(body)).lower()))


def _matching(grams: set[bytes], letters: bytes, text: bytes, low: int, high: int) -> Iterator[Range]:
    """Yield the parts of ``text[low:high]`` of which the letters, ``letters``, are in ``grams``."""
    starts, ends, length = [], [], 0
    for piece in _PIECE.finditer(text, low, high):
        starts.append(piece.start() - length)
        length += len(piece.group())
        ends.append(length)
    first = end = 0
    for at, gram in enumerate(itertools.chain(_grams(letters), [b""])):
        if gram in grams:
            first, end = first if end else at, at + _GRAM
        elif end and (at > end or not gram):
            begin, last = (index + starts[bisect_right(ends, index)] for index in (first, end - 1))
            yield _extended(text, begin, last + 1, low, high)
            end = 0


def _grams(text: bytes) -> list[bytes]:
    return [text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)]


def random_parts(text: bytes, low: int, high: int) -> Iterator[Range]:
    """Yield the parts of ``text[low:high]``, which is part of one line, that look random."""
    for numbers in _NUMBERS:
        for found in numbers.finditer(text, low, high):
            yield found.span()
    start = end = size = near = 0
    bridged = False
    for piece in itertools.chain(_PIECE_OR_ESCAPE.finditer(text, low, high), [None]):
        letters = piece[1] if piece else b""
        is_word = bool(letters and _WORD.fullmatch(letters))
        is_far = piece is None or piece.start() - near > _MAX_GAP
        if is_far or (is_word and (bridged or len(letters) > _MAX_BRIDGE)):
            if size >= _MIN_RANDOM:
                yield _extended(text, start, end, low, high)
            size, bridged = 0, False
        if piece is None:
            return
        near = piece.end()
        if is_word:
            bridged = True
        elif letters and not (letters.isdigit() and len(letters) <= _MAX_DIGITS):
            start = start if size else piece.start()
            end, size, bridged = near, size + len(letters), False


def _extended(text: bytes, start: int, end: int, low: int, high: int) -> Range:
    """Return the range with all that is joined to it: a part of a key may look like a word."""
    while start > low and text[start - 1] in _JOINED:
        start -= 1
    while end < high and text[end] in _JOINED:
        end += 1
    return start, end
