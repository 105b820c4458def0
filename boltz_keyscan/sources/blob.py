"""Scan of one blob, and the gaps for errors of the operating system."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from io import RawIOBase
from typing import TypeVar

from boltz_keyscan.fsutil import SEEK_DATA, explain
from boltz_keyscan.model.enums import Exposure, Shape
from boltz_keyscan.model.finding import Detector, Gap, Hit, Located, Location, Origin, Shard, ShardResult
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.signatures import HEAD, checked_marks

CHUNK = 1 << 20
"""Bytes per read: large enough for few calls, small enough to stay in cache."""

MAX_KEYS_PER_RULE = 10_000
"""Distinct keys of one rule reported for one blob. A file with more is made to flood the report."""

MAX_LOCATIONS_PER_KEY = 1_000
"""Locations of one key reported for one blob. More of them change nothing."""

MAX_PLACEHOLDERS = 200
"""Placeholders reported for one blob."""

MORE_LOCATIONS = "more-places"
"""Reason of a gap by design: the omitted locations cannot change the result of the run."""

BUNDLES = (b"# v2 git bundle\n", b"# v3 git bundle\n")
"""First bytes of a git bundle (gitformat-bundle)."""

_ZEROS = bytes(4096)

_Data = TypeVar("_Data", int, bytes)


class Window:
    """A reusable buffer that reads a stream in large overlapping pieces.

    It is allocated once and stays in the processor's cache.
    """

    def __init__(self, overlap: int) -> None:
        self._overlap = overlap
        self._buffer = bytearray(overlap + CHUNK)
        self._view = memoryview(self._buffer)
        self.head = b""
        """The first bytes of the stream read last."""
        self.has_archive = False
        """True if an archive begins anywhere in that stream."""

    def candidate_offsets(
        self, stream: RawIOBase, detector: Detector, size: int = -1
    ) -> tuple[int, list[int]]:
        """Return the count of bytes read, and the sorted offsets where a key may begin.

        Args:
            stream: the stream to read.
            detector: the detector to search with.
            size: bytes after which reading stops without asking for the end; the caller checks
                afterwards that the size is still right.

        Raises:
            OSError: the stream could not be read.
        """
        total, overlap, self.head, self.has_archive = 0, 0, b"", False
        candidates: set[int] = set()
        while count := _require_data(stream.readinto(self._view[overlap : overlap + CHUNK])):
            if not total:
                self.head = bytes(self._view[: min(count, HEAD)])
            end = overlap + count
            marks: list[int] = []
            if offsets := detector.candidate_offsets(self._buffer, end, marks):
                candidates.update(total - overlap + offset for offset in offsets)
            self.has_archive = self.has_archive or bool(checked_marks(self._buffer, end, marks))
            total += count
            if total == size:
                break
            overlap = min(self._overlap, end)
            self._view[:overlap] = self._view[end - overlap : end]
            if (
                size > total
                and self._buffer.endswith(_ZEROS, 0, end)
                and (skipped := _skip_hole(stream, size))
            ):
                total, overlap = total + skipped, 0
        return total, sorted(candidates)


def _skip_hole(stream: RawIOBase, size: int) -> int:
    """Skip a hole in a sparse file, which reads as zeros; return the count of zeros skipped.

    A disk image may have terabytes of them. The last few are left: they may be half of a
    UTF-16 letter.
    """
    position = stream.tell()
    if SEEK_DATA is None:
        return 0
    try:
        end = stream.seek(position, SEEK_DATA)
    except OSError as error:
        # ENXIO: only a hole follows. Otherwise the file system cannot report holes.
        end = size if error.errno == errno.ENXIO else position
    return stream.seek(max(end - len(_ZEROS), position)) - position


@dataclass(slots=True)
class Quota:
    """Limits on the keys reported for one blob: findings that cannot block never displace those that can.

    Each rule has its own limit. A key with an inline comment and the same key without one are
    counted separately, because the comment may suppress it.
    """

    _keys: dict[str, set[str]] = field(default_factory=dict)
    _locations: dict[tuple[str, bool], int] = field(default_factory=dict)
    _repeats: int = 0
    _placeholders: int = 0
    _omitted: dict[str, None] = field(default_factory=dict)
    _is_full: bool = False

    def __call__(
        self, _offset: int, rule_id: str, shape: Shape, fingerprint: str, /, *, commented: bool
    ) -> bool:
        """Return True if one more key is to be reported."""
        if shape is Shape.PLACEHOLDER:
            self._placeholders += 1
            return self._within(self._placeholders, MAX_PLACEHOLDERS, "placeholders in it")
        known = self._keys.setdefault(rule_id, set())
        if fingerprint not in known:
            if len(known) >= MAX_KEYS_PER_RULE:
                self._is_full = True
                return False
            known.add(fingerprint)
        locations = self._locations[fingerprint, commented] = (
            self._locations.get((fingerprint, commented), 0) + 1
        )
        if locations > 1 and self._within(locations, MAX_LOCATIONS_PER_KEY, "places of one key in it"):
            self._repeats += 1
            # All repeats together are limited too, however many keys there are.
            return self._within(
                self._repeats, max(MAX_KEYS_PER_RULE, MAX_LOCATIONS_PER_KEY), "further places of keys in it"
            )
        return locations == 1

    @property
    def is_used(self) -> bool:
        """True once it was asked about a key."""
        return bool(self._keys or self._placeholders)

    def _within(self, count: int, most: int, noun: str) -> bool:
        if count > most:
            self._omitted[f"only the first {most} {noun} are reported"] = None
        return count <= most

    def gaps(self, where: str) -> Iterator[Gap]:
        """Yield a gap for each limit that was reached."""
        if self._is_full:
            detail = f"only the first {MAX_KEYS_PER_RULE} keys of it are reported"
            yield Gap(where, "too-many-matches", detail)
        for detail in self._omitted:
            yield Gap(where, MORE_LOCATIONS, detail, by_design=True)


def scan_blob(
    origin: Origin, chunks: Iterable[bytes], detector: Detector, where: str
) -> tuple[list[Hit], list[Gap]]:
    """Return the hits of one blob, and gaps when there are more than are reported."""
    from boltz_keyscan.sources.windows import find_matches  # noqa: PLC0415 - only blobs with a hit pay for it

    quota = Quota()
    hits = [Hit(origin, match) for match in find_matches(detector, chunks, quota)]
    paths = (where,) if origin.kind is None else ()
    return hits, [replace(gap, paths=paths) for gap in quota.gaps(where)]


def read_chunks(stream: RawIOBase) -> Iterator[bytes]:
    """Yield a stream in chunks, from its position to its end.

    Raises:
        OSError: the stream could not be read.
    """
    while chunk := _require_data(stream.read(CHUNK)):
        yield chunk


def _require_data(data: _Data | None) -> _Data:
    """Return the result of a read; None is not the end but a kernel file (/proc/kmsg) that would block."""
    if data is None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return data


def locate_hit(hit: Hit, path: bytes, exposure: Exposure, detector: Detector) -> Location:
    """Return the location of a hit, redacted for display; what git knows of it is added by the caller."""
    match = hit.match
    return Location(
        path=detector.redact(path),
        line=match.line,
        column=match.column,
        column_utf16=match.column_utf16,
        offset=match.offset,
        length=match.length,
        exposure=exposure,
        context=match.context,
        blob=hit.origin.oid,
        members=tuple(map(detector.redact, hit.origin.members)),
        decoded=match.decoded,
        cell=match.cell,
        cell_part=match.cell_part,
        comments=match.comments,
    )


def locate_outside_git(gathered: ShardResult, detector: Detector) -> Located:
    """Return the locations of hits in files outside git."""
    pairs = ((hit.match, locate_hit(hit, hit.origin.path, Exposure.FILE, detector)) for hit in gathered.hits)
    return Located(tuple(pairs))


def object_path(hit: Hit) -> bytes:
    """Return kind and id of an object, instead of a path."""
    return f".git/{hit.origin.kind}/{hit.origin.oid}".encode()


def scan_shard(shard: Shard, detector: Detector) -> ShardResult:
    """Scan a shard; return a gap when the system lacks resources (descriptors, processes)."""
    try:
        return shard.scan(detector)
    except OSError as error:
        return ShardResult(gaps=(failure_gap(error),))


def failure_gap(error: OSError) -> Gap:
    """Return the gap for work that the operating system stopped, with no file to name."""
    return Gap("part of the scan", "failed", f"given up: {error.strerror or type(error).__name__}")


def unreadable_gap(where: str, error: OSError) -> Gap:
    """Return the gap for a file that the operating system cannot read."""
    detail = f"cannot be read: {explain(error)}"
    return Gap(where, "unreadable", detail, paths=(where,))
