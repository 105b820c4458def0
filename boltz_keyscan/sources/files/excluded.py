"""Files and folders of a tree that the user excluded from the scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from boltz_keyscan import fsutil
from boltz_keyscan.model.finding import Gap, ShardResult, Tally
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.sources.files.shard import DirectoryListing
from boltz_keyscan.sources.shards import ResultShard

FindGlob = Callable[[str], str | None]
"""Search for the glob that matches a path in reports; a folder's path ends in a slash."""


@dataclass(slots=True)
class Excluded:
    """Entries of a walk that are not read, by glob. Their names are still scanned, with the folder's."""

    prefix: bytes
    """Prefix of paths in reports."""
    find_glob: FindGlob | None
    entries: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Count of entries by glob and kind."""

    def drop(self, listing: DirectoryListing) -> None:
        """Take the excluded entries out of a listing, so that folders among them are not entered."""
        if self.find_glob is None:
            return
        listing.folders = [name for name in listing.folders if not self._count(name + b"/", "folder")]
        listing.files = [name for name in listing.files if not self._count(name, "file")]
        listing.links = [name for name in listing.links if not self._count(name, "file")]
        listing.specials = [each for each in listing.specials if not self._count(each[0], "file")]

    def _count(self, name: bytes, kind: str) -> bool:
        glob = self.find_glob and self.find_glob(fsutil.decode(self.prefix + name))
        if glob is None:
            return False
        self.entries[glob, kind] += 1
        return True

    def shard(self) -> ResultShard:
        """Return the shard that counts the entries and reports a gap by design for each glob."""
        gaps = []
        for glob in dict.fromkeys(glob for glob, _ in self.entries):
            counts = ((kind, self.entries[glob, kind]) for kind in ("folder", "file"))
            parts = [f"{number:,} {kind}{'' if number == 1 else 's'}" for kind, number in counts if number]
            gaps.append(Gap(glob, "excluded", f"{' and '.join(parts)} not read", by_design=True))
        tally = Tally(excluded=sum(self.entries.values()))
        return ResultShard(ShardResult(gaps=tuple(gaps), tally=tally))
