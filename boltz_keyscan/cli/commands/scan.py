"""``boltz-keyscan [PATH]...``: scan files and history."""

from __future__ import annotations

import os

import click

from boltz_keyscan import paths as targets
from boltz_keyscan import pipeline
from boltz_keyscan.cli.api_options import StatusOptions, filtered, status_options
from boltz_keyscan.cli.error_handler import report_line
from boltz_keyscan.cli.output import AUTO, COLORS, check_distinct, emit, view
from boltz_keyscan.cli.param_types import Format, split_reports
from boltz_keyscan.cli.progress import scan_progress
from boltz_keyscan.cli.resolve import ResolvedOptions, with_config
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fsutil import user_cache_dir
from boltz_keyscan.module_search import restrict
from boltz_keyscan.plan import STDIN, Options, range_plan, scan_plan, staged_plan
from boltz_keyscan.policy import FailOn, FailPolicy
from boltz_keyscan.report import REPORTERS


@click.command("scan")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--no-history", is_flag=True, help="Scan files only.")
@click.option("--history-only", is_flag=True, help="Scan git history only.")
@click.option("--range", "range_", metavar="A..B", help="Scan the commits reachable from B but not from A.")
@click.option("--since", metavar="REV", help="Same as --range REV..HEAD.")
@click.option("--staged", is_flag=True, help="Scan the staged files of the current repository.")
@click.option(
    "--format",
    "format_",
    type=Format([AUTO, *REPORTERS]),
    default=AUTO,
    show_default=True,
    help="Format of the report. auto is text; in GitHub Actions also annotations and a step summary.",
)
@click.option(
    "--output", type=click.Path(), metavar="FILE", help="Write the report to FILE instead of stdout."
)
@click.option(
    "--report",
    "reports",
    metavar="FORMAT=FILE",
    multiple=True,
    callback=split_reports,
    help="Write another report; repeatable.",
)
@click.option(
    "--fail-on",
    type=click.Choice([choice.value for choice in FailOn]),
    default=FailOn.LIVE.value,
    show_default=True,
    help="Exit 1 on live keys, on live admin keys, on any key, or never.",
)
@click.option(
    "--fail-on-unexposed", is_flag=True, help="Also fail on keys in ignored files and unreachable objects."
)
@click.option(
    "--require-complete", is_flag=True, help="Also exit 3 on gaps by design, such as shallow clones."
)
@click.option(
    "--baseline",
    type=click.Path(),
    metavar="FILE",
    help="Baseline of accepted keys.  [default: the tree's]",
)
@click.option("--foreign-comments", is_flag=True, help="Also honour ignore comments of other scanners.")
@click.option(
    "--trust",
    metavar="none|tree|base:REV",
    help="Where to read baseline, ignores, comments and configuration from: nowhere, the tree, or "
    "commit REV.  [default: tree; none in CI]",
)
@click.option(
    "--config", type=click.Path(), metavar="FILE", help="Configuration file.  [default: the tree's]"
)
@click.option("--no-config", is_flag=True, help="Ignore configuration files.")
@status_options
@click.option("--follow-alternates", is_flag=True, help="Also read git objects borrowed from outside PATH.")
@click.option(
    "--show-placeholders", is_flag=True, help="Also report placeholders from documentation and tests."
)
@click.option(
    "--sarif-drop-suppressed",
    is_flag=True,
    help="Leave suppressed keys out of SARIF, as GitHub would show them as open.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 256), metavar="N", help="Number of processes.  [default: all cores]"
)
@click.option(
    "--cache-dir",
    type=click.Path(),
    metavar="DIR",
    help="Cache directory.  [default: the user's cache]",
)
@click.option("--no-cache", is_flag=True, help="Neither read nor write the cache.")
@click.option(
    "--color", type=click.Choice(COLORS), default="auto", show_default=True, help="Colour of text output."
)
@click.option("-q", "--quiet", is_flag=True, help="Print only blocking findings and the verdict.")
@click.option("-v", "--verbose", is_flag=True, help="Show every location, gap and suppressed key.")
@with_config
def scan(
    *,
    resolved: ResolvedOptions,
    paths: tuple[str, ...],
    no_history: bool,
    history_only: bool,
    range_: str | None,
    since: str | None,
    staged: bool,
    format_: str,
    output: str | None,
    reports: tuple[tuple[str, str], ...],
    fail_on: str,
    fail_on_unexposed: bool,
    require_complete: bool,
    follow_alternates: bool,
    show_placeholders: bool,
    jobs: int | None,
    cache_dir: str | None,
    no_cache: bool,
    color: str,
    quiet: bool,
    verbose: bool,
    sarif_drop_suppressed: bool,
    **others: object,
) -> int:
    """Find leaked Boltz API keys in files, and in the whole git history of repositories.

    PATH is a file, a folder, a repository, a git bundle, or - for standard input; the
    default is the current folder. Submodules and bundles in it are scanned too, with their
    history. Write ./hook for a path with the name of a command.
    """
    if quiet and verbose:
        raise KeyscanError("--quiet and --verbose contradict each other", "Give one of them.")
    paths = paths or (".",)
    for path in paths:
        check_path(path, history_only=history_only)
    options = Options(
        paths=paths,
        history=not no_history,
        files=not history_only,
        fail_on=FailOn(fail_on),
        fail_on_unexposed=fail_on_unexposed,
        require_complete=require_complete,
        jobs=jobs,
        follow_alternates=follow_alternates,
        cache=None if no_cache or no_history else cache_dir or default_cache_dir(),
    )
    chosen = [
        name for name, given in (("--range", range_), ("--since", since), ("--staged", staged)) if given
    ]
    if len(chosen) > 1 or (chosen and (no_history or history_only)):
        raise KeyscanError(f"{chosen[0]} chooses what to scan", "Leave out the other options that do.")
    restrict(path for path in paths if path != STDIN)
    if staged:
        plan = staged_plan(
            (), FailPolicy(options.fail_on, require_complete=require_complete, empty_is_complete=True)
        )
    elif range_ or since:
        plan = range_plan(options, range_ or f"{since}..HEAD")
    else:
        plan = scan_plan(options)
    files = [*reports, *([(format_, output)] if output is not None else [])]
    check_distinct([path for _, path in files], stdout=output is None)
    step = resolved.suppressor(unexposed=fail_on_unexposed)
    status_check = StatusOptions.of(others).status_check(resolved, stdin=STDIN in paths)
    with scan_progress(plan.sources, quiet=quiet) as watch:
        result = pipeline.run(
            plan.targets,
            plan.sources,
            plan.terms,
            plan.jobs,
            (step,),
            status_check=status_check,
            progress=watch,
        )
    is_whole = options.history and options.files and not chosen and all(map(os.path.isdir, paths))
    result = resolved.with_trust_report(result, step if is_whole else None)
    verbosity = -1 if quiet else int(verbose)
    look = view(color, verbosity, placeholders=show_placeholders, drop_suppressed=sarif_drop_suppressed)
    emit(result, format_ if output is None else None, files, look, filtered(status_check))
    return result.exit_code


def default_cache_dir() -> str | None:
    """Return the user's cache folder; None, with a warning, for a user without a home."""
    if (folder := user_cache_dir()) is not None:
        return folder
    report_line("warning: nothing is cached: this user has no home folder; set HOME, or use --cache-dir")
    return None


def check_path(path: str, *, history_only: bool) -> None:
    """Check a path before anything is scanned.

    Raises:
        KeyscanError: the path cannot be scanned.
    """
    if path == STDIN:
        if history_only:
            raise KeyscanError("standard input has no history", "Leave out --history-only.")
        return
    targets.check(path, history_only=history_only)
