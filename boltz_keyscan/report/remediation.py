"""Remediation of one key: the steps of its situation, with commands that can be pasted.

``advice`` has the steps and their order; this module adds files, commits and commands. Every recipe ends
with a scan. Commands are for the root of the repository.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

from boltz_keyscan.advice import Step, Verb, choose_steps, choose_verb
from boltz_keyscan.model.enums import Exposure, KeyType, Situation
from boltz_keyscan.model.finding import Location
from boltz_keyscan.model.kinds import describe_noun, is_link
from boltz_keyscan.policy import situation
from boltz_keyscan.records import replace
from boltz_keyscan.report.file_actions import FILE_VERBS, Instruction, act, instruct, quote_paths
from boltz_keyscan.report.history_rewrite import (
    EXPIRE,
    amend_commands,
    drop_stashes,
    rebase,
    renew_worktrees,
    rewrite_pushed,
    rewrite_unpushed,
    short_name,
    shorten,
)
from boltz_keyscan.report.recipe import Recipe
from boltz_keyscan.report.wording import earliest


def instructions(recipe: Recipe, *, omit: Collection[Step] = ()) -> Iterator[Instruction]:
    """Yield the instructions of the situation of a key, in the order of its steps, without some steps."""
    for step in choose_steps(situation(recipe.finding), is_link=is_link(recipe.finding)):
        if step in omit:
            continue
        instruct_step = _INSTRUCTIONS.get(step)
        yield from instruct_step(recipe) if instruct_step else (Instruction(step),)


def _instruct_rule(number: int, recipe: Recipe) -> Iterator[Instruction]:
    """Yield a step of the rule; the last one, the clean-up, is not among them."""
    for text in recipe.rule.remediation[:-1][number : number + 1]:
        revoking = number == 1 and recipe.finding.key_type is KeyType.WORKSPACE
        yield instruct("revoke", text=text) if revoking else Instruction(text)


def _investigate(recipe: Recipe) -> Iterator[Instruction]:
    """Yield the check of the usage: of the workspace of the key, or of all since the first commit."""
    for text in recipe.rule.remediation[:-1][2:3]:
        first = earliest(recipe.finding.locations)
        options = ""
        if recipe.finding.key_type is KeyType.WORKSPACE:
            options = " --from-report scan.json"
        elif first is not None and first.author_date:
            options = f" --since {shlex.quote(first.author_date[:10])}"
        yield instruct("investigate", text=text, options=options)


def _archive(recipe: Recipe, text: str = "") -> Iterator[Instruction]:
    targets = () if recipe.targets == (".",) else recipe.targets
    link = ("--share-link", recipe.finding.fingerprint[:12])
    command = shlex.join(("boltz-keyscan", "keys", "revoke", *link, *targets, "--execute"))
    yield instruct("archive", text=text or recipe.rule.remediation[0], command=command)


def _unstage(recipe: Recipe) -> Iterator[Instruction]:
    if recipe.has(Exposure.STAGED):
        name = "unstage_unborn" if recipe.push_status.unborn else "unstage"
        paths = quote_paths(recipe.locations(Exposure.STAGED))
        yield instruct(name if recipe.is_read else "unstage_unknown", paths=paths)


def _remove(recipe: Recipe) -> Iterator[Instruction]:
    """Yield one instruction for each verb, and the commit of the result where the key was pushed."""
    kind = situation(recipe.finding)
    if kind is not Situation.NOT_COMMITTED:
        yield from _unstage(recipe)
    # Committed files are edited during the rebase: git rebase needs files without changes. Where the
    # remote branch is clean already, a commit on the old history would bring the key back.
    rewritten = recipe.push_status.gone or (
        kind is Situation.COMMITTED and not (recipe.is_amended and recipe.has(Exposure.TRACKED))
    )
    groups: dict[Verb, list[Location]] = {}
    for location in recipe.locations():
        if not (rewritten and location.exposure is Exposure.TRACKED):
            groups.setdefault(choose_verb(location, kind), []).append(location)
    for verb, found in groups.items():
        if verb in FILE_VERBS:
            yield act(verb, found, is_link=is_link(recipe.finding))
    if shared := [each for each in recipe.locations(Exposure.LOCAL) if each.open_to_others]:
        yield act(Verb.PROTECT, shared)
    tracked = [] if recipe.push_status.gone else recipe.locations(Exposure.TRACKED)
    if kind is Situation.PUSHED and tracked:
        message = "Take a share link out" if is_link(recipe.finding) else "Read the key from the environment"
        name = "push" if recipe.is_on_disk else "push_deletion"
        yield instruct(name, paths=quote_paths(tracked), message=message)


def _amend(recipe: Recipe) -> Iterator[Instruction]:
    """Yield the rewrite of commits that are not pushed: amend, rebase or ``git filter-repo``."""
    if not recipe.is_read:
        yield Instruction(Step.AMEND, (recipe.explain,))
        return
    yield from drop_stashes(recipe)
    if not recipe.commits:
        return
    # Otherwise only the detached HEAD of another worktree leads to the commits.
    if recipe.push_status.branches or not recipe.push_status.branch:
        yield from _rewrite(recipe)
    yield from renew_worktrees(recipe.push_status)


def _rewrite(recipe: Recipe) -> Iterator[Instruction]:
    """Yield the rewrite of the branches that have the commits."""
    status, commits = recipe.push_status, recipe.commits
    if recipe.is_amended:
        places = [each for each in recipe.finding.locations if each.commit == status.head]
        commands = amend_commands(places, on_disk=recipe.is_on_disk)
        yield instruct("amend", commands, commit=shorten(commits[0]))
        return
    rebasing = tuple(rebase(commits, recipe.finding.locations, root=recipe.has_root))
    names = [short_name(name) for name in status.branches]
    names += ["HEAD"] if names and not status.branch else []
    if len(names) > 1:
        yield rewrite_unpushed(recipe, names, "git rebase rewrites one branch only")
    elif names and not status.is_checked_out:
        yield rewrite_unpushed(recipe, names, "git rebase rewrites the branch checked out")
    elif names and status.merges:
        yield rewrite_unpushed(recipe, names, "git rebase flattens the merges")
    elif names and not recipe.has(Exposure.TRACKED):
        reason = "HEAD has no key any more, and git rebase would stop with a conflict where it was taken out"
        other = ("without git filter-repo", _flatten(rebasing))
        yield replace(rewrite_unpushed(recipe, names, reason), others=(other,))
    else:
        yield from rebasing


def _expire(recipe: Recipe) -> Iterator[Instruction]:
    kind = situation(recipe.finding)
    if kind is not Situation.COMMITTED:
        yield from drop_stashes(recipe)
    if kind is Situation.UNREACHABLE:
        own = [each for each in recipe.finding.locations if each.exposure is Exposure.LOCAL]
        if own:
            yield act(Verb.TAKE_OUT, own, is_link=is_link(recipe.finding))
        if all(each.exposure is Exposure.LOCAL for each in recipe.finding.locations):
            return
    if kind is not Situation.NOT_COMMITTED:
        yield Instruction(Step.EXPIRE, EXPIRE)
    elif recipe.has(Exposure.STAGED) or recipe.has(Exposure.UNREACHABLE):
        yield instruct("expire_added", EXPIRE)


def _scan(recipe: Recipe) -> Iterator[Instruction]:
    fresh = situation(recipe.finding) is Situation.PUSHED and not recipe.push_status.gone
    noun = describe_noun(recipe.finding)
    yield instruct("scan_fresh" if fresh else "scan", noun=noun, scan=recipe.scan)


def _keep(recipe: Recipe) -> Iterator[Instruction]:
    if shared := [each for each in recipe.finding.locations if each.open_to_others]:
        yield act(Verb.PROTECT, shared)
    yield Instruction(Step.KEEP, ("boltz-keyscan keys audit --local",))


_INSTRUCTIONS: dict[Step, Callable[[Recipe], Iterator[Instruction]]] = {
    Step.REPLACE: partial(_instruct_rule, 0),
    Step.REVOKE: partial(_instruct_rule, 1),
    Step.INVESTIGATE: _investigate,
    Step.UNSTAGE: _unstage,
    Step.REMOVE: _remove,
    Step.AMEND: _amend,
    Step.EXPIRE: _expire,
    Step.REWRITE: rewrite_pushed,
    Step.KEEP: _keep,
    Step.SCAN: _scan,
    Step.ARCHIVE: _archive,
    Step.ARCHIVE_IF_READ: partial(_archive, text=Step.ARCHIVE_IF_READ),
    Step.RENEW: partial(_instruct_rule, 1),
    Step.TAKE_OUT: _remove,
    Step.SCAN_FOR_LINK: _scan,
}


def _flatten(instructions: Sequence[Instruction]) -> tuple[str, ...]:
    """Return several instructions as comments and commands."""
    lines = []
    for number, instruction in enumerate(instructions):
        lines += [f"# {instruction.text}"] if number else []
        lines += instruction.commands
    return tuple(lines)
