"""What is asked of a key while it is in hand, so that it need not leave.

Two questions, both put before a scan: with which of these public prefixes does the key
begin, and what is the key under this seal? A sealed key is ciphertext: whoever has the
secret of the run can open it, and only verification is given that. It travels where
matches do, through memory, and is in no finding, report or cache.

Boundary: bytes of a key to what may be known of it; asked only of what was matched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Lookup:
    """The questions of one run. Picklable, so that it travels to workers."""

    listed: frozenset[bytes] = frozenset()
    """What the listed keys begin with; public."""
    lengths: tuple[int, ...] = ()
    secret: bytes = field(default=b"", repr=False)
    """Of this run alone; empty when nothing is to be sealed."""

    @classmethod
    def of(cls, prefixes: Iterable[str], secret: bytes = b"") -> Lookup:
        """For listed prefixes, and for verification where there is a secret."""
        listed = frozenset(prefix.encode("utf-8", "replace") for prefix in prefixes)
        return cls(listed, tuple(sorted({len(prefix) for prefix in listed})), secret)

    def begins(self, key: bytes) -> tuple[str, ...]:
        """The listed prefixes that a key begins with, shortest first."""
        starts = (key[:length] for length in self.lengths if length <= len(key))
        return tuple(start.decode("ascii") for start in starts if start in self.listed)

    def sealed(self, key: bytes, fingerprint: str) -> bytes:
        """The key, readable only with the secret; nothing where there is none."""
        return _masked(key, fingerprint, self.secret) if self.secret else b""


def opened(sealed: bytes, fingerprint: str, secret: bytes) -> bytes:
    """The key that ``Lookup.sealed`` closed."""
    return _masked(sealed, fingerprint, secret)


def _masked(text: bytes, fingerprint: str, secret: bytes) -> bytes:
    # SHAKE256 of a random secret and the fingerprint, which is another for every key, is a
    # one-time pad: no two different keys meet the same bytes of it.
    pad = hashlib.shake_256(b"boltz-keyscan:seal:v1\0" + secret + fingerprint.encode("ascii")).digest(
        len(text)
    )
    return bytes(one ^ other for one, other in zip(text, pad, strict=True))
