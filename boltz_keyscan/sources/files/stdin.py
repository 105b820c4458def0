"""Standard input as one blob."""

from __future__ import annotations

import sys
from functools import partial

from boltz_keyscan.model.finding import Detector, Gap, Origin, ShardResult, Tally
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.blob import CHUNK, unreadable_gap
from boltz_keyscan.sources.files.spool import Spool

NAME = b"<stdin>"


@dataclass(frozen=True, slots=True)
class StdinShard:
    """A read of standard input, given as ``-``; weight 0 keeps it in the process that owns the descriptor."""

    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:
        """Scan standard input to its end."""
        name = NAME.decode()
        if sys.stdin is None:
            return ShardResult(gaps=(Gap(name, "unreadable", "standard input is closed"),))
        spool = Spool(detector)
        try:
            return spool.scan(Origin(NAME), iter(partial(sys.stdin.buffer.read, CHUNK), b""), name)
        except OSError as error:
            tally = Tally(files=1, bytes=spool.bytes)
            return ShardResult(gaps=(unreadable_gap(name, error),), tally=tally)
