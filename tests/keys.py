"""Keys for tests: those of the conformance suite, under the name every test knows."""

from conformance.keys import PREFIXES, fake_body, fake_key, fingerprint

__all__ = ["PREFIXES", "fake_body", "fake_key", "fingerprint", "short_fingerprint"]


def short_fingerprint(key: str) -> str:
    """Return the fingerprint of a key as lists show it: eight digits."""
    return fingerprint(key)[: len("bk1:") + 8]
