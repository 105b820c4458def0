"""Messages between a worker and the process that started it: pickles, each behind its length.

Boundary: bytes on descriptors. ``multiprocessing`` has the same, and loads ten modules for it.
"""

from __future__ import annotations

import os
import pickle
from typing import Any

_LENGTH = 8
"""Bytes of a length."""


def framed(message: object) -> bytes:
    """Return a message as it goes over the line."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(_LENGTH, "big") + body


def send(descriptor: int, message: object) -> None:
    """Write a message, and wait until it is written."""
    left = memoryview(framed(message))
    while left:
        left = left[os.write(descriptor, left) :]


def receive(descriptor: int) -> Any:  # noqa: ANN401 - whatever the other side sent
    """Wait for a message.

    Raises:
        EOFError: the other side is gone.
    """
    length = int.from_bytes(_read(descriptor, _LENGTH), "big")
    return pickle.loads(_read(descriptor, length))  # noqa: S301 - from our own process, over a pipe of ours


def _read(descriptor: int, size: int) -> bytes:
    body = bytearray()
    while len(body) < size:
        piece = os.read(descriptor, min(size - len(body), 1 << 20))
        if not piece:
            raise EOFError
        body += piece
    return bytes(body)
