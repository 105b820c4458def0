"""Objects that a repository names but does not have, and the number of commits that it reaches.

What a partial clone left out is counted. In a clone that claims to be complete each absent object is a gap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.finding import Detector, Gap, ShardResult, Tally
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.sources.git.repo.references import References
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import object_info

_REASON = "corrupt-object"
"""The reason of a gap for an object that a repository should have."""

_ABSENT = "the history names it and the repository does not have it; run git fsck for details"

_MAX_GAPS = 10
"""Absent objects that are named one by one; of a lost pack there are thousands."""

_MAX_LEFT_OUT = 200_000
"""Left out objects whose ids are kept, 8 MB of them; with more, all are counted again after each change."""

_OBJECTS = ("--objects", "--missing=print")
_LISTING = ("--no-object-names", "--timestamp")
"""A line for each object; that of a commit has its time before the id."""

_UNREAD = late_pattern(r"Could not read ([0-9a-f]{40}(?:[0-9a-f]{24})?)")
"""The error of git for a commit that it does not have."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The objects that references reach, as an earlier scan found them, all of which are still there."""

    tips: frozenset[str]
    """Targets of the references."""
    commits: int | None
    """Commits that they reach; None if they were not counted."""
    missing: int = 0
    """Objects that a partial clone left out."""
    left_out: frozenset[str] = frozenset()
    """Their ids; none if they are too many."""


@dataclass(frozen=True, slots=True)
class _Walk:
    """Counts of a walk."""

    commits: int | None
    """None if they were not counted."""
    absent: frozenset[str]
    error: str


def is_about_content(gap: Gap) -> bool:
    """Return True for a gap in the content of an object that is there, by which nothing else is lost."""
    return gap.oid is not None and gap.reason != _REASON


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
    known: Reach | None = None
    """Result of an earlier scan, from which only newer commits are walked."""

    def scan(self, detector: Detector) -> ShardResult:  # noqa: ARG002 - the protocol's form
        """Return a gap for each broken reference, and the counts."""
        if self.known is not None and (reach := self._extend(self.known)) is not None:
            return self._counts(reach.commits, reach.missing, reach.left_out)
        tips = dict.fromkeys(oid for _, oid in self.refs.tips)
        if self.is_small and not self.partial:
            # The usual case: git reaches everything, so every reference leads to an object.
            result = self._check(tips)
            if not (result.tally.stores_uncounted or result.gaps):
                return result
        answers, error = object_info(self.view, tips)
        missing_tips = {words[0].decode() for words in answers if len(words) == 2}
        gaps = []
        if error:
            detail = f"git did not resolve all references: {error.splitlines()[0]}"
            gaps.append(Gap(self.where, "references-unchecked", detail))
        gaps += [
            Gap(
                self.where,
                "reference-broken",
                f"{name.decode('utf-8', 'backslashreplace')}: git cannot read {oid}",
            )
            for name, oid in self.refs.tips
            if oid in missing_tips
        ]
        result = self._check([oid for oid in tips if oid not in missing_tips])
        return replace(result, gaps=(*gaps, *result.gaps))

    def _extend(self, known: Reach) -> Reach | None:
        """Return what the references reach now, from walks between them and those of an earlier scan.

        None if it takes a walk over everything to know.
        """
        commits = known.commits if self.is_small else None
        tips = frozenset(oid for _, oid in self.refs.tips)
        if self.is_small and commits is None:
            return None
        if tips == known.tips:
            return replace(known, commits=commits)
        if len(known.left_out) != known.missing:
            return None
        gained = self._walk(tips - known.tips, known.tips)
        lost = self._walk(known.tips - tips if self.is_small or known.left_out else (), tips)
        if gained.error or lost.error or lost.absent or (gained.absent and not self.partial):
            # What was absent in deleted commits may be reached from others too.
            return None
        left_out = known.left_out | gained.absent
        if commits is not None:
            commits += (gained.commits or 0) - (lost.commits or 0)
        return Reach(tips, commits, len(left_out), left_out)

    def _check(self, starts: Collection[str]) -> ShardResult:
        """Return the counts of what existing objects reach, and gaps for what is absent without a reason."""
        if not starts:
            return self._counts(0)
        if self.is_complete:
            walk = self._walk(starts, commits_only=self.is_clone and not self.is_small)
            # Any other error is of an object that is there, and reported where it is read.
            absent = walk.absent.union(_UNREAD.findall(walk.error))
            result = self._counts(None if walk.error else walk.commits)
            return replace(result, gaps=tuple(self._absent_gaps(absent)))
        if self.partial:
            walk = self._walk(starts)
            result = self._counts(None if walk.error else walk.commits, len(walk.absent), walk.absent)
            if not walk.error:
                return result
            reason = walk.error.splitlines()[0]
            detail = f"what was left out when it was cloned could not be counted: {reason}"
            return replace(result, gaps=(Gap(self.where, "partial-clone", detail),))
        if not self.is_small:
            return self._counts(None)
        lines = git.input_lines(starts)
        answer, error = git.run(self.view, "rev-list", "--count", "--stdin", lines=lines)
        is_number = not error and answer.strip().isdigit()
        return self._counts(int(answer) if is_number else None)

    def _counts(
        self, commits: int | None, missing: int = 0, left_out: frozenset[str] = frozenset()
    ) -> ShardResult:
        """Return the result with the counts of commits and missing objects."""
        tally = Tally(
            objects_missing=missing, commits_reached=commits or 0, stores_uncounted=int(commits is None)
        )
        detail = f"objects left out when it was cloned: {missing}; a clone without --filter has them"
        gaps = (Gap(self.where, "partial-clone", detail, by_design=True),) if missing else ()
        kept = left_out if missing <= _MAX_LEFT_OUT else frozenset[str]()
        return ShardResult(gaps=gaps, tally=tally, left_out=kept)

    def _walk(
        self, starts: Collection[str], known: Collection[str] = (), *, commits_only: bool = False
    ) -> _Walk:
        """Walk over what objects reach, apart from what known ones reach."""
        if not starts:
            return _Walk(0, frozenset(), "")
        objects = () if commits_only else _OBJECTS
        listing = _LISTING if self.is_small else ("--quiet",)
        lines = git.input_lines(starts, sorted(known))
        answer, error = git.run(self.view, "rev-list", *objects, *listing, "--stdin", lines=lines)
        absent = frozenset(line[1:].decode("ascii") for line in answer.splitlines() if line.startswith(b"?"))
        return _Walk(answer.count(b" ") if self.is_small else None, absent, error)

    def _absent_gaps(self, absent: Iterable[str]) -> list[Gap]:
        """Return the gaps of absent objects."""
        oids = sorted(absent)
        gaps = [Gap(f"{self.where}: object {oid}", _REASON, _ABSENT, oid=oid) for oid in oids[:_MAX_GAPS]]
        if more := len(oids) - len(gaps):
            gaps.append(Gap(self.where, _REASON, f"{more} more objects: {_ABSENT}"))
        return gaps
