"""Commands that rewrite a history with git filter-repo, and that follow such a rewrite."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from boltz_keyscan.report.file_actions import Instruction, is_object
from boltz_keyscan.report.recipe import Recipe
from boltz_keyscan.report.unpushed_commits import shorten
from boltz_keyscan.rules import Rule, is_exact

_INSTALL = "pip install git-filter-repo"

_EXPRESSIONS = "../replacements.txt"
"""Beside the clone: git filter-repo refuses a clone with an unknown file."""

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


def describe_rewrite(names: Sequence[str], reason: str) -> str:
    """Return the sentences on a rewrite of branches that are not pushed, with the reason for this program."""
    return (
        f"Rewrite the commits that have it, in {', '.join(names)}: no remote branch known here has them. "
        f"This uses git filter-repo ({_INSTALL}), because {reason}. Commit other changes first: it resets "
        "the files, and a stash keeps the old commits. The file has no key in it."
    )


def rewrite_unpushed(recipe: Recipe, names: Sequence[str]) -> tuple[str, ...]:
    """Return the commands that rewrite branches that are not pushed, in this clone."""
    history = recipe.history
    linear = len(names) == 1 and not history.root and not history.merges
    refs = [f"{shorten(history.commits[0])}^..{names[0]}"] if linear else names
    command = f"git filter-repo --force {_replace_option(recipe)} --refs {shlex.join(refs)}"
    return (_write_expressions(recipe), command)


def rewrite_pushed(recipe: Recipe) -> Iterator[Instruction]:
    """Yield the rewrite of a pushed history, in a fresh clone; or of this clone, if that was done."""
    if recipe.history.gone:
        yield from _follow(recipe)
        return
    folder = shlex.quote(f"../{recipe.history.folder}-clean")
    here = shlex.quote(f"../{recipe.history.folder}")
    if not recipe.history.read:
        folder, here = '"../$(basename "$PWD")-clean"', '"${PWD%-clean}"'
    remote = next(
        (each.remote.partition("/")[0] for each in recipe.finding.locations if each.remote), "origin"
    )
    address = f"remote get-url {shlex.quote(remote)}"
    yield Instruction(
        f"Rewrite the history, all branches and tags, with git filter-repo ({_INSTALL}), in a fresh clone. "
        "The file has no key in it: it removes all keys of this type.",
        (
            _write_expressions(recipe),
            f'git clone --no-local "$(git {address})" {folder}',
            f"cd {folder}",
            f"git filter-repo {_replace_option(recipe)}",
        ),
    )
    coded = sorted({each.path for each in recipe.finding.locations if each.decoded or each.members})
    if coded:
        yield Instruction(
            "It is also encoded or inside an archive, where --replace-text does not find it. "
            "Remove those files from the history:",
            (f"git filter-repo --invert-paths {' '.join(f'--path {shlex.quote(path)}' for path in coded)}",),
        )
    yield Instruction(
        "Check that it is gone, and push. git filter-repo removed the remote.",
        (
            "boltz-keyscan .",
            f'git remote add origin "$(git -C {here} {address})"',
            "git push --force --all",
            "git push --force --tags",
        ),
    )


def _follow(recipe: Recipe) -> Iterator[Instruction]:
    """Yield the way from old commits to a remote branch whose history was rewritten."""
    history = recipe.history
    yield from drop_stashes(recipe)
    commands = []
    for name in history.branches:
        short = short_name(name)
        quoted = shlex.quote(short)
        upstream = next((each for each in history.upstreams if each.partition("/")[2] == short), None)
        if name.startswith("refs/tags/"):
            commands.append(f"git tag --delete {shlex.quote(name.removeprefix('refs/tags/'))}")
        elif name != history.branch:
            goal = f"git branch --force {quoted} {shlex.quote(upstream)}" if upstream else ""
            commands.append(goal or f"git branch --delete --force {quoted}")
        elif upstream:
            commands.append(f"git reset --hard {shlex.quote(upstream)}")
        else:
            commands.append(f"git checkout --force --detach {shlex.quote(history.upstreams[0])}")
            commands.append(f"git branch --delete --force {quoted}")
    if not history.branches and recipe.is_in_head:
        commands.append(f"git checkout --force --detach {shlex.quote(history.upstreams[0])}")
    yield Instruction(
        "The history on the other side was rewritten: a remote branch had the key, and none known here has "
        "it now. Bring this clone to them. That discards changes, and commits that were not pushed:",
        ("git fetch --prune", *commands, "git fetch --tags", *EXPIRE),
    )


def drop_stashes(recipe: Recipe) -> Iterator[Instruction]:
    """Yield the instruction to drop the stashes that have a key, if there are any."""
    if stashes := recipe.history.stashes:
        has, was, it = ("has", "was", "it") if len(stashes) == 1 else ("have", "were", "them")
        yield Instruction(
            f"{', '.join(stashes)} {has} the key, or {was} made on a commit that has it. Apply and commit "
            f"what you need of {it}, without the key; this drops {it}, with all changes in {it}:",
            # The oldest first: the numbers of the others stay.
            tuple(f"git stash drop {shlex.quote(stash)}" for stash in stashes),
        )


def _write_expressions(recipe: Recipe) -> str:
    """Return the command that writes the expressions."""
    return f"{recipe.explain} --replace-text {_EXPRESSIONS}"


def _replace_option(recipe: Recipe) -> str:
    in_message = any(map(is_object, recipe.finding.locations))
    return f"--replace-text {_EXPRESSIONS}" + (f" --replace-message {_EXPRESSIONS}" if in_message else "")


def short_name(name: str) -> str:
    """Return the name of a branch without its folder."""
    return name.removeprefix("refs/heads/")
