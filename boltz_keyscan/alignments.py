"""Base64 of a text within a longer one, whose other bytes are not known."""

from __future__ import annotations

import binascii
from collections.abc import Iterator


def base64_alignments(text: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the base64 of a text at each alignment, without characters that other bytes affect.

    Each comes with its position in its group of four.
    """
    for phase in range(3):
        first, last = (phase * 8 + 5) // 6, (phase + len(text)) * 8 // 6
        yield binascii.b2a_base64(bytes(phase) + text, newline=False)[first:last], first % 4
