"""The exact pass over bytes that come once and may be many: piece by piece.

Looking at each byte for each encoding takes a hundred times as long as the fast pass. So
that one is made over each piece, and the exact one over the pieces in which it sees something.

Boundary: what ``Detector.find`` says of the whole, without holding the whole; tested
against it. Only the cell of a notebook is lost, beyond the first of its pieces.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from boltz_keyscan.errors import FloodError
from boltz_keyscan.model import Detector, Match
from boltz_keyscan.sources.magic import HEAD, sound

PIECE = 4 << 20
"""Bytes looked at together. Shorter blobs are looked at whole, so nearly all are."""

MARGIN = 32 << 10
"""Bytes of its surroundings that a key keeps, on both sides, where a long blob is cut."""

_NOTEBOOK = b'"cells"'
"""Jupyter sorts the fields of a notebook, so this is the first."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CONTINUATION = bytes(range(0x80, 0xC0))
_NOT_ASTRAL = bytes(range(0xF0))


def matches(detector: Detector, chunks: Iterable[bytes]) -> Iterator[Match]:
    """The keys of one blob in order, as ``Detector.find`` has them.

    Raises:
        FloodError: after the last key, when not all that may hide one was looked at.
    """
    pieces = Pieces(detector)
    chunks = iter(chunks)
    head = next(chunks, b"")
    chunks = itertools.chain([head], chunks)
    if _NOTEBOOK in head[:HEAD]:
        # Its cells are counted from its beginning.
        yield from detector.find(chunks)
        return
    for chunk in chunks:
        yield from pieces.feed(chunk)
    yield from pieces.finish()
    if pieces.flooded:
        raise FloodError


@dataclass(slots=True)
class Pieces:
    """Matches of one blob, fed in chunks."""

    detector: Detector
    base: int = 0
    """Where in its blob the held piece begins."""
    flooded: bool = False
    """Whether not all was looked at that may hide a key."""
    marks: dict[int, str] = field(default_factory=dict)
    """Where in its blob an archive begins, and of which format."""
    _held: bytearray = field(default_factory=bytearray)
    _first: bool = True
    _lines: int = 0
    _characters: int = 0
    _units: int = 0

    def feed(self, chunk: bytes) -> Iterator[Match]:
        """More bytes; the matches that are certain by now."""
        self._held += chunk
        while len(self._held) >= PIECE + 2 * MARGIN:
            rest = self._held[PIECE + 2 * MARGIN :]
            del self._held[PIECE + 2 * MARGIN :]
            yield from self._look(len(self._held) - MARGIN)
            self._pass(len(self._held) - 2 * MARGIN)
            self._held += rest

    def finish(self) -> Iterator[Match]:
        """The remaining matches."""
        yield from self._look(len(self._held))
        self._held.clear()

    def _look(self, high: int) -> Iterator[Match]:
        low = 0 if self._first else MARGIN
        marks: list[int] = []
        offsets = self.detector.sniff(self._held, len(self._held), marks)
        self.marks.update((self.base + at, kind) for at, kind in sound(self._held, len(self._held), marks))
        if not offsets:
            return
        try:
            for match in self.detector.find([bytes(self._held)]):
                if low <= match.offset < high:
                    yield self._moved(match) if self.base else match
        except FloodError:
            self.flooded = True

    def _moved(self, match: Match) -> Match:
        """A match as it stands in the whole; its cell is not known, for that begins before."""
        first = match.line == 1
        return replace(
            match,
            offset=match.offset + self.base,
            line=match.line + self._lines,
            column=match.column + (self._characters if first else 0),
            column_utf16=match.column_utf16 + (self._units if first else 0),
            cell=None,
            cell_part=None,
        )

    def _pass(self, count: int) -> None:
        """Count the lines and columns of what is let go."""
        passed = bytes(self._held[:count])
        del self._held[:count]
        if self._first and passed.startswith(_BYTE_ORDER_MARK):
            self._characters = self._units = -1
        self._first = False
        self.base += count
        breaks = passed.count(b"\n")
        if breaks:
            self._lines += breaks
            self._characters = self._units = 0
            passed = passed[passed.rindex(b"\n") + 1 :]
        if passed.isascii():
            # Twenty times as fast, and what a bomb is made of.
            self._characters += len(passed)
            self._units += len(passed)
            return
        characters = len(passed.translate(None, _CONTINUATION))
        self._characters += characters
        self._units += characters + len(passed.translate(None, _NOT_ASTRAL))
