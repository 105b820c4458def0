"""Reading the index through git: what is staged, and what of it HEAD does not have.

Boundary: lists of paths and object ids; their content is ``objects``.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from boltz_keyscan.errors import GitError
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import CHECK, parsing_git_output

EMPTY_BLOBS = frozenset(
    {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
    }
)
"""The id of a blob without bytes, in SHA-1 and SHA-256; the index may name it while no store has it."""

_EMPTY_TREES = {
    20: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    32: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
"""By the length of an object id. git knows this tree without the object being there."""

SUBMODULE = b"160000"
"""Mode of an entry that is another repository's commit."""

_INTENT_TO_ADD = 0x20000000
"""CE_INTENT_TO_ADD of git's read-cache, as ``ls-files --debug`` shows it."""

_SPARSE = b"sdir"
"""What an index holds that may have whole folders for entries."""

_LEAST_SECONDS = 3.0
_SECONDS_EACH = 0.2e-6
"""Time for a walk over the index, for each of its bytes. HEAD's trees can be nested so that it never ends."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A path in the index."""

    path: bytes
    oid: str
    """Its blob; for a submodule, a commit."""
    submodule: bool = False
    unmerged: bool = False
    """A conflict is not resolved yet: what there is to commit stands in the worktree."""


def entries(view: git.RepoView, paths: Collection[bytes]) -> list[Entry]:
    """Those of ``paths`` that are in the index (git-ls-files: ``mode id stage TAB path``).

    Raises:
        GitError: git cannot read the index.
    """
    wanted = frozenset(paths)
    if view.index is None or not wanted:
        return []
    found = _looked_up(view, wanted)
    if len(found) == len(wanted):
        return list(found.values())
    for line in git.fields(view, "ls-files", "-s", "-z"):
        facts, _, path = line.partition(b"\t")
        with parsing_git_output():
            mode, oid, stage = facts.split(b" ")
        if path in wanted:
            found[path] = Entry(path, oid.decode(), mode == SUBMODULE, stage != b"0")
    return list(found.values())


def _looked_up(view: git.RepoView, paths: Collection[bytes]) -> dict[bytes, Entry]:
    """Return the entries of those paths whose objects git can give, without going through the index.

    By standard input, as a path can hold a key and command lines can be read by everybody.
    """
    # An answer "... missing" repeats the path, and one with a LF would take two lines.
    asked = [path for path in paths if b"\n" not in path]
    lines = [b":0:" + path + b"\0" for path in asked]
    answer, complaint = git.run(view, "cat-file", "--buffer", CHECK, "-z", lines=lines)
    answers = [line.split(b" ") for line in answer.splitlines()]
    if complaint or len(answers) != len(asked):
        return {}
    return {
        path: Entry(path, words[0].decode("ascii", "replace"))
        for path, words in zip(asked, answers, strict=True)
        if len(words) == 3 and words[1] == b"blob" and words[2].isdigit()
    }


def changed(view: git.RepoView, head: str | None, *, intended: bool = True) -> list[Entry]:
    """Entries that differ from HEAD, those deleted left out (git-diff, "raw output format").

    Args:
        view: the repository with its index.
        head: the commit HEAD names; None when there is none yet.
        intended: with paths of ``git add --intent-to-add``, which a commit leaves out.

    Raises:
        GitError: git cannot read the index.
    """
    if view.index is None:
        return []
    nothing = _EMPTY_TREES[view.id_bytes]
    if head is not None:
        with contextlib.suppress(GitError):
            return _changed(view, head, intended=intended)
        # HEAD is damaged, or has no end: compared with nothing, everything counts as new.
    return _changed(view, nothing, intended=intended)


def _changed(view: git.RepoView, tree: str, *, intended: bool) -> list[Entry]:
    options = () if intended else ("--ita-invisible-in-index",)
    return [
        Entry(path, oid, mode == SUBMODULE, status == b"U")
        for path, (mode, _, oid, status) in _differences(view, tree, *options)
        if status != b"D"
    ]


def replaced(view: git.RepoView, commit: str) -> dict[bytes, str | None]:
    """Return every path at which the index differs from a commit.

    Returns:
        For a path that the index does not have, the commit's object there; None for any other.

    Raises:
        GitError: git cannot compare them.
    """
    return {
        path: old if status == b"D" else None
        for path, (_, old, _, status) in _differences(view, commit, "--ita-invisible-in-index")
    }


def _differences(
    view: git.RepoView, tree: str, *options: str
) -> Iterator[tuple[bytes, tuple[bytes, str, str, bytes]]]:
    """Yield each path at which the index differs from a tree: new mode, old object, new object, status."""
    arguments = ("--cached", "--raw", "-r", "-z", "--no-renames", "--no-abbrev", *options, tree)
    fields = git.fields(view, "diff-index", *arguments, seconds=patience(view))
    for facts in fields:
        path = next(fields, b"")
        with parsing_git_output():
            _, mode, old, oid, status = facts.split(b" ")
            if not path:
                raise ValueError
        yield path, (mode, old.decode(), oid.decode(), status[:1])


def intended(view: git.RepoView, paths: Collection[bytes]) -> set[bytes]:
    """Those of ``paths`` that were only announced, by ``git add --intent-to-add``.

    The index gives them the empty blob; their content is in the worktree.

    Raises:
        GitError: git cannot read the index.
    """
    wanted = frozenset(paths)
    found = set()
    fields = git.fields(view, "ls-files", "--debug", "-z", terminated=False)
    path = next(fields, b"")
    for field in fields:
        # What a path is like follows it in five lines, and then comes the next path.
        with parsing_git_output():
            *facts, following = field.split(b"\n", 5)
            flags = int(facts[4].rpartition(b" ")[2], 16)
        if path in wanted and flags & _INTENT_TO_ADD:
            found.add(path)
        path = following
    return found


def readable(path: bytes, id_bytes: int) -> bytes:
    """The index for git to read: itself, or a copy of one that git would unfold without end.

    Raises:
        OSError: it cannot be read.
        ValueError: it is in no form that is known.
    """
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return path
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(_SPARSE) < 0:
                return path
            whole = content[:]
    from boltz_keyscan.sources.git.repo.sparse_index import unfolded  # noqa: PLC0415 - few repositories need it

    copy = unfolded(whole, id_bytes)
    if copy is None:
        return path
    from boltz_keyscan.sources.git.run import tempdir  # noqa: PLC0415 - as above

    name = os.path.join(tempdir.folder(), b"index")
    with open(name, "wb") as file:
        file.write(copy)
    return name


def patience(view: git.RepoView) -> float:
    """Seconds in which git has gone through the index, whatever the machine."""
    return _LEAST_SECONDS + (_SECONDS_EACH * os.path.getsize(view.index) if view.index is not None else 0)
