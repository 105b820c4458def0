"""``boltz-keyscan hook pre-commit|pre-push|pre-receive|agent|install|doctor``."""

from __future__ import annotations

import click

from boltz_keyscan.cli.groups import GroupWithExamples

_COMMANDS = {
    "install": "boltz_keyscan.cli.commands.hook_install:install",
    "doctor": "boltz_keyscan.cli.commands.hook_doctor:doctor",
    "agent": "boltz_keyscan.cli.commands.hook_agent:agent",
    "pre-commit": "boltz_keyscan.cli.commands.hook_commit:pre_commit",
    "pre-push": "boltz_keyscan.cli.commands.hook_push:pre_push",
    "pre-receive": "boltz_keyscan.cli.commands.hook_push:pre_receive",
}


@click.group("hook", cls=GroupWithExamples, lazy=_COMMANDS)
def hook() -> None:
    """Check commits, pushes and coding agents, as their hook."""
