"""Lines of a text around an offset, also where line breaks are written as escapes in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from boltz_keyscan.detect.decoders import AHEAD, BACK, compile_pattern, compile_reversed

LINE: Final = 1 << 12
"""Bytes of a line that are read."""

_ESCAPED: Final = rb'(?:\\{1,7}r)?\\{1,7}n(?:",[ \t\r\n]{0,60}")?'
_REAL: Final = rb"\r?\n"

Line = tuple[int, int]
"""Start and end of a line, without its break."""


def line_break(text: bytes, at: int) -> bytes:
    """Return the pattern of the line breaks around an offset: escaped ones, or real ones."""
    low = text.rfind(b"\n", max(at - BACK, 0), at) + 1
    high = text.find(b"\n", at, at + AHEAD)
    end = high if high >= 0 else min(len(text), at + AHEAD)
    if compile_pattern(rb"\\n").search(text, max(low, at - LINE), min(end, at + LINE)):
        return _ESCAPED
    return _REAL


def line_at(text: bytes, at: int, pattern: bytes) -> Line:
    """Return the line around an offset."""
    before = compile_reversed(pattern).search(text, max(at - BACK, 0), at)
    after = compile_pattern(pattern).search(text, at, at + AHEAD)
    start = before.end() if before else max(at - BACK, 0)
    return start, after.start() if after else min(len(text), at + AHEAD)


def lines_after(text: bytes, at: int, end: int, pattern: bytes) -> Iterator[Line]:
    """Yield the lines after the one around an offset, which ends at ``end``."""
    limit = min(at + AHEAD, len(text))
    while found := compile_pattern(pattern).match(text, end, limit):
        start = found.end()
        following = compile_pattern(pattern).search(text, start, limit)
        end = following.start() if following else limit
        if end == start and not following:
            return
        yield start, end


def lines_before(text: bytes, at: int, start: int, pattern: bytes) -> Iterator[Line]:
    """Yield the lines before the one around an offset, which starts at ``start``; the nearest first."""
    limit = max(at - BACK, 0)
    backwards = compile_reversed(pattern)
    while found := backwards.match(text, limit, start):
        end = found.start()
        preceding = backwards.search(text, limit, end)
        start = preceding.end() if preceding else limit
        yield start, end
        if not preceding:
            return
