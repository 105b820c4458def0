"""Account of the bytes of a container that were read as members, and scan of the others."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from boltz_keyscan.model.finding import Detector, Match
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.archives.content import Member
from boltz_keyscan.sources.archives.limits import BudgetExceededError, ContainerError, Meter
from boltz_keyscan.sources.archives.reader import RandomAccess, Reader, read_pieces, uncovered_ranges
from boltz_keyscan.sources.blob import Quota
from boltz_keyscan.sources.signatures import HEAD, checked_marks
from boltz_keyscan.sources.windows import WindowMatcher

_BATCH_BYTES = 1 << 20
"""Bytes of pieces that are searched together."""

_MAX_NAME_BYTES = 4096
"""Bytes of a member's name at most."""

_MAX_SHORT_BYTES = 64 << 10
"""Bytes of a run that is searched together with others, at most."""

_MAX_BETWEEN_BYTES = 32 << 10
"""Bytes between two ranges, up to which both are read at once."""

_LONG_SIGNATURES = frozenset(
    {
        "7z",
        "xz",
        "bzip2",
        "rar",
        "cab",
        "lzip",
        "dmg",
        "an installer made by NSIS",
        "nsis",
        "flood",
        "leveldb",
    }
)
"""Formats whose signature is long or has a checksum, so that it does not occur by chance."""

_Label = TypeVar("_Label")


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
    links: tuple[str, ...] = ()
    """Encodings and formats that lead to it, from the outermost encoding on."""
    _covered: list[tuple[int, int]] = field(default_factory=list)
    """Ranges of its bytes that were read as members."""
    _doubtful: list[tuple[int, int]] = field(default_factory=list)
    """Ranges of members that end early: a decompressor accepts other bytes for a while before it fails."""
    _last: Frame | None = None
    """Its last member."""
    restated: set[str] = field(default_factory=set)
    """Fingerprints of the keys in its records, which its bytes may show as well, at unknown offsets."""
    has_records: bool = False
    """True once a record of it was scanned."""
    is_repeated: bool = False
    """Its bytes were scanned as records too: what is unreadable in it is no gap."""

    def prefix_of(self, member: Member) -> tuple[bytes, ...]:
        """Return the name of a member of it."""
        return self.prefix if member.implied else (*self.prefix, member.name[:_MAX_NAME_BYTES])

    def part(self) -> Frame:
        """Return the frame of a container embedded in it."""
        inner = Frame(self.chain, self.prefix, self.depth, links=self.links)
        inner.is_repeated = self.is_repeated or self.has_records
        inner.restated = self.restated if inner.is_repeated else set()
        return inner

    def member(self, chain: tuple[bytes, ...], prefix: tuple[bytes, ...]) -> Frame:
        """Return the frame of a member of it; see ``chain`` and ``prefix``."""
        inner = Frame(chain, prefix, self.depth + 1)
        if self.is_repeated:
            inner.is_repeated, inner.restated = True, self.restated
        self._last = inner
        return inner

    @property
    def has_failed(self) -> bool:
        """True if its last member ended early, before it proved that a container is here."""
        return self._last is not None and self._last.is_broken and self._last.is_uncertain

    def cover(self, start: int, end: int, *, is_stored: bool = False) -> None:
        """Record a range of bytes that was read as the last member.

        Args:
            start: offset of its first byte.
            end: offset behind its last byte.
            is_stored: the member, or its name, has these bytes unchanged.
        """
        if start < end:
            if not is_stored and self._last is not None and self._last.is_broken:
                self._doubtful.append((start, end))
            # The archives that begin in other broken members are reported by a gap.
            if is_stored or not self.has_failed:
                self._covered.append((start, end))

    def doubt(self, kind: str) -> None:
        """Set the certainty of a container of some format that begins here by its signature."""
        self.is_uncertain = kind not in _LONG_SIGNATURES
        # An uncompressed block of zstd is any bytes, and no reader looks for zstd behind others.
        self.stays_uncertain = kind == "zstd"

    @property
    def end(self) -> int:
        """The end of the last range that was read as a member."""
        return max((end for _, end in (*self._covered, *self._doubtful)), default=0)

    def join(self, inner: Frame, start: int) -> tuple[int, int]:
        """Add the ranges of a part at ``start``; return the start of the first and the end of the last."""
        covered, doubtful = (
            [(start + low, start + high) for low, high in ranges]
            for ranges in (inner._covered, inner._doubtful)
        )
        self._covered += covered
        self._doubtful += doubtful
        ranges = covered + doubtful
        return min(ranges, default=(start,))[0], max((high for _, high in ranges), default=start)

    def uncovered(self, size: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges of its bytes that were not read as a member."""
        return uncovered_ranges(self._covered, size)

    def covered(self, offsets: Iterable[int]) -> set[int]:
        """Return the offsets inside the ranges that were read as members."""
        return _find_within(self._covered, offsets)

    def read_whole(self, offsets: Iterable[int]) -> set[int]:
        """Return the offsets inside the ranges whose members were read to their ends."""
        covered = self.covered(offsets)
        return covered - _find_within(self._doubtful, covered)


def _find_within(ranges: list[tuple[int, int]], offsets: Iterable[int]) -> set[int]:
    ranges.sort()
    found = set()
    at = reach = 0
    for offset in sorted(offsets):
        while at < len(ranges) and ranges[at][0] <= offset:
            reach = max(reach, ranges[at][1])
            at += 1
        if offset < reach:
            found.add(offset)
    return found


class GapList:
    """The gaps of one outermost container: members, reason and detail of each."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._found: list[tuple[tuple[bytes, ...], str, str]] = []
        self._omitted = 0

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[tuple[tuple[bytes, ...], str, str]]:
        return iter(self._found)

    def add(self, error: ContainerError, frame: Frame) -> None:
        """Add a gap, unless it follows from one reported before."""
        is_over = isinstance(error, BudgetExceededError)
        if self._meter.is_exhausted or (frame.is_broken and not is_over):
            return
        if (frame.is_uncertain or frame.is_repeated) and error.reason == "corrupt-container":
            return
        self._meter.is_exhausted = is_over
        if len(self._found) < self._meter.limits.gaps or is_over:
            detail = f"in {' > '.join(frame.links)}: {error.detail}" if frame.links else error.detail
            self._found.append((frame.chain, error.reason, detail))
        else:
            self._omitted += 1

    def withdraw_corrupt(self, first: int) -> bool:
        """Remove the gaps for damaged containers from the one at index ``first`` on; True if any was one."""
        later = self._found[first:]
        self._found[first:] = [gap for gap in later if gap[1] != "corrupt-container"]
        return len(self._found) < first + len(later)

    def finish(self, quota: Quota) -> None:
        """Add the gaps for those that were only counted, and for keys."""
        if self._omitted:
            self._found.append(((), "more-gaps", f"{self._omitted} more parts of it were not scanned"))
        self._found += (((), gap.reason, gap.detail) for gap in quota.gaps(""))


class Batch(Generic[_Label]):
    """Short pieces of bytes, searched together: one by one, the calls take longer than the search."""

    def __init__(self, detector: Detector, scan: Callable[[bytes, _Label, list[int] | None], None]) -> None:
        """Start empty.

        Args:
            detector: the detector of the fast pass.
            scan: callback with each piece in which that pass finds something, in order: the piece, its
                label, and None where a key may be in it, else the offsets of signatures.
        """
        self._detector = detector
        self._scan = scan
        self._pieces: list[tuple[bytes, _Label]] = []
        self._bytes = 0

    def add(self, piece: bytes, label: _Label) -> None:
        """Add a piece and its label."""
        self._pieces.append((piece, label))
        self._bytes += len(piece) + 1
        if self._bytes > _BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Search the pieces added so far."""
        pieces, self._pieces, self._bytes = self._pieces, [], 0
        joined = b"\0".join(piece for piece, _ in pieces)
        marks: list[int] = []
        candidates = self._detector.candidate_offsets(joined, len(joined), marks)
        if not candidates and not marks:
            return
        starts = list(itertools.accumulate((len(piece) + 1 for piece, _ in pieces), initial=0))
        found: dict[int, list[int] | None] = {bisect_right(starts, at) - 1: None for at in candidates}
        for at in marks:
            number = bisect_right(starts, at) - 1
            if (known := found.setdefault(number, [])) is not None:
                known.append(at - starts[number])
        for number in sorted(found):
            self._scan(*pieces[number], found[number])


class UncoveredScanner:
    """A scan of the bytes of a container that belong to no member."""

    def __init__(self, detector: Detector, quota: Quota) -> None:
        self._detector = detector
        self._quota = quota
        self._short = Batch[int](detector, self._scan)
        self._run = bytearray()
        self._start = 0
        self._matcher: WindowMatcher | None = None
        """The scan of a run that is long."""
        self._next = 0
        self.matches: list[Match] = []
        self.marks: dict[int, str] = {}
        """Formats of the archives that begin in it, by offset."""

    def feed(self, at: int, chunk: bytes) -> None:
        """Scan some bytes, except those scanned before."""
        if at < self._next:
            chunk = chunk[self._next - at :]
            at = self._next
        if at != self._next:
            self._end_run()
            self._start = at
        self._next = at + len(chunk)
        if self._matcher is None:
            self._run += chunk
            if len(self._run) <= _MAX_SHORT_BYTES:
                return
            self._short.flush()
            self._matcher = WindowMatcher(self._detector, self._start, self._quota)
            chunk = bytes(self._run)
        self.matches += self._matcher.feed(chunk)

    def drain(self, reader: Reader) -> None:
        """Read the rest of a reader that feeds this scan, and finish."""
        while reader.take():
            pass
        self._end_run()
        self._short.flush()

    def _end_run(self) -> None:
        """Scan the bytes still held."""
        if self._matcher is not None:
            self.matches += self._matcher.finish()
            self.marks |= self._matcher.marks
            self._matcher = None
        elif self._run:
            self._short.add(bytes(self._run), self._start)
        self._run.clear()

    def _scan(self, piece: bytes, start: int, marks: list[int] | None) -> None:
        if marks is not None:
            self.marks.update((start + at, kind) for at, kind in checked_marks(piece, len(piece), marks))
            return
        matcher = WindowMatcher(self._detector, start, self._quota)
        self.matches += (*matcher.feed(piece), *matcher.finish())
        self.marks |= matcher.marks


def find_marks(space: RandomAccess, ranges: Iterable[tuple[int, int]], detector: Detector) -> dict[int, str]:
    """Return the formats of the archives that begin in ranges of a space, by offset.

    Ranges that are close to each other are read together, with the bytes between them.
    """
    found: dict[int, str] = {}
    ranges = list(ranges)
    starts = [start for start, _ in ranges]
    for start, end in _join_ranges(ranges):
        held, at = b"", start
        for piece in read_pieces(space, start, end):
            held += piece
            marks: list[int] = []
            detector.candidate_offsets(held, len(held), marks)
            marks = [mark for mark in marks if at + mark < ranges[bisect_right(starts, at + mark) - 1][1]]
            found.update((at + mark, kind) for mark, kind in checked_marks(held, len(held), marks))
            at += max(len(held) - HEAD, 0)
            held = held[-HEAD:]
    return found


def _join_ranges(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges in order, those with few bytes between them as one."""
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and start - joined[-1][1] <= _MAX_BETWEEN_BYTES:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined
