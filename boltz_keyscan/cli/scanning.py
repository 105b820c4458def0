"""Scan of the resolved options: cache, warnings, progress, pipeline, trust report."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from boltz_keyscan import pipeline
from boltz_keyscan.cli.messages import report_line
from boltz_keyscan.cli.options import ScanOptions
from boltz_keyscan.cli.progress import scan_progress
from boltz_keyscan.cli.resolve import ResolvedOptions
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fsutil import user_cache_dir
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.module_search import restrict
from boltz_keyscan.pipeline import Plan
from boltz_keyscan.plan import STDIN, check_path, make_plan
from boltz_keyscan.triage.suppress import Suppressor

if TYPE_CHECKING:
    from boltz_keyscan.key_status import StatusCheck


def plan_scan(options: ScanOptions) -> Plan:
    """Return the plan of a scan, after a check of its paths.

    Raises:
        KeyscanError: a path cannot be scanned, or options contradict each other.
    """
    for path in options.paths:
        if path != STDIN:
            check_path(path, history_only=options.history_only)
        elif options.history_only:
            raise KeyscanError("standard input has no history", "Leave out --history-only.")
    cache = None
    if not (options.no_cache or options.no_history):
        cache = options.cache_dir or _default_cache_dir()
    part = [
        name
        for name, given in (
            ("--range", options.range_),
            ("--since", options.since),
            ("--staged", options.staged),
        )
        if given
    ]
    if len(part) > 1 or (part and (options.no_history or options.history_only)):
        raise KeyscanError(f"{part[0]} chooses what to scan", "Leave out the other options that do.")
    restrict(path for path in options.paths if path != STDIN)
    return make_plan(options.for_plan(cache))


def run_scan(
    plan: Plan,
    resolved: ResolvedOptions,
    suppressor: Suppressor,
    status_check: StatusCheck | None = None,
) -> ScanResult:
    """Run the plan, and return the result with the trust report.

    Args:
        plan: plan of the scan.
        resolved: the resolved options.
        suppressor: triage step that suppresses keys.
        status_check: check of the status of keys.
    """
    options = resolved.options
    with scan_progress(plan.sources, quiet=options.quiet) as progress:
        result = pipeline.run(
            plan,
            (suppressor,),
            accept_gap=suppressor.accept_gap,
            status_check=status_check,
            progress=progress,
        )
    is_whole = not (options.no_history or options.history_only or options.staged or options.commits)
    is_whole = is_whole and all(map(os.path.isdir, options.paths))
    return resolved.with_trust_report(result, suppressor if is_whole else None)


def _default_cache_dir() -> str | None:
    """Return the user's cache folder; None, with a warning, for a user without a home."""
    if (folder := user_cache_dir()) is not None:
        return folder
    report_line("warning: nothing is cached: this user has no home folder; set HOME, or use --cache-dir")
    return None
