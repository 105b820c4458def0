"""Commands that rewrite commits: amend, rebase and git filter-repo; and that follow such a rewrite."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from boltz_keyscan.advice import Verb, choose_verb
from boltz_keyscan.model.enums import Exposure, Situation
from boltz_keyscan.model.finding import Location
from boltz_keyscan.model.push_status import PushStatus
from boltz_keyscan.records import replace
from boltz_keyscan.report.file_actions import Instruction, act, instruct, is_object, quote_paths, spots
from boltz_keyscan.report.recipe import Recipe
from boltz_keyscan.rules import Rule, is_exact

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


_EXPRESSIONS = "../boltz-key-expressions.txt"
"""Beside the clone: git filter-repo refuses a clone with an unknown file."""

_EXPRESSION = re.compile(r"regex:(?:sk|shr)_\S+==>REMOVED-BOLTZ-(?:KEY|SHARE-LINK)")
"""A line that ``expression`` returns."""
_BOUNDARY = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
"""No letter before, unless it ends an escape."""

# Not "git reflog expire --all", which deletes all stashes but the last: git keeps
# them only in a reflog.
EXPIRE = ("git -c gc.reflogExpire=now -c gc.reflogExpireUnreachable=now gc --prune=now",)


def expression(rule: Rule) -> str:
    """Return a line for ``git filter-repo --replace-text`` that removes all keys of a type.

    A literal would put the key into another file. Bodies of 20 characters or more count as keys; after an
    exact prefix only one of the confirmed shape, as names have that prefix too.
    """
    if is_exact(rule.prefix):
        return f"regex:{_BOUNDARY}{rule.prefix}{rule.body}(?![A-Za-z0-9])==>REMOVED-BOLTZ-SHARE-LINK\n"
    return f"regex:{rule.prefix}[A-Za-z0-9_-]{{20,}}==>REMOVED-BOLTZ-KEY\n"


def are_expressions(text: str) -> bool:
    """Return True for lines that ``expression`` returned, now or earlier."""
    return all(_EXPRESSION.fullmatch(line) for line in text.splitlines())


def rewrite_unpushed(recipe: Recipe, names: Sequence[str], reason: str) -> Instruction:
    """Return the rewrite of branches that are not pushed, in this clone, with the reason for this program."""
    linear = len(names) == 1 and not recipe.has_root and not recipe.push_status.merges
    refs = [f"{shorten(recipe.commits[0])}^..{names[0]}"] if linear else names
    values = {
        "write": _write_expressions(recipe),
        "replace": _replace_option(recipe),
        "refs": shlex.join(refs),
    }
    return instruct("rewrite", names=", ".join(names), reason=reason, **values)


def rewrite_pushed(recipe: Recipe) -> Iterator[Instruction]:
    """Yield the rewrite of a pushed history, in a fresh clone; or of this clone, if that was done."""
    if recipe.push_status.gone:
        yield from _follow(recipe)
        return
    folder = shlex.quote(f"../{recipe.fresh}")
    here = shlex.quote(f"../{recipe.folder}")
    if not recipe.is_read:
        folder, here = '"../$(basename "$PWD")-clean"', '"${PWD%-clean}"'
    remotes = (each.remote.partition("/")[0] for each in recipe.finding.locations if each.remote)
    remote = shlex.quote(next(remotes, "origin"))
    write, option = _write_expressions(recipe), _replace_option(recipe)
    yield instruct("rewrite_pushed", write=write, remote=remote, folder=folder, replace=option)
    coded = sorted({each.path for each in recipe.finding.locations if each.decoded or each.members})
    if coded:
        yield instruct("remove_encoded", options=" ".join(f"--path {shlex.quote(path)}" for path in coded))
    yield instruct("push_rewritten", here=here, remote=remote)


def _follow(recipe: Recipe) -> Iterator[Instruction]:
    """Yield the way from old commits to a remote branch whose history was rewritten."""
    status = recipe.push_status
    yield from drop_stashes(recipe)
    commands = []
    # The command that acts in the worktree which has a branch checked out.
    acting = {branch: _in_worktree(path) for path, branch in status.worktrees}
    acting |= {status.branch: "git"} if status.branch else {}
    for name in status.branches:
        short = short_name(name)
        quoted = shlex.quote(short)
        upstream = next((each for each in status.upstreams if each.partition("/")[2] == short), None)
        if name.startswith("refs/tags/"):
            commands.append(f"git tag --delete {shlex.quote(name.removeprefix('refs/tags/'))}")
        elif name not in acting:
            goal = f"git branch --force {quoted} {shlex.quote(upstream)}" if upstream else ""
            commands.append(goal or f"git branch --delete --force {quoted}")
        elif upstream:
            commands.append(f"{acting[name]} reset --hard {shlex.quote(upstream)}")
        else:
            commands.append(f"{acting[name]} checkout --force --detach {shlex.quote(status.upstreams[0])}")
            commands.append(f"git branch --delete --force {quoted}")
    if "" in acting:
        commands += [
            f"{_in_worktree(path)} checkout --force --detach {shlex.quote(status.upstreams[0])}"
            for path, branch in status.worktrees
            if not branch
        ]
    if not status.branches and recipe.has(Exposure.TRACKED):
        commands.append(f"git checkout --force --detach {shlex.quote(status.upstreams[0])}")
    yield instruct("follow", ("git fetch --prune", *commands, "git fetch --tags", *EXPIRE))


def renew_worktrees(status: PushStatus) -> Iterator[Instruction]:
    """Yield the instruction to bring other worktrees to the rewritten commits, if they have the old ones."""
    commands = [
        f"{_in_worktree(path)} reset --hard"
        if branch
        else f'{_in_worktree(path)} checkout --force --detach "$(git rev-parse HEAD)"'
        for path, branch in status.worktrees
    ]
    if commands:
        yield instruct("renew_worktrees", commands, places=", ".join(path for path, _ in status.worktrees))


def _in_worktree(path: str) -> str:
    return f"git -C {shlex.quote(path)}"


def drop_stashes(recipe: Recipe) -> Iterator[Instruction]:
    """Yield the instruction to drop the stashes that have a key, if there are any."""
    if stashes := recipe.push_status.stashes:
        # The oldest first: the numbers of the others stay.
        commands = [f"git stash drop {shlex.quote(stash)}" for stash in stashes]
        name = "drop_stash" if len(stashes) == 1 else "drop_stashes"
        yield instruct(name, commands, stashes=", ".join(stashes))


def _write_expressions(recipe: Recipe) -> str:
    """Return the command that writes the expressions."""
    return f"{recipe.explain} --replace-text {_EXPRESSIONS}"


def _replace_option(recipe: Recipe) -> str:
    in_message = any(map(is_object, recipe.finding.locations))
    return f"--replace-text {_EXPRESSIONS}" + (f" --replace-message {_EXPRESSIONS}" if in_message else "")


def short_name(name: str) -> str:
    """Return the name of a branch without its folder."""
    return name.removeprefix("refs/heads/")
