"""Bytes in memory as one blob."""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.model.finding import Detector, Located, Origin, ShardResult, Work
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.blob import locate_outside_git
from boltz_keyscan.sources.files.spool import Spool

NAME = b"<text>"


@dataclass(frozen=True, slots=True)
class BufferShard:
    """A text, scanned where it is."""

    raw: bytes = field(repr=False)
    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:
        """Scan the text, and what is inside of it."""
        return Spool(detector).scan(Origin(NAME), [self.raw], NAME.decode())


@dataclass(frozen=True, slots=True)
class BufferSource:
    """A text that another program passed. It has no state, so it is its own reader."""

    raw: bytes = field(repr=False)

    def open(self) -> BufferSource:
        """Return the reader for one run."""
        return self

    def work(self) -> Iterator[Work]:
        """Yield one shard."""
        yield Work(BufferShard(self.raw))

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Locate hits in a file outside git."""
        return locate_outside_git(gathered, detector)
