"""Keys for tests: those of the conformance suite, under the name every test knows."""

from conformance.keys import PREFIXES, fake_body, fake_key, fingerprint

__all__ = ["PREFIXES", "fake_body", "fake_key", "fingerprint"]
