"""How far commits have gone, as far as this clone knows.

Boundary: object ids in, object ids out. What a person does about it is ``report.remedy``.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

from boltz_keyscan.errors import GitError
from boltz_keyscan.sources.git.repo.object_store import prepare_repository
from boltz_keyscan.sources.git.repo.repository import enclosing, references
from boltz_keyscan.sources.git.run import command as git


@dataclass(frozen=True, slots=True)
class PushStatus:
    """What is known of some commits of one repository."""

    head: str | None
    """What is checked out, in full hex; None before the first commit."""
    unpushed: tuple[str, ...]
    """Commits that no remote-tracking branch of this clone reaches, parents first."""
    roots: frozenset[str]
    """Commits without a parent."""


def push_status(folder: bytes, commits: Collection[str]) -> PushStatus | None:
    """What the repository around a folder knows of these commits; None when it cannot be told."""
    repository = enclosing(os.path.abspath(folder))
    if repository is None:
        return None
    try:
        view = prepare_repository(repository, os.path.abspath(b"/"), "").view
        if view is None:
            return None
        refs = references(repository)
        asked = [oid.encode() + b"\n" for oid in sorted(commits)]
        answer, _ = git.run(view, "cat-file", "--batch-check", lines=asked)
        here = {line.split()[0].decode() for line in answer.splitlines() if b" commit " in line}
        remote = {oid for name, oid in refs.tips if name.startswith(b"refs/remotes/")}
        lines = [oid.encode() + b"\n" for oid in sorted(here)]
        lines += [b"^" + oid.encode() + b"\n" for oid in sorted(remote)]
        ahead, told = git.run(view, "rev-list", "--topo-order", "--stdin", lines=lines) if here else (b"", "")
        if told:
            return None
        roots, told = (
            git.run(view, "rev-list", "--stdin", "--max-parents=0", lines=lines) if here else (b"", "")
        )
    except (GitError, OSError):
        return None
    known = tuple(oid for oid in reversed(ahead.decode("ascii").split()) if oid in here)
    return PushStatus(refs.head, known, frozenset(here & set(roots.decode("ascii").split())))
