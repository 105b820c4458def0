"""Base64 of a part of a text: without its padding, and without what is before it."""

from __future__ import annotations

import binascii
from collections.abc import Iterator

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def alignments(text: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the base64 of a text at each alignment, without characters that other bytes affect.

    Each comes with its position in its group of four.
    """
    for phase in range(3):
        first, last = (phase * 8 + 5) // 6, (phase + len(text)) * 8 // 6
        yield binascii.b2a_base64(bytes(phase) + text, newline=False)[first:last], first % 4


def decode(letters: bytes) -> bytes:
    """Decode letters of either alphabet from the first of a group on, to as many bytes as are whole."""
    padding = b"A" * (-len(letters) % 4)
    return binascii.a2b_base64(letters.translate(_TO_STANDARD) + padding)[: len(letters) * 6 // 8]
