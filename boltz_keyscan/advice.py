"""Advice on a key: the words for its situation, the steps of a remediation, and the verb for each file.

Reports, ``explain``, the hooks and the guides take theirs from these tables, so that they agree.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from enum import StrEnum

from boltz_keyscan.model.enums import Exposure, Situation
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.model.kinds import is_link
from boltz_keyscan.policy import is_below_git, pushed, situation


class Step(StrEnum):
    """A step of a remediation."""

    REPLACE = "Replace it first: create a new key, and put it where the old one is used."
    REVOKE = "Revoke the leaked key."
    INVESTIGATE = "Check the jobs and the usage since the leak."
    UNSTAGE = "Take it out of the index, if it is staged."
    REMOVE = "Take it out of the files; read it from an environment variable such as BOLTZ_API_KEY."
    REWRITE = "Rewrite the history with git filter-repo, in a fresh clone, and push it."
    INFORM = "Ask everyone to clone again: every existing clone and fork still has it."
    AMEND = "Rewrite the commits that have it, before you push."
    EXPIRE = "Remove the objects that no reference reaches any more."
    REPLACE_IF_READ = (
        "Replace and revoke it if anything or anyone else may have read it: a backup, an agent, a log."
    )
    KEEP = "Nothing to do: keep it out of git, and readable by you only."
    FORGET = "Nothing is urgent: it no longer works. Take it out of the files, or accept it in a baseline."
    SCAN = "Scan again: this key must be gone."
    ARCHIVE = "Archive the share link: from then on it opens nothing."
    RENEW = "Make a new link for those who need one, limited to their e-mail addresses."
    TAKE_OUT = "Take it out of the files."
    ARCHIVE_IF_READ = "Archive it if anyone else may have read it, who should not open it."
    SCAN_FOR_LINK = "Scan again: this share link must be gone."


STEPS: dict[Situation, tuple[Step, ...]] = {
    Situation.PUSHED: (
        Step.REPLACE,
        Step.REVOKE,
        Step.INVESTIGATE,
        Step.REMOVE,
        Step.REWRITE,
        Step.INFORM,
        Step.SCAN,
    ),
    Situation.COMMITTED: (Step.REMOVE, Step.AMEND, Step.EXPIRE, Step.REPLACE_IF_READ, Step.SCAN),
    Situation.NOT_COMMITTED: (
        Step.UNSTAGE,
        Step.REMOVE,
        Step.EXPIRE,
        Step.REPLACE_IF_READ,
        Step.SCAN,
    ),
    Situation.UNREACHABLE: (Step.EXPIRE, Step.REPLACE_IF_READ, Step.SCAN),
    Situation.DEAD: (Step.FORGET,),
    Situation.IN_PLACE: (Step.KEEP,),
}
"""The steps in each situation, in order. A key that works is replaced and revoked before its history is
rewritten: rewriting does not take it back from others. Only a key that no one else has begins with that."""

OF_THE_KEY = frozenset(
    {
        Step.REPLACE,
        Step.REVOKE,
        Step.INVESTIGATE,
        Step.REPLACE_IF_READ,
        Step.ARCHIVE,
        Step.RENEW,
        Step.ARCHIVE_IF_READ,
    }
)
"""Steps that are taken once for a key; the others are for each repository that has it."""

_OF_LINKS: dict[Step, tuple[Step, ...]] = {
    Step.REPLACE: (Step.ARCHIVE,),
    Step.REVOKE: (Step.RENEW,),
    # The API has no list of who opened a link.
    Step.INVESTIGATE: (),
    Step.REMOVE: (Step.TAKE_OUT,),
    Step.REPLACE_IF_READ: (Step.ARCHIVE_IF_READ,),
    Step.SCAN: (Step.SCAN_FOR_LINK,),
}
"""The steps for a share link instead of those for a key; the others are the same."""


def choose_steps(kind: Situation, *, is_link: bool = False) -> tuple[Step, ...]:
    """Return the steps in a situation, of a key or of a share link."""
    if not is_link:
        return STEPS[kind]
    steps = (each for step in STEPS[kind] for each in _OF_LINKS.get(step, (step,)))
    # To be archived, a link is found again; a key that was taken out is known by its id.
    return tuple(sorted(steps, key=lambda step: step is not Step.ARCHIVE_IF_READ))


def describe_case(kind: Situation, *, is_link: bool) -> str:
    """Return the words for a situation of keys, or of share links."""
    return f"share link, {TITLE[kind]}" if is_link else TITLE[kind]


TITLE: dict[Situation, str] = {
    Situation.PUSHED: "pushed, or perhaps pushed",
    Situation.COMMITTED: "committed, not pushed",
    Situation.NOT_COMMITTED: "not committed",
    Situation.UNREACHABLE: "only in unreachable objects",
    Situation.DEAD: "no longer works",
    Situation.IN_PLACE: "where it belongs",
}

LEAKED = (Situation.PUSHED, Situation.COMMITTED, Situation.NOT_COMMITTED)
"""Situations of a key that has to be dealt with."""

EXPOSURE: dict[Exposure, str] = {
    Exposure.TRACKED: "in HEAD",
    Exposure.STAGED: "staged",
    Exposure.HISTORY: "in history",
    Exposure.MODIFIED: "changed, not committed",
    Exposure.UNTRACKED: "untracked",
    Exposure.FILE: "outside git",
    Exposure.UNREACHABLE: "in unreachable objects",
    Exposure.LOCAL: "ignored by git",
}
"""The words for an exposure in all reports and guides."""

INSIDE_GIT = "inside .git"
PRIVATE = "private file outside git"


def describe_exposure(location: Location) -> str:
    """Return the words for the exposure of a location."""
    if location.stash and location.exposure in PAST:
        return f"in {location.stash}"
    if location.exposure is Exposure.LOCAL:
        if location.private:
            return PRIVATE
        if is_below_git(location.path):
            return INSIDE_GIT
    return EXPOSURE[location.exposure]


def describe_situation(finding: Finding) -> str:
    """Return the situation in words, with a remote branch: ``PUSHED to origin/main``."""
    kind = situation(finding)
    exposures = {where.exposure for where in finding.locations}
    text = TITLE[kind]
    if kind is Situation.PUSHED:
        remotes = sorted({where.remote for where in finding.locations if where.remote})
        sure = f"PUSHED to {remotes[0] if remotes else 'a remote branch'}"
        text = sure if pushed(finding) else "committed; pushed: unknown"
    elif kind in {Situation.COMMITTED, Situation.UNREACHABLE} and all(x.stash for x in finding.locations):
        text = "only in a stash, not pushed"
    elif kind is Situation.COMMITTED and exposures == {Exposure.HISTORY}:
        text = "only in history, not pushed"
    elif kind is Situation.NOT_COMMITTED and Exposure.STAGED in exposures:
        text = "staged, not committed"
    elif kind is Situation.NOT_COMMITTED and exposures <= {Exposure.FILE, Exposure.LOCAL}:
        text = "in a file outside git"
    elif kind is Situation.UNREACHABLE and Exposure.UNREACHABLE not in exposures:
        text = "only inside .git"
    return text


class Verb(StrEnum):
    """The action for one file."""

    TAKE_OUT = "take out"
    CLEAR = "clear"
    DELETE = "delete"
    IGNORE = "ignore"
    PROTECT = "protect"
    REPLACE = "replace"
    KEEP = "keep"
    REWRITE = "rewrite"
    DROP = "drop"
    EXPIRE = "expire"
    COMMIT = "commit"


NOTE: dict[Verb, str] = {
    Verb.IGNORE: "add it to .gitignore",
    Verb.REPLACE: "put the new key there",
    Verb.KEEP: "update if you replace the key",
    Verb.COMMIT: "its deletion: the file is gone from disk",
}
"""The words after the exposure that explain a verb."""


def describe_notes(location: Location, kind: Situation) -> str:
    """Return the words that explain the verb of a place; "" if there are none."""
    verb = choose_verb(location, kind)
    notes = [NOTE[verb]] if verb in NOTE and kind is not Situation.IN_PLACE else []
    if verb is Verb.PROTECT or location.open_to_others:
        notes.append(f"others can read it: chmod 600 {shlex.quote(location.path)}")
    return "; ".join(notes)


_ENVIRONMENT = re.compile(r"(?:.*/)?\.env(?:rc|\.(?!(?:dist|example|sample|template)$).+)?")
_DISPOSABLE = re.compile(
    r".*\.(?:(?:log|out|err)(?:\.[0-9]+)?(?:\.(?:gz|bz2|xz|zst))?|pyc|swp)"
    r"|(?:.*/)?(?:\.snakemake|\.nextflow[^/]*|__pycache__|\.cache|\.ipynb_checkpoints"
    r"|\.pytest_cache|\.mypy_cache|\.ruff_cache|logs?|slurm-[^/]*)(?:/.*)?",
    re.IGNORECASE,
)
"""Logs and caches, which programs write again."""

PAST = frozenset({Exposure.HISTORY, Exposure.UNREACHABLE})
"""Exposures of keys in git objects only, not in files on disk."""


def choose_verb(location: Location, kind: Situation) -> Verb:
    """Return the action for a place of a key in a situation: the first that applies."""
    exposure = location.exposure
    environment = _ENVIRONMENT.fullmatch(location.path) is not None and not location.members
    output = location.cell is not None and (location.cell_part or "").startswith("output")
    rows = (
        (bool(location.stash) and exposure in PAST, Verb.DROP),
        (exposure is Exposure.HISTORY, Verb.REWRITE),
        (exposure is Exposure.UNREACHABLE, Verb.EXPIRE),
        (location.gone, Verb.COMMIT),
        (kind is Situation.IN_PLACE, Verb.KEEP),
        (environment and exposure is Exposure.LOCAL and kind is Situation.PUSHED, Verb.REPLACE),
        (environment and exposure is Exposure.LOCAL, Verb.KEEP),
        (environment and exposure in {Exposure.UNTRACKED, Exposure.STAGED}, Verb.IGNORE),
        (environment and exposure is Exposure.FILE, Verb.PROTECT),
        (_DISPOSABLE.fullmatch(location.path) is not None, Verb.DELETE),
        (output, Verb.CLEAR),
    )
    return next((verb for applies, verb in rows if applies), Verb.TAKE_OUT)


def advise(finding: Finding) -> str:
    """Return the situation of a key and its steps, in one line."""
    text = describe_situation(finding)
    steps = numbered_steps(situation(finding), is_link=is_link(finding))
    return f"{text[:1].upper()}{text[1:]}: {' '.join(steps)}"


def numbered_steps(kind: Situation, *, is_link: bool = False) -> Iterator[str]:
    """Yield the steps in a situation, one line each."""
    for number, step in enumerate(choose_steps(kind, is_link=is_link), 1):
        yield f"{number}. {step}"
