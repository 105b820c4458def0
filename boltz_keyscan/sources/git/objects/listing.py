"""Listing of a store's objects (ids and sizes), and selection of the new ones."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator

from boltz_keyscan import fsutil
from boltz_keyscan.errors import GitError
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.git.objects.scan_cache import Memory
from boltz_keyscan.sources.git.repo.store_files import StoreFiles, link_entries
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run import tempdir
from boltz_keyscan.sources.git.run.output import CHECK, object_info

SHARD_OBJECTS = 50_000
"""Objects in a shard; limits the listing that a worker holds."""

MIN_DIRECT_PACK_BYTES = 4 << 20
"""Bytes of the smallest pack that is read without git; preparing it takes a tenth of a second."""

_MAX_COUNTED_OBJECTS = 50_000
"""Objects of the largest store whose reachable commits are counted and whose objects are all looked for by
every scan: git needs three tenths of a second."""

_FANOUT = late_pattern(rb"[0-9a-f]{2}")
_REST = late_pattern(rb"[0-9a-f]{38}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Names:
    """Names of the packs and loose objects in a store at one moment."""

    packs: dict[str, int]
    """Number of objects of each pack, by name without extension."""
    loose: frozenset[str]
    """Ids of loose objects."""

    @property
    def is_small(self) -> bool:
        """True for a store in which every object is looked for."""
        return self.max_new_objects(Memory()) <= _MAX_COUNTED_OBJECTS

    def is_clone(self, memory: Memory) -> bool:
        """Return True for one pack and nothing else, as git writes it in a clone; not for a rest of more."""
        is_rest = self.packs.keys() <= memory.packs and (len(memory.packs) > 1 or bool(memory.loose))
        return not self.loose and len(self.packs) == 1 and not is_rest

    def min_new_objects(self, memory: Memory) -> int:
        """Return the least length of a listing of new objects: that of the largest pack or all loose ones."""
        new = [count for name, count in self.packs.items() if name not in memory.packs]
        return max([len(self.loose), *new])

    def max_new_objects(self, memory: Memory) -> int:
        """Return the length of a listing of new objects if no object is stored twice."""
        return len(self.loose) + sum(self.packs.values()) - self.count_cached(memory)

    def count_cached(self, memory: Memory) -> int:
        """Return the number of objects in packs that an earlier scan has read."""
        return sum(count for name, count in self.packs.items() if name in memory.packs)


def count_objects(store: bytes) -> int:
    """Return the number of objects in a store, according to its pack indexes; errors as ``read_names``."""
    return read_names((os.path.realpath(store),)).max_new_objects(Memory())


def read_names(stores: Iterable[bytes]) -> Names:
    """Return the names in object stores.

    Raises:
        OSError: a store, or a folder of it, became a link.
    """
    packs: dict[str, int] = {}
    loose: set[str] = set()
    for store in stores:
        with StoreFiles(store) as files:
            for fanout in filter(_FANOUT.fullmatch, _list(files, strict=True)):
                rest = filter(_REST.fullmatch, _list(files, fanout, strict=True))
                loose.update((fanout + name).decode() for name in rest)
            for name in _list(files, b"pack", strict=True):
                if name.endswith(b".pack"):
                    stem = name.removesuffix(b".pack")
                    packs[fsutil.decode(stem)] = _count(files, stem)
    return Names(packs, frozenset(loose))


def new_packs(view: git.RepoView, memory: Memory) -> dict[bytes, int]:
    """Return paths, without extension, and bytes of the packs that were not scanned yet."""
    found = {}
    for store in view.stores:
        with StoreFiles(store) as files:
            for name in _list(files, b"pack"):
                stem, extension = os.path.splitext(name)
                if extension == b".pack" and fsutil.decode(stem) not in memory.packs:
                    path = files.path(os.path.join(b"pack", name))
                    # A missing pack is reported by ``packs.check``.
                    with contextlib.suppress(OSError):
                        found[path.removesuffix(b".pack")] = os.lstat(path).st_size
    return found


def list_new(view: git.RepoView, names: Names, memory: Memory) -> tuple[int, Iterator[bytes]]:
    """Return the number of loose objects that an earlier scan read, and a listing of the other new objects.

    If there are new packs, all loose objects are listed, and the number is 0. Errors as ``list_objects``.
    """
    if not memory.packs or not names.packs.keys() <= memory.packs:
        return 0, list_objects(view, names, memory)
    # Usually there is nothing new at all: git is not started then.
    new = names.loose - memory.loose
    return len(names.loose) - len(new), _list_by_id(view, sorted(new))


def _list_by_id(view: git.RepoView, oids: list[str]) -> Iterator[bytes]:
    for start in range(0, len(oids), SHARD_OBJECTS):
        answers, error = object_info(view, oids[start : start + SHARD_OBJECTS])
        yield join_lines(answers)
        if error:
            raise GitError(error)


def list_objects(view: git.RepoView, names: Names, memory: Memory) -> Iterator[bytes]:
    """Yield ``id type size`` of each loose object and each object of a new pack, in chunks, in pack order.

    Raises:
        GitError: after the last line, if git failed or omitted objects.
    """
    if names.count_cached(memory):
        view = _view_of_new(view, names, memory)
    count = 0
    for lines in _lines(view, "--unordered", CHECK):
        count += lines.count(b"\n")
        yield lines
    if count < names.max_new_objects(memory):
        # Some objects are stored twice, or git omitted some.
        ids_only = _lines(view, "--batch-check=%(objectname)")
        present = max(names.min_new_objects(memory), sum(lines.count(b"\n") for lines in ids_only))
        if count < present:
            raise GitError(f"git listed {count} of {present} objects")


def _lines(view: git.RepoView, *options: str) -> Iterator[bytes]:
    rest = b""
    with git.GitProcess(view, "cat-file", "--batch-all-objects", *options) as child:
        while chunk := child.output.read(CHUNK):
            complete, newline, rest = (rest + chunk).rpartition(b"\n")
            yield complete + newline
        if error := child.wait():
            raise GitError(error)
        if rest:
            raise GitError("git's output ends within a field")


def join_lines(answers: Iterable[list[bytes]]) -> bytes:
    """Return the lines of a listing with the words of each."""
    return b"".join(b" ".join(words) + b"\n" for words in answers)


def split_missing(lines: bytes) -> tuple[bytes, list[str]]:
    """Return the lines of readable objects, and the ids of those that git lists as missing."""
    if b" missing\n" not in lines:
        return lines, []
    present: list[bytes] = []
    missing: list[str] = []
    for line in lines.splitlines(keepends=True):
        if line.endswith(b" missing\n"):
            missing.append(line.split()[0].decode("ascii", "replace"))
        else:
            present.append(line)
    return b"".join(present), missing


def drop_cached(lines: bytes, memory: Memory) -> bytes:
    """Return the lines without objects that an earlier scan read as loose ones, even if packed since."""
    if not memory.loose:
        return lines
    new = (
        line
        for line in lines.splitlines(keepends=True)
        if line.partition(b" ")[0].decode() not in memory.loose
    )
    return b"".join(new)


def flagged_objects(view: git.RepoView, memory: Memory) -> bytes:
    """Return ``id type size`` of the existing objects about which an earlier scan reported something.

    Raises:
        GitError: git failed or omitted objects.
    """
    if not (memory.suspects or memory.damages):
        return b""
    answers, error = object_info(view, sorted(memory.suspects.union(memory.damages)))
    if error:
        raise GitError(error)
    return join_lines(words for words in answers if len(words) == 3)


def _view_of_new(view: git.RepoView, names: Names, memory: Memory) -> git.RepoView:
    """Return a view of the packs that were not scanned yet, and of all loose objects."""
    stores = []
    for store in view.stores:
        with StoreFiles(store) as files:
            parts = list(filter(_FANOUT.fullmatch, _list(files)))
            for name in _list(files, b"pack"):
                stem, extension = os.path.splitext(name)
                pack = fsutil.decode(stem)
                if extension in {b".pack", b".idx"} and pack in names.packs and pack not in memory.packs:
                    parts.append(os.path.join(b"pack", name))
        stores.append(tempdir.new_store())
        link_entries(store, parts, stores[-1])
    return replace(view, objects=stores[0], alternates=tuple(stores[1:]))


def _list(files: StoreFiles, folder: bytes = b"", *, strict: bool = False) -> list[bytes]:
    """Return the names in a folder, none if it cannot be read; with ``strict``, a link raises OSError."""
    try:
        return files.list_folder(folder)
    except OSError as error:
        if strict and error.errno == errno.ELOOP:
            raise
        return []


def _count(files: StoreFiles, stem: bytes) -> int:
    """Return the objects in a pack (gitformat-pack: last of 256 counts, after a header in version 2)."""
    try:
        with files.open(os.path.join(b"pack", stem + b".idx")) as file:
            head = file.read(8 + 256 * 4)
            return int.from_bytes(head[-4:] if head.startswith(b"\xfftOc") else head[-12:-8], "big")
    except OSError:
        return 0
