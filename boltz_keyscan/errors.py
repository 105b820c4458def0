"""Errors and warnings that the user can act on.

Domain code raises them, and only ``cli/`` catches and prints them. Messages are redacted there once more,
so that a key in a path or in an error of another program cannot reach the terminal.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

_reporters: list[Callable[[str], None]] = []


class KeyscanError(Exception):
    """An error that the user must fix before a scan is possible (exit 2).

    Attributes:
        message: one line that describes the error.
        hint: one line with the remedy; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class RuleError(KeyscanError):
    """A rule file that cannot be used; the message names the file, the field and the expected value."""


class OutputError(KeyscanError):
    """A report that could not be written completely.

    Attributes:
        blocking: the run has a blocking finding, which decides the exit code.
    """

    blocking = False


@contextlib.contextmanager
def writing(name: str, hint: str) -> Iterator[None]:
    """Turn an error of the system within the block into one about the file that is written.

    Raises:
        OutputError: it could not be written.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {name}: {error.strerror}", hint) from error


class GitError(KeyscanError):
    """git is absent, too old, or its output cannot be trusted."""


class InternalError(KeyscanError):
    """A bug of this program, described without values; exit code 4 as an exception."""


def describe_bug(error: Exception, most: int) -> str:
    """Return the kind of an error and the last lines of code, without values: they may quote scanned bytes.

    Args:
        error: the error.
        most: limit of lines of code.
    """
    import traceback  # noqa: PLC0415 - only for internal errors

    frames = traceback.extract_tb(error.__traceback__)[-most:]
    places = ", ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in frames)
    return f"internal error: {type(error).__name__} at {places}"


def report_warnings(reporter: Callable[[str], None]) -> None:
    """Send the warnings of this process to ``reporter``, as lines."""
    _reporters[:] = [reporter]


def warn(message: str) -> None:
    """Report a warning: to the reporter of the command line, and without one to the log ``boltz_keyscan``."""
    for reporter in _reporters:
        reporter(f"warning: {message}")
    if _reporters:
        return
    import logging  # noqa: PLC0415 - 5 ms that are paid only when something is wrong

    logger = logging.getLogger("boltz_keyscan")
    if not logger.handlers:
        # Without one Python itself would print the line, with whatever a path holds.
        logger.addHandler(logging.NullHandler())
    logger.warning("%s", message)
