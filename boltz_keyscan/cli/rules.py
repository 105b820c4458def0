"""``boltz-keyscan rules list|check``: the rule set, shown and proved.

Boundary: prints what ``rules`` and ``detect.selfcheck`` say.
"""

from __future__ import annotations

from pathlib import Path

import click

from boltz_keyscan import rules as rule_files
from boltz_keyscan.cli.examples import ShownGroup
from boltz_keyscan.cli.redaction import redacted
from boltz_keyscan.detect.selfcheck import check
from boltz_keyscan.model import ExitCode
from boltz_keyscan.policy import SECURITY_SEVERITY


@click.group("rules", cls=ShownGroup)
def rules() -> None:
    """Show and check the rules."""


@rules.command("list")
def list_() -> int:
    """Show each rule: severity, id, type prefix, and what such a key can do."""
    for rule in rule_files.load():
        score = SECURITY_SEVERITY[rule.severity]
        click.echo(f"{rule.severity:<9} {score:<4} {rule.id:<26} {rule.prefix}")
        click.echo(f"          {rule.summary}")
    return ExitCode.CLEAN


@rules.command("check")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def check_(*, folder: Path | None) -> int:
    """Prove each rule on its own examples and counter-examples.

    FOLDER holds one TOML file per rule; the default is the rules this program came with.
    """
    loaded = rule_files.load(folder)
    failures = [failure for rule in loaded for failure in check(rule, loaded)]
    for failure in failures:
        # A rule in the making may hold a literal key where a template belongs.
        click.echo(f"FAILED {redacted(failure)}")
    examples = sum(len(rule.examples) for rule in loaded)
    click.echo(f"{len(loaded)} rules, {examples} examples, {len(failures)} failed")
    return ExitCode.USAGE if failures else ExitCode.CLEAN
