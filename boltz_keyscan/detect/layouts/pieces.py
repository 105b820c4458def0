"""A text put together of parts of another, with the place of each byte."""

from __future__ import annotations

from boltz_keyscan.detect.decoders import Reading
from boltz_keyscan.records import dataclass, field


@dataclass(slots=True)
class Pieces:
    """The text so far."""

    data: bytearray = field(default_factory=bytearray)
    begins: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)

    def add(self, text: bytes, low: int, high: int) -> None:
        """Add ``text[low:high]`` as it is."""
        self.data += text[low:high]
        self.begins.extend(range(low, high))
        self.stops.extend(range(low + 1, high + 1))

    def put(self, value: bytes, low: int, high: int) -> None:
        """Add bytes that another text of this range means."""
        self.data += value
        self.begins += [low] * len(value)
        self.stops += [high] * len(value)

    def remove_last(self) -> None:
        """Remove the last byte, if any."""
        if self.data:
            del self.data[-1], self.begins[-1], self.stops[-1]

    def reading(self, name: str, low: int, high: int, phase: int | None = None) -> Reading:
        """Return the reading of a range; without a phase, it serves all literals in the range."""
        return Reading(
            name,
            bytes(self.data),
            self.begins.__getitem__,
            self.stops.__getitem__,
            low,
            high,
            lambda at, other: low <= at < high and (phase is None or phase == other),
            doubt=1,
        )
