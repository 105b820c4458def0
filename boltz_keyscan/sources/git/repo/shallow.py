"""A list of shallow boundaries that may be forged: what it cuts off although it is there.

git takes the commits in ``shallow`` to have no parents. In a shallow clone that is so: they
were never fetched. A list somebody wrote by hand can hide a history that is all there.

Boundary: ids in, ids out.
"""

from __future__ import annotations

import re

from boltz_keyscan.sources.git.repo.repository import read_small
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import object_info

_ID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PARENT = re.compile(rb"^parent ([0-9a-f]{40}(?:[0-9a-f]{24})?)$", re.MULTILINE)

_MOST = 256 << 20
"""Bytes of boundary commits that are read."""


DEEPER = "fetch the rest with 'git fetch --unshallow' (in CI: a fetch depth of 0)"
"""The remedy for a history that ends early."""


def boundaries(view: git.RepoView) -> frozenset[str]:
    """Return the commits at which a shallow clone ends.

    Raises:
        OSError: the list cannot be read.
    """
    if view.shallow is None:
        return frozenset()
    return frozenset(oid.decode() for oid in _ID.findall(read_small(view.shallow)))


def hidden_parents(view: git.RepoView) -> tuple[list[str], str]:
    """Parents of boundary commits that the store has, and what went wrong. None, in a true shallow clone."""
    try:
        listed = sorted(boundaries(view))
    except OSError as error:
        return [], f"shallow cannot be read: {error.strerror}"
    answers, told = object_info(view, listed)
    commits = [(words[0], int(words[2])) for words in answers if words[1] == b"commit"]
    if told or sum(size for _, size in commits) > _MOST:
        return [], told or "its shallow boundaries are more than is read"
    content, told = git.run(view, "cat-file", "--batch", lines=[oid + b"\n" for oid, _ in commits])
    parents = sorted({oid.decode() for oid in _PARENT.findall(content)})
    if told:
        return [], told
    answers, told = object_info(view, parents)
    return [words[0].decode() for words in answers if words[1] == b"commit"], told
