"""The seam for what is already known: every finding passes every step, in order, and none is lost."""

from __future__ import annotations

from dataclasses import replace

from boltz_keyscan.model.finding import Finding
from boltz_keyscan.model.suppression import Suppression
from boltz_keyscan.policy import FailOn, FailPolicy, judge
from boltz_keyscan.triage import apply
from tests.report import samples


def _suppress(finding: Finding) -> Finding:
    return replace(finding, suppression=Suppression("baseline", "known"))


def _explain(finding: Finding) -> Finding:
    return replace(finding, reason=f"{finding.suppression.kind if finding.suppression else 'new'} key")


def test_steps_come_in_order_and_drop_nothing() -> None:
    findings = [samples.finding(seed=seed) for seed in range(3)]

    known = list(apply(findings, (_suppress, _explain)))

    assert [finding.fingerprint for finding in known] == [finding.fingerprint for finding in findings]
    assert {finding.reason for finding in known} == {"baseline key"}


def test_a_suppressed_finding_does_not_block() -> None:
    [new], [known] = (list(apply([samples.finding()], steps)) for steps in ((), (_suppress,)))

    assert judge(new, FailPolicy(FailOn.ANY)).blocking
    assert not judge(known, FailPolicy(FailOn.ANY)).blocking
