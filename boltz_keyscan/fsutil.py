"""Files of the user, and resources of the machine."""

from __future__ import annotations

import contextlib
import os
import stat
import sys


def cpu_count() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def user_cache_dir() -> str | None:
    """Return the cache folder of this program by the XDG rules; None when the user has no home folder."""
    name = "boltz-keyscan"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return os.path.join(local, name, "Cache") if local else None
    xdg_cache_home = os.environ.get("XDG_CACHE_HOME", "").strip()
    if os.path.isabs(xdg_cache_home):
        return os.path.join(xdg_cache_home, name)
    # "~" is not expanded without HOME and without an entry in the password file.
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        return None
    return os.path.join(home, *(("Library", "Caches") if sys.platform == "darwin" else (".cache",)), name)


def read_private_file(path: str, limit: int) -> bytes:
    """Read a file that belongs to this user and that no other user can write.

    Raises:
        OSError: it cannot be read.
        ValueError: it cannot be trusted; the message gives the reason.
    """
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, name, 0)
    with open(os.open(path, flags), "rb") as file:
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
    """Replace a file atomically: after an interruption the old or the new one exists, complete.

    Raises:
        OSError: it cannot be written.
    """
    import tempfile  # noqa: PLC0415 - a hook seldom writes a file

    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".new-")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
