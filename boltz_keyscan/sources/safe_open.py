"""Opening what is below a folder without following a link on the way.

A name that was listed as a folder may be a symbolic link when it is opened. ``O_NOFOLLOW``
guards the last name of a path only, so each folder is opened by itself, below the one
before it. The folders on the way to the last name stay open: files come folder by folder.

Boundary: names below one folder; the path of that folder is the user's word and followed.
"""

from __future__ import annotations

import errno
import os
from types import TracebackType
from typing import Final, Self

FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
"""Flags for a file that the user did not name: no following, no waiting, no terminal of its own."""

_FOLDER: Final = FLAGS | getattr(os, "O_DIRECTORY", 0)
_HAS_DESCRIPTORS: Final = os.open in os.supports_dir_fd and os.readlink in os.supports_dir_fd
_MOST_OPEN: Final = 64
"""Folders that are open at once; a tree may be deeper than descriptors are many."""


class DirectoryOpener:
    """Opens names relative to one folder."""

    def __init__(self, root: bytes) -> None:
        """Open nothing yet.

        Args:
            root: absolute path of the folder.
        """
        self._root = root
        self._folders: dict[bytes, int] = {}
        """Descriptors of the folder opened last and of those above it, by their relative paths."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for descriptor in self._folders.values():
            os.close(descriptor)
        self._folders.clear()

    def resolve(self, name: bytes) -> tuple[bytes, int | None]:
        """Return a path and a descriptor of the folder that it is relative to, for calls of ``os``.

        Raises:
            OSError: a folder on the way cannot be opened, or is a link.
        """
        if not _HAS_DESCRIPTORS:
            return self._checked(name), None
        folder, _, last = name.rpartition(b"/")
        return last, self._folder(folder)

    def open(self, name: bytes, flags: int = FLAGS) -> int:
        """Open a file.

        Raises:
            OSError: it cannot be opened, or a folder on the way is a link.
        """
        path, folder = self.resolve(name)
        return os.open(path, flags, dir_fd=folder)

    def readlink(self, name: bytes) -> bytes:
        """Return the text of a symbolic link.

        Raises:
            OSError: it is none, or a folder on the way is one.
        """
        path, folder = self.resolve(name)
        return os.readlink(path, dir_fd=folder)

    def open_folder(self, name: bytes) -> int | bytes:
        """Return what lists a folder: a descriptor, or its path where there are none.

        Raises:
            OSError: it cannot be opened, or is a link.
        """
        return self._folder(name) if _HAS_DESCRIPTORS else self._checked(name)

    def _folder(self, name: bytes) -> int:
        found = self._folders.get(name)
        if found is not None:
            return found
        for known in [known for known in self._folders if known and not name.startswith(known + b"/")]:
            os.close(self._folders.pop(known))
        if b"" not in self._folders:
            self._folders[b""] = os.open(self._root, _FOLDER & ~getattr(os, "O_NOFOLLOW", 0))
        # The deepest folder above it that is open; the others on the way are opened one by one.
        above = max((known for known in self._folders if known), key=len, default=b"")
        descriptor = self._folders[above]
        for part in name[len(above) :].split(b"/") if name else ():
            if not part:
                continue
            above = above + b"/" + part if above else part
            try:
                descriptor = os.open(part, _FOLDER, dir_fd=descriptor)
            except OSError as error:
                if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                    raise _not_followed() from error
                raise
            self._folders[above] = descriptor
            if len(self._folders) > _MOST_OPEN:
                # Not the first, which is the root.
                os.close(self._folders.pop(next(known for known in self._folders if known)))
        return descriptor

    def _checked(self, name: bytes) -> bytes:
        """Return a joined path, no folder on which is a link now.

        On Windows there are no descriptors of folders: a swap between this look and the call
        that follows is not noticed.
        """
        path = self._root
        for part in name.split(b"/")[:-1]:
            path = os.path.join(path, part)
            if os.path.realpath(path) != os.path.join(os.path.realpath(os.path.dirname(path)), part):
                raise _not_followed()
        return os.path.join(self._root, name)


def _not_followed() -> OSError:
    return OSError(errno.ELOOP, "a folder on the way to it became a link, which is not followed")


def open_file(root: bytes, name: bytes, *, follow: bool = False) -> int:
    """Open one file below a folder; with ``follow``, as the user named it, which may be a link.

    Raises:
        OSError: it cannot be opened, or a folder on the way is a link.
    """
    if follow:
        return os.open(os.path.join(root, name), FLAGS & ~getattr(os, "O_NOFOLLOW", 0))
    with DirectoryOpener(root) as opener:
        return opener.open(name)
