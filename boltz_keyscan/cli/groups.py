"""Classes of commands and groups: examples in the help text, commands that are imported when called."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any, cast

import click


class CommandWithExamples(click.Command):
    """Command with examples in its help text, whose options are not ignored silently."""

    def invoke(self, ctx: click.Context) -> object:
        """Check that each option has an effect, and call the function."""
        from boltz_keyscan.cli.dependent_options import check_dependent_options  # noqa: PLC0415 - not for a help text

        check_dependent_options(ctx)
        return super().invoke(ctx)

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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named.

        Raises:
            click.UsageError: there is none; click knows no similar name among those in ``lazy``.
        """
        name = args[0]
        is_known = ctx.resilient_parsing or self.get_command(ctx, name) is not None
        if not is_known and (close := similar_name(name, self.list_commands(ctx))) is not None:
            raise click.UsageError(f"No such command {name!r}. (Did you mean {close!r}?)", ctx)
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples after everything else."""
        write_examples(ctx, formatter)


def similar_name(name: str, known: Collection[str]) -> str | None:
    """Return the known name that is most similar to a misspelt one, if any is; None for a known name."""
    if name in known:
        return None
    from difflib import get_close_matches  # noqa: PLC0415 - only after a mistake

    return next(iter(get_close_matches(name, known, n=1)), None)


def write_examples(ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write the examples of a command. Lines are not wrapped, so that they can be copied."""
    rows = read_examples().get(ctx.command_path.partition(" ")[2])
    if not rows:
        return
    with formatter.section("Examples"):
        indent = " " * formatter.current_indent
        for what, line in rows:
            formatter.write(f"{indent}# {what}\n{indent}{line}\n")


def read_examples() -> dict[str, list[tuple[str, str]]]:
    """Return purpose and command line of each example, by command; the scan has the empty name."""
    from boltz_keyscan.package_data import read_text  # noqa: PLC0415 - for a help text only

    found = {}
    for section in read_text("cli/examples.txt").split("\n\n"):
        head, *lines = section.splitlines()
        purposes = [line.removeprefix("# ") for line in lines[::2]]
        found[head.strip("[]")] = list(zip(purposes, lines[1::2], strict=True))
    return found
