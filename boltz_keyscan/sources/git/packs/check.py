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

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import IO

from boltz_keyscan.model.finding import Gap
from boltz_keyscan.sources.git.packs import recover
from boltz_keyscan.sources.git.packs.index import Layout
from boltz_keyscan.sources.git.run import command as git


@dataclass(frozen=True, slots=True)
class CheckedStores:
    """Object stores that leave nothing out unsaid."""

    view: git.RepoView
    gaps: tuple[Gap, ...]
    mended: bool
    """Some packs are read in a way of ours: their names say nothing of what git will read next time."""


def check_packs(view: git.RepoView, where: str, seen: Collection[str] | None = None) -> CheckedStores:
    """The view with packs that git can read whole, and gaps for what no one can.

    Args:
        view: what git was to see.
        where: how gaps name the repository.
        seen: packs, by name without ending, that were looked into before; with None none
            is looked into: enough for reading objects by name, not for listing them.
    """
    checked = [_Store.of(store, view.id_bytes, seen) for store in (view.objects, *view.alternates)]
    if all(store.plain for store in checked):
        return CheckedStores(view, (), mended=False)
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
    return CheckedStores(
        replace(view, objects=stores[0], alternates=(*stores[1:], *extra)), tuple(gaps), mended
    )


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
        folder = recover.new_store()
        for entry in os.scandir(self.path):
            if len(entry.name) == len("ab"):
                os.symlink(entry.path, os.path.join(folder, entry.name))
        for stem in self.good:
            for ending in (b".pack", b".idx"):
                name = os.path.join(b"pack", stem + ending)
                os.symlink(os.path.join(self.path, name), os.path.join(folder, name))
        return folder


def _mend(
    view: git.RepoView, store: _Store, stem: bytes, fault: str, folder: bytes
) -> tuple[list[bytes], list[tuple[str, str]]]:
    """Make a pack readable in ``folder``; stores with objects taken out of it, and what was lost."""
    named = os.fsdecode(stem)
    pack = os.path.join(store.path, b"pack", stem + b".pack")
    mine = os.path.join(folder, b"pack", stem)
    try:
        size = os.stat(pack).st_size
        told = recover.reindex(view.skeleton, pack, mine + b".idx")
        if not told:
            os.symlink(pack, mine + b".pack")
            return [], []
        if _patch(pack, mine + b".idx", view.id_bytes):
            os.symlink(pack, mine + b".pack")
            return [], [("pack-damaged", f"{named}.pack: {fault}; what can be read of it is read")]
        extra = recover.new_store()
        with open(pack, "rb") as stream:
            count, told = recover.salvage(view.skeleton, stream, extra, size)
            stream.seek(0)
            most = recover.object_count(stream)
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
            layout = Layout.of(file, id_bytes)
            if (
                layout is None
                or layout.count != recover.object_count(packed)
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
    layout = Layout.of(index, id_bytes)
    if layout is None:
        return "its index is damaged"
    held = recover.object_count(pack)
    if held != layout.count:
        return f"its index lists {layout.count} objects, the pack has {held}"
    index.seek(-2 * id_bytes, os.SEEK_END)
    pack.seek(-id_bytes, os.SEEK_END)
    if pack.read() != index.read(id_bytes):
        return "its checksum is not the one its index names"
    return layout.inconsistent(index) if deep else None
