"""Remediation of one key: steps in order, with commands.

A key is replaced and revoked before its history is rewritten: rewriting does not take it back
from others, and the key works meanwhile. Only a key that no one else has read starts with the
clean-up.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from boltz_keyscan.model.enums import Exposure, KeyType
from boltz_keyscan.model.finding import Finding
from boltz_keyscan.records import dataclass
from boltz_keyscan.rules import Rule

_REVOKE = (
    "boltz-keyscan . --verify --report json=scan.json",
    "boltz-keyscan keys revoke --from-report scan.json --execute",
)
"""Commands that identify and revoke a key; its prefix does not identify it."""

_AMEND = "git commit --amend --no-edit --allow-empty"
"""Amend command; it also works if the commit added only the key."""

_SHORT = 12
"""Digits of a commit id in a sentence."""

_COMMITTED = {Exposure.TRACKED, Exposure.HISTORY}
_IN_FILES = {Exposure.TRACKED, Exposure.STAGED, Exposure.MODIFIED, Exposure.UNTRACKED, Exposure.FILE}


@dataclass(frozen=True, slots=True)
class Step:
    """Step of a remediation."""

    text: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """History of a key: its commits, as far as they are known."""

    pushed: bool
    """True if a remote-tracking branch has one of the commits, or they are unknown."""
    head: str | None = None
    commits: tuple[str, ...] = ()
    """All commits, parents first, if none was pushed."""
    root: bool = False
    """True if the first commit has no parent."""


def expression(rule: Rule) -> str:
    """Return a line for ``git filter-repo --replace-text`` that removes all keys of a type.

    A literal would put the key into another file. Bodies of 20 characters or more count as keys.
    """
    return f"regex:{rule.prefix}[A-Za-z0-9_-]{{20,}}==>REMOVED-BOLTZ-KEY\n"


def steps(finding: Finding, rule: Rule, history: History, file: str | None) -> Iterator[Step]:
    """Yield the steps, in order.

    Args:
        finding: the key.
        rule: rule of the key.
        history: the commits that added the key.
        file: path of the expressions for ``git filter-repo``, if they were written.
    """
    exposures = {place.exposure for place in finding.locations}
    committed = bool(exposures & _COMMITTED)
    # Commits that are not known may have been pushed.
    pushed = committed and (history.pushed or not history.commits)
    yield from _replace_and_revoke(finding, rule, may_be_unread=not pushed)
    if Exposure.STAGED in exposures:
        yield _unstage(finding, history)
    if pushed:
        yield from _remove_from_files(finding, _IN_FILES)
        yield from _filter_history(finding, file)
    elif not committed or history.commits == (history.head,):
        yield from _remove_from_files(finding, _IN_FILES)
        if committed:
            yield _amend(finding)
    else:
        # Committed files are edited during the rebase: git rebase needs files without changes.
        yield from _remove_from_files(finding, _IN_FILES - _COMMITTED)
        yield from _rebase(finding, history)
    if committed or exposures & {Exposure.STAGED, Exposure.UNREACHABLE}:
        yield Step(
            "Remove the objects that no reference reaches any more from git.",
            ("git reflog expire --expire=now --all", "git gc --prune=now"),
        )
        yield Step("Scan again: this key must be gone.", ("boltz-keyscan .",))


def _paths(finding: Finding, exposures: set[Exposure]) -> list[str]:
    found = {place.path for place in finding.locations if place.exposure in exposures and place.blob is None}
    return sorted(found) or sorted({place.path for place in finding.locations if place.exposure in exposures})


def _unstage(finding: Finding, history: History) -> Step:
    paths = shlex.join(_paths(finding, {Exposure.STAGED}))
    # Before the first commit there is nothing to restore from.
    verb = "git restore --staged --" if history.head else "git rm --cached --"
    return Step("Remove it from the index.", (f"{verb} {paths}",))


def _remove_from_files(finding: Finding, exposures: set[Exposure]) -> Iterator[Step]:
    found = {place.exposure for place in finding.locations}
    if found & exposures:
        paths = ", ".join(_paths(finding, exposures))
        kept = found.isdisjoint(_COMMITTED) and Exposure.MODIFIED in found
        yield Step(
            f"Remove it from {paths}; read it from an environment variable such as BOLTZ_API_KEY."
            + (" It is in no commit, so no history has to be rewritten." if kept else "")
        )


def _amend(finding: Finding) -> Step:
    return Step(
        "Amend the commit: no remote branch known here has it.",
        (f"git add -- {shlex.join(_paths(finding, _COMMITTED))}", _AMEND),
    )


def _rebase(finding: Finding, history: History) -> Iterator[Step]:
    first = history.commits[0]
    short = [commit[:_SHORT] for commit in history.commits]
    yield Step(
        f"Rewrite the commits since {short[0]}: no remote branch known here has them. "
        f"In the list that opens, change 'pick' to 'edit' before {', '.join(short)}.",
        (f"git rebase --interactive {'--root' if history.root else f'{first}^'}",),
    )
    for commit in history.commits:
        places = [place for place in finding.locations if place.commit == commit]
        lines = ", ".join(dict.fromkeys(f"{place.path} line {place.line}" for place in places))
        paths = shlex.join(dict.fromkeys(place.path for place in places))
        yield Step(
            f"git stops at {commit[:_SHORT]}. Remove the key from {lines}, then continue.",
            (f"git add -- {paths}", _AMEND, "git rebase --continue"),
        )
    yield Step(
        "If git stops because of a conflict, keep the change of the later commit, without the key; 'git add' "
        "the file, or 'git rm' it when that commit deletes it, and 'git rebase --continue'. "
        "At the end, clear the conflict records of the index:",
        ("git read-tree HEAD",),
    )


def _replace_and_revoke(finding: Finding, rule: Rule, *, may_be_unread: bool) -> Iterator[Step]:
    """Yield the rule's steps to replace, revoke and investigate; the clean-up comes last."""
    advice = rule.remediation[:-1]
    for number, text in enumerate(advice):
        unread = (
            f" If nothing and no one else has read it (no backup, agent, log), begin with {len(advice) + 1}."
            if may_be_unread and number == 0
            else ""
        )
        revoking = text.startswith("Revoke") and finding.key_type is KeyType.WORKSPACE
        yield Step(text + unread, _REVOKE if revoking else ())


def _filter_history(finding: Finding, file: str | None) -> Iterator[Step]:
    # Beside the clone: git filter-repo refuses a clone with an unknown file.
    name = file or "../replacements.txt"
    write = () if file else (f"boltz-keyscan explain {finding.fingerprint} --replace-text {name}",)
    yield Step(
        "Rewrite the history, in a fresh clone. The file has no key in it: it removes all keys of this type.",
        (*write, f"git filter-repo --replace-text {shlex.quote(name)}"),
    )
    coded = sorted({place.path for place in finding.locations if place.decoded or place.members})
    if coded:
        yield Step(
            "It is also encoded or inside an archive, where --replace-text does not find it. "
            "Remove those files from the history:",
            (f"git filter-repo --invert-paths {' '.join(f'--path {shlex.quote(path)}' for path in coded)}",),
        )
    yield Step(
        "Check that it is gone, and push. git filter-repo removed the remote; URL is its address.",
        (
            "boltz-keyscan .",
            "git remote add origin URL",
            "git push --force --all",
            "git push --force --tags",
        ),
    )
    yield Step("Ask everyone to clone again; every existing clone and fork still has it.")
