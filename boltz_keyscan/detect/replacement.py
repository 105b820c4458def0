"""Replacement of keys in a text that is passed on: every byte that is not of a key stays.

Unlike ``redact``, which removes more than the keys from what this program prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from boltz_keyscan.detect.redact import MARK, replace_spans

if TYPE_CHECKING:
    from boltz_keyscan.detect.redact import Span
    from boltz_keyscan.model.finding import Match

LINE_MARK: Final = b"[line withheld by boltz-keyscan: a key in another form]"
"""Instead of the lines of a key that is encoded or broken: its place is known, but not its own form."""


def replace_keys(text: bytes, matches: Iterable[Match], prefixes: Sequence[bytes]) -> bytes:
    """Return ``text`` with a prefix and a mark for each plain key, and a mark for the lines of any other.

    Args:
        text: the blob that was searched.
        matches: keys in it.
        prefixes: the type prefixes.
    """
    spans = _merge(_span(text, match, prefixes) for match in matches)
    return replace_spans(text, spans, 0, len(text))


def _span(text: bytes, match: Match, prefixes: Sequence[bytes]) -> Span:
    start, end = match.offset, match.offset + match.length
    prefix = next((prefix for prefix in prefixes if text.startswith(prefix, start)), None)
    if prefix is not None and not match.decoded:
        return start, end, prefix + MARK
    line_end = text.find(b"\n", max(end - 1, 0))
    return text.rfind(b"\n", 0, start) + 1, len(text) if line_end < 0 else line_end, LINE_MARK


def _merge(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order; of those that overlap, the widest has the others in it."""
    merged: list[Span] = []
    for start, end, mark in sorted(spans, key=lambda span: (span[0], -span[1])):
        if merged and start < merged[-1][1]:
            first, last, _ = merged.pop()
            merged.append((first, max(last, end), LINE_MARK))
        else:
            merged.append((start, end, mark))
    return merged
