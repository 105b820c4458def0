"""Looking at packs before git relies on them, so that no object is passed over in silence.

git believes the tables beside a pack. Where one lies (an index with two objects in one
place, a reverse index that names some objects twice and others never), objects are left
out of every listing without a word; where one is absent or does not match, the whole
pack is. So git gets each pack with an index that was checked, or that we had made anew,
and no other table. (Multi-pack-index and commit-graph are turned off in ``_git``.)

Not checked is whether an object's content matches its name: git does not look either
when it reads one. What is there is scanned, under whatever name.

Boundary: which packs git may have and through which index; objects are ``history``.
"""

from __future__ import annotations

import hashlib
import itertools
import operator
import os
import struct
from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import IO

from boltz_keyscan.model import Gap
from boltz_keyscan.sources import _git, unpack

_MAGIC = b"\xfftOc"
_FANOUT = 256 * 4
_FAR = 1 << 31
"""In an offset: the rest is a place in the table of offsets beyond 2 GiB (gitformat-pack)."""

_PIECE = 1 << 16
"""Entries of an index that are looked at together."""

_TOGETHER = 1 << 20
"""Offsets that are sorted at a time: 40 MB."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Object stores that leave nothing out unsaid."""

    view: _git.View
    gaps: tuple[Gap, ...]
    mended: bool
    """Some packs are read in a way of ours: their names say nothing of what git will read next time."""


def sound(view: _git.View, where: str, seen: Collection[str] | None = None) -> Sound:
    """The view with packs that git can read whole, and gaps for what no one can.

    Args:
        view: what git was to see.
        where: how gaps name the repository.
        seen: packs, by name without ending, that were looked into before; with None none
            is looked into: enough for reading objects by name, not for listing them.
    """
    checked = [_Store.of(store, view.id_bytes, seen) for store in (view.objects, *view.alternates)]
    if all(store.plain for store in checked):
        return Sound(view, (), mended=False)
    gaps: list[Gap] = []
    stores: list[bytes] = []
    extra: list[bytes] = []
    for store in checked:
        folder = store.linked()
        stores.append(folder)
        for stem, fault in store.faults.items():
            taken, lost = _mend(view, store, stem, fault, folder)
            extra += taken
            gaps += [Gap(where, reason, detail) for reason, detail in lost]
    mended = any(store.faults for store in checked)
    return Sound(replace(view, objects=stores[0], alternates=(*stores[1:], *extra)), tuple(gaps), mended)


@dataclass(frozen=True, slots=True)
class _Store:
    """One object store and what is the matter with its packs."""

    path: bytes
    faults: dict[bytes, str]
    """Packs that git is not to read as they are, with the reason."""
    good: tuple[bytes, ...]
    reversed: bool
    """Some have a reverse index, and git would go by it."""

    @classmethod
    def of(cls, path: bytes, id_bytes: int, seen: Collection[str] | None) -> _Store:
        """Look at all packs of a store."""
        folder = os.path.join(path, b"pack")
        endings: dict[bytes, set[bytes]] = {}
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            stem, ending = os.path.splitext(name)
            endings.setdefault(stem, set()).add(ending)
        faults: dict[bytes, str] = {}
        good = []
        for stem, kinds in endings.items():
            if not (b".idx" in kinds or (b".pack" in kinds and stem.startswith(b"pack-"))):
                # A file that git is just writing, or was when it was killed.
                continue
            deep = seen is not None and os.fsdecode(stem) not in seen
            fault = _fault(os.path.join(folder, stem), id_bytes, kinds, deep=deep)
            if fault is None:
                good.append(stem)
            else:
                faults[stem] = fault
        reverse = seen is not None and any(b".rev" in kinds for kinds in endings.values())
        return cls(path, faults, tuple(good), reverse)

    @property
    def plain(self) -> bool:
        """Fit to be given to git as it is."""
        return not self.faults and not self.reversed

    def linked(self) -> bytes:
        """A store of ours with links to the loose objects and to the packs that are good."""
        folder = unpack.new_store()
        for entry in os.scandir(self.path):
            if len(entry.name) == len("ab"):
                os.symlink(entry.path, os.path.join(folder, entry.name))
        for stem in self.good:
            for ending in (b".pack", b".idx"):
                name = os.path.join(b"pack", stem + ending)
                os.symlink(os.path.join(self.path, name), os.path.join(folder, name))
        return folder


def _mend(
    view: _git.View, store: _Store, stem: bytes, fault: str, folder: bytes
) -> tuple[list[bytes], list[tuple[str, str]]]:
    """Make a pack readable in ``folder``; stores with objects taken out of it, and what was lost."""
    named = os.fsdecode(stem)
    pack = os.path.join(store.path, b"pack", stem + b".pack")
    mine = os.path.join(folder, b"pack", stem)
    try:
        size = os.stat(pack).st_size
        told = unpack.reindex(view.skeleton, pack, mine + b".idx")
        if not told:
            os.symlink(pack, mine + b".pack")
            return [], []
        if _patch(pack, mine + b".idx", view.id_bytes):
            os.symlink(pack, mine + b".pack")
            return [], [("pack-damaged", f"{named}.pack: {fault}; what can be read of it is read")]
        extra = unpack.new_store()
        with open(pack, "rb") as stream:
            count, told = unpack.salvage(view.skeleton, stream, extra, size)
            stream.seek(0)
            most = unpack.promised(stream)
    except FileNotFoundError:
        return [], [("pack-incomplete", f"{named}.idx has no .pack, so its objects are lost")]
    except OSError as error:
        return [], [("pack-damaged", f"{named}.pack cannot be read: {error.strerror}")]
    detail = f"{named}.pack: {fault}; {count} of its {most} objects could be read: {told}"
    return [extra], [("pack-damaged", detail)]


def _patch(pack: bytes, target: bytes, id_bytes: int) -> bool:
    """Copy a good index of a damaged pack so that git takes it; False when there is none.

    git refuses a pack whose last bytes are not those its index names; with the index made
    to name them, it reads object by object, and says which are damaged.
    """
    index = pack.removesuffix(b".pack") + b".idx"
    try:
        with open(index, "rb") as file, open(pack, "rb") as packed:
            layout = _Layout.of(file, id_bytes)
            if (
                layout is None
                or layout.count != unpack.promised(packed)
                or layout.inconsistent(file) is not None
            ):
                return False
            packed.seek(-id_bytes, os.SEEK_END)
            ending = packed.read()
            with open(target, "wb") as copy:
                file.seek(0)
                while piece := file.read(1 << 20):
                    copy.write(piece)
                copy.seek(-2 * id_bytes, os.SEEK_END)
                copy.write(ending)
    except FileNotFoundError:
        return False
    return True


def _fault(path: bytes, id_bytes: int, kinds: set[bytes], *, deep: bool) -> str | None:
    """Why git is not to read a pack through its index; None when it may."""
    if b".pack" not in kinds:
        return "the pack is gone"
    if b".idx" not in kinds:
        return "it has no .idx"
    try:
        with open(path + b".idx", "rb") as index, open(path + b".pack", "rb") as pack:
            return _mismatch(index, pack, id_bytes, deep=deep)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def _mismatch(index: IO[bytes], pack: IO[bytes], id_bytes: int, *, deep: bool) -> str | None:
    """The same for a pack and an index that are both there."""
    layout = _Layout.of(index, id_bytes)
    if layout is None:
        return "its index is damaged"
    held = unpack.promised(pack)
    if held != layout.count:
        return f"its index lists {layout.count} objects, the pack has {held}"
    index.seek(-2 * id_bytes, os.SEEK_END)
    pack.seek(-id_bytes, os.SEEK_END)
    if pack.read() != index.read(id_bytes):
        return "its checksum is not the one its index names"
    return layout.inconsistent(index) if deep else None


@dataclass(frozen=True, slots=True)
class _Layout:
    """How an index is laid out (gitformat-pack): version 1 has places and names in turn, version 2 apart."""

    version: int
    count: int
    id_bytes: int
    size: int

    @classmethod
    def of(cls, file: IO[bytes], id_bytes: int) -> _Layout | None:
        """The layout of an index; None when its parts do not add up to its size."""
        size = os.fstat(file.fileno()).st_size
        head = file.read(8 + _FANOUT)
        if len(head) < 8 + _FANOUT:
            return None
        version = 2 if head.startswith(_MAGIC) else 1
        if version == 2 and head[4:8] != b"\0\0\0\2":
            return None
        fanout = struct.unpack(">256I", head[8:] if version == 2 else head[:_FANOUT])
        layout = cls(version, fanout[-1], id_bytes, size)
        fits = 0 <= layout.beyond <= 8 * max(layout.count - 1, 0) and layout.beyond % 8 == 0
        if list(fanout) != sorted(fanout) or not fits or (version == 1 and layout.beyond):
            return None
        return layout

    @property
    def start(self) -> int:
        """Where the entries begin."""
        return _FANOUT if self.version == 1 else 8 + _FANOUT

    @property
    def beyond(self) -> int:
        """Bytes of the table of offsets beyond 2 GiB."""
        each = self.id_bytes + (4 if self.version == 1 else 8)
        return self.size - self.start - self.count * each - 2 * self.id_bytes

    def inconsistent(self, file: IO[bytes]) -> str | None:
        """What is wrong inside: a checksum, names out of order, two objects in one place."""
        file.seek(0)
        digest = hashlib.new("sha1" if self.id_bytes == 20 else "sha256", usedforsecurity=False)
        digest.update(file.read(self.start))
        near = array("I")
        ordered = True
        last = b""
        if self.version == 1:
            row = struct.Struct(f">I{self.id_bytes}s")
            for piece in self._pieces(file, self.id_bytes + 4, digest):
                places, ids = zip(*row.iter_unpack(piece), strict=True)
                near.extend(places)
                ordered = ordered and last < ids[0] and all(map(operator.lt, ids, ids[1:]))
                last = ids[-1]
        else:
            for piece in self._pieces(file, self.id_bytes, digest):
                ids = struct.unpack(f"{self.id_bytes}s" * (len(piece) // self.id_bytes), piece)
                ordered = ordered and last < ids[0] and all(map(operator.lt, ids, ids[1:]))
                last = ids[-1]
            for _ in self._pieces(file, 4, digest):
                pass  # CRCs: git looks at them when it copies packed bytes, and not to read.
            for piece in self._pieces(file, 4, digest):
                near.extend(struct.unpack(f">{len(piece) // 4}I", piece))
        table = file.read(self.beyond)
        digest.update(table)
        digest.update(file.read(self.id_bytes))
        if digest.digest() != file.read():
            return "the checksum of its index is wrong"
        if not ordered:
            return "its index lists objects twice or out of order"
        far = struct.unpack(f">{len(table) // 8}Q", table) if self.version == 2 else None
        return None if _distinct(near, far) else "its index has several objects in one place"

    def _pieces(self, file: IO[bytes], each: int, digest: hashlib._Hash) -> Iterator[bytes]:
        left = self.count
        while left:
            piece = file.read(min(left, _PIECE) * each)
            if not piece or len(piece) % each:
                raise OSError(0, "it changed while it was read")
            digest.update(piece)
            left -= len(piece) // each
            yield piece


def _distinct(near: array[int], far: tuple[int, ...] | None) -> bool:
    """Whether no two objects have the same place."""
    try:
        places = array("Q", [place if place < _FAR else far[place - _FAR] for place in near]) if far else near
    except IndexError:
        return False
    # All at once would need 400 MB for ten million objects.
    parts = [array(places.typecode) for _ in range(len(places) // _TOGETHER + 1)]
    if len(parts) == 1:
        return _unique(places)
    end = max(places) + 1
    for place in places:
        parts[place * len(parts) // end].append(place)
    return all(map(_unique, parts))


def _unique(places: array[int]) -> bool:
    """Whether no value stands twice; sorting takes half the time of a set of a million."""
    ordered = sorted(places)
    return not any(map(operator.eq, ordered, itertools.islice(ordered, 1, None)))
