"""Values of one field of many records: streams of a language model, terminal recordings, logs, documents.

A value is a string in quotes, and its field the text right before them: ``"content": `` or ``"o", ``.
The values of the same field in the following records are put together.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Final

from boltz_keyscan.detect.decoders import AHEAD, BACK, Reading, Spelling, compile_reversed
from boltz_keyscan.detect.escapes import read_parts, split_at

NAME: Final = "records"

_APART: Final = 1 << 11
"""Bytes between two values of a field."""

_FIELD: Final = rb"(?:\\{0,7}\"[^\"\\]{0,60}\\{0,7}\"[ \t\r\n]{0,60}[:,][ \t]{0,60})"
_BEGINNINGS: Final = (b'":', b'": ', b'", ', b'",')
"""Ends of a field, before a short value."""

_ENDS: Final = (b'"}', b'"]', b'\\"')
"""Bytes after a value."""

_QUOTE: Final = rb"\\{0,7}\""
_ESCAPE: Final = rb"\\(?:u[0-9A-Fa-f]{4}|.)"
_ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def spell(prefix: bytes) -> Iterator[Spelling]:
    """Yield the beginnings of values that begin within a prefix, and whole values of a few characters."""
    # Where no value begins in these places, the stem of the prefix is whole.
    for at in range(1, 6):
        yield b'"' + prefix[at : at + 5], 0
        yield from ((b'"' + prefix[at : at + 4] + end, 0) for end in (b'"', b"\\"))
        yield from ((b'"' + prefix[at : at + 3] + end, 0) for end in _ENDS)
        yield b'\\"' + prefix[at : at + 2] + b'\\"', 1
        yield from ((begin + b'"' + prefix[at : at + 2] + b'"', len(begin)) for begin in _BEGINNINGS)
    yield from ((begin + b'"_' + end, len(begin)) for begin in _BEGINNINGS for end in _ENDS)
    yield from ((begin + b'"_",', len(begin)) for begin in (b'":', b'": '))
    yield from ((begin + b'\\"_\\"', len(begin) + 1) for begin in (b":", b": "))


def read(text: bytes, at: int, phase: int, _low: int) -> Iterator[Reading]:
    """Read the values of the field at an offset; ``phase`` is the place of the quote in the literal."""
    values: list[tuple[int, int]] = []
    low, high = at, at + 1
    # The literals of other forms are within the value.
    at += phase
    end = at + text.startswith(b'"', at)
    quote = compile_reversed(_QUOTE).search(text, max(at - BACK, 0), end)
    field = compile_reversed(_FIELD).match(text, max(at - BACK, 0), quote.start()) if quote else None
    if quote and field:
        values = _values(text, at, field[0], quote[0])
    # What is between the values decodes to nothing.
    last = low = min([low, *(start for start, _ in values[:1])])
    parts, decoded = [b""], [b""]
    for start, end in values:
        value = split_at(_ESCAPE, text[start:end])
        parts += [text[last:start], *value]
        value[1::2] = map(_unescape, value[1::2])
        decoded += [b"", *value]
        last = end
    yield read_parts(NAME, parts, decoded, low, max(high, last), doubt=1)


def _values(text: bytes, at: int, field: bytes, quote: bytes) -> list[tuple[int, int]]:
    """Return the ranges of the values around an offset."""
    name = re.sub(rb"[0-9]+", rb"[0-9]+", re.escape(field))
    inner = rb"(?:[^\"\\\n]|\\[^\n])*+" if quote == b'"' else rb"[^\"\n]*?"
    pattern = re.compile(name + re.escape(quote) + b"(" + inner + b")" + re.escape(quote), re.DOTALL)
    values: list[tuple[int, int]] = []
    for found in pattern.finditer(text, max(at - BACK - len(field), 0), at + AHEAD):
        if values and found.start() - values[-1][1] > _APART:
            if found.start() > at:
                break
            values = []
        values.append(found.span(1))
    return values if len(values) > 1 else []


@functools.lru_cache(maxsize=1 << 10)
def _unescape(escape: bytes) -> bytes:
    """Return the character of an escape."""
    if escape[1:2] == b"u" and len(escape) > 2:
        return chr(int(escape[-4:], 16)).encode("utf-8", "replace")
    return _ESCAPES.get(escape[1:], escape[1:])
