"""Push status of the commits that have a key: what a rewrite of them has to touch."""

from __future__ import annotations

from boltz_keyscan.records import dataclass


@dataclass(frozen=True, slots=True)
class PushStatus:
    """Push status of some commits of one repository."""

    head: str | None = None
    """The commit checked out, in full hex; None before the first commit, and if it is not known."""
    unborn: bool = False
    """True before the first commit."""
    present: frozenset[str] = frozenset()
    """Commits that the repository has."""
    unpushed: tuple[str, ...] = ()
    """Commits that no remote-tracking branch of this clone reaches, parents first."""
    roots: frozenset[str] = frozenset()
    """Commits without a parent."""
    merges: bool = False
    """True if there is a merge among the commits that are not pushed."""
    branches: tuple[str, ...] = ()
    """Local branches and tags that reach any of the commits, full names."""
    stashes: tuple[str, ...] = ()
    """Stashes that reach any of the commits, such as ``stash@{0}``, the oldest first."""
    worktrees: tuple[tuple[str, str], ...] = ()
    """Other worktrees that reach any of the commits: path from here, branch; "" for a detached HEAD."""
    branch: str = ""
    """The branch checked out, full name; empty for a detached HEAD."""
    upstreams: tuple[str, ...] = ()
    """Names of the remote branches, such as ``origin/main``."""
    gone: bool = False
    """True if a remote branch had the commits earlier and none has any of them now."""

    @property
    def is_checked_out(self) -> bool:
        """True if no branch or tag has the commits but the branch checked out, which git rewrites here."""
        return set(self.branches) <= {self.branch}
