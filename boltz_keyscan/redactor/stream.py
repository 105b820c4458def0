"""Copies of bytes without the keys in them, made in one pass of constant memory."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Detector
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.archives.reader import InMemory, RandomAccess, read_pieces
from boltz_keyscan.sources.blob import CHUNK
from boltz_keyscan.sources.windows import find_matches

MAX_PASSES = 8
"""Passes over one text: a key may be readable only after another one, with which it overlapped, is gone."""

Write: TypeAlias = Callable[[bytes], object]


@dataclass(slots=True)
class Pass:
    """The result of one pass."""

    replaced: Counter[str] = field(default_factory=Counter)
    """Count of places replaced, by fingerprint."""
    left: Counter[tuple[str, tuple[str, ...]]] = field(default_factory=Counter)
    """Count of places left, by fingerprint and chain of encodings."""


def is_key(_offset: int, _rule_id: str, shape: Shape, _fingerprint: str, /, *, commented: bool) -> bool:
    """Admit every match but placeholders, of which no one has to be afraid."""
    del commented
    return shape is not Shape.PLACEHOLDER


def rewrite(space: RandomAccess, write: Write, detector: Detector) -> Pass:
    """Write the bytes of ``space`` with each key replaced whose form can be written.

    Args:
        space: the bytes to copy.
        write: the function that takes the copy, in order.
        detector: a detector whose matches have edits.

    Raises:
        OSError: they cannot be read or written.
    """
    result, copied = Pass(), 0
    for match in find_matches(detector, read_pieces(space), is_key):
        edits = [(match.offset + start, match.offset + end, text) for start, end, text in match.edits]
        if not edits or edits[0][0] < copied:
            result.left[match.fingerprint, match.decoded] += 1
            continue
        for start, end, text in edits:
            _copy(space, copied, start, write)
            write(text)
            copied = end
        result.replaced[match.fingerprint] += 1
    _copy(space, copied, space.size, write)
    return result


def _copy(space: RandomAccess, start: int, end: int, write: Write) -> None:
    while start < end:
        chunk = space.read(start, min(CHUNK, end - start))
        if not chunk:
            # The caller compares the size of the file before and after.
            return
        write(chunk)
        start += len(chunk)


def rewrite_bytes(data: bytes, detector: Detector) -> tuple[bytes, Pass]:
    """Return bytes with each key replaced whose form can be written, and what remains."""
    whole = Pass()
    for _ in range(MAX_PASSES):
        copy = io.BytesIO()
        result = rewrite(InMemory(data), copy.write, detector)
        whole.left = result.left
        if not result.replaced:
            break
        whole.replaced += result.replaced
        data = copy.getvalue()
    return data, whole
