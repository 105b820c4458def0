"""What a repository names but does not have.

Boundary: counts and says so; nothing is ever fetched.
"""

from __future__ import annotations

from dataclasses import dataclass

from boltz_keyscan.model.finding import Detector, Gap, ShardResult, Tally
from boltz_keyscan.sources.git.repo.repository import References
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import object_info


def _complaint(where: str, told: str) -> Gap:
    return Gap(
        where, "references-unchecked", f"git did not say what all references lead to: {told.splitlines()[0]}"
    )


@dataclass(frozen=True, slots=True)
class MissingShard:
    """References that lead nowhere; and, in a partial clone, how many objects were left out.

    A shard of its own, because git walks the whole history for the count.
    """

    view: git.RepoView
    where: str
    refs: References
    partial: bool
    weight: int = 1
    """Hardly anything, but not for the process that feeds the others."""

    def scan(self, detector: Detector) -> ShardResult:  # noqa: ARG002 - the protocol's form
        """Ask git what is not there."""
        lines = [oid.encode() + b"\n" for _, oid in self.refs.tips]
        answers, told = object_info(self.view, dict.fromkeys(oid for _, oid in self.refs.tips))
        gone = {words[0].decode() for words in answers if len(words) == 2}
        gaps = [] if not told else [_complaint(self.where, told)]
        gaps += [
            Gap(
                self.where,
                "reference-broken",
                f"{name.decode('utf-8', 'backslashreplace')}: git cannot read {oid}",
            )
            for name, oid in self.refs.tips
            if oid in gone
        ]
        if not self.partial:
            return ShardResult(gaps=tuple(gaps))
        starts = [line for line in lines if line.strip().decode() not in gone]
        options = ("--objects", "--missing=print", "--quiet", "--stdin")
        answer, told = git.run(self.view, "rev-list", *options, lines=starts)
        missing = answer.count(b"?")
        if told:
            detail = f"what was left out when it was cloned could not be counted: {told.splitlines()[0]}"
            gaps.append(Gap(self.where, "partial-clone", detail))
        elif missing:
            detail = f"objects left out when it was cloned: {missing}; a clone without --filter has them"
            gaps.append(Gap(self.where, "partial-clone", detail, by_design=True))
        return ShardResult(gaps=tuple(gaps), tally=Tally(objects_missing=missing))
