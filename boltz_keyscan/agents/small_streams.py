"""Base64 of small gzip and zlib streams, which proves without another process that no key is in them.

Boundary: the bytes are hostile. Only the zlib of Python reads them here, up to ``_MAX_OUTPUT_BYTES`` of
output. Whatever is longer, damaged, followed by anything or may hold a key is opened in a process of its
own.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.sources.encoded import Decoder
from boltz_keyscan.sources.signatures import HEAD, Mark, checked_marks, is_container_head

_MAX_TEXT_BYTES = 64 << 10
_MAX_OUTPUT_BYTES = 1 << 20
"""Bytes of all streams of a text: some milliseconds of work."""

_ANY_HEADER = 47
"""``wbits`` for gzip and zlib, by the header."""


def has_no_keys(raw: bytes, marks: Sequence[Mark], detector: KeyDetector) -> bool:
    """Return True if all containers of a text are such streams, and nothing in them can be a key.

    Args:
        raw: the text.
        marks: the containers in it, in order.
        detector: the detector of the first search.
    """
    if len(raw) > _MAX_TEXT_BYTES:
        return False
    end, left = 0, _MAX_OUTPUT_BYTES
    for at, kind in marks:
        if at < end:
            continue
        decoder = Decoder("base64", iter((raw[at:],)))
        output = _inflate(b"".join(decoder), left) if kind == "base64" else None
        if output is None or not _is_plain(output, detector):
            return False
        end, left = at + decoder.locate(1 << 62), left - len(output)
    return True


def _inflate(data: bytes, most: int) -> bytes | None:
    """Return the content of one stream, also of one that is cut off; None for other data, or more content."""
    engine = zlib.decompressobj(_ANY_HEADER)
    try:
        output = engine.decompress(data, max(most, 1))
    except zlib.error:
        return None
    return output if len(output) < most and not engine.unused_data else None


def _is_plain(output: bytes, detector: KeyDetector) -> bool:
    """Return True if no key and no container can be in the content of a stream."""
    marks: list[int] = []
    offsets = detector.candidate_offsets(output, len(output), marks)
    return not (offsets or checked_marks(output, len(output), marks) or is_container_head(output[:HEAD]))
