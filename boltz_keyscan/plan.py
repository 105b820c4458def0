"""The work of a run, from what the user typed and where that lies.

Boundary: no process is started and nothing is scanned here; all that is read is which
repository a target lies in. To add a source, write it in ``sources/`` and name it here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fsutil import cores
from boltz_keyscan.model.finding import Source
from boltz_keyscan.policy import FailOn, FailPolicy

if TYPE_CHECKING:
    from boltz_keyscan.sources.git.revision_range import Push

STDIN = "-"

HOOK = FailPolicy(FailOn.ANY, empty_is_complete=True)
"""Hooks block on any key, and a commit of deletions is nothing to look at."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed, checked for form only."""

    paths: tuple[str, ...] = (".",)
    history: bool = True
    files: bool = True
    fail_on: FailOn = FailOn.LIVE
    fail_on_unexposed: bool = False
    require_complete: bool = False
    jobs: int | None = None
    follow_alternates: bool = False
    cache: str | None = None
    """Folder for what earlier scans have seen; None for no cache."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What it means."""

    targets: tuple[str, ...]
    sources: tuple[Source, ...]
    terms: FailPolicy
    jobs: int = 1


def scan_plan(options: Options) -> Plan:
    """The plan of ``boltz-keyscan [PATH]...``.

    Raises:
        KeyscanError: options contradict each other.
    """
    from boltz_keyscan.sources.files.stdin import StdinSource  # noqa: PLC0415 - the hook needs neither
    from boltz_keyscan.sources.tree import TreeSource  # noqa: PLC0415

    if not options.history and not options.files:
        raise KeyscanError("--no-history and --history-only leave nothing to scan", "Give one of them.")
    # Standard input first: it can only be read by this process, before others are started.
    paths = tuple(sorted(dict.fromkeys(options.paths), key=lambda path: path != STDIN))
    before = choose_prefixes(paths)
    sources: list[Source] = []
    for path in paths:
        if path == STDIN:
            sources.append(StdinSource())
        else:
            raw = os.fsencode(path)
            store = b"/" if options.follow_alternates else None
            sources.append(
                TreeSource(raw, before[path], options.files, options.history, store, options.cache)
            )
    terms = FailPolicy(options.fail_on, options.fail_on_unexposed, options.require_complete)
    return Plan(paths, tuple(sources), terms, options.jobs or cores())


def staged_plan(names: tuple[str, ...], terms: FailPolicy = HOOK) -> Plan:
    """The plan of the pre-commit hook, and of ``--staged``."""
    from boltz_keyscan.sources.git.staged import StagedSource  # noqa: PLC0415 - a scan does not need it

    source = StagedSource(tuple(os.fsencode(name) for name in names))
    return Plan((".",), (source,), terms)


def range_plan(options: Options, expression: str) -> Plan:
    """The plan of ``--range`` and ``--since``: part of the history of each path.

    Raises:
        KeyscanError: the expression is not a range.
    """
    from boltz_keyscan.sources.git.repo.revisions import RevisionRange  # noqa: PLC0415
    from boltz_keyscan.sources.git.revision_range import RangeSource  # noqa: PLC0415 - few runs need it

    part = RevisionRange.of(expression)
    sources = tuple(RangeSource(os.fsencode(path), part, path) for path in options.paths)
    terms = FailPolicy(
        options.fail_on, options.fail_on_unexposed, options.require_complete, empty_is_complete=True
    )
    return Plan(options.paths, sources, terms, options.jobs or cores())


def push_plan(push: Push) -> Plan:
    """The plan of the push hooks: they block on any key."""
    from boltz_keyscan.sources.git.revision_range import RangeSource  # noqa: PLC0415 - a scan does not need it

    return Plan((".",), (RangeSource(b".", push),), HOOK, cores())


def choose_prefixes(paths: Iterable[str]) -> dict[str, bytes]:
    """Return the beginning of the paths of each target in reports; empty or ending in a slash.

    Paths count from the root of the repository that the targets lie in, so that a viewer can
    place them. Where targets lie in several repositories, or some in none, that could name two
    files alike. Then a path begins with its target as given, so that it can be opened from
    here; for a single folder in no repository, with nothing.
    """
    from boltz_keyscan.sources.git.repo.repository import find_root, resolve_folder  # noqa: PLC0415 - the hook needs no root

    targets = [path for path in dict.fromkeys(paths) if path != STDIN]
    folders = {path: resolve_folder(os.fsencode(path)) for path in targets}
    roots = {find_root(folder) for folder in folders.values()}
    found: dict[str, bytes] = {}
    for path, folder in folders.items():
        raw = os.fsencode(path)
        given = raw if os.path.isdir(raw) else os.path.dirname(raw)
        if len(roots) == 1 and (root := min(roots, key=bool)) is not None:
            given = os.path.relpath(folder, root)
            given = b"" if given == b"." else given
        elif len(targets) == 1 and os.path.isdir(raw):
            given = b""
        found[path] = os.path.join(given, b"") if given else b""
    return found
