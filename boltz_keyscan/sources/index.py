"""Reading the index through git: what is staged, and what of it HEAD does not have.

Boundary: lists of paths and object ids; their content is ``objects``.
"""

from __future__ import annotations

from boltz_keyscan.sources import _git

_GITLINK = b"160000"


def entries(view: _git.View, paths: tuple[bytes, ...] = ()) -> list[tuple[bytes, str]]:
    """Path and blob of index entries, all or those named (git-ls-files: ``mode id stage TAB path``).

    Raises:
        GitError: git cannot read the index.
    """
    if view.index is None:
        return []
    found = []
    wanted = set(paths)
    for entry in _git.fields(view, "ls-files", "-s", "-z", "--", *paths):
        facts, _, path = entry.partition(b"\t")
        mode, oid, _ = facts.split(b" ")
        if mode != _GITLINK and (not wanted or path in wanted):
            found.append((path, oid.decode()))
    return found


def changed(view: _git.View, head: str | None) -> list[tuple[bytes, str]]:
    """Path and blob of entries that differ from HEAD (git-diff, "raw output format").

    Raises:
        GitError: git cannot read the index or HEAD.
    """
    if view.index is None:
        return []
    if head is None:
        return entries(view)
    fields = _git.fields(view, "diff-index", "--cached", "--raw", "-r", "-z", "--no-renames", "--no-abbrev", head)
    found = []
    for facts in fields:
        path = next(fields, b"")
        _, mode, _, oid, status = facts.split(b" ")
        if not status.startswith(b"D") and mode != _GITLINK:
            found.append((path, oid.decode()))
    return found
