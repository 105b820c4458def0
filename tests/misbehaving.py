"""A piece of work that takes its process with it; apart, so that a worker loads nothing else for it."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

from boltz_keyscan.model.finding import Detector, Gap, ShardResult


@dataclass(frozen=True, slots=True)
class Misbehaving:
    """A container whose reading goes wrong in the worst ways."""

    way: str
    number: int = 0
    seconds: float = 6.0
    weight: int = 1
    order: tuple[bytes, str] = (b"", "")
    carried: int = 0

    def with_content(self) -> Misbehaving:
        return self

    def without_content(self) -> Misbehaving:
        return self

    def scan(self, detector: Detector) -> ShardResult:  # noqa: ARG002 - a shard's form
        if self.way == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        while self.way == "hangs":
            time.sleep(60)
        return ShardResult(gaps=(Gap(str(self.number), "fine"),))

    def lost(self, reason: str, detail: str) -> ShardResult:
        return ShardResult(gaps=(Gap(str(self.number), reason, detail),))
