"""Targets of the benchmarks: one row per promise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One promise.

    `limit` is a ratio (ours / peer) that holds for wall time and for CPU time alike; in rows
    whose peer is "memory" it is the peak of the largest single Python process in MB (10^6 bytes), and
    of `floods` seconds of processor time for a MB.
    """

    work: str
    peer: str
    limit: float
    stage: str
    source: str


RELEASE = "release"
FINAL = "final"
MEMORY = "memory"
CPU = "cpu for a MB"

TARGETS = (
    Target("history", "kingfisher", 0.60, RELEASE, "first release"),
    Target("tree", "kingfisher", 0.60, RELEASE, "first release"),
    Target("hook", "detect-secrets-hook", 0.80, RELEASE, "first release"),
    Target("history", MEMORY, 250, RELEASE, "first release"),
    Target("tree", MEMORY, 250, RELEASE, "first release"),
    Target("hook", MEMORY, 250, RELEASE, "first release"),
    Target("everyday files", "kingfisher", 0.80, FINAL, "design, section 9"),
    Target("everyday files and history, unseen", "kingfisher", 0.60, FINAL, "design, section 9"),
    Target("everyday files and history, seen", "kingfisher", 0.30, FINAL, "design, section 9"),
    Target("everyday first run ever", "ours, second run", 1.30, FINAL, "third release"),
    Target("history", "kingfisher", 0.20, FINAL, "design, section 9"),
    Target("history", "git floor", 1.10, FINAL, "design, section 9"),
    Target("history, cache warm", "ours, no cache", 0.03, FINAL, "design, section 9"),
    Target("history, 100 commits later", "ours, no cache", 0.07, FINAL, "second release"),
    Target("growth", "ours, half of it", 2.10, FINAL, "design, section 9"),
    Target("trace, one hit", "git log --find-object", 1.20, FINAL, "attribution"),
    Target("trace, a merge's", "git log --find-object", 1.20, FINAL, "attribution"),
    Target("trace, 1000 hits", "git log --raw", 1.50, FINAL, "attribution"),
    Target("trace, 1000 hits", MEMORY, 200, FINAL, "design, section 9"),
    Target("tree", "kingfisher", 0.20, FINAL, "design, section 9"),
    Target("tree", "rg", 2.50, FINAL, "design, section 9"),
    Target("hook", "detect-secrets-hook", 0.30, FINAL, "design, section 9"),
    Target("hook", "import click", 1.50, FINAL, "design, section 9"),
    Target("floods", CPU, 2.0, FINAL, "two seconds for a megabyte, whatever the bytes"),
    Target("floods", MEMORY, 200, FINAL, "design, section 9"),
    Target("history", MEMORY, 200, FINAL, "design, section 9"),
    Target("tree", MEMORY, 200, FINAL, "design, section 9"),
    Target("hook", MEMORY, 200, FINAL, "design, section 9"),
)


def targets_for(work: str, peer: str) -> tuple[Target, ...]:
    """The promises about one piece of work against one peer, this release's first."""
    return tuple(target for target in TARGETS if (target.work, target.peer) == (work, peer))
