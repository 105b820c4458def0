"""Commands that rewrite commits that were not pushed: amend and rebase."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from boltz_keyscan.advice import Verb, choose_verb
from boltz_keyscan.model.enums import Exposure, Situation
from boltz_keyscan.model.finding import Location
from boltz_keyscan.records import replace
from boltz_keyscan.report.file_actions import Instruction, act, instruct, is_object, quote_paths, spots

_AMEND = "git commit --amend --no-edit --allow-empty"
"""Amend command; it also works if the commit added only the key."""

_AMEND_MESSAGE = "git commit --amend --allow-empty"

_UNLESS_CONFLICT = (
    " (if git printed CONFLICT, without 'git commit --amend', which would change the commit before)"
)

_SHORT = 7
"""Digits of a commit id in commands and sentences, as git prints them."""


def shorten(commit: str) -> str:
    """Return a commit id as sentences and commands have it."""
    return commit[:_SHORT]


def rebase(commits: Sequence[str], locations: Sequence[Location], *, root: bool) -> Iterator[Instruction]:
    """Yield the instructions of a rebase that stops at each commit with a key.

    Args:
        commits: all commits with the key, parents first.
        locations: the locations of the key.
        root: True if the first commit has no parent.
    """
    first = shorten(commits[0])
    short = [shorten(commit) for commit in commits]
    edits = " ".join(f"-e 's/^p[ick]* {commit}/edit {commit}/'" for commit in short)
    base = "--root" if root else f"{first}^"
    yield instruct("rebase", first=first, commits=", ".join(short), edits=edits, base=base)
    for number, commit in enumerate(commits):
        found = [place for place in locations if place.commit == commit]
        # git puts the files of the commit on disk.
        present = [replace(each, exposure=Exposure.TRACKED, gone=False) for each in found]
        verbs = {choose_verb(each, Situation.COMMITTED) for each in present}
        unless = _UNLESS_CONFLICT if number else ""
        cleared = act(Verb.CLEAR, found).commands if verbs == {Verb.CLEAR} else ()
        commands = (*cleared, *amend_commands(found), "git rebase --continue")
        yield instruct("rebase_stop", commands, commit=shorten(commit), spots=spots(found), unless=unless)
    yield instruct("rebase_end")


def amend_commands(found: Sequence[Location], *, on_disk: bool = True) -> tuple[str, ...]:
    """Return the commands that amend a commit: with the files, or its message alone.

    Args:
        found: the locations in the commit.
        on_disk: False if no file has the key now. It may be deleted from the index too, where ``git add``
            does not find it, but ``git commit`` does (git-commit, "--only").
    """
    files = [each for each in found if not is_object(each)]
    if files and not on_disk:
        return (f"{_AMEND} -- {quote_paths(files)}",)
    amend = _AMEND if files else _AMEND_MESSAGE
    return (f"git add -- {quote_paths(files)}", amend) if files else (amend,)
