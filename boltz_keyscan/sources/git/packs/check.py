"""Packs, checked before git relies on them, so that no object is skipped silently.

git trusts the index files of a pack. If one is wrong (an index with two objects at one
offset, a reverse index that names some objects twice and others never), objects are missing
from every listing without an error; if one is absent or does not match, the whole pack is.
So git reads each pack through an index that was checked or rebuilt, and through no other
table. (Multi-pack-index and commit-graph are turned off, see ``command.skeleton``.)

Object ids are not checked against content, as git does not check them either when it reads
an object. All content is scanned, under any id.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from typing import IO

from boltz_keyscan import fsutil
from boltz_keyscan.model.finding import Gap
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.sources.git.packs import recover
from boltz_keyscan.sources.git.packs.index import Layout
from boltz_keyscan.sources.git.repo.store_files import StoreFiles, link_entries, open_pack_file
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run import tempdir


@dataclass(frozen=True, slots=True)
class CheckedStores:
    """Stores whose packs were checked; unreadable packs are gaps."""

    view: git.RepoView
    gaps: tuple[Gap, ...]
    repaired: bool
    """True if some packs are read through a repair, so that their names identify no content."""


def check_packs(view: git.RepoView, where: str, seen: Collection[str] | None = None) -> CheckedStores:
    """Return the view with packs that git can read completely, and gaps for the rest.

    Args:
        view: the unchecked view.
        where: name of the repository in gaps.
        seen: packs, by name without extension, whose indexes were checked by an earlier scan.
            None checks no index: enough for reading objects by id, not for listing them.
    """
    try:
        return _check(view, where, seen)
    except OSError as error:
        # git would follow a link: it gets an empty store.
        gap = Gap(where, "object-store", f"history not read: {error.strerror}")
        return CheckedStores(replace(view, objects=tempdir.new_store(), alternates=()), (gap,), repaired=True)


def _check(view: git.RepoView, where: str, seen: Collection[str] | None) -> CheckedStores:
    """Check the packs; arguments as ``check_packs``.

    Raises:
        OSError: a store cannot be listed.
    """
    checked = [_Store.of(store, view.id_bytes, seen) for store in view.stores]
    if all(store.is_sound for store in checked):
        return CheckedStores(view, (), repaired=False)
    gaps: list[Gap] = []
    stores: list[bytes] = []
    extra: list[bytes] = []
    for store in checked:
        folder = store.link_sound_parts()
        stores.append(folder)
        for stem in store.faults:
            salvaged, losses = _repair(view, where, store, stem, folder)
            extra += salvaged
            gaps += losses
    repaired = any(store.faults for store in checked)
    return CheckedStores(
        replace(view, objects=stores[0], alternates=(*stores[1:], *extra)), tuple(gaps), repaired
    )


@dataclass(frozen=True, slots=True)
class _Store:
    """One object store and the faults of its packs."""

    path: bytes
    faults: dict[bytes, str]
    """Packs that git must not read as they are, with the reason."""
    good: tuple[bytes, ...]
    has_reverse_index: bool
    """True if a pack has a reverse index, which git would trust."""

    @classmethod
    def of(cls, path: bytes, id_bytes: int, seen: Collection[str] | None) -> _Store:
        """Check all packs of a store.

        Raises:
            OSError: its packs cannot be listed.
        """
        extensions: dict[bytes, set[bytes]] = {}
        with StoreFiles(path) as files, contextlib.suppress(FileNotFoundError):
            for name in files.list_folder(b"pack"):
                stem, extension = os.path.splitext(name)
                extensions.setdefault(stem, set()).add(extension)
        faults: dict[bytes, str] = {}
        good = []
        for stem, kinds in extensions.items():
            if not (b".idx" in kinds or (b".pack" in kinds and stem.startswith(b"pack-"))):
                # A temporary file of a git that is running or was killed.
                continue
            deep = seen is not None and fsutil.decode(stem) not in seen
            fault = _find_fault(os.path.join(path, b"pack", stem), id_bytes, kinds, deep=deep)
            if fault is None:
                good.append(stem)
            else:
                faults[stem] = fault
        reverse = seen is not None and any(b".rev" in kinds for kinds in extensions.values())
        return cls(path, faults, tuple(good), reverse)

    @property
    def is_sound(self) -> bool:
        """True if git may read the store as it is."""
        return not self.faults and not self.has_reverse_index

    def link_sound_parts(self) -> bytes:
        """Create a temporary store with links to the loose objects and to the good packs."""
        folder = tempdir.new_store()
        with StoreFiles(self.path) as files:
            names = [name for name in files.list_folder() if len(name) == len("ab")]
        names += (os.path.join(b"pack", stem + end) for stem in self.good for end in (b".pack", b".idx"))
        link_entries(self.path, names, folder)
        return folder


def _repair(
    view: git.RepoView, where: str, store: _Store, stem: bytes, folder: bytes
) -> tuple[list[bytes], list[Gap]]:
    """Make a pack readable in ``folder``; return stores with salvaged objects, and a gap for each loss."""
    name, fault = fsutil.decode(stem), store.faults[stem]
    pack = os.path.join(store.path, b"pack", stem + b".pack")
    link = os.path.join(folder, b"pack", stem)
    try:
        with open_pack_file(pack) as stream:
            # git would follow a link, which is refused here.
            size = os.fstat(stream.fileno()).st_size
        if not recover.reindex(view.skeleton, pack, link + b".idx"):
            fsutil.make_link(pack, link + b".pack")
            return [], []
        if _patch_index(pack, link + b".idx", view.id_bytes):
            fsutil.make_link(pack, link + b".pack")
            detail = f"{name}.pack: {fault}; what can be read of it is read"
            return [], [Gap(where, "pack-damaged", detail)]
        extra = tempdir.new_store()
        with open_pack_file(pack) as stream:
            count, error = recover.salvage(view.skeleton, stream, extra, size)
            stream.seek(0)
            total = recover.object_count(stream)
    except FileNotFoundError:
        detail = f"{name}.idx has no .pack, so its objects are lost"
        return [], [Gap(where, "pack-incomplete", detail)]
    except OSError as failure:
        return [], [Gap(where, "pack-damaged", f"{name}.pack cannot be read: {failure.strerror}")]
    detail = f"{name}.pack: {fault}; {count} of its {total} objects could be read: {error}"
    return [extra], [Gap(where, "pack-damaged", detail)]


def _patch_index(pack: bytes, target: bytes, id_bytes: int) -> bool:
    """Copy a good index of a damaged pack so that git accepts it; False if there is none.

    git refuses a pack whose last bytes (its checksum) differ from those in its index. With the
    pack's bytes in the index, git reads object by object and reports the damaged ones.
    """
    index = pack.removesuffix(b".pack") + b".idx"
    try:
        with open_pack_file(index) as file, open_pack_file(pack) as packed:
            layout = Layout.of(file, id_bytes)
            if (
                layout is None
                or layout.count != recover.object_count(packed)
                or layout.find_inconsistency(file) is not None
            ):
                return False
            packed.seek(-id_bytes, os.SEEK_END)
            checksum = packed.read()
            with open(target, "wb") as copy:
                file.seek(0)
                while piece := file.read(1 << 20):
                    copy.write(piece)
                copy.seek(-2 * id_bytes, os.SEEK_END)
                copy.write(checksum)
    except FileNotFoundError:
        return False
    return True


def _find_fault(path: bytes, id_bytes: int, kinds: set[bytes], *, deep: bool) -> str | None:
    """Return the reason why git must not read a pack through its index, or None."""
    if b".pack" not in kinds:
        return "the pack is gone"
    if b".idx" not in kinds:
        return "it has no .idx"
    try:
        with open_pack_file(path + b".idx") as index, open_pack_file(path + b".pack") as pack:
            return _find_mismatch(index, pack, id_bytes, deep=deep)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def _find_mismatch(index: IO[bytes], pack: IO[bytes], id_bytes: int, *, deep: bool) -> str | None:
    """Return the reason why a pack and its index do not fit, or None."""
    layout = Layout.of(index, id_bytes)
    if layout is None:
        return "its index is damaged"
    count = recover.object_count(pack)
    if count != layout.count:
        return f"its index lists {layout.count} objects, the pack has {count}"
    index.seek(-2 * id_bytes, os.SEEK_END)
    pack.seek(-id_bytes, os.SEEK_END)
    if pack.read() != index.read(id_bytes):
        return "its checksum is not the one its index names"
    return layout.find_inconsistency(index) if deep else None
