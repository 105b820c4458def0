"""A blob that is being looked at: which of its bytes were read as members, and what is in the others.

Boundary: keeps account; what a member is, is ``walk``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from boltz_keyscan.model.finding import Detector, Match
from boltz_keyscan.sources.archives.reader import RandomAccess, Reader, read_pieces, uncovered_ranges
from boltz_keyscan.sources.blob import Quota
from boltz_keyscan.sources.signatures import HEAD, checked_marks
from boltz_keyscan.sources.windows import WindowMatcher


@dataclass(slots=True)
class Frame:
    """A blob that is being looked at."""

    chain: tuple[bytes, ...]
    """Its own name, as members."""
    prefix: tuple[bytes, ...]
    """What the names of its members begin with."""
    depth: int
    """Containers around it."""
    is_broken: bool = False
    """Its own bytes end early; that was told."""
    is_uncertain: bool = False
    """Only a signature says that it is a container: what cannot be read of it was none."""
    _covered: list[tuple[int, int]] = field(default_factory=list)
    """From where to where its bytes were read as members."""

    def cover(self, start: int, end: int) -> None:
        """Note some of them."""
        if start < end:
            self._covered.append((start, end))

    def join(self, inner: Frame, start: int) -> int:
        """Take over what was read as a member in the part that begins at ``start``; where that ends."""
        moved = [(start + low, start + high) for low, high in inner._covered]
        self._covered += moved
        return max((high for _, high in moved), default=start)

    def uncovered(self, size: int) -> Iterator[tuple[int, int]]:
        """Yield from where to where its bytes were not read as a member."""
        return uncovered_ranges(self._covered, size)

    def covered(self, offsets: Iterable[int]) -> set[int]:
        """Those offsets at which it was read as a member."""
        self._covered.sort()
        found = set()
        at = reach = 0
        for offset in sorted(offsets):
            while at < len(self._covered) and self._covered[at][0] <= offset:
                reach = max(reach, self._covered[at][1])
                at += 1
            if offset < reach:
                found.add(offset)
        return found


class UncoveredScanner:
    """What of a container's bytes is no member's."""

    def __init__(self, detector: Detector, quota: Quota) -> None:
        self._detector = detector
        self._quota = quota
        self._pieces: WindowMatcher | None = None
        self._next = 0
        self.matches: list[Match] = []
        self.marks: dict[int, str] = {}
        """Where in it an archive begins, and of which format."""

    def feed(self, at: int, chunk: bytes) -> None:
        """Take some bytes; what was taken before is passed over."""
        if self._pieces is not None and at < self._next:
            chunk = chunk[self._next - at :]
            at = self._next
        if self._pieces is None or at != self._next:
            self.finish()
            self._pieces = WindowMatcher(self._detector, at, self._quota)
        self.matches += self._pieces.feed(chunk)
        self._next = max(self._next, at + len(chunk)) if chunk else self._next

    def drain(self, reader: Reader) -> None:
        """Take what is left in a reader that this watches, and look at all that is held."""
        while reader.take():
            pass
        self.finish()

    def finish(self) -> None:
        """Look at what is held still."""
        if self._pieces is not None:
            self.matches += self._pieces.finish()
            self.marks |= self._pieces.marks
            self._pieces = None


def find_marks(space: RandomAccess, ranges: Iterable[tuple[int, int]], detector: Detector) -> dict[int, str]:
    """Return where in these ranges of a space an archive begins, and of which format."""
    found: dict[int, str] = {}
    for start, end in ranges:
        held, at = b"", start
        for piece in read_pieces(space, start, end):
            held += piece
            marks: list[int] = []
            detector.candidate_offsets(held, len(held), marks)
            found.update((at + mark, kind) for mark, kind in checked_marks(held, len(held), marks))
            at += max(len(held) - HEAD, 0)
            held = held[-HEAD:]
    return found
