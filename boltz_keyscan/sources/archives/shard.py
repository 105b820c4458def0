"""Shard of one container: how to open it again, and the origins of its hits.

A source creates it where it finds a container; a worker process that may die scans it.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from boltz_keyscan.errors import GitError
from boltz_keyscan.model.finding import Detector, Gap, Hit, Origin, Shard, ShardResult
from boltz_keyscan.sources.archives.limits import DEFAULT_LIMITS, Limits
from boltz_keyscan.sources.blob import MORE_LOCATIONS, scan_shard, unreadable_gap
from boltz_keyscan.sources.safe_open import open_file

if TYPE_CHECKING:
    from boltz_keyscan.sources.archives.extract import Extractor, MemberMatch
    from boltz_keyscan.sources.archives.reader import RandomAccess
    from boltz_keyscan.sources.git.objects.reader import ObjectReader
    from boltz_keyscan.sources.git.run import command as git

_MAX_DRAINED_CHUNKS = 16
"""Chunks of an object read and discarded at most, before git is restarted instead."""

_MAX_NAME_BYTES = 1000
"""Bytes of a member's name in a gap at most."""

MAX_CARRIED_BYTES = 64 << 10
"""Bytes of a container in history that takes its content along; git reads a larger one again."""


@dataclass(frozen=True, slots=True)
class InFile:
    """A container in a file."""

    name: bytes
    """Path relative to ``root``."""
    root: bytes
    """Absolute path; links below it are not followed."""
    follow: bool = False
    """True for a path that the user named, which may be a link."""


@dataclass(frozen=True, slots=True)
class InStore:
    """A container in a git object."""

    view: git.RepoView
    oid: str
    content: bytes | None = field(default=None, repr=False)
    """Its bytes, if they were at hand; otherwise git reads it."""


@dataclass(frozen=True, slots=True)
class InBuffer:
    """A container in memory, read from a pipe."""

    content: bytes


@dataclass(frozen=True, slots=True)
class ContainerShard:
    """One outermost container."""

    place: InFile | InStore | InBuffer
    size: int
    """Size in bytes, when it was found."""
    origins: tuple[tuple[Origin, str], ...]
    """Origins, each with its name in gaps; one staged blob can be many files."""
    seen: tuple[int, ...] = ()
    """Offsets in its own bytes where keys were found."""
    limits: Limits = DEFAULT_LIMITS

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
        """Bytes of content that it takes along although git can read them."""
        match self.place:
            case InStore(content=bytes() as content):
                return len(content)
            case _:
                return 0

    def without_content(self) -> ContainerShard:
        """Return the shard without the content that git can read."""
        match self.place:
            case InStore(view, oid):
                return replace(self, place=InStore(view, oid))
            case _:
                return self

    def lost(self, reason: str, detail: str) -> ShardResult:
        """Return the result when the process that scanned it failed."""
        return ShardResult(
            gaps=tuple(self._gap(where, origin, reason, detail) for origin, where in self.origins)
        )

    def scan(self, detector: Detector) -> ShardResult:
        """Open the container and scan its members."""
        from boltz_keyscan.sources.archives.extract import Extractor  # noqa: PLC0415 - as above
        from boltz_keyscan.sources.archives.formats import FORMATS  # noqa: PLC0415 - brings all decompressors

        try:
            with _open_place(self.place) as (chunks, space), _limit_process(self.limits):
                extractor = Extractor(
                    detector, FORMATS, self.limits, space.size if space is not None else self.size
                )
                explained = extractor.extract(chunks, space, self.seen)
        except GitError as error:
            return self.lost("corrupt-object", f"git cannot read it: {error.message.splitlines()[0]}")
        except OSError as error:
            return ShardResult(
                gaps=tuple(
                    replace(unreadable_gap(where, error), oid=origin.oid) for origin, where in self.origins
                )
            )
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
                yield self._gap("!".join((where, *names)), origin, reason, detail)

    def _gap(self, where: str, origin: Origin, reason: str, detail: str) -> Gap:
        return Gap(where, reason, detail, by_design=reason == MORE_LOCATIONS, oid=origin.oid)


@contextlib.contextmanager
def _open_place(place: InFile | InStore | InBuffer) -> Iterator[tuple[Iterable[bytes], RandomAccess | None]]:
    """Open a container: yield its bytes in order and, if available, by offset.

    Raises:
        OSError: it cannot be read.
    """
    from boltz_keyscan.sources.archives import reader as readers  # noqa: PLC0415 - as above

    match place:
        case InBuffer(content) | InStore(content=bytes() as content):
            held = readers.InMemory(content)
            yield readers.read_pieces(held), held
        case InFile():
            descriptor = open_file(place.root, place.name, follow=place.follow)
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise OSError("it is not a file any more")
                space = readers.FileSpace(descriptor, status.st_size)
                yield readers.read_pieces(space), space
            finally:
                os.close(descriptor)
        case InStore(view, oid):
            with _open_object(view, oid) as chunks:
                yield chunks, None


@contextlib.contextmanager
def _open_object(view: git.RepoView, oid: str) -> Iterator[Iterable[bytes]]:
    """Open a git object and yield its bytes in order.

    Raises:
        GitError, OSError: it cannot be read.
    """
    reader = _object_reader(view)
    reader.start()
    is_complete = False

    def content() -> Iterator[bytes]:
        nonlocal is_complete
        yield from reader.content(oid)
        is_complete = True

    try:
        chunks = content()
        yield chunks
        for count, _ in enumerate(chunks):
            if count > _MAX_DRAINED_CHUNKS:
                break
    finally:
        if not is_complete:
            # The unread output of git would be taken for the next object.
            _close_readers()


_readers: dict[git.RepoView, ObjectReader] = {}
"""The git process of this worker, for one repository at a time."""


def _object_reader(view: git.RepoView) -> ObjectReader:
    from boltz_keyscan.sources.git.objects.reader import ObjectReader  # noqa: PLC0415 - only for containers in history

    if view not in _readers:
        _close_readers()
        _readers[view] = ObjectReader(view, "")
        atexit.register(_close_readers)
    return _readers[view]


def _close_readers() -> None:
    for reader in _readers.values():
        reader.__exit__()
    _readers.clear()


def scan_all(shards: Sequence[Shard], detector: Detector) -> Iterator[ShardResult]:
    """Yield the result of each shard; those that need no git share the limits of the process.

    Setting the limits takes a tenth of the time of a small container.
    """
    for limits, group in itertools.groupby(shards, _shared_limits):
        with contextlib.nullcontext() if limits is None else _limit_process(limits):
            yield from [scan_shard(shard, detector) for shard in group]


def _shared_limits(shard: Shard) -> Limits | None:
    """Return the limits under which a container is opened; None if it starts git, which must not inherit."""
    match shard:
        case ContainerShard(place=InStore(content=None)):
            return None
        case ContainerShard(limits=limits):
            return limits
        case _:
            return None


_is_limited = False
"""True while the limits of this process are set."""


@contextlib.contextmanager
def _limit_process(limits: Limits) -> Iterator[None]:
    """Limit the resources of this process while it reads hostile bytes; its git process is not limited."""
    global _is_limited  # noqa: PLW0603 - limits are of the whole process
    if sys.platform == "win32" or _is_limited:
        yield
        return
    import resource  # noqa: PLC0415 - not on Windows

    kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)
    before = [(kind, resource.getrlimit(kind)) for kind in kinds]
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + limits.seconds) + 10
    _is_limited = True
    try:
        _lower(resource.RLIMIT_CPU, seconds)
        # Content of a container is never written to a disk.
        _lower(resource.RLIMIT_FSIZE, 0)
        if used_bytes := _address_space_bytes():
            _lower(resource.RLIMIT_AS, used_bytes + limits.memory)
        yield
    finally:
        _is_limited = False
        for kind, (soft, hard) in before:
            resource.setrlimit(kind, (soft, hard))


def _lower(kind: int, limit: int) -> None:
    import resource  # noqa: PLC0415 - as above

    soft, hard = resource.getrlimit(kind)
    if soft == resource.RLIM_INFINITY or limit < soft:
        resource.setrlimit(kind, (limit, hard))


def _address_space_bytes() -> int:
    """Return the bytes of address space of this process; 0 where the system does not report them."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
