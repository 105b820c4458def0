"""``boltz-keyscan keys list|audit|snapshot|revoke``: the keys of the organisation.

Boundary: the list of commands, each loaded when called, and what they share: a listing
from the API, with its trouble told.
"""

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
    """Commands by name, loaded when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's form
        """All of them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's form
        """The command, imported now."""
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

    Needs an admin key: in BOLTZ_API_KEY, else in BOLTZ_COMPUTE_API_KEY, or with
    --api-key-file. It is never an argument.
    """


def listed(connection: Connection) -> Fetched:
    """All keys of the organisation, as far as the API gives them.

    Raises:
        KeyscanError: the API does not accept the key, or not for this.
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
