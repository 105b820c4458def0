"""Classes of commands and groups: examples in the help text, commands that are imported when called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

import click


class CommandWithExamples(click.Command):
    """Command with examples in its help text."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples after everything else."""
        write_examples(ctx, formatter)


class GroupWithExamples(click.Group):
    """Group with examples in its help text; the commands in ``lazy`` are imported when called."""

    def __init__(self, *args: Any, lazy: Mapping[str, str] | None = None, **attributes: Any) -> None:  # noqa: ANN401 - click's form
        super().__init__(*args, **attributes)
        self.lazy = lazy or {}
        """Module and variable of commands, by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all commands."""
        return [*super().list_commands(ctx), *self.lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, name = self.lazy[cmd_name].partition(":")
        return cast("click.Command", getattr(import_module(module), name))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples after everything else."""
        write_examples(ctx, formatter)


def write_examples(ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write the examples of a command. Lines are not wrapped, so that they can be copied."""
    from boltz_keyscan.cli.examples import EXAMPLES  # noqa: PLC0415 - for a help text only

    rows = EXAMPLES.get(ctx.command_path.partition(" ")[2])
    if not rows:
        return
    with formatter.section("Examples"):
        indent = " " * formatter.current_indent
        for what, line in rows:
            formatter.write(f"{indent}# {what}\n{indent}{line}\n")
