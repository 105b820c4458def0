"""Holder of a raw key that cannot be printed, copied or pickled.

Python cannot wipe a string from memory, so the keys that a scan found stay sealed until one is sent.
Printing or formatting the holder gives a placeholder, pickling or copying it raises.
"""

from __future__ import annotations

import re
from typing import NoReturn

from boltz_keyscan.detect.lookup import unseal
from boltz_keyscan.errors import KeyscanError

_FORM = re.compile(r"[A-Za-z0-9_-]{1,400}")


class Secret:
    """One key."""

    __slots__ = ("_value",)

    def __init__(self, value: str, source: str = "the key") -> None:
        """Check a key, and strip the white space around it.

        h11 quotes the whole value in its error (``Illegal header value``) when it has a line break or
        a NUL, so the characters are checked here.

        Raises:
            KeyscanError: it has other characters than keys have; the message does not quote it.
        """
        value = value.strip()
        if not _FORM.fullmatch(value):
            raise KeyscanError(f"{source} is not a Boltz API key", "Look at what it is set to.")
        self._value = value

    def reveal(self) -> str:
        """Return the key, to be sent."""
        return self._value

    def __repr__(self) -> str:
        return "Secret([REDACTED])"

    __str__ = __repr__

    def __format__(self, form: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key is not copied or saved")


def unsealed(sealed: bytes, fingerprint: str, secret: bytes) -> Secret:
    """Return a key that a scan sealed, to be sent."""
    return Secret(unseal(sealed, fingerprint, secret).decode("ascii", "replace"), "a key that was found")
