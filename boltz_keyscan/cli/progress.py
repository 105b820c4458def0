"""One line on a terminal that says how far something is; nothing anywhere else.

It is written over and never blank in between, at most ten times a second, and goes away
at the end, also on Ctrl-C and before anything else is told.

Boundary: standard error only; reports never pass here.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Self

from boltz_keyscan.ci_detection import is_automated

if TYPE_CHECKING:
    from boltz_keyscan.model.finding import Source
    from boltz_keyscan.pipeline import ProgressListener

REFRESH_SECONDS = 0.1
"""Seconds between two looks of the line; more often is flicker."""

_CLEAR = "\r\x1b[K"


def shows() -> bool:
    """Whether anybody looks: a terminal, and no CI job that writes one into a log."""
    environment = os.environ
    able = environment.get("TERM", "") not in {"", "dumb"}
    return sys.stderr is not None and sys.stderr.isatty() and able and not is_automated(environment)


def scan_progress(
    sources: Sequence[Source], *, quiet: bool = False
) -> contextlib.AbstractContextManager[ProgressListener | None]:
    """Who watches a scan of these; nobody where nobody looks."""
    if quiet or not shows():
        return contextlib.nullcontext()
    from boltz_keyscan.cli.scan_progress import ScanProgress  # noqa: PLC0415 - for a terminal only

    return ScanProgress(sources)


class Line:
    """The last line of the terminal. It belongs to whoever took it last, until that one is done."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._owners: list[object] = []
        self._shown = ""

    def take(self, owner: object) -> None:
        """From now on only this one writes."""
        with self._lock:
            self._owners.append(owner)

    def give(self, owner: object) -> None:
        """This one is done."""
        with self._lock:
            self._clear()
            self._owners.remove(owner)

    def show(self, owner: object, *parts: str) -> None:
        """Write over what is there, if the line is this one's; as many of the parts as fit."""
        with self._lock:
            if not self._owners or self._owners[-1] is not owner:
                return
            # A full line would wrap, and could not be written over.
            room = _columns() - 1
            text = parts[0][:room]
            for part in parts[1:]:
                if len(text) + 2 + len(part) > room:
                    break
                text += f", {part}"
            if text != self._shown:
                # The rest is cleared after the text: the line is never seen empty.
                self._put(f"\r{text}\x1b[K")
                self._shown = text

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Keep the line away while something else is written."""
        with self._lock:
            self._clear()
            yield

    def _clear(self) -> None:
        if self._shown:
            self._put(_CLEAR)
            self._shown = ""

    def _put(self, text: str) -> None:
        # A terminal that went away is nobody's reason to stop.
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()


LINE = Line()


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80


class Progress:
    """How many keys the API has told of. Use as a context manager."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shows = shows()
        self._last = 0.0

    def __enter__(self) -> Self:
        if self._shows:
            LINE.take(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._shows:
            LINE.give(self)

    def keys(self, count: int) -> None:
        """So many are known."""
        self._told(f"{count:,} keys")

    def part(self, done: int, whole: int) -> None:
        """So many of so many."""
        self._told(f"{done:,} of {whole:,} keys")

    def _told(self, how: str) -> None:
        now = time.monotonic()
        if self._shows and now - self._last >= REFRESH_SECONDS:
            LINE.show(self, f"{self._what}: {how}")
            self._last = now
