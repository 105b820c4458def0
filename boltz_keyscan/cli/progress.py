"""Progress on standard error, for terminals only; click draws the bar.

The bar is drawn ten times a second at most, and cleared at the end, on Ctrl-C and before any other message.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Self

import click

from boltz_keyscan.ci_detection import is_automated
from boltz_keyscan.system.processes import leave_signals_to_main_thread

if TYPE_CHECKING:
    from boltz_keyscan.model.finding import Source, Tally
    from boltz_keyscan.pipeline import ProgressListener

REFRESH_INTERVAL_S = 0.1
"""Interval between two updates; shorter ones flicker."""

_INITIAL_DELAY_S = 0.7
"""Delay before the bar of a scan: a shorter scan shows none, and pays nothing."""

_CLEAR = "\r\x1b[K\x1b[?25h"
"""Clears the line, and shows the cursor, which click hides."""

_WIDE_COLUMNS = 70
"""Width from which a bar has room for counts and rate beside percentage and time left."""

_LOCK = threading.RLock()
_SHOWN: list[Progress] = []
"""Progress that is going on; only the last is drawn."""


def is_visible() -> bool:
    """Return True on a terminal, but not in a CI job that writes its terminal to a log."""
    environment = os.environ
    able = environment.get("TERM", "") not in {"", "dumb"}
    return sys.stderr is not None and sys.stderr.isatty() and able and not is_automated(environment)


@contextlib.contextmanager
def hidden_progress() -> Iterator[None]:
    """Hide the bar while something else is written."""
    with _LOCK:
        for progress in _SHOWN:
            progress.clear()
        yield


class Progress:
    """Progress of one piece of work. Use as a context manager."""

    def __init__(self, label: str) -> None:
        self._visible = is_visible()
        self._drawn = False
        self._last = 0.0
        self._detail = ""
        self._begin(label)

    def _begin(self, label: str) -> None:
        """Start a new bar: its time left counts from here."""
        self._label = label
        try:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        except (OSError, AttributeError):
            columns = 80
        is_wide = columns >= _WIDE_COLUMNS
        self._bar = click.progressbar(
            itertools.count(),
            label=label,
            file=sys.stderr,
            show_pos=is_wide,
            item_show_func=lambda _: (self._detail if is_wide else "") or None,
            # click measures standard output, which may be a pipe.
            width=max(1, min(36, columns - (62 if is_wide else 36))),
        )

    def __enter__(self) -> Self:
        with hidden_progress():
            _SHOWN.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        with _LOCK:
            self.clear()
            _SHOWN.remove(self)

    def show(self, done: int, whole: int | None = None, *, label: str = "", detail: str = "") -> None:
        """Draw the bar, unless it was drawn a moment ago.

        Args:
            done: items that are done.
            whole: all items, if their number is known.
            label: a new label when another stage has begun.
            detail: text after the bar.
        """
        now = time.monotonic()
        if not self._visible or now - self._last < REFRESH_INTERVAL_S:
            return
        self._last, self._detail = now, detail
        # A closed terminal does not stop the scan.
        with _LOCK, contextlib.suppress(OSError):
            if _SHOWN[-1] is not self:
                return
            if label not in {"", self._label}:
                self.clear()
                self._begin(label)
            bar = self._bar
            bar.length = whole if whole and whole >= done else None
            bar.show_percent = bar.length is not None
            bar.make_step(done - bar.pos)
            bar.finished = False
            bar.render_progress()
            self._drawn = True

    def clear(self) -> None:
        """Clear the line if the bar is on it."""
        if self._drawn:
            with contextlib.suppress(OSError):
                sys.stderr.write(_CLEAR)
                sys.stderr.flush()
            self._drawn = False


def scan_progress(
    sources: Sequence[Source], *, quiet: bool = False
) -> contextlib.AbstractContextManager[ProgressListener | None]:
    """Return the progress of a scan; an empty context without a terminal."""
    return ScanProgress(sources) if is_visible() and not quiet else contextlib.nullcontext()


class ScanProgress:
    """Progress listener of a scan. Use as a context manager.

    The scan only updates counters; a thread draws, and counts the total as the scan goes on.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._done = self._bytes = 0
        self._archives = (0, 0)
        self._label = "Scanning"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def on_read(self, tally: Tally) -> None:
        """Add to the amount scanned."""
        self._done += tally.files + tally.blobs + tally.cached
        self._bytes += tally.bytes

    def on_archives(self, done: int, whole: int) -> None:
        """Set the number of archives opened, and of all."""
        self._archives, self._label = (done, whole), "Opening archives"

    def on_locating(self) -> None:
        """Start the last stage: locating the keys."""
        self._label = "Locating keys"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        leave_signals_to_main_thread()
        start, progress = time.monotonic(), Progress(self._label)
        if self._stop.wait(_INITIAL_DELAY_S):
            return
        from boltz_keyscan.forecast import forecast  # noqa: PLC0415 - for long scans on a terminal only
        from boltz_keyscan.report.wording import size  # noqa: PLC0415 - for long scans on a terminal only

        counted, counting = 0, forecast(self._sources)
        with progress:
            while not self._stop.wait(REFRESH_INTERVAL_S):
                until, total = time.monotonic() + REFRESH_INTERVAL_S, None
                for number in counting:
                    counted += number
                    if self._stop.is_set() or time.monotonic() > until:
                        break
                else:
                    total = counted
                rate = f"{size(round(self._bytes / (time.monotonic() - start)))}/s"
                if self._label == "Scanning":
                    progress.show(self._done, total, detail=rate)
                else:
                    done, whole = self._archives if self._label == "Opening archives" else (0, 0)
                    progress.show(done, whole, label=self._label)
