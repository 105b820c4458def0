"""``boltz-keyscan completion bash|zsh|fish``: shell completion, by click.

click's scripts call a program with an environment variable that makes it complete. Such a variable left set
would make a hook scan nothing and pass, so the scripts call this command instead.
"""

from __future__ import annotations

import re

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete

from boltz_keyscan.cli.groups import CommandWithExamples
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import ExitCode

SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}

_CALL = re.compile(r"%\(complete_var\)s=\w+_complete (.*)(\$1|%\(prog_name\)s)\)")
"""Call of the program in click's scripts."""


@click.command("completion", cls=CommandWithExamples, short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.option("--complete", is_flag=True, hidden=True)
@click.pass_context
def completion(ctx: click.Context, *, shell: str, complete: bool) -> int:
    """Print a script that completes options, commands, values and paths in your shell."""
    completer = SHELLS[shell](ctx.find_root().command, {}, "boltz-keyscan", "")
    if complete:
        items = completions(completer, *completer.get_completion_args())
        click.echo("\n".join(map(completer.format_completion, items)))
    else:
        call = rf"\1\2 completion {shell} --complete 2>/dev/null)"
        template, count = _CALL.subn(call, completer.source_template)
        if count != 1:
            raise KeyscanError("the installed version of click has other scripts", "Install click 8.5.")
        click.echo(template % completer.source_vars(), nl=False)
    return ExitCode.CLEAN


def completions(completer: ShellComplete, args: list[str], incomplete: str) -> list[CompletionItem]:
    """Return the completions of the last word of a command line.

    Args:
        completer: click's completion of a shell.
        args: the words before it.
        incomplete: the last word.
    """
    # bash splits words at "=" too, and passes it as a word.
    items = completer.get_completions([word for word in args if word != "="], incomplete)
    name, sign, _ = incomplete.partition("=")
    if sign and name.startswith("-"):
        # Other shells replace the whole word.
        items = [CompletionItem(f"{name}={item.value}", item.type, item.help) for item in items]
    if not args and not incomplete.startswith("-"):
        # Without a command name it is the scan that click completes.
        commands = completer.cli.shell_complete(click.Context(completer.cli), incomplete)
        # zsh's script loses its place after a path without text, bash's drops what comes before a path.
        items = [*commands, *items] if completer.name == "zsh" else [*items, *commands]
    return items
