"""Part of a repository that a pipeline scans, and the revision whose suppressions it trusts.

Scanned are the commits between the previous one and the new one, or everything when this clone does not
have them (a shallow clone, a forced push). Baseline, ignores and comments come from the default branch
before the change, never from the pushed branch: an author could first push the suppression and then the
key.

Commits are looked up with the git environment of the scanner, without the settings of the repository.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from boltz_keyscan.errors import GitError, KeyscanError
from boltz_keyscan.sources.git.repo.repository import enclosing
from boltz_keyscan.sources.trusted_files import open_revision

AUTO, ALL = "auto", "all"
SCANS = (AUTO, ALL)
"""Values of the input ``scan``: the new commits where possible, or always everything."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

FETCH_ALL = "this clone does not have the whole history"


@dataclass(frozen=True, slots=True)
class Change:
    """A change, in full commit ids and full names of references."""

    end: str = ""
    """New commit; empty for the whole repository."""
    start: str = ""
    """Previous commit; empty or zeros when there was none."""
    default: str = ""
    """Reference of the default branch in this clone; empty when unknown."""
    to_default: bool = False
    """The change is on the default branch."""


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a repository to scan."""

    options: tuple[str, ...]
    """Options of the scanner that select it; none for everything."""
    trust: str
    """Value of ``--trust``."""
    description: str
    """One line for the log; only commit ids in it come from outside."""


class Nothing(Exception):  # noqa: N818 - a result, not an error
    """The change brings no objects: a branch or tag was deleted."""


def commit(text: object) -> str:
    """Return a commit id of another program; empty for zeros and for anything else."""
    commit_id = text if isinstance(text, str) and _COMMIT.fullmatch(text) else ""
    return commit_id if commit_id.strip("0") else ""


def is_zero(text: object) -> bool:
    """Return whether a commit id is all zeros, which means no commit."""
    return isinstance(text, str) and bool(_COMMIT.fullmatch(text)) and not text.strip("0")


def remote(branch: object) -> str:
    """Return the reference of a branch of the server in a full clone."""
    return f"refs/remotes/origin/{branch}" if isinstance(branch, str) and branch else ""


def choose(folder: Path, change: Change, scan: str) -> Part:
    """Choose the part of a clone to scan for a change.

    Raises:
        KeyscanError: the folder does not exist, or lacks the new commit.
    """
    if not folder.is_dir():
        raise KeyscanError(f"no such folder: {folder}", "Check out the repository first.")
    before = _resolve(folder, change.start)
    default = _resolve(folder, change.default)
    # A new branch, or one whose previous commit is missing, is compared with the default branch.
    start = before or (default if not change.to_default else "")
    word = before if change.to_default else default
    trust = f"base:{word}" if word else "none"
    if scan == ALL or not change.end:
        return Part((), trust, "Scanning every file and the whole history.")
    if not start or (shallow(folder) and not _resolve(folder, change.end)):
        reason = "there is nothing earlier to compare with" if not shallow(folder) else FETCH_ALL
        return Part((), trust, f"Scanning every file and the whole history: {reason}.")
    if not _resolve(folder, change.end):
        raise KeyscanError(
            f"this clone does not have commit {change.end}",
            "Check out what the event is about, with its whole history.",
        )
    return Part(
        (f"--range={start}..{change.end}",), trust, f"Scanning what {change.end} has and {start} has not."
    )


def words(text: str) -> list[str]:
    """Split more options by the rules of a shell, without running one.

    Raises:
        KeyscanError: a quotation mark is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise KeyscanError(f"args cannot be split: {error}", "Close every quotation mark.") from error


def shallow(folder: Path) -> bool:
    """Return whether a clone lacks the parents of some commits (gitrepository-layout, "shallow")."""
    try:
        repository = enclosing(os.fsencode(folder))
    except (OSError, ValueError):
        return False
    return repository is not None and Path(os.fsdecode(repository.common_dir), "shallow").exists()


def _resolve(folder: Path, revision: str) -> str:
    """Resolve a revision to a commit id; empty when this clone does not have it."""
    if not revision:
        return ""
    try:
        return open_revision(os.fsencode(folder), revision).commit
    except (GitError, KeyscanError):
        # The scan reports other problems of the repository.
        return ""
