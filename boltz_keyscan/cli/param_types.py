"""Parameter types: format names with suggestions, and ``FORMAT=FILE``."""

from __future__ import annotations

import click

from boltz_keyscan.report import REPORTERS, format_hint


class Format(click.Choice[str]):
    """Choice of a format, with a suggestion for a misspelt name."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the format name.

        Raises:
            click.BadParameter: no format has this name.
        """
        if value not in self.choices:
            self.fail(f"{value!r} is no format. {format_hint(value, self.choices)}", param, ctx)
        return value


def split_reports(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Split each ``FORMAT=FILE`` and check its format."""
    reports = []
    for value in values:
        name, sign, path = value.partition("=")
        if not sign or not path:
            raise click.BadParameter(
                f"expected FORMAT=FILE with FORMAT one of {', '.join(REPORTERS)}", ctx, param
            )
        if name not in REPORTERS:
            raise click.BadParameter(f"{name!r} is no format. {format_hint(name, REPORTERS)}", ctx, param)
        reports.append((name, path))
    return tuple(reports)
