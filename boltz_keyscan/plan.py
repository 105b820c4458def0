"""Plans of runs: options to sources and conditions of failure.

Nothing is scanned here; only the repository of each target is looked up. To add a source, write it in
``sources/`` and use it here.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fsutil import cpu_count
from boltz_keyscan.model.finding import Source
from boltz_keyscan.pipeline import Plan
from boltz_keyscan.policy import FailPolicy
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.system.paths import relative, with_slash

if TYPE_CHECKING:
    from boltz_keyscan.sources.git.revision_range import Push
    from boltz_keyscan.triage.exclusion import Exclusion

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a scan, checked for form only."""

    paths: tuple[str, ...] = (".",)
    history: bool = True
    files: bool = True
    commits: str | None = None
    """Range of commits to scan; None for the whole history."""
    staged: tuple[str, ...] | None = None
    """Names of staged files to scan, none of them for all; None to scan something else."""
    push: Push | None = None
    """Push whose objects to scan."""
    fail_policy: FailPolicy = FailPolicy()
    jobs: int | None = None
    follow_alternates: bool = False
    cache: str | None = None
    """Folder of the scan cache; None for no cache."""
    exclude: tuple[str, ...] = ()
    """Globs of paths in reports that are not scanned."""


def make_plan(options: Options) -> Plan:
    """Return the plan of a scan, of a range of commits, of a commit or of a push.

    Raises:
        KeyscanError: options contradict each other, the commits are no range, or a glob cannot be used.
    """
    is_part = options.staged is not None or options.push is not None or options.commits is not None
    fail_policy = replace(options.fail_policy, empty_is_complete=is_part)
    exclusion = _exclusion(options.exclude)
    if options.staged is not None:
        from boltz_keyscan.sources.git.staged import StagedSource  # noqa: PLC0415 - a scan does not need it

        source = StagedSource(tuple(os.fsencode(name) for name in options.staged))
        return Plan((".",), (source,), fail_policy, exclusion=exclusion)
    # Standard input first: only this process can read it, before workers are started.
    paths = tuple(sorted(dict.fromkeys(options.paths), key=lambda path: path != STDIN))
    sources = _range_sources(options) if is_part else _tree_sources(options, paths, exclusion)
    targets = options.paths if is_part else paths
    return Plan(targets, tuple(sources), fail_policy, options.jobs or cpu_count(), exclusion)


def _exclusion(globs: tuple[str, ...]) -> Exclusion | None:
    if not globs:
        return None
    from boltz_keyscan.triage.exclusion import Exclusion  # noqa: PLC0415 - the hook excludes nothing

    return Exclusion.of(globs)


def _range_sources(options: Options) -> Iterator[Source]:
    """Yield the source of a push, or of a range of commits of each path."""
    from boltz_keyscan.sources.git.repo.revisions import RevisionRange  # noqa: PLC0415 - the hook needs none
    from boltz_keyscan.sources.git.revision_range import RangeSource  # noqa: PLC0415 - few runs need it

    if options.push is not None:
        yield RangeSource(b".", options.push)
        return
    selection = RevisionRange.of(options.commits or "")
    for path in options.paths:
        yield RangeSource(os.fsencode(path), selection, path)


def _tree_sources(options: Options, paths: Iterable[str], exclusion: Exclusion | None) -> Iterator[Source]:
    """Yield the source of each path: its files, and the history of repositories."""
    from boltz_keyscan.sources.files.stdin import StdinShard  # noqa: PLC0415 - the hook needs none
    from boltz_keyscan.sources.shards import ShardSource  # noqa: PLC0415 - as above
    from boltz_keyscan.sources.tree import TreeSource  # noqa: PLC0415 - as above

    if not options.history and not options.files:
        raise KeyscanError("--no-history and --history-only leave nothing to scan", "Give one of them.")
    prefixes = choose_prefixes(paths)
    find_glob = exclusion.find if exclusion is not None else None
    for path in paths:
        if path == STDIN:
            yield ShardSource(StdinShard())
        else:
            yield TreeSource(
                os.fsencode(path),
                prefixes[path],
                options.files,
                options.history,
                options.follow_alternates,
                options.cache,
                find_glob,
            )


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
            prefix = relative(folder, root)
            prefix = b"" if prefix == b"." else prefix
        elif len(targets) == 1 and os.path.isdir(raw):
            prefix = b""
        prefixes[path] = with_slash(prefix)
    return prefixes


def check_current_folder() -> None:
    """Check that paths can be relative to the current folder.

    Raises:
        KeyscanError: it was removed.
    """
    try:
        os.getcwdb()
    except FileNotFoundError as error:
        raise KeyscanError(
            "the current folder does not exist any more", "Change to one that does."
        ) from error


def check_path(path: str, *, history_only: bool) -> None:
    """Check that a path can be scanned.

    Raises:
        KeyscanError: it does not exist or, with ``history_only``, is not a usable repository.
    """
    if not os.path.isabs(path):
        check_current_folder()
    try:
        os.stat(path)
    except OSError as error:
        absent = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
        if absent and os.path.islink(path):
            message, hint = f"a symbolic link that leads nowhere: {path}", "Name the file or folder itself."
        elif absent:
            message, hint = (
                f"no such file or folder: {path}",
                "Check the spelling, or give the path from here.",
            )
        else:
            message, hint = f"cannot look at {path}: {error.strerror}", "Check the folders that lead there."
        raise KeyscanError(message, hint) from error
    if history_only:
        from boltz_keyscan.sources.git.repo.repository import open_named  # noqa: PLC0415 - only used with --history-only

        open_named(os.fsencode(path), path)
