"""Processes that a test has started, seen from outside through ``/proc``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

PROC: Final = Path("/proc")

PATIENCE_S: Final = 120.0


def until(found: Callable[[], Any], what: str) -> Any:
    """Wait until there is something; return it.

    Raises:
        AssertionError: there was nothing in all that time.
    """
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if got := found():
            return got
        time.sleep(0.05)
    raise AssertionError(f"waited {PATIENCE_S:.0f} s for {what}")


def of_session(session: int) -> Iterator[int]:
    """Yield the processes of a session that have not ended."""
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            state, _, _, its_session = stat.rpartition(")")[2].split()[:4]
            if int(its_session) == session and state != "Z":
                yield int(entry.name)


def reader(session: int, path: Path) -> int | None:
    """Return the process of a session that has a file open; None if there is none."""
    for process in of_session(session):
        try:
            if any(link.readlink() == path for link in (PROC / str(process) / "fd").iterdir()):
                return process
        except OSError:
            continue
    return None


def waits_for(process: int, *places: str) -> bool:
    """Return True while a process waits at one of these places of the kernel."""
    return (PROC / str(process) / "wchan").read_text() in places
