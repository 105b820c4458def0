"""``boltz-keyscan keys list``: every key of the organisation, as a table or as inventory JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from boltz_keyscan.cli import safe_output
from boltz_keyscan.cli.api_connection import ApiOptions, api_options, open_connection
from boltz_keyscan.cli.commands.keys import fetch_listing
from boltz_keyscan.cli.param_types import Format
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.sanitize import harmless
from boltz_keyscan.triage import inventory
from boltz_keyscan.triage.key_record import Record

_COLUMNS = ("ID", "NAME", "KIND", "STATE", "WORKSPACE", "CREATED", "EXPIRES", "LAST USED", "FROM", "PREFIX")
_WIDEST = 40


@click.command("list")
@click.option(
    "--format",
    "format_",
    type=Format(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the list.",
)
@api_options
def list_(*, format_: str, **options: str | None) -> int:
    """Show every key of the organisation: type, state and last use.

    Exits with 3 if the API did not return all of them.
    """
    safe_output.install()
    with open_connection(ApiOptions(**options)) as connection:
        found = fetch_listing(connection)
    if format_ == "json":
        click.echo(inventory.serialize(found.listing), nl=False)
    else:
        for line in _table(found.listing.records, datetime.now(UTC)):
            click.echo(line)
        whole = "" if found.listing.complete else "; there may be more"
        click.echo(f"{len(found.listing.records):,} keys{whole}")
    return ExitCode.CLEAN if found.listing.complete else ExitCode.INCOMPLETE


def _table(records: tuple[Record, ...], now: datetime) -> Iterator[str]:
    rows = [_COLUMNS, *(_row(each, now) for each in records)]
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            f"{cell if len(cell) <= _WIDEST else cell[: _WIDEST - 3] + '...':<{width}}"
            for cell, width in zip(row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def _row(each: Record, now: datetime) -> tuple[str, ...]:
    return (
        each.id,
        harmless(each.name),
        f"{each.key_type} {each.mode}",
        each.state(now),
        each.workspace_id or "-",
        _day(each.created_at),
        _day(each.expires_at),
        _day(each.last_used_at),
        f"{len(each.allowed_ips)} addresses" if each.allowed_ips else "everywhere",
        each.key_prefix,
    )


def _day(when: datetime | None) -> str:
    return when.date().isoformat() if when else "never"
