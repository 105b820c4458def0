"""Kinds of options and arguments that several commands have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import click

from boltz_keyscan.report import format_hint

Decorator: TypeAlias = "Callable[[Callable[..., int]], Callable[..., int]]"
"""Decorator of the function of a command."""

PATH = click.Path(readable=False)
"""Path whose file may be missing or unreadable: the command reports it."""


class Format(click.Choice[str]):
    """Choice of a format, with a suggestion for a misspelt name."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the format name.

        Raises:
            click.BadParameter: no format has this name.
        """
        if value not in self.choices:
            self.fail(f"{value!r} is not a format. {format_hint(value, self.choices)}", param, ctx)
        return value


def format_option(formats: Iterable[str], help_text: str) -> Decorator:
    """Return the option ``--format`` of a command with formats of its own."""
    format_type = Format(list(formats))
    return click.option(
        "--format", "format_", type=format_type, default="text", show_default=True, help=help_text
    )


def file_option(name: str, help_text: str, *, required: bool = False) -> Decorator:
    """Return an option with the path of a file."""
    return click.option(name, type=click.Path(), metavar="FILE", required=required, help=help_text)


def path_option(
    *names: str, help_text: str, metavar: str = "FILE", default: str | None = None, required: bool = False
) -> Decorator:
    """Return an option with a path that the command opens itself; ``names`` as for ``click.option``."""
    return click.option(
        *names, type=PATH, metavar=metavar, default=default, required=required, help=help_text
    )


def number_option(
    name: str, kind: click.IntRange | click.FloatRange, metavar: str, default: float, help_text: str
) -> Decorator:
    """Return an option with a number, whose default is shown."""
    return click.option(name, type=kind, metavar=metavar, default=default, show_default=True, help=help_text)


def choice_option(name: str, choices: Iterable[str], default: str, help_text: str) -> Decorator:
    """Return an option with one of some words, whose default is shown."""
    kind = click.Choice(list(choices))
    return click.option(name, type=kind, default=default, show_default=True, help=help_text)


def complete_from(
    words: Iterable[str],
) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return the completion of an option or argument with known words."""
    return lambda _, __, incomplete: [word for word in words if word.startswith(incomplete)]
