"""``boltz-keyscan explain [FINGERPRINT] [PATH]...``: everything known about one key, and what to do."""

from __future__ import annotations

import io
import os
import re

import click

from boltz_keyscan import rules
from boltz_keyscan.cli.options import FILE_OPTIONS
from boltz_keyscan.cli.resolve import ResolvedOptions, ScanCommand
from boltz_keyscan.cli.scanning import plan_scan, run_scan
from boltz_keyscan.errors import KeyscanError, OutputError
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.policy import pushed
from boltz_keyscan.report.explain import explain as write_explanation
from boltz_keyscan.report.explain import list_keys
from boltz_keyscan.report.remediation import History, Recipe, expression
from boltz_keyscan.report.wording import count
from boltz_keyscan.report.writer import write_text
from boltz_keyscan.sources.git.repo.push_status import PushStatus, push_status

_PREFIX = re.compile(r"(?:bk1:)?([0-9a-f]{4,32})|bk1:.*")
"""First digits of a fingerprint. With ``bk1:``, anything is meant as one."""

_MAX_NAMED = 10
"""Limit of fingerprints in the message about a prefix that fits several."""


class _ExplainCommand(ScanCommand):
    """Command whose first argument may be left out."""

    def invoke(self, ctx: click.Context) -> object:
        """Take the first argument as a path if it is not the beginning of a fingerprint."""
        name = ctx.params["fingerprint"]
        bare = name is not None and not name.startswith("bk1:")
        if name is not None and (not _PREFIX.fullmatch(name) or (bare and os.path.lexists(name))):
            ctx.params["paths"] = (name, *ctx.params["paths"])
            ctx.params["fingerprint"] = None
        return super().invoke(ctx)


@click.command(
    "explain",
    cls=_ExplainCommand,
    names=("fail_on", "fail_on_unexposed", *FILE_OPTIONS),
    short_help="List the keys, or show everything about one and what to do.",
)
@click.argument("fingerprint", metavar="[FINGERPRINT]", required=False)
@click.option(
    "--replace-text",
    type=click.Path(),
    metavar="FILE",
    help="Write the expressions for 'git filter-repo --replace-text' to FILE. They contain no key.",
)
def explain(*, resolved: ResolvedOptions, fingerprint: str | None, replace_text: str | None) -> int:
    """Show everything about one key: why it does or does not fail a run, where it is, what to do.

    FINGERPRINT is copied from a report; its first digits are enough if no other key has them.
    Without it the keys are listed. PATH is as for a scan.
    """
    plan = plan_scan(resolved.options)
    step = resolved.suppressor(unexposed=resolved.options.fail_on_unexposed)
    result = run_scan(plan, resolved, step)
    text = io.StringIO()
    if fingerprint is None:
        if replace_text is not None:
            raise KeyscanError("--replace-text is about one key", "Give its fingerprint too.")
        list_keys(result, text)
    else:
        finding = _find(fingerprint, result)
        rule = next(rule for rule in rules.load() if rule.id == finding.rule_id)
        if replace_text is not None:
            _write(replace_text, expression(rule))
            # The command is run in another folder, a fresh clone.
            replace_text = os.path.abspath(replace_text)
        recipe = Recipe(finding, rule, _history(resolved, finding), replace_text, result.targets)
        write_explanation(finding, rule, plan.terms, recipe.instructions(), text)
    click.echo(text.getvalue(), nl=False)
    return ExitCode.CLEAN if result.complete else ExitCode.INCOMPLETE


def _find(prefix: str, result: ScanResult) -> Finding:
    """Return the finding whose fingerprint begins with the prefix.

    Raises:
        KeyscanError: none does, or several do.
    """
    whole = prefix if prefix.startswith("bk1:") else f"bk1:{prefix}"
    fitting = [each for each in result.findings if each.fingerprint.startswith(whole)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(each.fingerprint for each in fitting[:_MAX_NAMED])
        more = f" and {len(fitting) - _MAX_NAMED:,} more" if len(fitting) > _MAX_NAMED else ""
        raise KeyscanError(f"{whole} fits {len(fitting):,} keys: {names}{more}", "Give more digits.")
    if not result.complete:
        raise KeyscanError(
            f"key {whole} was not found, but the scan is incomplete",
            "Run 'boltz-keyscan' to see what was not scanned.",
        )
    raise KeyscanError(
        f"key {whole} was not found; the scan found {count(len(result.findings), 'other')}",
        "'boltz-keyscan explain' lists the keys.",
    )


def _history(resolved: ResolvedOptions, finding: Finding) -> History:
    """Return the commits of a key, as far as they are known; none if the key was pushed."""
    commits = {place.commit for place in finding.locations if place.commit is not None}
    known: PushStatus | None = None
    folder = b""
    for root in resolved.roots:
        if known is None and (known := push_status(root.folder, commits)) is not None:
            folder = os.path.basename(os.path.realpath(root.folder))
    if known is None:
        return History()
    name = os.fsdecode(folder) or "project"
    if not commits or pushed(finding) is not False or not commits <= set(known.unpushed):
        return History(known.head, folder=name)
    return History(
        known.head,
        known.unpushed,
        root=known.unpushed[0] in known.roots,
        merges=known.merges,
        branches=known.branches,
        folder=name,
    )


def _write(path: str, text: str) -> None:
    try:
        write_text(os.fspath(path), text)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}", "Name another file.") from error
