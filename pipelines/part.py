"""Which part of a repository a pipeline scans, and whose word counts in it.

Three questions are kept apart. What came in: from a commit that was there before to the one
that is there now, or everything. Whether this clone has these commits: a clone of the last
commit only has not, and a branch that was forced leads nowhere near. Whose baseline, ignores
and comments count: those of the default branch as it was before, and never those of the
branch that is pushed to, or whoever may push there brings the excuse first and the key after it.

Boundary: knows no service; ``github`` and ``gitlab`` say what happened in these terms. Commits
are looked up through the scanner's own view of a repository, which obeys none of its settings.
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
"""What came in where that can be told, or everything in any case."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

FETCH_ALL = "this clone does not have the whole history"


@dataclass(frozen=True, slots=True)
class Change:
    """What happened, in full commit ids and full names of references."""

    end: str = ""
    """The commit that is there now; empty when the whole repository is meant."""
    start: str = ""
    """The commit that was there before; empty or zeros when there was none."""
    default: str = ""
    """The default branch, as this clone knows it; empty when that is not told."""
    to_default: bool = False
    """It is the default branch that changed."""


@dataclass(frozen=True, slots=True)
class Part:
    """What to scan."""

    options: tuple[str, ...]
    """Options of the scanner that choose it; none for everything."""
    trust: str
    """Value of ``--trust``."""
    told: str
    """One line for people; commit ids are the only thing in it that comes from outside."""


class Nothing(Exception):  # noqa: N818 - it is an answer, not an error
    """The change brings no objects: a branch or tag was deleted."""


def commit(text: object) -> str:
    """A commit id that another program gave us; empty for zeros and for whatever is none."""
    told = text if isinstance(text, str) and _COMMIT.fullmatch(text) else ""
    return told if told.strip("0") else ""


def gone(text: object) -> bool:
    """Whether a commit id is all zeros: nothing is there."""
    return isinstance(text, str) and bool(_COMMIT.fullmatch(text)) and not text.strip("0")


def remote(branch: object) -> str:
    """The reference under which a full clone has a branch of the server."""
    return f"refs/remotes/origin/{branch}" if isinstance(branch, str) and branch else ""


def chosen(folder: Path, change: Change, scan: str) -> Part:
    """The part of a clone that a change brought, or all of it.

    Raises:
        KeyscanError: the folder is not there, or does not have the commit that is there now.
    """
    if not folder.is_dir():
        raise KeyscanError(f"no such folder: {folder}", "Check out the repository first.")
    before = _known(folder, change.start)
    default = _known(folder, change.default)
    # A branch that is new, or whose old commit is gone, is compared with the default branch.
    start = before or (default if not change.to_default else "")
    word = before if change.to_default else default
    trust = f"base:{word}" if word else "none"
    if scan == ALL or not change.end:
        return Part((), trust, "Scanning every file and the whole history.")
    if not start or (shallow(folder) and not _known(folder, change.end)):
        why = "there is nothing earlier to compare with" if not shallow(folder) else FETCH_ALL
        return Part((), trust, f"Scanning every file and the whole history: {why}.")
    if not _known(folder, change.end):
        raise KeyscanError(
            f"this clone does not have commit {change.end}",
            "Check out what the event is about, with its whole history.",
        )
    return Part(
        (f"--range={start}..{change.end}",), trust, f"Scanning what {change.end} has and {start} has not."
    )


def words(text: str) -> list[str]:
    """More options, split as a shell would, which none does.

    Raises:
        KeyscanError: a quotation mark stands alone.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise KeyscanError(f"args cannot be split: {error}", "Close every quotation mark.") from error


def shallow(folder: Path) -> bool:
    """Whether a clone lacks the past of some commits (gitrepository-layout, "shallow")."""
    try:
        repository = enclosing(os.fsencode(folder))
    except (OSError, ValueError):
        return False
    return repository is not None and Path(os.fsdecode(repository.common_dir), "shallow").exists()


def _known(folder: Path, revision: str) -> str:
    """A revision as the full id of a commit this clone has; empty when it has none."""
    if not revision:
        return ""
    try:
        return open_revision(os.fsencode(folder), revision).commit
    except (GitError, KeyscanError):
        # Whatever is wrong with the repository itself the scan will say.
        return ""
