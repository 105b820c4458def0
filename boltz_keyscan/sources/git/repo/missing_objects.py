"""Objects that a repository names but does not have, and the number of commits that it reaches.

What a partial clone left out is counted. In a clone that claims to be complete each absent object is a gap.
"""

from __future__ import annotations

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.finding import Detector, Gap, ShardResult, Tally
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.sources.git.repo.repository import References
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import object_info

ABSENT = "corrupt-object"
"""The reason of a gap for an object that a repository should have."""

_ABSENT = "the history names it and the repository does not have it; run git fsck for details"

_MAX_GAPS = 10
"""Absent objects that are named one by one; of a lost pack there are thousands."""

_OBJECTS = ("--objects", "--missing=print")
_LISTING = ("--no-object-names", "--timestamp")
"""A line for each object; that of a commit has its time before the id."""

_UNREAD = late_pattern(r"Could not read ([0-9a-f]{40}(?:[0-9a-f]{24})?)")
"""The error of git for a commit that it does not have."""


def _unchecked_gap(where: str, error: str) -> Gap:
    detail = f"git did not resolve all references: {error.splitlines()[0]}"
    return Gap(where, "references-unchecked", detail)


def counted(where: str, reached: int | None, missing: int) -> ShardResult:
    """Return the result for a repository whose commits and missing objects are counted.

    Args:
        where: name of the repository in gaps.
        reached: commits that its references reach; None if they were not counted.
        missing: objects that a partial clone left out.
    """
    tally = Tally(
        objects_missing=missing, commits_reached=reached or 0, stores_uncounted=int(reached is None)
    )
    detail = f"objects left out when it was cloned: {missing}; a clone without --filter has them"
    gaps = (Gap(where, "partial-clone", detail, by_design=True),) if missing else ()
    return ShardResult(gaps=gaps, tally=tally)


@dataclass(frozen=True, slots=True)
class MissingShard:
    """A check for references to missing objects, and counts of reachable commits and of missing objects.

    A shard of its own, because git walks the whole history for the count.
    """

    view: git.RepoView
    where: str
    refs: References
    partial: bool
    """True to count what a partial clone left out."""
    weight: int = 1
    """Above 0, so that it runs in a worker and not in the process that feeds the others."""
    is_small: bool = False
    """True to count the commits that references reach."""
    is_complete: bool = False
    """True if every object that they reach has to be there."""
    is_clone: bool = False
    """True for one pack and nothing else, as git writes it, with all that its commits name. In a large one
    only the commits are looked for: to read its trees takes a tenth of the scan."""
    known: frozenset[str] = frozenset()
    """References of an earlier scan, which had all they reach; a large store is not searched for it again."""

    def scan(self, detector: Detector) -> ShardResult:  # noqa: ARG002 - the protocol's form
        """Return a gap for each broken reference, and the counts."""
        lines = [oid.encode() + b"\n" for _, oid in self.refs.tips]
        absent: list[str] = []
        if self.is_small and not self.partial:
            # The usual case: git reaches everything, so every reference leads to an object.
            result = self._walk(lines, absent)
            if not (result.tally.stores_uncounted or absent):
                return result
            absent.clear()
        answers, error = object_info(self.view, dict.fromkeys(oid for _, oid in self.refs.tips))
        missing_tips = {words[0].decode() for words in answers if len(words) == 2}
        gaps = [_unchecked_gap(self.where, error)] if error else []
        gaps += [
            Gap(
                self.where,
                "reference-broken",
                f"{name.decode('utf-8', 'backslashreplace')}: git cannot read {oid}",
            )
            for name, oid in self.refs.tips
            if oid in missing_tips
        ]
        result = self._walk([line for line in lines if line.strip().decode() not in missing_tips], absent)
        return replace(result, gaps=(*gaps, *self._absent_gaps(absent), *result.gaps))

    def _walk(self, starts: list[bytes], absent: list[str]) -> ShardResult:
        """Return the counts of what references reach; append ids of objects that are absent."""
        if self.is_complete:
            return counted(self.where, self._find_absent(starts, absent), 0)
        return self._count(starts)

    def _count(self, starts: list[bytes]) -> ShardResult:
        """Return the number of commits that references reach, and of the objects that were left out."""
        if not starts or not (self.is_small or self.partial):
            return counted(self.where, None if starts else 0, 0)
        if not self.partial:
            answer, error = git.run(self.view, "rev-list", "--count", "--stdin", lines=starts)
            is_number = not error and answer.strip().isdigit()
            return counted(self.where, int(answer) if is_number else None, 0)
        listing = _LISTING if self.is_small else ("--quiet",)
        answer, error = git.run(self.view, "rev-list", *_OBJECTS, *listing, "--stdin", lines=starts)
        reached = answer.count(b" ") if self.is_small and not error else None
        if not error:
            return counted(self.where, reached, answer.count(b"?"))
        detail = f"what was left out when it was cloned could not be counted: {error.splitlines()[0]}"
        result = counted(self.where, reached, 0)
        tally = replace(result.tally, objects_missing=answer.count(b"?"))
        return replace(result, gaps=(Gap(self.where, "partial-clone", detail),), tally=tally)

    def _find_absent(self, starts: list[bytes], absent: list[str]) -> int | None:
        """Return the number of commits that references reach; append ids of objects that are absent."""
        if not starts:
            return 0
        objects = () if self.is_clone and not self.is_small else _OBJECTS
        listing = _LISTING
        if not self.is_small:
            # References that were deleted since may be gone.
            listing = ("--quiet", "--ignore-missing")
            starts = [*starts, *(f"^{oid}\n".encode() for oid in sorted(self.known))]
        answer, error = git.run(self.view, "rev-list", *objects, *listing, "--stdin", lines=starts)
        absent += (line[1:].decode("ascii") for line in answer.splitlines() if line.startswith(b"?"))
        # Any other error is of an object that is there, and reported where it is read.
        absent += _UNREAD.findall(error)
        return answer.count(b" ") if self.is_small and not error else None

    def _absent_gaps(self, oids: list[str]) -> list[Gap]:
        """Return the gaps of absent objects."""
        oids = sorted(set(oids))
        gaps = [Gap(f"{self.where}: object {oid}", ABSENT, _ABSENT, oid=oid) for oid in oids[:_MAX_GAPS]]
        if more := len(oids) - len(gaps):
            gaps.append(Gap(self.where, ABSENT, f"{more} more objects: {_ABSENT}"))
        return gaps
