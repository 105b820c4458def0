"""``boltz-keyscan hook install [HOOK]...``: plain git hooks, without pre-commit.

Boundary: writes small scripts where git looks for hooks; never over somebody else's.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from boltz_keyscan.cli.examples import Shown
from boltz_keyscan.cli.redaction import redacted
from boltz_keyscan.errors import KeyscanError, OutputError
from boltz_keyscan.model import ExitCode
from boltz_keyscan.sources.repository import enclosing

_HOOKS = ("pre-commit", "pre-push", "pre-receive")
_OURS = "# written by 'boltz-keyscan hook install'"


@click.command("install", cls=Shown, short_help="Install plain git hooks here.")
@click.argument("hooks", nargs=-1, type=click.Choice(_HOOKS), metavar="[HOOK]...")
def install(*, hooks: tuple[str, ...]) -> int:
    """Install plain git hooks in the repository around the current folder.

    HOOK is pre-commit, pre-push or pre-receive (on a server); the default is the first two.
    A hook that is already there is left alone.
    """
    repository = enclosing(os.getcwdb())
    if repository is None:
        raise KeyscanError("this folder is in no git repository", "Change to your repository.")
    folder = Path(os.fsdecode(repository.common_dir)) / "hooks"
    for name in dict.fromkeys(hooks or _HOOKS[:2]):
        path = folder / name
        # -P: with -m alone Python takes modules from the folder it runs in, which is the worktree.
        command = f'exec {shlex.quote(sys.executable)} -P -m boltz_keyscan hook {name} "$@"'
        if path.is_symlink() or (path.exists() and _OURS not in path.read_text(errors="replace")):
            raise KeyscanError(f"there is a {name} hook already: {path}", f"Add this line to it: {command}")
        try:
            folder.mkdir(exist_ok=True)
            path.write_text(f"#!/bin/sh\n{_OURS}\n{command}\n")
            path.chmod(0o755)
        except OSError as error:
            raise OutputError(
                f"cannot write {path}: {error.strerror}", "Check who owns the hooks folder."
            ) from error
        click.echo(redacted(f"installed {path}"))
    click.echo("git looks elsewhere when core.hooksPath is set: see 'git config --get core.hooksPath'.")
    return ExitCode.CLEAN
