"""Files under a path, hidden and ignored ones too, without following links.

``walk_tree`` lists folders; a ``FileShard`` opens its files without following links and reads
each once. Object stores of repositories are left to ``git.history``; the plain files beside them
(config, logs, packed-refs) are files like any other.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from io import FileIO

from boltz_keyscan import fsutil
from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import BundleFile, Detector, Gap, Hit, Origin, Shard, ShardResult, Tally
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.blob import BUNDLES, Window, read_chunks, scan_blob, unreadable_gap
from boltz_keyscan.sources.files.batch import Batch
from boltz_keyscan.sources.safe_open import DirectoryOpener
from boltz_keyscan.sources.signatures import is_brotli, is_container_head

FILES_PER_SHARD = 512
"""Most files in one shard."""

_KERNEL_FOLDERS = (b"/proc", b"/sys")

_NOMINAL_FILE_BYTES = 32 << 10
"""Assumed size of a file when work is weighed: to open and read one takes as long as to search so many bytes
of a pack, and a stat call costs more than a wrong guess."""


@dataclass(frozen=True, slots=True)
class FileShard:
    """A slice of files."""

    root: bytes
    """Absolute path."""
    prefix: bytes
    """Prefix of its paths in reports."""
    files: tuple[bytes, ...]
    """Relative to ``root``."""
    links: tuple[bytes, ...] = ()
    explicit: bool = False
    """The user named this file: links are followed and pipes are read."""
    bundles: bool = False
    """git bundles among them are reported, to be opened."""
    in_process: bool = False
    """True for a name that another process would resolve differently (``/dev/fd/63``)."""

    @property
    def weight(self) -> int:
        """Estimated bytes; 0 when it must be read by this process."""
        return 0 if self.in_process else len(self.files) * _NOMINAL_FILE_BYTES

    @property
    def where(self) -> str:
        """Name of the whole shard in a gap."""
        names = [fsutil.decode(self.prefix + name) for name in (*self.files, *self.links)]
        return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"

    def scan(self, detector: Detector) -> ShardResult:
        """Read every file once, and large ones with a candidate a second time for the exact pass."""
        with DirectoryOpener(self.root) as opener:
            return self._scan(detector, opener)

    def _scan(self, detector: Detector, opener: DirectoryOpener) -> ShardResult:
        hits: list[Hit] = []
        gaps: list[Gap] = []
        batch = Batch(detector)
        sizes = {name: None if self.explicit else batch.add(name, opener) for name in self.files}
        batch.search()
        for name, content in batch.suspects:
            where = self._where(name, detector)
            new_hits, new_gaps = scan_blob(Origin(self.prefix + name), [content], detector, where)
            hits += new_hits
            gaps += new_gaps
        containers = [self._container(name, sizes[name] or 0, hits, detector) for name in batch.containers]
        unbatched = [name for name, size in sizes.items() if size is None]
        window: Window | None = None
        for name in unbatched:
            window = window or Window(detector.overlap)
            new_hits, new_gaps, sizes[name] = self._scan_file(name, window, detector, containers, opener)
            hits += new_hits
            gaps += new_gaps
            if sizes[name] is not None and window.head.startswith(BUNDLES):
                batch.bundles.append(name)
        for name in self.links:
            new_hits, new_gaps, sizes[name] = self._scan_link(name, detector, opener)
            hits += new_hits
            gaps += new_gaps
        sizes_read = [size for size in sizes.values() if size is not None]
        own = sum(size is not None and b"/.git/" in b"/" + self.prefix + name for name, size in sizes.items())
        tally = Tally(files=len(sizes_read), bytes=sum(sizes_read), git_files=own)
        bundles = (
            BundleFile(name, self.prefix + name, self.root, self.explicit)
            for name in (batch.bundles if self.bundles else ())
        )
        return ShardResult(tuple(hits), tuple(gaps), tally, tuple(bundles), tuple(containers))

    def _container(self, name: bytes, size: int, hits: list[Hit], detector: Detector) -> Shard:
        from boltz_keyscan.sources.archives.shard import ContainerShard, InFile  # noqa: PLC0415 - most scans meet none

        place = InFile(name, self.root, follow=self.explicit)
        origin = Origin(self.prefix + name)
        seen = tuple((hit.match.offset, hit.match.fingerprint) for hit in hits if hit.origin == origin)
        return ContainerShard(place, size, ((origin, self._where(name, detector)),), seen)

    def _scan_file(
        self,
        name: bytes,
        window: Window,
        detector: Detector,
        containers: list[Shard],
        opener: DirectoryOpener,
    ) -> tuple[list[Hit], list[Gap], int | None]:
        """Return hits, gaps, and the bytes read; None when the file was not read whole."""
        # A second attempt when the file changed while it was read: a log may just have grown.
        for attempt in (1, 2):
            try:
                with self._open(name, opener) as file:
                    before = os.fstat(file.fileno())
                    if not stat.S_ISREG(before.st_mode):
                        return self._scan_stream(name, file, before.st_mode, detector, containers)
                    size, offsets = window.candidate_offsets(file, detector, before.st_size)
                    found: tuple[list[Hit], list[Gap]] = ([], [])
                    if offsets:
                        file.seek(0)
                        origin = Origin(self.prefix + name)
                        found = scan_blob(origin, read_chunks(file), detector, self._where(name, detector))
                    after = os.fstat(file.fileno())
                    # A bundle that is a file is a source of its own.
                    container = not window.head.startswith(BUNDLES) and (
                        is_container_head(window.head) or window.has_archive or is_brotli(name)
                    )
            except OSError as error:
                return [], [self._error_gap(name, error, detector)], None
            unchanged = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
            # Files in /proc and the like report 0 bytes and have some.
            is_whole = unchanged and size == (before.st_size or size)
            if is_whole or attempt == 2:
                break
        if container:
            containers.append(self._container(name, size, found[0], detector))
        if is_whole:
            return *found, size
        where = self._where(name, detector)
        gap = Gap(where, "changed", "it changed while it was read; scan again", paths=(where,))
        return found[0], [*found[1], gap], None

    def _open(self, name: bytes, opener: DirectoryOpener) -> FileIO:
        if not self.explicit:
            return FileIO(opener.open(name), "rb")
        if fsutil.is_device(os.path.join(self.root, name)):
            raise OSError(errno.EINVAL, "Windows keeps this name for a device")
        path = fsutil.literal(os.path.join(self.root, name))
        return FileIO(os.open(path, fsutil.WAITING_READ_FLAGS), "rb")

    def _scan_stream(
        self, name: bytes, file: FileIO, mode: int, detector: Detector, containers: list[Shard]
    ) -> tuple[list[Hit], list[Gap], int | None]:
        """Scan a file that is not regular, if the user named it."""
        where = self._where(name, detector)
        if not self.explicit or stat.S_ISDIR(mode):
            return [], [special_file_gap(where, mode)], None
        from boltz_keyscan.sources.files.spool import Spool  # noqa: PLC0415 - pipes are rarely scanned

        result = Spool(detector).scan(Origin(self.prefix + name), read_chunks(file), where)
        containers += result.more
        return [*result.hits], [*result.gaps], result.tally.bytes

    def _scan_link(
        self, name: bytes, detector: Detector, opener: DirectoryOpener
    ) -> tuple[list[Hit], list[Gap], int | None]:
        """Scan the text of a symbolic link; its target is not followed."""
        try:
            target = opener.readlink(name)
        except OSError as error:
            return [], [self._error_gap(name, error, detector)], None
        if not detector.candidate_offsets(target, len(target)):
            return [], [], len(target)
        origin = Origin(self.prefix + name, Part.LINK)
        return *scan_blob(origin, [target], detector, self._where(name, detector)), len(target)

    def _error_gap(self, name: bytes, error: OSError, detector: Detector) -> Gap:
        where = self._where(name, detector)
        if isinstance(error, FileNotFoundError) and not self.explicit:
            detail = "it was listed and was gone before it was read; scan again"
            return Gap(where, "vanished", detail, paths=(where,))
        return unreadable_gap(where, error)

    def _where(self, name: bytes, detector: Detector) -> str:
        return detector.redact(self.prefix + name)


def special_file_gap(where: str, mode: int) -> Gap:
    """Return the gap for a FIFO, socket or device; by design, as it stores no bytes to scan."""
    kinds = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
    kind = kinds.get(stat.S_IFMT(mode), "special file")
    return Gap(where, "special-file", f"a {kind} is not read", by_design=True, paths=(where,))


@dataclass(slots=True)
class DirectoryListing:
    """Entries of one folder. Paths are relative to the root of the walk."""

    folder: bytes
    names: list[bytes] = field(default_factory=list)
    """Names of all entries, without the folder."""
    files: list[bytes] = field(default_factory=list)
    links: list[bytes] = field(default_factory=list)
    folders: list[bytes] = field(default_factory=list)
    specials: list[tuple[bytes, int]] = field(default_factory=list)
    errors: list[tuple[bytes, OSError]] = field(default_factory=list)
    """The folder itself, or entries, that could not be read."""
    kernel_folders: list[bytes] = field(default_factory=list)
    """Folders among ``folders`` that are not entered: /proc and /sys."""

    @property
    def base(self) -> bytes:
        """Prefix that makes a path of a name in it."""
        return self.folder + b"/" if self.folder else b""


def walk_tree(root: bytes) -> Iterator[DirectoryListing]:
    """Yield every folder below ``root``, an absolute path, depth first, without following links."""
    with DirectoryOpener(root) as opener:
        yield from _iter_folders(root, opener)


def _iter_folders(root: bytes, opener: DirectoryOpener) -> Iterator[DirectoryListing]:
    top = os.path.join(root, b"")
    near_kernel = any(path.startswith(top) for path in _KERNEL_FOLDERS)
    stack = [b""]
    while stack:
        listing = DirectoryListing(stack.pop())
        try:
            with os.scandir(opener.open_folder(listing.folder)) as entries:
                _list_entries(entries, listing)
        except OSError as error:
            listing.errors.append((listing.folder, error))
        for names in (listing.names, listing.files, listing.links, listing.folders):
            names.sort()
        if near_kernel:
            listing.kernel_folders = [name for name in listing.folders if _is_kernel_folder(top + name)]
        yield listing
        stack += [name for name in reversed(listing.folders) if name not in listing.kernel_folders]


def _list_entries(
    entries: Iterable[os.DirEntry[str] | os.DirEntry[bytes]], listing: DirectoryListing
) -> None:
    """Add the entries of a folder to its listing by their type.

    Raises:
        OSError: the folder could not be listed to its end.
    """
    base = listing.base
    for entry in entries:
        # ``scandir`` of a descriptor returns text; this gives the same bytes.
        entry_name = os.fsencode(entry.name)
        listing.names.append(entry_name)
        name = base + entry_name
        try:
            # Files first, because nearly all entries are; none of these tests costs a system call.
            if entry.is_file(follow_symlinks=False):
                listing.files.append(name)
            elif fsutil.is_link(entry):
                listing.links.append(name)
            elif entry.is_dir(follow_symlinks=False):
                listing.folders.append(name)
            else:
                listing.specials.append((name, entry.stat(follow_symlinks=False).st_mode))
        except OSError as error:
            listing.errors.append((name, error))


def _is_kernel_folder(path: bytes) -> bool:
    """Return True for /proc and /sys, which have endless files; given as PATH they are read."""
    return path in _KERNEL_FOLDERS and os.path.ismount(path)
