"""Objects that a repository names but does not have, and the number of commits that it reaches.

What a partial clone left out is counted. In a clone that claims to be complete each absent object is a gap.
"""

from __future__ import annotations

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.finding import Detector, Gap, ShardResult, Tally
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.repo.repository import References
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import object_info

ABSENT = "corrupt-object"
"""The reason of a gap for an object that a repository should have."""

_ABSENT = "the history names it and the repository does not have it; run git fsck for details"

_MAX_GAPS = 10
"""Absent objects that are named one by one; of a lost pack there are thousands."""

_UNREAD = late_pattern(r"Could not read ([0-9a-f]{40}(?:[0-9a-f]{24})?)")
"""The error of git for a commit that it does not have."""


def _unchecked_gap(where: str, error: str) -> Gap:
    detail = f"git did not resolve all references: {error.splitlines()[0]}"
    return Gap(where, "references-unchecked", detail)


@dataclass(frozen=True, slots=True)
class MissingShard:
    """A check for references to missing objects, and counts of reachable commits and of missing objects.

    A shard of its own, because git walks the whole history for the count.
    """

    view: git.RepoView
    where: str
    refs: References
    partial: bool
    counted: int | None = None
    """Objects that the same store lacked in an earlier scan; None to count them."""
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
        starts = [line for line in lines if line.strip().decode() not in missing_tips]
        absent: list[str] = []
        tally = self._count_commits(starts, absent)
        gaps += self._absent_gaps(absent)
        if not self.partial:
            return ShardResult(gaps=tuple(gaps), tally=tally)
        missing, error = self.counted or 0, ""
        if self.counted is None:
            options = ("--objects", "--missing=print", "--quiet", "--stdin")
            answer, error = git.run(self.view, "rev-list", *options, lines=starts)
            missing = answer.count(b"?")
        if error:
            detail = f"what was left out when it was cloned could not be counted: {error.splitlines()[0]}"
            gaps.append(Gap(self.where, "partial-clone", detail))
        elif missing:
            detail = f"objects left out when it was cloned: {missing}; a clone without --filter has them"
            gaps.append(Gap(self.where, "partial-clone", detail, by_design=True))
        return ShardResult(gaps=tuple(gaps), tally=tally + Tally(objects_missing=missing))

    def _count_commits(self, starts: list[bytes], absent: list[str]) -> Tally:
        """Return a tally of the commits that references reach; append ids of objects that are absent."""
        if not starts:
            return Tally()
        if not self.is_complete:
            if not self.is_small:
                return Tally(stores_uncounted=1)
            answer, error = git.run(self.view, "rev-list", "--count", "--stdin", lines=starts)
            is_number = not error and answer.strip().isdigit()
            return Tally(commits_reached=int(answer)) if is_number else Tally(stores_uncounted=1)
        objects = () if self.is_clone and not self.is_small else ("--objects", "--missing=print")
        if self.is_small:
            # A line for each object; that of a commit has its time before the id.
            listing: tuple[str, ...] = ("--no-object-names", "--timestamp")
        else:
            # References that were deleted since may be gone.
            listing = ("--quiet", "--ignore-missing")
            starts = [*starts, *(f"^{oid}\n".encode() for oid in sorted(self.known))]
        answer, error = git.run(self.view, "rev-list", *objects, *listing, "--stdin", lines=starts)
        absent += (line[1:].decode("ascii") for line in answer.splitlines() if line.startswith(b"?"))
        # Any other error is of an object that is there, and reported where it is read.
        absent += _UNREAD.findall(error)
        is_counted = self.is_small and not error
        return Tally(commits_reached=answer.count(b" ")) if is_counted else Tally(stores_uncounted=1)

    def _absent_gaps(self, oids: list[str]) -> list[Gap]:
        """Return the gaps of absent objects."""
        oids = sorted(set(oids))
        gaps = [Gap(f"{self.where}: object {oid}", ABSENT, _ABSENT, oid=oid) for oid in oids[:_MAX_GAPS]]
        if more := len(oids) - len(gaps):
            gaps.append(Gap(self.where, ABSENT, f"{more} more objects: {_ABSENT}"))
        return gaps
