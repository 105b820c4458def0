"""Files of a tree that control the scan (configuration, baseline, ignore file), from disk or a commit.

The author of the tree wrote these files, so only regular files of a bounded size inside the
repository are read, and no links out of it. Files of a commit come from its objects, through a
view that no configuration of the repository affects; worktree and index are not used then.
"""

from __future__ import annotations

import os
import stat
import weakref
from typing import TYPE_CHECKING

from boltz_keyscan import fsutil
from boltz_keyscan.errors import GitError, KeyscanError
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.repo.references import read_references
from boltz_keyscan.sources.git.repo.repository import (
    Repository,
    enclosing,
    find_worktrees_around,
    is_below,
    is_carried,
    is_git_dir,
    read_opened,
    read_small,
)
from boltz_keyscan.sources.safe_open import open_file
from boltz_keyscan.system.paths import ANYWHERE, relative

if TYPE_CHECKING:
    from boltz_keyscan.sources.git.objects.reader import ObjectReader
    from boltz_keyscan.sources.git.run import command as git

MAX_FILE_BYTES = 16 << 20
"""Bytes of such a file at most; a baseline of 100,000 keys fits."""


_MAX_CACHED_FOLDERS = 64
"""Folders of a revision kept in memory."""

_FOLDER_MODE = b"40000"
"""The mode of a folder in a tree."""


@dataclass(frozen=True, slots=True)
class TreeFiles:
    """The files as they are on disk."""

    top: bytes
    """Folder outside which nothing is read, absolute."""
    label: str = "in the tree"

    def read(self, path: bytes) -> bytes | None:
        """Return a file below ``top``, by its absolute path; None when there is none.

        Raises:
            KeyscanError: the file cannot be read, or a link leads out of the tree.
        """
        if not os.path.lexists(path):
            return None
        try:
            real, top = os.path.realpath(path), os.path.realpath(self.top)
        except OSError as error:
            # A link on the way was removed meanwhile.
            raise _unusable(path, error.strerror or "unreadable") from error
        if not is_below(real, top):
            raise _unusable(path, "a link leads out of the tree")
        return read_named_file(real, fsutil.decode(path), top)


@dataclass(frozen=True, slots=True)
class CommitFiles:
    """The files as one commit has them."""

    top: bytes
    """Root folder of the commit's tree, absolute."""
    label: str
    commit: str
    view: git.RepoView

    def read(self, path: bytes) -> bytes | None:
        """Return a file below ``top``, by its absolute path when checked out; None when there is none.

        Raises:
            KeyscanError: it is not a regular file, or git cannot read it.
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


class CommitFileReader:
    """Reader of many files of a revision, through one git process that starts with the first read.

    Links are not followed: reading one returns its text.

    Args:
        revision: the revision.
        reader: a reader of the same repository, to use its process.
    """

    def __init__(self, revision: CommitFiles, reader: ObjectReader | None = None) -> None:
        from boltz_keyscan.sources.git.objects.reader import ObjectReader  # noqa: PLC0415 - most runs read no revision

        self._revision = revision
        self._reader = reader or ObjectReader(revision.view, revision.label)
        self._folders: dict[str, dict[bytes, tuple[bytes, str]]] = {}
        self._root = ""
        self.close = weakref.finalize(self, self._reader.__exit__)

    def read(self, path: bytes) -> bytes | None:
        """Return a file below the top, by its absolute path; None when there is none.

        Raises:
            GitError: git cannot read it.
        """
        entry = self.look_up(path)
        return self.read_blob(entry[1]) if entry is not None else None

    def look_up(self, path: bytes) -> tuple[bytes, str] | None:
        """Return mode and object id of an absolute path below the top; None when there is none.

        Raises:
            GitError: git cannot read a folder on the way.
        """
        if not is_below(path, self._revision.top):
            return None
        if self._reader.timeout_error:
            raise GitError(self._reader.timeout_error)
        if not self._root:
            # A commit begins with its tree (gitformat: ``tree SP id LF``).
            self._root = (
                self._reader.read(self._revision.commit)[5:].partition(b"\n")[0].decode("ascii", "replace")
            )
        entry: tuple[bytes, str] | None = (_FOLDER_MODE, self._root)
        for name in relative(path, self._revision.top).split(b"/"):
            if entry is None or entry[0] != _FOLDER_MODE:
                return None
            entry = self._entries(entry[1]).get(name)
        return entry

    def read_blob(self, oid: str) -> bytes:
        """Return the bytes of a blob.

        Raises:
            GitError: git cannot read them, or they are too many.
        """
        return self._reader.read(oid, MAX_FILE_BYTES)

    def _entries(self, tree: str) -> dict[bytes, tuple[bytes, str]]:
        from boltz_keyscan.sources.git.objects.reader import tree_entries  # noqa: PLC0415 - as above

        if tree not in self._folders:
            if len(self._folders) >= _MAX_CACHED_FOLDERS:
                self._folders.clear()
            content, id_bytes = self._reader.read(tree), self._revision.view.id_bytes
            self._folders[tree] = {
                name: (mode.lstrip(b"0"), oid) for mode, name, oid in tree_entries(content, id_bytes)
            }
        return self._folders[tree]


TrustedFiles = TreeFiles | CommitFiles


def read_whole_file(path: bytes, shown: str = "", top: bytes | None = None) -> bytes:
    """Return the content of a regular file that the user named.

    Args:
        path: its path.
        shown: its path in messages.
        top: folder below which no link is followed, not even one that appears meanwhile.

    Raises:
        KeyscanError: it cannot be read.
    """
    try:
        return read_small(path) if top is None else read_opened(open_file(top, relative(path, top)))
    except OSError as error:
        raise KeyscanError(
            f"cannot read {shown or fsutil.decode(path)}: {error.strerror or 'unreadable'}",
            "Name a readable file.",
        ) from error


def read_named_file(path: bytes, shown: str = "", top: bytes | None = None) -> bytes:
    """Return the content of a named file of at most ``MAX_FILE_BYTES``; arguments as ``read_whole_file``.

    Raises:
        KeyscanError: it cannot be read.
    """
    content = read_whole_file(path, shown, top)
    if len(content) > MAX_FILE_BYTES:
        raise _unusable(path, f"larger than {MAX_FILE_BYTES >> 20} MiB")
    return content


def find_tree_top(folder: bytes) -> bytes:
    """Return the top folder of the search for files: the root of the repository around a folder.

    Outside a repository the search stops below a folder that other users can write to: in ``/tmp``
    anyone can place a file above the scanned folder.
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
    """Return the files of the repository around a folder at a revision.

    Raises:
        KeyscanError: the folder is in no repository, or the repository lacks the revision.
        GitError: git cannot be used.
    """
    from boltz_keyscan.sources.git.repo.object_store import prepare_repository  # noqa: PLC0415 - as above
    from boltz_keyscan.sources.git.repo.revisions import find_commit  # noqa: PLC0415 - most runs read no revision

    repository = _find_holder(folder)
    if repository is None:
        raise KeyscanError(
            f"--trust base:{revision} needs a git repository, and {fsutil.decode(folder)} is in none",
            "Give --trust none, or --trust tree.",
        )
    opened = prepare_repository(repository, ANYWHERE, fsutil.decode(folder))
    if opened.view is None:
        raise KeyscanError(
            f"--trust base:{revision}: {opened.gaps[-1].detail}", "Check the repository's objects."
        )
    commit = find_commit(opened.view, read_references(repository), revision)
    top = repository.worktree or repository.git_dir
    return CommitFiles(top, f"at {revision}, {commit[:12]}", commit, opened.view)


def _find_holder(folder: bytes) -> Repository | None:
    """Return the repository around a folder, but not a bare one tracked as files by another repository.

    The author of a change could commit such a repository, with references of the expected names.
    """
    from boltz_keyscan.sources.git.repo.object_store import prepare_repository  # noqa: PLC0415
    from boltz_keyscan.sources.git.run import command as git  # noqa: PLC0415 - as above

    repository = enclosing(folder)
    if repository is None or repository.worktree is not None:
        return repository
    for around in find_worktrees_around(folder):
        if around.worktree is None or not is_carried(repository, (around,)):
            continue
        view = prepare_repository(around, ANYWHERE, fsutil.decode(folder)).view
        head = relative(os.path.join(repository.git_dir, b"HEAD"), around.worktree)
        if view is None or (view.index is not None and head in set(git.fields(view, "ls-files", "-z"))):
            return around
    return repository


def _unusable(path: bytes, why: str) -> KeyscanError:
    return KeyscanError(f"{fsutil.decode(path)}: {why}", "Make it a readable file, or remove it.")
