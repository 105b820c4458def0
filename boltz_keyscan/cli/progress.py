"""Progress line on standard error, for terminals only.

The line is overwritten at most ten times a second, never blank in between, and cleared at the
end, on Ctrl-C and before any other message.
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

REFRESH_INTERVAL_S = 0.1
"""Interval between two updates; shorter ones flicker."""

_CLEAR = "\r\x1b[K"


def is_visible() -> bool:
    """Return True on a terminal, but not in a CI job that writes its terminal to a log."""
    environment = os.environ
    able = environment.get("TERM", "") not in {"", "dumb"}
    return sys.stderr is not None and sys.stderr.isatty() and able and not is_automated(environment)


def scan_progress(
    sources: Sequence[Source], *, quiet: bool = False
) -> contextlib.AbstractContextManager[ProgressListener | None]:
    """Return the progress of a scan; an empty context without a terminal."""
    if quiet or not is_visible():
        return contextlib.nullcontext()
    from boltz_keyscan.cli.scan_progress import ScanProgress  # noqa: PLC0415 - for a terminal only

    return ScanProgress(sources)


class Line:
    """Last line of the terminal, written by the owner that acquired it last."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._owners: list[object] = []
        self._shown = ""

    def acquire(self, owner: object) -> None:
        """Let only this owner write, until it releases the line."""
        with self._lock:
            self._owners.append(owner)

    def release(self, owner: object) -> None:
        """Clear the line and give it back to the previous owner."""
        with self._lock:
            self._clear()
            self._owners.remove(owner)

    def show(self, owner: object, *parts: str) -> None:
        """Write as many of the parts as fit, if the line belongs to this owner."""
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
        """Hide the line while something else is written."""
        with self._lock:
            self._clear()
            yield

    def _clear(self) -> None:
        if self._shown:
            self._put(_CLEAR)
            self._shown = ""

    def _put(self, text: str) -> None:
        # A closed terminal does not stop the scan.
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
    """Progress of API requests, in keys. Use as a context manager."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._visible = is_visible()
        self._last = 0.0

    def __enter__(self) -> Self:
        if self._visible:
            LINE.acquire(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._visible:
            LINE.release(self)

    def keys(self, count: int) -> None:
        """Show the number of keys received."""
        self._show_text(f"{count:,} keys")

    def part(self, done: int, whole: int) -> None:
        """Show the number of keys done, of all."""
        self._show_text(f"{done:,} of {whole:,} keys")

    def _show_text(self, how: str) -> None:
        now = time.monotonic()
        if self._visible and now - self._last >= REFRESH_INTERVAL_S:
            LINE.show(self, f"{self._what}: {how}")
            self._last = now
