"""Running a detector over one blob, and turning what the operating system says into gaps.

Boundary: shared by the sources that read whole blobs; how a blob is opened is theirs.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import RawIOBase
from typing import TypeVar

from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Detector, Gap, Hit, Origin, Shard, ShardResult
from boltz_keyscan.sources.signatures import HEAD, checked_marks

CHUNK = 1 << 20
"""Bytes per read: large enough for few calls, small enough to stay in cache."""

MAX_KEYS_PER_RULE = 10_000
"""Different keys of one rule reported of one blob. More than this is a file made to drown the report."""

MAX_LOCATIONS_PER_KEY = 1_000
"""Places reported of one key in one blob. More of them change nothing."""

MAX_PLACEHOLDERS = 200
"""Placeholders reported of one blob."""

MORE_LOCATIONS = "more-places"
"""The reason of a gap by design: what is left out cannot change what the run comes to."""

BUNDLES = (b"# v2 git bundle\n", b"# v3 git bundle\n")
"""How a git bundle begins (gitformat-bundle)."""

_ZEROS = bytes(4096)

_Got = TypeVar("_Got", int, bytes)


class Window:
    """A reusable buffer that reads a stream in large pieces which overlap.

    Memory is taken once and stays in the processor's cache.
    """

    def __init__(self, overlap: int) -> None:
        self._overlap = overlap
        self._buffer = bytearray(overlap + CHUNK)
        self._view = memoryview(self._buffer)
        self.head = b""
        """The first bytes of what was read last."""
        self.has_archive = False
        """Whether an archive begins somewhere in it."""

    def candidate_offsets(
        self, stream: RawIOBase, detector: Detector, size: int = -1
    ) -> tuple[int, list[int]]:
        """Bytes read, and the offsets where a key may begin, in order.

        Args:
            stream: what to read.
            detector: what to look with.
            size: bytes after which the end need not be asked for; whoever gives it looks
                afterwards whether it still holds.

        Raises:
            OSError: the stream could not be read.
        """
        total, kept, self.head, self.has_archive = 0, 0, b"", False
        found: set[int] = set()
        while count := _some(stream.readinto(self._view[kept : kept + CHUNK])):
            if not total:
                self.head = bytes(self._view[: min(count, HEAD)])
            end = kept + count
            marks: list[int] = []
            if offsets := detector.candidate_offsets(self._buffer, end, marks):
                found.update(total - kept + at for at in offsets)
            self.has_archive = self.has_archive or bool(checked_marks(self._buffer, end, marks))
            total += count
            if total == size:
                break
            kept = min(self._overlap, end)
            self._view[:kept] = self._view[end - kept : end]
            if size > total and self._buffer.endswith(_ZEROS, 0, end) and (skipped := _hole(stream, size)):
                total, kept = total + skipped, 0
        return total, sorted(found)


def _hole(stream: RawIOBase, size: int) -> int:
    """Move over a hole in a file, which reads as zeros; how many were passed over.

    A disk image may have terabytes of them. Some before its end are left to be read: they
    may be half of what UTF-16 makes of a letter.
    """
    here = stream.tell()
    if not hasattr(os, "SEEK_DATA"):
        return 0
    try:
        end = stream.seek(here, os.SEEK_DATA)
    except OSError as error:
        # Nothing but a hole follows; or the file system does not know.
        end = size if error.errno == errno.ENXIO else here
    return stream.seek(max(end - len(_ZEROS), here)) - here


@dataclass(slots=True)
class Quota:
    """The keys that are reported of one blob: what may not block takes no place from what may.

    The rules have a limit each. A key beside a comment and the same key without one count apart,
    because a comment may excuse it.
    """

    most: int = field(default_factory=lambda: MAX_KEYS_PER_RULE)
    _keys: dict[str, set[str]] = field(default_factory=dict)
    _places: dict[tuple[str, bool], int] = field(default_factory=dict)
    _again: int = 0
    _placeholders: int = 0
    _left: dict[str, None] = field(default_factory=dict)
    _full: bool = False

    def __call__(
        self, _offset: int, rule_id: str, shape: Shape, fingerprint: str, /, *, commented: bool
    ) -> bool:
        """Whether one more key is reported."""
        if shape is Shape.PLACEHOLDER:
            self._placeholders += 1
            return self._within(self._placeholders, MAX_PLACEHOLDERS, "placeholders in it")
        known = self._keys.setdefault(rule_id, set())
        if fingerprint not in known:
            if len(known) >= self.most:
                self._full = True
                return False
            known.add(fingerprint)
        places = self._places[fingerprint, commented] = self._places.get((fingerprint, commented), 0) + 1
        if places > 1 and self._within(places, MAX_LOCATIONS_PER_KEY, "places of one key in it"):
            self._again += 1
            # However many keys there are, their further places are no more than the keys may be.
            return self._within(
                self._again, max(self.most, MAX_LOCATIONS_PER_KEY), "further places of keys in it"
            )
        return places == 1

    def _within(self, count: int, most: int, what: str) -> bool:
        if count > most:
            self._left[f"only the first {most} {what} are reported"] = None
        return count <= most

    def gaps(self, where: str) -> Iterator[Gap]:
        """Return what was left out."""
        if self._full:
            detail = f"only the first {self.most} keys of it are reported"
            yield Gap(where, "too-many-matches", detail)
        for detail in self._left:
            yield Gap(where, MORE_LOCATIONS, detail, by_design=True)


def scan_blob(
    origin: Origin, chunks: Iterable[bytes], detector: Detector, where: str
) -> tuple[list[Hit], list[Gap]]:
    """The hits of one blob, and gaps when there are more than are reported."""
    from boltz_keyscan.sources.windows import find_matches  # noqa: PLC0415 - only blobs with a hit pay for it

    quota = Quota()
    hits = [Hit(origin, match) for match in find_matches(detector, chunks, quota)]
    return hits, list(quota.gaps(where))


def read_chunks(stream: RawIOBase) -> Iterator[bytes]:
    """A stream from where it stands to its end.

    Raises:
        OSError: the stream could not be read.
    """
    while chunk := _some(stream.read(CHUNK)):
        yield chunk


def _some(got: _Got | None) -> _Got:
    """What a read gave; None is not the end but a kernel file (/proc/kmsg) that would make us wait."""
    if got is None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return got


def display_members(origin: Origin, detector: Detector) -> tuple[str, ...]:
    """The archive members that lead to a blob, fit to be shown."""
    return tuple(map(detector.redact, origin.members))


def scan_shard(shard: Shard, detector: Detector) -> ShardResult:
    """What a shard gives; a gap when the system lacks what it takes (descriptors, processes)."""
    try:
        return shard.scan(detector)
    except OSError as error:
        return ShardResult(gaps=(failure_gap(error),))


def failure_gap(error: OSError) -> Gap:
    """The gap for work that the operating system stopped, without a file to blame."""
    return Gap("part of the scan", "failed", f"given up: {error.strerror or type(error).__name__}")


def unreadable_gap(where: str, error: OSError) -> Gap:
    """The gap for something the operating system would not read."""
    return Gap(where, "unreadable", f"cannot be read: {error.strerror or type(error).__name__}")
