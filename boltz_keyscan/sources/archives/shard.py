"""Shard of one container: how to open it again, and the origins of its hits.

A source creates it where it finds a container; a worker process that may die scans it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeAlias

from boltz_keyscan.errors import GitError
from boltz_keyscan.model.finding import Detector, Gap, Hit, Match, Origin, Shard, ShardResult
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.archives.limits import DEFAULT_LIMITS, NOT_DECODED, Limits
from boltz_keyscan.sources.blob import MORE_LOCATIONS, scan_shard, unreadable_gap
from boltz_keyscan.sources.safe_open import open_file
from boltz_keyscan.system.processes import own_limits

if TYPE_CHECKING:
    from boltz_keyscan.sources.archives.extract import Extractor
    from boltz_keyscan.sources.archives.reader import RandomAccess
    from boltz_keyscan.sources.archives.texts import MemberMatch

Opened: TypeAlias = "tuple[Iterable[bytes], RandomAccess | None]"
"""The bytes of a container in order and, if available, by offset."""

_MAX_NAME_BYTES = 1000
"""Bytes of a member's name in a gap at most."""

_BY_DESIGN = (MORE_LOCATIONS, NOT_DECODED)

MAX_CARRIED_BYTES = 8 << 20
"""Bytes of a container in history that takes its content along; git reads a larger one again."""

_MAX_KEPT_BYTES = 48 << 20
"""Bytes of content that a process keeps of the containers that it found."""


class ContentStore:
    """Content of containers that this process found, until they are opened."""

    def __init__(self) -> None:
        self._contents: dict[Place, bytes] = {}
        self._bytes = 0

    def __contains__(self, place: Place) -> bool:
        return place in self._contents

    def put(self, place: Place, content: bytes) -> None:
        """Keep the content of a container, if it is not large, and drop that of the oldest ones."""
        self.take(place)
        if len(content) <= MAX_CARRIED_BYTES:
            self._contents[place] = content
            self._bytes += len(content)
        while self._bytes > _MAX_KEPT_BYTES:
            self.take(next(iter(self._contents)))

    def take(self, place: Place) -> bytes | None:
        """Return the content of a container, and drop it; None if it is not kept."""
        content = self._contents.pop(place, None)
        self._bytes -= len(content or b"")
        return content


found_content = ContentStore()


class Place(Protocol):
    """The place of a container. Picklable, like a shard."""

    @property
    def starts_git(self) -> bool:
        """True if a git process reads it; that must not inherit the limits of this process."""

    def open(self) -> AbstractContextManager[Opened]:
        """Open the container for one reading.

        Raises:
            OSError: it cannot be read.
            GitError: git cannot read it.
        """


@dataclass(frozen=True, slots=True)
class InFile:
    """A container in a file."""

    name: bytes
    """Path relative to ``root``."""
    root: bytes
    """Absolute path; links below it are not followed."""
    follow: bool = False
    """True for a path that the user named, which may be a link."""

    @property
    def starts_git(self) -> bool:
        """Never."""
        return False

    @contextlib.contextmanager
    def open(self) -> Iterator[Opened]:
        """Open the file; see ``Place``."""
        from boltz_keyscan.sources.archives.reader import FileSpace, read_pieces  # noqa: PLC0415 - as below

        descriptor = open_file(self.root, self.name, follow=self.follow)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError("it is not a file any more")
            space = FileSpace(descriptor, status.st_size)
            yield read_pieces(space), space
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class InBuffer:
    """A container in memory, read from a pipe."""

    content: bytes

    @property
    def starts_git(self) -> bool:
        """Never."""
        return False

    @contextlib.contextmanager
    def open(self) -> Iterator[Opened]:
        """Read the bytes; see ``Place``."""
        from boltz_keyscan.sources.archives.reader import InMemory, read_pieces  # noqa: PLC0415 - as below

        space = InMemory(self.content)
        yield read_pieces(space), space


@dataclass(frozen=True, slots=True)
class ContainerShard:
    """One outermost container."""

    place: Place
    size: int
    """Size in bytes, when it was found."""
    origins: tuple[tuple[Origin, str], ...]
    """Origins, each with its name in gaps; one staged blob can be many files."""
    seen: tuple[Match, ...] = ()
    """The matches in its own bytes."""
    limits: Limits = DEFAULT_LIMITS
    content: bytes | None = field(default=None, repr=False)
    """Its bytes, if they were at hand; otherwise its place is read."""

    @property
    def weight(self) -> int:
        """Estimated bytes."""
        return max(self.size, 1)

    @property
    def order(self) -> tuple[bytes, str]:
        """Sort key among the containers of a source."""
        origin, _ = self.origins[0]
        return origin.path, origin.oid or ""

    @property
    def seconds(self) -> float:
        """Seconds after which its worker is killed, as it did not stop by itself."""
        return self.limits.seconds * 1.25 + 5

    @property
    def carried(self) -> int:
        """Bytes of content that it takes along although its place can be read again."""
        return len(self.content or b"")

    def with_content(self) -> ContainerShard:
        """Return the shard with its content, if this process keeps it."""
        return self if self.content is not None else replace(self, content=found_content.take(self.place))

    def without_content(self) -> ContainerShard:
        """Return the shard without the content."""
        return replace(self, content=None)

    @property
    def starts_git(self) -> bool:
        """True if a git process reads it."""
        return self.content is None and self.place not in found_content and self.place.starts_git

    def _open(self) -> AbstractContextManager[Opened]:
        content = found_content.take(self.place) if self.content is None else self.content
        return (self.place if content is None else InBuffer(content)).open()

    def lost(self, reason: str, detail: str) -> ShardResult:
        """Return the result when the process that scanned it failed."""
        return ShardResult(
            gaps=tuple(self._gap(where, origin, reason, detail) for origin, where in self.origins)
        )

    def scan(self, detector: Detector) -> ShardResult:
        """Open the container and scan its members."""
        from boltz_keyscan.sources.archives.extract import Extractor  # noqa: PLC0415 - brings all decompressors

        try:
            with self._open() as (chunks, space), own_limits(self.limits.seconds, self.limits.memory):
                extractor = Extractor(detector, self.limits, space.size if space is not None else self.size)
                explained = extractor.extract(chunks, space, self.seen, self.origins[0][0].path)
        except GitError as error:
            return self.lost("corrupt-object", f"git cannot read it: {error.message.splitlines()[0]}")
        except OSError as error:
            gap = unreadable_gap("", error)
            return self.lost(gap.reason, gap.detail)
        locations = ((origin.path, origin.oid, at) for origin, _ in self.origins for at in explained)
        return ShardResult(
            tuple(self._hits(extractor.matches)),
            tuple(self._gaps(extractor)),
            explained=tuple(locations),
            unpacked=extractor.cost,
        )

    def _hits(self, matches: Iterable[MemberMatch]) -> Iterator[Hit]:
        for found in matches:
            for origin, _ in self.origins:
                yield Hit(replace(origin, part=found.part, members=found.members), found.match)

    def _gaps(self, extractor: Extractor) -> Iterator[Gap]:
        for members, reason, detail in extractor.gaps:
            names = [name[:_MAX_NAME_BYTES].decode("utf-8", "surrogateescape") for name in members]
            for origin, where in self.origins:
                yield self._gap(where, origin, reason, detail, names)

    @staticmethod
    def _gap(where: str, origin: Origin, reason: str, detail: str, members: Sequence[str] = ()) -> Gap:
        paths = (where,) if origin.path else ()
        by_design = reason in _BY_DESIGN
        return Gap("!".join((where, *members)), reason, detail, by_design, origin.oid, paths)


def scan_all(shards: Sequence[Shard], detector: Detector) -> Iterator[ShardResult]:
    """Yield the result of each shard; those that need no git share the limits of the process.

    Setting the limits takes a tenth of the time of a small container.
    """
    for limits, group in itertools.groupby(shards, _shared_limits):
        with contextlib.nullcontext() if limits is None else own_limits(limits.seconds, limits.memory):
            yield from [scan_shard(shard, detector) for shard in group]


def _shared_limits(shard: Shard) -> Limits | None:
    """Return the limits under which a container is opened; None if it starts git, which must not inherit."""
    match shard:
        case ContainerShard() if shard.starts_git:
            return None
        case ContainerShard(limits=limits):
            return limits
        case _:
            return None
