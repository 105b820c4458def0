"""Repositories on disk, read without git.

Only plain files are read (``.git`` files, ``commondir``), with a size limit and without following links.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator

from boltz_keyscan import fsutil
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.safe_open import FLAGS, DirectoryOpener, open_file
from boltz_keyscan.system.paths import relative, slashed, with_slash

_MAX_FILE_BYTES = 64 << 20
"""Bytes of the largest reference or configuration file that is read; packed-refs of huge servers fit."""


@dataclass(frozen=True, slots=True)
class Repository:
    """Paths of one repository, absolute. Picklable."""

    git_dir: bytes
    """The folder ``.git``, or the folder it points to; private to a linked worktree."""
    common_dir: bytes
    """The folder of objects and references; differs from ``git_dir`` only in a linked worktree."""
    worktree: bytes | None
    """The folder checked out; None for a bare repository."""

    @property
    def objects(self) -> bytes:
        """The object store."""
        return os.path.join(self.common_dir, b"objects")

    @property
    def full_worktree(self) -> bytes | None:
        """The folder checked out, if git keeps each file there: the checkout is not sparse."""
        sparse = os.path.join(self.git_dir, b"info", b"sparse-checkout")
        return None if os.path.lexists(sparse) else self.worktree


def is_git_dir(path: bytes) -> bool:
    """Return True if ``path`` is a git directory, by git's own test (setup.c)."""
    if not os.path.lexists(os.path.join(path, b"HEAD")):
        return False
    if os.path.isfile(os.path.join(path, b"commondir")):
        return True
    return os.path.isdir(os.path.join(path, b"objects")) and os.path.isdir(os.path.join(path, b"refs"))


def open_at(path: bytes) -> Repository | None:
    """Return the repository whose worktree or git directory is ``path``, or None.

    Raises:
        OSError, ValueError: ``.git`` exists but leads to no repository.
    """
    dot_git = os.path.join(path, b".git")
    try:
        mode = os.lstat(dot_git).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return _open(path, None) if is_git_dir(path) else None
    if stat.S_ISLNK(mode):
        mode = os.stat(dot_git).st_mode
    if stat.S_ISREG(mode):
        text = read_small(dot_git)
        if not text.startswith(b"gitdir:") or b"\0" in text:
            raise ValueError(".git is a file but does not say 'gitdir:'")
        dot_git = _named_path(path, text[len(b"gitdir:") :].strip())
        if not os.path.lexists(dot_git):
            target = f"{fsutil.decode(dot_git)}, which is not there (not mounted?)"
            raise ValueError(f".git points to {target}; make it available at that path")
    if not is_git_dir(dot_git):
        raise ValueError(".git has no HEAD, objects and refs")
    return _open(dot_git, path)


def open_usable(path: bytes) -> Repository | None:
    """Return the repository at a path as ``open_at``; None for a broken one too."""
    with contextlib.suppress(OSError, ValueError):
        return open_at(path)
    return None


def open_named(path: bytes, shown: str) -> Repository | None:
    """Return the repository at a path that the user named, or None.

    Raises:
        KeyscanError: its ``.git`` leads to no repository.
    """
    try:
        return open_at(os.path.abspath(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise KeyscanError(f"not a usable git repository: {shown}: {reason}", "Check its .git.") from error


def enclosing(path: bytes) -> Repository | None:
    """Return the innermost repository whose worktree or git directory holds ``path``; skip broken ones."""
    return next(filter(None, map(open_usable, _with_parents(path))), None)


def find_worktrees_around(path: bytes) -> Iterator[Repository]:
    """Yield the repositories whose worktree holds ``path``, innermost first; skip broken ones.

    Bare repositories are skipped too: their folder may be part of a worktree.
    """
    for folder in _with_parents(path):
        if os.path.lexists(os.path.join(folder, b".git")) and (found := open_usable(folder)) is not None:
            yield found


def _with_parents(path: bytes) -> Iterator[bytes]:
    """Yield the absolute path, then the folders that hold it, innermost first."""
    folder = os.path.abspath(path)
    yield folder
    while (parent := os.path.dirname(folder)) != folder:
        yield parent
        folder = parent


def find_linked_worktrees(repository: Repository) -> Iterator[bytes]:
    """Yield the roots of the linked worktrees that the repository names and that name it in turn."""
    common = os.path.realpath(repository.common_dir)
    folder = os.path.join(common, b"worktrees")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        private = os.path.join(folder, name)
        try:
            text = read_opened(open_file(common, b"worktrees/" + name + b"/gitdir"))
            dot_git = os.path.join(private, text.strip())
            root = os.path.realpath(os.path.dirname(dot_git))
            found = open_at(root)
        except (OSError, ValueError):
            continue
        if found is not None and os.path.realpath(found.git_dir) == private:
            yield root


def resolve_folder(path: bytes) -> bytes:
    """Return the folder that is scanned, or that holds the named file: absolute, without links.

    A link and its target may lie in different repositories.
    """
    folder = os.path.abspath(path)
    return os.path.realpath(folder if os.path.isdir(folder) else os.path.dirname(folder))


def find_root(path: bytes) -> bytes | None:
    """Return the root of the worktree that holds ``path``; None if there is none or it is below ``.git``."""
    around = next(find_worktrees_around(path), None)
    if around is None or around.worktree is None or is_below_dot_git(path, around.worktree):
        return None
    return around.worktree


def is_carried(repository: Repository, others: Iterable[Repository]) -> bool:
    """Return True if this git directory lies in another repository's worktree as files that it could add."""
    return any(
        other.worktree is not None
        and other.common_dir != repository.common_dir
        and is_within(repository.common_dir, other.worktree)
        and not is_below_dot_git(repository.common_dir, other.worktree)
        for other in others
    )


def is_below_dot_git(path: bytes, folder: bytes) -> bool:
    """Return True if a path below ``folder`` has a component ``.git``, which git never adds."""
    return b".git" in slashed(os.path.normcase(relative(path, folder))).split(b"/")


def is_within(path: bytes, folder: bytes) -> bool:
    """Return True if a path is ``folder`` or lies below it, by name only."""
    return path == folder or slashed(path).startswith(with_slash(folder))


def is_below(path: bytes, folder: bytes) -> bool:
    """Return True if a path lies below ``folder``, by name only."""
    return path != folder and is_within(path, folder)


def _named_path(folder: bytes, name: bytes) -> bytes:
    """Return the path that a file in a folder names.

    Raises:
        ValueError: it is on another machine, to which Windows would send the user's credentials.
    """
    path = os.path.join(folder, name)
    if fsutil.leads_away(path, folder):
        raise ValueError("it points to another machine, which is not followed")
    return path


def _open(git_dir: bytes, worktree: bytes | None) -> Repository:
    git_dir = os.path.abspath(git_dir)
    common = git_dir
    if os.path.isfile(os.path.join(git_dir, b"commondir")):
        target = read_small(os.path.join(git_dir, b"commondir")).strip()
        if not target or b"\0" in target:
            raise ValueError("commondir names no folder")
        common = os.path.abspath(_named_path(git_dir, target))
    return Repository(git_dir, common, os.path.abspath(worktree) if worktree is not None else None)


def read_small(path: bytes) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: it cannot be read, is not a regular file (a FIFO would hang the reader),
            or is too large.
    """
    try:
        descriptor = os.open(path, FLAGS)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "a symbolic link") from error
        raise
    return read_opened(descriptor)


def read_opened(descriptor: int) -> bytes:
    """Return the content of a regular file and close it; errors as ``read_small``."""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(_MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > _MAX_FILE_BYTES:
        raise OSError(0, f"larger than {_MAX_FILE_BYTES >> 20} MiB")
    return content


def list_folder(opener: DirectoryOpener, name: bytes) -> list[bytes]:
    """Return the paths of the entries of a folder below a git directory; no link is followed."""
    with os.scandir(opener.open_folder(name)) as entries:
        return [name + b"/" + os.fsencode(entry.name) for entry in entries]


def read_below(opener: DirectoryOpener, start: bytes) -> Iterator[tuple[bytes, bytes | OSError]]:
    """Yield path and content of a file below a git directory, or of all files of a folder there.

    No link is followed, nor a folder that became one since it was listed. In place of what cannot be read is
    the error.
    """
    names = [start]
    for name in names:
        try:
            if stat.S_ISDIR(opener.status(name).st_mode):
                names += list_folder(opener, name)
                continue
            content: bytes | OSError = read_opened(opener.open(name))
        except OSError as error:
            content = error
        yield name, content


def describe(error: OSError) -> str:
    """Return the reason why a file below a git directory was not read."""
    return "a symbolic link" if error.errno == errno.ELOOP else error.strerror or "unreadable"
