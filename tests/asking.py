"""What is said to the process that keeps the program ready (``tests/warm.py``), and a program that says it.

Boundary: imports nothing that takes time, as a shell starts this in place of ``boltz-keyscan``.
"""

from __future__ import annotations

import _socket
import os
import sys

# Importing it takes longer than all the rest; type checkers take this for true.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

NUMBER = 8
"""Bytes of a number on the socket: the length of what is asked, an exit code."""

_AT_START = ("PYTHON", "LANGUAGE", "TZ", "LD_", "MALLOC_", "OPENSSL_", "SSL", "HTTPX_", "BOLTZ_")
_LATER = ("BOLTZ_API_KEY", "BOLTZ_COMPUTE_API_KEY")


def at_start(environment: dict[str, str]) -> dict[str, str]:
    """The variables that Python, the system's libraries and the SDK read when they are loaded."""
    found = {
        name: value
        for name, value in environment.items()
        if name.startswith(_AT_START) and name not in _LATER
    }
    # Of all that a locale says, Python takes which characters there are, from the first of these.
    given = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return found | {"LC_CTYPE": next(filter(None, given), "")}


def ask(  # noqa: PLR0917 - all that a run is
    path: str,
    arguments: list[bytes],
    folder: bytes,
    environment: dict[str, str],
    streams: tuple[int, int, int],
    changed: str = "",
) -> _socket.socket:
    """Have the program run; a socket that tells its exit code, and that ends it when it is closed before.

    With ``changed``, lines of Python that change the program are run first.

    Raises:
        OSError: nobody is there to ask.
    """
    mask = os.umask(0)
    os.umask(mask)
    variables = [os.fsencode(name) + b"=" + os.fsencode(value) for name, value in environment.items()]
    words = [folder, b"%d" % mask, changed.encode(), b"%d" % len(arguments), *arguments, *variables]
    assert not any(b"\0" in word for word in words)
    asked = b"\0".join(words)
    asking = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        asking.connect(path)
        handed = b"".join(stream.to_bytes(4, sys.byteorder) for stream in streams)
        rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, handed)
        asking.sendmsg([len(asked).to_bytes(NUMBER, "big")], [rights])
        asking.sendall(asked)
    except OSError:
        asking.close()
        raise
    return asking


def told(asking: _socket.socket) -> int:
    """The exit code, as ``subprocess`` has it.

    Raises:
        EOFError: nobody is there any more to tell it.
    """
    number = asking.recv(NUMBER, _socket.MSG_WAITALL)
    if len(number) != NUMBER:
        raise EOFError("the process that keeps the program ready has ended")
    return int.from_bytes(number, "big", signed=True)


def main(path: str, started_with: dict[str, str]) -> NoReturn:
    """Be ``boltz-keyscan``."""
    environment = dict(os.environ)
    if at_start(environment) == started_with and all(map(_opened, range(3))):
        arguments = [os.fsencode(argument) for argument in sys.argv[1:]]
        folder = os.getcwdb()  # noqa: PTH109 - pathlib takes time
        code = told(ask(path, arguments, folder, environment, (0, 1, 2)))
        # As shells count, where a signal has ended it.
        os._exit(code if code >= 0 else 128 - code)
    os.execv(sys.executable, [sys.executable, "-m", "boltz_keyscan", *sys.argv[1:]])


def _opened(stream: int) -> bool:
    try:
        os.fstat(stream)
    except OSError:
        return False
    return True
