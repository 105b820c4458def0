"""Which objects a store holds, which of them are new, and how they are cut into shards.

Boundary: ids and sizes only; nothing here reads an object.
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from boltz_keyscan.errors import GitError
from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.git.objects.scan_cache import Memory
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run import tempdir
from boltz_keyscan.sources.git.run.output import CHECK, UNEXPECTED_OUTPUT, object_info, parsing_git_output

SHARD_BYTES = 64 << 20
"""Bytes of objects in a shard: a tenth of a second of work, so that cores end together."""

SHARD_OBJECTS = 50_000
"""Objects in a shard: bounds the listing a worker holds."""

MIN_DIRECT_PACK_BYTES = 4 << 20
"""Bytes of a pack from which on it is read without git, which takes a tenth of a second to be made ready."""

_FANOUT = re.compile(rb"[0-9a-f]{2}")
_REST = re.compile(rb"[0-9a-f]{38}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Names:
    """The immutable names in an object store at one moment."""

    packs: dict[str, int]
    """Packs, by name without ending, with the number of objects in each."""
    loose: frozenset[str]
    """Ids of loose objects."""

    def least(self, memory: Memory) -> int:
        """How many objects a listing of what is new must have: as many as one pack, or all loose ones."""
        new = [count for name, count in self.packs.items() if name not in memory.packs]
        return max([len(self.loose), *new])

    def most(self, memory: Memory) -> int:
        """How many it has when no object lies in two places."""
        return len(self.loose) + sum(self.packs.values()) - self.packed(memory)

    def packed(self, memory: Memory) -> int:
        """How many objects lie in packs that an earlier scan has seen."""
        return sum(count for name, count in self.packs.items() if name in memory.packs)


def names(view: git.RepoView) -> Names:
    """What the stores of a view hold, by name."""
    return _held((view.objects, *view.alternates))


def objects(store: bytes) -> int:
    """How many objects a store holds, by its own account."""
    return _held((store,)).most(Memory())


def _held(stores: Iterable[bytes]) -> Names:
    packs: dict[str, int] = {}
    loose: set[str] = set()
    for store in stores:
        for fanout in _listdir(store):
            if _FANOUT.fullmatch(fanout):
                rest = (name for name in _listdir(os.path.join(store, fanout)) if _REST.fullmatch(name))
                loose.update((fanout + name).decode() for name in rest)
        folder = os.path.join(store, b"pack")
        for name in _listdir(folder):
            if name.endswith(b".pack"):
                stem = name.removesuffix(b".pack")
                packs[os.fsdecode(stem)] = _count(os.path.join(folder, stem + b".idx"))
    return Names(packs, frozenset(loose))


def new_packs(view: git.RepoView, memory: Memory) -> dict[bytes, int]:
    """Paths without ending of the packs that were not scanned yet, and the bytes of each."""
    found = {}
    for store in (view.objects, *view.alternates):
        folder = os.path.join(store, b"pack")
        for name in _listdir(folder):
            stem, ending = os.path.splitext(name)
            if ending == b".pack" and os.fsdecode(stem) not in memory.packs:
                # One that is gone, or was never there, is a matter for ``packs``.
                with contextlib.suppress(OSError):
                    found[os.path.join(folder, stem)] = os.stat(os.path.join(folder, name)).st_size
    return found


def listed(view: git.RepoView, held: Names, memory: Memory) -> Iterator[bytes]:
    """``id type size`` of every object that is loose or in a new pack, many lines at a time, in pack order.

    Raises:
        GitError: after the last line, when git complained or left something out.
    """
    if held.packed(memory):
        view = _only_new(view, held, memory)
    count = 0
    for lines in _lines(view, "--unordered", CHECK):
        count += lines.count(b"\n")
        yield lines
    if count < held.most(memory):
        # Some objects lie in two places, or git did not tell them all.
        names_only = _lines(view, "--batch-check=%(objectname)")
        there = max(held.least(memory), sum(lines.count(b"\n") for lines in names_only))
        if count < there:
            raise GitError(f"git listed {count} of {there} objects")


def _lines(view: git.RepoView, *options: str) -> Iterator[bytes]:
    rest = b""
    with git.GitProcess(view, "cat-file", "--batch-all-objects", *options) as child:
        while chunk := child.output.read(CHUNK):
            whole, ending, rest = (rest + chunk).rpartition(b"\n")
            yield whole + ending
        if told := child.wait():
            raise GitError(told)
        if rest:
            raise GitError("git's answer ends in the middle")


def split_missing(lines: bytes) -> tuple[bytes, list[bytes]]:
    """The lines of objects git knows, and those of which it knows nothing but that they should be there."""
    if b" missing\n" not in lines:
        return lines, []
    known: list[bytes] = []
    lost: list[bytes] = []
    for line in lines.splitlines(keepends=True):
        (lost if line.endswith(b" missing\n") else known).append(line)
    return b"".join(known), lost


def drop_cached(lines: bytes, memory: Memory) -> bytes:
    """The lines of objects that were not seen as loose ones before, be they packed by now."""
    if not memory.loose:
        return lines
    new = (
        line
        for line in lines.splitlines(keepends=True)
        if line.partition(b" ")[0].decode() not in memory.loose
    )
    return b"".join(new)


def flagged_objects(view: git.RepoView, memory: Memory) -> bytes:
    """``id type size`` of the objects something was found in before, those that still exist.

    Raises:
        GitError: git complained, or left some out.
    """
    if not memory.suspects:
        return b""
    answers, told = object_info(view, sorted(memory.suspects))
    if told:
        raise GitError(told)
    return b"".join(b" ".join(words) + b"\n" for words in answers if len(words) == 3)


def _only_new(view: git.RepoView, held: Names, memory: Memory) -> git.RepoView:
    """A view of the packs that were not scanned yet, and of all loose objects."""
    top = tempdir.folder()
    stores = []
    for number, store in enumerate((view.objects, *view.alternates)):
        folder = os.path.join(top, b"%d" % number)
        os.makedirs(os.path.join(folder, b"pack"))
        stores.append(folder)
        for fanout in _listdir(store):
            if _FANOUT.fullmatch(fanout):
                os.symlink(os.path.join(store, fanout), os.path.join(folder, fanout))
        packs = os.path.join(store, b"pack")
        for name in _listdir(packs):
            stem, ending = os.path.splitext(name)
            known = os.fsdecode(stem)
            if ending in {b".pack", b".idx"} and known in held.packs and known not in memory.packs:
                os.symlink(os.path.join(packs, name), os.path.join(folder, b"pack", name))
    return replace(view, objects=stores[0], alternates=tuple(stores[1:]))


def _listdir(folder: bytes) -> list[bytes]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _count(index: bytes) -> int:
    """Objects in a pack (gitformat-pack: the last of 256 counts, behind the header if its index has one)."""
    try:
        with open(index, "rb") as file:
            head = file.read(8 + 256 * 4)
            return int.from_bytes(head[-4:] if head.startswith(b"\xfftOc") else head[-12:-8], "big")
    except OSError:
        return 0


@dataclass(slots=True)
class Pending:
    """Lines of a listing that wait until they make a shard."""

    lines: list[bytes] = field(default_factory=list)
    weight: int = 0

    def add(self, text: bytes) -> Iterator[tuple[bytes, int]]:
        """Take more lines; the shards they complete, with their weights.

        Raises:
            GitError: these are no lines of a listing.
        """
        lines = text.splitlines(keepends=True)
        with parsing_git_output():
            ends = list(itertools.accumulate(map(int, text.split()[2::3])))
        if len(ends) != len(lines):
            raise GitError(UNEXPECTED_OUTPUT)
        start, passed = 0, 0
        while start < len(lines):
            stop = bisect.bisect_left(ends, passed + SHARD_BYTES - self.weight, start) + 1
            stop = min(stop, start + SHARD_OBJECTS - len(self.lines))
            self.lines += lines[start:stop]
            taken = ends[min(stop, len(lines)) - 1]
            self.weight += taken - passed
            start, passed = stop, taken
            if self.weight >= SHARD_BYTES or len(self.lines) >= SHARD_OBJECTS:
                yield from self.rest()

    def rest(self) -> Iterator[tuple[bytes, int]]:
        """What is waiting, as a shard, if anything is."""
        if self.lines:
            yield b"".join(self.lines), self.weight
            self.lines, self.weight = [], 0
