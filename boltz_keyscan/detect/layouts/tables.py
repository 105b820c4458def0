"""Cells of tables whose text is wrapped over several lines, with or without borders."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

from boltz_keyscan.detect.decoders import Reading, compile_pattern
from boltz_keyscan.detect.layouts.lines import Line, line_at, line_break, lines_after, lines_before
from boltz_keyscan.detect.layouts.pieces import Pieces

NAME: Final = "table"

_ROWS: Final = 64
"""Lines of the longest wrapped cell."""

_BORDER: Final = rb"\xe2\x94[\x82\x83]|\xe2\x95\x91|\\{1,7}u25(?:0[23]|51)|\|"
_WRAPPED: Final = (b".", b"\xe2\x80\xa6")
"""psql's marks of a text that continues, at its end and at the beginning of the rest."""
_MARKS: Final = b" \t+\r" + b"".join(_WRAPPED)
"""Blanks and marks around the text of a cell."""


def read(text: bytes, at: int, _phase: int, _low: int) -> Iterator[Reading]:
    """Read the cell at an offset, over the lines that it is wrapped in."""
    pieces = Pieces()
    ends = line_break(text, at)
    line = line_at(text, at, ends)
    low, high = line[0], max(line[1], at + 1)
    cells = _cells(text, line)
    before = lines_before(text, at, line[0], ends)
    after = lines_after(text, at, line[1], ends)
    if len(cells) > 1:
        index = next((number for number, (_, stop) in enumerate(cells) if at < stop), 0)
        parts = [*reversed(_column(text, before, index, cells, is_up=True)), cells[index]]
        parts += _column(text, after, index, cells, is_up=False)
    else:
        parts = list(_aligned(text, at, line, after))
        # Two short lines that follow each other are no table, unless a program filled them with blanks.
        is_alone = len(parts) == 2 and text[line[0] : line[1]].strip() == text[slice(*parts[0])]
        if is_alone and not _is_filled_up(text, line, parts[1]):
            parts = []
    for begin, stop in parts if len(parts) > 1 else ():
        inner = text[begin:stop]
        size = len(inner.strip(_MARKS))
        first = begin + len(inner) - len(inner.lstrip(_MARKS))
        pieces.add(text, first, first + size)
        low, high = min(low, begin), max(high, stop)
    yield pieces.reading(NAME, low, high)


def _is_filled_up(text: bytes, line: Line, following: Line) -> bool:
    """Return True if a line ends with blanks, up to the width of the line of a following part."""
    begin, stop = text.rfind(b"\n", line[0], following[0]), text.find(b"\n", following[1])
    return text[line[1] - 1 : line[1]] == b" " and stop - begin - 1 == line[1] - line[0] > 0


def _cells(text: bytes, line: Line) -> list[Line]:
    """Return the cells of a line between its borders, with the text before the first and after the last."""
    borders = [found.span() for found in compile_pattern(_BORDER).finditer(text, *line)]
    starts = [line[0], *(end for _, end in borders)]
    return list(zip(starts, [*(start for start, _ in borders), line[1]], strict=True))


def _column(text: bytes, lines: Iterable[Line], index: int, cells: list[Line], *, is_up: bool) -> list[Line]:
    """Return the cells of a column in the other lines of a row, going up or down from its line.

    A line continues a row if a cell of it is empty that the line before has; unless all are empty. A cell
    that is empty in one line of a row is empty in those below: text begins in the next row.
    """
    parts: list[Line] = []
    last = nearest = _filled(text, cells)
    upper_cells = lower_cells = cells
    for line in itertools.islice(lines, _ROWS):
        other = _cells(text, line)
        filled = _filled(text, other)
        upper, lower = (filled, last) if is_up else (last, filled)
        is_below = nearest <= filled if is_up else filled <= nearest
        is_continued = is_below and (bool(upper - lower) or upper == lower == {index})
        if len(other) != len(cells) or index not in filled:
            break
        upper_cells, lower_cells = (other, upper_cells) if is_up else (lower_cells, other)
        if not is_continued and not _is_marked(text, upper_cells[index], lower_cells[index]):
            break
        parts.append(other[index])
        nearest = filled
        last = filled if is_up else last | filled
    return parts


def _is_marked(text: bytes, upper: Line, lower: Line) -> bool:
    """Return True if marks join the text of two cells."""
    above, below = text[slice(*upper)].rstrip(b" "), text[slice(*lower)].lstrip(b" ")
    return any(above.endswith(mark) and below.startswith(mark) for mark in _WRAPPED)


def _filled(text: bytes, cells: list[Line]) -> set[int]:
    return {number for number, (start, stop) in enumerate(cells) if text[start:stop].strip(_MARKS)}


def _aligned(text: bytes, at: int, line: Line, lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the words in the column of an offset, which continue it.

    The columns before it are empty in them; if there are none, all words but the last have one width.
    """
    start = at
    while start > line[0] and text[start - 1 : start] not in b" \t":
        start -= 1
    column, width = start - line[0], 0
    is_first = not text[line[0] : start].strip()
    for begin, stop in itertools.chain([line], itertools.islice(lines, _ROWS)):
        place = begin + column
        word = compile_pattern(rb"[^ \t\r\n]+").match(text, place, stop)
        is_continued = begin == line[0] or is_first or not text[begin:place].strip()
        if not word or not is_continued or (is_first and width and len(word[0]) > width):
            return
        yield word.span()
        if is_first and width and len(word[0]) < width:
            return
        width = max(width, len(word[0]))
