"""Shards that need no reading: what a source learnt while listing, and names as such.

Boundary: two small implementations of ``model.Shard`` that several sources share.
"""

from __future__ import annotations

from dataclasses import dataclass

from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import Detector, Gap, Hit, Origin, ShardResult
from boltz_keyscan.sources.blob import scan_blob


@dataclass(frozen=True, slots=True)
class ResultShard:
    """A result that is there already: gaps and tallies met while listing."""

    result: ShardResult
    weight: int = 0
    """Above 0 in a forecast: bytes of shards that will come, so that workers start meanwhile."""

    def scan(self, detector: Detector) -> ShardResult:  # noqa: ARG002 - the protocol's form
        """Hand the result over."""
        return self.result


@dataclass(frozen=True, slots=True)
class NamesShard:
    """Names that may themselves hold a key: of files, of references, of staged paths."""

    where: str
    kind: str | None
    names: tuple[tuple[bytes, bytes], ...]
    """Display path, and the name to look at."""
    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:
        """Look at all names at once, and at each only when something is there."""
        joined = b"\0".join(name for _, name in self.names)
        if not detector.candidate_offsets(joined, len(joined)):
            return ShardResult()
        hits: list[Hit] = []
        gaps: list[Gap] = []
        for path, name in self.names:
            if detector.candidate_offsets(name, len(name)):
                found, missed = scan_blob(
                    Origin(path, Part.NAME, kind=self.kind), [name], detector, self.where
                )
                hits += found
                gaps += missed
        return ShardResult(tuple(hits), tuple(gaps))


@dataclass(frozen=True, slots=True)
class DirectoryNamesShard:
    """The names in one folder: as ``Entries``, with paths made only when something is there."""

    where: str
    base: bytes
    """What stands before each name in reports; empty or ending in a slash."""
    names: tuple[bytes, ...]
    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:
        """Look at all names at once."""
        joined = b"\0".join(self.names)
        if not detector.candidate_offsets(joined, len(joined)):
            return ShardResult()
        return NamesShard(self.where, None, tuple((self.base + name, name) for name in self.names)).scan(
            detector
        )
