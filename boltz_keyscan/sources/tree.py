"""A path that the user named: its files, and every repository in it.

Decides what is a file, a name or a repository; reading is in ``files`` and ``git.history``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from boltz_keyscan import fsutil
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import (
    BundleFile,
    Detector,
    Discovered,
    Gap,
    Hit,
    Located,
    Shard,
    ShardResult,
    SourceReader,
)
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.blob import BUNDLES, locate_hit, unreadable_gap
from boltz_keyscan.sources.files.excluded import Excluded, FindGlob
from boltz_keyscan.sources.files.shard import (
    FILES_PER_SHARD,
    DirectoryListing,
    FileShard,
    special_file_gap,
    walk_tree,
)
from boltz_keyscan.sources.shards import NamesShard, ResultShard, gap_shard
from boltz_keyscan.system.paths import ANYWHERE, join, with_slash

if TYPE_CHECKING:
    from boltz_keyscan.sources.git.history import HistoryReader
    from boltz_keyscan.sources.git.repo.repository import Repository

_FORECAST_SHARDS = 5
"""Full shards from which their weight is reported before the first of them is read."""


@dataclass(frozen=True, slots=True)
class TreeSource:
    """One file or folder, with or without the history of repositories in it."""

    path: bytes
    """The path as given."""
    prefix: bytes
    """Prefix of paths below it in reports; empty or ending in a slash."""
    files: bool = True
    history: bool = True
    follow_alternates: bool = False
    """True to read alternate object stores wherever they are, not only below ``path``."""
    cache: str | None = None
    """Folder of the scan cache; None to use no cache."""
    find_glob: FindGlob | None = None
    """Search for the glob that excludes a path in reports; None if nothing is excluded."""

    def open(self) -> TreeReader:
        """Return a reader for one run."""
        root, file = os.path.abspath(self.path), None
        if not os.path.isdir(root):
            root, file = os.path.split(root)
        # A link may be in one repository and point into another.
        return TreeReader(self, os.path.realpath(root), file)


@dataclass(frozen=True, slots=True)
class _Found:
    """A repository in the tree."""

    repository: Repository
    prefix: bytes
    """Prefix of its paths in reports."""
    where: str
    """Its folder in reports."""
    carried: bool = False
    """True if a worktree holds it as files."""


@dataclass(slots=True)
class TreeReader:
    """A reader of one file or folder."""

    source: TreeSource
    root: bytes
    """The scanned folder, absolute."""
    file: bytes | None
    """The one file in it, when the path is a file."""
    _repositories: list[_Found] = field(default_factory=list, init=False)
    _readers: list[HistoryReader] | None = field(default=None, init=False)
    """A reader of each repository found; a scan of clean files without history opens none."""
    _holders: list[Repository] | None = field(default=None, init=False)
    _stores: dict[bytes, bool] = field(default_factory=dict, init=False)
    """Object stores of the repositories found; True where every file has to be scanned."""
    _unusable: set[bytes] = field(default_factory=set, init=False)

    def work(self) -> Iterator[Shard | Discovered]:
        """Yield shards of files and names, gaps, and the repositories found.

        Raises:
            KeyscanError: only history was asked for, and there is none here.
        """
        if self.file is None:
            yield from _forecast(self._folder_shards())
            if self.source.history:
                yield from map(Discovered, self._histories())
        elif self.source.files:
            yield from self._file_shards(self.file)
        else:
            yield Discovered(self._bundle(self.file))

    def _folder_shards(self) -> Iterator[Shard]:
        pending: list[bytes] = []
        complete = True
        excluded = Excluded(self.source.prefix, self.source.find_glob)
        for listing in walk_tree(self.root):
            yield from self._add_repository(listing)
            excluded.drop(listing)
            if listing.errors:
                complete = False
                yield gap_shard(
                    *(unreadable_gap(self._format_path(name) or ".", error) for name, error in listing.errors)
                )
            if not self.source.files:
                continue
            self._drop_object_files(listing)
            yield from self._names_and_gaps(listing)
            pending += listing.files
            if listing.links:
                yield FileShard(self.root, self.source.prefix, (), tuple(listing.links))
            while len(pending) >= FILES_PER_SHARD:
                yield self._slice(pending[:FILES_PER_SHARD])
                del pending[:FILES_PER_SHARD]
        if pending:
            yield self._slice(pending)
        if excluded.entries:
            yield excluded.shard()
        if not self.source.files and not self._repositories and complete:
            raise self._no_history()

    def _no_history(self) -> KeyscanError:
        from boltz_keyscan.sources.git.repo.repository import enclosing  # noqa: PLC0415 - only to explain

        around = enclosing(self.root)
        top = fsutil.decode(around.worktree or around.git_dir) if around is not None else None
        hint = f"It lies inside {top}; name that." if top else "Leave out --history-only to scan its files."
        return KeyscanError(f"not a git repository: {fsutil.decode(self.source.path)}", hint)

    def _file_shards(self, name: bytes) -> Iterator[Shard]:
        yield NamesShard(fsutil.decode(self.source.path), None, (name,), self.source.prefix)
        excluded = Excluded(self.source.prefix, self.source.find_glob)
        excluded.drop(DirectoryListing(b"", files=[name]))
        if excluded.entries:
            yield excluded.shard()
            return
        path = os.path.join(self.root, name)
        # /dev/stdin, /dev/fd/63 and /proc/self depend on the process that opens them.
        in_process = os.path.realpath(path).startswith((b"/dev/", b"/proc/")) or not os.path.isfile(path)
        yield FileShard(
            self.root,
            self.source.prefix,
            (name,),
            explicit=True,
            bundles=self.source.history,
            in_process=in_process,
        )

    def _bundle(self, name: bytes) -> SourceReader:
        """Return the reader of a bundle, the one kind of file with a history."""
        path = os.path.join(self.root, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                if file.read(len(BUNDLES[0])) in BUNDLES:
                    from boltz_keyscan.sources.git.bundle import BundleSource  # noqa: PLC0415 - hardly any tree has one

                    return BundleSource(
                        BundleFile(name, self.source.prefix + name, self.root, follow=True)
                    ).open()
        raise self._no_history()

    def _slice(self, names: Sequence[bytes]) -> FileShard:
        return FileShard(self.root, self.source.prefix, tuple(names), bundles=self.source.history)

    def _names_and_gaps(self, listing: DirectoryListing) -> Iterator[Shard]:
        """Yield the names of a folder, and gaps for special files and kernel folders."""
        if listing.names:
            base = self.source.prefix + listing.base
            yield NamesShard(self._format_path(listing.folder), None, tuple(listing.names), base)
        gaps = [special_file_gap(self._format_path(name), mode) for name, mode in listing.specials]
        detail = "not on any disk, so not read"
        gaps += [
            Gap(self._format_path(name), "kernel-files", detail, by_design=True)
            for name in listing.kernel_folders
        ]
        if gaps:
            yield gap_shard(*gaps)

    def _format_path(self, name: bytes) -> str:
        return fsutil.decode(self.source.prefix + name)

    def _drop_object_files(self, listing: DirectoryListing) -> None:
        """Drop the files of an object store that the history source reads through git."""
        folder = join(self.root, listing.folder)
        store, name = os.path.split(folder)
        if store in self._stores:
            from boltz_keyscan.sources.git.objects.files import list_other_files  # noqa: PLC0415 - few folders are such

            listing.files = list_other_files(self.root, listing.files, name, look=self._stores[store])

    def _add_repository(self, listing: DirectoryListing) -> Iterator[Shard]:
        """Add the repository whose root or git folder a folder is; yield a gap when it is unreadable."""
        names = listing.names
        is_git_dir = b"HEAD" in names and b"objects" in names and b"refs" in names
        folder = join(self.root, listing.folder) if listing.folder else self.root
        if (b".git" not in names and not is_git_dir) or folder in self._unusable:
            return
        from boltz_keyscan.sources.git.repo.repository import open_at  # noqa: PLC0415 - many trees have none

        where = self._format_path(listing.folder) or "."
        try:
            if os.path.realpath(folder) != os.path.normpath(
                os.path.join(os.path.realpath(self.root), listing.folder)
            ):
                # git opens paths itself, so a later swap of the folder cannot be detected.
                raise ValueError("a folder on the way to it became a link, which is not followed")  # noqa: TRY301 - as below
            repository = open_at(folder)
        except (OSError, ValueError) as error:
            self._unusable.add(os.path.join(folder, b".git"))
            reason = error.strerror if isinstance(error, OSError) else str(error)
            gap = Gap(where, "repository-unreadable", f"history not read: {reason}", paths=(where,))
            yield gap_shard(*[gap] if self.source.history else ())
            return
        if repository is None:
            return
        carried = self._is_carried(repository)
        if self.source.history or not carried:
            self._stores[repository.objects] = carried or not self.source.history
        prefix = with_slash(self.source.prefix + listing.folder) if listing.folder else self.source.prefix
        self._repositories.append(_Found(repository, prefix, where, carried))

    def _is_carried(self, repository: Repository) -> bool:
        """Return True if a worktree holds the repository as files that can be committed there."""
        from boltz_keyscan.sources.git.repo.repository import is_carried  # noqa: PLC0415 - as above

        return is_carried(repository, (*self._around(), *(found.repository for found in self._repositories)))

    def _open_repositories(self) -> list[HistoryReader]:
        """Return one reader for each repository found, the same ones at each call."""
        if self._readers is None:
            self._readers = [self._open(found, self.source.cache) for found in self._repositories]
        return self._readers

    def _histories(self) -> Iterator[HistoryReader]:
        """Yield one reader for each object store: of those that share it, the one with the best paths."""
        best: dict[bytes, HistoryReader] = {}
        for reader in self._open_repositories():
            repository = reader.source.repository
            store = os.path.realpath(repository.objects)
            if store not in best or _rank(repository) > _rank(best[store].source.repository):
                best[store] = reader
        yield from best.values()

    def _open(self, found: _Found, cache: str | None = None) -> HistoryReader:
        from boltz_keyscan.sources.git.history import HistorySource  # noqa: PLC0415 - as above

        known = None
        if cache is not None:
            from boltz_keyscan import rules  # noqa: PLC0415 - as above
            from boltz_keyscan.sources.git.packs.shared_objects import open_cache  # noqa: PLC0415

            known = open_cache(cache, rules.digest())
        allowed = ANYWHERE if self.source.follow_alternates else self.root
        return HistorySource(
            found.repository, found.prefix, found.where, allowed, known, carried=found.carried
        ).open()

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Return each hit with the exposure of its file."""
        if not gathered.hits:
            return Located()
        from boltz_keyscan.sources.git.file_exposures import check_environment, find_exposures  # noqa: PLC0415 - clean trees need no git

        known = [found.repository for found in self._repositories]
        where = fsutil.decode(self.source.path)
        around = [self._open(_Found(each, b"", where)) for each in self._around() if each not in known]
        placed = [(self.path_of(hit), hit) for hit in gathered.hits]
        own = self._open_repositories()
        traced = len(own) if self.source.history else 0
        exposures, gaps = find_exposures(placed, [*own, *around], detector, traced)
        pairs = []
        for (path, hit), exposure in zip(placed, exposures, strict=True):
            shown, private, is_open = check_environment(path, exposure)
            location = locate_hit(hit, hit.origin.path, shown, detector)
            pairs.append((hit.match, replace(location, private=private, open_to_others=is_open)))
        return Located(tuple(pairs), gaps)

    def path_of(self, hit: Hit) -> bytes:
        """Return the absolute path of a file, with links resolved if the user named it."""
        path = join(self.root, hit.origin.path[len(self.source.prefix) :])
        named = self.file is not None and hit.origin.part is Part.CONTENT
        return os.path.realpath(path) if named else path

    def _around(self) -> list[Repository]:
        """Return the repositories whose worktree holds the scanned folder."""
        from boltz_keyscan.sources.git.repo.repository import find_worktrees_around  # noqa: PLC0415 - as above

        if self._holders is None:
            self._holders = list(find_worktrees_around(self.root))
        return self._holders


def _forecast(shards: Iterator[Shard]) -> Iterator[Shard]:
    """Yield the shards, with a forecast of their weight first when there are many, to start workers early."""
    pending: list[Shard] = []
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
