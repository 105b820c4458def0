"""One contest: our program and its peers on one workload, checked first, then timed in turns."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.measure import Sample, ToolFailedError, run
from benchmarks.table import MISSED, Row, memory_row, not_measured, ratio_row
from benchmarks.tools import our_report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.measure import Command
    from benchmarks.tools import Tool


@dataclass(frozen=True, slots=True)
class Contest:
    """One comparison. `planted` is the number of expected findings, None if unknown (a real repository).

    `variant` names the workload where several have the same targets.
    """

    work: str
    ours: Tool
    peers: Sequence[Tool]
    planted: int | None
    finds_nothing: frozenset[str] = frozenset({"import click"})
    memory: bool = True
    variant: str = ""


@dataclass(slots=True)
class Outcome:
    """The rows of the table, the remarks below it, and whether a program that is there failed."""

    rows: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    failed: bool = False


@dataclass(slots=True)
class _Entry:
    tool: Tool
    problem: str = ""
    found: str = ""
    first: Sample | None = None
    samples: list[Sample] = field(default_factory=list)


def hold(contest: Contest, runs: int, scratch: Path) -> Outcome:
    """Runs every tool once to check it and to measure memory, page cache filled; then A B C A B C ..."""
    outcome = Outcome()
    entries = [_Entry(tool) for tool in (contest.ours, *contest.peers)]
    for entry in entries:
        _check(entry, contest, scratch, outcome)
    for number in range(1, runs + 1):
        for entry in entries:
            if not entry.problem and entry.tool.command is not None:
                _say(f"{contest.work}: {entry.tool.name}, run {number} of {runs}")
                _sample(entry, entry.tool.command, scratch, outcome)
    _tell(contest, entries, outcome)
    return outcome


def _check(entry: _Entry, contest: Contest, scratch: Path, outcome: Outcome) -> None:
    tool = entry.tool
    if tool.command is None:
        entry.problem = f"not installed ({tool.install})"
        return
    _say(f"{contest.work}: {tool.name}, checked")
    outcome.remarks.append(f"{contest.work}, {tool.name}: {tool.command.shorten(scratch.parent)}")
    try:
        entry.first = run(tool.command, scratch, watch=True)
        checked = run(tool.check, scratch) if tool.check else entry.first
    except ToolFailedError as error:
        _fail(entry, str(error), outcome)
        return
    if contest.planted is not None and tool.name not in contest.finds_nothing:
        found = tool.found(checked.stdout)
        entry.found = f"{found}/{contest.planted}" + ("" if found == contest.planted else f" {MISSED}")


def _sample(entry: _Entry, command: Command, scratch: Path, outcome: Outcome) -> None:
    try:
        entry.samples.append(run(command, scratch))
    except ToolFailedError as error:
        _fail(entry, str(error), outcome)


def _fail(entry: _Entry, why: str, outcome: Outcome) -> None:
    entry.problem = "FAILED, see below"
    outcome.remarks.append(f"{entry.tool.name} FAILED: {why}")
    outcome.failed = True


def _tell(contest: Contest, entries: list[_Entry], outcome: Outcome) -> None:
    ours, *peers = entries
    for peer in peers:
        found = ", ".join(f"{side} {e.found}" for side, e in (("ours", ours), ("peer", peer)) if e.found)
        if ours.problem or peer.problem:
            cells = [entry.problem or _seconds(entry) for entry in (ours, peer)]
            outcome.rows.append(not_measured(contest.work, peer.tool.name, cells[1], cells[0], found))
            continue
        for measure in ("wall", "cpu"):
            pairs = [
                (getattr(mine, f"{measure}_s"), getattr(theirs, f"{measure}_s"))
                for mine, theirs in zip(ours.samples, peer.samples, strict=True)
            ]
            row = ratio_row(contest.work, measure, peer.tool.name, pairs, found)
            outcome.rows.append(
                replace(row, work=f"{row.work}: {contest.variant}") if contest.variant else row
            )
    if contest.memory and ours.first:
        outcome.rows.append(memory_row(contest.work, ours.first.python_peak(), _other_peaks(entries)))
    if ours.first and (gaps := our_report(ours.first.stdout).get("gaps")):
        count = len(gaps) if isinstance(gaps, list) else 0
        outcome.remarks.append(f"{contest.work}: our scan names {count} gaps")


def _seconds(entry: _Entry) -> str:
    return f"{median(sample.wall_s for sample in entry.samples):.3g} s"


def _other_peaks(entries: list[_Entry]) -> str:
    """The largest process of each other program: the git we start, and the peers."""
    shown = []
    for entry in entries:
        for program, peak in sorted((entry.first.peaks if entry.first else {}).items()):
            if not program.startswith("python"):
                whose = "our " if entry is entries[0] else ""
                shown.append(f"{whose}{program} {peak / 1e6:.0f} MB")
    return ", ".join(shown) or "-"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
