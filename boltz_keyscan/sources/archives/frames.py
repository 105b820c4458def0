"""Account of the bytes of a container that were read as members, and scan of the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from boltz_keyscan.model.finding import Detector, Match
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.archives.reader import RandomAccess, Reader, read_pieces, uncovered_ranges
from boltz_keyscan.sources.blob import Quota
from boltz_keyscan.sources.signatures import HEAD, checked_marks
from boltz_keyscan.sources.windows import WindowMatcher


@dataclass(slots=True)
class Frame:
    """A blob that is being scanned."""

    chain: tuple[bytes, ...]
    """Its own name, as archive members."""
    prefix: tuple[bytes, ...]
    """Prefix of the names of its members."""
    depth: int
    """Containers around it."""
    is_broken: bool = False
    """Its own bytes end early, which was reported."""
    is_uncertain: bool = False
    """Only a signature indicates a container: unreadable bytes are no gap."""
    stays_uncertain: bool = False
    """Nor does content confirm it."""
    _covered: list[tuple[int, int]] = field(default_factory=list)
    """Ranges of its bytes that were read as members."""

    def cover(self, start: int, end: int) -> None:
        """Record a range of bytes that was read as a member."""
        if start < end:
            self._covered.append((start, end))

    def join(self, inner: Frame, start: int) -> int:
        """Add the ranges of a part that begins at ``start``; return the end of the last one."""
        ranges = [(start + low, start + high) for low, high in inner._covered]
        self._covered += ranges
        return max((high for _, high in ranges), default=start)

    def uncovered(self, size: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges of its bytes that were not read as a member."""
        return uncovered_ranges(self._covered, size)

    def covered(self, offsets: Iterable[int]) -> set[int]:
        """Return the offsets inside the ranges that were read as members."""
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
    """A scan of the bytes of a container that belong to no member."""

    def __init__(self, detector: Detector, quota: Quota) -> None:
        self._detector = detector
        self._quota = quota
        self._matcher: WindowMatcher | None = None
        self._next = 0
        self.matches: list[Match] = []
        self.marks: dict[int, str] = {}
        """Formats of the archives that begin in it, by offset."""

    def feed(self, at: int, chunk: bytes) -> None:
        """Scan some bytes, except those scanned before."""
        if self._matcher is not None and at < self._next:
            chunk = chunk[self._next - at :]
            at = self._next
        if self._matcher is None or at != self._next:
            self.finish()
            self._matcher = WindowMatcher(self._detector, at, self._quota)
        self.matches += self._matcher.feed(chunk)
        self._next = max(self._next, at + len(chunk)) if chunk else self._next

    def drain(self, reader: Reader) -> None:
        """Read the rest of a reader that feeds this scan, and finish."""
        while reader.take():
            pass
        self.finish()

    def finish(self) -> None:
        """Scan the bytes still held."""
        if self._matcher is not None:
            self.matches += self._matcher.finish()
            self.marks |= self._matcher.marks
            self._matcher = None


def find_marks(space: RandomAccess, ranges: Iterable[tuple[int, int]], detector: Detector) -> dict[int, str]:
    """Return the formats of the archives that begin in ranges of a space, by offset."""
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
