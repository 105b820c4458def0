"""The cell of a Jupyter notebook at an offset: its number, part and execution count.

A notebook is JSON with a list of ``cells`` (nbformat 4). It is read only up to the offset, in
chunks of any size. It may be incomplete or invalid: then there is no cell, and never an error.
"""

from __future__ import annotations

import re

from boltz_keyscan.records import dataclass

LIMIT = 64 << 20
"""Bytes after which a blob is not read as a notebook."""

_HELD_BYTES = 8 << 20
"""Bytes that may wait to be read."""

_MAX_DEPTH = 200
"""Nested brackets; real notebooks have a dozen."""

_BLANK = b"\xef\xbb\xbf \t\r\n"
"""The byte order mark, and the white space that JSON allows before an object."""

_WITHIN = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_OUTSIDE = re.compile(rb'["{}\[\]:,]|-?[0-9]++')
_NAMES = {b"source": "source", b"outputs": "output", b"attachments": "attachment", b"metadata": "metadata"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a Jupyter notebook, and a part of it."""

    number: int
    """Counted from 1 over all cells, from the top."""
    part: str
    """``source``, ``output``, ``metadata`` or ``attachment``; empty for any other."""
    execution: int | None
    """The execution count that Jupyter shows in brackets, if the cell has run."""

    @property
    def words(self) -> str:
        """The part and the execution count: ``output [7]``."""
        return self.part + (f" [{self.execution}]" if self.execution is not None else "")


class Cells:
    """A reader of a blob that may be a notebook; it follows the offset."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._seen = 0
        self._ended = False
        """True if the blob is no notebook, or its object has ended."""
        self._open: list[int] = []
        self._within = False
        self._text = b""
        self._rest = b""
        self._fields = [b"", b""]
        """The field last named in the notebook, and in the cell."""
        self._value = False
        """True if the next token is the value of a field."""
        self._number = 0
        self._typed = False
        self._count: int | None = None

    @property
    def here(self) -> Cell | None:
        """The cell at the offset."""
        self._read_held()
        inside = self._open[:3] == [*b"{[{"] and self._fields[0] == b"cells" and self._typed
        if self._ended or not inside:
            return None
        part = _NAMES.get(self._fields[1], "")
        return Cell(self._number, part, self._count if part in ("source", "output") else None)

    def advance(self, passed: bytes) -> None:
        """Take the bytes that follow; they are read when a cell is asked for: few literals lead to a key."""
        if self._ended:
            return
        self._held.append(passed)
        self._held_bytes += len(passed)
        if self._held_bytes > _HELD_BYTES:
            self._read_held()

    def _read_held(self) -> None:
        for passed in self._held:
            if not self._ended:
                self._read(passed)
        self._held.clear()
        self._held_bytes = 0

    def _read(self, passed: bytes) -> None:
        self._seen += len(passed)
        data, at = self._rest + passed, 0
        self._rest = b""
        # A notebook is one JSON object: most blobs are not, and need no further reading.
        first = b"{" if self._open or self._within else data.lstrip(_BLANK)[:1]
        self._ended = self._seen > LIMIT or first not in b"{"
        while not self._ended and at < len(data):
            at = self._string(data, at) if self._within else self._token(data, at)

    def _string(self, data: bytes, at: int) -> int:
        found = _WITHIN.match(data, at)
        end = found.end() if found else at
        if len(self._text) < 20:
            self._text += data[at : min(end, at + 20)]
        if end < len(data) and data[end : end + 1] == b"\\":
            self._rest = b"\\"
            return len(data)
        self._within = end == len(data)
        if not self._within:
            self._end_string()
        return end + 1

    def _end_string(self) -> None:
        """Note the name of a field, if the string that ended is one."""
        depth = len(self._open)
        if not self._value and self._open[-1:] == [ord("{")] and depth in (1, 3):
            self._fields[depth // 2] = self._text
            self._typed |= depth == 3 and self._text == b"cell_type"

    def _token(self, data: bytes, at: int) -> int:
        found = _OUTSIDE.search(data, at)
        if not found:
            return len(data)
        token = found.group()
        if token == b'"':
            self._within, self._text = True, b""
        elif token in b"{[":
            self._open_bracket(token[0])
        elif token in b"}]":
            if self._open:
                self._open.pop()
            self._value = False
            self._ended = not self._open
        elif token in b":,":
            self._value = token == b":"
        elif len(self._open) == 3 and self._fields[1] == b"execution_count" and len(token) < 10:
            self._count = int(token)
        return found.end()

    def _open_bracket(self, bracket: int) -> None:
        self._open.append(bracket)
        self._value = False
        self._ended = len(self._open) > _MAX_DEPTH or self._open[0] != ord("{")
        if self._open == [*b"{[{"] and self._fields[0] == b"cells":
            self._number += 1
            self._typed, self._count, self._fields[1] = False, None, b""
