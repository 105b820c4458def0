"""Peak memory per program of a running process tree, read from /proc (Linux).

`ru_maxrss` is not used: the kernel carries the parent's size over fork into it, and it does not
distinguish a Python process from the git it started. `VmHWM` belongs to one address space and starts
afresh at exec. It is a high-water mark, so polling only misses growth after the last look.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC = Path("/proc")
POLL_SECONDS = 0.01


def available() -> bool:
    """Return whether this system has the /proc files this module reads."""
    return (PROC / "self" / "status").exists()


class PeakWatch:
    """While the `with` block runs, notes the largest VmHWM seen of each program below `roots`.

    `peaks` maps a program's file name ("git", "python3.11") to bytes.
    """

    def __init__(self, roots: list[int]) -> None:
        self.peaks: dict[str, int] = {}
        self._roots = roots
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)

    def __enter__(self) -> Self:
        if available():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _poll(self) -> None:
        while not self._done.wait(POLL_SECONDS):
            for pid in self._tree():
                program, peak = _peak(pid)
                if peak:
                    self.peaks[program] = max(peak, self.peaks.get(program, 0))

    def _tree(self) -> Iterator[int]:
        todo = list(self._roots)
        while todo:
            pid = todo.pop()
            yield pid
            todo.extend(_children(pid))


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in (PROC / str(pid) / "task").iterdir():
            found.extend(int(child) for child in (task / "children").read_text().split())
    except OSError:
        pass  # it ended while we looked
    return found


def _peak(pid: int) -> tuple[str, int]:
    try:
        program = (PROC / str(pid) / "exe").readlink().name
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return "", 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return program, int(line.split()[1]) * 1024
    return program, 0
