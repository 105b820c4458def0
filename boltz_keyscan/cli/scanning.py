"""Full scan of files and history for commands that write no report of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from boltz_keyscan import pipeline
from boltz_keyscan.cli.commands.scan import check_path, default_cache_dir
from boltz_keyscan.cli.progress import scan_progress
from boltz_keyscan.cli.resolve import ResolvedOptions, scan_options
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.module_search import restrict
from boltz_keyscan.plan import Options, scan_plan
from boltz_keyscan.policy import FailOn
from boltz_keyscan.triage import Step

SCAN_OPTIONS = ("follow_alternates", "jobs", "cache_dir", "no_cache")
TRUST_OPTIONS = ("baseline", "foreign_comments", "trust", "config", "no_config")


def scan_subset_options(function: Callable[..., int]) -> Callable[..., int]:
    """Add the scan options that all of these commands take."""
    return scan_options(*SCAN_OPTIONS, *TRUST_OPTIONS)(function)


def run_scan(
    resolved: ResolvedOptions, steps: Sequence[Step], fail_on: FailOn, *, unexposed: bool = False
) -> ScanResult:
    """Scan files and history of all paths.

    Raises:
        KeyscanError: a path does not exist, or an error of the scan.
    """
    values: Any = resolved.values
    paths = values["paths"] or (".",)
    for path in paths:
        check_path(path, history_only=False)
    restrict(paths)
    plan = scan_plan(
        Options(
            paths=paths,
            fail_on=fail_on,
            fail_on_unexposed=unexposed,
            jobs=values["jobs"],
            follow_alternates=values["follow_alternates"],
            cache=None if values["no_cache"] else values["cache_dir"] or default_cache_dir(),
        )
    )
    with scan_progress(plan.sources) as watch:
        result = pipeline.run(plan.targets, plan.sources, plan.terms, plan.jobs, steps, progress=watch)
    return resolved.with_trust_report(result)
