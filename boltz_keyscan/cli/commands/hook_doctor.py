"""``boltz-keyscan hook doctor [HOOK|AGENT]...``: check that the hooks of this repository and of agents work.

Nothing is written, and no program inside the repository is run.
"""

from __future__ import annotations

import os
import re

import click

from boltz_keyscan.agents import registry
from boltz_keyscan.cli import hook_script
from boltz_keyscan.cli.agent_settings import Diagnosis, try_hooks
from boltz_keyscan.cli.commands.hook_install import HOOKS, content, here
from boltz_keyscan.cli.groups import CommandWithExamples
from boltz_keyscan.cli.hook_folder import Manager, hooks_folder, manager
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.records import replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.sources.git.repo.repository import Repository, enclosing


@click.command("doctor", cls=CommandWithExamples, short_help="Check that the hooks work.")
@click.argument("hooks", nargs=-1, type=click.Choice((*HOOKS, *registry.NAMES)), metavar="[HOOK|AGENT]...")
def doctor(*, hooks: tuple[str, ...]) -> int:
    """Check that the git hooks of the current repository run, and that the hooks of agents work.

    HOOK is pre-commit, pre-push or pre-receive; the default is the first two, in a bare repository
    the last, and every agent with a hook. Shows the path of each hook, and the program it runs.
    The hook of an AGENT is run with a harmless text and with a key that is made for it. Exits with
    1 if one of them would not work.
    """
    names = tuple(dict.fromkeys(hooks))
    git_hooks = tuple(name for name in names if name in HOOKS)
    trials = [] if git_hooks == names != () else try_hooks(tuple(name for name in names if name not in HOOKS))
    found = [] if names and not git_hooks else _diagnoses(git_hooks, is_optional=bool(trials))
    for each in found:
        _write(each, "would run", "would NOT run")
    for each in trials:
        _write(each, f"not tried: {each.untried}" if each.untried else "works", "does NOT work")
    failed = any(each.trouble for each in (*found, *trials))
    return ExitCode.BLOCKING if failed else ExitCode.CLEAN


def _write(each: Diagnosis, works: str, fails: str) -> None:
    click.echo(redacted(f"{each.name}: {f'{fails}: {each.trouble}' if each.trouble else works}"))
    rows = [("file", each.path), ("because", each.because), ("runs", each.program), ("help", each.help)]
    for label, value in (*rows, ("note", each.note)):
        if value:
            click.echo(redacted(f"  {label:8} {value}"))


def _diagnoses(names: tuple[str, ...], *, is_optional: bool) -> list[Diagnosis]:
    """Return the diagnoses of git hooks; none outside a repository where that is no error."""
    if is_optional and not names and enclosing(os.getcwdb()) is None:
        return []
    repository = here()
    names = names or (HOOKS[2:] if repository.worktree is None else HOOKS[:2])
    return [diagnosis(repository, name) for name in names]


def diagnosis(repository: Repository, name: str) -> Diagnosis:
    """Return the diagnosis of a hook."""
    folder = hooks_folder(repository, name)
    path = os.path.join(folder.path, name)
    unknown = Diagnosis(name, path, folder.because or "git's default; core.hooksPath is not set")
    runner = manager(repository, folder, name)
    trouble = _file_trouble(unknown, runner)
    if trouble is not None:
        return trouble
    script = content(path)
    ours = hook_script.parse_program(script, name, os.fsdecode(repository.worktree or repository.common_dir))
    return (
        _foreign_diagnosis(unknown, script, runner) if ours is None else _installed_diagnosis(unknown, ours)
    )


def _file_trouble(unknown: Diagnosis, runner: Manager | None) -> Diagnosis | None:
    """Return a diagnosis if git would not run the file; None if it would."""
    path = unknown.path
    if not os.path.lexists(path):
        wanted = (
            f"{runner.hint} Then let {runner.name} install its hooks." if runner else _install_hint(unknown)
        )
        return replace(unknown, trouble="there is no such file", help=wanted)
    if not os.path.isfile(path):
        wanted = f"Remove it. {_install_hint(unknown)}"
        return replace(unknown, trouble="it is a link to nothing, or no file", help=wanted)
    if not os.access(path, os.X_OK):
        wanted = f"Run 'chmod +x {path}'."
        return replace(unknown, trouble="it may not be executed, and git passes it over", help=wanted)
    return None


def _installed_diagnosis(unknown: Diagnosis, ours: hook_script.HookProgram) -> Diagnosis:
    """Return the diagnosis of a hook that ``hook install`` wrote."""
    python, install = ours.python, _install_hint(unknown)
    if not os.access(python, os.X_OK):
        return replace(unknown, trouble=f"its interpreter does not exist: {python}", help=install)
    if not ours.asked:
        return replace(
            unknown, program=f"{python}; it is inside this repository, so its version was not checked"
        )
    if ours.version is None:
        wanted = f"Install it there. {install}"
        return replace(unknown, trouble=f"boltz-keyscan does not run in {python}", help=wanted)
    note = f"The script is not the one that this version writes. {install}" if ours.outdated else ""
    return replace(unknown, help=note, program=f"boltz-keyscan {ours.version} in {python}")


def _install_hint(unknown: Diagnosis) -> str:
    return f"Run 'boltz-keyscan hook install {unknown.name}'."


def _foreign_diagnosis(unknown: Diagnosis, script: str, runner: Manager | None) -> Diagnosis:
    """Return the diagnosis of a hook from another source."""
    file, name = unknown.path, unknown.name
    call = rf"^[^#\n]*boltz[-_]keyscan\b[^#\n]*\bhook {name}\b"
    if runner is not None and (runner.name == "husky" or runner.name in script):
        file, script = runner.file, content(runner.file)
        if runner.name == "pre-commit":
            hook = "boltz-keyscan" if name == "pre-commit" else "boltz-keyscan-push"
            call = rf"^[^#\n]*\bid: *['\"]?{hook}['\"]?\s*(#|$|,|}})"
    if re.search(call, script, re.MULTILINE):
        return replace(unknown, program=f"boltz-keyscan, called by {file}, which decides where it is found")
    hint = f"Add this line to it: {hook_script.line(name, hook_script.folders())}"
    return replace(
        unknown, trouble=f"{file} does not call boltz-keyscan", help=runner.hint if runner else hint
    )
