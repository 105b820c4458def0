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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import FileIO

from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import Detector, Gap, Hit, Origin, Shard, ShardResult, Source, Tally
from boltz_keyscan.sources.blob import BUNDLES, Window, read_chunks, scan_blob, unreadable_gap
from boltz_keyscan.sources.files.batch import Batch
from boltz_keyscan.sources.safe_open import FLAGS, DirectoryOpener
from boltz_keyscan.sources.signatures import is_container_head

FILES_PER_SHARD = 512
"""Files in a shard."""

_KERNEL = (b"/proc", b"/sys")

_NOMINAL = 8 << 10
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
    bundles: bool = False
    """git bundles among them are to be opened."""
    here: bool = False
    """In another process its name would mean something else (``/dev/fd/63``)."""

    @property
    def weight(self) -> int:
        """Bytes, roughly; 0 when it must be read by this process."""
        return 0 if self.here else len(self.files) * _NOMINAL

    @property
    def where(self) -> str:
        """How a gap names the whole of it."""
        names = [os.fsdecode(self.prefix + name) for name in (*self.files, *self.links)]
        return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"

    def scan(self, detector: Detector) -> ShardResult:
        """Read every file once; large ones with a hit a second time for the exact pass."""
        with DirectoryOpener(self.root) as opener:
            return self._scan(detector, opener)

    def _scan(self, detector: Detector, opener: DirectoryOpener) -> ShardResult:
        hits: list[Hit] = []
        gaps: list[Gap] = []
        batch = Batch(detector)
        sizes = {name: None if self.explicit else batch.take(name, opener) for name in self.files}
        batch.look()
        for name, content in batch.suspects:
            where = self._where(name, detector)
            found, missed = scan_blob(Origin(self.prefix + name), [content], detector, where)
            hits += found
            gaps += missed
        met = [self._container(name, sizes[name] or 0, hits, detector) for name in batch.containers]
        singly = [name for name, size in sizes.items() if size is None]
        window: Window | None = None
        for name in singly:
            window = window or Window(detector.overlap)
            found, missed, sizes[name] = self._file(name, window, detector, met, opener)
            hits += found
            gaps += missed
            if sizes[name] is not None and window.head.startswith(BUNDLES):
                batch.bundles.append(name)
        for name in self.links:
            found, missed, sizes[name] = self._link(name, detector, opener)
            hits += found
            gaps += missed
        read = [size for size in sizes.values() if size is not None]
        tally = Tally(files=len(read), bytes=sum(read))
        bundles = self._bundles(batch.bundles) if self.bundles and batch.bundles else ()
        return ShardResult(tuple(hits), tuple(gaps), tally, bundles, tuple(met))

    def _bundles(self, names: list[bytes]) -> tuple[Source, ...]:
        from boltz_keyscan.sources.git.bundle import BundleSource  # noqa: PLC0415 - hardly any tree has one

        return tuple(BundleSource(name, self.prefix + name, self.root, self.explicit) for name in names)

    def _container(self, name: bytes, size: int, hits: list[Hit], detector: Detector) -> Shard:
        from boltz_keyscan.sources.archives.shard import ContainerShard, InFile  # noqa: PLC0415 - most scans meet none

        place = InFile(name, self.root, follow=self.explicit)
        origin = Origin(self.prefix + name)
        seen = tuple(hit.match.offset for hit in hits if hit.origin == origin)
        return ContainerShard(place, size, ((origin, self._where(name, detector)),), seen)

    def _file(
        self, name: bytes, window: Window, detector: Detector, met: list[Shard], opener: DirectoryOpener
    ) -> tuple[list[Hit], list[Gap], int | None]:
        """Hits, gaps, and the bytes read; None when it was not read whole."""
        # Once more, when the file was written to meanwhile: a log may just have grown.
        for attempt in (1, 2):
            try:
                with self._open(name, opener) as file:
                    before = os.fstat(file.fileno())
                    if not stat.S_ISREG(before.st_mode):
                        return self._stream(name, file, before.st_mode, detector, met)
                    size, offsets = window.candidate_offsets(file, detector, before.st_size)
                    found: tuple[list[Hit], list[Gap]] = ([], [])
                    if offsets:
                        file.seek(0)
                        origin = Origin(self.prefix + name)
                        found = scan_blob(origin, read_chunks(file), detector, self._where(name, detector))
                    after = os.fstat(file.fileno())
                    # A bundle that is a file is a source of its own.
                    container = not window.head.startswith(BUNDLES) and (
                        is_container_head(window.head) or window.has_archive
                    )
            except OSError as error:
                return [], [self._unread(name, error, detector)], None
            unchanged = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
            # Files in /proc and the like say 0 bytes and have some.
            if unchanged and size == (before.st_size or size):
                if container:
                    met.append(self._container(name, size, found[0], detector))
                return *found, size
            if attempt == 2:
                gap = Gap(self._where(name, detector), "changed", "it changed while it was read; scan again")
                if container:
                    met.append(self._container(name, size, found[0], detector))
                return found[0], [*found[1], gap], None
        raise AssertionError("unreachable")

    def _open(self, name: bytes, opener: DirectoryOpener) -> FileIO:
        if not self.explicit:
            return FileIO(opener.open(name), "rb")
        flags = FLAGS & ~getattr(os, "O_NOFOLLOW", 0) & ~getattr(os, "O_NONBLOCK", 0)
        return FileIO(os.open(os.path.join(self.root, name), flags), "rb")

    def _stream(
        self, name: bytes, file: FileIO, mode: int, detector: Detector, met: list[Shard]
    ) -> tuple[list[Hit], list[Gap], int | None]:
        """Something that is not a regular file: read only when the user named it."""
        where = self._where(name, detector)
        if not self.explicit or stat.S_ISDIR(mode):
            return [], [special_file_gap(where, mode)], None
        from boltz_keyscan.sources.files.spool import Spool  # noqa: PLC0415 - pipes are rarely scanned

        spool = Spool(detector)
        origin = Origin(self.prefix + name)
        hits, gaps = scan_blob(origin, spool.through(read_chunks(file)), detector, where)
        gaps += spool.gaps(where)
        if (shard := spool.shard(origin, where, hits)) is not None:
            met.append(shard)
        return hits, gaps, spool.bytes

    def _link(
        self, name: bytes, detector: Detector, opener: DirectoryOpener
    ) -> tuple[list[Hit], list[Gap], int | None]:
        """The text of a symbolic link; what it points to is not ours to follow."""
        try:
            target = opener.readlink(name)
        except OSError as error:
            return [], [self._unread(name, error, detector)], None
        if not detector.candidate_offsets(target, len(target)):
            return [], [], len(target)
        origin = Origin(self.prefix + name, Part.LINK)
        return *scan_blob(origin, [target], detector, self._where(name, detector)), len(target)

    def _unread(self, name: bytes, error: OSError, detector: Detector) -> Gap:
        where = self._where(name, detector)
        if isinstance(error, FileNotFoundError) and not self.explicit:
            return Gap(where, "vanished", "it was listed and was gone before it was read; scan again")
        return unreadable_gap(where, error)

    def _where(self, name: bytes, detector: Detector) -> str:
        return detector.redact(self.prefix + name)


def special_file_gap(where: str, mode: int) -> Gap:
    """A FIFO, socket or device. By design: it keeps no bytes that could be scanned."""
    kinds = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
    kind = kinds.get(stat.S_IFMT(mode), "special file")
    return Gap(where, "special-file", f"a {kind} is not read", by_design=True)


@dataclass(slots=True)
class DirectoryListing:
    """What one folder gave. Paths are relative to the walk's root."""

    folder: bytes
    names: list[bytes] = field(default_factory=list)
    """Of all that is in it, as they are, without the folder."""
    files: list[bytes] = field(default_factory=list)
    links: list[bytes] = field(default_factory=list)
    folders: list[bytes] = field(default_factory=list)
    specials: list[tuple[bytes, int]] = field(default_factory=list)
    errors: list[tuple[bytes, OSError]] = field(default_factory=list)
    """The folder itself, or entries that could not be looked at."""
    kernel_folders: list[bytes] = field(default_factory=list)
    """Folders among ``folders`` that are not entered: the kernel's view of itself."""

    @property
    def base(self) -> bytes:
        """What stands before a name in it to make a path."""
        return self.folder + b"/" if self.folder else b""


def walk_tree(root: bytes) -> Iterator[DirectoryListing]:
    """Every folder below ``root``, an absolute path, depth first, without following links."""
    with DirectoryOpener(root) as opener:
        yield from _iter_folders(root, opener)


def _iter_folders(root: bytes, opener: DirectoryOpener) -> Iterator[DirectoryListing]:
    top = os.path.join(root, b"")
    near_kernel = any(path.startswith(top) for path in _KERNEL)
    stack = [b""]
    while stack:
        walked = DirectoryListing(stack.pop())
        try:
            with os.scandir(opener.open_folder(walked.folder)) as entries:
                _sort(entries, walked)
        except OSError as error:
            walked.errors.append((walked.folder, error))
        for names in (walked.names, walked.files, walked.links, walked.folders):
            names.sort()
        if near_kernel:
            walked.kernel_folders = [name for name in walked.folders if _is_kernel(top + name)]
        yield walked
        stack += [name for name in reversed(walked.folders) if name not in walked.kernel_folders]


def _sort(entries: Iterable[os.DirEntry[str] | os.DirEntry[bytes]], walked: DirectoryListing) -> None:
    """Every entry of a folder by what it is.

    Raises:
        OSError: the folder could not be listed to its end.
    """
    base = walked.base
    for entry in entries:
        # Below a descriptor they are text, and the same bytes again.
        own = os.fsencode(entry.name)
        walked.names.append(own)
        name = base + own
        try:
            # Asked in this order because nearly everything is a file, and none of it costs a call.
            if entry.is_file(follow_symlinks=False):
                walked.files.append(name)
            elif entry.is_symlink():
                walked.links.append(name)
            elif entry.is_dir(follow_symlinks=False):
                walked.folders.append(name)
            else:
                walked.specials.append((name, entry.stat(follow_symlinks=False).st_mode))
        except OSError as error:
            walked.errors.append((name, error))


def _is_kernel(path: bytes) -> bool:
    """/proc and /sys: endless files that are not on any disk. Named as PATH they are read."""
    return path in _KERNEL and os.path.ismount(path)
