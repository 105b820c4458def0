"""``boltz-keyscan keys list|audit|snapshot|revoke``: the keys of the organisation."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    from boltz_keyscan.api.client import Connection
    from boltz_keyscan.api.listing import Fetched

_COMMANDS = {
    "list": "boltz_keyscan.cli.commands.keys_list:list_",
    "audit": "boltz_keyscan.cli.commands.keys_audit:audit",
    "snapshot": "boltz_keyscan.cli.commands.keys_snapshot:snapshot",
    "revoke": "boltz_keyscan.cli.commands.keys_revoke:revoke",
}


class _Keys(click.Group):
    """Group of the commands, each imported when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's form
        """Return all commands."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's form
        """Import and return the command."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        return cast("click.Command", getattr(import_module(module), name))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples."""
        from boltz_keyscan.cli.examples import write  # noqa: PLC0415 - for a help text only

        write(ctx, formatter)


@click.group("keys", cls=_Keys)
def keys() -> None:
    """List, audit and revoke the organisation's keys.

    Needs an admin key in BOLTZ_API_KEY, or else in BOLTZ_COMPUTE_API_KEY, or from
    --api-key-file. A key is never an argument.
    """


def fetch_listing(connection: Connection) -> Fetched:
    """Return the keys of the organisation; an incomplete listing is reported.

    Raises:
        KeyscanError: the API rejects the key, or does not let it list.
    """
    from boltz_keyscan.api.listing import fetch  # noqa: PLC0415 - the network
    from boltz_keyscan.cli.error_handler import report_line  # noqa: PLC0415
    from boltz_keyscan.cli.progress import Progress  # noqa: PLC0415
    from boltz_keyscan.cli.redaction import redacted  # noqa: PLC0415
    from boltz_keyscan.errors import KeyscanError  # noqa: PLC0415

    with Progress("asking the Boltz API") as progress:
        found = fetch(connection, redacted, progress.keys)
    if found.failure is not None:
        if found.failure.reason in {"unauthorized", "forbidden"}:
            raise KeyscanError(found.failure.detail, "Listing needs an admin key that works.")
        report_line(f"warning: the listing is not complete: {found.failure.detail}")
    return found
