"""Messages between a worker and its parent: pickles, each after its length.

``multiprocessing.connection`` does the same, and loads ten more modules.
"""

from __future__ import annotations

import os
import pickle
from typing import Any

_LENGTH_BYTES = 8
"""Size of the length before each message."""


def encode(message: object) -> bytes:
    """Encode a message."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def send(descriptor: int, message: object) -> None:
    """Write a message, and wait until it is written."""
    unsent = memoryview(encode(message))
    while unsent:
        unsent = unsent[os.write(descriptor, unsent) :]


def receive(descriptor: int) -> Any:  # noqa: ANN401 - any picklable object
    """Wait for a message.

    Raises:
        EOFError: the other process has ended.
    """
    length = int.from_bytes(_read(descriptor, _LENGTH_BYTES), "big")
    return pickle.loads(_read(descriptor, length))  # noqa: S301 - from a process of this program, over its own pipe


def _read(descriptor: int, size: int) -> bytes:
    body = bytearray()
    while len(body) < size:
        piece = os.read(descriptor, min(size - len(body), 1 << 20))
        if not piece:
            raise EOFError
        body += piece
    return bytes(body)
