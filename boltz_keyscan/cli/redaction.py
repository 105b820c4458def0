"""The last filter before stderr: messages of click, git and the system may quote a key.

Boundary: text to text; reports are made of redacted data already.
"""

from __future__ import annotations

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.sanitize import harmless


def redacted(text: str) -> str:
    """``text`` without keys; whatever is wrong with the rules, still without keys."""
    try:
        detector = KeyDetector.of(rules.load())
    except KeyscanError:
        # The message is about the rule files themselves and quotes nothing scanned.
        return harmless(text)
    return detector.redact(text.encode("utf-8", "surrogateescape"))
