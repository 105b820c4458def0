"""A text put together of parts of another, with the place of each byte."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from boltz_keyscan.detect.decoders import Reading
from boltz_keyscan.records import dataclass, field

Places = tuple[Sequence[int], Sequence[int]]
"""The start and the end in the other text of each byte."""


def placed_reading(
    name: str, data: bytes, span: tuple[int, int], find_places: Callable[[], Places], phase: int | None = None
) -> Reading:
    """Return a reading of a range, whose places are found only for a text with a key.

    Without a phase, it serves all literals in the range.
    """
    places: list[Sequence[int]] = []

    def place(kind: int, index: int) -> int:
        if not places:
            places.extend(find_places())
        return places[kind][index]

    return Reading(
        name,
        data,
        functools.partial(place, 0),
        functools.partial(place, 1),
        *span,
        lambda _at, other: phase is None or phase == other,
        doubt=1,
    )


@dataclass(slots=True)
class Pieces:
    """The text so far."""

    data: bytearray = field(default_factory=bytearray)
    _parts: list[tuple[int, int, int]] = field(default_factory=list)
    """The range in the other text of each part, and the bytes that it means; 0 if as many as there are."""

    def add(self, text: bytes, low: int, high: int) -> None:
        """Add ``text[low:high]`` as it is."""
        if low < high:
            self.data += text[low:high]
            self._parts.append((low, high, 0))

    def put(self, value: bytes, low: int, high: int) -> None:
        """Add bytes that another text of this range means."""
        if value:
            self.data += value
            self._parts.append((low, high, len(value)))

    def reading(self, name: str, low: int, high: int, phase: int | None = None) -> Reading:
        """Return the reading of a range; without a phase, it serves all literals in the range."""
        return placed_reading(name, bytes(self.data), (low, high), self._places, phase)

    def _places(self) -> Places:
        begins: list[int] = []
        stops: list[int] = []
        for low, high, count in self._parts:
            if count:
                begins += [low] * count
                stops += [high] * count
            else:
                begins.extend(range(low, high))
                stops.extend(range(low + 1, high + 1))
        return begins, stops
