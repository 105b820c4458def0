"""Comparison of two reports: keys that are new, gone, spread further or changed."""

from __future__ import annotations

from collections.abc import Iterator

from boltz_keyscan.advice import EXPOSURE, INSIDE_GIT
from boltz_keyscan.model.enums import ExitCode, Exposure
from boltz_keyscan.policy import is_below_git
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.json_reader import Report, ReportedFinding
from boltz_keyscan.report.wording import count

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


def lines(old: Report, new: Report, changes: Changes) -> Iterator[str]:
    """Yield the comparison as text lines."""
    if old.targets != new.targets:
        yield f"The reports are of different targets: {', '.join(old.targets)} and {', '.join(new.targets)}."
    for finding in changes.new:
        fails = ", FAILS THE RUN" if finding.blocking else ""
        yield f"new       {_key(finding)}: {_describe_exposure(finding)}{fails}"
        yield from _paths(finding.paths)
    for finding in changes.gone:
        unseen = "" if new.complete else ", or not seen: the newer report is incomplete"
        yield f"gone      {_key(finding)}: was {_describe_exposure(finding)}{unseen}"
    for was, now in changes.spread:
        wider = (
            f"{_describe_exposure(was)} -> {_describe_exposure(now)}; "
            if was.exposure != now.exposure
            else ""
        )
        yield f"spread    {_key(now)}: {wider}{count(len(now.paths - was.paths), 'further path')}"
        yield from _paths(now.paths - was.paths)
    for was, now in changes.changed:
        yield f"changed   {_key(now)}: {', '.join(_changes(was, now))}"
    yield (
        f"{len(changes.new):,} new, {len(changes.gone):,} gone, {len(changes.spread):,} spread further, "
        f"{len(changes.changed):,} changed; {len(changes.blocking):,} newly "
        f"{'fails' if len(changes.blocking) == 1 else 'fail'} the run."
    )
    if not new.complete:
        yield "INCOMPLETE: the newer report did not see everything."


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
