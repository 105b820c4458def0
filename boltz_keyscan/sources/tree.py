"""A path that the user named: its files, and every repository in it.

Decides what is a file, a name or a repository; reading is in ``files`` and ``git.history``.
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

_FORECAST_SHARDS = 5
"""Full shards from which their weight is reported before the first of them is read."""


@dataclass(slots=True)
class TreeSource:
    """One file or folder, with or without the history of repositories in it."""

    path: bytes
    """The path as given."""
    prefix: bytes
    """Prefix of paths below it in reports; empty or ending in a slash."""
    files: bool = True
    history: bool = True
    borrow: bytes | None = None
    """Folder below which alternate object stores are allowed; None for ``path`` itself."""
    cache: str | None = None
    """Folder of the scan cache; None to use no cache."""
    _root: bytes = field(init=False)
    """The scanned folder, absolute."""
    _file: bytes | None = field(default=None, init=False)
    """The one file in it, when ``path`` is a file."""
    _repositories: list[tuple[Repository, bytes, str, bool]] = field(default_factory=list, init=False)
    """Repositories found, with the prefix and the name in reports, and True for one that is carried."""
    _histories: list[HistorySource] | None = field(default=None, init=False)
    _holders: list[Repository] | None = field(default=None, init=False)
    _stores: dict[bytes, bool] = field(default_factory=dict, init=False)
    """Object stores of the repositories found; True where every file has to be scanned."""
    _unusable: set[bytes] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        root = os.path.abspath(self.path)
        if not os.path.isdir(root):
            root, self._file = os.path.split(root)
        # A link may be in one repository and point into another.
        self._root = os.path.realpath(root)

    def shards(self) -> Iterator[Shard | Source]:
        """Yield shards of files and names, gaps, and the repositories found.

        Raises:
            KeyscanError: only history was asked for, and there is none here.
        """
        if self._file is None:
            yield from _forecast(self._folder_shards())
        elif self.files:
            yield from self._file_shards(self._file)
        else:
            yield self._bundle(self._file)

    def _folder_shards(self) -> Iterator[Shard | Source]:
        pending: list[bytes] = []
        complete = True
        for listing in walk_tree(self._root):
            yield from self._add_repository(listing)
            if listing.errors:
                complete = False
                yield ResultShard(ShardResult(gaps=self._error_gaps(listing)))
            if not self.files:
                continue
            self._drop_object_files(listing)
            yield from self._names_and_gaps(listing)
            pending += listing.files
            if listing.links:
                yield FileShard(self._root, self.prefix, (), tuple(listing.links))
            while len(pending) >= FILES_PER_SHARD:
                yield self._slice(pending[:FILES_PER_SHARD])
                del pending[:FILES_PER_SHARD]
        if pending:
            yield self._slice(pending)
        if self.history:
            yield from self._best_histories()
        if not self.files and not self._repositories and complete:
            raise self._no_history()

    def _no_history(self) -> KeyscanError:
        from boltz_keyscan.sources.git.repo.repository import enclosing  # noqa: PLC0415 - only to explain

        around = enclosing(self._root)
        top = os.fsdecode(around.worktree or around.git_dir) if around is not None else None
        hint = f"It lies inside {top}; name that." if top else "Leave out --history-only to scan its files."
        return KeyscanError(f"not a git repository: {os.fsdecode(self.path)}", hint)

    def _file_shards(self, name: bytes) -> Iterator[Shard]:
        yield NamesShard(os.fsdecode(self.path), None, ((self.prefix + name, name),))
        path = os.path.join(self._root, name)
        # /dev/stdin, /dev/fd/63 and /proc/self depend on the process that opens them.
        in_process = os.path.realpath(path).startswith((b"/dev/", b"/proc/")) or not os.path.isfile(path)
        yield FileShard(
            self._root, self.prefix, (name,), explicit=True, bundles=self.history, in_process=in_process
        )

    def _bundle(self, name: bytes) -> Source:
        """Return the source of a bundle, the one kind of file with a history."""
        path = os.path.join(self._root, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                if file.read(len(BUNDLES[0])) in BUNDLES:
                    from boltz_keyscan.sources.git.bundle import BundleSource  # noqa: PLC0415 - as in files

                    return BundleSource(name, self.prefix + name, self._root, follow=True)
        raise self._no_history()

    def _slice(self, names: Sequence[bytes]) -> FileShard:
        return FileShard(self._root, self.prefix, tuple(names), bundles=self.history)

    def _names_and_gaps(self, listing: DirectoryListing) -> Iterator[Shard]:
        """Yield the names of a folder, and gaps for special files and kernel folders."""
        if listing.names:
            where = os.fsdecode(self.prefix + listing.folder)
            yield DirectoryNamesShard(where, self.prefix + listing.base, tuple(listing.names))
        gaps = [special_file_gap(os.fsdecode(self.prefix + name), mode) for name, mode in listing.specials]
        gaps += [
            Gap(
                os.fsdecode(self.prefix + name),
                "kernel-files",
                "not on any disk, so not read",
                by_design=True,
            )
            for name in listing.kernel_folders
        ]
        if gaps:
            yield ResultShard(ShardResult(gaps=tuple(gaps)))

    def _error_gaps(self, listing: DirectoryListing) -> tuple[Gap, ...]:
        return tuple(
            unreadable_gap(os.fsdecode(self.prefix + name) or ".", error) for name, error in listing.errors
        )

    def _drop_object_files(self, listing: DirectoryListing) -> None:
        """Drop the files of an object store that the history source reads through git."""
        folder = os.path.join(self._root, listing.folder)
        store, name = os.path.split(folder)
        if store in self._stores:
            from boltz_keyscan.sources.git.objects.files import list_other_files  # noqa: PLC0415 - few folders are such

            listing.files = list_other_files(self._root, listing.files, name, look=self._stores[store])

    def _add_repository(self, listing: DirectoryListing) -> Iterator[Shard]:
        """Add the repository whose root or git folder a folder is; yield a gap when it is unreadable."""
        names = listing.names
        is_git_dir = b"HEAD" in names and b"objects" in names and b"refs" in names
        folder = os.path.join(self._root, listing.folder) if listing.folder else self._root
        if (b".git" not in names and not is_git_dir) or folder in self._unusable:
            return
        from boltz_keyscan.sources.git.repo.repository import open_at  # noqa: PLC0415 - many trees have none

        where = os.fsdecode(self.prefix + listing.folder) or "."
        try:
            if os.path.realpath(folder) != os.path.normpath(
                os.path.join(os.path.realpath(self._root), listing.folder)
            ):
                # git opens paths itself, so a later swap of the folder cannot be detected.
                raise ValueError("a folder on the way to it became a link, which is not followed")  # noqa: TRY301 - as below
            repository = open_at(folder)
        except (OSError, ValueError) as error:
            self._unusable.add(os.path.join(folder, b".git"))
            reason = error.strerror if isinstance(error, OSError) else str(error)
            gap = Gap(where, "repository-unreadable", f"history not read: {reason}")
            yield ResultShard(ShardResult(gaps=(gap,) if self.history else ()))
            return
        if repository is None:
            return
        carried = self._is_carried(repository)
        if self.history or not carried:
            self._stores[repository.objects] = carried or not self.history
        prefix = os.path.join(self.prefix + listing.folder, b"") if listing.folder else self.prefix
        self._repositories.append((repository, prefix, where, carried))

    def _is_carried(self, repository: Repository) -> bool:
        """Return True if a worktree holds the repository as files that can be committed there."""
        from boltz_keyscan.sources.git.repo.repository import is_carried  # noqa: PLC0415 - as above

        return is_carried(repository, (*self._around(), *(found for found, *_ in self._repositories)))

    def _sources(self) -> list[HistorySource]:
        """Return the sources of the repositories found; a scan of clean files needs none."""
        if self._histories is None:
            self._histories = []
            for repository, prefix, where, carried in self._repositories:
                source = self._source(repository, prefix, where, self.cache)
                source.carried = carried
                self._histories.append(source)
        return self._histories

    def _best_histories(self) -> Iterator[Source]:
        """Yield one source for each object store: of those that share it, the one with the best paths."""
        best: dict[bytes, HistorySource] = {}
        for source in self._sources():
            store = os.path.realpath(source.repository.objects)
            if store not in best or _rank(source.repository) > _rank(best[store].repository):
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

        known = [source.repository for source in self._sources()]
        around = (self._source(each, b"", os.fsdecode(self.path)) for each in self._around())
        sources = [*self._sources(), *(each for each in around if each.repository not in known)]
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
        """Return the absolute path of a file, with links resolved if the user named it."""
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
    """Yield the shards, with a forecast of their weight first when there are many, to start workers early."""
    pending: list[Shard | Source] = []
    weight = 0
    for shard in shards:
        pending.append(shard)
        if isinstance(shard, FileShard):
            weight += shard.weight
            if len(shard.files) == FILES_PER_SHARD and weight >= _FORECAST_SHARDS * shard.weight:
                yield ResultShard(ShardResult(), weight=weight)
                break
    yield from pending
    yield from shards


def _rank(repository: Repository) -> tuple[bool, bool]:
    """Rank a worktree above a bare ``.git``, and the main worktree above linked ones."""
    return repository.worktree is not None, repository.git_dir == repository.common_dir
