"""Texts with the same separator between all characters, or between groups of a few: lists, spaced logs.

Also lists with a line for each character, behind a dash (YAML) or its index (``print_r`` of PHP).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from boltz_keyscan.detect.decoders import (
    AHEAD,
    BACK,
    Reading,
    Spelling,
    compile_pattern,
    compile_reversed,
    unit_run,
)
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


_LISTED: Final = rb"(?:-|\[[0-9]{1,9}\] =>) [\"']?([!-~])[\"']?[ \t]*(?:\r?\n[ \t]{0,20}|\Z)"
"""A line of a list, with the indent of the next one; its group is the character."""

_INDENTS: Final = (0, 1, 2, 4, 6, 8)
_LIST: Final = 0
"""The phase of a literal of a list."""


def spell(prefix: bytes) -> Iterator[Spelling]:
    """Yield a few characters of a prefix with each separator."""
    for separator in _SEPARATORS:
        yield separator.join(prefix[at : at + 1] for at in range(1, 5)), _SIZE + len(separator)
    yield b"] => %c\n" % prefix[2], _LIST
    yield from ((b"- %c\n%b- %c" % (prefix[2], b" " * indent, prefix[3]), _LIST) for indent in _INDENTS)
    for size in _GROUPS:
        for first in range(1, size + 1):
            literal = prefix[:first] + b" " + prefix[first : first + size] + b" "
            literal += prefix[first + size : first + 2 * size] if len(literal) < _SHORTEST else b""
            yield literal, (size - first) * _SIZE * _SIZE + size * _SIZE + 1


def read(text: bytes, at: int, phase: int, _low: int) -> Iterator[Reading]:
    """Read the characters around an offset without the separators between them."""
    if phase == _LIST:
        yield _read_list(text, at)
        return
    missing, rest = divmod(phase, _SIZE * _SIZE)
    size, width = divmod(rest, _SIZE)
    step = size + width
    start = at - missing
    separator = re.escape(text[start + size : start + step])
    backwards = compile_reversed(rb"(?:[\s\S]{%d}%b)*" % (size, separator))
    forwards = compile_pattern(rb"(?:%b[\s\S]{1,%d})*" % (separator, size))
    before = backwards.match(text, max(at - BACK, 0), max(start, 0))
    after = forwards.match(text, start + size, at + AHEAD)
    first = before.start() if before and before.start() < before.end() else start
    end = after.end() if after else start + size
    # The group of the literal may begin before the text.
    cut = max(-first, 0)
    data = b"".join([text[max(begin, 0) : begin + size] for begin in range(first, end, step)])

    def place(index: int) -> int:
        groups, rest = divmod(index + cut, size)
        return first + groups * step + rest

    yield Reading(
        NAME,
        data,
        place,
        lambda index: place(index) + 1,
        first + cut,
        end,
        lambda _at, other: phase == other,
        doubt=1,
    )


def _read_list(text: bytes, at: int) -> Reading:
    """Read the list around an offset, which is in the index of a line or at its dash."""
    start = at if text[at : at + 1] == b"-" else max(text.rfind(b"[", max(at - 10, 0), at), 0)
    low, high = unit_run(_LISTED, text, start)
    pieces = Pieces()
    for found in compile_pattern(_LISTED).finditer(text, low, high):
        pieces.put(found[1], *found.span(1))
    return pieces.reading(NAME, low, max(high, at + 1), _LIST)
