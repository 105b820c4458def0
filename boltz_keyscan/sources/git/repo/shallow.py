"""Shallow boundaries, and the history that a forged list of them hides.

git treats the commits in ``shallow`` as having no parents. In a shallow clone the parents were
never fetched. A list written by hand can hide a history that is complete in the store.
"""

from __future__ import annotations

import re

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.sources.git.repo.repository import read_small
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import list_commits, object_info

_ID = late_pattern(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PARENT = late_pattern(rb"^parent ([0-9a-f]{40}(?:[0-9a-f]{24})?)$", re.MULTILINE)

_MAX_COMMIT_BYTES = 256 << 20
"""Bytes of boundary commits that are read."""

FETCH_ADVICE = "fetch the rest with 'git fetch --unshallow' (in CI: a fetch depth of 0)"
"""The remedy for a history that ends early."""


def read_boundaries(view: git.RepoView) -> frozenset[str]:
    """Return the commits at which a shallow clone ends.

    Raises:
        OSError: the list cannot be read.
    """
    if view.shallow is None:
        return frozenset()
    return frozenset(oid.decode() for oid in _ID.findall(read_small(view.shallow)))


def find_hidden_parents(view: git.RepoView) -> tuple[list[str], str]:
    """Return the parents of boundary commits that the store has, and an error message or "".

    In a true shallow clone there are none.
    """
    try:
        listed = sorted(read_boundaries(view))
    except OSError as failure:
        return [], f"shallow cannot be read: {failure.strerror}"
    answers, error = object_info(view, listed)
    commits = [(words[0], int(words[2])) for words in answers if words[1] == b"commit"]
    if error or sum(size for _, size in commits) > _MAX_COMMIT_BYTES:
        return [], error or "its shallow boundaries are more than is read"
    if not commits:
        return [], ""
    content, error = git.run(view, "cat-file", "--batch", lines=[oid + b"\n" for oid, _ in commits])
    parents = sorted({oid.decode() for oid in _PARENT.findall(content)})
    if error:
        return [], error
    return list_commits(view, parents)
