"""``boltz-keyscan config show``: the effective options and their sources."""

from __future__ import annotations

import click

from boltz_keyscan.cli.commands.scan import scan
from boltz_keyscan.cli.redaction import redacted
from boltz_keyscan.cli.resolve import effective_options, resolve_options
from boltz_keyscan.model.enums import ExitCode


@click.group("config")
def config() -> None:
    """Show effective options and their sources."""


def _show(**given: object) -> int:
    """Show every option with its value and source: command line, configuration or default.

    Takes the options of a scan. Scans nothing.
    """
    paths = given["paths"] or (".",)
    found = resolve_options(click.get_current_context(), given, paths)  # type: ignore[arg-type]  # click's parameter
    rows = list(effective_options(found))
    widest = max(len(name) for name, _, _ in rows)
    values = max(len(value) for _, value, _ in rows)
    for name, value, source in rows:
        click.echo(redacted(f"{name:<{widest}}  {value:<{min(values, 30)}}  {source}".rstrip()))
    chosen = "the default" if found.trust.by_default else "command line"
    click.echo(redacted(f"{'trust':<{widest}}  {found.trust!s:<{min(values, 30)}}  {chosen}"))
    for name in found.ground.unheard:
        click.echo(redacted(f"not asked: {name}"))
    return ExitCode.CLEAN


config.add_command(click.Command("show", params=scan.params, callback=_show, help=_show.__doc__))
