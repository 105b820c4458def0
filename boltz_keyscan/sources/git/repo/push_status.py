"""The unpushed part of a history, as far as this clone knows: what a rewrite of it has to touch."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterator

from boltz_keyscan import fsutil
from boltz_keyscan.errors import GitError
from boltz_keyscan.model.push_status import PushStatus
from boltz_keyscan.records import replace
from boltz_keyscan.sources.git.repo.object_store import prepare_repository
from boltz_keyscan.sources.git.repo.references import References, read_references
from boltz_keyscan.sources.git.repo.reflogs import read_traces
from boltz_keyscan.sources.git.repo.repository import Repository, enclosing, find_linked_worktrees, open_at
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import list_commits
from boltz_keyscan.system.paths import ANYWHERE

_REMOTE = b"refs/remotes/"
_USUAL = (b"main", b"master")
_MAX_BRANCHES = 50
"""Local branches that are checked for a commit."""


def list_remote_branches(refs: References) -> list[tuple[bytes, str]]:
    """Return the remote branches with their commits: ``origin/main`` and its like first, then by name."""
    found = [
        (name.removeprefix(_REMOTE), oid)
        for name, oid in refs.tips
        if name.startswith(_REMOTE) and not name.endswith(b"/HEAD")
    ]
    return sorted(found, key=lambda each: (each[0].rpartition(b"/")[2] not in _USUAL, each))


def read_push_status(folder: bytes, commits: Collection[str]) -> PushStatus | None:
    """Return the push status of commits of the repository around a folder; None if it is unknown."""
    repository = enclosing(os.path.abspath(folder))
    if repository is None:
        return None
    try:
        view = prepare_repository(repository, ANYWHERE, "").view
        if view is None:
            return None
        refs = read_references(repository)
        branch = fsutil.decode(dict(refs.symbolic).get(b"HEAD", b""))
        upstreams = tuple(fsutil.decode(name) for name, _ in list_remote_branches(refs))
        known = PushStatus(refs.head, unborn=refs.is_unborn, branch=branch, upstreams=upstreams)
        present, _ = list_commits(view, sorted(commits))
        known = replace(known, present=frozenset(present))
        return _add_facts(known, repository, view, refs) if present else known
    except (GitError, OSError, ValueError):
        return None


def _add_facts(
    known: PushStatus, repository: Repository, view: git.RepoView, refs: References
) -> PushStatus | None:
    """Return the status with what is known of the commits that are present; None if git failed."""
    traces = read_traces(repository, view, refs)
    now = sorted({oid for _, oid in list_remote_branches(refs)})
    remote = sorted({*now, *(oid for _, oid in traces.remote)})
    present = sorted(known.present)
    beyond, error = _list(view, present, now, "--topo-order")
    ahead, second_error = _list(view, present, remote, "--topo-order")
    if error or second_error:
        return None
    unpushed = tuple(oid for oid in reversed(ahead) if oid in known.present)
    roots = known.present.intersection(_list(view, present, remote, "--max-parents=0")[0])

    def has_commits(tip: str) -> bool:
        return not known.present.isdisjoint(_list(view, [tip], now)[0])

    branches = {
        fsutil.decode(name): oid
        for name, oid in refs.tips[:_MAX_BRANCHES]
        if name.startswith((b"refs/heads/", b"refs/tags/")) and has_commits(oid)
    }
    stashes = [
        f"stash@{{{number}}}" for number, oid in enumerate(traces.stashes[:_MAX_BRANCHES]) if has_commits(oid)
    ]
    below = [f"{oid}^@" for oid in unpushed if oid not in roots]
    starts = sorted(set(branches.values()))
    merges, _ = _list(view, starts, [*remote, *below], "--min-parents=2") if starts else ([], "")
    return replace(
        known,
        unpushed=unpushed,
        roots=roots,
        merges=bool(merges),
        branches=tuple(branches),
        stashes=tuple(reversed(stashes)),
        worktrees=tuple((path, name) for path, name, oid in _other_worktrees(repository) if has_commits(oid)),
        gone=bool(now) and known.present.issubset(beyond) and len(unpushed) < len(known.present),
    )


def _other_worktrees(repository: Repository) -> Iterator[tuple[str, str, str]]:
    """Yield path, branch and commit of each worktree of a repository but its own."""
    own = repository.worktree or repository.git_dir
    common = os.path.realpath(repository.common_dir)
    main = (os.path.dirname(common),) if os.path.basename(common) == b".git" else ()
    for path in itertools.islice((*main, *find_linked_worktrees(repository)), _MAX_BRANCHES):
        other = open_at(path)
        if other is None or os.path.realpath(own) == path:
            continue
        refs = read_references(other)
        if refs.head is not None:
            branch = dict(refs.symbolic).get(b"HEAD", b"")
            yield os.fsdecode(os.path.relpath(path, os.path.realpath(own))), os.fsdecode(branch), refs.head


def _list(view: git.RepoView, include: list[str], exclude: list[str], *options: str) -> tuple[list[str], str]:
    answer, error = git.run(view, "rev-list", "--stdin", *options, lines=git.input_lines(include, exclude))
    return answer.decode("ascii").split(), error
