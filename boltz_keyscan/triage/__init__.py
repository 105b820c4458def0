"""What is already known of a finding.

A step is any callable ``Finding -> Finding``: it may add a suppression, a status or
candidates, never drop a finding or touch its locations. Severity and blocking are
judged afterwards, in ``policy``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from boltz_keyscan.model.finding import Finding

Step = Callable[[Finding], Finding]


def apply(findings: Iterable[Finding], steps: Sequence[Step]) -> Iterator[Finding]:
    """Every finding, having passed every step in order."""
    for finding in findings:
        known = finding
        for step in steps:
            known = step(known)
        yield known
