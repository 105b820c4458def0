"""Progress of a scan: amount read, rate, time left.

A thread updates the progress line ten times a second; the scan only updates counters. The
thread counts the total too, once the scan takes longer than a moment: a short scan pays nothing.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Self

from boltz_keyscan.cli.progress import LINE, REFRESH_INTERVAL_S
from boltz_keyscan.model.finding import Source, Tally
from boltz_keyscan.report.wording import size

_INITIAL_DELAY_S = 0.7
"""Delay before the first line: a shorter scan shows none."""

_RATE_WINDOW_S = 10.0
"""Window of the rates: commits are read faster than their contents."""


class Pace:
    """Recent rate of two growing counters."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque()

    def at(self, now: float, items: int, bytes_: int) -> tuple[float, float]:
        """Return items and bytes per second; 0 until there are two samples."""
        self._seen.append((now, items, bytes_))
        while now - self._seen[0][0] > _RATE_WINDOW_S and len(self._seen) > 2:
            self._seen.popleft()
        then, before, had = self._seen[0]
        passed = now - then
        return ((items - before) / passed, (bytes_ - had) / passed) if passed > 0 else (0.0, 0.0)


def parts(done: int, whole: int | None, read: int, pace: tuple[float, float], since: float) -> list[str]:
    """Return the parts of the line while files and objects are read, the most important first.

    Args:
        done: files and objects read.
        whole: total number; None while it is counted or if it is unknown.
        read: bytes read.
        pace: items and bytes per second.
        since: seconds since the start.
    """
    items, bytes_ = pace
    known = whole is not None and whole >= done
    of = f" of {whole:,}" if known else ""
    share = f" ({done * 100 // whole}%)" if known and whole else ""
    shown = [f"Scanning: {done:,}{of} files and objects{share}"]
    if whole is not None and whole > done and items > 0:
        shown.append(f"{span((whole - done) / items)} left")
    else:
        shown.append(f"{span(since)} so far")
    if bytes_ > 0:
        shown.append(f"{size(round(bytes_))}/s")
    return [*shown, size(read)]


def span(seconds: float) -> str:
    """Format seconds as ``0:07`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class ScanProgress:
    """Progress listener that shows a line on the terminal. Use as a context manager."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._done = self._bytes = self._whole = 0
        self._counted = not sources
        self._containers = (0, 0)
        self._stage = "read"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def on_read(self, tally: Tally) -> None:
        """Add to the amount scanned."""
        self._done += tally.files + tally.blobs + tally.cached
        self._bytes += tally.bytes

    def on_archives(self, done: int, whole: int) -> None:
        """Set the number of containers opened, and of all."""
        self._containers, self._stage = (done, whole), "open"

    def on_locating(self) -> None:
        """Start the last stage: locating the keys."""
        self._stage = "place"

    def __enter__(self) -> Self:
        LINE.acquire(self)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        LINE.release(self)

    def _run(self) -> None:
        # Ctrl-C is for the main thread.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        start = time.monotonic()
        if self._stop.wait(_INITIAL_DELAY_S):
            return
        from boltz_keyscan.forecast import forecast  # noqa: PLC0415 - after the scan has started

        counting = forecast(self._sources)
        pace, opening = Pace(), Pace()
        while not self._stop.is_set():
            self._count(counting)
            now = time.monotonic()
            if self._stage == "open":
                shown = self._opening(opening.at(now, self._containers[0], 0)[0], now - start)
            elif self._stage == "place":
                shown = ["Looking where keys stand", f"{span(now - start)} so far"]
            else:
                whole = self._whole if self._counted and self._whole else None
                rates = pace.at(now, self._done, self._bytes)
                shown = parts(self._done, whole, self._bytes, rates, now - start)
            LINE.show(self, *shown)
            self._stop.wait(REFRESH_INTERVAL_S)

    def _opening(self, rate: float, since: float) -> list[str]:
        done, whole = self._containers
        left = f"{span((whole - done) / rate)} left" if rate > 0 else f"{span(since)} so far"
        return [f"Opening archives: {done:,} of {whole:,} ({done * 100 // whole}%)", left]

    def _count(self, counting: Iterator[int]) -> None:
        """Count for one interval; the next call continues."""
        until = time.monotonic() + REFRESH_INTERVAL_S
        while not self._counted and not self._stop.is_set() and time.monotonic() < until:
            found = next(counting, None)
            if found is None:
                self._counted = True
            else:
                self._whole += found
