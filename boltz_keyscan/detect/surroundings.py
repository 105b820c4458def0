"""The line around a key, redacted: without a part of a key, in any form."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from boltz_keyscan.detect.redact import (
    MARK,
    MIN_SECRET_BYTES,
    Redaction,
    Span,
    hidden_spans,
    with_marks,
    without_nul,
)
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sanitize import harmless

if TYPE_CHECKING:
    from boltz_keyscan.detect.readings import Key

WIDTH = 200
"""The longest context, in characters."""

BEFORE = 1024
AFTER = 512
"""Bytes on either side of a key that ``context`` reads.

It returns at most ``WIDTH`` bytes before the key. The others are read so that a key cut by
the far edge, even one written ``0x73, 0x6b, ...``, ends before that part.
"""

_LEAD = 80
"""Characters of the context before the key, at most."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The text around keys that are close together, redacted once for all of them."""

    low: int
    """The offset of ``raw`` in the blob."""
    raw: bytes = field(repr=False)
    text: bytes = field(repr=False)
    """The bytes of ``raw`` without NULs."""
    hidden: list[Span]
    ends: list[int]

    @classmethod
    def of(
        cls, window: bytes, base: int, keys: Sequence[Key], near: Iterable[Key], redaction: Redaction
    ) -> Surroundings:
        """Redact the text around keys.

        Args:
            window: bytes of the blob.
            base: the offset of the window in it.
            keys: the keys, in order.
            near: all keys that the scan finds around them, with these.
            redaction: the redaction of other keys.
        """
        low = max(keys[0].start - BEFORE, base)
        high = max(key.end for key in keys) + AFTER
        raw = window[low - base : high - base]
        text = without_nul(raw)
        own: list[Span] = []
        bodies: list[bytes] = []
        for key in near:
            begin, stop = max(key.start - low, 0), min(key.end, high) - low
            if begin < stop:
                if len(key.secret) >= MIN_SECRET_BYTES:
                    bodies.append(key.secret)
                if key.chain:
                    begin -= raw.count(0, 0, begin)
                    own.append((begin, stop - raw.count(0, 0, stop), key.prefix + MARK))
        hidden = hidden_spans(text, redaction, (own, bodies))
        return cls(low, raw, text, hidden, [end for _, end, _ in hidden])

    def context(self, start: int, end: int) -> str:
        """Return the line around the key in a range of the blob, at most ``WIDTH`` characters."""
        at, stop = (offset - self.raw.count(0, 0, offset) for offset in (start - self.low, end - self.low))
        text = self.text[: stop + AFTER]
        low = max(text.rfind(b"\n", 0, at) + 1, at - WIDTH)
        while low < at and 0x80 <= text[low] < 0xC0:
            low += 1  # the rest of a character that began before
        line_end = text.find(b"\n", at)
        high = len(text) if line_end < 0 else line_end
        if text[high - 1 : high] == b"\r":
            high -= 1
        hidden = self.hidden[bisect_right(self.ends, low) : bisect_left(self.ends, high) + 1]
        lead = with_marks(text, hidden, low, at)
        rest = with_marks(text, hidden, at, high)
        lead = lead[-max(_LEAD, WIDTH - len(rest)) :]
        # Once more, because the cut may have removed a character that made a command harmless.
        return harmless((lead + rest)[:WIDTH].strip())[:WIDTH]
