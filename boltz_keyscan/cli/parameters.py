"""Kinds of options and arguments that several commands have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import click

from boltz_keyscan.report import format_hint

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


FILE: Final[dict[str, Any]] = {"type": click.Path(), "metavar": "FILE"}
"""Attributes of an option with a file, which click checks if it exists."""

ANY_FILE: Final[dict[str, Any]] = {"type": PATH, "metavar": "FILE"}
"""Attributes of an option with a file that the command opens itself."""

FOLDER: Final[dict[str, Any]] = {"type": PATH, "metavar": "DIR"}
"""Attributes of an option with a folder."""


def format_of(formats: Iterable[str]) -> dict[str, Any]:
    """Return the attributes of ``--format`` of a command with formats of its own."""
    return {"type": Format(list(formats)), "default": "text", "show_default": True}


def complete_from(
    words: Iterable[str],
) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return the completion of an option or argument with known words."""
    return lambda _, __, incomplete: [word for word in words if word.startswith(incomplete)]
