"""``boltz-keyscan fleet scan|status|report|merge``: many repositories as one piece of work."""

from __future__ import annotations

import click

from boltz_keyscan.cli.groups import GroupWithExamples

_COMMANDS = {
    "scan": "boltz_keyscan.cli.commands.fleet_scan:scan",
    "status": "boltz_keyscan.cli.commands.fleet_report:status",
    "report": "boltz_keyscan.cli.commands.fleet_report:report",
    "merge": "boltz_keyscan.cli.commands.fleet_report:merge",
}


@click.group("fleet", cls=GroupWithExamples, lazy=_COMMANDS, short_help="Scan many repositories.")
def fleet() -> None:
    """Scan many repositories as one piece of work, with one finding for each key.

    The results are kept in a folder, the state. A second scan reads only the repositories that
    changed, and one that was stopped goes on.
    """
