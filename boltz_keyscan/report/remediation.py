"""Remediation of one key: the steps of its situation, with commands that can be pasted.

``advice`` has the steps and their order; this module adds files, commits and commands. Every recipe ends
with a scan. Commands are for the root of the repository.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence

from boltz_keyscan.advice import STEPS, Step, Verb, choose_verb
from boltz_keyscan.model.enums import Exposure, KeyType, Situation
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.policy import situation
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.file_actions import REMOVALS, Instruction, is_object, paths, take_out
from boltz_keyscan.report.unpushed_commits import amend_commands, rebase, shorten
from boltz_keyscan.rules import Rule

_REVOKE = (
    "boltz-keyscan . --verify --report json=scan.json",
    "boltz-keyscan keys revoke --from-report scan.json --execute",
)
"""Commands that identify and revoke a key; its prefix does not identify it."""

# Not "git reflog expire --all", which deletes all stashes but the last: git keeps
# them only in a reflog.
_EXPIRE = ("git -c gc.reflogExpire=now -c gc.reflogExpireUnreachable=now gc --prune=now",)

_EXPRESSIONS = "../replacements.txt"
"""Beside the clone: git filter-repo refuses a clone with an unknown file."""


@dataclass(frozen=True, slots=True)
class History:
    """The commits of a key, as far as they are known."""

    head: str | None = None
    commits: tuple[str, ...] = ()
    """All commits, parents first, if none was pushed."""
    root: bool = False
    """True if the first commit has no parent."""
    merges: bool = False
    """True if there is a merge among the commits to be rewritten."""
    branches: tuple[str, ...] = ()
    """Local branches, tags and stashes that have the commits, full names."""
    folder: str = "project"
    """Name of the folder of the repository."""
    read: bool = True
    """False for a report, which has the result of the scan only: its commands fit any folder, and where they
    depend on the commits, ``explain`` is named."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The instructions for one key.

    ``file`` is the path of the expressions for ``git filter-repo``, if they were written; ``targets`` are
    the paths of the scan.
    """

    finding: Finding
    rule: Rule
    history: History = History()
    file: str | None = None
    targets: tuple[str, ...] = (".",)

    def instructions(self) -> Iterator[Instruction]:
        """Yield the instructions of the situation, in the order of its steps."""
        for step in STEPS[situation(self.finding)]:
            yield from _INSTRUCTIONS.get(step, _only_text(step))(self)

    def locations(self, *exposures: Exposure) -> list[Location]:
        """Return the locations in files on disk, or of these exposures."""
        wanted = exposures or _ON_DISK
        found = [each for each in self.finding.locations if each.exposure in wanted]
        # A path in HEAD has a location for the file, and one for each blob.
        return [each for each in found if each.blob is None] or found

    @property
    def scan(self) -> str:
        """The command of the last step."""
        return shlex.join(("boltz-keyscan", *self.targets))

    @property
    def is_in_head(self) -> bool:
        """True if HEAD has the key."""
        return any(each.exposure is Exposure.TRACKED for each in self.finding.locations)

    @property
    def is_staged(self) -> bool:
        """True if the index has the key."""
        return any(each.exposure is Exposure.STAGED for each in self.finding.locations)


_ON_DISK = (
    Exposure.TRACKED,
    Exposure.STAGED,
    Exposure.MODIFIED,
    Exposure.UNTRACKED,
    Exposure.FILE,
    Exposure.LOCAL,
)


def expression(rule: Rule) -> str:
    """Return a line for ``git filter-repo --replace-text`` that removes all keys of a type.

    A literal would put the key into another file. Bodies of 20 characters or more count as keys.
    """
    return f"regex:{rule.prefix}[A-Za-z0-9_-]{{20,}}==>REMOVED-BOLTZ-KEY\n"


def _only_text(step: Step) -> Callable[[Recipe], Iterator[Instruction]]:
    return lambda _: iter((Instruction(step),))


def _rule_text(number: int) -> Callable[[Recipe], Iterator[Instruction]]:
    """Return a function that yields a step of the rule; the last one, the clean-up, is not among them."""

    def instruct(recipe: Recipe) -> Iterator[Instruction]:
        for text in recipe.rule.remediation[:-1][number : number + 1]:
            revoking = number == 1 and recipe.finding.key_type is KeyType.WORKSPACE
            yield Instruction(text, _REVOKE if revoking else ())

    return instruct


def _unstage(recipe: Recipe) -> Iterator[Instruction]:
    if recipe.is_staged:
        names = paths(recipe.locations(Exposure.STAGED))
        # Before the first commit there is nothing to restore from.
        restore, remove = f"git restore --staged -- {names}", f"git rm --cached -- {names}"
        if recipe.history.read:
            yield Instruction("Take it out of the index.", (restore if recipe.history.head else remove,))
        else:
            yield Instruction("Take it out of the index.", (restore,), "before the first commit", (remove,))


def _remove(recipe: Recipe) -> Iterator[Instruction]:
    """Yield one instruction for each verb, and the commit of the result where the key was pushed."""
    kind = situation(recipe.finding)
    # Committed files are edited during the rebase: git rebase needs files without changes.
    rewritten = kind is Situation.COMMITTED and not _is_amend(recipe)
    groups: dict[Verb, list[Location]] = {}
    for location in recipe.locations():
        if not (rewritten and location.exposure is Exposure.TRACKED):
            groups.setdefault(choose_verb(location, kind), []).append(location)
    for verb, found in groups.items():
        if verb in REMOVALS:
            yield REMOVALS[verb](found)
    tracked = recipe.locations(Exposure.TRACKED) if recipe.is_in_head else []
    if kind is Situation.PUSHED and tracked:
        names = paths(tracked)
        message = "git commit -m 'Read the key from the environment'"
        yield Instruction(
            "Commit and push that. The push sends the whole branch: deal with keys in commits that are not "
            "pushed yet first.",
            (f"git add -- {names}", f"{message} -- {names}", "git push"),
        )


def _is_amend(recipe: Recipe) -> bool:
    return recipe.history.commits == (recipe.history.head,) and recipe.is_in_head


def _amend(recipe: Recipe) -> Iterator[Instruction]:
    """Yield the rewrite of commits that are not pushed: amend, rebase or ``git filter-repo``."""
    history = recipe.history
    if not history.read:
        yield Instruction(Step.AMEND, (shlex.join(_explain(recipe)),))
        return
    if "refs/stash" in history.branches:
        yield Instruction(
            "A stash has it, or was made on a commit that has it. Apply and commit what you need of it; "
            "this drops the last stash, with everything in it:",
            ("git stash drop",),
        )
        if history.branches == ("refs/stash",):
            return
    if not history.commits:
        return
    if history.commits == (history.head,):
        places = [each for each in recipe.finding.locations if each.commit == history.head]
        text = f"Amend commit {shorten(history.commits[0])}: no remote branch known here has it."
        yield Instruction(text, amend_commands(places))
        return
    rebasing = tuple(rebase(history.commits, recipe.finding.locations, root=history.root))
    names = [_short_name(name) for name in history.branches if name != "refs/stash"]
    filtered = _filter_unpushed(recipe, names) if names else ()
    # A rebase rewrites one branch, flattens merges, and cannot skip a key that a later commit took out.
    if filtered and (history.merges or len(names) > 1):
        yield Instruction(_filter_text(names), filtered)
    elif filtered and not recipe.is_in_head:
        yield Instruction(_filter_text(names), filtered, "without git filter-repo", _flatten(rebasing))
    else:
        first, *rest = rebasing
        yield Instruction(first.text, first.commands)
        yield from rest


def _filter_text(names: Sequence[str]) -> str:
    return (
        f"Rewrite the commits that have it, in {', '.join(names)}: no remote branch known here has them. "
        "Commit other changes first: git filter-repo resets the files, and a stash keeps the old commits. "
        "The file has no key in it."
    )


def _filter_unpushed(recipe: Recipe, names: Sequence[str]) -> tuple[str, ...]:
    history = recipe.history
    linear = len(names) == 1 and not history.root and not history.merges
    refs = [f"{shorten(history.commits[0])}^..{names[0]}"] if linear else names
    write, path = _expressions(recipe)
    return (*write, f"git filter-repo --force {_replace_option(recipe, path)} --refs {shlex.join(refs)}")


def _expire(recipe: Recipe) -> Iterator[Instruction]:
    kind = situation(recipe.finding)
    if kind is Situation.UNREACHABLE:
        own = [each for each in recipe.finding.locations if each.exposure is Exposure.LOCAL]
        if own:
            yield take_out(own)
        if all(each.exposure is Exposure.LOCAL for each in recipe.finding.locations):
            return
    if kind is not Situation.NOT_COMMITTED or recipe.is_staged:
        yield Instruction(Step.EXPIRE, _EXPIRE)


def _rewrite(recipe: Recipe) -> Iterator[Instruction]:
    """Yield the rewrite of a pushed history, in a fresh clone."""
    folder = shlex.quote(f"../{recipe.history.folder}-clean")
    here = shlex.quote(f"../{recipe.history.folder}")
    if not recipe.history.read:
        folder, here = '"../$(basename "$PWD")-clean"', '"${PWD%-clean}"'
    remote = next(
        (each.remote.partition("/")[0] for each in recipe.finding.locations if each.remote), "origin"
    )
    address = f"remote get-url {shlex.quote(remote)}"
    write, path = _expressions(recipe)
    yield Instruction(
        "Rewrite the history, in a fresh clone. The file has no key in it: it removes all keys of this type.",
        (
            *write,
            f'git clone --no-local "$(git {address})" {folder}',
            f"cd {folder}",
            f"git filter-repo {_replace_option(recipe, path)}",
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


def _scan(recipe: Recipe) -> Iterator[Instruction]:
    if situation(recipe.finding) is Situation.PUSHED:
        yield Instruction(
            "Scan again, in the fresh clone: this key must be gone. Move what only the old clone has (ignored"
            " files, stashes, branches), and delete it.",
            (recipe.scan,),
        )
    else:
        yield Instruction(Step.SCAN, (recipe.scan,))


def _keep(recipe: Recipe) -> Iterator[Instruction]:  # noqa: ARG001 - the same for all keys
    yield Instruction(Step.KEEP, ("boltz-keyscan keys audit --local",))


_INSTRUCTIONS: dict[Step, Callable[[Recipe], Iterator[Instruction]]] = {
    Step.REPLACE: _rule_text(0),
    Step.REVOKE: _rule_text(1),
    Step.INVESTIGATE: _rule_text(2),
    Step.UNSTAGE: _unstage,
    Step.REMOVE: _remove,
    Step.AMEND: _amend,
    Step.EXPIRE: _expire,
    Step.REWRITE: _rewrite,
    Step.KEEP: _keep,
    Step.SCAN: _scan,
}


def _expressions(recipe: Recipe) -> tuple[tuple[str, ...], str]:
    """Return the commands that write the expressions, and the path of the file."""
    if recipe.file is not None:
        return (), recipe.file
    return (f"{shlex.join(_explain(recipe))} --replace-text {_EXPRESSIONS}",), _EXPRESSIONS


def _explain(recipe: Recipe) -> tuple[str, ...]:
    """Return the command that explains the key."""
    targets = () if recipe.targets == (".",) else recipe.targets
    return ("boltz-keyscan", "explain", recipe.finding.fingerprint[:12], *targets)


def _replace_option(recipe: Recipe, path: str) -> str:
    in_message = any(map(is_object, recipe.finding.locations))
    message = f" --replace-message {shlex.quote(path)}" if in_message else ""
    return f"--replace-text {shlex.quote(path)}{message}"


def _flatten(instructions: Sequence[Instruction]) -> tuple[str, ...]:
    """Return several instructions as comments and commands."""
    lines = []
    for number, instruction in enumerate(instructions):
        lines += [f"# {instruction.text}"] if number else []
        lines += instruction.commands
    return tuple(lines)


def _short_name(name: str) -> str:
    return name.removeprefix("refs/heads/")
