"""``boltz-keyscan hook pre-commit [FILE]...``: scan staged content before a commit.

A clean commit does not get here; see ``clean_commit``.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from boltz_keyscan import pipeline
from boltz_keyscan.cli.clean_commit import amount_scanned, is_clean, is_of_commit, plan_of
from boltz_keyscan.cli.groups import CommandWithExamples
from boltz_keyscan.findings import Gathered
from boltz_keyscan.model.finding import Finding, Gap, ScanResult

if TYPE_CHECKING:
    from boltz_keyscan.cli.resolve import ResolvedOptions
    from boltz_keyscan.triage.suppress import Suppressor


class _TakesFiles(CommandWithExamples):
    """Command that git or pre-commit calls with file names chosen by strangers."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse an option that is a file: one named ``--help`` must not make the hook pass."""
        options = args[: args.index("--")] if "--" in args else args
        for option in options:
            if option.startswith("-") and os.path.lexists(option):
                raise click.UsageError(
                    f"{option} could be an option or a file; put -- before the files.", ctx
                )
        return super().parse_args(ctx, args)


def trust_options(function: Callable[..., int]) -> Callable[..., int]:
    """Add the options for the keys that a hook lets pass."""
    baseline = click.option(
        "--baseline", metavar="FILE", help="Baseline of accepted keys.  [default: the tree's]"
    )
    trust = click.option(
        "--trust",
        metavar="none|tree|base:REV",
        help="Where to read baseline, ignores and comments from; as for a scan.",
    )
    return baseline(trust(function))


def scan_for_hook(
    plan: pipeline.Plan,
    baseline: str | None,
    trust: str | None,
    watch: pipeline.ProgressListener | None = None,
    gathered: Gathered | None = None,
) -> ScanResult:
    """Run the plan of a hook, or only judge what was gathered; suppressions are loaded for the first key."""

    @functools.cache
    def resolved() -> tuple[ResolvedOptions, Suppressor]:
        from boltz_keyscan.cli.hook_text import resolve_for_hook  # noqa: PLC0415 - a clean commit needs no suppression

        options = resolve_for_hook(baseline, trust)
        return options, options.suppressor()

    def step(finding: Finding) -> Finding:
        return resolved()[1](finding)

    def accept_gap(gap: Gap) -> Gap:
        return resolved()[1].accept_gap(gap)

    gathered = gathered or pipeline.gather(plan, progress=watch)
    result = pipeline.judge(plan, gathered, (step,), accept_gap=accept_gap)
    return resolved()[0].with_trust_report(result) if resolved.cache_info().currsize else result


def report(result: ScanResult, change: str, looked_at: str) -> int:
    """Write the outcome of a hook, and return the exit code.

    Args:
        result: the result of its scan.
        change: the change that it checks, a ``hook_text.Change``.
        looked_at: the amount scanned, as text.
    """
    if is_clean(result):
        click.echo(f"boltz-keyscan: no key in {looked_at}")
        return result.exit_code
    from boltz_keyscan.cli.hook_text import Change, write  # noqa: PLC0415 - only when there is something to report

    write(result, Change(change), looked_at)
    return result.exit_code


@click.command("pre-commit", cls=_TakesFiles)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@trust_options
@click.pass_obj
def pre_commit(
    gathered: Gathered | None, *, files: tuple[str, ...], baseline: str | None, trust: str | None
) -> int:
    """Stop a commit that adds a key of any kind.

    Scans the staged content of each FILE, or of everything staged; the worktree is not read.
    A FILE outside the index is read from disk. A key that the file had before, in HEAD or in
    a commit that is being merged, does not stop the commit. In a FILE without changes every
    key counts.
    """
    result = scan_for_hook(plan_of(files), baseline, trust, gathered=gathered)
    return report(result, "commit" if is_of_commit() else "files", amount_scanned(result, files))
