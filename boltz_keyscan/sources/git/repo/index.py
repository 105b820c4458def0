"""The index, read through git: staged entries, and how they differ from a commit."""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Collection, Iterable, Iterator
from typing import IO

from boltz_keyscan.errors import GitError
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import CHECK, parsing_git_output

EMPTY_BLOBS = frozenset(
    {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
    }
)
"""Id of the empty blob, in SHA-1 and SHA-256; the index may name it while no store has it."""

_EMPTY_TREES = {
    20: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    32: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
"""Id of the empty tree, by bytes of an object id. git knows this tree without its object."""

SUBMODULE = b"160000"
"""Mode of an entry that names another repository's commit."""

_INTENT_TO_ADD = 0x20000000
"""CE_INTENT_TO_ADD of git's read-cache, as ``ls-files --debug`` shows it."""

_WITHOUT_INTENDED = "--ita-invisible-in-index"

_SPARSE = b"sdir"
"""Extension of an index whose entries may be whole folders."""

_MAX_KEPT_BYTES = 16 << 20
"""Bytes of the largest index whose entries are kept; those of a larger one are listed each time."""

_MIN_SECONDS = 3.0
_SECONDS_PER_BYTE = 0.2e-6
"""Time for a comparison with the index. HEAD's trees can be nested so that it never ends."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A path in the index."""

    path: bytes
    oid: str
    """Its blob; for a submodule, a commit."""
    submodule: bool = False
    unmerged: bool = False
    """True in an unresolved conflict: the content to commit is in the worktree."""


def read_entries(view: git.RepoView, paths: Collection[bytes]) -> list[Entry]:
    """Return the index entries of ``paths`` (git-ls-files: ``mode id stage TAB path``).

    Raises:
        GitError: git cannot read the index.
    """
    wanted = frozenset(paths)
    if view.index is None or not wanted:
        return []
    found = _look_up(view, wanted)
    if len(found) == len(wanted):
        return list(found.values())
    for line in git.fields(view, "ls-files", "-s", "-z"):
        facts, _, path = line.partition(b"\t")
        with parsing_git_output():
            mode, oid, stage = facts.split(b" ")
        if path in wanted:
            found[path] = Entry(path, oid.decode(), mode == SUBMODULE, stage != b"0")
    return list(found.values())


def _look_up(view: git.RepoView, paths: Collection[bytes]) -> dict[bytes, Entry]:
    """Return the entries of the paths whose blobs git has, without a pass over the whole index.

    The paths go to standard input: one can hold a key, and any user can read command lines.
    """
    # An answer "... missing" repeats the path; with a LF it would take two lines.
    requested = [path for path in paths if b"\n" not in path]
    lines = [b":0:" + path + b"\0" for path in requested]
    answer, error = git.run(view, "cat-file", "--buffer", CHECK, "-z", lines=lines)
    answers = [line.split(b" ") for line in answer.splitlines()]
    if error or len(answers) != len(requested):
        return {}
    return {
        path: Entry(path, words[0].decode("ascii", "replace"))
        for path, words in zip(requested, answers, strict=True)
        if len(words) == 3 and words[1] == b"blob" and words[2].isdigit()
    }


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences between an index and a commit."""

    changes: list[Entry]
    """Entries that differ, without deletions."""
    replaced: dict[bytes, str | None]
    """Every path at which they differ; for one that the index lacks, the commit's object there."""
    is_of_commit: bool = True
    """False if everything counts as new, because there is no commit or git cannot read it."""


def compare(view: git.RepoView, head: str | None, *, intended: bool = True) -> Comparison:
    """Compare the index with HEAD.

    Args:
        view: the repository with its index.
        head: commit of HEAD; None before the first one.
        intended: include paths of ``git add --intent-to-add``, which a commit leaves out.

    Raises:
        GitError: git cannot read the index.
    """
    if view.index is None:
        return Comparison([], {}, is_of_commit=False)
    options = () if intended else (_WITHOUT_INTENDED,)
    if head is not None:
        with contextlib.suppress(GitError):
            return _compare(view, head, *options)
        # HEAD is damaged or endless: compared with the empty tree, everything counts as new.
    return replace(_compare(view, _EMPTY_TREES[view.id_bytes], *options), is_of_commit=False)


def list_differences(view: git.RepoView, commit: str) -> dict[bytes, str | None]:
    """Return every path at which the index differs from a commit; see ``Comparison.replaced``.

    Raises:
        GitError: git cannot compare them.
    """
    return _compare(view, commit, _WITHOUT_INTENDED).replaced


def _compare(view: git.RepoView, tree: str, *options: str) -> Comparison:
    """Compare the index with a tree (git-diff, "raw output format")."""
    found = Comparison([], {})
    arguments = ("--cached", "--raw", "-r", "-z", "--no-renames", "--no-abbrev", *options, tree)
    fields = git.fields(view, "diff-index", *arguments, seconds=index_timeout(view))
    for facts in fields:
        path = next(fields, b"")
        with parsing_git_output():
            _, mode, old, oid, status = facts.split(b" ")
            if not path:
                raise ValueError
        if status.startswith(b"D"):
            found.replaced[path] = old.decode()
        else:
            found.replaced[path] = None
            found.changes.append(Entry(path, oid.decode(), mode == SUBMODULE, status.startswith(b"U")))
    return found


def list_intended(view: git.RepoView, paths: Collection[bytes]) -> set[bytes]:
    """Return the paths of ``paths`` that are only announced, by ``git add --intent-to-add``.

    The index has the empty blob for them; their content is in the worktree.

    Raises:
        GitError: git cannot read the index.
    """
    wanted = frozenset(paths)
    found = set()
    fields = git.fields(view, "ls-files", "--debug", "-z", terminated=False)
    path = next(fields, b"")
    for record in fields:
        # Each path is followed by five lines of attributes, then by the next path.
        with parsing_git_output():
            *facts, following = record.split(b"\n", 5)
            flags = int(facts[4].rpartition(b" ")[2], 16)
        if path in wanted and flags & _INTENT_TO_ADD:
            found.add(path)
        path = following
    return found


@dataclass(slots=True)
class IndexReader:
    """All entries of an index, listed by git once for everything in a run that asks."""

    view: git.RepoView
    _lines: list[bytes] | None = field(default=None, init=False)

    def entries(self) -> Iterator[tuple[bytes, str, bytes]]:
        """Yield mode, object id and path of each entry (git-ls-files: ``mode id stage TAB path``).

        Raises:
            GitError: git cannot read the index.
        """
        if self.view.index is None:
            return
        lines: Iterable[bytes] = self._lines or ()
        if self._lines is None:
            lines = git.fields(self.view, "ls-files", "-s", "-z", seconds=index_timeout(self.view))
            if os.path.getsize(self.view.index) <= _MAX_KEPT_BYTES:
                self._lines = list(lines)
                lines = self._lines
        for line in lines:
            facts, tab, path = line.partition(b"\t")
            with parsing_git_output():
                mode, oid, _ = facts.split(b" ")
                if not (tab and path):
                    raise ValueError
            yield mode, oid.decode("ascii", "replace"), path


def bounded_index(file: IO[bytes], path: bytes, id_bytes: int) -> bytes:
    """Return the path of an index that git reads in bounded memory: itself, or a copy of a sparse one.

    Args:
        file: the open index.
        path: its path.
        id_bytes: bytes of an object id.

    Raises:
        OSError: the index cannot be read.
        ValueError: its format is unknown.
    """
    if not os.fstat(file.fileno()).st_size:
        return path
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(_SPARSE) < 0:
            return path
        whole = content[:]
    from boltz_keyscan.sources.git.repo.sparse_index import drop_folders  # noqa: PLC0415 - few repositories need it

    copy = drop_folders(whole, id_bytes)
    if copy is None:
        return path
    from boltz_keyscan.sources.git.run import tempdir  # noqa: PLC0415 - few repositories need it

    name = os.path.join(tempdir.folder(), b"index")
    with open(name, "wb") as target:
        target.write(copy)
    return name


def index_timeout(view: git.RepoView) -> float:
    """Return the seconds that git may take for one pass over the index."""
    return _MIN_SECONDS + (_SECONDS_PER_BYTE * os.path.getsize(view.index) if view.index is not None else 0)
