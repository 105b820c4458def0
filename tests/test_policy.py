"""The policy, row by row: what a key is worth, what fails a run, and in which order it is reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boltz_keyscan.model.enums import ExitCode, Exposure, KeyType, Mode, Severity, Shape, Status
from boltz_keyscan.model.finding import Finding, Gap, Location
from boltz_keyscan.model.status import By, Evidence
from boltz_keyscan.model.suppression import Suppression
from boltz_keyscan.policy import (
    FailOn,
    FailPolicy,
    Outcome,
    exit_code,
    finding_order,
    is_old,
    judge,
    outcome,
    pushed,
    severity,
    severity_of,
)
from tests.report.samples import finding, location, oid, past

KINDS = {
    (KeyType.ADMIN, Mode.LIVE): Severity.CRITICAL,
    (KeyType.WORKSPACE, Mode.LIVE): Severity.HIGH,
    (KeyType.ADMIN, Mode.TEST): Severity.MEDIUM,
    (KeyType.WORKSPACE, Mode.TEST): Severity.LOW,
}
FAILING = {
    FailOn.LIVE: {Severity.CRITICAL, Severity.HIGH},
    FailOn.ADMIN: {Severity.CRITICAL},
    FailOn.ANY: {Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW},
    FailOn.NEVER: set(),
}
NEW, OLD = location("new"), location("old", old=True)
LOCAL, LOCAL_OLD = (location("here", exposure=Exposure.LOCAL, old=old) for old in (False, True))
UNREACHABLE = location("gone", exposure=Exposure.UNREACHABLE)
PLAIN = FailPolicy()
ALL = FailPolicy(fail_on_unexposed=True)


def leak(*places: Location, **changes: object) -> Finding:
    return replace(finding(KeyType.WORKSPACE, Mode.LIVE, *places), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [Shape.CONFIRMED, Shape.SUSPECTED])
@pytest.mark.parametrize("status", [status for status in Status if status is not Status.INACTIVE])
def test_a_kind_of_key_has_one_severity(shape: Shape, status: Status) -> None:
    for (kind, mode), level in KINDS.items():
        assert severity_of(kind, mode, shape, status) is level
    assert severity_of(None, None, shape, status) is Severity.MEDIUM


@pytest.mark.parametrize("kind", [*KINDS, (None, None)])
def test_a_placeholder_or_a_dead_key_is_a_note(kind: tuple[KeyType | None, Mode | None]) -> None:
    assert severity_of(*kind, Shape.PLACEHOLDER, Status.ACTIVE) is Severity.NOTE
    assert severity_of(*kind, Shape.CONFIRMED, Status.INACTIVE) is Severity.NOTE


@pytest.mark.parametrize("by", [None, *By])
def test_only_proof_makes_a_dead_key_a_note(by: By | None) -> None:
    evidence = None if by is None else Evidence(by, "revoked", "it was revoked")
    proved = by in {By.VERIFICATION, By.PREFIX}
    dead = leak(status=Status.INACTIVE, evidence=evidence)
    assert severity(dead) is (Severity.NOTE if proved else Severity.HIGH)
    assert judge(dead, PLAIN).blocking is not proved
    # Evidence of anything else lowers nothing.
    assert severity(replace(dead, status=Status.ACTIVE)) is Severity.HIGH


@pytest.mark.parametrize("fail_on", FailOn)
def test_each_choice_fails_on_its_severities(fail_on: FailOn) -> None:
    for (kind, mode), level in KINDS.items():
        found = finding(kind, mode)
        expected = Outcome.BLOCKING if level in FAILING[fail_on] else Outcome.BELOW
        assert outcome(found, FailPolicy(fail_on)) is expected
        judged = judge(replace(found, severity=Severity.NOTE, blocking=False), FailPolicy(fail_on))
        assert (judged.severity, judged.blocking) == (level, expected is Outcome.BLOCKING)


@pytest.mark.parametrize(
    ("found", "fail_policy", "expected"),
    [
        (leak(NEW), PLAIN, Outcome.BLOCKING),
        (leak(NEW, shape=Shape.PLACEHOLDER), ALL, Outcome.NOTE),
        (leak(LOCAL, suppression=Suppression("ignore", "known")), PLAIN, Outcome.SUPPRESSED),
        (leak(LOCAL), PLAIN, Outcome.UNEXPOSED),
        (leak(UNREACHABLE), PLAIN, Outcome.UNEXPOSED),
        (leak(LOCAL), ALL, Outcome.BLOCKING),
        (leak(OLD), PLAIN, Outcome.OLD),
        (leak(OLD, NEW), PLAIN, Outcome.BLOCKING),
        # Beside an old place, an unexposed one is new only where it counts.
        (leak(OLD, LOCAL), PLAIN, Outcome.OLD),
        (leak(OLD, LOCAL), ALL, Outcome.BLOCKING),
        (leak(LOCAL_OLD), ALL, Outcome.OLD),
        (leak(LOCAL_OLD), PLAIN, Outcome.UNEXPOSED),
        (leak(OLD), FailPolicy(FailOn.NEVER), Outcome.OLD),
        (leak(NEW), FailPolicy(FailOn.NEVER), Outcome.BELOW),
    ],
)
def test_the_first_reason_that_applies_is_the_outcome(
    found: Finding, fail_policy: FailPolicy, expected: Outcome
) -> None:
    assert outcome(found, fail_policy) is expected
    assert judge(found, fail_policy).blocking is (expected is Outcome.BLOCKING)


def test_what_is_exposed_decides_what_is_old() -> None:
    assert is_old(leak(OLD, LOCAL))
    assert not is_old(leak(OLD, LOCAL), unexposed=True)
    assert not is_old(leak(LOCAL_OLD))
    assert is_old(leak(LOCAL_OLD), unexposed=True)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ((past(1, pushed=False), past(2, pushed=True)), True),
        ((past(1, pushed=False), past(2, pushed=False)), False),
        ((past(1, pushed=False), past(2, pushed=None)), None),
        # The working file has no state of its own.
        ((past(1, pushed=False), location()), False),
        ((location(pushed=False),), None),
        ((location(blob=oid(1), pushed=False),), False),
        ((LOCAL,), False),
        ((location(exposure=Exposure.STAGED),), False),
    ],
)
def test_a_key_is_pushed_if_a_version_of_its_file_is(
    places: tuple[Location, ...],
    expected: bool | None,  # noqa: FBT001 - a row
) -> None:
    assert pushed(leak(*places)) is expected


def test_the_worst_comes_first() -> None:
    ordered = [
        finding(KeyType.ADMIN, Mode.LIVE, LOCAL),
        leak(location()),
        leak(past(1, pushed=True), blocking=False),
        leak(location(), blocking=False),
        leak(past(1, pushed=False), blocking=False),
        leak(location(exposure=Exposure.STAGED), blocking=False),
        leak(location(exposure=Exposure.UNTRACKED), blocking=False, fingerprint="bk1:a"),
        leak(location(exposure=Exposure.UNTRACKED), blocking=False, fingerprint="bk1:b"),
        leak(LOCAL),
        finding(KeyType.ADMIN, Mode.TEST),
        finding(KeyType.WORKSPACE, Mode.TEST),
    ]
    assert sorted([*ordered[5:], *ordered[:5]], key=finding_order) == ordered


GAP = Gap("a", "unreadable")
ASIDE = replace(GAP, by_design=True)
ACCEPTED = replace(GAP, accepted=Suppression("ignore", "known"))


@pytest.mark.parametrize(
    ("found", "gaps", "strict", "code"),
    [
        ((), (), False, ExitCode.CLEAN),
        ((LOCAL,), (), True, ExitCode.CLEAN),
        ((NEW,), (), False, ExitCode.BLOCKING),
        ((LOCAL, NEW), (GAP,), True, ExitCode.BLOCKING),
        ((LOCAL,), (GAP,), False, ExitCode.INCOMPLETE),
        ((), (ACCEPTED, GAP), False, ExitCode.INCOMPLETE),
        ((), (ASIDE, ACCEPTED), False, ExitCode.CLEAN),
        ((), (ASIDE,), True, ExitCode.INCOMPLETE),
        ((), (ACCEPTED,), True, ExitCode.CLEAN),
    ],
)
def test_the_exit_code(
    found: tuple[Location, ...],
    gaps: tuple[Gap, ...],
    strict: bool,  # noqa: FBT001 - a row
    code: ExitCode,
) -> None:
    fail_policy = FailPolicy(require_complete=True) if strict else PLAIN
    assert exit_code([judge(leak(place), fail_policy) for place in found], gaps, fail_policy) is code
