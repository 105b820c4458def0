"""Triage of findings: suppressions and statuses.

A step is any callable ``Finding -> Finding``: it may add a suppression, a status or
candidates, but never drops a finding or changes its locations. ``policy`` sets severity and
blocking afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from boltz_keyscan.model.finding import Finding

Step = Callable[[Finding], Finding]


def apply(findings: Iterable[Finding], steps: Sequence[Step]) -> Iterator[Finding]:
    """Yield every finding after all steps, in order."""
    for finding in findings:
        result = finding
        for step in steps:
            result = step(result)
        yield result
