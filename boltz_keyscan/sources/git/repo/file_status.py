"""Blobs of a path in HEAD and the index, and its ignore status; ``file_exposures`` derives the exposure.

Only files with a hit are checked. git reads the repository's index and the ``.gitignore``
files of the tree, never its configuration; so patterns of a personal ``core.excludesFile``
do not count, and a file hidden only by them is ``untracked``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection

from boltz_keyscan.errors import GitError
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.sources.git.repo.index import SUBMODULE, IndexReader
from boltz_keyscan.sources.git.repo.references import read_references
from boltz_keyscan.sources.git.repo.repository import Repository
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import UNEXPECTED_OUTPUT

_TIMEOUT_S = 60

_BLOB = late_pattern(rb"([0-9a-f]{40}(?:[0-9a-f]{24})?) blob")


@dataclass(frozen=True, slots=True)
class FileStatus:
    """The state of some files of a worktree. Paths are relative to it."""

    staged: dict[bytes, list[str]]
    """The blobs of the index; none for a submodule."""
    committed: dict[bytes, str]
    """The blobs of HEAD."""
    lost: set[bytes]
    """Files that HEAD has, although this clone lacks the blob."""
    ignored: set[bytes]
    git_error: str
    """git's error message, or ""; some files may be lost then."""


@dataclass(frozen=True, slots=True)
class Worktree:
    """A checkout and the view of its repository."""

    repository: Repository
    view: git.RepoView
    partial: bool = False
    """True for a partial clone, in which HEAD's blob may be missing."""
    index: IndexReader | None = None
    """The entries of the index, if something else in the run lists them too."""

    def read_status(self, names: Collection[bytes]) -> FileStatus:
        """Return the state of the files with these paths.

        Raises:
            GitError: git cannot read it.
            OSError: a file of the repository cannot be read.
        """
        staged = self._read_staged(frozenset(names))
        committed, git_error = self._read_committed(list(staged))
        lost = self._find_lost(set(staged).difference(committed), git_error)
        ignored = self._find_ignored([name for name in names if name not in staged])
        return FileStatus(staged, committed, lost, ignored, git_error)

    def _read_staged(self, names: Collection[bytes]) -> dict[bytes, list[str]]:
        """Return the blobs that the index has at each of the paths; several during a conflict."""
        found: dict[bytes, list[str]] = {}
        for mode, oid, path in (self.index or IndexReader(self.view)).entries():
            if path in names:
                blobs = found.setdefault(path, [])
                if mode != SUBMODULE:
                    blobs.append(oid)
        return found

    def _read_committed(self, names: list[bytes]) -> tuple[dict[bytes, str], str]:
        """Return the blobs that HEAD has at the paths, and git's error message or ""."""
        found: dict[bytes, str] = {}
        git_error = ""
        head = read_references(self.repository).head
        if head is None or not names:
            return found, git_error
        # Path by path: a listing of HEAD can be endless. On stdin: a name may be a key, and
        # any user on the machine can read command lines.
        with_newline = [name for name in names if b"\n" in name]
        for group in ([name for name in names if b"\n" not in name], *([name] for name in with_newline)):
            lines = [head.encode() + b":" + name + b"\0" for name in group]
            form = "--batch-check=%(objectname) %(objecttype)"
            answer, error = git.run(self.view, "cat-file", form, "-z", lines=lines)
            git_error = git_error or error
            *answers, rest = answer.split(b"\n")
            # Names may hold a LF in the answer "... missing", so there can be more lines.
            if rest or len(answers) < len(group):
                raise GitError(error or UNEXPECTED_OUTPUT)
            for name, line in zip(group, answers, strict=False):
                if (blob := _BLOB.fullmatch(line)) is not None:
                    found[name] = blob[1].decode()
        return found, git_error

    def find_in_head(self, oids: Collection[str]) -> set[str]:
        """Return those of some blobs that HEAD has at any path, as far as git lists it in time."""
        wanted = {oid.encode() for oid in oids}
        found: set[str] = set()
        if not wanted or (head := read_references(self.repository).head) is None:
            return found
        # A listing of HEAD can be endless.
        with contextlib.suppress(GitError, OSError):
            for line in git.fields(self.view, "ls-tree", "-r", "-z", "--full-tree", head, seconds=_TIMEOUT_S):
                oid = line.partition(b"\t")[0].rpartition(b" ")[2]
                if oid in wanted:
                    found.add(oid.decode())
                    if len(found) == len(wanted):
                        break
        return found

    def _find_lost(self, names: set[bytes], git_error: str) -> set[bytes]:
        """Return the staged paths of ``names`` that HEAD has although their blob was not found.

        git prints "missing" both for a path that HEAD lacks and for a blob that the store lacks.
        """
        head = read_references(self.repository).head
        if not names or head is None or not (self.partial or git_error):
            return set()
        options = ("--cached", "--name-only", "--no-renames", "--diff-filter=A", "-z")
        return names.difference(git.fields(self.view, "diff-index", *options, head, seconds=_TIMEOUT_S))

    def _find_ignored(self, names: list[bytes]) -> set[bytes]:
        top = self.repository.worktree or b""
        # A FIFO called .gitignore would hang git.
        names = [name for name in names if _has_regular_ignore_files(top, name)]
        if not names:
            return set()
        excludes = os.path.join(self.repository.common_dir, b"info", b"exclude")
        view = replace(self.view, worktree=top, excludes=excludes if os.path.isfile(excludes) else None)
        # Without --no-index git omits tracked files: if the list of those was incomplete, the
        # file counts as untracked, which blocks, and not as ignored.
        # "./" keeps a name that begins with a colon from being read as pathspec magic.
        lines = [b"./" + name + b"\0" for name in names]
        answer, error = git.run(view, "check-ignore", "-z", "--stdin", lines=lines, seconds=_TIMEOUT_S)
        if error and error != git.NO_MATCH:
            raise GitError(error)
        return {name.removeprefix(b"./") for name in answer.split(b"\0")}


def _has_regular_ignore_files(top: bytes, name: bytes) -> bool:
    folder = os.path.dirname(name)
    while True:
        ignore = os.path.join(top, folder, b".gitignore")
        if os.path.lexists(ignore) and not os.path.isfile(ignore):
            return False
        if not folder:
            return True
        folder = os.path.dirname(folder)
