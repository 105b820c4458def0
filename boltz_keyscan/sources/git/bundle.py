"""Source of a git bundle: references and a pack in one file, scanned as a history.

The header is read here, with limits (gitformat-bundle, versions 2 and 3). The pack goes
through ``git index-pack`` into a store in the run's temporary folder, which is removed after
its hits were located.

A key in a bundle has the exposure of the file.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from typing import IO

from boltz_keyscan import fsutil
from boltz_keyscan.errors import GitError
from boltz_keyscan.model.enums import Exposure
from boltz_keyscan.model.finding import (
    BundleFile,
    Detector,
    Gap,
    Hit,
    Located,
    Location,
    Match,
    Origin,
    Shard,
    ShardResult,
)
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.blob import BUNDLES, locate_hit, object_path, unreadable_gap
from boltz_keyscan.sources.git.file_exposures import find_exposures
from boltz_keyscan.sources.git.history import HistoryReader, HistorySource
from boltz_keyscan.sources.git.packs import recover
from boltz_keyscan.sources.git.repo.object_store import PreparedRepository
from boltz_keyscan.sources.git.repo.repository import Repository, find_worktrees_around
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run import tempdir
from boltz_keyscan.sources.git.run.environment import ID_BYTES
from boltz_keyscan.sources.safe_open import open_file
from boltz_keyscan.sources.shards import gap_shard

MAX_BUNDLE_BYTES = 2 << 30
"""Bytes of the largest bundle that is opened; it needs as many in the temporary folder."""

_INCREMENTAL = "commits and paths of what was found are not searched in an incremental bundle"

_MAX_HEADER_BYTES = 64 << 20
_MAX_LINE_BYTES = 1 << 20
_HEADER_LINE = re.compile(rb"(-?)([0-9a-f]{40}(?:[0-9a-f]{24})?)(?: (.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a bundle."""

    object_format: str
    prerequisites: tuple[str, ...]
    """Commits that are needed to open the bundle."""
    tips: tuple[tuple[bytes, str], ...]
    """References with object ids."""
    filtered: bool
    """True if objects were left out on purpose."""
    end: int
    """Offset of the pack."""


def read_header(file: IO[bytes]) -> Header:
    """Read the header of a bundle.

    Raises:
        OSError: the file cannot be read.
        ValueError: git would not accept the header; the message has the reason.
    """
    if file.readline(_MAX_LINE_BYTES) not in BUNDLES:
        raise ValueError("it does not begin as a bundle does")
    object_format, filtered = "sha1", False
    prerequisites: list[str] = []
    tips: list[tuple[bytes, str]] = []
    while (line := file.readline(_MAX_LINE_BYTES)) != b"\n":
        if not line.endswith(b"\n") or file.tell() > _MAX_HEADER_BYTES:
            raise ValueError("its header has no end")
        line = line[:-1]
        if line.startswith(b"@"):
            name, _, value = line[1:].partition(b"=")
            if name == b"object-format" and value in {b"sha1", b"sha256"}:
                object_format = value.decode()
            elif name == b"filter":
                filtered = True
            else:
                raise ValueError(f"it asks for what is not known here: {line[:80]!r}")
        elif (parts := _HEADER_LINE.fullmatch(line)) is None:
            raise ValueError("a line of its header names no object")
        elif parts[1]:
            prerequisites.append(parts[2].decode())
        else:
            tips.append((parts[3] or b"HEAD", parts[2].decode()))
    return Header(object_format, tuple(prerequisites), tuple(tips), filtered, file.tell())


@dataclass(frozen=True, slots=True)
class BundleSource:
    """The history in one bundle."""

    file: BundleFile

    def open(self) -> BundleReader:
        """Return a reader for one run."""
        return BundleReader(self.file)


@dataclass(slots=True)
class BundleReader:
    """A reader of one bundle."""

    file: BundleFile
    _history: HistoryReader | None = field(default=None, init=False)
    _thin: bool = field(default=False, init=False)
    """True if it needs commits that are not in it."""

    def work(self) -> Iterator[Shard]:
        """Yield the shards of its history."""
        where = fsutil.decode(self.file.shown)
        try:
            descriptor = open_file(self.file.root, self.file.name, follow=self.file.follow)
            with open(descriptor, "rb") as file:
                header = read_header(file)
                size = os.fstat(file.fileno()).st_size - header.end
                if size > MAX_BUNDLE_BYTES:
                    limit = f"{MAX_BUNDLE_BYTES >> 30} GiB"
                    detail = f"not opened: it is larger than {limit}; clone it, and scan the clone"
                    yield gap_shard(Gap(where, "too-large", detail, paths=(where,)))
                    return
                repository, view = _create_repository(header)
                gaps = _import(header, file, view, size, where)
        except OSError as error:
            yield gap_shard(unreadable_gap(where, error))
            return
        except ValueError as error:
            detail = f"not opened: {error}"
            yield gap_shard(Gap(where, "bundle-unreadable", detail, paths=(where,)))
            return
        except GitError as error:
            yield gap_shard(Gap(where, "git-unusable", f"not opened: {error.message}; {error.hint}"))
            return
        yield gap_shard(*gaps)
        self._thin = bool(header.prerequisites)
        opened = PreparedRepository(view, (), header.filtered, incremental=self._thin)
        self._history = HistorySource(repository, b"", where, b"", prepared=opened).open()
        yield from self._history.work()

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Return commit and path in the bundle and the exposure of its file; remove the unpacked store."""
        if self._history is None:
            return Located()
        shown = detector.redact(self.file.shown)
        # Its objects are part of a file, which is the one path of them all.
        paths = {gap.oid: (shown,) for gap in gathered.gaps if gap.oid is not None}
        try:
            if not gathered.hits:
                return Located(paths=paths)
            located = self._locate(self._history, gathered, detector)
            path = os.path.join(self.file.root, self.file.name)
            exposure = _find_exposure(path, gathered.hits[0].match, detector)
        finally:
            shutil.rmtree(self._history.source.repository.git_dir, ignore_errors=True)
        pairs = (
            (
                match,
                replace(
                    location,
                    path=shown,
                    members=(location.path, *location.members),
                    exposure=exposure,
                    # The bundle has it, as long as the file is there.
                    removed_commit=None,
                    removed_date=None,
                    present=True,
                    traced=False,
                ),
            )
            for match, location in located.pairs
        )
        return replace(located, pairs=tuple(pairs), paths=paths)

    def _locate(self, history: HistoryReader, gathered: ShardResult, detector: Detector) -> Located:
        """Return the locations in the history; for an incremental bundle, without paths and commits."""
        if not self._thin:
            return history.locate(gathered, detector)
        pairs = tuple((hit.match, _locate_by_id(hit, detector)) for hit in gathered.hits)
        return Located(
            pairs, (Gap(fsutil.decode(self.file.shown), "untraced", _INCREMENTAL, by_design=True),)
        )


def _find_exposure(path: bytes, match: Match, detector: Detector) -> Exposure:
    """Return the exposure of a key in a file that is a bundle."""
    folder, name = os.path.split(os.path.abspath(path))
    folder = os.path.realpath(folder)
    readers = [
        HistorySource(repository, b"", fsutil.decode(path), folder).open()
        for repository in find_worktrees_around(folder)
    ]
    # As in an archive, the key is not in the bytes of the file itself.
    hit = Hit(Origin(name, members=(b"",)), match)
    (exposure,), _ = find_exposures([(os.path.realpath(os.path.join(folder, name)), hit)], readers, detector)
    return exposure


def _locate_by_id(hit: Hit, detector: Detector) -> Location:
    """Return the location of a hit with the id of its object instead of a path."""
    path = hit.origin.path if hit.origin.oid is None else object_path(hit)
    commit = hit.origin.oid if hit.origin.kind == "commit" else None
    return replace(locate_hit(hit, path, Exposure.FILE, detector), commit=commit)


def _create_repository(header: Header) -> tuple[Repository, git.RepoView]:
    """Create a temporary repository with the references of the bundle and no objects."""
    skeleton = git.skeleton(header.object_format)
    folder = tempdir.folder()
    store = os.path.join(folder, b"objects")
    os.makedirs(os.path.join(store, b"pack"))
    lines = (oid.encode() + b" " + name + b"\n" for name, oid in header.tips if name != b"HEAD")
    head = next((oid.encode() for name, oid in header.tips if name == b"HEAD"), b"ref: refs/heads/none")
    for name, content in ((b"packed-refs", b"".join(lines)), (b"HEAD", head + b"\n")):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    view = git.RepoView(skeleton, store, id_bytes=ID_BYTES[header.object_format])
    return Repository(folder, folder, None), view


def _import(header: Header, file: IO[bytes], view: git.RepoView, size: int, where: str) -> list[Gap]:
    """Import the pack into the store, or its readable objects; return the gaps."""
    gaps = []
    if header.prerequisites:
        count = len(header.prerequisites)
        detail = f"it builds on commits that are not in it ({count}); scan a clone that has them"
        gaps.append(Gap(where, "bundle-prerequisites", detail, by_design=True))
    os.lseek(file.fileno(), header.end, os.SEEK_SET)
    error = recover.import_pack(view.skeleton, file, view.objects, max(size, 1))
    if not error:
        return gaps
    _clear(view.objects)
    os.lseek(file.fileno(), header.end, os.SEEK_SET)
    count, _ = recover.salvage(view.skeleton, file, view.objects, max(size, 1))
    file.seek(header.end)
    total = recover.object_count(file)
    if "unresolved delta" in error and header.prerequisites:
        error = "the others are differences from objects that it builds on"
    gaps.append(Gap(where, "bundle-incomplete", f"{count} of its {total} objects could be read: {error}"))
    return gaps


def _clear(store: bytes) -> None:
    """Remove leftovers of a failed git: a pack without an index, as large as the bundle."""
    folder = os.path.join(store, b"pack")
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
