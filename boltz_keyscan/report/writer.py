"""Atomic writer of report files.

A report is written beside its destination and renamed over it, so that a full disk, Ctrl-C or
a kill leaves the old file.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, TextIO

from boltz_keyscan.errors import OutputError
from boltz_keyscan.fsutil import NO_LINK, copy_mode, replacing
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.report import load
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.sanitize import harmless

if TYPE_CHECKING:
    from pathlib import Path

_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"/dev/fd/([0-9]{1,4})|/proc/self/fd/([0-9]{1,4})")

_NO_SPACE = "Free some space, or name a file on another disk."
_NOT_ALLOWED = "Name a file in a folder you may write to."
_HINTS = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.ENOENT: "Make the folder first; it is not made for you.",
    errno.ENOTDIR: "Part of the path is a file, not a folder.",
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EROFS: _NOT_ALLOWED,
    errno.ENAMETOOLONG: "Choose a shorter name.",
}


def write_report(name: str, path: str | Path, result: ScanResult, view: ReportOptions) -> None:
    """Write a report in the format ``name`` to ``path``.

    A regular file is replaced atomically; devices, FIFOs and the descriptors of this process
    (``/dev/stdout``, ``/dev/fd/63``) are written directly.

    Raises:
        OutputError: the report was not written; an existing file is unchanged.
        KeyscanError: no format has this name.
    """
    reporter = view.file_filter(load(name))
    write_stream(name, path, lambda stream: reporter(result, stream, view))


def write_stream(name: str, path: str | Path, fill: Callable[[TextIO], object]) -> None:
    """Write what ``fill`` writes to a stream to ``path``; as ``write_report``, with the same errors."""
    path = os.fspath(path)
    try:
        _write(fill, path)
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


def _write(fill: Callable[[TextIO], object], path: str) -> None:
    descriptor = _own_descriptor(path)
    if descriptor is not None:
        # Earlier output must come before the report.
        if sys.stdout is not None:
            sys.stdout.flush()
        with _text(open(os.dup(descriptor), "wb")) as stream:
            fill(stream)
        return
    mode = _mode_of(path)
    if mode is None or stat.S_ISREG(mode):
        _replace(fill, path, mode)
    elif stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
        with _text(open(os.open(path, os.O_WRONLY | NO_LINK), "wb")) as stream:
            fill(stream)
    elif stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, "it is a symbolic link, and what it points at would be overwritten")
    elif stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    else:
        raise OSError(errno.EINVAL, "it is neither a file nor a pipe")


def _own_descriptor(path: str) -> int | None:
    if path in _STREAMS:
        return _STREAMS[path]
    number = _DESCRIPTOR.fullmatch(path)
    return int(number[1] or number[2]) if number else None


def _mode_of(path: str) -> int | None:
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return None


def _text(file: BinaryIO) -> TextIO:
    # backslashreplace: a character that cannot be encoded must not cost the report.
    return io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="\n")


def _replace(fill: Callable[[TextIO], object], path: str, mode: int | None) -> None:
    """Replace a file with the output of ``fill``, and keep the mode of an existing one."""
    if mode is not None and not os.access(path, os.W_OK):
        # The file is protected on purpose; a rename would bypass that.
        raise PermissionError(errno.EACCES, "it is read-only")
    # A report contains no key, so a new one gets the user's normal mode.
    with replacing(path, mode=0o600 if mode is not None else 0o666) as file:
        stream = _text(file)
        fill(stream)
        stream.flush()
        if mode is not None:
            copy_mode(file, mode)
        os.fsync(file.fileno())
