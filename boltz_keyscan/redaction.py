"""Redaction of messages: those of click, git and the system may quote a key."""

from __future__ import annotations

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.sanitize import harmless


def redacted(text: str) -> str:
    """Return ``text`` without keys and control characters."""
    try:
        detector = KeyDetector.of(rules.load())
    except KeyscanError:
        # Broken rule files: the message is about them and quotes nothing scanned.
        return harmless(text)
    return detector.redact(text.encode("utf-8", "surrogateescape"))
