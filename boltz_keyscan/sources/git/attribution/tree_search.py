"""Search in histories that git cannot walk in bounded time: nested trees, each read once.

A dozen trees, each with ten entries that name the next, make 10^10 paths, and git walks
every one. Here each tree is read once, and the wanted objects below it are recorded by its
id. Only trees with wanted objects are followed, up to a number of paths per object. The
result is that of the walks; on ordinary histories it takes longer, so it is used only after
a timeout of git.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from boltz_keyscan.errors import GitError
from boltz_keyscan.sources.git.attribution.log import Wanted, parse_commit
from boltz_keyscan.sources.git.attribution.tree_masks import Closure, Entry
from boltz_keyscan.sources.git.objects.scan_cache import FirstCommit, Places
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import parsing_git_output

_FORMAT = "--format=%H,%ct,%aI,%T,%P"

_Pair = tuple[bytes, tuple[bytes, ...]]
"""A tree, and the trees that were at its path before."""


@dataclass(slots=True)
class _Frame:
    """A tree whose entries are being gone through."""

    name: bytes
    pair: _Pair
    entries: Iterator[tuple[Entry, _Pair]]


@dataclass(slots=True)
class Nested:
    """The places of wanted objects, tree by tree. Use as a context manager."""

    view: git.RepoView
    wanted: Wanted
    share: int
    """Paths of each object that are named."""
    seconds: float
    """Time all of it may take."""
    crowded: set[str] = field(default_factory=set, init=False)
    """Objects that have more."""
    _closure: Closure = field(init=False)
    _ids: list[str] = field(init=False)
    """The wanted objects in the order of their bits."""

    def __post_init__(self) -> None:
        self._ids = sorted(self.wanted)
        names = {bytes.fromhex(oid): self.wanted[oid] for oid in self._ids}
        self._closure = Closure(self.view, names, time.monotonic() + self.seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closure.close()

    @property
    def problems(self) -> list[str]:
        """Errors of git: objects that could not be read."""
        return self._closure.problems

    def introductions(self, lines: list[bytes]) -> Places:
        """The first commits, among those git walks for these lines of input; trouble goes to ``problems``."""
        found: Places = {}
        count: Counter[str] = Counter()
        options = ("log", "--stdin", "-z", "--reverse", _FORMAT)
        try:
            for entry in git.fields(self.view, *options, lines=lines, seconds=self.seconds):
                with parsing_git_output():
                    words = entry.decode("ascii", "replace").strip().split(",")
                    parents = tuple(bytes.fromhex(oid) for oid in words[4].split())
                    tree = bytes.fromhex(words[3])
                if self._closure.holds(tree):
                    self._introduce(parse_commit(words), tree, parents, found, count)
        except GitError as error:
            self.problems.append(error.message)
        return found

    def _introduce(
        self,
        commit: FirstCommit,
        tree: bytes,
        parents: tuple[bytes, ...],
        found: Places,
        count: Counter[str],
    ) -> None:
        """Keep what one commit put somewhere. Parents come before children, so nearly all are the first."""
        before = tuple(dict.fromkeys(filter(None, map(self._closure.root, parents))))
        for place in self._propagate(tree, before, count):
            if place not in found:
                if count[place[0]] >= self.share:
                    self.crowded.add(place[0])
                    continue
                count[place[0]] += 1
                found[place] = commit
            elif commit.time < found[place].time:
                found[place] = commit

    def standing(self, revision: str, also: Places) -> set[tuple[str, bytes]]:
        """Places in what a revision names, those of ``also`` among them that stand there."""
        found: set[tuple[str, bytes]] = set()
        try:
            root = self._closure.root(bytes.fromhex(revision))
            if root is None:
                return found
            count: Counter[str] = Counter()
            for oid, path in self._propagate(root, (), count):
                if count[oid] >= self.share:
                    self.crowded.add(oid)
                    continue
                count[oid] += 1
                found.add((oid, path))
            found.update(place for place in also if self._closure.at(root, place[1]) == place[0])
        except GitError as error:
            self.problems.append(error.message)
        return found

    def _propagate(
        self, root: bytes, before: tuple[bytes, ...], count: Counter[str]
    ) -> Iterator[tuple[str, bytes]]:
        """Places below a tree that none of the trees before had, in the order of paths.

        Objects in ``crowded`` that have had their share are not followed any further.
        """
        new: dict[_Pair, int] = {}
        self._learn((root, before), new)
        frames = [self._frame(b"", (root, before))]
        full = 0
        while frames:
            frame = frames[-1]
            for entry, below in frame.entries:
                for bit in _bits(entry.wanted & ~full):
                    oid = self._ids[bit]
                    yield oid, b"/".join([each.name for each in frames[1:]] + [entry.name])
                    if oid in self.crowded and count[oid] >= self.share:
                        full |= 1 << bit
                if entry.tree and new.get(below, 0) & ~full:
                    frames.append(self._frame(entry.name, below))
                    break
            else:
                frames.pop()

    def _learn(self, pair: _Pair, new: dict[_Pair, int]) -> None:
        """Return the wanted objects that are new below a pair, and below each pair in it, once each."""
        frames = [self._frame(b"", pair)]
        new[pair] = 0
        while frames:
            frame = frames[-1]
            for entry, below in frame.entries:
                new[frame.pair] |= entry.wanted
                if entry.tree and below not in new:
                    new[below] = 0
                    frames.append(self._frame(entry.name, below))
                    break
                new[frame.pair] |= new.get(below, 0)
            else:
                frames.pop()
                if frames:
                    new[frames[-1].pair] |= new[frame.pair]

    def _frame(self, name: bytes, pair: _Pair) -> _Frame:
        return _Frame(name, pair, self._changed(pair))

    def _changed(self, pair: _Pair) -> Iterator[tuple[Entry, _Pair]]:
        """Entries that lead to something wanted and are not what they were before."""
        tree, before = pair
        self._closure.on_time()
        olds = [self._closure.entries(each) for each in before]
        for entry in self._closure.entries(tree).values():
            was = [found for old in olds if (found := old.get(entry.name)) is not None]
            if all(old.oid != entry.oid for old in was):
                trees = tuple(dict.fromkeys(old.oid for old in was if old.tree))
                yield entry, (entry.oid, trees)


def _bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1
