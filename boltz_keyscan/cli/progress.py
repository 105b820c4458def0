"""One line on a terminal that says how far something is; nothing anywhere else.

Boundary: standard error only; reports never pass here.
"""

from __future__ import annotations

import os
import sys
from typing import Self


def shows() -> bool:
    """Whether anybody looks: a terminal, and no CI job that writes one into a log."""
    environment = os.environ
    automatic = environment.get("CI", "").lower() not in {"", "0", "false", "no"}
    return (
        sys.stderr is not None and sys.stderr.isatty() and environment.get("TERM") != "dumb" and not automatic
    )


class Progress:
    """A line that is written over. Use as a context manager: it goes away at the end."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shows = shows()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shows:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def keys(self, count: int) -> None:
        """So many are known."""
        self._told(f"{count:,} keys")

    def part(self, done: int, whole: int) -> None:
        """So many of so many."""
        self._told(f"{done:,} of {whole:,} keys")

    def _told(self, how: str) -> None:
        if self._shows:
            sys.stderr.write(f"\r\x1b[K{self._what}: {how}")
            sys.stderr.flush()
