"""Push status of commits, as far as this clone knows."""

from __future__ import annotations

import os
from collections.abc import Collection

from boltz_keyscan.errors import GitError
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.repo.object_store import prepare_repository
from boltz_keyscan.sources.git.repo.repository import enclosing, references
from boltz_keyscan.sources.git.run import command as git


@dataclass(frozen=True, slots=True)
class PushStatus:
    """Push status of some commits of one repository."""

    head: str | None
    """The commit checked out, in full hex; None before the first commit."""
    unpushed: tuple[str, ...]
    """Commits that no remote-tracking branch of this clone reaches, parents first."""
    roots: frozenset[str]
    """Commits without a parent."""


def push_status(folder: bytes, commits: Collection[str]) -> PushStatus | None:
    """Return the push status of commits of the repository around a folder; None if it is unknown."""
    repository = enclosing(os.path.abspath(folder))
    if repository is None:
        return None
    try:
        view = prepare_repository(repository, os.path.abspath(b"/"), "").view
        if view is None:
            return None
        refs = references(repository)
        requests = [oid.encode() + b"\n" for oid in sorted(commits)]
        answer, _ = git.run(view, "cat-file", "--batch-check", lines=requests)
        present = {line.split()[0].decode() for line in answer.splitlines() if b" commit " in line}
        remote = {oid for name, oid in refs.tips if name.startswith(b"refs/remotes/")}
        lines = [oid.encode() + b"\n" for oid in sorted(present)]
        lines += [b"^" + oid.encode() + b"\n" for oid in sorted(remote)]
        if not present:
            return PushStatus(refs.head, (), frozenset())
        ahead, error = git.run(view, "rev-list", "--topo-order", "--stdin", lines=lines)
        if error:
            return None
        roots, _ = git.run(view, "rev-list", "--stdin", "--max-parents=0", lines=lines)
    except (GitError, OSError):
        return None
    unpushed = tuple(oid for oid in reversed(ahead.decode("ascii").split()) if oid in present)
    return PushStatus(refs.head, unpushed, frozenset(present & set(roots.decode("ascii").split())))
