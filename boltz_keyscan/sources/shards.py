"""Shards that read no file: results of a listing, and names. The source of a single shard."""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import Detector, Gap, Hit, Located, Origin, Shard, ShardResult
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.blob import locate_outside_git, scan_blob


@dataclass(frozen=True, slots=True)
class ShardSource:
    """One shard outside git, such as standard input. The source has no state, so it is its own reader."""

    shard: Shard

    def open(self) -> ShardSource:
        """Return the reader for one run."""
        return self

    def work(self) -> Iterator[Shard]:
        """Yield the shard."""
        yield self.shard

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Locate hits in a file outside git."""
        return locate_outside_git(gathered, detector)


@dataclass(frozen=True, slots=True)
class ResultShard:
    """A finished result: gaps and tallies from a listing."""

    result: ShardResult
    weight: int = 0
    """Above 0 in a forecast: bytes of the shards to come, so that workers start early."""

    def scan(self, detector: Detector) -> ShardResult:  # noqa: ARG002 - the protocol's form
        """Return the result."""
        return self.result


def gap_shard(*gaps: Gap) -> ResultShard:
    """Return the shard that reports gaps."""
    return ResultShard(ShardResult(gaps=gaps))


@dataclass(frozen=True, slots=True)
class NamesShard:
    """Names that may hold a key: of the files in a folder, references, staged paths."""

    where: str
    kind: str | None
    names: tuple[bytes, ...]
    """The names to scan; of references ("ref") each part by itself."""
    base: bytes = b""
    """Prefix that makes a path in reports of a name; empty or ending in a slash."""
    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:
        """Scan all names at once, and each one only when there is a candidate."""
        joined = b"\0".join(self.names)
        if self.kind == "ref":
            joined = joined.replace(b"/", b"\0")
        if not detector.candidate_offsets(joined, len(joined)):
            return ShardResult()
        hits: list[Hit] = []
        gaps: list[Gap] = []
        for name in self.names:
            origin = Origin(self.base + name, Part.NAME, kind=self.kind)
            for part in name.split(b"/") if self.kind == "ref" else (name,):
                if detector.candidate_offsets(part, len(part)):
                    new_hits, new_gaps = scan_blob(origin, [part], detector, self.where)
                    hits += new_hits
                    gaps += new_gaps
        return ShardResult(tuple(hits), tuple(gaps))
