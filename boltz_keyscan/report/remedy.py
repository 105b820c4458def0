"""What to do about one key, in order, as commands: from what is staged to what was pushed.

A key that was pushed is replaced and revoked before its history is touched: rewriting
does not take back what others have, and it takes time in which the key still works.

Boundary: a finding and what is known of its commits to steps; nothing is run.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from boltz_keyscan.model import Exposure, Finding, KeyType
from boltz_keyscan.report.words import earliest
from boltz_keyscan.rules import Rule

_REVOKE = (
    "boltz-keyscan . --verify --report json=scan.json",
    "boltz-keyscan keys revoke --from-report scan.json --execute",
)
"""First which key it is, then its end: what a key begins with does not tell it from others."""

_COMMITTED = {Exposure.TRACKED, Exposure.HISTORY}
_IN_FILES = {Exposure.TRACKED, Exposure.STAGED, Exposure.MODIFIED, Exposure.UNTRACKED, Exposure.FILE}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do."""

    text: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """What is known of the commits of a key."""

    pushed: bool
    """A remote-tracking branch has one of them, or nothing is known of them."""
    head: str | None = None
    root: bool = False
    """The first of them has no parent."""


def expression(rule: Rule) -> str:
    """A line for ``git filter-repo --replace-text`` that takes out keys without naming one.

    A literal would put the key into another file. This takes out every key of the type,
    which is right: no key belongs into a history. 20 is the length from which on a body is
    taken for a key.
    """
    return f"regex:{rule.prefix}[A-Za-z0-9_-]{{20,}}==>REMOVED-BOLTZ-KEY\n"


def steps(finding: Finding, rule: Rule, history: History, file: str | None) -> Iterator[Step]:
    """What to do, in order.

    Args:
        finding: the key.
        rule: its rule.
        history: of the commits that brought it in.
        file: the expressions for ``git filter-repo``, when they were written.
    """
    exposures = {place.exposure for place in finding.locations}
    committed = bool(exposures & _COMMITTED)
    if Exposure.STAGED in exposures:
        yield _unstage(finding, history)
    if not committed or not history.pushed:
        yield from _out_of_files(finding)
        if committed:
            yield _rewrite(finding, rule, history)
        yield Step("If anybody or anything else has read it since (a backup, an agent, a log), go on:")
        yield from _gone(finding, rule)
    else:
        yield from _gone(finding, rule)
        yield from _out_of_files(finding)
        yield from _filter(finding, file)
    if committed or Exposure.UNREACHABLE in exposures:
        yield Step(
            "Let git forget the objects that no reference reaches any more.",
            ("git reflog expire --expire=now --all", "git gc --prune=now"),
        )


def _paths(finding: Finding, exposures: set[Exposure]) -> list[str]:
    found = {place.path for place in finding.locations if place.exposure in exposures and place.blob is None}
    return sorted(found) or sorted({place.path for place in finding.locations if place.exposure in exposures})


def _unstage(finding: Finding, history: History) -> Step:
    paths = shlex.join(_paths(finding, {Exposure.STAGED}))
    # Before the first commit there is nothing to restore from.
    verb = "git restore --staged --" if history.head else "git rm --cached --"
    return Step("Take it out of what is staged.", (f"{verb} {paths}",))


def _out_of_files(finding: Finding) -> Iterator[Step]:
    paths = _paths(finding, _IN_FILES)
    exposures = {place.exposure for place in finding.locations}
    if paths and exposures & _IN_FILES:
        kept = exposures.isdisjoint(_COMMITTED) and Exposure.MODIFIED in exposures
        yield Step(
            f"Take it out of {', '.join(paths)}; read it from an environment variable such as BOLTZ_API_KEY."
            + (" It is in no commit, so no history has to be rewritten." if kept else "")
        )


def _rewrite(finding: Finding, rule: Rule, history: History) -> Step:
    first = earliest(finding.locations)
    paths = shlex.join(_paths(finding, _COMMITTED))
    if first is None or first.commit is None:
        pattern = f"{rule.prefix}[A-Za-z0-9_-]{{20}}"
        return Step(
            "Find the commit that brought it in, the last one that this lists. If it was pushed, replace and "
            "revoke the key before you rewrite the commits since then.",
            (f"git log --oneline -G '{pattern}' -- {paths}",),
        )
    commit = first.commit
    if commit == history.head:
        return Step(
            "Amend the commit: no remote branch that is known here has it.",
            (f"git add -- {paths}", "git commit --amend --no-edit"),
        )
    onto = "--root" if history.root else f"{commit}^"
    return Step(
        f"Rewrite the commits since {commit[:12]}: no remote branch that is known here has them. "
        "Mark that one 'edit', then go on.",
        (
            f"git rebase --interactive {onto}",
            f"git add -- {paths}",
            "git commit --amend --no-edit",
            "git rebase --continue",
        ),
    )


def _gone(finding: Finding, rule: Rule) -> Iterator[Step]:
    """Replace, revoke, look: all that a rule says but the cleaning up, which comes last."""
    for step in rule.remediation[:-1]:
        revoking = step.startswith("Revoke") and finding.key_type is KeyType.WORKSPACE
        yield Step(step, _REVOKE if revoking else ())


def _filter(finding: Finding, file: str | None) -> Iterator[Step]:
    # Beside the clone: git filter-repo takes no clone in which there is a file it does not know.
    name = file or "../replacements.txt"
    write = () if file else (f"boltz-keyscan explain {finding.fingerprint} --replace-text {name}",)
    yield Step(
        "Rewrite the history, in a fresh clone. The file names no key: it takes out all keys of this type.",
        (*write, f"git filter-repo --replace-text {shlex.quote(name)}"),
    )
    coded = sorted({place.path for place in finding.locations if place.decoded or place.members})
    if coded:
        yield Step(
            "It also stands encoded or inside an archive, where --replace-text does not reach. "
            "Take those files out of the history:",
            (f"git filter-repo --invert-paths {' '.join(f'--path {shlex.quote(path)}' for path in coded)}",),
        )
    yield Step(
        "Look whether it is gone, and push. git filter-repo has taken out the remote; URL is where it was.",
        (
            "boltz-keyscan .",
            "git remote add origin URL",
            "git push --force --all",
            "git push --force --tags",
        ),
    )
    yield Step("Have everybody clone anew, and treat every clone and fork as still having it.")
