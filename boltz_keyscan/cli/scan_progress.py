"""How far a scan is: what was read of what there is, how fast, and how long it will take.

A thread looks ten times a second and writes the line of ``progress``; the scan itself only
leaves numbers behind. It also counts what there is, once the scan has taken longer than
anybody notices: a short scan pays nothing for this.

Boundary: numbers to one line; nothing here changes a scan, or outlives it.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Self

from boltz_keyscan.cli.progress import LINE, REFRESH_SECONDS
from boltz_keyscan.model.finding import Source, Tally
from boltz_keyscan.report.wording import size

_PATIENCE = 0.7
"""Seconds without a line: a scan that is over by then needs none."""

_RECENT = 10.0
"""Seconds that rates are taken of: commits are read faster than what they hold."""


class Pace:
    """Numbers that grow, and how fast they did of late."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque()

    def at(self, now: float, items: int, bytes_: int) -> tuple[float, float]:
        """Items and bytes in a second; 0 as long as there is nothing to tell it from."""
        self._seen.append((now, items, bytes_))
        while now - self._seen[0][0] > _RECENT and len(self._seen) > 2:
            self._seen.popleft()
        then, before, had = self._seen[0]
        passed = now - then
        return ((items - before) / passed, (bytes_ - had) / passed) if passed > 0 else (0.0, 0.0)


def parts(done: int, whole: int | None, read: int, pace: tuple[float, float], since: float) -> list[str]:
    """What is shown while files and objects are read, the most wanted first.

    Args:
        done: files and objects that were read.
        whole: how many there are; None while that is counted or when nobody knows.
        read: bytes that were read.
        pace: items and bytes in a second.
        since: seconds that it has taken.
    """
    items, bytes_ = pace
    known = whole is not None and whole >= done
    of = f" of {whole:,}" if known else ""
    share = f" ({done * 100 // whole}%)" if known and whole else ""
    told = [f"Scanning: {done:,}{of} files and objects{share}"]
    if whole is not None and whole > done and items > 0:
        told.append(f"{span((whole - done) / items)} left")
    else:
        told.append(f"{span(since)} so far")
    if bytes_ > 0:
        told.append(f"{size(round(bytes_))}/s")
    return [*told, size(read)]


def span(seconds: float) -> str:
    """``0:07``, ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class ScanProgress:
    """A ``scan.Watch`` with a line on the terminal. Use as a context manager."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._done = self._bytes = self._whole = 0
        self._counted = not sources
        self._containers = (0, 0)
        self._stage = "read"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="progress", daemon=True)

    def on_read(self, tally: Tally) -> None:
        """So much more was scanned."""
        self._done += tally.files + tally.blobs + tally.cached
        self._bytes += tally.bytes

    def on_archives(self, done: int, whole: int) -> None:
        """So many containers."""
        self._containers, self._stage = (done, whole), "open"

    def on_locating(self) -> None:
        """Now it is looked where the keys stand."""
        self._stage = "place"

    def __enter__(self) -> Self:
        LINE.take(self)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        LINE.give(self)

    def _look(self) -> None:
        # Ctrl-C is for the scan to hear.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        began = time.monotonic()
        if self._over.wait(_PATIENCE):
            return
        from boltz_keyscan.forecast import forecast  # noqa: PLC0415 - the scan has had its start

        counting = forecast(self._sources)
        pace, opening = Pace(), Pace()
        while not self._over.is_set():
            self._count(counting)
            now = time.monotonic()
            if self._stage == "open":
                told = self._opening(opening.at(now, self._containers[0], 0)[0], now - began)
            elif self._stage == "place":
                told = ["Looking where keys stand", f"{span(now - began)} so far"]
            else:
                whole = self._whole if self._counted and self._whole else None
                rates = pace.at(now, self._done, self._bytes)
                told = parts(self._done, whole, self._bytes, rates, now - began)
            LINE.show(self, *told)
            self._over.wait(REFRESH_SECONDS)

    def _opening(self, rate: float, since: float) -> list[str]:
        done, whole = self._containers
        left = f"{span((whole - done) / rate)} left" if rate > 0 else f"{span(since)} so far"
        return [f"Opening archives: {done:,} of {whole:,} ({done * 100 // whole}%)", left]

    def _count(self, counting: Iterator[int]) -> None:
        """Count for a moment, and go on the next time."""
        until = time.monotonic() + REFRESH_SECONDS
        while not self._counted and not self._over.is_set() and time.monotonic() < until:
            found = next(counting, None)
            if found is None:
                self._counted = True
            else:
                self._whole += found
