"""Standard input as one blob.

Boundary: bytes from the descriptor this process was given; nothing is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from boltz_keyscan.model.enums import Exposure
from boltz_keyscan.model.finding import (
    Detector,
    Gap,
    Hit,
    Located,
    Location,
    Origin,
    Shard,
    ShardResult,
    Source,
    Tally,
)
from boltz_keyscan.sources.blob import CHUNK, display_members, scan_blob, unreadable_gap
from boltz_keyscan.sources.files.spool import Spool

NAME = b"<stdin>"


@dataclass(frozen=True, slots=True)
class StdinShard:
    """Must run in the process that owns the descriptor: weighs nothing, so it does."""

    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:
        """Read to the end of input."""
        spool = Spool(detector)
        hits: list[Hit] = []
        gaps: list[Gap] = []

        if sys.stdin is None:
            return ShardResult(gaps=(Gap(NAME.decode(), "unreadable", "standard input is closed"),))

        def chunks() -> Iterator[bytes]:
            while chunk := sys.stdin.buffer.read(CHUNK):
                yield chunk

        origin, name = Origin(NAME), NAME.decode()
        more: Shard | None = None
        try:
            hits, gaps = scan_blob(origin, spool.through(chunks()), detector, name)
            more = spool.shard(origin, name, hits)
            gaps += spool.gaps(name)
        except OSError as error:
            gaps.append(unreadable_gap(name, error))
        tally = Tally(files=1, bytes=spool.bytes)
        met = (more,) if more is not None else ()
        return ShardResult(tuple(hits), tuple(gaps), tally, more=met)


@dataclass(frozen=True, slots=True)
class StdinSource:
    """What was piped in."""

    def shards(self) -> Iterator[Shard | Source]:
        """One shard."""
        yield StdinShard()

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Standard input is a file that git knows nothing of."""
        name = NAME.decode()
        return Located(
            tuple(
                (
                    hit.match,
                    Location.of(
                        hit.match, name, Exposure.FILE, members=display_members(hit.origin, detector)
                    ),
                )
                for hit in gathered.hits
            )
        )
