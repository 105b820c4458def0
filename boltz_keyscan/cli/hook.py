"""``boltz-keyscan hook pre-commit [FILE]...``: what is staged, before it is committed.

Boundary: as ``scan``, on the fast path of every commit; nothing is imported here that a
clean commit does not need.
"""

from __future__ import annotations

import click

from boltz_keyscan import scan as pipeline
from boltz_keyscan.model import ExitCode, ScanResult
from boltz_keyscan.plan import staged_plan


@click.group("hook")
def hook() -> None:
    """Run as a git hook."""


@hook.command("pre-commit")
@click.argument("files", nargs=-1, metavar="[FILE]...")
def pre_commit(*, files: tuple[str, ...]) -> int:
    """Stop a commit that holds a key of any kind.

    Looks at the staged content of each FILE (not at the worktree), or, without FILE, of
    everything staged. A FILE that is not in the index is read as it is.
    """
    plan = staged_plan(files)
    result = pipeline.run(plan.targets, plan.sources, plan.terms, plan.jobs)
    if result.exit_code == ExitCode.CLEAN:
        click.echo(_clean(result))
        return result.exit_code
    from boltz_keyscan.cli.output import emit, view  # noqa: PLC0415 - only when there is something to tell

    emit(result, "text", (), view("auto", 0, placeholders=False))
    return result.exit_code


def _clean(result: ScanResult) -> str:
    """One line: a hook that is silent could as well have looked at nothing."""
    tally = result.tally
    files = f"{tally.files} staged file{'' if tally.files == 1 else 's'}"
    return f"boltz-keyscan: no key in {files} ({tally.bytes:,} bytes)"
