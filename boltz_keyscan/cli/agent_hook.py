"""The hook of coding agents: without ``click``, because an agent waits for it before every action."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boltz_keyscan.agents.event import Answer


def run() -> int:
    """Answer the payload on standard input, and return the exit code.

    The answer is written at once: an agent must not read a part of it.
    """
    from boltz_keyscan.agents.hook import respond  # noqa: PLC0415 - a failure to load it is reported as one of the hook

    answer = respond(sys.stdin.buffer.read() if sys.stdin is not None else b"")
    write(answer)
    return answer.code


def write(answer: Answer) -> None:
    """Write an answer, both streams in full."""
    if answer.error:
        _write_all(2, answer.error.encode("utf-8", "backslashreplace") + b"\n")
    if answer.output is not None:
        import json  # noqa: PLC0415 - loaded already

        _write_all(1, json.dumps(answer.output).encode("ascii") + b"\n")


def _write_all(descriptor: int, raw: bytes) -> None:
    try:
        while raw:
            raw = raw[os.write(descriptor, raw) :]
    except OSError:
        # The agent has closed the pipe: nothing can be reported to it.
        return
