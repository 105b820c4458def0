"""Runs of base64 with a key in them, which redaction removes whole: the end of the key is not known."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final

from boltz_keyscan import base64_text
from boltz_keyscan.late_pattern import late_pattern

_MIN_LITERAL, _MIN_RUN = 5, 60
"""Bytes of a literal that marks any run, as no word has it by chance, and of a run for others."""

_ENCODED: Final = late_pattern(rb"[A-Za-z0-9+/_=%\\;&#.-]+")
"""A run of base64, plain or escaped."""


def literals(stem: bytes) -> Iterator[bytes]:
    """Yield literals of which every text with a stem has one in its base64, or in the base64 of that."""
    text = stem.decode("ascii")
    for form in (stem, text.encode("utf-16-le"), text.encode("utf-16-be")):
        for literal, _ in base64_text.alignments(form):
            yield literal
            yield from (again for again, _ in base64_text.alignments(literal))


def runs(text: bytes, parts: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of the runs that have one of these literals."""
    marks = sorted((at, len(part)) for part in parts for at in _places(text, part))
    if not marks:
        return
    for run in _ENCODED.finditer(text):
        start, end = run.span()
        least = 0 if end - start >= _MIN_RUN else _MIN_LITERAL
        own = marks[bisect_left(marks, (start, 0)) : bisect_left(marks, (end, 0))]
        if any(size >= least for _, size in own):
            yield start, end


def _places(text: bytes, part: bytes) -> Iterator[int]:
    """Yield the offsets of a part of a text."""
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)
