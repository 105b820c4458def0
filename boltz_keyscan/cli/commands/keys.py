"""``boltz-keyscan keys list|audit|snapshot|usage|revoke``: the keys of the organisation."""

from __future__ import annotations

import click

from boltz_keyscan.cli.groups import GroupWithExamples

_COMMANDS = {
    "list": "boltz_keyscan.cli.commands.keys_list:list_",
    "audit": "boltz_keyscan.cli.commands.keys_audit:audit",
    "snapshot": "boltz_keyscan.cli.commands.keys_list:snapshot",
    "usage": "boltz_keyscan.cli.commands.keys_usage:usage",
    "revoke": "boltz_keyscan.cli.commands.keys_revoke:revoke",
}


@click.group("keys", cls=GroupWithExamples, lazy=_COMMANDS)
def keys() -> None:
    """List, audit and revoke the organisation's keys.

    Needs an admin key in BOLTZ_API_KEY, or else in BOLTZ_COMPUTE_API_KEY, or from
    --api-key-file. A key is never an argument.
    """
