"""The line around a key, redacted: without a part of a key, in any form."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

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

Known = tuple[int, int, bytes, bytes, bool]
"""Start and end of a key, its prefix, its body, and a flag: encoded or broken."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The text around keys that are close together, redacted once for all of them."""

    low: int
    raw: bytes = field(repr=False)
    text: bytes = field(repr=False)
    """The bytes of ``raw`` without NULs."""
    hidden: list[Span]
    ends: list[int]

    @classmethod
    def of(
        cls, window: bytes, low: int, high: int, redaction: Redaction, known: Iterable[Known]
    ) -> Surroundings:
        """Redact ``window[low:high]``; ``known`` has all keys that the scan finds in it."""
        raw = window[low:high]
        text = without_nul(raw)
        own: list[Span] = []
        bodies: list[bytes] = []
        for start, end, prefix, body, disguised in known:
            begin, stop = max(start - low, 0), min(end, high) - low
            if begin < stop:
                if len(body) >= MIN_SECRET_BYTES:
                    bodies.append(body)
                if disguised:
                    begin -= raw.count(0, 0, begin)
                    own.append((begin, stop - raw.count(0, 0, stop), prefix + MARK))
        hidden = hidden_spans(text, redaction, (own, bodies))
        return cls(low, raw, text, hidden, [end for _, end, _ in hidden])

    def context(self, start: int, end: int) -> str:
        """Return the line around the key in ``window[start:end]``, at most ``WIDTH`` characters."""
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
