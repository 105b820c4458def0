"""Names of formats as they are typed: checked, with the one that was meant.

Boundary: one parameter type, and ``FORMAT=FILE``; what the names mean is ``report``'s.
"""

from __future__ import annotations

import click

from boltz_keyscan.report import REPORTERS, meant


class Format(click.Choice[str]):
    """A choice that says what was meant; an error that lists all of them does not help to see it."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name.

        Raises:
            click.BadParameter: there is no such format.
        """
        if value not in self.choices:
            self.fail(f"{value!r} is no format. {meant(value, self.choices)}", param, ctx)
        return value


def named(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """``FORMAT=FILE``, split, the format checked."""
    reports = []
    for value in values:
        name, sign, path = value.partition("=")
        if not sign or not path:
            raise click.BadParameter(
                f"expected FORMAT=FILE with FORMAT one of {', '.join(REPORTERS)}", ctx, param
            )
        if name not in REPORTERS:
            raise click.BadParameter(f"{name!r} is no format. {meant(name, REPORTERS)}", ctx, param)
        reports.append((name, path))
    return tuple(reports)
