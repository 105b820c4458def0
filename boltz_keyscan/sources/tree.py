"""A path the user named: its files, and every repository met on the way.

Boundary: decides what is a file to read, a name to look at or a repository to hand
out; reading is ``files`` and ``history``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import Detector, Gap, Hit, Located, Location, Shard, ShardResult, Source
from boltz_keyscan.sources.blob import BUNDLES, display_members, unreadable_gap
from boltz_keyscan.sources.files.shard import (
    FILES_PER_SHARD,
    DirectoryListing,
    FileShard,
    special_file_gap,
    walk_tree,
)
from boltz_keyscan.sources.shards import DirectoryNamesShard, NamesShard, ResultShard

if TYPE_CHECKING:
    from boltz_keyscan.sources.git.history import HistorySource
    from boltz_keyscan.sources.git.repo.repository import Repository

_FORECAST = 5
"""Slices from which on it is told how much there is at least, before the first of them is read."""


@dataclass(slots=True)
class TreeSource:
    """One file or folder, with or without the history of repositories in it."""

    path: bytes
    """As given."""
    prefix: bytes
    """What stands before paths below it in reports; empty or ending in a slash."""
    files: bool = True
    history: bool = True
    borrow: bytes | None = None
    """Objects may be borrowed from below this folder; None for ``path`` itself."""
    cache: str | None = None
    """Folder for what is known of object stores; None to know nothing and keep nothing."""
    _root: bytes = field(init=False)
    """The folder that everything is below, absolute."""
    _file: bytes | None = field(default=None, init=False)
    """The one file in it that was named."""
    _repositories: list[HistorySource] = field(default_factory=list, init=False)
    _holders: list[Repository] | None = field(default=None, init=False)
    _stores: dict[bytes, bool] = field(default_factory=dict, init=False)
    """Object stores of the repositories met; True where every file has to be looked into."""
    _unusable: set[bytes] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        root = os.path.abspath(self.path)
        if not os.path.isdir(root):
            root, self._file = os.path.split(root)
        # A link may stand in one repository and lead into another.
        self._root = os.path.realpath(root)

    def shards(self) -> Iterator[Shard | Source]:
        """Files in slices, names, gaps, and the repositories found.

        Raises:
            KeyscanError: only history was asked for, and there is none here.
        """
        if self._file is None:
            yield from _forecast(self._below())
        elif self.files:
            yield from self._named(self._file)
        else:
            yield self._bundle(self._file)

    def _below(self) -> Iterator[Shard | Source]:
        pending: list[bytes] = []
        seen_all = True
        for walked in walk_tree(self._root):
            yield from self._unusable_repository(walked)
            if walked.errors:
                seen_all = False
                yield ResultShard(ShardResult(gaps=self._unseen(walked)))
            if not self.files:
                continue
            self._without_objects(walked)
            yield from self._oddities(walked)
            pending += walked.files
            if walked.links:
                yield FileShard(self._root, self.prefix, (), tuple(walked.links))
            while len(pending) >= FILES_PER_SHARD:
                yield self._slice(pending[:FILES_PER_SHARD])
                del pending[:FILES_PER_SHARD]
        if pending:
            yield self._slice(pending)
        if self.history:
            yield from self._histories()
        if not self.files and not self._repositories and seen_all:
            raise self._no_history()

    def _no_history(self) -> KeyscanError:
        from boltz_keyscan.sources.git.repo.repository import enclosing  # noqa: PLC0415 - only to explain

        around = enclosing(self._root)
        top = os.fsdecode(around.worktree or around.git_dir) if around is not None else None
        hint = f"It lies inside {top}; name that." if top else "Leave out --history-only to scan its files."
        return KeyscanError(f"not a git repository: {os.fsdecode(self.path)}", hint)

    def _named(self, name: bytes) -> Iterator[Shard]:
        yield NamesShard(os.fsdecode(self.path), None, ((self.prefix + name, name),))
        path = os.path.join(self._root, name)
        # /dev/stdin, /dev/fd/63 and /proc/self are about the process that opens them.
        here = os.path.realpath(path).startswith((b"/dev/", b"/proc/")) or not os.path.isfile(path)
        yield FileShard(self._root, self.prefix, (name,), explicit=True, bundles=self.history, here=here)

    def _bundle(self, name: bytes) -> Source:
        """The one file with a history of its own."""
        path = os.path.join(self._root, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                if file.read(len(BUNDLES[0])) in BUNDLES:
                    from boltz_keyscan.sources.git.bundle import BundleSource  # noqa: PLC0415 - as in files

                    return BundleSource(name, self.prefix + name, self._root, follow=True)
        raise self._no_history()

    def _slice(self, names: Sequence[bytes]) -> FileShard:
        return FileShard(self._root, self.prefix, tuple(names), bundles=self.history)

    def _oddities(self, walked: DirectoryListing) -> Iterator[Shard]:
        """Names, and what stood there that is not a file."""
        if walked.names:
            where = os.fsdecode(self.prefix + walked.folder)
            yield DirectoryNamesShard(where, self.prefix + walked.base, tuple(walked.names))
        gaps = [special_file_gap(os.fsdecode(self.prefix + name), mode) for name, mode in walked.specials]
        gaps += [
            Gap(
                os.fsdecode(self.prefix + name),
                "kernel-files",
                "not on any disk, so not read",
                by_design=True,
            )
            for name in walked.kernel_folders
        ]
        if gaps:
            yield ResultShard(ShardResult(gaps=tuple(gaps)))

    def _unseen(self, walked: DirectoryListing) -> tuple[Gap, ...]:
        return tuple(
            unreadable_gap(os.fsdecode(self.prefix + name) or ".", error) for name, error in walked.errors
        )

    def _without_objects(self, walked: DirectoryListing) -> None:
        """Leave out what the history source reads through git."""
        folder = os.path.join(self._root, walked.folder)
        store, name = os.path.split(folder)
        if store in self._stores:
            from boltz_keyscan.sources.git.objects.files import list_other_files  # noqa: PLC0415 - few folders are such

            walked.files = list_other_files(self._root, walked.files, name, look=self._stores[store])

    def _unusable_repository(self, walked: DirectoryListing) -> Iterator[Shard]:
        """Take note of the repository a folder is the root or the inside of; a gap when it is no use."""
        names = walked.names
        inside = b"HEAD" in names and b"objects" in names and b"refs" in names
        folder = os.path.join(self._root, walked.folder) if walked.folder else self._root
        if (b".git" not in names and not inside) or folder in self._unusable:
            return
        from boltz_keyscan.sources.git.repo.repository import open_at  # noqa: PLC0415 - many trees have none

        where = os.fsdecode(self.prefix + walked.folder) or "."
        try:
            if os.path.realpath(folder) != os.path.normpath(
                os.path.join(os.path.realpath(self._root), walked.folder)
            ):
                # git opens paths, so this is as much as can be known before it does.
                raise ValueError("a folder on the way to it became a link, which is not followed")  # noqa: TRY301 - as below
            repository = open_at(folder)
        except (OSError, ValueError) as error:
            self._unusable.add(os.path.join(folder, b".git"))
            told = error.strerror if isinstance(error, OSError) else str(error)
            gap = Gap(where, "repository-unreadable", f"history not read: {told}")
            yield ResultShard(ShardResult(gaps=(gap,) if self.history else ()))
            return
        if repository is None:
            return
        carried = self._is_carried(repository)
        if self.history or not carried:
            self._stores[repository.objects] = carried or not self.history
        prefix = os.path.join(self.prefix + walked.folder, b"") if walked.folder else self.prefix
        source = self._source(repository, prefix, where, self.cache)
        source.carried = carried
        self._repositories.append(source)

    def _is_carried(self, repository: Repository) -> bool:
        """Return True if a worktree holds the repository as files that can be committed there."""
        from boltz_keyscan.sources.git.repo.repository import is_carried  # noqa: PLC0415 - as above

        return is_carried(
            repository, (*self._around(), *(source.repository for source in self._repositories))
        )

    def _histories(self) -> Iterator[Source]:
        """One source for each object store: of those that share it, the one with the best story to tell."""
        best: dict[bytes, HistorySource] = {}
        for source in self._repositories:
            store = os.path.realpath(source.repository.objects)
            if store not in best or _merit(source.repository) > _merit(best[store].repository):
                best[store] = source
        yield from best.values()

    def _source(
        self, repository: Repository, prefix: bytes, where: str, cache: str | None = None
    ) -> HistorySource:
        from boltz_keyscan.sources.git.history import HistorySource  # noqa: PLC0415 - as above

        known = None
        if cache is not None:
            from boltz_keyscan import rules  # noqa: PLC0415 - as above
            from boltz_keyscan.sources.git.objects.scan_cache import Cache  # noqa: PLC0415

            known = Cache(cache, rules.digest())
        return HistorySource(repository, prefix, where, self.borrow or self._root, known)

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Return each hit with the exposure of its file."""
        if not gathered.hits:
            return Located()
        from boltz_keyscan.sources.git.exposures import find_exposures  # noqa: PLC0415 - clean trees need no git

        known = [source.repository for source in self._repositories]
        around = (self._source(each, b"", os.fsdecode(self.path)) for each in self._around())
        sources = [*self._repositories, *(each for each in around if each.repository not in known)]
        placed = [(self._path(hit), hit) for hit in gathered.hits]
        exposures, gaps = find_exposures(placed, sources, detector)
        pairs = tuple(
            (
                hit.match,
                Location.of(
                    hit.match,
                    detector.redact(hit.origin.path),
                    exposure,
                    members=display_members(hit.origin, detector),
                ),
            )
            for hit, exposure in zip(gathered.hits, exposures, strict=True)
        )
        return Located(pairs, gaps)

    def _path(self, hit: Hit) -> bytes:
        """Return the absolute path of a file; what a link that was named leads to."""
        path = os.path.join(self._root, hit.origin.path[len(self.prefix) :])
        named = self._file is not None and hit.origin.part is Part.CONTENT
        return os.path.realpath(path) if named else path

    def _around(self) -> list[Repository]:
        """Return the repositories whose worktree holds the scanned folder."""
        from boltz_keyscan.sources.git.repo.repository import find_worktrees_around  # noqa: PLC0415 - as above

        if self._holders is None:
            self._holders = list(find_worktrees_around(self._root))
        return self._holders


def _forecast(shards: Iterator[Shard | Source]) -> Iterator[Shard | Source]:
    """The same; where they are many that is told first, so that the first are not read one by one."""
    held: list[Shard | Source] = []
    weight = 0
    for shard in shards:
        held.append(shard)
        if isinstance(shard, FileShard):
            weight += shard.weight
            if len(shard.files) == FILES_PER_SHARD and weight >= _FORECAST * shard.weight:
                yield ResultShard(ShardResult(), weight=weight)
                break
    yield from held
    yield from shards


def _merit(repository: Repository) -> tuple[bool, bool]:
    """Paths of a worktree say more than those inside ``.git``, and the main one is not just a linked one."""
    return repository.worktree is not None, repository.git_dir == repository.common_dir
