"""Exclusion of paths from a scan by globs.

Files and folders at an excluded path are not read. Git objects are: their paths are known only once
history was walked, which takes longer than to read them. Of those, keys and gaps are left out if the
object lies only at excluded paths. Both become gaps by design.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.model.finding import Gap, Location, Match
from boltz_keyscan.records import dataclass
from boltz_keyscan.triage.globs import find_problem, matches

REASON = "excluded"
"""Reason of the gaps by design."""

Pair = tuple[Match, Location]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Globs of paths that are not scanned, as ``--exclude`` gives them."""

    globs: tuple[str, ...]

    @classmethod
    def of(cls, globs: Iterable[str]) -> Exclusion:
        """Return the exclusion of some globs.

        Raises:
            KeyscanError: one of them cannot be used.
        """
        for glob in globs:
            if problem := find_problem(glob):
                raise KeyscanError(f"--exclude {glob}: {problem[0]}", problem[1])
        return cls(tuple(dict.fromkeys(globs)))

    def find(self, path: str) -> str | None:
        """Return the first glob that matches a path in reports; a folder's path ends in a slash."""
        return next((glob for glob in self.globs if matches(glob, path)), None)

    def filter(self, pairs: Sequence[Pair], gaps: Iterable[Gap]) -> tuple[tuple[Pair, ...], Iterator[Gap]]:
        """Return the located matches and gaps to report, with a gap for each glob that leaves some out."""
        omitted: dict[str, tuple[set[str], list[Gap]]] = {}
        groups: dict[tuple[object, ...], list[Pair]] = {}
        for number, (match, location) in enumerate(pairs):
            # An object's other paths show that it lies elsewhere too.
            origin = number if location.blob is None else (location.blob, location.members)
            groups.setdefault((match.fingerprint, match.offset, origin), []).append((match, location))
        kept: list[Pair] = []
        for group in groups.values():
            glob = self._find_for_all(_path(location) for _, location in group)
            if glob is None:
                kept += group
                continue
            keys, _ = omitted.setdefault(glob, (set(), []))
            keys.update(match.fingerprint for match, _ in group if match.shape is not Shape.PLACEHOLDER)
        kept_gaps = []
        for gap in gaps:
            glob = self._find_for_all(gap.paths) if gap.paths else None
            if glob is None:
                kept_gaps.append(gap)
            else:
                omitted.setdefault(glob, (set(), []))[1].append(gap)
        return tuple(kept), iter([*kept_gaps, *_omissions(omitted)])

    def _find_for_all(self, paths: Iterable[str]) -> str | None:
        """Return a glob if every path is excluded, the one of the first path."""
        globs = [self.find(path) for path in paths]
        return globs[0] if globs and None not in globs else None


def _omissions(omitted: dict[str, tuple[set[str], list[Gap]]]) -> Iterator[Gap]:
    for glob, (keys, gaps) in omitted.items():
        parts = [_count(len(keys), "key")] if keys else []
        parts += [_count(len(gaps), "gap")] if gaps else []
        if parts:
            detail = f"{' and '.join(parts)} at excluded paths in git objects, not reported there"
            yield Gap(glob, REASON, detail, by_design=True)


def _path(location: Location) -> str:
    """Return the path of a location; of an object without a path, one that no glob can mean."""
    return "" if location.blob is not None and location.path.endswith(location.blob) else location.path


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
