"""Standard input as one blob."""

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
    """A read of standard input; weight 0 keeps it in the process that owns the descriptor."""

    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:
        """Scan standard input to its end."""
        spool = Spool(detector)
        hits: list[Hit] = []
        gaps: list[Gap] = []

        if sys.stdin is None:
            return ShardResult(gaps=(Gap(NAME.decode(), "unreadable", "standard input is closed"),))

        def chunks() -> Iterator[bytes]:
            while chunk := sys.stdin.buffer.read(CHUNK):
                yield chunk

        origin, name = Origin(NAME), NAME.decode()
        container: Shard | None = None
        try:
            hits, gaps = scan_blob(origin, spool.copy(chunks()), detector, name)
            container = spool.shard(origin, name, hits)
            gaps += spool.gaps(name)
        except OSError as error:
            gaps.append(unreadable_gap(name, error))
        tally = Tally(files=1, bytes=spool.bytes)
        more = (container,) if container is not None else ()
        return ShardResult(tuple(hits), tuple(gaps), tally, more=more)


@dataclass(frozen=True, slots=True)
class StdinSource:
    """Standard input, given as ``-``."""

    def shards(self) -> Iterator[Shard | Source]:
        """Yield one shard."""
        yield StdinShard()

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Locate hits in a file outside git."""
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
