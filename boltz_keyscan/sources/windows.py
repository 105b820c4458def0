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

from boltz_keyscan.columns import Ruler
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Admits, Detector, Match
from boltz_keyscan.sources.signatures import HEAD, checked_marks

WINDOW_BYTES = 4 << 20
"""Bytes looked at together. Shorter blobs are looked at whole, so nearly all are."""

MARGIN_BYTES = 32 << 10
"""Bytes of its surroundings that a key keeps, on both sides, where a long blob is cut."""

_NOTEBOOK = b'"cells"'
"""Jupyter sorts the fields of a notebook, so this is the first."""


def find_matches(
    detector: Detector, chunks: Iterable[bytes], admits: Admits | None = None
) -> Iterator[Match]:
    """The keys of one blob in order, as ``Detector.find`` has them."""
    pieces = WindowMatcher(detector, admits=admits)
    chunks = iter(chunks)
    head = next(chunks, b"")
    chunks = itertools.chain([head], chunks)
    if _NOTEBOOK in head[:HEAD]:
        # Its cells are counted from its beginning.
        yield from detector.find(chunks, admits)
        return
    for chunk in chunks:
        yield from pieces.feed(chunk)
    yield from pieces.finish()


@dataclass(slots=True)
class WindowMatcher:
    """Matches of one blob, fed in chunks."""

    detector: Detector
    base: int = 0
    """Where in its blob the held piece begins."""
    admits: Admits | None = None
    """The choice of the matches that are wanted; all are without it."""
    marks: dict[int, str] = field(default_factory=dict)
    """Where in its blob an archive begins, and of which format."""
    _held: bytearray = field(default_factory=bytearray)
    _first: bool = True
    _ruler: Ruler = field(default_factory=Ruler)

    def feed(self, chunk: bytes) -> Iterator[Match]:
        """More bytes; the matches that are certain by now."""
        self._held += chunk
        while len(self._held) >= WINDOW_BYTES + 2 * MARGIN_BYTES:
            rest = self._held[WINDOW_BYTES + 2 * MARGIN_BYTES :]
            del self._held[WINDOW_BYTES + 2 * MARGIN_BYTES :]
            yield from self._look(len(self._held) - MARGIN_BYTES)
            self._pass(len(self._held) - 2 * MARGIN_BYTES)
            self._held += rest

    def finish(self) -> Iterator[Match]:
        """The remaining matches."""
        yield from self._look(len(self._held))
        self._held.clear()

    def _look(self, high: int) -> Iterator[Match]:
        low = 0 if self._first else MARGIN_BYTES
        marks: list[int] = []
        offsets = self.detector.candidate_offsets(self._held, len(self._held), marks)
        self.marks.update(
            (self.base + at, kind) for at, kind in checked_marks(self._held, len(self._held), marks)
        )
        if not offsets:
            return

        def admits(offset: int, rule_id: str, shape: Shape, fingerprint: str, *, commented: bool) -> bool:
            # What is in the margins is another piece's.
            return low <= offset < high and (
                self.admits is None or self.admits(offset, rule_id, shape, fingerprint, commented=commented)
            )

        for match in self.detector.find([bytes(self._held)], admits):
            yield self._moved(match) if self.base else match

    def _moved(self, match: Match) -> Match:
        """A match as it is in the whole; its cell is not known, for that begins before."""
        before = self._ruler.place(match.decoded[0] if match.decoded else "")
        first = match.line == 1
        return replace(
            match,
            offset=match.offset + self.base,
            line=match.line + before.line,
            column=match.column + (before.characters if first else 0),
            column_utf16=match.column_utf16 + (before.units if first else 0),
            cell=None,
            cell_part=None,
        )

    def _pass(self, count: int) -> None:
        """Count the lines and columns of what is let go."""
        passed = bytes(self._held[:count])
        del self._held[:count]
        if self._first:
            self._ruler.begin(passed)
        self._first = False
        self.base += count
        self._ruler.advance(passed)
