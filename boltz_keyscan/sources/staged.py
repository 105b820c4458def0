"""What is about to be committed: blobs in the index, not files in the worktree.

Honours ``GIT_INDEX_FILE``: ``git commit -a`` and ``git commit PATH`` hand their hooks a
temporary index, and looking at ``.git/index`` instead would look at the wrong content.

Boundary: the hook's source. It runs in one process and starts git two or three times;
everything here is on the path of every commit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from boltz_keyscan.errors import GitError, KeyscanError
from boltz_keyscan.model import (
    Detector,
    Exposure,
    Gap,
    Hit,
    Located,
    Location,
    Origin,
    Shard,
    ShardResult,
    Source,
    Tally,
)
from boltz_keyscan.sources import _git, index
from boltz_keyscan.sources.files import FileShard
from boltz_keyscan.sources.known import Entries, Known
from boltz_keyscan.sources.objects import ObjectReader
from boltz_keyscan.sources.repository import enclosing, prepare, references


@dataclass(frozen=True, slots=True)
class StagedShard:
    """Blobs of the index with their paths."""

    view: _git.View
    where: str
    entries: tuple[tuple[bytes, str], ...]
    """Path and object id."""
    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:
        """Read each distinct blob once, whole: a diff could cut a key in two."""
        hits: list[Hit] = []
        gaps: list[Gap] = []
        read = 0
        with ObjectReader(self.view, self.where) as reader:
            for path, oid in self.entries:
                found, missed, size = reader.sniff(Origin(path, oid=oid, kind="blob"), detector)
                hits += found
                gaps += missed
                read += size
        return ShardResult(tuple(hits), tuple(gaps), Tally(files=len(self.entries), bytes=read))


@dataclass(frozen=True, slots=True)
class StagedSource:
    """The staged content of named files, or of all that differ from HEAD."""

    names: tuple[bytes, ...]
    """As given, relative to the current folder; empty means everything staged."""

    def shards(self) -> Iterator[Shard | Source]:
        """One shard of blobs, one of names, and files that are not in the index.

        Raises:
            KeyscanError: the current folder is not in a worktree.
            GitError: git cannot be used, or cannot read the index.
        """
        here = os.getcwdb()
        repository = enclosing(here)
        if repository is None or repository.worktree is None:
            raise KeyscanError(
                "the hook runs inside a git worktree, and this folder is in none",
                "Change to your repository, or scan files with 'boltz-keyscan PATH'.",
            )
        top = repository.worktree
        opened = prepare(repository, top, ".")
        if opened.view is None:
            yield Known(ShardResult(gaps=opened.gaps))
            return
        # What a shallow or partial clone lacks is never part of a commit in the making.
        gaps = tuple(gap for gap in opened.gaps if not gap.by_design)
        given = os.environb.get(b"GIT_INDEX_FILE")
        staged_index = os.path.join(here, given) if given else opened.view.index
        view = _git.View(
            opened.view.skeleton, opened.view.objects, opened.view.alternates, staged_index, opened.view.shallow
        )
        wanted = {os.path.relpath(os.path.join(here, name), top): name for name in self.names}
        if wanted:
            entries = index.entries(view, tuple(wanted))
        else:
            entries = index.changed(view, references(repository).head)
        yield Known(ShardResult(gaps=gaps))
        yield Entries(".", "index", tuple((path, path) for path, _ in entries))
        yield StagedShard(view, ".", tuple(entries))
        # pre-commit run --files names files that nobody staged: those are read as they are.
        staged = {path for path, _ in entries}
        rest = tuple(name for path, name in wanted.items() if path not in staged and os.path.lexists(name))
        if rest:
            yield FileShard(here, b"", tuple(n for n in rest if not os.path.islink(n) and not os.path.isdir(n)),
                            tuple(n for n in rest if os.path.islink(n)))

    def locate(self, hits: Sequence[Hit], detector: Detector) -> Located:
        """Staged, or an untracked file that was named."""
        return Located(tuple((hit.match, _location(hit, detector)) for hit in hits))


def _location(hit: Hit, detector: Detector) -> Location:
    staged = hit.origin.kind is not None
    return Location.of(
        hit.match,
        detector.redact(hit.origin.path),
        Exposure.STAGED if staged else Exposure.UNTRACKED,
        blob=hit.origin.oid,
    )
