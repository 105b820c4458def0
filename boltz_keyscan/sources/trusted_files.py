"""The few files of a tree that speak about the scan: from disk, or as a commit has them.

Whoever wrote the tree wrote these files, so they are read with care: regular files of a
bounded size, no links, nothing above the repository. A commit's are read from its
objects, through a view of the store that no configuration of the repository reaches;
what lies in the worktree or the index plays no part then.

Boundary: paths to bytes; what they say is ``triage`` and ``cli``, who is asked is ``trust``.
"""

from __future__ import annotations

import os
import stat
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boltz_keyscan.errors import GitError, KeyscanError
from boltz_keyscan.sources.git.repo.repository import (
    Repository,
    enclosing,
    find_worktrees_around,
    is_carried,
    is_git_dir,
    read_small,
    references,
)

if TYPE_CHECKING:
    from boltz_keyscan.sources.git.run import command as git

MAX_FILE_BYTES = 16 << 20
"""Bytes of such a file; a baseline of 100,000 keys fits."""


_FOLDERS = 64
"""Folders of a revision that are remembered."""

_FOLDER = b"40000"
"""The mode of a folder in a tree."""


@dataclass(frozen=True, slots=True)
class TreeFiles:
    """The files as they lie there."""

    top: bytes
    """The folder beyond which nothing is looked at, absolute."""
    label: str = "in the tree"

    def read(self, path: bytes) -> bytes | None:
        """A file below ``top``, by its absolute path; None when there is none.

        Raises:
            KeyscanError: it is there and cannot be read, or a link leads out of the tree.
        """
        if not os.path.lexists(path):
            return None
        real = os.path.realpath(path)
        if not real.startswith(os.path.join(os.path.realpath(self.top), b"")):
            raise _unusable(path, "a link leads out of the tree")
        return read_named_file(real, os.fsdecode(path))

    def contains(self, path: bytes) -> bool:
        """Whether a path lies below ``top``."""
        return path.startswith(os.path.join(self.top, b""))


@dataclass(frozen=True, slots=True)
class CommitFiles:
    """The files as one commit has them."""

    top: bytes
    """The folder that is the root of the commit's tree, absolute."""
    label: str
    commit: str
    view: git.RepoView

    def read(self, path: bytes) -> bytes | None:
        """A file below ``top``, by the absolute path it has when checked out; None when there is none.

        Raises:
            KeyscanError: it is there and is no file, or git cannot give it.
        """
        contents = CommitFileReader(self)
        try:
            entry = contents.look_up(path)
            if entry is None:
                return None
            mode, oid = entry
            if not mode.startswith(b"100"):
                raise _unusable(path, f"it is no file {self.label}")
            return contents.read_blob(oid)
        except GitError as error:
            raise _unusable(path, f"not read {self.label}: {error.message}") from error
        finally:
            contents.close()

    def contains(self, path: bytes) -> bool:
        """Whether a path lies below ``top``."""
        return path.startswith(os.path.join(self.top, b""))


class CommitFileReader:
    """Many files of a revision, through one git that starts with the first of them.

    What is asked for is looked at, not believed: a link gives the text that it is.
    """

    def __init__(self, revision: CommitFiles) -> None:
        from boltz_keyscan.sources.git.objects.reader import ObjectReader  # noqa: PLC0415 - most runs ask no revision

        self._revision = revision
        self._reader = ObjectReader(revision.view, revision.label)
        self._folders: dict[str, dict[bytes, tuple[bytes, str]]] = {}
        self._root = ""
        self.close = weakref.finalize(self, self._reader.__exit__)

    def read(self, path: bytes) -> bytes | None:
        """A file below the top, by its absolute path; None when there is none.

        Raises:
            GitError: git cannot give it.
        """
        entry = self.look_up(path)
        return self.read_blob(entry[1]) if entry is not None else None

    def look_up(self, path: bytes) -> tuple[bytes, str] | None:
        """Return mode and object id of what has an absolute path below the top; None when nothing has.

        Raises:
            GitError: git cannot give a folder on the way.
        """
        if not self._revision.contains(path):
            return None
        if self._reader.late:
            raise GitError(self._reader.late)
        if not self._root:
            # A commit begins with its tree (gitformat: ``tree SP id LF``).
            self._root = (
                self._reader.whole(self._revision.commit)[5:].partition(b"\n")[0].decode("ascii", "replace")
            )
        entry: tuple[bytes, str] | None = (_FOLDER, self._root)
        for name in os.path.relpath(path, self._revision.top).split(b"/"):
            if entry is None or entry[0] != _FOLDER:
                return None
            entry = self._entries(entry[1]).get(name)
        return entry

    def read_blob(self, oid: str) -> bytes:
        """Return the bytes of a blob.

        Raises:
            GitError: git cannot give them, or they are too many.
        """
        return self._reader.whole(oid, MAX_FILE_BYTES)

    def _entries(self, tree: str) -> dict[bytes, tuple[bytes, str]]:
        if tree not in self._folders:
            if len(self._folders) >= _FOLDERS:
                self._folders.clear()
            content, id_bytes = self._reader.whole(tree), self._revision.view.id_bytes
            # Entries as in gitformat: ``mode SP name NUL id``; what follows a broken one is left out.
            found, at = {}, 0
            while 0 <= (space := content.find(b" ", at)) < (nul := content.find(b"\0", space)):
                mode, name = content[at:space].lstrip(b"0"), content[space + 1 : nul]
                at = nul + 1 + id_bytes
                found[name] = (mode, content[nul + 1 : at].hex())
            self._folders[tree] = found
        return self._folders[tree]


TrustedFiles = TreeFiles | CommitFiles


def read_whole_file(path: bytes, shown: str = "") -> bytes:
    """A regular file of some MiB that was named, whole.

    Raises:
        KeyscanError: it cannot be read.
    """
    try:
        return read_small(path)
    except OSError as error:
        raise KeyscanError(
            f"cannot read {shown or os.fsdecode(path)}: {error.strerror or 'unreadable'}",
            "Name a readable file.",
        ) from error


def read_named_file(path: bytes, shown: str = "") -> bytes:
    """The same, of the size that files of triage have.

    Raises:
        KeyscanError: it cannot be read.
    """
    content = read_whole_file(path, shown)
    if len(content) > MAX_FILE_BYTES:
        raise _unusable(path, f"larger than {MAX_FILE_BYTES >> 20} MiB")
    return content


def find_tree_top(folder: bytes) -> bytes:
    """How far up files are looked for: the root of the repository around a folder.

    Outside a repository that is as far as nobody else may write: in ``/tmp`` anybody can
    put a file above the folder that is scanned.
    """
    top = folder
    while not os.path.lexists(os.path.join(top, b".git")) and not is_git_dir(top):
        parent = os.path.dirname(top)
        try:
            shared = os.stat(parent).st_mode & stat.S_IWOTH
        except OSError:
            return top
        if parent == top or shared:
            return top
        top = parent
    return top


def open_revision(folder: bytes, revision: str) -> CommitFiles:
    """The files of the repository around a folder as a revision has them.

    Raises:
        KeyscanError: the folder is in no repository, or that does not have the revision.
        GitError: git cannot be used.
    """
    from boltz_keyscan.sources.git.repo.object_store import prepare_repository  # noqa: PLC0415 - as above
    from boltz_keyscan.sources.git.repo.revisions import find_commit  # noqa: PLC0415 - most runs ask no revision

    repository = _find_holder(folder)
    if repository is None:
        raise KeyscanError(
            f"--trust base:{revision} needs a git repository, and {os.fsdecode(folder)} is in none",
            "Give --trust none, or --trust tree.",
        )
    opened = prepare_repository(repository, os.path.abspath(b"/"), os.fsdecode(folder))
    if opened.view is None:
        raise KeyscanError(
            f"--trust base:{revision}: {opened.gaps[-1].detail}", "Check the repository's objects."
        )
    commit = find_commit(opened.view, references(repository), revision)
    top = repository.worktree or repository.git_dir
    return CommitFiles(top, f"at {revision}, {commit[:12]}", commit, opened.view)


def _find_holder(folder: bytes) -> Repository | None:
    """Return the repository around a folder; not a bare one that another repository has as tracked files.

    Whoever writes a change could commit such a one, with references of the right names.
    """
    from boltz_keyscan.sources.git.repo.object_store import prepare_repository  # noqa: PLC0415
    from boltz_keyscan.sources.git.run import command as git  # noqa: PLC0415 - as above

    repository = enclosing(folder)
    if repository is None or repository.worktree is not None:
        return repository
    for around in find_worktrees_around(folder):
        if around.worktree is None or not is_carried(repository, (around,)):
            continue
        view = prepare_repository(around, os.path.abspath(b"/"), os.fsdecode(folder)).view
        head = os.path.relpath(os.path.join(repository.git_dir, b"HEAD"), around.worktree)
        if view is None or (view.index is not None and head in set(git.fields(view, "ls-files", "-z"))):
            return around
    return repository


def _unusable(path: bytes, why: str) -> KeyscanError:
    return KeyscanError(f"{os.fsdecode(path)}: {why}", "Make it a readable file, or remove it.")
