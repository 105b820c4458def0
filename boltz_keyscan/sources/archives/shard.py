"""A container as a piece of work: how to get at it again, and whose hits its hits are.

Made wherever one is met, and scanned in a process that may die of it (``isolation``).

Boundary: opens files and git objects; what is in them is ``walk``'s.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from boltz_keyscan.errors import GitError
from boltz_keyscan.model.finding import Detector, Gap, Hit, Origin, ShardResult
from boltz_keyscan.sources.archives.limits import DEFAULT_LIMITS, Limits
from boltz_keyscan.sources.blob import MORE_LOCATIONS, unreadable_gap
from boltz_keyscan.sources.safe_open import open_file

if TYPE_CHECKING:
    from boltz_keyscan.sources.archives.extract import Extractor, MemberMatch
    from boltz_keyscan.sources.archives.reader import RandomAccess
    from boltz_keyscan.sources.git.objects.reader import ObjectReader
    from boltz_keyscan.sources.git.run import command as git

_DRAINED = 16
"""Chunks of an object that are read for nothing rather than start git anew."""

_TOLD = 1000
"""Bytes of a member's name in a gap."""


@dataclass(frozen=True, slots=True)
class InFile:
    """A container that is a file."""

    name: bytes
    """Relative to ``root``."""
    root: bytes
    """Absolute; what is below it is opened without following links."""
    follow: bool = False
    """The user named it: it may be a link."""


@dataclass(frozen=True, slots=True)
class InStore:
    """A container that is a git object."""

    view: git.RepoView
    oid: str


@dataclass(frozen=True, slots=True)
class InBuffer:
    """A container that came through a pipe."""

    content: bytes


@dataclass(frozen=True, slots=True)
class ContainerShard:
    """One container that is no member of another."""

    place: InFile | InStore | InBuffer
    size: int
    """Bytes, as they were when it was met."""
    origins: tuple[tuple[Origin, str], ...]
    """What it is the content of, each with how gaps name it: one staged blob can be many files."""
    seen: tuple[int, ...] = ()
    """Offsets in its own bytes where keys were found."""
    limits: Limits = DEFAULT_LIMITS

    @property
    def weight(self) -> int:
        """Bytes, roughly."""
        return max(self.size, 1)

    @property
    def order(self) -> tuple[bytes, str]:
        """What it is sorted by among the containers of a source."""
        origin, _ = self.origins[0]
        return origin.path, origin.oid or ""

    @property
    def seconds(self) -> float:
        """Seconds after which it does not come to an end by itself any more."""
        return self.limits.seconds * 1.25 + 5

    def lost(self, reason: str, detail: str) -> ShardResult:
        """What is said when the process that scanned it came to nothing."""
        return ShardResult(
            gaps=tuple(self._gap(where, origin, reason, detail) for origin, where in self.origins)
        )

    def scan(self, detector: Detector) -> ShardResult:
        """Open it and look into it."""
        from boltz_keyscan.sources.archives.extract import Extractor  # noqa: PLC0415 - as above
        from boltz_keyscan.sources.archives.formats import FORMATS  # noqa: PLC0415 - brings all decompressors

        try:
            with _opened(self.place) as (chunks, whole), _limited(self.limits):
                walk = Extractor(
                    detector, FORMATS, self.limits, whole.size if whole is not None else self.size
                )
                explained = walk.extract(chunks, whole, self.seen)
        except GitError as error:
            return self.lost("corrupt-object", f"git cannot read it: {error.message.splitlines()[0]}")
        except OSError as error:
            return ShardResult(
                gaps=tuple(
                    replace(unreadable_gap(where, error), oid=origin.oid) for origin, where in self.origins
                )
            )
        told = ((origin.path, origin.oid, at) for origin, _ in self.origins for at in explained)
        return ShardResult(
            tuple(self._hits(walk.found)),
            tuple(self._gaps(walk)),
            explained=tuple(told),
            unpacked=walk.cost,
        )

    def _hits(self, found: Iterable[MemberMatch]) -> Iterator[Hit]:
        for each in found:
            for origin, _ in self.origins:
                own = replace(origin, part=each.part, members=each.members)
                yield Hit(own, each.match)

    def _gaps(self, walk: Extractor) -> Iterator[Gap]:
        for members, reason, detail in walk.gaps:
            names = [name[:_TOLD].decode("utf-8", "surrogateescape") for name in members]
            for origin, where in self.origins:
                yield self._gap("!".join((where, *names)), origin, reason, detail)

    def _gap(self, where: str, origin: Origin, reason: str, detail: str) -> Gap:
        return Gap(where, reason, detail, by_design=reason == MORE_LOCATIONS, oid=origin.oid)


@contextlib.contextmanager
def _opened(place: InFile | InStore | InBuffer) -> Iterator[tuple[Iterable[bytes], RandomAccess | None]]:
    """The bytes of a container, in order and, where that can be had, anywhere.

    Raises:
        OSError: it cannot be read.
    """
    from boltz_keyscan.sources.archives import reader as readers  # noqa: PLC0415 - as above

    if isinstance(place, InBuffer):
        held = readers.InMemory(place.content)
        yield readers.read_pieces(held), held
        return
    if isinstance(place, InFile):
        descriptor = open_file(place.root, place.name, follow=place.follow)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError("it is not a file any more")
            space = readers.FileSpace(descriptor, status.st_size)
            yield readers.read_pieces(space), space
        finally:
            os.close(descriptor)
        return
    reader = _store(place.view)
    reader.ready()
    whole = False

    def content() -> Iterator[bytes]:
        nonlocal whole
        yield from reader.content(place.oid)
        whole = True

    try:
        chunks = content()
        yield chunks, None
        for count, _ in enumerate(chunks):
            if count > _DRAINED:
                break
    finally:
        if not whole:
            # What git has still to say would be taken for the next object.
            _forget()


_readers: dict[git.RepoView, ObjectReader] = {}
"""This process's git, for one repository at a time."""


def _store(view: git.RepoView) -> ObjectReader:
    from boltz_keyscan.sources.git.objects.reader import ObjectReader  # noqa: PLC0415 - only for containers in history

    if view not in _readers:
        _forget()
        _readers[view] = ObjectReader(view, "")
        atexit.register(_forget)
    return _readers[view]


def _forget() -> None:
    for reader in _readers.values():
        reader.__exit__()
    _readers.clear()


@contextlib.contextmanager
def _limited(limits: Limits) -> Iterator[None]:
    """What this process may take while it reads hostile bytes; a git that runs beside it is free."""
    if sys.platform == "win32":
        yield
        return
    import resource  # noqa: PLC0415 - not on Windows

    kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)
    before = [(kind, resource.getrlimit(kind)) for kind in kinds]
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + limits.seconds) + 10
    try:
        _lower(resource.RLIMIT_CPU, seconds)
        # Nothing that is in it belongs on a disk.
        _lower(resource.RLIMIT_FSIZE, 0)
        if taken := _taken():
            _lower(resource.RLIMIT_AS, taken + limits.memory)
        yield
    finally:
        for kind, (soft, hard) in before:
            resource.setrlimit(kind, (soft, hard))


def _lower(kind: int, limit: int) -> None:
    import resource  # noqa: PLC0415 - as above

    soft, hard = resource.getrlimit(kind)
    if soft == resource.RLIM_INFINITY or limit < soft:
        resource.setrlimit(kind, (limit, hard))


def _taken() -> int:
    """Bytes of address space this process has; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
