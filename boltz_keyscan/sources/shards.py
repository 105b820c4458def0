"""Shards that read no file: results of a listing, and names."""

from __future__ import annotations

from dataclasses import dataclass

from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import Detector, Gap, Hit, Origin, ShardResult
from boltz_keyscan.sources.blob import scan_blob


@dataclass(frozen=True, slots=True)
class ResultShard:
    """A finished result: gaps and tallies from a listing."""

    result: ShardResult
    weight: int = 0
    """Above 0 in a forecast: bytes of the shards to come, so that workers start early."""

    def scan(self, detector: Detector) -> ShardResult:  # noqa: ARG002 - the protocol's form
        """Return the result."""
        return self.result


@dataclass(frozen=True, slots=True)
class NamesShard:
    """Names that may hold a key: of files, references, staged paths."""

    where: str
    kind: str | None
    names: tuple[tuple[bytes, bytes], ...]
    """Display path and the name to scan."""
    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:
        """Scan all names at once, and each one only when there is a candidate."""
        joined = b"\0".join(name for _, name in self.names)
        if not detector.candidate_offsets(joined, len(joined)):
            return ShardResult()
        hits: list[Hit] = []
        gaps: list[Gap] = []
        for path, name in self.names:
            if detector.candidate_offsets(name, len(name)):
                name_hits, name_gaps = scan_blob(
                    Origin(path, Part.NAME, kind=self.kind), [name], detector, self.where
                )
                hits += name_hits
                gaps += name_gaps
        return ShardResult(tuple(hits), tuple(gaps))


@dataclass(frozen=True, slots=True)
class DirectoryNamesShard:
    """The names in one folder: like ``NamesShard``, with paths built only when there is a candidate."""

    where: str
    base: bytes
    """Prefix of each name in reports; empty or ending in a slash."""
    names: tuple[bytes, ...]
    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:
        """Scan all names at once."""
        joined = b"\0".join(self.names)
        if not detector.candidate_offsets(joined, len(joined)):
            return ShardResult()
        return NamesShard(self.where, None, tuple((self.base + name, name) for name in self.names)).scan(
            detector
        )
