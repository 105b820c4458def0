"""``boltz-keyscan keys snapshot --output FILE``: save the listing for ``--inventory``."""

from __future__ import annotations

import click

from boltz_keyscan.cli import safe_output
from boltz_keyscan.cli.api_connection import ApiOptions, api_options, open_connection
from boltz_keyscan.cli.commands.keys import fetch_listing
from boltz_keyscan.cli.redaction import redacted
from boltz_keyscan.errors import OutputError
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.report.writer import write_text
from boltz_keyscan.triage import inventory
from boltz_keyscan.triage.key_record import stamp


@click.command("snapshot")
@click.option("--output", type=click.Path(), metavar="FILE", required=True, help="Save the listing to FILE.")
@api_options
def snapshot(*, output: str, **options: str | None) -> int:
    """Save the listing of all keys, for 'boltz-keyscan --inventory FILE'.

    The file has public fields only: no key, and at most 7 characters of a key's body. An
    incomplete listing is saved as incomplete, and the exit code is 3.
    """
    safe_output.install()
    with open_connection(ApiOptions(**options)) as connection:
        found = fetch_listing(connection).listing
    try:
        write_text(output, safe_output.clean(inventory.serialize(found)))
    except OSError as error:
        raise OutputError(
            f"cannot write {redacted(output)}: {error.strerror}", "Name a file that you may write."
        ) from error
    whole = "complete" if found.complete else "NOT complete"
    whose = f" of {found.organisation}" if found.organisation else ""
    click.echo(
        redacted(f"{output}: {len(found.records):,} keys{whose}, {whole}, as of {stamp(found.taken_at)}")
    )
    return ExitCode.CLEAN if found.complete else ExitCode.INCOMPLETE
