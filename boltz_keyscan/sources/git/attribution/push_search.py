"""Push status and subject of the commits that introduced keys, as far as this clone knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from boltz_keyscan.errors import GitError
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.attribution.history_walk import Walks, Wanted
from boltz_keyscan.sources.git.attribution.last_changes import LastChanges
from boltz_keyscan.sources.git.objects.scan_cache import FirstCommit
from boltz_keyscan.sources.git.repo.push_status import list_remote_branches
from boltz_keyscan.sources.git.repo.references import References
from boltz_keyscan.sources.git.repo.reflogs import NO_TRACES, Traces, list_stash_commits, read_traces
from boltz_keyscan.sources.git.repo.repository import Repository
from boltz_keyscan.sources.git.run import command as git

_MAX_SUBJECTS = 1000
_MAX_NAMED_BRANCHES = 8
"""Remote branches that are tried one by one, to name the one that has a commit."""

_CLOCK_SKEW_S = 86_400
"""Seconds by which the clocks of two committers may differ."""


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """Facts on one commit for the reader of a report."""

    pushed: bool | None = None
    remote: bytes = b""
    subject: bytes = b""
    stash: str = ""
    """The stash that the commit is a part of, such as ``stash@{0}``."""


UNKNOWN = CommitFacts()


@dataclass(frozen=True, slots=True)
class PushSearch:
    """Search for the remote branches that have commits or objects."""

    view: git.RepoView
    references: References | None
    """The references of the clone; None for a store that is no clone, where nothing is known."""
    traces: Traces
    """Traces of earlier pushes in the clone, and its stashes."""

    @classmethod
    def of(cls, repository: Repository, view: git.RepoView, refs: References) -> PushSearch:
        """Return the search in a repository."""
        if repository.worktree is None:
            return cls(view, None, NO_TRACES)
        return cls(view, refs, read_traces(repository, view, refs))

    def describe(self, commits: Collection[str]) -> dict[str, CommitFacts]:
        """Return the facts on commits; an error of git leaves facts unknown."""
        if not commits:
            return {}
        subjects = self._subjects(sorted(commits)[:_MAX_SUBJECTS])
        branches, error = self._branches(commits)
        absent = False if self._is_complete and not error else None
        unsure, _ = self._reached([oid for oid in commits if oid not in branches], self.traces.unsure)
        stashes = list_stash_commits(self.view, self.traces.stashes)
        return {
            oid: CommitFacts(
                pushed=True if oid in branches else None if oid in unsure else absent,
                remote=branches.get(oid, b""),
                subject=subjects.get(oid, b""),
                stash=stashes.get(oid, ""),
            )
            for oid in commits
        }

    def find_copies(self, first: Mapping[str, FirstCommit], walks: Walks) -> dict[str, CommitFacts]:
        """Return the objects that a remote branch has too, though a commit that is not pushed came first.

        A commit may be copied, for example by a rebase or a cherry-pick.

        Args:
            first: the first commit of each object.
            walks: walks over the repository.
        """
        tips = [oid for _, oid in self._known_branches()]
        if not (first and tips):
            return {}
        wanted: Wanted = dict.fromkeys(first)
        since = max(1, min(commit.time for commit in first.values()) - _CLOCK_SKEW_S)
        lines = git.input_lines(sorted(set(tips)))
        try:
            return {
                oid: CommitFacts(pushed=True)
                for _, oid, _ in walks.find_introductions(wanted, lines, LastChanges(), since)
            }
        except GitError:
            return dict.fromkeys(first, UNKNOWN)

    @property
    def _is_complete(self) -> bool:
        """True if a commit that no remote branch reaches is not pushed, as far as this clone knows."""
        # Beyond the boundary of a shallow clone a remote branch may have it.
        return self.references is not None and not self.references.opaque and self.view.shallow is None

    def _branches(self, commits: Collection[str]) -> tuple[dict[str, bytes], str]:
        """Return the commits that a remote branch reaches, with its name, and an error or ""."""
        found: dict[str, bytes] = {}
        errors = ""
        groups: dict[bytes, list[str]] = {}
        for name, oid in self._known_branches():
            is_named = name in groups or len(groups) < _MAX_NAMED_BRANCHES
            groups.setdefault(name if is_named else b"", []).append(oid)
        for name, tips in groups.items():
            reached, error = self._reached([oid for oid in sorted(commits) if oid not in found], tips)
            errors = errors or error
            found |= dict.fromkeys(reached, name)
        return found, errors

    def _known_branches(self) -> list[tuple[bytes, str]]:
        """Return the remote branches with the commits that they have, then with those that they had."""
        present = list_remote_branches(self.references) if self.references is not None else []
        return [*present, *self.traces.remote]

    def _reached(self, commits: list[str], tips: Collection[str]) -> tuple[list[str], str]:
        """Return the commits that any of some tips reaches, and an error or ""."""
        if not (commits and tips):
            return [], ""
        lines = git.input_lines(commits, sorted(set(tips)))
        listed, error = git.run(self.view, "rev-list", "--stdin", lines=lines)
        beyond = set(listed.decode("ascii", "replace").split())
        return ([], error) if error else ([oid for oid in commits if oid not in beyond], "")

    def _subjects(self, commits: list[str]) -> dict[str, bytes]:
        options = ("log", "--no-walk=unsorted", "--stdin", "-z", "--format=%H %s")
        answer, _ = git.run(self.view, *options, lines=git.input_lines(commits))
        rows = (entry.strip().partition(b" ") for entry in answer.split(b"\0"))
        return {oid.decode("ascii", "replace"): subject for oid, _, subject in rows}
