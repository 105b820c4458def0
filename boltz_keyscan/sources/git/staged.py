"""Source of staged content: blobs in the index, not files in the worktree.

Honours ``GIT_INDEX_FILE``: ``git commit -a`` and ``git commit PATH`` give their hooks a
temporary index; ``.git/index`` has other content then.

The repository is the user's own, and git is about to commit to it: unlike a scan, the hook
reads alternates wherever they are. It runs in one process and starts git three times;
everything here is on the path of every commit.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence

from boltz_keyscan import fsutil
from boltz_keyscan.errors import GitError, KeyscanError
from boltz_keyscan.model.enums import Exposure, Shape
from boltz_keyscan.model.finding import (
    Detector,
    Gap,
    Hit,
    Located,
    Origin,
    Shard,
    ShardResult,
    Tally,
)
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.blob import locate_hit
from boltz_keyscan.sources.git.objects.reader import ObjectReader
from boltz_keyscan.sources.git.repo import index
from boltz_keyscan.sources.git.repo.object_store import prepare_repository, shared_indexes
from boltz_keyscan.sources.git.repo.references import read_references
from boltz_keyscan.sources.git.repo.repository import Repository, enclosing, is_below, open_usable
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.shards import NamesShard, gap_shard
from boltz_keyscan.sources.signatures import is_brotli
from boltz_keyscan.system.paths import ANYWHERE, join, relative, split_root

_HERE = "."


@dataclass(frozen=True, slots=True)
class StagedShard:
    """Blobs of the index with their paths."""

    view: git.RepoView
    partial: bool
    """True for a partial clone."""
    blobs: tuple[tuple[bytes, str], ...]
    """Path and object id."""
    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:
        """Scan each distinct blob once, as a whole: a diff could cut a key in two."""
        paths: dict[str, list[bytes]] = {}
        for path, oid in self.blobs:
            paths.setdefault(oid, []).append(path)
        hits: list[Hit] = []
        gaps: list[Gap] = []
        more: list[Shard] = []
        read = absent = 0
        with ObjectReader(self.view, _HERE) as reader:
            for oid, names in paths.items():
                if oid in index.EMPTY_BLOBS:
                    continue
                if reader.timeout_error:
                    gaps += (Gap(fsutil.decode(name), "timed-out", reader.timeout_error) for name in names)
                    continue
                origin = Origin(names[0], oid=oid, kind="blob")
                found, missed, size = reader.scan_blob(origin, detector)
                read += size
                if reader.container or any(map(is_brotli, names)):
                    more.append(self._container(oid, size, names, found))
                hits += (replace(hit, origin=replace(origin, path=name)) for name in names for hit in found)
                if missed and self._is_left_out(oid):
                    absent += 1
                    detail = "this clone left it out, so it is not new in this commit"
                    missed = [Gap(oid, "partial-clone", detail, by_design=True)]
                gaps += (
                    replace(gap, where=f"{fsutil.decode(name)}: blob {oid}")
                    for name in names
                    for gap in missed
                )
        count = len(self.blobs)
        tally = Tally(count, count, read, objects_missing=absent)
        return ShardResult(tuple(hits), tuple(gaps), tally, more=tuple(more))

    def _container(self, oid: str, size: int, names: Sequence[bytes], found: Sequence[Hit]) -> Shard:
        from boltz_keyscan.sources.archives.shard import ContainerShard  # noqa: PLC0415 - most commits have none
        from boltz_keyscan.sources.git.objects.container import InStore  # noqa: PLC0415 - as above

        origins = tuple((Origin(name, oid=oid, kind="blob"), fsutil.decode(name)) for name in names)
        seen = tuple(hit.match for hit in found)
        return ContainerShard(InStore(self.view, oid), size, origins, seen)

    def _is_left_out(self, oid: str) -> bool:
        """Return True if a blob that git cannot read was never fetched; a damaged one exists."""
        file = os.fsencode(os.path.join(oid[:2], oid[2:]))
        exists = any(os.path.lexists(os.path.join(store, file)) for store in self.view.stores)
        return self.partial and not exists


@dataclass(frozen=True, slots=True)
class StagedSource:
    """The staged content of named files, or of all files that differ from HEAD."""

    names: tuple[bytes, ...]
    """As given, relative to the current folder; empty means everything staged."""

    def open(self) -> StagedReader:
        """Return a reader for one run."""
        return StagedReader(self.names)


@dataclass(slots=True)
class StagedReader:
    """A reader of the staged content."""

    names: tuple[bytes, ...]
    _repository: Repository | None = field(default=None, init=False)
    _view: git.RepoView | None = field(default=None, init=False)
    _compared: dict[str, dict[bytes, str | None]] = field(default_factory=dict, init=False)
    """Differences between the index and HEAD, by its id."""

    def work(self) -> Iterator[Shard]:
        """Yield a shard of names, one of blobs, and files whose content is not in the index.

        Raises:
            KeyscanError: the current folder is not in a worktree.
            GitError: git cannot be used.
        """
        here = _current_folder()
        repository = _find_repository(here)
        top = repository.worktree or here
        # Raises if git cannot be used; later errors concern this repository.
        git.executable()
        try:
            opened = prepare_repository(repository, ANYWHERE, _HERE)
        except OSError as error:
            yield gap_shard(Gap(_HERE, "object-store", f"cannot be read: {error.strerror}"))
            return
        if opened.view is None:
            yield gap_shard(*opened.gaps)
            return
        # Other gaps of the store do not matter: each blob is read by id, and one that cannot be
        # read is a gap of its own.
        wanted = {_from_top(name, here, top) for name in self.names}
        try:
            view = replace(opened.view, index=_index(repository, here))
            self._repository, self._view = repository, view
            entries = self._entries(view, repository, wanted)
            announced = _announced(view, entries, top) if wanted else set()
        except GitError as error:
            detail = f"git cannot read the index: {error.message.splitlines()[0]}"
            yield gap_shard(Gap(_HERE, "index-unreadable", detail))
            return
        known = {entry.path for entry in entries}
        without_blob = {entry.path for entry in entries if entry.unmerged} | announced
        with_blob = (entry for entry in entries if not entry.submodule and entry.path not in without_blob)
        yield NamesShard(_HERE, "index", tuple(sorted(known)))
        yield StagedShard(view, opened.partial, tuple((entry.path, entry.oid) for entry in with_blob))
        # An unmerged path that is not on disk was resolved by deleting it.
        yield from _on_disk(top, sorted(path for path in without_blob if os.path.lexists(join(top, path))))
        yield from _on_disk(top, sorted(wanted - known))

    def _entries(
        self, view: git.RepoView, repository: Repository, wanted: Collection[bytes]
    ) -> list[index.Entry]:
        """Return the entries of the wanted paths, or of all that differ from HEAD.

        Raises:
            GitError: git cannot read the index.
        """
        if wanted:
            return index.read_entries(view, [path for path in wanted if not os.path.isabs(path)])
        head = read_references(repository).head
        compared = index.compare(view, head, intended=False)
        if head is not None and compared.is_of_commit:
            self._compared[head] = compared.replaced
        return compared.changes

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Return the location of each hit; ``old`` if the file had the key before."""
        old = self._find_old(gathered.hits, detector)
        pairs = (
            (hit.match, replace(locate_hit(hit, hit.origin.path, _exposure(hit), detector), old=is_old))
            for hit, is_old in zip(gathered.hits, old, strict=True)
        )
        return Located(tuple(pairs))

    def _find_old(self, hits: Sequence[Hit], detector: Detector) -> list[bool]:
        """Return for each hit True if the commit does not add it."""
        found = any(hit.match.shape is not Shape.PLACEHOLDER for hit in hits)
        if self._repository is None or self._view is None or not found:
            return [False] * len(hits)
        from boltz_keyscan.sources.git.file_versions import Parents, list_merged_commits  # noqa: PLC0415 - only when a key was found

        head = read_references(self._repository).head
        commits = filter(None, (head, *list_merged_commits(self._repository.git_dir)))
        with Parents(self._view, commits, detector, self._compared) as parents:
            return [parents.has_key(hit) for hit in hits]


def _current_folder() -> bytes:
    try:
        return os.getcwdb()
    except OSError as error:
        raise KeyscanError(
            "the current folder does not exist any more", "Change to your repository."
        ) from error


def _find_repository(here: bytes) -> Repository:
    """Return the repository that holds this folder, or the one in ``GIT_DIR``."""
    found = enclosing(here)
    variable = os.environ.get("GIT_DIR")
    if variable:
        # git sets it for hooks in a linked worktree, where a search upwards finds the repository,
        # and with 'git --git-dir=... --work-tree=...', where it does not.
        git_dir = os.path.join(here, os.fsencode(variable))
        if found is None or os.path.realpath(found.git_dir) != os.path.realpath(git_dir):
            worktree = os.path.join(here, os.fsencode(os.environ.get("GIT_WORK_TREE", "")))
            opened = open_usable(git_dir)
            found = opened and replace(opened, worktree=os.path.abspath(worktree))
    if found is None or found.worktree is None:
        raise KeyscanError(
            "the hook runs inside a git worktree, and this folder is in none",
            "Change to your repository, or scan files with 'boltz-keyscan PATH'.",
        )
    return found


def _from_top(name: bytes, here: bytes, top: bytes) -> bytes:
    """Return the path of a named file as in the index; absolute if it is outside the worktree."""
    path = os.path.abspath(os.path.join(here, name))
    for folder, file in ((top, path), (os.path.realpath(top), _without_links(path))):
        if is_below(file, folder):
            return relative(file, folder)
    return path


def _without_links(path: bytes) -> bytes:
    """Resolve the links in the folder of a file; the file itself may be a link."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _index(repository: Repository, here: bytes) -> bytes | None:
    """Return the index that is being committed; None if there is none.

    Raises:
        GitError: git must not open it.
    """
    variable = os.environ.get("GIT_INDEX_FILE")
    path = (
        os.path.join(here, os.fsencode(variable)) if variable else os.path.join(repository.git_dir, b"index")
    )
    if not os.path.lexists(path):
        return None
    if not os.path.isfile(path):
        raise GitError("it is not a regular file")
    shared = shared_indexes(repository.git_dir)
    if shared is None:
        raise GitError("the shared part of it is not a regular file")
    if not shared or os.path.samefile(os.path.dirname(path), repository.git_dir):
        return path
    # git expects the shared part of a split index in the folder of this part.
    from boltz_keyscan.sources.git.run import tempdir  # noqa: PLC0415 - rarely needed

    folder = tempdir.folder()
    fsutil.make_link(path, os.path.join(folder, b"index"))
    for target in shared:
        fsutil.make_link(target, os.path.join(folder, os.path.basename(target)))
    return os.path.join(folder, b"index")


def _announced(view: git.RepoView, entries: Sequence[index.Entry], top: bytes) -> set[bytes]:
    """Return paths without content in the index (``git add --intent-to-add``) and with content on disk."""
    empty = [entry.path for entry in entries if entry.oid in index.EMPTY_BLOBS and _size(top, entry.path)]
    return index.list_intended(view, empty) if empty else set()


def _size(top: bytes, path: bytes) -> int:
    try:
        return os.lstat(join(top, path)).st_size
    except OSError:
        return 0


def _on_disk(top: bytes, paths: Sequence[bytes]) -> Iterator[Shard]:
    """Yield shards of files that are not in the index: pre-commit run --files may name any."""
    if not paths:
        return
    files: list[bytes] = []
    links: list[bytes] = []
    for path in paths:
        full_path = path if os.path.isabs(path) else join(top, path)
        if os.path.islink(full_path):
            links.append(path)
        elif os.path.isdir(full_path):
            detail = "a folder; name files, or scan it with 'boltz-keyscan PATH'"
            yield gap_shard(Gap(fsutil.decode(path), "not-a-file", detail))
        elif os.path.lexists(full_path):
            files.append(path)
        else:
            yield gap_shard(Gap(fsutil.decode(path), "missing", "neither in the index nor on disk"))
    yield NamesShard(_HERE, None, (*files, *links))
    from boltz_keyscan.sources.files.shard import FileShard  # noqa: PLC0415 - the files of most commits are in the index

    # The user named what lies elsewhere, whatever links lead to its folder.
    placed = {
        name: split_root(_without_links(name)) if os.path.isabs(name) else (b"", name)
        for name in (*files, *links)
    }
    for prefix in dict.fromkeys((b"", *(root for root, _ in placed.values()))):
        root = prefix or top
        here, linked = (
            tuple(placed[name][1] for name in names if placed[name][0] == prefix) for names in (files, links)
        )
        if here or linked:
            yield FileShard(root, prefix, here, linked)


def _exposure(hit: Hit) -> Exposure:
    return Exposure.UNTRACKED if hit.origin.kind is None else Exposure.STAGED
