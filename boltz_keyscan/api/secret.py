"""Holders of raw keys: they give one out only when asked by name, and show, copy or save none.

Python cannot wipe a text from memory. So the keys that a scan found stay sealed until
the moment one is sent, and whatever prints, formats, pickles or copies a holder gets a
word or an error.

Boundary: keys in, one key out; who asks is ``transport`` and ``me``.
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
        """Take a key, without the white space around it.

        A line break or a NUL inside would make the HTTP stack quote the whole key in its
        error (h11: ``Illegal header value``), so it is looked at before.

        Raises:
            KeyscanError: it is not made of the characters that keys have; quotes nothing of it.
        """
        value = value.strip()
        if not _FORM.fullmatch(value):
            raise KeyscanError(f"{source} is not a Boltz API key", "Look at what it is set to.")
        self._value = value

    def reveal(self) -> str:
        """The key, to be sent."""
        return self._value

    def __repr__(self) -> str:
        return "Secret([REDACTED])"

    __str__ = __repr__

    def __format__(self, form: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key is not copied or saved")


class Vault:
    """Keys that a scan found, sealed, by fingerprint."""

    __slots__ = ("_sealed", "_secret")

    def __init__(self, sealed: dict[str, bytes], secret: bytes) -> None:
        self._sealed = sealed
        self._secret = secret

    def take(self, fingerprint: str) -> Secret:
        """One of them, to be sent; raises KeyError when it is not there."""
        raw = unseal(self._sealed[fingerprint], fingerprint, self._secret)
        return Secret(raw.decode("ascii", "replace"), "a key that was found")

    def __len__(self) -> int:
        return len(self._sealed)

    def __repr__(self) -> str:
        return f"Vault({len(self)} sealed)"

    __str__ = __repr__

    def __format__(self, form: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a vault is not copied or saved")
