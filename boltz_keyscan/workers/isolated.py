"""A process of this program with an environment of its own, for work with libraries that start programs.

It gets only the variables it is given, has no terminal, is limited in time, and ends with all it started
when this process ends.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from boltz_keyscan.system import pipes, processes
from boltz_keyscan.workers import wire

_CHECK_INTERVAL_S = 0.5
"""Seconds between two checks of a running process."""

Answer = TypeVar("Answer")


class ProcessStoppedError(Exception):
    """The process ended without an answer, or was stopped; the message has the reason."""


class IsolatedProcess:
    """A process that answers messages, one after the other.

    Args:
        entry: ``module:function``; the function gets the descriptors to read messages from, and to write
            answers to, and serves until the first is closed.
        environment: all variables of the process.

    Raises:
        OSError: it could not be started.
    """

    def __init__(self, entry: str, environment: Mapping[str, str]) -> None:
        requests, self._writing = os.pipe()
        self._reading, answers = os.pipe()
        self._tree = processes.new_tree()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this Python itself
                wire.python_command(entry, utf8=True),
                stdin=requests,
                stdout=answers,
                stderr=subprocess.DEVNULL,
                cwd=os.sep,
                env={**environment, **processes.system_variables()},
                pass_fds=self._tree.inherited,
                start_new_session=True,
                creationflags=processes.CREATION_FLAGS,
            )
        except OSError:
            os.close(self._writing)
            os.close(self._reading)
            self._tree.close()
            raise
        finally:
            os.close(requests)
            os.close(answers)
        self._tree.attach(self._process)
        self._reader = pipes.open_reader(self._reading)

    def ask(
        self,
        message: object,
        answer: type[Answer],
        *,
        seconds: float,
        check: Callable[[], str] = lambda: "",
        report: Callable[[object], None] = lambda _: None,
    ) -> Answer:
        """Send a message and return the answer; after an error the process has ended.

        Args:
            message: the message.
            answer: class of the answer.
            seconds: time limit.
            check: called twice a second; the process is stopped when it returns a reason.
            report: called with each other message before the answer.

        Raises:
            ProcessStoppedError: it was stopped, or ended without an answer.
        """
        deadline = time.monotonic() + seconds
        try:
            with contextlib.suppress(BrokenPipeError):
                wire.send(self._writing, message)
            while True:
                if self._reader.wait(_CHECK_INTERVAL_S):
                    received = wire.receive(self._reader.read)
                    if isinstance(received, answer):
                        return received
                    report(received)
                reason = check() or ("timed out" if time.monotonic() >= deadline else "")
                if reason:
                    break
        except (OSError, EOFError):
            reason = "it ended without an answer"
        except BaseException:
            self.kill()
            raise
        self.kill()
        raise ProcessStoppedError(reason)

    def kill(self) -> None:
        """End the process and all that it started."""
        # The group exists until the process is waited for.
        self._tree.kill()
        self._process.wait()
        self._reader.stop()
        os.close(self._writing)
        os.close(self._reading)
        self._tree.close()
