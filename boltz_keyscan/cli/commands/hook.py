"""``boltz-keyscan hook pre-commit [FILE]...``: what is staged, before it is committed.

Boundary: as ``scan``, on the fast path of every commit; nothing is imported here that a
clean commit does not need.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, cast

import click

from boltz_keyscan import pipeline
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.plan import Plan, staged_plan

if TYPE_CHECKING:
    from boltz_keyscan.cli.hook_suppression import HookSuppression

_OTHERS = {
    "doctor": "boltz_keyscan.cli.commands.hook_doctor:doctor",
    "install": "boltz_keyscan.cli.commands.hook_install:install",
    "pre-push": "boltz_keyscan.cli.commands.hook_push:pre_push",
    "pre-receive": "boltz_keyscan.cli.commands.hook_push:pre_receive",
}


class _TakesFiles(click.Command):
    """A command whose arguments are written by a program, from names that strangers chose."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse an option that is a file: one called ``--help`` must not end the hook well."""
        options = args[: args.index("--")] if "--" in args else args
        for option in options:
            if option.startswith("-") and os.path.lexists(option):
                raise click.UsageError(
                    f"{option} could be an option or a file; put -- before the files.", ctx
                )
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples."""
        from boltz_keyscan.cli.examples import write  # noqa: PLC0415 - for a help text only

        write(ctx, formatter)


class _Hooks(click.Group):
    """The commit hook is here; the others are loaded when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them."""
        return [*super().list_commands(ctx), *_OTHERS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The hook, imported now."""
        if cmd_name in _OTHERS:
            module, _, name = _OTHERS[cmd_name].partition(":")
            return cast("click.Command", getattr(import_module(module), name))
        return super().get_command(ctx, cmd_name)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples."""
        from boltz_keyscan.cli.examples import write  # noqa: PLC0415 - for a help text only

        write(ctx, formatter)


@click.group("hook", cls=_Hooks)
def hook() -> None:
    """Run as a git hook."""


def trusting(function: Callable[..., int]) -> Callable[..., int]:
    """The options that say which keys a hook lets pass."""
    baseline = click.option(
        "--baseline", metavar="FILE", help="Keys that are accepted.  [default: the tree's]"
    )
    trust = click.option(
        "--trust",
        metavar="none|tree|base:REV",
        help="Whose baseline, ignores and comments count; as for a scan.",
    )
    return baseline(trust(function))


def judged(
    plan: Plan, baseline: str | None, trust: str | None, watch: pipeline.ProgressListener | None = None
) -> ScanResult:
    """Run a plan; what may excuse a key is looked at when one was found, and not before."""
    known: list[HookSuppression] = []

    def step(finding: Finding) -> Finding:
        if not known:
            from boltz_keyscan.cli.hook_suppression import HookSuppression  # noqa: PLC0415 - a clean commit needs none of it

            known.append(HookSuppression.of(baseline, trust))
        return known[0].excuser(finding)

    result = pipeline.run(plan.targets, plan.sources, plan.terms, plan.jobs, (step,), progress=watch)
    return known[0].settled.told(result) if known else result


@hook.command("pre-commit", cls=_TakesFiles)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@trusting
def pre_commit(*, files: tuple[str, ...], baseline: str | None, trust: str | None) -> int:
    """Stop a commit that adds a key of any kind.

    Looks at the staged content of each FILE (not at the worktree), or, without FILE, of
    everything staged. A FILE that is not in the index is read as it is. A key that the file
    had before, in HEAD or in a commit that is being merged, does not stop the commit; a FILE
    without changes is judged whole.
    """
    plan = staged_plan(files)
    result = judged(plan, baseline, trust)
    if result.exit_code == ExitCode.CLEAN and not result.gaps and not result.keys:
        click.echo(f"boltz-keyscan: no key in {_looked_at(result)}")
        return result.exit_code
    from boltz_keyscan.cli.hook_report import write  # noqa: PLC0415 - only when there is something to report

    write(result, "commit", _looked_at(result))
    # git sets it for the hooks of a commit; a hook that is called by hand has stopped none.
    if result.exit_code == ExitCode.BLOCKING and "GIT_INDEX_FILE" in os.environ:
        click.echo("The commit was stopped: nothing was committed, and no key has left this machine with it.")
        click.echo("Take the key out of the file, stage the file again, and commit.")
        click.echo(
            "To accept it: boltz-keyscan baseline create --reason WHY, "
            "or a comment on its line, boltz-keyscan: ignore=WHY"
        )
    return result.exit_code


def _looked_at(result: ScanResult) -> str:
    """Return how much was looked at: a hook that is silent could as well have looked at nothing."""
    tally = result.tally
    on_disk = tally.files - tally.blobs
    counts = [f"{tally.blobs:,} staged file{_s(tally.blobs)}"] if tally.blobs or not on_disk else []
    if on_disk:
        counts.append(f"{on_disk:,} file{_s(on_disk)} that {'is' if on_disk == 1 else 'are'} not staged")
    return f"{' and '.join(counts)} ({tally.bytes:,} bytes)"


def _s(number: int) -> str:
    return "" if number == 1 else "s"
