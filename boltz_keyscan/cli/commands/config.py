"""``boltz-keyscan config show``: the effective options and their sources."""

from __future__ import annotations

import click

from boltz_keyscan.cli.resolve import ResolvedOptions, ScanCommand, effective_options
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.redaction import redacted


@click.group("config")
def config() -> None:
    """Show effective options and their sources."""


@config.command("show", cls=ScanCommand, short_help="Show every option with its value and source.")
def show(*, resolved: ResolvedOptions) -> int:
    """Show every option with its value and source: command line, configuration or default.

    Takes the options of a scan. Scans nothing.
    """
    rows = list(effective_options(resolved))
    widest = max(len(name) for name, _, _ in rows)
    values = max(len(value) for _, value, _ in rows)
    for name, value, source in rows:
        click.echo(redacted(f"{name:<{widest}}  {value:<{min(values, 30)}}  {source}".rstrip()))
    chosen = "the default" if resolved.trust.by_default else "command line"
    click.echo(redacted(f"{'trust':<{widest}}  {resolved.trust!s:<{min(values, 30)}}  {chosen}"))
    for name in resolved.ground.unheard:
        click.echo(redacted(f"not asked: {name}"))
    return ExitCode.CLEAN
