"""What was named to be scanned: whether there is such a thing, before anything is read.

Boundary: looks at names only; what a path means is ``plan``, what is in it is ``sources``.
"""

from __future__ import annotations

import errno
import os

from boltz_keyscan.errors import KeyscanError


def check(path: str, *, history_only: bool) -> None:
    """Say what is wrong with a path before anything is scanned.

    Raises:
        KeyscanError: there is nothing, or, with ``history_only``, no usable repository.
    """
    try:
        os.path.abspath(path)
    except FileNotFoundError as error:
        raise KeyscanError(
            "the current folder does not exist any more", "Change to one that does."
        ) from error
    try:
        os.stat(path)
    except OSError as error:
        absent = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
        if absent and os.path.islink(path):
            message, hint = f"a symbolic link that leads nowhere: {path}", "Name the file or folder itself."
        elif absent:
            message, hint = (
                f"no such file or folder: {path}",
                "Check the spelling, or give the path from here.",
            )
        else:
            message, hint = f"cannot look at {path}: {error.strerror}", "Check the folders that lead there."
        raise KeyscanError(message, hint) from error
    if history_only:
        from boltz_keyscan.sources.git.repo.repository import open_at  # noqa: PLC0415 - only here

        try:
            open_at(os.fsencode(os.path.abspath(path)))
        except (OSError, ValueError) as error:
            told = error.strerror if isinstance(error, OSError) else str(error)
            raise KeyscanError(f"not a usable git repository: {path}: {told}", "Check its .git.") from error
