"""Reflogs of a clone: commits that remote branches had earlier, and stashes.

A remote branch may be rewritten, or deleted and pruned. What it had was pushed all the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from boltz_keyscan.errors import GitError
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.sources.git.repo.references import References
from boltz_keyscan.sources.git.repo.repository import Repository, read_below, read_small
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import list_commits
from boltz_keyscan.sources.safe_open import DirectoryOpener

_REMOTES = b"refs/remotes/"
_HEADS = b"refs/heads/"
_STASH = b"refs/stash"
_LOGS = (_STASH, _REMOTES.rstrip(b"/"))
_MAX_ENTRIES = 10_000
"""Entries of reflogs that are used, the newest of each; git keeps those of 90 days."""

_UPSTREAM = r"^branch\..*\.(remote|merge)$"

_ENTRY = late_pattern(rb"([0-9a-f]{40}(?:[0-9a-f]{24})?) ([0-9a-f]{40}(?:[0-9a-f]{24})?) ")


@dataclass(frozen=True, slots=True)
class Traces:
    """Traces in a clone of what was pushed and stashed."""

    remote: tuple[tuple[bytes, str], ...] = ()
    """Remote branches, such as ``origin/main``, with commits that they had earlier."""
    unsure: tuple[str, ...] = ()
    """Tips of local branches whose remote branch is gone, and of tags: they may have been pushed."""
    stashes: tuple[str, ...] = ()
    """Commits of the stashes, ``stash@{0}`` first."""


NO_TRACES = Traces()


def read_traces(repository: Repository, view: git.RepoView, refs: References) -> Traces:
    """Return the traces in a clone; none of what cannot be read."""
    try:
        logs = {name: oids for name, oids in _read_logs(repository.common_dir, _LOGS) if oids}
        commits, _ = list_commits(view, sorted({oid for oids in logs.values() for oid in oids}))
        present = frozenset(commits)
        remote = tuple(
            (name.removeprefix(_REMOTES), oid)
            for name, oids in sorted(logs.items())
            if name != _STASH
            for oid in oids
            if oid in present
        )
        stashes = logs.get(_STASH) or [oid for name, oid in refs.tips if name == _STASH]
        return Traces(remote, tuple(_find_unsure(repository, view, refs)), tuple(stashes))
    except (GitError, OSError):
        return NO_TRACES


def add_older_stashes(repository: Repository, refs: References) -> References:
    """Return the references with the stashes that only the reflog of ``refs/stash`` names.

    ``git stash`` keeps each of them as it keeps the newest.
    """
    if not any(name == _STASH for name, _ in refs.tips):
        return refs
    try:
        older = dict(_read_logs(repository.common_dir, (_STASH,))).get(_STASH, [])[1:]
    except OSError:
        older = []
    tips = [(b"%s@{%d}" % (_STASH, number), oid) for number, oid in enumerate(older, 1)]
    return replace(refs, tips=tuple(sorted((*refs.tips, *tips)))) if tips else refs


def list_stash_commits(view: git.RepoView, stashes: tuple[str, ...]) -> dict[str, str]:
    """Return the name of the stash of each commit that a stash is made of.

    These are the commit itself, its index and its untracked files (git-stash, "Discussion"); its first
    parent is the commit that it was made on.
    """
    if not stashes:
        return {}
    lines = git.input_lines(dict.fromkeys(stashes))
    options = ("log", "--no-walk=unsorted", "--ignore-missing", "--stdin", "--format=%H %P")
    answer, _ = git.run(view, *options, lines=lines)
    parts = {oid: others for oid, _, *others in (f"{x} ".split(" ") for x in answer.decode().splitlines())}
    found: dict[str, str] = {}
    for number, oid in enumerate(stashes):
        for each in (oid, *parts.get(oid, ())):
            if each:
                found.setdefault(each, f"stash@{{{number}}}")
    return found


def _read_logs(common: bytes, starts: tuple[bytes, ...]) -> Iterator[tuple[bytes, list[str]]]:
    """Yield the reflogs at and below some names: their names, and the ids in them, newest first."""
    with DirectoryOpener(common) as opener:
        for start in starts:
            for name, text in read_below(opener, b"logs/" + start):
                # That there is no such file or folder is the usual case.
                if isinstance(text, bytes):
                    yield name.removeprefix(b"logs/"), _parse(text, is_stash=name.endswith(_STASH))


def _parse(text: bytes, *, is_stash: bool) -> list[str]:
    """Return the ids in a reflog, the newest first: all of a remote branch, and the new ones of a stash."""
    found: list[str] = []
    for line in reversed(text.splitlines()[-_MAX_ENTRIES:]):
        if entry := _ENTRY.match(line):
            old, new = (oid.decode() for oid in entry.groups())
            found += [new] if is_stash else [oid for oid in (new, old) if oid.strip("0")]
    return found if is_stash else list(dict.fromkeys(found))[:_MAX_ENTRIES]


def _find_unsure(repository: Repository, view: git.RepoView, refs: References) -> Iterator[str]:
    """Yield the tips of tags, and of local branches whose remote branch is configured and gone.

    In a clone of an empty repository no remote branch has ever been there: nothing was fetched yet.
    """
    present = {name for name, _ in refs.tips}
    fetched = os.path.lexists(os.path.join(repository.git_dir, b"FETCH_HEAD"))
    if not (fetched or any(name.startswith(_REMOTES) for name in present)):
        return
    yield from (oid for name, oid in refs.tips if name.startswith(b"refs/tags/"))
    text = read_small(os.path.join(repository.common_dir, b"config"))
    if b"[branch" not in text:
        return
    options = ("config", "--file", "-", "--no-includes", "-z", "--get-regexp", _UPSTREAM)
    output, _ = git.run(view, *options, lines=[text])
    values = dict(entry.partition(b"\n")[::2] for entry in output.split(b"\0") if entry)
    for name, oid in refs.tips:
        if name.startswith(_HEADS):
            branch = b"branch." + name.removeprefix(_HEADS)
            remote, merge = values.get(branch + b".remote", b"."), values.get(branch + b".merge", b"")
            there = _REMOTES + remote + b"/" + merge.removeprefix(_HEADS)
            if merge and remote != b"." and there not in present:
                yield oid
