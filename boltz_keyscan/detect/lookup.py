"""Lookup of a raw key inside ``detect/``, so that the key need not leave it.

Each key is compared with the listed public prefixes, and sealed for verification. A sealed key
is ciphertext that the secret of the run opens; only verification gets that secret. It is passed
in memory with the matches, and is in no finding, report or cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from boltz_keyscan.records import dataclass, field


@dataclass(frozen=True, slots=True)
class Lookup:
    """The listed prefixes and the secret of one run. Picklable, because workers get a copy."""

    listed: frozenset[bytes] = frozenset()
    """Public prefixes of the listed keys."""
    lengths: tuple[int, ...] = ()
    secret: bytes = field(default=b"", repr=False)
    """The secret of this run; empty if keys are not sealed."""

    @classmethod
    def of(cls, prefixes: Iterable[str], secret: bytes = b"") -> Lookup:
        """Return a lookup of listed prefixes, which seals keys if there is a secret."""
        listed = frozenset(prefix.encode("utf-8", "replace") for prefix in prefixes)
        return cls(listed, tuple(sorted({len(prefix) for prefix in listed})), secret)

    def matching_prefixes(self, key: bytes) -> tuple[str, ...]:
        """Return the listed prefixes that a key begins with, shortest first."""
        starts = (key[:length] for length in self.lengths if length <= len(key))
        return tuple(start.decode("ascii") for start in starts if start in self.listed)

    def seal(self, key: bytes, fingerprint: str) -> bytes:
        """Return the key, encrypted with the secret; empty without a secret."""
        return _masked(key, fingerprint, self.secret) if self.secret else b""


def unseal(sealed: bytes, fingerprint: str, secret: bytes) -> bytes:
    """Decrypt a key that ``Lookup`` sealed."""
    return _masked(sealed, fingerprint, secret)


def _masked(text: bytes, fingerprint: str, secret: bytes) -> bytes:
    # SHAKE256 of a random secret and the fingerprint, which is different for every key, is a
    # one-time pad: no two keys use the same bytes of it.
    pad = hashlib.shake_256(b"boltz-keyscan:seal:v1\0" + secret + fingerprint.encode("ascii")).digest(
        len(text)
    )
    return bytes(one ^ other for one, other in zip(text, pad, strict=True))


@dataclass(frozen=True, slots=True)
class Digests:
    """Hashes of secrets in a report of another scanner, compared with each key instead of prefixes."""

    listed: frozenset[str]
    """Hashes in hex."""

    def matching_prefixes(self, key: bytes) -> tuple[str, ...]:
        """Return the hashes of a key that are listed."""
        # detect-secrets has SHA-1. ggshield has SHA-256 of the secret, a comma and its type.
        digests = (
            hashlib.sha1(key, usedforsecurity=False).hexdigest(),
            hashlib.sha256(key).hexdigest(),
            hashlib.sha256(key + b",apikey").hexdigest(),
        )
        return tuple(digest for digest in digests if digest in self.listed)

    def seal(self, _key: bytes, _fingerprint: str) -> bytes:
        """Return nothing: no key is kept."""
        return b""
