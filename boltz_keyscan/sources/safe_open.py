"""Opening of files below a folder without following symbolic links.

A name that was listed as a folder may be a symbolic link when it is opened. ``O_NOFOLLOW``
guards the last name of a path only, so each folder is opened relative to its parent. The
folders on the way stay open, because files come folder by folder. The path of the top folder
itself is the user's and is followed.
"""

from __future__ import annotations

import errno
import os
from typing import Final, Self

from boltz_keyscan import fsutil

FLAGS: Final = fsutil.READ_FLAGS
"""Flags for a file that the user did not name: no links, no blocking, no controlling terminal."""

_MAX_OPEN_FOLDERS: Final = 64
"""Folders open at once; a tree may be deeper than a process may have descriptors."""


class DirectoryOpener:
    """Opens names relative to one folder."""

    def __init__(self, root: bytes) -> None:
        """Store the folder; nothing is opened yet.

        Args:
            root: absolute path of the folder.
        """
        self._root = root
        self._folders: dict[bytes, int] = {}
        """Descriptors of the folder opened last and of its parents, by relative path."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all folders."""
        for descriptor in self._folders.values():
            os.close(descriptor)
        self._folders.clear()

    def resolve(self, name: bytes) -> tuple[bytes, int | None]:
        """Return a path and the descriptor of the folder it is relative to, for calls of ``os``.

        Raises:
            OSError: a folder on the way cannot be opened, or is a link.
        """
        if not fsutil.HAS_FOLDER_DESCRIPTORS:
            return self._checked(name), None
        folder, _, last = name.rpartition(b"/")
        return last, self._folder(folder)

    def status(self, name: bytes) -> os.stat_result:
        """Return the status of an entry; a link is not followed.

        Raises:
            OSError: it does not exist, or a folder on the way is a link.
        """
        path, folder = self.resolve(name)
        return os.stat(path, dir_fd=folder, follow_symlinks=False)

    def open(self, name: bytes, flags: int = FLAGS) -> int:
        """Open a file.

        Raises:
            OSError: it cannot be opened, or a folder on the way is a link.
        """
        path, folder = self.resolve(name)
        if folder is not None:
            return os.open(path, flags, dir_fd=folder)
        return _open_unlinked(path, flags)

    def readlink(self, name: bytes) -> bytes:
        """Return the text of a symbolic link.

        Raises:
            OSError: it is not a link, or a folder on the way is one.
        """
        path, folder = self.resolve(name)
        return os.readlink(path, dir_fd=folder)

    def open_folder(self, name: bytes) -> int | bytes:
        """Return a folder for ``os.scandir``: its descriptor, or its path on systems without them.

        Raises:
            OSError: it cannot be opened, or is a link.
        """
        if fsutil.HAS_FOLDER_DESCRIPTORS:
            return self._folder(name)
        path = self._checked(name)
        if name and fsutil.is_reparse_point(os.lstat(path)):
            raise _link_error()
        return path

    def _folder(self, name: bytes) -> int:
        opened = self._folders.get(name)
        if opened is not None:
            return opened
        for path in [path for path in self._folders if path and not name.startswith(path + b"/")]:
            os.close(self._folders.pop(path))
        if b"" not in self._folders:
            self._folders[b""] = os.open(self._root, fsutil.FOLLOWING_FOLDER_FLAGS)
        # Start at the deepest open parent; open the folders below it one by one.
        parent = max((path for path in self._folders if path), key=len, default=b"")
        descriptor = self._folders[parent]
        for part in name[len(parent) :].split(b"/") if name else ():
            if not part:
                continue
            parent = parent + b"/" + part if parent else part
            try:
                descriptor = os.open(part, fsutil.FOLDER_FLAGS, dir_fd=descriptor)
            except OSError as error:
                if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                    raise _link_error() from error
                raise
            self._folders[parent] = descriptor
            if len(self._folders) > _MAX_OPEN_FOLDERS:
                # The first entry is the root, which stays open.
                os.close(self._folders.pop(next(path for path in self._folders if path)))
        return descriptor

    def _checked(self, name: bytes) -> bytes:
        """Return a joined path after checking that no folder on it is a link.

        Windows has no descriptors of folders: a swap between this check and the call that
        follows goes undetected.
        """
        if not fsutil.is_name(name):
            raise OSError(errno.EINVAL, "Windows has no files of such a name")
        path = fsutil.literal(self._root)
        *folders, last = name.split(b"/")
        try:
            for part in folders:
                path = os.path.join(path, part)
                if fsutil.is_reparse_point(os.lstat(path)):
                    raise _link_error()
        except ValueError as error:
            raise OSError(errno.EINVAL, "its name is not UTF-8") from error
        return os.path.join(path, last) if last else path


def _open_unlinked(path: bytes, flags: int) -> int:
    """Open a file where no flag refuses links: it is refused if its name is one before or after.

    Raises:
        OSError: it is a link, or cannot be opened.
    """
    before = os.lstat(path)
    if fsutil.is_reparse_point(before):
        raise OSError(errno.ELOOP, "a symbolic link")
    descriptor = os.open(path, flags)
    # File systems without numbers report 0.
    if os.fstat(descriptor).st_ino not in (0, before.st_ino):
        os.close(descriptor)
        raise OSError(errno.ELOOP, "it was replaced while it was opened")
    return descriptor


def _link_error() -> OSError:
    return OSError(errno.ELOOP, "a folder on the way to it became a link, which is not followed")


def open_file(root: bytes, name: bytes, *, follow: bool = False) -> int:
    """Open one file below a folder; ``follow`` allows links, for a path that the user named.

    Raises:
        OSError: it cannot be opened, or a folder on the way is a link.
    """
    if follow:
        return os.open(fsutil.literal(os.path.join(root, name)), fsutil.FOLLOWING_READ_FLAGS)
    with DirectoryOpener(root) as opener:
        return opener.open(name)
