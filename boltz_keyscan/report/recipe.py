"""A key to be removed, with what is known of its commits: the input of a remediation."""

from __future__ import annotations

import shlex

from boltz_keyscan.model.enums import Exposure
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.model.push_status import PushStatus
from boltz_keyscan.policy import pushed
from boltz_keyscan.records import dataclass
from boltz_keyscan.rules import Rule


@dataclass(frozen=True, slots=True)
class Recipe:
    """The instructions for one key."""

    finding: Finding
    rule: Rule
    push_status: PushStatus = PushStatus()
    """The status of its commits, as far as they are known."""
    targets: tuple[str, ...] = (".",)
    """Paths of the scan."""
    folder: str = "project"
    """Name of the folder of the repository."""
    fresh: str = "project-clean"
    """Name of a folder beside it that does not exist, for a fresh clone."""
    is_read: bool = True
    """False for a report, which has the result of the scan only: its commands fit any folder, and where they
    depend on the commits, ``explain`` is named."""

    @property
    def commits(self) -> tuple[str, ...]:
        """The commits to be rewritten, parents first; none if one of them was pushed."""
        status = self.push_status
        found = {each.commit for each in self.finding.locations if each.commit is not None}
        if not found or pushed(self.finding) is not False or not found <= set(status.unpushed):
            return ()
        if status.stashes and status.branch and not status.branches:
            # Only a stash leads to the commits: nothing is left of them to be rewritten once it is dropped.
            return ()
        stashed = {each.commit for each in self.finding.locations if each.stash}
        return tuple(commit for commit in status.unpushed if commit not in stashed)

    @property
    def is_amended(self) -> bool:
        """True if the commit checked out is the only one to be rewritten, and nothing else has it."""
        return self.commits == (self.push_status.head,) and self.push_status.is_checked_out

    @property
    def has_root(self) -> bool:
        """True if the first commit to be rewritten has no parent."""
        return bool(self.push_status.roots.intersection(self.commits[:1]))

    def locations(self, *exposures: Exposure) -> list[Location]:
        """Return the locations in files on disk, or of these exposures."""
        wanted = exposures or _ON_DISK
        found = [each for each in self.finding.locations if each.exposure in wanted]
        # A path in HEAD has a location for the file, and one for each blob.
        return [each for each in found if each.blob is None] or found

    @property
    def scan(self) -> str:
        """The command of the last step."""
        return shlex.join(("boltz-keyscan", *self.targets))

    @property
    def explain(self) -> str:
        """The command that explains the key."""
        targets = () if self.targets == (".",) else self.targets
        return shlex.join(("boltz-keyscan", "explain", self.finding.fingerprint[:12], *targets))

    @property
    def is_on_disk(self) -> bool:
        """True if all files of HEAD with the key have it on disk too."""
        found = [each for each in self.finding.locations if each.exposure is Exposure.TRACKED]
        return {each.path for each in found} == {each.path for each in found if each.blob is None}

    def has(self, exposure: Exposure) -> bool:
        """Return True if a location has an exposure."""
        return any(each.exposure is exposure for each in self.finding.locations)


_ON_DISK = (
    Exposure.TRACKED,
    Exposure.STAGED,
    Exposure.MODIFIED,
    Exposure.UNTRACKED,
    Exposure.FILE,
    Exposure.LOCAL,
)
