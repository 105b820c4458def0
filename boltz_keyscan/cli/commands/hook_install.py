"""``boltz-keyscan hook install [HOOK|AGENT]...``: plain git hooks, and hooks of coding agents.

An existing git hook is never overwritten. Where another tool runs the hooks, or other repositories
share the folder, the user must confirm.
"""

from __future__ import annotations

import os
import sys

import click

from boltz_keyscan.agents import registry
from boltz_keyscan.cli import agent_settings, hook_script
from boltz_keyscan.cli.groups import CommandWithExamples
from boltz_keyscan.cli.hook_folder import HooksFolder, hooks_folder, manager
from boltz_keyscan.errors import KeyscanError, writing
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.redaction import redacted
from boltz_keyscan.sources.git.repo.repository import Repository, enclosing

HOOKS = ("pre-commit", "pre-push", "pre-receive")


@click.command("install", cls=CommandWithExamples, short_help="Install git hooks here, or those of an agent.")
@click.argument("hooks", nargs=-1, type=click.Choice((*HOOKS, *registry.NAMES)), metavar="[HOOK|AGENT]...")
@click.option("--yes", is_flag=True, help="Write into a shared hooks folder, or beside pre-commit.")
@click.option(
    "--user/--project",
    "is_user",
    default=None,
    help="Agents: settings of the user, or of this project on this machine.  [default: --user]",
)
@click.option("--dry-run", is_flag=True, help="Agents: show the changes, and write nothing.")
@click.option("--remove", is_flag=True, help="Agents: take the hooks out of the settings.")
@click.pass_context
def install(
    ctx: click.Context,
    /,
    *,
    hooks: tuple[str, ...],
    yes: bool,
    is_user: bool | None,
    dry_run: bool,
    remove: bool,
) -> int:
    """Install plain git hooks in the current repository, or the hooks of coding agents.

    HOOK is pre-commit, pre-push or pre-receive (on a server); the default is the first two.
    They are written to git's hooks folder, which core.hooksPath may set. An existing hook is
    not changed.

    AGENT is claude, codex, copilot, cursor, gemini, junie, kiro, vibe, vscode or windsurf. Its
    settings get an entry for each event; everything else in them is kept.
    """
    agents = [name for name in dict.fromkeys(hooks) if name not in HOOKS]
    if agents and len(agents) < len(set(hooks)):
        raise click.UsageError("Name git hooks or agents, not both.", ctx)
    if agents and yes:
        raise click.UsageError("--yes is for git hooks.", ctx)
    if not agents and (is_user is not None or dry_run or remove):
        raise click.UsageError("--user, --project, --dry-run and --remove are for agents: name one.", ctx)
    if agents:
        return agent_settings.install(agents, is_user=is_user is not False, is_dry=dry_run, is_removal=remove)
    return _install_git_hooks(hooks, yes=yes)


def _install_git_hooks(hooks: tuple[str, ...], *, yes: bool) -> int:
    """Install git hooks in the current repository."""
    repository = here()
    names = tuple(dict.fromkeys(hooks or HOOKS[:2]))
    folders = [hooks_folder(repository, name) for name in names]
    more = hook_script.folders()
    for name, folder in zip(names, folders, strict=True):
        _check_manager(repository, name, folder, yes=yes)
        _check_free(name, folder, more)
    for folder in dict.fromkeys(folders):
        if folder.outside and not yes:
            _confirm(folder)
    for name, folder in zip(names, folders, strict=True):
        path = os.path.join(folder.path, name)
        with writing(path, "Check who owns the hooks folder."):
            os.makedirs(folder.path, exist_ok=True)
            with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
                file.write(hook_script.text(name, more))
            os.chmod(path, 0o755)  # noqa: S103 - git runs it for every user who commits
        because = f" ({folder.because})" if folder.because else ""
        click.echo(redacted(f"installed {path}{because}"))
    return ExitCode.CLEAN


def here() -> Repository:
    """Return the repository around the working folder.

    Raises:
        KeyscanError: the folder is in no repository.
    """
    repository = enclosing(os.getcwdb())
    if repository is None:
        raise KeyscanError("this folder is in no git repository", "Change to your repository.")
    return repository


def _check_manager(repository: Repository, name: str, folder: HooksFolder, *, yes: bool) -> None:
    """Refuse to write where another tool would replace the hook or never run it.

    Beside pre-commit a plain hook works: ``pre-commit install`` keeps and runs it.
    """
    found = manager(repository, folder, name)
    if found is None or (yes and found.name == "pre-commit"):
        return
    alone = " Or give --yes for a plain hook beside it." if found.name == "pre-commit" else ""
    raise KeyscanError(f"{found.name} runs the hooks of this repository", f"{found.hint}{alone}")


def _check_free(name: str, folder: HooksFolder, more: list[str]) -> None:
    """Refuse to overwrite another hook."""
    path = os.path.join(folder.path, name)
    if os.path.islink(path) or (os.path.exists(path) and hook_script.OURS not in content(path)):
        line = hook_script.line(name, more)
        raise KeyscanError(f"there is a {name} hook already: {path}", f"Add this line to it: exec {line}")


def content(path: str) -> str:
    """Return the text of a script; empty if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""


def _confirm(folder: HooksFolder) -> None:
    """Ask before writing into a folder that other repositories may share.

    Raises:
        KeyscanError: the answer is no, or there is no terminal.
    """
    message = f"git takes hooks from {folder.path}, which lies outside of this repository"
    if sys.stdin is not None and sys.stdin.isatty():
        click.echo(redacted(f"{message} ({folder.because})."))
        if click.confirm("Other repositories may use it too. Write the hooks there?"):
            return
    raise KeyscanError(
        f"{message} ({folder.because})", "Give --yes to write there, for all repositories that use it."
    )
