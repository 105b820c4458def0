"""What a text becomes inside base64.

Boundary: one function, apart because every commit hook needs it and nothing else of the
encodings.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def base64_alignments(text: bytes) -> Iterator[tuple[bytes, int]]:
    """At each of the three phases, less the characters that are not the text's alone.

    With each goes where in its group of four it begins. Both alphabets, where they differ.
    """
    for phase in range(3):
        first, last = (phase * 8 + 5) // 6, (phase + len(text)) * 8 // 6
        encoded = binascii.b2a_base64(b"\0" * phase + text)[first:last]
        yield encoded, first % 4
        if b"+" in encoded or b"/" in encoded:
            yield encoded.translate(_URL_SAFE), first % 4
