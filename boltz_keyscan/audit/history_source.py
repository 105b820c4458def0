"""The source of files that are given one by one, from anywhere on a machine, with a limit of bytes."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator

from boltz_keyscan.model.finding import Detector, Located, Shard, ShardResult
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.blob import locate_outside_git
from boltz_keyscan.sources.files.shard import FileShard
from boltz_keyscan.sources.shards import ResultShard

_FILES_PER_SHARD = 32
"""Most files in one shard: transcripts are large."""


@dataclass(frozen=True, slots=True)
class ListedFiles:
    """Files by their absolute paths. The source has no state, so it is its own reader."""

    paths: tuple[bytes, ...]
    size: int
    """Bytes of all of them."""

    def open(self) -> ListedFiles:
        """Return the reader for one run."""
        return self

    def work(self) -> Iterator[Shard]:
        """Yield the weight of all shards, so that workers start early, and then the shards of each drive."""
        yield ResultShard(ShardResult(), weight=self.size)
        for drive, paths in itertools.groupby(
            sorted(self.paths), key=lambda path: os.path.splitdrive(path)[0]
        ):
            root = drive + os.fsencode(os.sep)
            names = tuple(path[len(root) :] for path in paths)
            for start in range(0, len(names), _FILES_PER_SHARD):
                yield FileShard(root, root, names[start : start + _FILES_PER_SHARD])

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Locate hits in files outside git."""
        return locate_outside_git(gathered, detector)


@dataclass(frozen=True, slots=True)
class Selection:
    """The files that are read, newest first up to the limit."""

    files: ListedFiles
    left: int
    """Count of older files beyond the limit."""
    left_bytes: int


def select_newest(paths: Iterable[bytes], limit: int) -> Selection:
    """Select files by their time of change, up to ``limit`` bytes; the newest one is always read."""
    facts = {path: _measure(path) for path in paths}
    order = sorted(facts, key=lambda path: (-facts[path][0], path))
    sizes = [facts[path][1] for path in order]
    kept = sum(1 for whole in itertools.accumulate(sizes) if whole <= limit) or min(len(order), 1)
    files = ListedFiles(tuple(order[:kept]), sum(sizes[:kept]))
    return Selection(files, len(order) - kept, sum(sizes[kept:]))


def _measure(path: bytes) -> tuple[float, int]:
    """Return the time of change and the size of a file; 0 for one that is gone."""
    try:
        facts = os.stat(path)
    except OSError:
        return 0, 0
    return facts.st_mtime, facts.st_size
