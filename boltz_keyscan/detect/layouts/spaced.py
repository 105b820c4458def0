"""Texts with the same separator between all characters, or between groups of a few: lists, spaced logs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from boltz_keyscan.detect.decoders import AHEAD, BACK, Reading, Spelling
from boltz_keyscan.detect.layouts.pieces import Pieces

NAME: Final = "spaced"

_SEPARATORS: Final = (
    *(b" ", b"  ", b"\t", b",", b", ", b".", b"|", b"\n", b'","', b'", "', b"','", b"', '"),
    *(b'",\n' + b" " * indent + b'"' for indent in (2, 4, 6, 8)),
)
_GROUPS: Final = range(2, 6)
"""Sizes of groups, which blanks separate."""

_SHORTEST: Final = 6
"""Bytes of the shortest literal."""

_SIZE: Final = 100
"""A phase has three numbers of characters: missing before the literal, of a group, of a separator."""


def spell(prefix: bytes) -> Iterator[Spelling]:
    """Yield a few characters of a prefix with each separator."""
    for separator in _SEPARATORS:
        yield separator.join(prefix[at : at + 1] for at in range(1, 5)), _SIZE + len(separator)
    for size in _GROUPS:
        for first in range(1, size + 1):
            literal = prefix[:first] + b" " + prefix[first : first + size] + b" "
            literal += prefix[first + size : first + 2 * size] if len(literal) < _SHORTEST else b""
            yield literal, (size - first) * _SIZE * _SIZE + size * _SIZE + 1


def read(text: bytes, at: int, phase: int, _low: int) -> Iterator[Reading]:
    """Read the characters around an offset without the separators between them."""
    missing, rest = divmod(phase, _SIZE * _SIZE)
    size, width = divmod(rest, _SIZE)
    pieces = Pieces()
    step = size + width
    start = at - missing
    separator = text[start + size : start + step]
    first = start
    while first - step >= max(at - BACK, 0) and text[first - width : first] == separator:
        first -= step
    while start < min(at + AHEAD, len(text)) and (start <= at or text[start - width : start] == separator):
        start += step
    for begin in range(first, start, step):
        pieces.add(text, max(begin, 0), min(begin + size, len(text)))
    yield pieces.reading(NAME, max(first, 0), start, phase)
