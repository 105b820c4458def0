"""A program on a terminal of its own, and what a person sees there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.running import ROOT

_PATIENCE = 60.0


class Terminal:
    """A program whose three streams are one terminal, as when it is typed."""

    def __init__(
        self,
        command: Sequence[str | os.PathLike[str]],
        *,
        cwd: Path | None = None,
        columns: int = 80,
        env: dict[str, str] | None = None,
    ) -> None:
        self.columns = columns
        self.output = b""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **(env or {})}
        environment.pop("COLUMNS", None)
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env=environment,
            start_new_session=True,
            # The first terminal a session opens is where its Ctrl-C comes from.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - these tests start no threads
        )
        os.close(slave)

    def type(self, keys: str) -> None:
        """Press keys; ``\\x03`` is Ctrl-C."""
        os.write(self._master, keys.encode())

    def until(self, pattern: str, patience: float = _PATIENCE) -> re.Match[str]:
        """Wait for something to be printed; what it was.

        Raises:
            AssertionError: it was not, within so many seconds.
        """
        end = time.monotonic() + patience
        while (found := re.search(pattern, self.output.decode("utf-8", "replace"))) is None:
            if not self._more(end):
                raise AssertionError(f"never printed {pattern!r}: {self.output!r}")
        return found

    def end(self) -> int:
        """Wait for its end; its exit code."""
        end = time.monotonic() + _PATIENCE
        while self._more(end):
            pass
        return self.process.wait(_PATIENCE)

    def close(self) -> None:
        """End it, if it has not."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()
        os.close(self._master)

    def _more(self, end: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(end - time.monotonic(), 0))
        if not ready:
            return False
        try:
            piece = os.read(self._master, 1 << 16)
        except OSError:
            # Linux says EIO when nobody holds the other side any more.
            return False
        self.output += piece
        return bool(piece)

    @property
    def screen(self) -> list[str]:
        """What stands there, line by line, to the last one with anything in it."""
        return screen(self.output.decode("utf-8", "replace"))


def screen(output: str) -> list[str]:
    """Output as a terminal shows it, as far as this program writes: text, CR, LF, clearing, the cursor."""
    rows, column = [""], 0
    for part in re.findall(r"\x1b\[K|\x1b\[[\d;]*m|\x1b\[\?25[hl]|[\r\n]|[^\x1b\r\n]+|\x1b", output):
        if part == "\r":
            column = 0
        elif part == "\n":
            rows.append("")
        elif part == "\x1b[K":
            rows[-1] = rows[-1][:column]
        elif not part.startswith("\x1b"):
            rows[-1] = rows[-1][:column].ljust(column) + part + rows[-1][column + len(part) :]
            column += len(part)
    while rows and not rows[-1].strip():
        rows.pop()
    return [row.rstrip() for row in rows]


@contextlib.contextmanager
def typed(
    *arguments: str | os.PathLike[str],
    cwd: Path | None = None,
    columns: int = 80,
    env: dict[str, str] | None = None,
) -> Iterator[Terminal]:
    """``boltz-keyscan`` from this checkout on a terminal."""
    command = [sys.executable, "-m", "boltz_keyscan", *arguments]
    terminal = Terminal(command, cwd=cwd, columns=columns, env=env)
    try:
        yield terminal
    finally:
        terminal.close()
