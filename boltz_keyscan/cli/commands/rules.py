"""``boltz-keyscan rules list|check|export``: list, test and export the rules."""

from __future__ import annotations

from pathlib import Path

import click

from boltz_keyscan import rules as rule_files
from boltz_keyscan.cli.groups import GroupWithExamples
from boltz_keyscan.cli.parameters import FILE
from boltz_keyscan.detect.rule_check import check
from boltz_keyscan.errors import writing
from boltz_keyscan.exports import EXPORTERS, export_rules
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.policy import SECURITY_SEVERITY
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report.writer import write_text
from boltz_keyscan.sanitize import harmless


@click.group("rules", cls=GroupWithExamples)
def rules() -> None:
    """Show, check and export the rules."""


@rules.command("list", short_help="Show each rule and its severity.")
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
    """Test each rule on its own examples and counter-examples.

    FOLDER has one TOML file per rule; the default is the built-in rules.
    """
    loaded = rule_files.load(folder)
    failures = [failure for rule in loaded for failure in check(rule, loaded)]
    for failure in failures:
        # An unfinished rule may contain a literal key instead of a template.
        click.echo(f"FAILED {redacted(failure)}")
    examples = sum(len(rule.examples) for rule in loaded)
    click.echo(f"{len(loaded)} rules, {examples} examples, {len(failures)} failed")
    return ExitCode.USAGE if failures else ExitCode.CLEAN


@rules.command("export")
@click.option(
    "--for",
    "scanner",
    type=click.Choice(EXPORTERS),
    required=True,
    help="Scanner to write the rules for.",
)
@click.option("--output", **FILE, help="Write the rules to FILE instead of stdout.")
def export(*, scanner: str, output: str | None) -> int:
    """Write the rules as a file for another scanner.

    Comments in the file explain how to use it and what that scanner cannot express.
    """
    text = export_rules(scanner, rule_files.load())
    if output is None:
        click.echo(text, nl=False)
        return ExitCode.CLEAN
    with writing(f"the rules to {harmless(output)}", "Name another file."):
        write_text(output, text)
    return ExitCode.CLEAN
