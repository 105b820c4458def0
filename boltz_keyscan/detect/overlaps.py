"""Keys that several readings of the same bytes give: the best of those that overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boltz_keyscan.detect.decoders import offsets
from boltz_keyscan.model.enums import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from boltz_keyscan.detect.readings import Key


def best_of_overlapping(keys: list[Key]) -> list[Key]:
    """Return the keys in order of offset, and of keys that overlap only the best.

    Bytes have several readings where encodings look alike: UTF-16 in either byte order, text
    with an escape in it, a key that a line break cuts and the same key whole.
    """
    ranked = sorted(((key.start, key.end, _badness(key)), number) for number, key in enumerate(keys))
    ordered = [(keys[number], rank[2]) for rank, number in ranked]
    worse: set[int] = set()
    for number, (key, rank) in enumerate(ordered):
        other = number + 1
        while other < len(ordered) and other <= number + _RIVALS and ordered[other][0].start < key.end:
            rival, rivals = ordered[other]
            if _same_place(key, rival):
                worse.add(other if rank <= rivals else number)
            other += 1
    return [key for number, (key, _) in enumerate(ordered) if number not in worse]


def _same_place(key: Key, rival: Key) -> bool:
    shared = min(key.end, rival.end) - max(key.start, rival.start)
    if 2 * shared <= min(key.end - key.start, rival.end - rival.start):
        return False
    return not (_is_in_break(key, rival) or _is_in_break(rival, key))


def _is_in_break(key: Key, other: Key) -> bool:
    """Return True if a key is between two pieces of a confirmed one: then they have no byte in common."""
    if not (other.start < key.start and key.end < other.end) or key.raw == other.raw:
        return False
    if other.verdict.shape is not Shape.CONFIRMED or key.verdict.shape is Shape.PLACEHOLDER:
        return False
    return not any(key.start <= at < key.end for at in _places(other, other.start))


def _places(key: Key, start: int) -> Iterator[int]:
    """Yield the offset of each byte of a key, which begins at ``start``, in the text around it."""
    if key.decoded:
        decoded, inner = key.decoded
        shift = start - decoded.reading.start(inner.start)
        return (shift + decoded.reading.start(at) for at in _places(inner, inner.start))
    if key.runs:
        return (start - key.runs[0][0] + at for at in offsets(key.runs)[: len(key.raw)])
    return iter(range(start, start + len(key.raw)))


_SHAPES = {shape: number for number, shape in enumerate(Shape)}

_RIVALS = 16
"""Following keys that each key is compared with: at most as many readings as there are forms."""


def _badness(key: Key) -> tuple[int, int, int, tuple[str, ...]]:
    return _SHAPES[key.verdict.shape], key.doubt, len(key.chain), key.chain
