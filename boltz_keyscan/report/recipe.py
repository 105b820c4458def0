"""A key to be removed, with what is known of its commits: the input of a remediation."""

from __future__ import annotations

import shlex

from boltz_keyscan.model.enums import Exposure
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.records import dataclass
from boltz_keyscan.rules import Rule


@dataclass(frozen=True, slots=True)
class History:
    """The commits of a key, as far as they are known."""

    head: str | None = None
    unborn: bool = False
    """True before the first commit."""
    commits: tuple[str, ...] = ()
    """All commits, parents first, if none was pushed."""
    root: bool = False
    """True if the first commit has no parent."""
    merges: bool = False
    """True if there is a merge among the commits to be rewritten."""
    branches: tuple[str, ...] = ()
    """Local branches and tags that have the commits, full names."""
    stashes: tuple[str, ...] = ()
    """Stashes that have the commits, such as ``stash@{1}``, the oldest first."""
    worktrees: tuple[tuple[str, str], ...] = ()
    """Other worktrees that have the commits checked out: path, and branch; "" for a detached HEAD."""
    branch: str = ""
    """The branch checked out, full name; empty for a detached HEAD."""
    upstreams: tuple[str, ...] = ()
    """Names of the remote branches, such as ``origin/main``."""
    gone: bool = False
    """True if a remote branch had the commits earlier and none has any of them now."""
    folder: str = "project"
    """Name of the folder of the repository."""
    fresh: str = "project-clean"
    """Name of a folder beside it that does not exist, for a fresh clone."""
    read: bool = True
    """False for a report, which has the result of the scan only: its commands fit any folder, and where they
    depend on the commits, ``explain`` is named."""

    @property
    def is_checked_out(self) -> bool:
        """True if no branch or tag has the commits but the branch checked out, which git rewrites here."""
        return set(self.branches) <= {self.branch}


@dataclass(frozen=True, slots=True)
class Recipe:
    """The instructions for one key. ``targets`` are the paths of the scan."""

    finding: Finding
    rule: Rule
    history: History = History()
    targets: tuple[str, ...] = (".",)

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
