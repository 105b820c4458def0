"""The policy: the severity of each key, the findings that fail a run, and the exit code.

All of the policy is in this module, as pure functions of ``model`` types.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from boltz_keyscan.model.enums import (
    ExitCode,
    Exposure,
    KeyType,
    Mode,
    Severity,
    Shape,
    Situation,
    Status,
)
from boltz_keyscan.model.finding import Finding, Gap, Location
from boltz_keyscan.records import dataclass, replace

SEVERITY: dict[tuple[KeyType | None, Mode | None], Severity] = {
    (KeyType.ADMIN, Mode.LIVE): Severity.CRITICAL,
    (KeyType.WORKSPACE, Mode.LIVE): Severity.HIGH,
    (KeyType.ADMIN, Mode.TEST): Severity.MEDIUM,
    (None, None): Severity.MEDIUM,
    (KeyType.WORKSPACE, Mode.TEST): Severity.LOW,
}
"""The severity of each kind of key; without type and mode, of a share link."""

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
    """The severities that fail a run."""

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
    """The user's choices of what fails a run."""

    fail_on: FailOn = FailOn.LIVE
    fail_on_unexposed: bool = False
    """Unexposed keys fail the run too."""
    require_complete: bool = False
    """Gaps by design fail the run too."""
    empty_is_complete: bool = False
    """An empty scan is valid (a commit of deletions) and not a gap."""


UNEXPOSED: frozenset[Exposure] = frozenset({Exposure.LOCAL, Exposure.UNREACHABLE})
"""Exposures that no clone or push copies from this machine: reported, not blocking."""


def choose_exposed(locations: Iterable[Location]) -> list[Location]:
    """Return the exposed locations, or all of them if none is."""
    found = list(locations)
    return [where for where in found if where.exposure not in UNEXPOSED] or found


def severity_of(key_type: KeyType | None, mode: Mode | None, shape: Shape, status: Status) -> Severity:
    """Return the severity of a key; note for a placeholder or an inactive key."""
    if shape is Shape.PLACEHOLDER or status is Status.INACTIVE:
        return Severity.NOTE
    return SEVERITY[key_type, mode]


PROOF = frozenset({"verification", "prefix"})
"""Evidence that proves a key inactive. Values of ``status.By``, which the commit hook does not load."""


def severity(finding: Finding) -> Severity:
    """Return the severity of a finding; a status of inactive without proof does not lower it."""
    proved = finding.evidence is not None and finding.evidence.by in PROOF
    status = finding.status if proved else Status.UNKNOWN
    return severity_of(finding.key_type, finding.mode, finding.shape, status)


class Outcome(StrEnum):
    """The reason for which a finding does or does not fail the run; each has exactly one."""

    BLOCKING = "blocking"
    SUPPRESSED = "suppressed"
    UNEXPOSED = "unexposed"
    OLD = "old"
    """Each file had the key before the change that was scanned."""
    BELOW = "below"
    """Its severity does not fail the run under ``--fail-on``."""
    NOTE = "note"


def outcome(finding: Finding, fail_policy: FailPolicy) -> Outcome:
    """Return the outcome of a finding: the first one that applies, in the order of the tests below."""
    if (level := severity(finding)) is Severity.NOTE:
        return Outcome.NOTE
    if finding.suppression is not None:
        return Outcome.SUPPRESSED
    if finding.exposure in UNEXPOSED and not fail_policy.fail_on_unexposed:
        return Outcome.UNEXPOSED
    if is_old(finding, unexposed=fail_policy.fail_on_unexposed):
        return Outcome.OLD
    return Outcome.BLOCKING if level in FAILING[fail_policy.fail_on] else Outcome.BELOW


def is_old(finding: Finding, *, unexposed: bool = False) -> bool:
    """Return True if every file in which a key is exposed had it before the change that was scanned.

    Args:
        finding: the key.
        unexposed: unexposed locations count too.
    """
    exposed = [where for where in finding.locations if unexposed or where.exposure not in UNEXPOSED]
    return bool(exposed) and all(where.old for where in exposed)


def judge(finding: Finding, fail_policy: FailPolicy) -> Finding:
    """Return the finding with its severity set, and ``blocking`` if it fails this run."""
    return replace(
        finding, severity=severity(finding), blocking=outcome(finding, fail_policy) is Outcome.BLOCKING
    )


COMMITTED: frozenset[Exposure] = frozenset({Exposure.TRACKED, Exposure.HISTORY})
"""Exposures that a push copies."""


def pushed(finding: Finding) -> bool | None:
    """Return True if a remote branch has or had the key, False if none known here has, None if unknown."""
    if any(where.pushed for where in finding.locations):
        return True
    committed = [where for where in finding.locations if where.exposure in COMMITTED]
    # A working file is as pushed as the versions of it that were committed.
    known = {where.pushed for where in committed if where.blob is not None}
    return False if known == {False} or not committed else None


def is_below_git(path: str) -> bool:
    """Return True for a path in a git directory."""
    return "/.git/" in f"/{path}"


def situation(finding: Finding) -> Situation:
    """Return the situation of a key, which decides the remediation: the first that applies."""
    exposures = {where.exposure for where in finding.locations}
    if finding.shape is not Shape.PLACEHOLDER and severity(finding) is Severity.NOTE:
        return Situation.DEAD
    state = pushed(finding)
    if state or exposures & COMMITTED:
        return Situation.COMMITTED if state is False else Situation.PUSHED
    if exposures - UNEXPOSED:
        return Situation.NOT_COMMITTED
    if Exposure.UNREACHABLE in exposures or any(is_below_git(where.path) for where in finding.locations):
        return Situation.UNREACHABLE
    return Situation.IN_PLACE


def widest(exposures: Iterable[Exposure]) -> Exposure:
    """Return the widest exposure.

    Raises:
        ValueError: there are no exposures.
    """
    return min(exposures, key=lambda exposure: exposure.rank)


def strongest(shapes: Iterable[Shape]) -> Shape:
    """Return the shape that is most like a real key.

    Raises:
        ValueError: there are no shapes.
    """
    return min(shapes, key=lambda shape: shape.rank)


def finding_order(finding: Finding) -> tuple[int, bool, int, bool, int, str]:
    """Return a sort key: worst first, blocking before not, pushed before others, then by exposure."""
    return (
        finding.severity.rank,
        not finding.blocking,
        situation(finding).rank,
        pushed(finding) is not True,
        finding.exposure.rank,
        finding.fingerprint,
    )


def is_complete(gaps: Iterable[Gap], fail_policy: FailPolicy) -> bool:
    """Return True if everything was scanned, apart from accepted gaps.

    Gaps by design count only under ``--require-complete``; accepted ones never, as each is named with a
    reason.
    """
    return not any(
        gap.accepted is None and (fail_policy.require_complete or not gap.by_design) for gap in gaps
    )


def exit_code(findings: Iterable[Finding], gaps: Iterable[Gap], fail_policy: FailPolicy) -> ExitCode:
    """Return the exit code: a blocking finding outweighs an incomplete scan."""
    if any(finding.blocking for finding in findings):
        return ExitCode.BLOCKING
    if not is_complete(gaps, fail_policy):
        return ExitCode.INCOMPLETE
    return ExitCode.CLEAN
