"""Bytes in memory as one blob."""

from __future__ import annotations

from boltz_keyscan.model.finding import Detector, Origin, ShardResult
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.files.spool import Spool

NAME = b"<text>"


@dataclass(frozen=True, slots=True)
class BufferShard:
    """A text that another program passed, scanned where it is."""

    raw: bytes = field(repr=False)
    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:
        """Scan the text, and what is inside of it."""
        return Spool(detector).scan(Origin(NAME), [self.raw], NAME.decode())
