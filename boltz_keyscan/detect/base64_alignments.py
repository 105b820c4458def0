"""Base64 of a text at each of its three alignments.

In a module of its own, because every commit hook needs it and no other encoding.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def base64_alignments(text: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the base64 of ``text`` at each alignment, without characters that other bytes affect.

    Each comes with its position in its group of four. Both alphabets are used where they differ.
    """
    for phase in range(3):
        first, last = (phase * 8 + 5) // 6, (phase + len(text)) * 8 // 6
        encoded = binascii.b2a_base64(b"\0" * phase + text)[first:last]
        yield encoded, first % 4
        if b"+" in encoded or b"/" in encoded:
            yield encoded.translate(_URL_SAFE), first % 4
