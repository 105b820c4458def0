"""Atomic writer of report files.

A report is written beside its destination and renamed over it, so that a full disk, Ctrl-C or
a kill leaves the old file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
from typing import TYPE_CHECKING, TextIO

from boltz_keyscan.errors import OutputError
from boltz_keyscan.report import load
from boltz_keyscan.report.options import Reporter, ReportOptions
from boltz_keyscan.sanitize import harmless

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from boltz_keyscan.model.finding import ScanResult

_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"/dev/fd/([0-9]{1,4})|/proc/self/fd/([0-9]{1,4})")

# Windows has neither flag, and open() follows no links there by default.
_CAREFUL = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)

_HINTS = {
    errno.ENOSPC: "Free some space, or name a file on another disk.",
    errno.EDQUOT: "Free some space, or name a file on another disk.",
    errno.ENOENT: "Make the folder first; it is not made for you.",
    errno.ENOTDIR: "Part of the path is a file, not a folder.",
    errno.EACCES: "Name a file in a folder you may write to.",
    errno.EPERM: "Name a file in a folder you may write to.",
    errno.EROFS: "Name a file in a folder you may write to.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
}


def write_report(
    name: str,
    path: str | Path,
    result: ScanResult,
    view: ReportOptions,
    through: Callable[[Reporter], Reporter] = lambda reporter: reporter,
) -> None:
    """Write a report in the format ``name`` to ``path``.

    A regular file is replaced atomically; devices, FIFOs and the descriptors of this process
    (``/dev/stdout``, ``/dev/fd/63``) are written directly. ``through`` wraps the reporter in a
    filter.

    Raises:
        OutputError: the report was not written; an existing file is unchanged.
        KeyscanError: no format has this name.
    """
    reporter = through(load(name))
    path = os.fspath(path)
    try:
        _write(reporter, path, result, view)
    except OSError as error:
        message = _failed(name, path, error.strerror or type(error).__name__)
        raise OutputError(message, _HINTS.get(error.errno or 0, "Name another file.")) from error
    except ValueError as error:
        # A NUL in the path, and a bug in a reporter, both raise ValueError: only one is about the path.
        if "\0" not in path:
            raise
        raise OutputError(_failed(name, path, "not a path"), "Name another file.") from error


def write_text(path: str, text: str) -> None:
    """Write text to a regular file atomically.

    Raises:
        OSError: it was not written; an existing file is unchanged.
    """
    mode = _mode_of(path)
    if mode is not None and not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    _replace(lambda stream: stream.write(text), path, mode)


def _failed(name: str, path: str, why: str) -> str:
    return f"cannot write the {name} report to {harmless(path)}: {why}"


def _write(reporter: Reporter, path: str, result: ScanResult, view: ReportOptions) -> None:
    descriptor = _own_descriptor(path)
    if descriptor is not None:
        # Earlier output must come before the report.
        if sys.stdout is not None:
            sys.stdout.flush()
        _emit(reporter, os.dup(descriptor), result, view)
        return
    mode = _mode_of(path)
    if mode is None or stat.S_ISREG(mode):
        _replace(lambda stream: reporter(result, stream, view), path, mode)
    elif stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
        _emit(reporter, os.open(path, os.O_WRONLY | _CAREFUL), result, view)
    elif stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, "it is a symbolic link, and what it points at would be overwritten")
    elif stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    else:
        raise OSError(errno.EINVAL, "it is neither a file nor a pipe")


def _own_descriptor(path: str) -> int | None:
    if path in _STREAMS:
        return _STREAMS[path]
    found = _DESCRIPTOR.fullmatch(path)
    return int(found[1] or found[2]) if found else None


def _mode_of(path: str) -> int | None:
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return None


def _umask() -> int:
    # The only portable way to read it is to set it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _stream(descriptor: int) -> TextIO:
    # backslashreplace: a character that cannot be encoded must not cost the report.
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="\n")


def _emit(reporter: Reporter, descriptor: int, result: ScanResult, view: ReportOptions) -> None:
    with _stream(descriptor) as stream:
        reporter(result, stream, view)


def _replace(fill: Callable[[TextIO], object], path: str, mode: int | None) -> None:
    """Replace a file with the output of ``fill``, and keep the mode of an existing one."""
    if mode is not None and not os.access(path, os.W_OK):
        # The file is protected on purpose; a rename would bypass that.
        raise PermissionError(errno.EACCES, "it is read-only")
    mode = 0o666 & ~_umask() if mode is None else stat.S_IMODE(mode)
    temporary = os.path.join(os.path.dirname(path), f".boltz-keyscan-{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFUL, 0o600)
    try:
        with _stream(descriptor) as stream:
            fill(stream)
            stream.flush()
            # A report contains no key, so it gets the user's normal mode.
            os.chmod(stream.fileno() if os.chmod in os.supports_fd else temporary, mode)
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
