"""Repositories with a key: each with the locations in it, and the push status of its commits.

A scan of a repository covers the repositories in its worktree too (submodules, clones). Commands work
in the repository whose commits and files they change.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence

from boltz_keyscan import fsutil
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.model.push_status import PushStatus
from boltz_keyscan.plan import STDIN, choose_prefixes
from boltz_keyscan.policy import situation, widest
from boltz_keyscan.records import replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report.recipe import Recipe
from boltz_keyscan.rules import Rule
from boltz_keyscan.sources.git.repo.push_status import read_push_status
from boltz_keyscan.sources.git.repo.repository import enclosing, find_root, is_below
from boltz_keyscan.system.paths import relative


def find_worktree(path: str) -> tuple[str, bytes] | None:
    """Return the worktree around a path, which need not exist, and the path in it; None if there is none."""
    if not path or path == STDIN:
        return None
    try:
        folder = absolute = os.path.abspath(os.fsencode(path))
    except FileNotFoundError:
        return None
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    name = os.path.normpath(os.path.join(os.path.realpath(folder), os.path.relpath(absolute, folder)))
    top = find_root(name if os.path.isdir(name) else os.path.dirname(name))
    return None if top is None else (os.path.relpath(os.fsdecode(top)), relative(name, top))


def key_repositories(finding: Finding, rule: Rule, targets: Sequence[str]) -> tuple[Recipe, ...]:
    """Return a recipe for each repository that has a key, the most urgent first; at least one.

    The locations of each are those in the repository, their paths relative to its root, which is its target;
    all targets if it is none of them or in several. They are not redacted.

    Args:
        finding: the key.
        rule: its rule.
        targets: the targets of the scan, from the current folder.
    """
    prefixes = {target: fsutil.decode(prefix) for target, prefix in choose_prefixes(targets).items()}
    inner: dict[tuple[str, str], list[Location]] = {}
    outer: dict[tuple[str, ...], list[Location]] = {}
    for location in finding.locations:
        target = next((each for each, prefix in prefixes.items() if location.path.startswith(prefix)), "")
        folder = _find_inner(target, location.path.removeprefix(prefixes[target])) if target else None
        if folder is not None:
            inner.setdefault((target, folder), []).append(location)
        else:
            outer.setdefault(_choose_targets(target, targets), []).append(location)
    found: list[Recipe] = []
    for (target, folder), group in inner.items():
        status = read_push_status(os.fsencode(folder), _commits(group))
        # The outer repository may have had a file of that path earlier.
        own = [each for each in group if status is None or each.commit in {None, *status.present}]
        start = prefixes[target] + os.path.relpath(folder, target) + "/"
        if own:
            found.append(_part(finding, rule, _shorten(own, start), (folder,), status))
        if others := [each for each in group if each not in own]:
            outer.setdefault(_choose_targets(target, targets), []).extend(others)
    for names, group in outer.items():
        statuses = (read_push_status(os.fsencode(name), _commits(group)) for name in names if name != STDIN)
        start = prefixes[names[0]] if names != tuple(targets) else ""
        status = next((status for status in statuses if status is not None), None)
        found.append(_part(finding, rule, _shorten(group, start), names, status))
    return tuple(sorted(found, key=lambda part: situation(part.finding).rank))


def _choose_targets(target: str, targets: Sequence[str]) -> tuple[str, ...]:
    """Return the target alone if it is the root of a worktree, else all."""
    return (target,) if len(targets) > 1 and target and is_root(target) else tuple(targets)


def is_root(target: str) -> bool:
    """Return True for the root of a worktree, as ``find_worktree`` names it."""
    return find_worktree(target) == (target, b".")


def _find_inner(target: str, path: str) -> str | None:
    """Return the root of a repository inside a target, not its own, around a path of a report."""
    found = find_worktree(os.path.join(target, path))
    if found is None:
        return None
    top = os.path.realpath(os.fsencode(found[0]))
    around = os.path.realpath(os.fsencode(target))
    if not is_below(top, around):
        return None
    repository, own = enclosing(top), enclosing(around)
    # A linked worktree has the commits of its repository.
    is_linked = repository is None or (own is not None and own.common_dir == repository.common_dir)
    return None if is_linked else found[0]


def _shorten(locations: Iterable[Location], start: str) -> tuple[Location, ...]:
    return tuple(replace(each, path=each.path.removeprefix(start)) for each in locations)


def _commits(locations: Iterable[Location]) -> set[str]:
    return {place.commit for place in locations if place.commit is not None}


def _part(
    finding: Finding,
    rule: Rule,
    locations: tuple[Location, ...],
    targets: tuple[str, ...],
    status: PushStatus | None,
) -> Recipe:
    """Return the recipe for the part of a key in one repository, or in the files of a target outside git."""
    exposure = widest(location.exposure for location in locations)
    part = replace(finding, locations=locations, exposure=exposure)
    if status is None:
        return Recipe(part, rule, targets=targets)
    folder = os.path.realpath(os.fsencode(targets[0]))
    folder = os.path.realpath(find_root(folder) or folder)
    shown = redacted(os.fsdecode(folder))
    name = redacted(os.path.basename(os.fsdecode(folder))) or "project"
    return Recipe(part, rule, _redact(status), targets, name, _unused_name(shown))


def _redact(status: PushStatus) -> PushStatus:
    """Return a push status whose names can be shown: one of a branch or tag can be a key."""
    return replace(
        status,
        branches=tuple(map(redacted, status.branches)),
        worktrees=tuple((redacted(path), redacted(name)) for path, name in status.worktrees),
        branch=redacted(status.branch),
        upstreams=tuple(map(redacted, status.upstreams)),
    )


def _unused_name(folder: str) -> str:
    """Return the name of a folder beside another that does not exist yet, for a fresh clone."""
    ends = itertools.chain(("",), (f"-{number}" for number in itertools.count(2)))
    names = (f"{folder}-clean{end}" for end in ends)
    return os.path.basename(next(name for name in names if not os.path.lexists(name)))
