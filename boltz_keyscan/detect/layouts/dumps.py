"""Numbers in columns: dumps with an offset before and a text behind, and arrays in lines of any width.

The line of a literal gives the form of a cell and the column of the first; neighbouring lines are
read in the same way, up to as many cells as most of them have. Offsets and text are left out.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from boltz_keyscan.detect.decoders import AHEAD, BACK, Reading, Spelling, compile_pattern
from boltz_keyscan.detect.escapes import without
from boltz_keyscan.detect.layouts.cells import CELLS, Cell
from boltz_keyscan.detect.layouts.lines import LINE, Line, line_at, line_break, lines_after, lines_before
from boltz_keyscan.detect.layouts.pieces import Pieces, Places, placed_reading

NAME: Final = "dump"

_SKIPPED: Final = 2
"""Lines of another form that may be between two lines of a dump: ``od -c -t x1``, titles of packets."""

_LONG_RUN: Final = re.compile(rb"[A-Za-z0-9_+/%=&;#\\-]{43}")
"""As many characters as the body of a key has, plain or encoded, without a break."""

_COLOUR: Final = rb"(?:\x1b|\\{1,7}u001b)\[[0-9;]{0,12}m"
_PAIR: Final = 12
"""Bytes in which a colour follows a literal that has one."""

Row = list[re.Match[bytes]]
"""The cells of a line."""

_REST: Final = re.compile(rb"[ \t,;}\])>\\]*[^\s,;}\])>\\]")
"""Text behind the cells of a line."""


def spell(prefix: bytes) -> Iterator[Spelling]:
    """Yield literals of a prefix in dumps and arrays, with the number of the cell's form."""
    for number, cell in enumerate(CELLS):
        yield from ((literal, number) for literal in dict.fromkeys(cell.literals(prefix)))


def read(text: bytes, at: int, phase: int, _low: int) -> Iterator[Reading]:
    """Read the cells of the lines around an offset; ``phase`` is the number of the cell's form."""
    if not compile_pattern(_COLOUR).search(text, at, at + _PAIR):
        yield from _read_plain(text, at, phase)
        return
    low, high = max(at - BACK, 0), min(at + AHEAD, len(text))
    outer = without(NAME, _COLOUR, text, low, high)
    place = len(without(NAME, _COLOUR, text, low, at).data)
    for inner in _read_plain(outer.data, place, phase):
        # Of an empty one too: it saves a second search.
        yield _within(outer, inner)


def _within(outer: Reading, inner: Reading) -> Reading:
    """Return the reading of another one's text as one of the text around both."""
    return Reading(
        NAME,
        inner.data,
        lambda index: outer.start(inner.start(index)),
        lambda index: outer.end(inner.end(index) - 1),
        outer.start(inner.low),
        outer.start(inner.high),
        inner.is_aligned,
        doubt=1,
    )


def _read_plain(text: bytes, at: int, phase: int) -> Iterator[Reading]:
    cell = CELLS[phase]
    ends = line_break(text, at)
    if not cell.separator:
        # ``od -c`` shows line breaks too, in JSON with two backslashes.
        ends = rb'(?<!\\)\\n(?:",[ \t\r\n]{0,60}")?' if ends.startswith(b"(?:") else rb"\r?\n"
    line = line_at(text, at, ends)
    cells = compile_pattern(cell.pattern).finditer(text, *line)
    # The first whole one: a literal may begin within a cell.
    first = next((found for found in cells if found.end() > at), None)
    size = len(first[1]) if first and cell.is_sized else 0
    own_rows = list(_rows(cell, text, line, size))
    own = next((row for row in own_rows if row[-1].end() > at), None)
    if first is None or own is None or own[0].start() > at:
        # An empty one saves a second search.
        yield Pieces().reading(NAME, at, own[0].start() if own else line[1], phase)
        return
    if line[1] - line[0] > LINE:
        # All rows of a long line: reading it again for each would take its length squared.
        yield _read_rows(cell, phase, own_rows, b"\n")
        return
    lead = text[line[0] : own[0].start()]
    before = lines_before(text, at, line[0], ends)
    after = lines_after(text, at, line[1], ends)
    rows = [*reversed(_neighbours(cell, text, lead, size, before)), own]
    rows += _neighbours(cell, text, lead, size, after)
    if cell.is_sized:
        _cut_offsets(rows)
    _cut_text(text, rows)
    yield _read_rows(cell, phase, rows, b"")


def _read_rows(cell: Cell, phase: int, rows: list[Row], between: bytes) -> Reading:
    """Return the reading of the cells of rows; places are made only for a text with a key."""
    low, high = rows[0][0].start(), rows[-1][-1].end()
    values = [_values(cell, row) for row in rows]
    data = between.join(map(b"".join, values)) + between
    if not _LONG_RUN.search(data.replace(b"\0", b"")):
        return Pieces().reading(NAME, low, high, phase)
    find_places = functools.partial(_places, cell, rows, values, len(between))
    return placed_reading(NAME, data, (low, high), find_places, phase)


def _values(cell: Cell, row: Row) -> list[bytes]:
    """Return the bytes of each cell of a row, or of all of them where each digit has its place."""
    if cell.step:
        return [cell.value(b"".join([found[1] for found in row]))]
    return [cell.value(found[1]) for found in row]


def _places(cell: Cell, rows: list[Row], values: list[list[bytes]], between: int) -> Places:
    """Return the start and the end in the text of each byte of rows, with ``between`` bytes after each."""
    begins: list[int] = []
    stops: list[int] = []
    for row, own in zip(rows, values, strict=True):
        if cell.step:
            for found in row:
                begin, stop = found.span(1)
                begins.extend(range(begin, stop, cell.step))
                stops.extend(range(begin + cell.step, stop + 1, cell.step))
        else:
            for found, value in zip(row, own, strict=True):
                begins += [found.start(1)] * len(value)
                stops += [found.end(1)] * len(value)
        begins += [row[-1].end()] * between
        stops += [row[-1].end()] * between
    return begins, stops


def _rows(cell: Cell, text: bytes, line: Line, size: int) -> Iterator[Row]:
    """Yield the runs of cells in a line; the last cell of one may be smaller than the others."""
    cells = compile_pattern(cell.pattern)
    run_of_cells = b"(?>%b)(?:%b(?>%b))*+" % (cell.pattern, cell.separator, cell.pattern)
    for run in compile_pattern(run_of_cells).finditer(text, *line):
        found = list(cells.finditer(text, *run.span()))
        if not size or all(len(each[1]) == size for each in found):
            yield found
        else:
            yield from _sized(found, size)


def _sized(cells: Iterable[re.Match[bytes]], size: int) -> Iterator[Row]:
    """Yield the runs of cells with as many digits; the last of one may have fewer."""
    row: Row = []
    for found in cells:
        if row and (len(found[1]) > len(row[-1][1]) or len(row[-1][1]) < size):
            yield row
            row = []
        if len(found[1]) <= size:
            row.append(found)
    if row:
        yield row


def _neighbours(cell: Cell, text: bytes, lead: bytes, size: int, lines: Iterable[Line]) -> list[Row]:
    """Return the rows of neighbouring lines that are laid out in the same way, the nearest first."""
    rows: list[Row] = []
    skipped = 0
    for line in lines:
        row = next(
            (
                row
                for row in _rows(cell, text, line, size)
                if _is_alike(text[line[0] : row[0].start()], lead)
                or not _REST.match(text, row[-1].end(), line[1])
            ),
            None,
        )
        skipped = 0 if row else skipped + 1
        if skipped > _SKIPPED:
            break
        if row:
            rows.append(row)
    return rows


def _is_alike(lead: bytes, other: bytes) -> bool:
    """Return True if cells that begin after one beginning of a line may continue those after another."""
    return (
        len(lead) == len(other)
        or len(lead.rstrip()) == len(other.rstrip())
        or (len(other) > 1 and lead[-2:] == other[-2:])
    )


def _cut_text(text: bytes, rows: list[Row]) -> None:
    """Remove cells that are part of the text behind: a line has as many as most lines with such a text."""
    beside = [row for row in rows if _REST.match(text, row[-1].end())]
    if 2 * len(beside) > len(rows):
        counts = Counter(map(len, beside[:-1] or beside)).most_common()
        width = min(count for count, times in counts if times == counts[0][1])
        for row in beside:
            del row[width:]


def _cut_offsets(rows: list[Row]) -> None:
    """Remove the first cell of all rows if these are offsets: each is greater by the size of a row."""
    offsets = [int(row[0][1], 16) for row in rows]
    steps = {after - before for before, after in itertools.pairwise(offsets)}
    size = sum(len(found[1]) for found in rows[0][1:]) // 2
    if len(steps) == 1 and 0 < steps.pop() <= size:
        for row in rows:
            del row[0]
        rows[:] = filter(None, rows)
