"""Files of the user, and resources of the machine."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from typing import BinaryIO, Final

NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Flags for a file that must not be a symbolic link."""

READ_FLAGS: Final = os.O_RDONLY | NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
"""Flags to read a file that the user did not name: no link, no wait, no controlling terminal."""


def cpu_count() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def user_cache_dir() -> str | None:
    """Return the cache folder of this program by the XDG rules; None when the user has no home folder."""
    local = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return _user_dir("XDG_CACHE_HOME", local, "LOCALAPPDATA", "Cache")


def user_config_dir() -> str | None:
    """Return the configuration folder of this program by the XDG rules; None without a home folder."""
    return _user_dir("XDG_CONFIG_HOME", ".config", "APPDATA")


def _user_dir(variable: str, local: str, windows: str, *below: str) -> str | None:
    """Return a folder of this program: below a variable, else in the home folder; Windows has its own."""
    name = "boltz-keyscan"
    if sys.platform == "win32":
        folder = os.environ.get(windows)
        return os.path.join(folder, name, *below) if folder else None
    given = os.environ.get(variable, "").strip()
    if os.path.isabs(given):
        return os.path.join(given, name)
    # "~" is not expanded without HOME and without an entry in the password file.
    home = os.path.expanduser("~")
    return os.path.join(home, *local.split("/"), name) if os.path.isabs(home) else None


def read_regular_file(path: str, size: int) -> bytes:
    """Read the beginning of a file that the user named; links are followed, and a pipe is not waited for.

    Args:
        path: path of the file.
        size: bytes to read at most.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a regular file, or not a path.
    """
    descriptor = os.open(path, READ_FLAGS & ~getattr(os, "O_NOFOLLOW", 0))
    try:
        # Before ``open``, which refuses a folder and leaves its descriptor open.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(size)
    finally:
        os.close(descriptor)


def read_private_file(path: str, limit: int) -> bytes:
    """Read a file that belongs to this user and that no other user can write.

    Raises:
        OSError: it cannot be read.
        ValueError: it cannot be trusted; the message gives the reason.
    """
    with open(os.open(path, READ_FLAGS), "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError("not a regular file")
        if hasattr(os, "geteuid") and facts.st_uid != os.geteuid():
            raise ValueError("it belongs to another user")
        if os.name == "posix" and facts.st_mode & 0o022:
            raise ValueError("others may write to it")
        raw = file.read(limit + 1)
    if len(raw) > limit:
        raise ValueError("it is damaged")
    return raw


def replace_file(path: str, content: bytes) -> None:
    """Replace a file atomically by ``content``; only this user may read it.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: str, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Yield a new file, which replaces ``path`` at the end of the block.

    After an error, an interruption or a kill the old file exists, complete.

    Args:
        path: path of the file.
        mode: permissions of the new file, less the umask.

    Raises:
        OSError: it cannot be written.
    """
    temporary = os.path.join(os.path.dirname(path), f".boltz-keyscan-{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags | NO_LINK, mode)) as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
