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
            return _Run(self, detector, opener).result()


@dataclass(slots=True)
class _Run:
    """The state of one shard's scan."""

    shard: FileShard
    detector: Detector
    opener: DirectoryOpener
    hits: list[Hit] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    containers: list[Shard] = field(default_factory=list)
    bundles: list[bytes] = field(default_factory=list)
    """Names of git bundles."""
    window: Window | None = None
    """Allocated for the first file that is read by itself."""

    def result(self) -> ShardResult:
        """Scan all files and links, and return the result of the shard."""
        shard = self.shard
        batch = Batch(self.detector)
        sizes = {name: None if shard.explicit else batch.add(name, self.opener) for name in shard.files}
        batch.search()
        for name, content in batch.suspects:
            self._add(*scan_blob(self._origin(name), [content], self.detector, self._where(name)))
        self.containers += [self._container(name, sizes[name] or 0, self.hits) for name in batch.containers]
        self.bundles += batch.bundles
        for name in [name for name, size in sizes.items() if size is None]:
            sizes[name] = self._scan_file(name)
        sizes |= {name: self._scan_link(name) for name in shard.links}
        sizes_read = [size for size in sizes.values() if size is not None]
        own = sum(
            size is not None and b"/.git/" in b"/" + shard.prefix + name for name, size in sizes.items()
        )
        tally = Tally(files=len(sizes_read), bytes=sum(sizes_read), git_files=own)
        bundles = (
            BundleFile(name, shard.prefix + name, shard.root, shard.explicit)
            for name in (self.bundles if shard.bundles else ())
        )
        return ShardResult(tuple(self.hits), tuple(self.gaps), tally, tuple(bundles), tuple(self.containers))

    def _add(self, hits: Iterable[Hit], gaps: Iterable[Gap]) -> None:
        self.hits += hits
        self.gaps += gaps

    def _container(self, name: bytes, size: int, hits: Iterable[Hit]) -> Shard:
        """Return the shard that opens a file as a container; its hits are among ``hits``."""
        from boltz_keyscan.sources.archives.shard import ContainerShard, InFile  # noqa: PLC0415 - most scans meet none

        place = InFile(name, self.shard.root, follow=self.shard.explicit)
        origin = self._origin(name)
        seen = tuple(hit.match for hit in hits if hit.origin == origin)
        return ContainerShard(place, size, ((origin, self._where(name)),), seen)

    def _scan_file(self, name: bytes) -> int | None:
        """Scan a file; return the bytes read, or None if it was not read whole."""
        window = self.window = self.window or Window(self.detector.overlap)
        # A second attempt when the file changed while it was read: a log may just have grown.
        for attempt in (1, 2):
            hits: list[Hit] = []
            gaps: list[Gap] = []
            try:
                with self._open(name) as file:
                    before = os.fstat(file.fileno())
                    if not stat.S_ISREG(before.st_mode):
                        return self._scan_stream(name, file, before.st_mode)
                    size, offsets = window.candidate_offsets(file, self.detector, before.st_size)
                    if offsets:
                        file.seek(0)
                        chunks = read_chunks(file)
                        hits, gaps = scan_blob(self._origin(name), chunks, self.detector, self._where(name))
                    after = os.fstat(file.fileno())
            except OSError as error:
                self.gaps.append(self._error_gap(name, error))
                return None
            unchanged = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
            # Files in /proc and the like report 0 bytes and have some.
            is_whole = unchanged and size == (before.st_size or size)
            if is_whole or attempt == 2:
                break
        self._add(hits, gaps)
        is_bundle = window.head.startswith(BUNDLES)
        # A bundle that is a file is a source of its own.
        if not is_bundle and (is_container_head(window.head) or window.has_archive or is_brotli(name)):
            self.containers.append(self._container(name, size, hits))
        if not is_whole:
            where = self._where(name)
            detail = "it changed while it was read; scan again"
            self.gaps.append(Gap(where, "changed", detail, paths=(where,)))
            return None
        if is_bundle:
            self.bundles.append(name)
        return size

    def _open(self, name: bytes) -> FileIO:
        if not self.shard.explicit:
            return FileIO(self.opener.open(name), "rb")
        path = os.path.join(self.shard.root, name)
        if fsutil.is_device(path):
            raise OSError(errno.EINVAL, "Windows keeps this name for a device")
        return FileIO(os.open(fsutil.literal(path), fsutil.WAITING_READ_FLAGS), "rb")

    def _scan_stream(self, name: bytes, file: FileIO, mode: int) -> int | None:
        """Scan a file that is not regular, if the user named it."""
        if not self.shard.explicit or stat.S_ISDIR(mode):
            self.gaps.append(special_file_gap(self._where(name), mode))
            return None
        from boltz_keyscan.sources.files.spool import Spool  # noqa: PLC0415 - pipes are rarely scanned

        result = Spool(self.detector).scan(self._origin(name), read_chunks(file), self._where(name))
        self._add(result.hits, result.gaps)
        self.containers += result.more
        return result.tally.bytes

    def _scan_link(self, name: bytes) -> int | None:
        """Scan the text of a symbolic link; its target is not followed."""
        try:
            target = self.opener.readlink(name)
        except OSError as error:
            self.gaps.append(self._error_gap(name, error))
            return None
        if self.detector.candidate_offsets(target, len(target)):
            origin = Origin(self.shard.prefix + name, Part.LINK)
            self._add(*scan_blob(origin, [target], self.detector, self._where(name)))
        return len(target)

    def _error_gap(self, name: bytes, error: OSError) -> Gap:
        where = self._where(name)
        if isinstance(error, FileNotFoundError) and not self.shard.explicit:
            detail = "it was listed and was gone before it was read; scan again"
            return Gap(where, "vanished", detail, paths=(where,))
        return unreadable_gap(where, error)

    def _origin(self, name: bytes) -> Origin:
        return Origin(self.shard.prefix + name)

    def _where(self, name: bytes) -> str:
        return self.detector.redact(self.shard.prefix + name)


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
