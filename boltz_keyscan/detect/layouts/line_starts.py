"""Lines that each begin with a time, a number, a name or a mark, which their neighbours show.

Two neighbouring lines are compared part by part: numbers with numbers, blanks with blanks, anything
else with the same. What they have in common up to the last sign that no key or base64 has is their
beginning. Lines with another beginning, as of another container, are left out.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Final

from boltz_keyscan.detect.decoders import BACK, Reading
from boltz_keyscan.detect.layouts.lines import Line, line_at, line_break, lines_after, lines_before
from boltz_keyscan.detect.layouts.pieces import Pieces

NAME: Final = "lines"

_BEGINNING: Final = 200
"""Bytes of the longest beginning."""

_SKIPPED: Final = 8
"""Lines of another beginning that may be between two lines."""

_READINGS: Final = 3
"""Beginnings that are tried: two neighbours may share more or less by chance."""

_SIGNS: Final = b"+->|#*"
"""Marks that alone may be a beginning: of changes, quotes and comments."""

_PARTS: Final = (
    re.compile(rb"(\\u[0-9A-Fa-f]{4}|\\{1,7}t|\^I)|([0-9]+)|([ \t]+)|([A-Za-z]+)|(.)", re.DOTALL),
    re.compile(rb"(\\u[0-9A-Fa-f]{4}|\\{1,7}t|\^I)|((?!))|([ \t]+)|([A-Za-z0-9]+)|(.)", re.DOTALL),
)
"""Parts of a beginning: an escape, a number, blanks, a word, any other sign. In the second, words differ."""

_PAYLOAD: Final = frozenset(b"+/=_-")
"""Signs that a key or base64 has."""


_RUN: Final = re.compile(rb"[A-Za-z0-9_+/%=&;#\\-]{17}")
"""More characters than the text beside a dump has, whose lines ``dumps`` reads."""


def read(text: bytes, at: int, _phase: int, _low: int) -> Iterator[Reading]:
    """Read the lines around an offset without their beginnings."""
    ends = line_break(text, at)
    start, end = line_at(text, at, ends)
    if ends.startswith(b"(?:\\\\"):
        start = max(start, text.rfind(b'"', start, at) + 1)
    after = list(itertools.islice(lines_after(text, at, end, ends), 2))
    before = list(itertools.islice(lines_before(text, at, start, ends), 1))
    seen: list[list[Line]] = []
    # Of a long line the beginning is not in the window: those behind it show it.
    is_long = _is_cut(text, start, at)
    one, others = (after[0], after[1:]) if is_long and len(after) > 1 else ((start, end), after[:1])
    for pattern in _common_beginnings(text, one, [*others, *before]):
        back = _without(text, pattern, lines_before(text, at, start, ends))
        if before and not back and _is_cut(text, before[0][0], at):
            back = before
        lines = [*reversed(back), *([(start, end)] if is_long else _without(text, pattern, [(start, end)]))]
        lines += _without(text, pattern, lines_after(text, at, end, ends))
        if lines in seen:
            continue
        seen.append(lines)
        pieces = Pieces()
        for begin, stop in lines:
            if pieces.data:
                pieces.put(b"\n", begin, begin)
            pieces.add(text, begin, stop)
        if not _RUN.search(pieces.data.replace(b"\0", b"")):
            pieces = Pieces()
        yield pieces.reading(
            NAME, min([start, *(low for low, _ in lines)]), max([end, *(high for _, high in lines)])
        )
    if not seen:
        yield Pieces().reading(NAME, start, max(end, at + 1))


def _is_cut(text: bytes, start: int, at: int) -> bool:
    """Return True for the start of the window around an offset that is not the start of a line."""
    return 0 < start == at - BACK and text[start - 1 : start] != b"\n"


def _without(text: bytes, pattern: re.Pattern[bytes], lines: Iterable[Line]) -> list[Line]:
    """Return the lines that begin so, without their beginnings."""
    rests: list[Line] = []
    skipped = 0
    for start, end in lines:
        # The first line of a string begins at its quote.
        quoted = text.rfind(b'"', start, end) + 1
        if found := pattern.match(text, start, end) or pattern.match(text, quoted or start, end):
            rests.append((found.end(), end))
            skipped = 0
        elif (skipped := skipped + 1) > _SKIPPED:
            break
    return rests


def _common_beginnings(text: bytes, line: Line, others: list[Line]) -> list[re.Pattern[bytes]]:
    """Return patterns of the beginning that a line shares with its neighbours, a few at most."""
    patterns: dict[bytes, None] = {}
    one = text[line[0] : min(line[1], line[0] + _BEGINNING)]
    for begin, stop in others:
        other = text[begin : min(stop, begin + _BEGINNING)]
        found = [pattern for parts in _PARTS if (pattern := _compare(parts, one, other))]
        if not found and one[:1] == other[:1] and one[:1] and one[:1] in _SIGNS:
            found = [re.escape(one[:1])]
        patterns.update(dict.fromkeys(found))
    return [re.compile(pattern) for pattern in [*patterns][:_READINGS]]


def _compare(parts: re.Pattern[bytes], one: bytes, other: bytes) -> bytes:
    """Return the pattern of the common beginning of two lines; empty for none, or for blanks alone."""
    pattern: list[bytes] = []
    size = 0
    is_blank = True
    for first, second in zip(parts.finditer(one), parts.finditer(other), strict=False):
        kind = first.lastindex or 0
        if kind != second.lastindex:
            break
        match kind:
            case 2:
                pattern.append(rb"[0-9]+")
            case 3:
                pattern.append(rb"[ \t]+")
            case 4 if parts is _PARTS[1]:
                pattern.append(rb"[A-Za-z0-9]+")
            case _ if first[0] == second[0]:
                pattern.append(re.escape(first[0]))
            case _:
                break
        is_blank = is_blank and kind == 3
        if not is_blank and (kind in (1, 3) or (kind == 5 and first[0][0] not in _PAYLOAD)):
            size = len(pattern)
    return b"".join(pattern[:size])
