"""Base32 (RFC 4648, section 6), in upper or lower case, with or without padding, in lines of any width."""

from __future__ import annotations

import base64
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from boltz_keyscan.detect.decoders import AHEAD, BACK, Reading, Spelling, compile_pattern, offsets

NAME: Final = "base32"

_GROUP: Final = 8
"""Characters of five bytes."""

_PARTS: Final = (slice(7), slice(-6, None))
"""The parts of a prefix of which a line break leaves one whole."""

_LETTERS: Final = rb"[A-Za-z2-7]++"
_GLUE: Final = rb"[ \t]{0,9}\r?\n[ \t]{0,60}|\\{1,7}n"
_RUN: Final = b"(?:" + _LETTERS + b"|" + _GLUE + b")+"
_PIECE: Final = _GLUE + b"|(" + _LETTERS + b")"
_TO_DIGITS: Final = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHIJKLMNOPQRSTUV")


def spell(prefix: bytes) -> Iterator[Spelling]:
    """Yield base32 of a prefix at each alignment, without characters that other bytes affect."""
    for part in (prefix[part] for part in _PARTS):
        yield from spell_whole(part)


def spell_whole(part: bytes) -> Iterator[Spelling]:
    """Yield base32 of a text at each alignment, as ``spell``, for one that a line break leaves whole."""
    for phase in range(5):
        first, last = (phase * 8 + 4) // 5, (phase + len(part)) * 8 // 5
        encoded = base64.b32encode(bytes(phase) + part)[first:last]
        yield encoded, first % _GROUP
        yield encoded.lower(), first % _GROUP


def read(text: bytes, at: int, phase: int, low: int) -> Iterator[Reading]:
    """Read base32 around an offset; ``phase`` is the position of the literal in its group of eight."""
    runs = compile_pattern(_RUN).finditer(text, max(at - BACK, low), at + AHEAD)
    run = next((run for run in runs if run.end() > at), None)
    if run is None or run.start() > at:
        return
    low, high = run.span()
    parts = compile_pattern(_PIECE).finditer(text, low, high)
    spans = [part.span(1) for part in parts if part[1] is not None]
    places = offsets(spans)
    # The first group may be incomplete.
    lead = (phase - bisect_left(places, at)) % _GROUP
    letters = b"A" * lead + b"".join([text[begin:stop] for begin, stop in spans]).upper()
    size = len(letters) * 5 // 8
    letters += b"A" * (-len(letters) % _GROUP)
    data = int(letters.translate(_TO_DIGITS), 32).to_bytes(len(letters) * 5 // 8, "big")[:size]
    yield Reading(
        NAME,
        data,
        lambda byte: places[max(byte * 8 // 5 - lead, 0)],
        lambda byte: places[min((byte * 8 + 7) // 5 - lead, len(places) - 1)] + 1,
        low,
        high,
        lambda at, phase: (bisect_left(places, at) + lead) % _GROUP == phase,
    )
