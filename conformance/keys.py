"""Keys that no service ever issued, built at run time: this repository has no key-shaped literal."""

from __future__ import annotations

import base64
import hashlib

PREFIXES = {(kind, mode): f"sk_bc_{kind}_{mode}_" for kind in ("admin", "ws") for mode in ("live", "test")}


def fake_body(seed: object) -> str:
    """43 base64url characters of a 32-byte value, different for each seed."""
    return base64.urlsafe_b64encode(hashlib.sha256(repr(seed).encode()).digest()).decode().rstrip("=")


def fake_key(kind: str = "ws", mode: str = "live", seed: object = 0) -> str:
    """A key of the confirmed shape that no service ever handed out."""
    return PREFIXES[kind, mode] + fake_body((kind, mode, seed))


LINK_PREFIX = "shr_"


def fake_link(seed: object = 0) -> str:
    """A share link of the confirmed shape that no service ever handed out."""
    return LINK_PREFIX + fake_body(("link", seed))


def fingerprint(key: str) -> str:
    """Return the expected fingerprint of a key or share link, computed independently of the package."""
    return "bk1:" + hashlib.sha256(b"boltz-keyscan:key:v1\0" + key.encode()).hexdigest()[:32]
