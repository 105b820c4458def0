"""Paths with slashes, as git and the reports write them, where a system has other separators."""

from __future__ import annotations

import os
import re
from typing import Final

_IS_NATIVE: Final = os.sep == "/"

_PLAIN: Final = re.compile(r"[\w:/.~+-]+")

_TO_WINDOWS: Final = bytes.maketrans(b"/\\:", b"\\??")
"""Slashes become backslashes, and what has another meaning there becomes what no name may have."""

HAS_OTHER_SHELLS: Final = not _IS_NATIVE
"""True on Windows, where an agent may use cmd, PowerShell or a POSIX shell."""

GIT_SETTINGS: Final[dict[str, bytes]] = {} if _IS_NATIVE else {"core.longPaths": b"true"}
"""Settings of every git: Windows limits paths to 260 characters unless asked."""

ANYWHERE: Final = b""
"""A folder below which every path is: a machine may have several roots."""


def slashed(path: bytes) -> bytes:
    """Return a path with slashes, as git and the reports write it."""
    return path.replace(b"\\", b"/") if not _IS_NATIVE else path


def join(folder: bytes, name: bytes) -> bytes:
    """Return the absolute path of a relative one with slashes, in the form of the system.

    On Windows a name of git that leads to another drive, machine or stream becomes one that no file has.
    """
    return os.path.join(folder, name if _IS_NATIVE else name.translate(_TO_WINDOWS).lstrip(b"\\"))


def slashed_text(path: str) -> str:
    """Return a path with slashes, as scripts for a shell need it."""
    return path.replace("\\", "/") if not _IS_NATIVE else path


def quote_for_shells(text: str) -> str:
    """Return a word that cmd, PowerShell and POSIX shells read alike; plain where it can be.

    PowerShell takes a command in quotes for a text, so a path without spaces has none.
    """
    return text if _PLAIN.fullmatch(text) else '"' + text.replace('"', "'") + '"'


def with_slash(path: bytes) -> bytes:
    """Return a path with slashes that ends in one, as a prefix of others; empty if it is empty."""
    path = slashed(path)
    return path + b"/" if path and not path.endswith(b"/") else path


def split_root(path: bytes) -> tuple[bytes, bytes]:
    """Return the root of an absolute path, and the rest; both with slashes."""
    drive, rest = os.path.splitdrive(path)
    return slashed(drive) + b"/", slashed(rest).lstrip(b"/")


def relative(path: bytes, folder: bytes) -> bytes:
    """Return a path relative to a folder, with slashes; absolute if it is on another drive."""
    try:
        return slashed(os.path.relpath(path, folder))
    except ValueError:
        return slashed(os.path.abspath(path))


def release_file(descriptor: int) -> bool:
    """Let the file of a descriptor be replaced, and return True where the descriptor has lost it for that.

    Windows replaces no file that is open, by whatever program. The descriptor can still be closed.
    """
    if _IS_NATIVE:
        return False
    nothing = os.open(os.devnull, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)
    return True
