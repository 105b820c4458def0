"""Plans of runs: options to sources and conditions of failure.

Nothing is scanned here; only the repository of each target is looked up. To add a source, write it in
``sources/`` and use it here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fsutil import cpu_count
from boltz_keyscan.model.finding import Source
from boltz_keyscan.policy import FailOn, FailPolicy

if TYPE_CHECKING:
    from boltz_keyscan.sources.git.revision_range import Push

STDIN = "-"

HOOK = FailPolicy(FailOn.ANY, empty_is_complete=True)
"""Conditions of hooks: any key blocks, and a commit of deletions only is complete."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a scan, checked for form only."""

    paths: tuple[str, ...] = (".",)
    history: bool = True
    files: bool = True
    fail_on: FailOn = FailOn.LIVE
    fail_on_unexposed: bool = False
    require_complete: bool = False
    jobs: int | None = None
    follow_alternates: bool = False
    cache: str | None = None
    """Folder of the scan cache; None for no cache."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Sources to scan and conditions of failure."""

    targets: tuple[str, ...]
    sources: tuple[Source, ...]
    terms: FailPolicy
    jobs: int = 1


def scan_plan(options: Options) -> Plan:
    """Return the plan of ``boltz-keyscan [PATH]...``.

    Raises:
        KeyscanError: options contradict each other.
    """
    from boltz_keyscan.sources.files.stdin import StdinSource  # noqa: PLC0415 - not needed by the hook
    from boltz_keyscan.sources.tree import TreeSource  # noqa: PLC0415

    if not options.history and not options.files:
        raise KeyscanError("--no-history and --history-only leave nothing to scan", "Give one of them.")
    # Standard input first: only this process can read it, before workers are started.
    paths = tuple(sorted(dict.fromkeys(options.paths), key=lambda path: path != STDIN))
    prefixes = choose_prefixes(paths)
    sources: list[Source] = []
    for path in paths:
        if path == STDIN:
            sources.append(StdinSource())
        else:
            raw = os.fsencode(path)
            store = b"/" if options.follow_alternates else None
            sources.append(
                TreeSource(raw, prefixes[path], options.files, options.history, store, options.cache)
            )
    terms = FailPolicy(options.fail_on, options.fail_on_unexposed, options.require_complete)
    return Plan(paths, tuple(sources), terms, options.jobs or cpu_count())


def staged_plan(names: tuple[str, ...], terms: FailPolicy = HOOK) -> Plan:
    """Return the plan of the pre-commit hook and of ``--staged``."""
    from boltz_keyscan.sources.git.staged import StagedSource  # noqa: PLC0415 - a scan does not need it

    source = StagedSource(tuple(os.fsencode(name) for name in names))
    return Plan((".",), (source,), terms)


def range_plan(options: Options, expression: str) -> Plan:
    """Return the plan of ``--range`` and ``--since``: part of the history of each path.

    Raises:
        KeyscanError: the expression is not a range.
    """
    from boltz_keyscan.sources.git.repo.revisions import RevisionRange  # noqa: PLC0415
    from boltz_keyscan.sources.git.revision_range import RangeSource  # noqa: PLC0415 - few runs need it

    selection = RevisionRange.of(expression)
    sources = tuple(RangeSource(os.fsencode(path), selection, path) for path in options.paths)
    terms = FailPolicy(
        options.fail_on, options.fail_on_unexposed, options.require_complete, empty_is_complete=True
    )
    return Plan(options.paths, sources, terms, options.jobs or cpu_count())


def push_plan(push: Push) -> Plan:
    """Return the plan of the push hooks."""
    from boltz_keyscan.sources.git.revision_range import RangeSource  # noqa: PLC0415 - a scan does not need it

    return Plan((".",), (RangeSource(b".", push),), HOOK, cpu_count())


def choose_prefixes(paths: Iterable[str]) -> dict[str, bytes]:
    """Return for each target the prefix of its paths in reports; empty or ending in a slash.

    Paths are relative to the root of the repository of the targets, so that a viewer can open them. When
    the targets are in several repositories, or some in none, two files could get one path: then a path
    begins with its target as given. For a single folder outside any repository the prefix is empty.
    """
    from boltz_keyscan.sources.git.repo.repository import find_root, resolve_folder  # noqa: PLC0415 - the hook needs no root

    targets = [path for path in dict.fromkeys(paths) if path != STDIN]
    folders = {path: resolve_folder(os.fsencode(path)) for path in targets}
    roots = {find_root(folder) for folder in folders.values()}
    prefixes: dict[str, bytes] = {}
    for path, folder in folders.items():
        raw = os.fsencode(path)
        prefix = raw if os.path.isdir(raw) else os.path.dirname(raw)
        if len(roots) == 1 and (root := min(roots, key=bool)) is not None:
            prefix = os.path.relpath(folder, root)
            prefix = b"" if prefix == b"." else prefix
        elif len(targets) == 1 and os.path.isdir(raw):
            prefix = b""
        prefixes[path] = os.path.join(prefix, b"") if prefix else b""
    return prefixes
