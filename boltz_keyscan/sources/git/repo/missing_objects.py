"""Objects that a repository names but does not have, and commits that it reaches. Both are counted only."""

from __future__ import annotations

from boltz_keyscan.model.finding import Detector, Gap, ShardResult, Tally
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.repo.repository import References
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import object_info


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
        tally = self._count_commits(starts)
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

    def _count_commits(self, starts: list[bytes]) -> Tally:
        """Return a tally of the commits that references reach."""
        if not starts:
            return Tally()
        if self.is_small:
            answer, error = git.run(self.view, "rev-list", "--count", "--stdin", lines=starts)
            if not error and answer.strip().isdigit():
                return Tally(commits_reached=int(answer))
        return Tally(stores_uncounted=1)
