"""The policy: what each key is worth, what fails a run, and the exit code. All of it is here.

Boundary: pure functions of ``model`` types; nothing here looks at bytes or options.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from boltz_keyscan.model.enums import ExitCode, Exposure, KeyType, Mode, Severity, Shape, Status
from boltz_keyscan.model.finding import Finding, Gap

SEVERITY: dict[tuple[KeyType, Mode], Severity] = {
    (KeyType.ADMIN, Mode.LIVE): Severity.CRITICAL,
    (KeyType.WORKSPACE, Mode.LIVE): Severity.HIGH,
    (KeyType.ADMIN, Mode.TEST): Severity.MEDIUM,
    (KeyType.WORKSPACE, Mode.TEST): Severity.LOW,
}

SECURITY_SEVERITY: dict[Severity, str] = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.5",
    Severity.MEDIUM: "5.0",
    Severity.LOW: "3.0",
}
"""SARIF ``security-severity`` (GitHub: above 9.0 critical, 7.0 high, 4.0 medium); notes have none."""

CONFIDENCE: dict[Shape, str] = {
    Shape.CONFIRMED: "high",
    Shape.SUSPECTED: "medium",
    Shape.PLACEHOLDER: "low",
}


class FailOn(StrEnum):
    """Which severities fail a run."""

    LIVE = "live"
    ADMIN = "admin"
    ANY = "any"
    NEVER = "never"


FAILING: dict[FailOn, frozenset[Severity]] = {
    FailOn.LIVE: frozenset({Severity.CRITICAL, Severity.HIGH}),
    FailOn.ADMIN: frozenset({Severity.CRITICAL}),
    FailOn.ANY: frozenset({Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW}),
    FailOn.NEVER: frozenset(),
}


@dataclass(frozen=True, slots=True)
class FailPolicy:
    """What whoever runs the scan asks of it."""

    fail_on: FailOn = FailOn.LIVE
    fail_on_unexposed: bool = False
    """Keys in corners of this machine fail the run too."""
    require_complete: bool = False
    """Gaps by design fail the run too."""
    empty_is_complete: bool = False
    """Nothing to look at is a valid state (a commit of deletions), not a gap."""


UNEXPOSED: frozenset[Exposure] = frozenset({Exposure.LOCAL, Exposure.UNREACHABLE})
"""Corners of this machine that no clone or push carries away: reported, not blocking."""

_SEVERITY_RANK = {severity: rank for rank, severity in enumerate(Severity)}
_EXPOSURE_RANK = {exposure: rank for rank, exposure in enumerate(Exposure)}
_SHAPE_RANK = {shape: rank for rank, shape in enumerate(Shape)}


def severity_of(key_type: KeyType, mode: Mode, shape: Shape, status: Status) -> Severity:
    """The severity of a key; note for a placeholder or a key proved inactive."""
    if shape is Shape.PLACEHOLDER or status is Status.INACTIVE:
        return Severity.NOTE
    return SEVERITY[key_type, mode]


PROOF = frozenset({"verification", "prefix"})
"""Evidence on which a key may be taken for dead; as ``evidence.By``, which a hook need not load."""


def severity(finding: Finding) -> Severity:
    """The severity of a finding: a key that is called inactive without proof is as severe as before."""
    proved = finding.evidence is not None and finding.evidence.by in PROOF
    status = finding.status if finding.status is not Status.INACTIVE or proved else Status.UNKNOWN
    return severity_of(finding.key_type, finding.mode, finding.shape, status)


class Outcome(StrEnum):
    """How a finding stands to the verdict; each has exactly one."""

    BLOCKING = "blocking"
    SUPPRESSED = "suppressed"
    UNEXPOSED = "unexposed"
    OLD = "old"
    """The change that was scanned did not bring it: each file had the key before."""
    BELOW = "below"
    """Its severity does not count under ``--fail-on``."""
    NOTE = "note"


def outcome(finding: Finding, terms: FailPolicy) -> Outcome:
    """Why a finding fails this run or does not; the first reason that holds, from the bottom up."""
    if (worth := severity(finding)) is Severity.NOTE:
        return Outcome.NOTE
    if finding.suppression is not None:
        return Outcome.SUPPRESSED
    if finding.exposure in UNEXPOSED and not terms.fail_on_unexposed:
        return Outcome.UNEXPOSED
    if is_old(finding, unexposed=terms.fail_on_unexposed):
        return Outcome.OLD
    return Outcome.BLOCKING if worth in FAILING[terms.fail_on] else Outcome.BELOW


def is_old(finding: Finding, *, unexposed: bool = False) -> bool:
    """Return whether every file in which a key is exposed had it before the change that was scanned.

    Args:
        finding: the key.
        unexposed: locations in corners of this machine count too.
    """
    exposed = [place for place in finding.locations if unexposed or place.exposure not in UNEXPOSED]
    return bool(exposed) and all(place.old for place in exposed)


def judge(finding: Finding, terms: FailPolicy) -> Finding:
    """The finding with its severity and whether it fails this run."""
    return replace(finding, severity=severity(finding), blocking=outcome(finding, terms) is Outcome.BLOCKING)


def widest(exposures: Iterable[Exposure]) -> Exposure:
    """The exposure that reaches furthest; raises ValueError when there is none."""
    return min(exposures, key=_EXPOSURE_RANK.__getitem__)


def strongest(shapes: Iterable[Shape]) -> Shape:
    """The shape that is most like a real key; raises ValueError when there is none."""
    return min(shapes, key=_SHAPE_RANK.__getitem__)


def finding_order(finding: Finding) -> tuple[int, bool, int, str]:
    """Sort key: worst first, blocking before not, widest first, then by fingerprint."""
    return (
        _SEVERITY_RANK[finding.severity],
        not finding.blocking,
        _EXPOSURE_RANK[finding.exposure],
        finding.fingerprint,
    )


def is_complete(gaps: Iterable[Gap], terms: FailPolicy) -> bool:
    """Whether everything was scanned; gaps by design count only under ``--require-complete``."""
    return not any(terms.require_complete or not gap.by_design for gap in gaps)


def exit_code(findings: Iterable[Finding], gaps: Iterable[Gap], terms: FailPolicy) -> ExitCode:
    """The verdict: a blocking finding outweighs an incomplete scan, which outweighs clean."""
    if any(finding.blocking for finding in findings):
        return ExitCode.BLOCKING
    if not is_complete(gaps, terms):
        return ExitCode.INCOMPLETE
    return ExitCode.CLEAN
