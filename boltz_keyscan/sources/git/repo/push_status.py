"""The unpushed part of a history, as far as this clone knows: what a rewrite of it has to touch."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterator

from boltz_keyscan import fsutil
from boltz_keyscan.errors import GitError
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.sources.git.repo.object_store import prepare_repository
from boltz_keyscan.sources.git.repo.reflogs import read_traces
from boltz_keyscan.sources.git.repo.repository import (
    References,
    Repository,
    enclosing,
    find_linked_worktrees,
    open_at,
    references,
)
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.system.paths import ANYWHERE

_REMOTE = b"refs/remotes/"
_USUAL = (b"main", b"master")
_MAX_BRANCHES = 50
"""Local branches that are checked for a commit."""


@dataclass(frozen=True, slots=True)
class PushStatus:
    """Push status of some commits of one repository."""

    head: str | None
    """The commit checked out, in full hex; None before the first commit, and if it is not known."""
    unborn: bool = False
    """True before the first commit."""
    present: frozenset[str] = frozenset()
    """Commits that the repository has."""
    unpushed: tuple[str, ...] = ()
    """Commits that no remote-tracking branch of this clone reaches, parents first."""
    roots: frozenset[str] = frozenset()
    """Commits without a parent."""
    merges: bool = False
    """True if there is a merge among the commits that are not pushed."""
    branches: tuple[str, ...] = ()
    """Local branches and tags that reach any of the commits, full names."""
    stashes: tuple[str, ...] = ()
    """Stashes that reach any of the commits, such as ``stash@{0}``, the oldest first."""
    worktrees: tuple[tuple[str, str], ...] = ()
    """Other worktrees that reach any of the commits: path from here, branch; "" for a detached HEAD."""
    branch: str = ""
    """The branch checked out, full name; empty for a detached HEAD."""
    upstreams: tuple[str, ...] = ()
    """Names of the remote branches, such as ``origin/main``."""
    gone: bool = False
    """True if a remote branch had the commits earlier and none has any of them now."""


def remote_branches(refs: References) -> list[tuple[bytes, str]]:
    """Return the remote branches with their commits: ``origin/main`` and its like first, then by name."""
    found = [
        (name.removeprefix(_REMOTE), oid)
        for name, oid in refs.tips
        if name.startswith(_REMOTE) and not name.endswith(b"/HEAD")
    ]
    return sorted(found, key=lambda each: (each[0].rpartition(b"/")[2] not in _USUAL, each))


def push_status(folder: bytes, commits: Collection[str]) -> PushStatus | None:
    """Return the push status of commits of the repository around a folder; None if it is unknown."""
    repository = enclosing(os.path.abspath(folder))
    if repository is None:
        return None
    try:
        view = prepare_repository(repository, ANYWHERE, "").view
        if view is None:
            return None
        refs = references(repository)
        requests = [oid.encode() + b"\n" for oid in sorted(commits)]
        answer, _ = git.run(view, "cat-file", "--batch-check", lines=requests)
        present = {line.split()[0].decode() for line in answer.splitlines() if b" commit " in line}
        branch = fsutil.decode(dict(refs.symbolic).get(b"HEAD", b""))
        upstreams = tuple(fsutil.decode(name) for name, _ in remote_branches(refs))
        known = PushStatus(refs.head, unborn=refs.is_unborn, branch=branch, upstreams=upstreams)
        if not present:
            return known
        traces = read_traces(repository, view, refs)
        now = {oid for _, oid in remote_branches(refs)}
        remote = sorted(now.union(oid for _, oid in traces.remote))
        beyond, error = _list(view, sorted(present), sorted(now), "--topo-order")
        ahead, second_error = _list(view, sorted(present), remote, "--topo-order")
        if error or second_error:
            return None
        unpushed = tuple(oid for oid in reversed(ahead) if oid in present)
        roots, _ = _list(view, sorted(present), remote, "--max-parents=0")
        tips = {
            fsutil.decode(name): oid
            for name, oid in refs.tips[:_MAX_BRANCHES]
            if name.startswith((b"refs/heads/", b"refs/tags/"))
        }
        tips |= {f"stash@{{{number}}}": oid for number, oid in enumerate(traces.stashes[:_MAX_BRANCHES])}
        with_key = {
            name: oid
            for name, oid in tips.items()
            if not present.isdisjoint(_list(view, [oid], sorted(now))[0])
        }
        names = [name for name in with_key if not name.startswith("stash@")]
        below = [f"{oid}^@" for oid in unpushed if oid not in roots]
        starts = sorted({with_key[name] for name in names})
        merges, _ = _list(view, starts, [*remote, *below], "--min-parents=2") if starts else ([], "")
        return replace(
            known,
            present=frozenset(present),
            unpushed=unpushed,
            roots=frozenset(present & set(roots)),
            merges=bool(merges),
            branches=tuple(names),
            stashes=tuple(reversed([name for name in with_key if name not in names])),
            worktrees=tuple(
                (path, name)
                for path, name, oid in _other_worktrees(repository)
                if not present.isdisjoint(_list(view, [oid], sorted(now))[0])
            ),
            gone=bool(now) and present <= set(beyond) and len(unpushed) < len(present),
        )
    except (GitError, OSError, ValueError):
        return None


def _other_worktrees(repository: Repository) -> Iterator[tuple[str, str, str]]:
    """Yield path, branch and commit of each worktree of a repository but its own."""
    own = repository.worktree or repository.git_dir
    common = os.path.realpath(repository.common_dir)
    main = (os.path.dirname(common),) if os.path.basename(common) == b".git" else ()
    for path in itertools.islice((*main, *find_linked_worktrees(repository)), _MAX_BRANCHES):
        other = open_at(path)
        if other is None or os.path.realpath(own) == path:
            continue
        refs = references(other)
        if refs.head is not None:
            branch = dict(refs.symbolic).get(b"HEAD", b"")
            yield os.fsdecode(os.path.relpath(path, os.path.realpath(own))), os.fsdecode(branch), refs.head


def _list(view: git.RepoView, include: list[str], exclude: list[str], *options: str) -> tuple[list[str], str]:
    lines = [f"{oid}\n".encode() for oid in include] + [f"^{oid}\n".encode() for oid in exclude]
    answer, error = git.run(view, "rev-list", "--stdin", *options, lines=lines)
    return answer.decode("ascii").split(), error
