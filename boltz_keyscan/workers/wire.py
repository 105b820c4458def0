"""Messages between a worker and its parent: pickles, each after its length.

``multiprocessing.connection`` does the same, and loads ten more modules.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from typing import Any

from boltz_keyscan import module_search

_LENGTH_BYTES = 8
"""Size of the length before each message."""


_STARTUP = (
    "import sys; home, entry, *folders = sys.argv[1:]; "
    # Import this copy of the package, even if another one is installed.
    "sys.path[:] = [home]; import boltz_keyscan; sys.path[:] = folders; "
    "from importlib import import_module; from boltz_keyscan.workers.wire import take_standard_streams; "
    "module, _, name = entry.partition(':'); getattr(import_module(module), name)(*take_standard_streams())"
)


def python_command(entry: str, *, utf8: bool) -> list[str]:
    """Return the command of a new Python, isolated from the environment and from the working folder.

    Args:
        entry: ``module:function``; the function gets the descriptors to read messages from, and to write
            answers to.
        utf8: turn its UTF-8 mode on; ``-I`` ignores the variable that does.
    """
    flags = [*(["-B"] if sys.flags.dont_write_bytecode else []), "-X", f"utf8={int(utf8)}"]
    arguments = [module_search.HOME, entry, *module_search.trusted_folders()]
    return [sys.executable, "-I", *flags, "-c", _STARTUP, *arguments]


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
