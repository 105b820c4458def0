"""The commit hook while there is nothing to report: without ``click``, which takes longer than the scan.

Every commit pays for this module: it imports nothing that a clean commit does not need.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from boltz_keyscan import pipeline
from boltz_keyscan.findings import Gathered
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.policy import FailOn, FailPolicy


def scan(arguments: Sequence[str]) -> Gathered | str | None:
    """Scan what ``hook pre-commit`` names.

    Args:
        arguments: arguments after the name of the command.

    Returns:
        The line to print for a clean commit; what was gathered if there is more to report.
        None if the command itself has to scan: it has options, or there was an error.
    """
    names = arguments[1:] if arguments[:1] == ["--"] else arguments
    if any(name.startswith("-") for name in names):
        return None
    plan = plan_of(names)
    try:
        gathered = pipeline.gather(plan)
        result = pipeline.judge(plan, gathered)
    except Exception:  # noqa: BLE001 - the command runs into the same error and reports it
        return None
    return f"boltz-keyscan: no key in {amount_scanned(result, names)}" if is_clean(result) else gathered


def plan_of(names: Sequence[str]) -> pipeline.Plan:
    """Return the plan for the staged files with these names, or for everything staged."""
    return make_plan(Options(staged=tuple(names), fail_policy=FailPolicy(FailOn.ANY)))


def is_clean(result: ScanResult) -> bool:
    """Return True if there is nothing to report; placeholders are not."""
    return not (result.exit_code or result.gaps or result.keys)


def amount_scanned(result: ScanResult, names: Sequence[str]) -> str:
    """Return the amount scanned: a silent hook could have scanned nothing.

    Args:
        result: the result of the hook's scan.
        names: the files that were named. Without a commit they may be in the index as HEAD has them.
    """
    tally = result.tally
    on_disk = tally.files - tally.blobs
    staged = (
        f"staged file{_s(tally.blobs)}"
        if is_of_commit() or not names
        else f"file{_s(tally.blobs)} of the index"
    )
    counts = [f"{tally.blobs:,} {staged}"] if tally.blobs or not on_disk else []
    if on_disk:
        counts.append(f"{on_disk:,} file{_s(on_disk)} that {'is' if on_disk == 1 else 'are'} not staged")
    return f"{' and '.join(counts)} ({tally.bytes:,} bytes)"


def is_of_commit() -> bool:
    """Return True in the hook of a commit, for which git sets the variable; by hand no commit is stopped."""
    return "GIT_INDEX_FILE" in os.environ


def _s(number: int) -> str:
    return "" if number == 1 else "s"
