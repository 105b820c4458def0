"""Groups whose commands are modules of their own: ``fleet``, ``hook`` and ``keys``."""

from __future__ import annotations

import click

from boltz_keyscan.cli.groups import GroupWithExamples

_FLEET = {
    "scan": "boltz_keyscan.cli.commands.fleet_scan:scan",
    "status": "boltz_keyscan.cli.commands.fleet_report:status",
    "report": "boltz_keyscan.cli.commands.fleet_report:report",
    "merge": "boltz_keyscan.cli.commands.fleet_report:merge",
}

_HOOK = {
    "install": "boltz_keyscan.cli.commands.hook_install:install",
    "doctor": "boltz_keyscan.cli.commands.hook_doctor:doctor",
    "agent": "boltz_keyscan.cli.commands.hook_agent:agent",
    "pre-commit": "boltz_keyscan.cli.commands.hook_commit:pre_commit",
    "pre-push": "boltz_keyscan.cli.commands.hook_push:pre_push",
    "pre-receive": "boltz_keyscan.cli.commands.hook_push:pre_receive",
}

_KEYS = {
    "list": "boltz_keyscan.cli.commands.keys_list:list_",
    "audit": "boltz_keyscan.cli.commands.keys_audit:audit",
    "snapshot": "boltz_keyscan.cli.commands.keys_list:snapshot",
    "usage": "boltz_keyscan.cli.commands.keys_usage:usage",
    "revoke": "boltz_keyscan.cli.commands.keys_revoke:revoke",
}


@click.group("fleet", cls=GroupWithExamples, lazy=_FLEET, short_help="Scan many repositories.")
def fleet() -> None:
    """Scan many repositories as one piece of work, with one finding for each key.

    The results are kept in a folder, the state. A second scan reads only the repositories that
    changed, and one that was stopped goes on.
    """


@click.group("hook", cls=GroupWithExamples, lazy=_HOOK)
def hook() -> None:
    """Check commits, pushes and coding agents, as their hook."""


@click.group("keys", cls=GroupWithExamples, lazy=_KEYS)
def keys() -> None:
    """List, audit and revoke the organisation's keys.

    Needs an admin key in BOLTZ_API_KEY, or else in BOLTZ_COMPUTE_API_KEY, or from
    --api-key-file. A key is never an argument.
    """
