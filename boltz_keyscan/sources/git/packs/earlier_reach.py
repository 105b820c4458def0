"""Check that all objects are still there that an earlier scan found references to reach.

A pack's name identifies its objects, so that a store with all its packs and loose objects of then has lost
nothing. Loose objects can move into new packs. If a pack is gone, even one that was repacked, only a walk
over the whole history shows that nothing is lost.
"""

from __future__ import annotations

import os

from boltz_keyscan import fsutil
from boltz_keyscan.records import replace
from boltz_keyscan.sources.git.objects.listing import Names, new_packs
from boltz_keyscan.sources.git.objects.scan_cache import Memory
from boltz_keyscan.sources.git.packs.index import Layout
from boltz_keyscan.sources.git.repo.missing_objects import Reach
from boltz_keyscan.sources.git.repo.store_files import open_pack_file
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import object_info

_MAX_NEW_OBJECTS = 500_000
"""Objects in new packs whose ids are compared; a walk costs little beside the scan of more."""


def find_reach(view: git.RepoView, names: Names, memory: Memory, *, partial: bool) -> Reach | None:
    """Return what an earlier scan found, less what came since; None if more may have changed.

    Args:
        view: view of the stores, whose packs are checked.
        names: names in the stores.
        memory: cached state of the stores.
        partial: True for a partial clone.
    """
    if not memory.tips or view.shallow is not None or partial != (memory.missing is not None):
        return None
    known = Reach(memory.tips, memory.reached, memory.missing or 0, memory.left_out)
    gone = memory.loose - names.loose
    if (frozenset(names.packs), names.loose) == (memory.packs, memory.loose):
        return known
    if not memory.packs <= names.packs.keys() or len(known.left_out) != known.missing:
        return None
    return _less(known, gone, view, names, memory) if gone or known.left_out else known


def _less(
    known: Reach, gone: frozenset[str], view: git.RepoView, names: Names, memory: Memory
) -> Reach | None:
    """Return the reach less what came since; None if loose objects are gone that are in no new pack."""
    new = _new_objects(view, names, memory)
    if new is None or not gone <= new:
        return None
    came = sorted(known.left_out & new)
    answers, error = object_info(view, came)
    if error or any(words[1:2] != [b"blob"] for words in answers):
        # A tree that came can name objects that did not.
        return None
    left_out = known.left_out.difference(came)
    return replace(known, missing=len(left_out), left_out=left_out)


def _new_objects(view: git.RepoView, names: Names, memory: Memory) -> set[str] | None:
    """Return the ids of the objects in new packs and of new loose ones; None if they are too many."""
    new = set(names.loose - memory.loose)
    for stem in new_packs(view, memory):
        if names.packs.get(fsutil.decode(os.path.basename(stem)), 0) + len(new) > _MAX_NEW_OBJECTS:
            return None
        try:
            with open_pack_file(stem + b".idx") as file:
                if (layout := Layout.of(file, view.id_bytes)) is None:
                    return None
                new.update(oid.hex() for oid in layout.ids(file))
        except OSError:
            return None
    return new
