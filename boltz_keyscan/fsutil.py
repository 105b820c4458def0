"""Files of the user, and resources of the machine."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from typing import IO, Any, BinaryIO, Final, cast

from boltz_keyscan.system import windows_paths

PLATFORM: Final = sys.platform
_IS_WINDOWS: Final = sys.platform == "win32"

_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_NON_BLOCKING: Final = getattr(os, "O_NONBLOCK", 0)

NO_LINK: Final = _NO_FOLLOW | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Flags for a file that must not be a symbolic link."""

READ_FLAGS: Final = os.O_RDONLY | NO_LINK | _NON_BLOCKING | getattr(os, "O_NOCTTY", 0)
"""Flags to read a file that the user did not name: no link, no wait, no controlling terminal."""

FOLLOWING_READ_FLAGS: Final = READ_FLAGS & ~_NO_FOLLOW
"""Flags to read a file that the user named, through links."""

WAITING_READ_FLAGS: Final = FOLLOWING_READ_FLAGS & ~_NON_BLOCKING
"""Flags to read a file that the user named, also from a pipe that has to be waited for."""

APPEND_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | NO_LINK | _NON_BLOCKING
"""Flags to append to a file that must not be a link."""

FOLDER_FLAGS: Final = READ_FLAGS | getattr(os, "O_DIRECTORY", 0)
FOLLOWING_FOLDER_FLAGS: Final = FOLDER_FLAGS & ~_NO_FOLLOW

HAS_FOLDER_DESCRIPTORS: Final = os.open in os.supports_dir_fd and os.readlink in os.supports_dir_fd
"""True if names can be opened relative to an open folder; not on Windows."""

SEEK_DATA: Final[int | None] = getattr(os, "SEEK_DATA", None)
"""Argument of ``seek`` that passes over holes; None where the system has none."""

PROGRAM_ENDING: Final = ".exe" if _IS_WINDOWS else ""
"""End of the file name of a program."""


def machine() -> str:
    """Return the kind of processor."""
    return os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")


def cpu_count() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    if _IS_WINDOWS:
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
    descriptor = os.open(path, FOLLOWING_READ_FLAGS)
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

    Windows protects the cache folder by the permissions of the user's profile.

    Raises:
        OSError: it cannot be read.
        ValueError: it cannot be trusted; the message gives the reason.
    """
    with open(os.open(path, READ_FLAGS), "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError("not a regular file")
        if not is_own(facts):
            raise ValueError("it belongs to another user")
        if not _IS_WINDOWS and facts.st_mode & 0o022:
            raise ValueError("others may write to it")
        raw = file.read(limit + 1)
    if len(raw) > limit:
        raise ValueError("it is damaged")
    return raw


def is_own(facts: os.stat_result) -> bool:
    """Return True if a file belongs to this user; Windows reports no owner here."""
    return _IS_WINDOWS or facts.st_uid == os.geteuid()


def may_replace(facts: os.stat_result) -> bool:
    """Return True if this user owns a file, or is allowed to act for its owner."""
    return _IS_WINDOWS or os.geteuid() in {0, facts.st_uid}


def others_may_read(facts: os.stat_result, mask: int = stat.S_IRGRP | stat.S_IROTH) -> bool:
    """Return True if the permissions let other users read a file; Windows does not show its own here."""
    return not _IS_WINDOWS and bool(facts.st_mode & mask)


def copy_mode(file: IO[bytes], mode: int) -> None:
    """Give an open file these permissions, where files have such."""
    if not _IS_WINDOWS:
        os.fchmod(file.fileno(), stat.S_IMODE(mode))


def keep_facts(source: int, copy: IO[bytes], facts: os.stat_result, time_ns: int) -> None:
    """Give a copy the owner, attributes and permissions of a file, and a time of change.

    Args:
        source: descriptor of the file.
        copy: the copy.
        facts: the status of the file.
        time_ns: the time of change.

    Raises:
        OSError: the system refuses.
    """
    number = copy.fileno()
    if _IS_WINDOWS:
        os.utime(copy.name, ns=(facts.st_atime_ns, time_ns))
        return
    own = os.fstat(number)
    if (own.st_uid, own.st_gid) != (facts.st_uid, facts.st_gid):
        os.fchown(number, facts.st_uid, facts.st_gid)
    if hasattr(os, "listxattr"):
        for name in os.listxattr(source):
            with contextlib.suppress(OSError) if name.startswith("security.") else contextlib.nullcontext():
                os.setxattr(number, name, os.getxattr(source, name))
    os.chmod(number, stat.S_IMODE(facts.st_mode))
    os.utime(number, ns=(facts.st_atime_ns, time_ns))


def lock_file(descriptor: int) -> None:
    """Lock a file until its descriptor is closed or this process ends; others may still read its beginning.

    Raises:
        OSError: another process has locked it.
    """
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - Windows only

        # The locked bytes cannot be read: take one far behind the text.
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        return
    import fcntl  # noqa: PLC0415 - not on Windows

    # Locks of POSIX, which network file systems have too; a fork does not inherit them.
    fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_seeking: Final = threading.Lock()


def _read_at(descriptor: int, size: int, offset: int, /) -> bytes:
    with _seeking:
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        try:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, size)
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)


def _read_into(descriptor: int, buffers: list[memoryview], /) -> int:
    data = os.read(descriptor, len(buffers[0]))
    buffers[0][: len(data)] = data
    return len(data)


# Arguments and results are those of ``os.pread`` and, for one buffer, ``os.readv``, which Windows lacks.
read_at = os.pread if hasattr(os, "pread") else _read_at
read_into = os.readv if hasattr(os, "readv") else _read_into


def _is_link_there(entry: os.DirEntry[str] | os.DirEntry[bytes]) -> bool:
    """Return True for a link or a junction of Windows, which is a folder to ``DirEntry``."""
    return entry.is_symlink() or is_reparse_point(entry.stat(follow_symlinks=False))


def is_reparse_point(facts: os.stat_result) -> bool:
    """Return True for a symbolic link, and for a junction or mounted folder of Windows."""
    tag = getattr(facts, "st_reparse_tag", 0)
    return stat.S_ISLNK(facts.st_mode) or (tag != 0 and tag == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", 0))


is_link: Callable[[os.DirEntry[str] | os.DirEntry[bytes]], bool] = (
    _is_link_there if _IS_WINDOWS else cast("Any", os.DirEntry.is_symlink)
)
"""Return True for an entry of a folder that leads elsewhere."""


def leads_elsewhere(path: bytes) -> bool:
    """Return True if a path is a symbolic link, or a junction of Windows."""
    try:
        return is_reparse_point(os.lstat(path))
    except (OSError, ValueError):
        return False


def link_target(path: bytes) -> bytes:
    """Return the path in a link that this program made.

    Raises:
        OSError: it is no link.
    """
    return os.readlink(path).removeprefix(b"\\\\?\\") if _IS_WINDOWS else os.readlink(path)


def make_link(target: bytes, path: bytes) -> None:
    """Make a link in a temporary folder; on Windows, where that takes a privilege, something as good.

    Raises:
        OSError: it cannot be made.
    """
    if sys.platform != "win32":
        os.symlink(target, path)
    elif os.path.isdir(target):
        import _winapi  # noqa: PLC0415 - Windows only

        # A junction.
        _winapi.CreateJunction(os.fsdecode(target), os.fsdecode(path))
    else:
        try:
            os.link(target, path)
        except OSError:
            import shutil  # noqa: PLC0415 - on another drive only

            shutil.copyfile(target, path)


def literal(path: bytes) -> bytes:
    """Return an absolute path in the form in which Windows changes nothing; elsewhere unchanged."""
    return windows_paths.literal(path) if _IS_WINDOWS else path


def is_device(path: bytes) -> bool:
    """Return True for a name that Windows keeps for a device."""
    return _IS_WINDOWS and windows_paths.is_device(path)


def is_name(name: bytes) -> bool:
    """Return True if a relative path with slashes is a name below its folder."""
    return not _IS_WINDOWS or windows_paths.is_name(name)


def leads_away(path: bytes, origin: bytes) -> bool:
    """Return True if a path that a file names is on another machine; see ``windows_paths``."""
    return _IS_WINDOWS and windows_paths.leads_away(path, origin)


def decode(path: bytes) -> str:
    """Return a path as text; names that are not UTF-8, which git may have, keep their bytes as surrogates."""
    try:
        return os.fsdecode(path)
    except UnicodeDecodeError:
        return path.decode("utf-8", "surrogateescape")


def explain(error: OSError) -> str:
    """Return the reason of an error in reading a file."""
    # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION: "permission denied" in Python's words.
    if getattr(error, "winerror", None) in {32, 33}:
        return "another program has opened it for itself only"
    return error.strerror or type(error).__name__


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
