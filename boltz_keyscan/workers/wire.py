"""Messages between a worker and its parent: pickles, each after its length.

``multiprocessing.connection`` does the same, and loads ten more modules.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
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


def receive(read: Callable[[int], bytes]) -> Any:  # noqa: ANN401 - any picklable object
    """Wait for a message.

    Args:
        read: function that waits for at most so many bytes; b"" at the end.

    Raises:
        EOFError: the other process has ended.
    """
    length = int.from_bytes(_read(read, _LENGTH_BYTES), "big")
    return pickle.loads(_read(read, length))  # noqa: S301 - from a process of this program, over its own pipe


def _read(read: Callable[[int], bytes], size: int) -> bytes:
    body = bytearray()
    while len(body) < size:
        piece = read(min(size - len(body), 1 << 20))
        if not piece:
            raise EOFError
        body += piece
    return bytes(body)


def take_standard_streams() -> tuple[int, int]:
    """Return descriptors of standard input and output, for messages; from then on prints go nowhere."""
    reading, writing = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return reading, writing
