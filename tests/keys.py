"""Keys for tests: those of the conformance suite, under the name every test knows."""

from conformance.keys import LINK_PREFIX, PREFIXES, fake_body, fake_key, fake_link, fingerprint

__all__ = [
    "LINK_PREFIX",
    "PREFIXES",
    "fake_body",
    "fake_key",
    "fake_link",
    "fingerprint",
    "short_fingerprint",
]


def short_fingerprint(key: str) -> str:
    """Return the fingerprint of a key as lists show it: eight digits."""
    return fingerprint(key)[: len("bk1:") + 8]
