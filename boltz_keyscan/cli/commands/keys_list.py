"""``boltz-keyscan keys list`` and ``keys snapshot``: every key of the organisation, shown or saved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from boltz_keyscan.cli import safe_output
from boltz_keyscan.cli.api_options import ApiCommand, ApiOptions, fetch_listing, open_connection
from boltz_keyscan.cli.parameters import FILE, format_of
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.redaction import redacted
from boltz_keyscan.sanitize import harmless
from boltz_keyscan.triage import inventory
from boltz_keyscan.triage.key_record import Record, stamp

_COLUMNS = ("ID", "NAME", "KIND", "STATE", "WORKSPACE", "CREATED", "EXPIRES", "LAST USED", "FROM", "PREFIX")
_WIDEST = 40


@click.command("list", cls=ApiCommand)
@click.option("--format", "format_", **format_of(("text", "json")), help="Format of the list.")
def list_(*, api: ApiOptions, format_: str) -> int:
    """Show every key of the organisation: type, state and last use.

    Exits with 3 if the API did not return all of them.
    """
    with open_connection(api) as connection:
        found = fetch_listing(connection)
    if format_ == "json":
        click.echo(inventory.serialize(found.listing), nl=False)
    else:
        for line in _table(found.listing.records, datetime.now(UTC)):
            click.echo(line)
        whole = "" if found.listing.complete else "; there may be more"
        click.echo(f"{len(found.listing.records):,} keys{whole}")
    return ExitCode.CLEAN if found.listing.complete else ExitCode.INCOMPLETE


@click.command("snapshot", cls=ApiCommand, short_help="Save the listing of all keys to a file.")
@click.option("--output", **FILE, help="Save the listing to FILE.", required=True)
def snapshot(*, api: ApiOptions, output: str) -> int:
    """Save the listing of all keys, for 'boltz-keyscan --inventory FILE'.

    The file has public fields only: no key, and at most 7 characters of a key's body. An
    incomplete listing is saved as incomplete, and the exit code is 3.
    """
    with open_connection(api) as connection:
        found = fetch_listing(connection).listing
    safe_output.write_file(output, inventory.serialize(found))
    whole = "complete" if found.complete else "NOT complete"
    whose = f" of {found.organisation}" if found.organisation else ""
    click.echo(
        redacted(f"{output}: {len(found.records):,} keys{whose}, {whole}, as of {stamp(found.taken_at)}")
    )
    return ExitCode.CLEAN if found.complete else ExitCode.INCOMPLETE


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
