"""One container, scanned in this process as the worker scans it."""

from __future__ import annotations

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.finding import Origin, ShardResult
from boltz_keyscan.sources.archives.limits import Limits
from boltz_keyscan.sources.archives.shard import ContainerShard, InBuffer

DETECTOR = KeyDetector.of(rules.load())


def scan_container(content: bytes, **limits: float) -> ShardResult:
    """Return the result for the container and, as if its file had been searched, its own bytes."""
    seen = tuple(DETECTOR.find([content]))
    named = ((Origin(b"x"), "x"),)
    shard = ContainerShard(InBuffer(content), len(content), named, seen, limits=Limits(**limits))  # type: ignore[arg-type]
    return shard.scan(DETECTOR)


def reasons_of(result: ShardResult) -> list[str]:
    """Return the reasons of its gaps."""
    return [gap.reason for gap in result.gaps]
