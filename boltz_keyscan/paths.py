"""Check of the paths to scan, before anything is read."""

from __future__ import annotations

import errno
import os

from boltz_keyscan.errors import KeyscanError


def check(path: str, *, history_only: bool) -> None:
    """Check that a path can be scanned.

    Raises:
        KeyscanError: it does not exist or, with ``history_only``, is not a usable repository.
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
        from boltz_keyscan.sources.git.repo.repository import open_at  # noqa: PLC0415 - only used with --history-only

        try:
            open_at(os.fsencode(os.path.abspath(path)))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise KeyscanError(f"not a usable git repository: {path}: {reason}", "Check its .git.") from error
