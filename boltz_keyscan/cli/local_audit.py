"""``keys audit --local``: the places of this machine, of which the large ones are scanned."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

from boltz_keyscan import pipeline, rules
from boltz_keyscan.audit.history_source import ListedFiles, Selection, select_newest
from boltz_keyscan.audit.local import CHECKS, KeyAt, examine, keys_in
from boltz_keyscan.audit.local_files import list_files, read_environments, read_files
from boltz_keyscan.audit.places import Place, base_folders
from boltz_keyscan.cli.progress import scan_progress
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.fsutil import PLATFORM, cpu_count
from boltz_keyscan.model.audit import Audit
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.pipeline import Plan
from boltz_keyscan.policy import FailPolicy
from boltz_keyscan.report.gaps import joined_gaps
from boltz_keyscan.report.locations import with_members
from boltz_keyscan.report.wording import count, gap_reason, size
from boltz_keyscan.triage.key_record import stamp

DEFAULT_BUDGET_GIB = 20


def examine_machine(budget: int | None) -> Audit:
    """Read the places of this machine and of the current folder.

    Args:
        budget: limit of bytes of transcripts, histories and logs; None to leave them out.
    """
    home = os.path.expanduser("~")
    trouble: list[str] = []
    if not os.path.isabs(home):
        # expanduser() leaves "~" for a user id without an entry in the passwd file.
        trouble.append("~: this user has no home folder; set HOME")
    detector = KeyDetector.of(rules.load())
    bases = base_folders(os.environ, home, os.getcwd(), PLATFORM)
    # A home at the root has no name, and the pattern of a file would be that of its folder.
    user = os.path.basename(home) or "root"
    files = list(read_files(list_files(bases, deep=False, user=user), detector))
    trouble += (f"{each.path}: {each.trouble}" for each in files if each.trouble)
    number = len(files)
    own = {os.fsencode(name): os.fsencode(value) for name, value in os.environ.items()}
    files += read_environments(own, detector)
    keys = list(keys_in(files, {rule.id: rule.prefix for rule in rules.load()}))
    if budget is not None:
        deep = {os.path.realpath(path): place for path, place in list_files(bases, deep=True, user=user)}
        selection = select_newest(deep, budget)
        result = _scan(selection.files)
        places = {detector.redact(path): deep[path] for path in selection.files.paths}
        keys += _list_keys(result, places)
        trouble += _list_trouble(result, selection, budget)
        number += len(selection.files.paths)
    concerns, now = examine(files, keys), stamp(datetime.now(UTC))
    return Audit("local", None, now, number, tuple(CHECKS.values()), concerns, tuple(trouble))


def _scan(source: ListedFiles) -> ScanResult:
    fail_policy = FailPolicy(empty_is_complete=True)
    with scan_progress([source]) as progress:
        return pipeline.run(Plan(("~",), (source,), fail_policy, cpu_count()), progress=progress)


def _list_keys(result: ScanResult, places: dict[str, Place]) -> Iterator[KeyAt]:
    for finding in result.keys:
        for each in finding.locations:
            yield KeyAt(
                finding.fingerprint,
                finding.shown,
                with_members(each),
                each.path,
                None if each.members else each.line,
                places[each.path],
            )


def _list_trouble(result: ScanResult, selection: Selection, budget: int) -> Iterator[str]:
    yield from (f"{gap.where}: {gap_reason(gap)}" for gap in joined_gaps(result.gaps) if not gap.by_design)
    if selection.left:
        yield (
            f"{count(selection.left, 'older file')} of {size(selection.left_bytes)} beyond the budget of "
            f"{budget >> 30} GiB; see --budget"
        )
