"""Objects that the trees of references have now."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Set as AbstractSet

from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.objects.scan_cache import Place
from boltz_keyscan.sources.git.repo.references import References
from boltz_keyscan.sources.git.run import command as git

_MAX_LOOKUPS = 50_000
"""Paths looked up in trees, about a second of work; with more of them, nothing is known."""

_BRANCHES = (b"refs/heads/", b"refs/remotes/", b"HEAD", b"worktrees/")


@dataclass(frozen=True, slots=True)
class CurrentPlaces:
    """Objects at paths that references have now, apart from HEAD."""

    in_branches: AbstractSet[Place] = frozenset()
    """Places in a branch, local or remote, or in the HEAD of a worktree."""
    elsewhere: AbstractSet[Place] = frozenset()
    """Places in a tag, the stash or another reference."""
    is_known: bool = True
    """False if not all references were searched."""


def find_current(view: git.RepoView, refs: References, places: Collection[Place]) -> CurrentPlaces:
    """Search the trees of all references but HEAD for objects at their paths.

    Args:
        view: the repository.
        refs: its references.
        places: objects and paths that HEAD does not have.
    """
    if not places:
        return CurrentPlaces()
    branches = {oid for name, oid in refs.tips if name.startswith(_BRANCHES)} - {refs.head}
    others = {oid for _, oid in refs.tips} - branches - {refs.head}
    wanted: dict[bytes, set[str]] = {}
    for oid, path in sorted(places):
        wanted.setdefault(path, set()).add(oid)
    requests = [(tip, path) for tip in (*sorted(branches), *sorted(others)) for path in wanted]
    # git reads one path a line.
    if refs.opaque or refs.broken or len(requests) > _MAX_LOOKUPS or any(b"\n" in path for path in wanted):
        return CurrentPlaces(is_known=False)
    if not requests:
        return CurrentPlaces()
    lines = [tip.encode() + b":" + path + b"\n" for tip, path in requests]
    output, error = git.run(view, "cat-file", "--buffer", "--batch-check=%(objectname)", lines=lines)
    answers = output.split(b"\n")[:-1]
    if error or len(answers) != len(requests):
        return CurrentPlaces(is_known=False)
    found: dict[bool, set[Place]] = {True: set(), False: set()}
    for (tip, path), answer in zip(requests, answers, strict=True):
        if (oid := answer.decode("ascii", "replace")) in wanted[path]:
            found[tip in branches].add((oid, path))
    return CurrentPlaces(found[True], found[False])
