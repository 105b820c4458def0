"""macOS, as far as Linux can act it, for the process that calls ``install``.

What macOS lacks of Linux is gone: ``/proc``, files in memory, limits of other processes, extended attributes
by these names, and the signals and calls of Linux. A link opened as a folder gives its error.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import functools
import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from typing import Any

from tests.absences import acted

NOT_IN_OS = [
    "memfd_create",
    "eventfd",
    "pidfd_open",
    "posix_fadvise",
    "posix_fallocate",
    "copy_file_range",
    "splice",
    "sendfile",
    "getrandom",
    "sched_getaffinity",
    "sched_setaffinity",
    "sched_getparam",
    "getxattr",
    "listxattr",
    "setxattr",
    "removexattr",
    "fdatasync",
    "pipe2",
    "accept4",
    "unshare",
    "setns",
    "getresuid",
    "getresgid",
    "setresuid",
    "setresgid",
    "O_TMPFILE",
    "O_PATH",
    "O_DIRECT",
    "O_NOATIME",
    "O_LARGEFILE",
    "O_RSYNC",
    "MFD_CLOEXEC",
    "RWF_NOWAIT",
]
NOT_IN_FCNTL = [
    "F_SETPIPE_SZ",
    "F_GETPIPE_SZ",
    "F_SETSIG",
    "F_GETSIG",
    "F_SETLEASE",
    "F_GETLEASE",
    "F_NOTIFY",
    "F_OFD_SETLK",
    "F_OFD_GETLK",
    "F_OFD_SETLKW",
    "F_ADD_SEALS",
    "F_GET_SEALS",
    "F_EXLCK",
]
NOT_IN_RESOURCE = ["prlimit", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_SIGPENDING"]
NOT_IN_SIGNAL = [
    "SIGPOLL",
    "SIGPWR",
    "SIGRTMIN",
    "SIGRTMAX",
    "SIGSTKFLT",
    "pidfd_send_signal",
    "sigtimedwait",
]
NOT_IN_SELECT = [name for name in dir(select) if name.lower().startswith("epoll")]

_PATHS = ("open", "stat", "lstat", "listdir", "scandir", "readlink", "access")


def install() -> None:
    """Make this process act macOS from now on."""
    gone = (
        (os, NOT_IN_OS),
        (fcntl, NOT_IN_FCNTL),
        (resource, NOT_IN_RESOURCE),
        (signal, NOT_IN_SIGNAL),
        (select, NOT_IN_SELECT),
    )
    for module, names in gone:
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    for name in _PATHS:
        was = getattr(os, name)
        now = _without_proc(was)
        now = _other_error(now) if name == "open" else now
        for able in (os.supports_fd, os.supports_dir_fd, os.supports_follow_symlinks):
            able.update({now} if was in able else set())
        setattr(os, name, now)
    builtins.open = _without_proc(open)
    sys.platform = "darwin"


def _without_proc(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(path: Any = ".", *arguments: Any, **more: Any) -> Any:
        if isinstance(path, str | bytes) and os.fsencode(path).startswith((b"/proc", b"/sys")):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return function(path, *arguments, **more)

    return call


def _other_error(function: Callable[..., Any]) -> Callable[..., Any]:
    """Report a link that is opened as a folder by ENOTDIR."""

    def call(path: Any, flags: int, *arguments: Any, **more: Any) -> Any:
        try:
            return function(path, flags, *arguments, **more)
        except OSError as error:
            if error.errno == errno.ELOOP and flags & os.O_DIRECTORY:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None
            raise

    return call


def run_all() -> None:
    """Run command lines from standard input on macOS, each in a copy of this process."""
    acted.run_copies(install, lambda home: {"HOME": home})
