"""Errors a person can act on.

Domain code raises these; ``cli/`` is the one place that catches and prints them.
Messages are redacted there once more, so that a key given as a path or read from an
error of another program cannot reach the terminal.
"""

from __future__ import annotations


class KeyscanError(Exception):
    """Something the user has to change before anything can be said (exit 2).

    Attributes:
        message: one line, what is wrong.
        hint: one line, what to do about it; empty when the message says it all.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class RuleError(KeyscanError):
    """A rule file that cannot be used: names the file, the field and what was expected."""


class OutputError(KeyscanError):
    """A report that could not be written whole.

    Attributes:
        blocking: the run had found what fails it; the exit code tells that, report or not.
    """

    blocking = False


class GitError(KeyscanError):
    """git is absent, too old, or answered something that cannot be trusted."""


class InternalError(KeyscanError):
    """A bug of this program, told without values; the library's form of exit code 4."""
