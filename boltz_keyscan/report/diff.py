"""Comparison of two reports: keys that are new, gone, spread further or changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TextIO

from boltz_keyscan.advice import EXPOSURE, INSIDE_GIT
from boltz_keyscan.model.enums import ExitCode, Exposure
from boltz_keyscan.policy import is_below_git
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.json_reader import Report, ReportedFinding
from boltz_keyscan.report.wording import count

INCOMPLETE = "INCOMPLETE: the newer report did not see everything"

_MAX_PATHS = 5


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes between an older and a newer report."""

    new: tuple[ReportedFinding, ...]
    gone: tuple[ReportedFinding, ...]
    spread: tuple[tuple[ReportedFinding, ReportedFinding], ...]
    """Older and newer finding of keys with a wider exposure or further paths."""
    changed: tuple[tuple[ReportedFinding, ReportedFinding], ...]
    """Older and newer finding of keys whose status, severity, suppression or blocking changed."""
    blocking: tuple[str, ...]
    """Fingerprints of keys that fail the newer run and did not fail the older."""


@dataclass(frozen=True, slots=True)
class Row:
    """A change of one key."""

    kind: str
    """``new``, ``gone``, ``spread`` or ``changed``."""
    finding: ReportedFinding
    text: str
    paths: frozenset[str] = frozenset()
    """New paths of the key."""


def compare(old: Report, new: Report) -> Changes:
    """Return the changes, in the order of the newer report."""
    both = [(old.keys[key], finding) for key, finding in new.keys.items() if key in old.keys]
    return Changes(
        new=tuple(finding for key, finding in new.keys.items() if key not in old.keys),
        gone=tuple(finding for key, finding in old.keys.items() if key not in new.keys),
        spread=tuple(
            # A key that left HEAD is in history under further paths, and has not spread.
            (was, now)
            for was, now in both
            if now.exposure.rank < was.exposure.rank
            or (now.exposure.rank == was.exposure.rank and now.paths - was.paths)
        ),
        changed=tuple((was, now) for was, now in both if any(_changes(was, now))),
        blocking=tuple(
            key
            for key, finding in new.keys.items()
            if finding.blocking and not (key in old.keys and old.keys[key].blocking)
        ),
    )


def exit_code(changes: Changes, new: Report) -> ExitCode:
    """Return 1 for new blocking keys, 3 if the newer report is incomplete, otherwise 0."""
    if changes.blocking:
        return ExitCode.BLOCKING
    return ExitCode.CLEAN if new.complete else ExitCode.INCOMPLETE


def rows(new: Report, changes: Changes) -> Iterator[Row]:
    """Yield the changes, one row for each key and change."""
    for finding in changes.new:
        fails = ", FAILS THE RUN" if finding.blocking else ""
        yield Row("new", finding, f"{_describe_exposure(finding)}{fails}", finding.paths)
    for finding in changes.gone:
        unseen = "" if new.complete else ", or not seen: the newer report is incomplete"
        yield Row("gone", finding, f"was {_describe_exposure(finding)}{unseen}")
    for was, now in changes.spread:
        wider = (
            f"{_describe_exposure(was)} -> {_describe_exposure(now)}; "
            if was.exposure != now.exposure
            else ""
        )
        further = now.paths - was.paths
        yield Row("spread", now, f"{wider}{count(len(further), 'further path')}", further)
    for was, now in changes.changed:
        yield Row("changed", now, ", ".join(_changes(was, now)))


def total(changes: Changes) -> str:
    """Return the number of changes of each kind, in one sentence."""
    return (
        f"{len(changes.new):,} new, {len(changes.gone):,} gone, {len(changes.spread):,} spread further, "
        f"{len(changes.changed):,} changed; {len(changes.blocking):,} newly "
        f"{'fails' if len(changes.blocking) == 1 else 'fail'} the run."
    )


def mismatch(old: Report, new: Report) -> str:
    """Return a sentence if the reports are of different targets, else nothing."""
    if old.targets == new.targets:
        return ""
    return f"The reports are of different targets: {', '.join(old.targets)} and {', '.join(new.targets)}."


def text(old: Report, new: Report, changes: Changes, stream: TextIO, redact: Callable[[str], str]) -> None:
    """Write the comparison as text lines; ``redact`` is applied to each."""
    stream.writelines(f"{redact(line)}\n" for line in _lines(old, new, changes))


def _lines(old: Report, new: Report, changes: Changes) -> Iterator[str]:
    if different := mismatch(old, new):
        yield different
    for row in rows(new, changes):
        yield f"{row.kind:<10}{_key(row.finding)}: {row.text}"
        yield from _paths(row.paths)
    yield total(changes)
    if not new.complete:
        yield f"{INCOMPLETE}."


def _changes(was: ReportedFinding, now: ReportedFinding) -> Iterator[str]:
    if was.status != now.status:
        yield f"status {was.status} -> {now.status}"
    if was.severity != now.severity:
        yield f"severity {was.severity} -> {now.severity}"
    if was.suppressed != now.suppressed:
        yield "suppressed" if now.suppressed else "no longer suppressed"
    if was.blocking != now.blocking:
        yield "FAILS THE RUN" if now.blocking else "no longer fails the run"


def _describe_exposure(finding: ReportedFinding) -> str:
    """Return the words for the exposure of a key."""
    if finding.exposure is Exposure.LOCAL and all(map(is_below_git, finding.paths)):
        return INSIDE_GIT
    return EXPOSURE[finding.exposure]


def _key(finding: ReportedFinding) -> str:
    return f"{finding.severity} {finding.rule_id} {finding.fingerprint}"


def _paths(paths: frozenset[str]) -> Iterator[str]:
    for path in sorted(paths)[:_MAX_PATHS]:
        yield f"            {path}"
    if len(paths) > _MAX_PATHS:
        yield f"            +{len(paths) - _MAX_PATHS:,} more"
