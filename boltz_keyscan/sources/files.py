"""Files under a path: everything, hidden and ignored ones too, following nothing.

The walk names files and hands them out in slices; a slice opens each file without
following links and reads it once. Object stores of repositories met on the way are
left to ``history``; the plain files beside them (config, logs, packed-refs) are files
like any other.

Boundary: bytes of files and their names; what git knows of a path is ``worktree``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from io import FileIO

from boltz_keyscan.model import Detector, Gap, Hit, Origin, Part, ShardResult, Tally
from boltz_keyscan.sources.blob import CHUNK, Window, examine, unreadable

SLICE = 256
"""Files in a shard."""

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)

_NOMINAL = 24 << 10
"""Bytes a file is taken to have when work is weighed; asking costs more than guessing wrong."""


@dataclass(frozen=True, slots=True)
class FileShard:
    """A slice of files."""

    root: bytes
    """Absolute."""
    prefix: bytes
    """What stands before its paths in reports."""
    files: tuple[bytes, ...]
    """Relative to ``root``."""
    links: tuple[bytes, ...] = ()
    explicit: bool = False
    """The user named this file: links are followed, and a pipe is read."""

    @property
    def weight(self) -> int:
        """Bytes, roughly."""
        return len(self.files) * _NOMINAL

    def scan(self, detector: Detector) -> ShardResult:
        """Read every file once; those with a hit a second time for the exact pass."""
        hits: list[Hit] = []
        gaps: list[Gap] = []
        read = count = 0
        window = Window(detector.overlap)
        for name in self.files:
            found, missed, size = self._file(name, window, detector)
            hits += found
            gaps += missed
            if size is not None:
                count += 1
                read += size
        for name in self.links:
            found, missed = self._link(name, detector)
            hits += found
            gaps += missed
        return ShardResult(tuple(hits), tuple(gaps), Tally(files=count + len(self.links), bytes=read))

    def _file(self, name: bytes, window: Window, detector: Detector) -> tuple[list[Hit], list[Gap], int | None]:
        """Hits, gaps, and the bytes read; None when it was not read whole."""
        # Once more, when the file was written to meanwhile: a log may just have grown.
        for attempt in (1, 2):
            try:
                with self._open(name) as file:
                    before = os.fstat(file.fileno())
                    if not stat.S_ISREG(before.st_mode):
                        return self._stream(name, file, before.st_mode, detector)
                    size, offsets = window.sniff(file, detector)
                    found: tuple[list[Hit], list[Gap]] = ([], [])
                    if offsets:
                        file.seek(0)
                        origin = Origin(self.prefix + name)
                        found = examine(origin, _chunks(file), detector, self._where(name, detector))
                    after = os.fstat(file.fileno())
            except OSError as error:
                return [], [unreadable(self._where(name, detector), error)], None
            unchanged = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
            # Files in /proc and the like say 0 bytes and have some.
            if unchanged and size == (before.st_size or size):
                return *found, size
            if attempt == 2:
                gap = Gap(self._where(name, detector), "changed", "it changed while it was read; scan again")
                return found[0], [*found[1], gap], None
        raise AssertionError("unreachable")

    def _open(self, name: bytes) -> FileIO:
        flags = _FLAGS & ~getattr(os, "O_NOFOLLOW", 0) & ~getattr(os, "O_NONBLOCK", 0) if self.explicit else _FLAGS
        return FileIO(os.open(os.path.join(self.root, name), flags), "rb")

    def _stream(
        self, name: bytes, file: FileIO, mode: int, detector: Detector
    ) -> tuple[list[Hit], list[Gap], int | None]:
        """Something that is not a regular file: read only when the user named it."""
        where = self._where(name, detector)
        if not self.explicit or stat.S_ISDIR(mode):
            return [], [special(where, mode)], None
        counted = _Counted(file)
        hits, gaps = examine(Origin(self.prefix + name), counted.chunks(), detector, where)
        return hits, gaps, counted.bytes

    def _link(self, name: bytes, detector: Detector) -> tuple[list[Hit], list[Gap]]:
        """The text of a symbolic link; what it points to is not ours to follow."""
        try:
            target = os.readlink(os.path.join(self.root, name))
        except OSError as error:
            return [], [unreadable(self._where(name, detector), error)]
        if not detector.sniff(target, len(target)):
            return [], []
        origin = Origin(self.prefix + name, Part.LINK)
        return examine(origin, [target], detector, self._where(name, detector))

    def _where(self, name: bytes, detector: Detector) -> str:
        return detector.redact(self.prefix + name)


class _Counted:
    """The chunks of a stream, and how many bytes they were."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.bytes = 0

    def chunks(self) -> Iterator[bytes]:
        for chunk in _chunks(self._file):
            self.bytes += len(chunk)
            yield chunk


def _chunks(file: FileIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def special(where: str, mode: int) -> Gap:
    """A FIFO, socket or device. By design: it keeps no bytes that could be scanned."""
    kinds = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
    kind = kinds.get(stat.S_IFMT(mode), "special file")
    return Gap(where, "special-file", f"a {kind} is not read", by_design=True)


@dataclass(frozen=True, slots=True)
class Walked:
    """What one folder gave. Paths are relative to the walk's root."""

    folder: bytes
    files: Sequence[bytes] = ()
    links: Sequence[bytes] = ()
    folders: Sequence[bytes] = ()
    specials: Sequence[tuple[bytes, int]] = ()
    error: OSError | None = None


def walk(root: bytes, skip: Set[bytes] = frozenset()) -> Iterator[Walked]:
    """Every folder below ``root``, depth first, without following links.

    Args:
        root: absolute path.
        skip: folders not to enter, relative like the rest; read after each folder was
            handed out, so that the caller may add what it learnt from it.
    """
    stack = [b""]
    while stack:
        folder = stack.pop()
        files: list[bytes] = []
        links: list[bytes] = []
        folders: list[bytes] = []
        specials: list[tuple[bytes, int]] = []
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                for entry in entries:
                    name = os.path.join(folder, entry.name)
                    if entry.is_symlink():
                        links.append(name)
                    elif entry.is_dir(follow_symlinks=False):
                        folders.append(name)
                    elif entry.is_file(follow_symlinks=False):
                        files.append(name)
                    else:
                        specials.append((name, entry.stat(follow_symlinks=False).st_mode))
        except OSError as error:
            yield Walked(folder, files, links, folders, specials, error)
            continue
        yield Walked(folder, files, links, folders, specials)
        stack += [name for name in sorted(folders, reverse=True) if name not in skip]
