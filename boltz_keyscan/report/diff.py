"""Comparison of two reports: keys that are new, gone, spread further or changed."""

from __future__ import annotations

from collections import Counter
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
class Change:
    """A change of one key."""

    kind: str
    """``new``, ``gone``, ``spread`` (a wider exposure or further paths) or ``changed``."""
    finding: ReportedFinding
    text: str
    paths: frozenset[str] = frozenset()
    """New paths of the key."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The changes between an older and a newer report."""

    old: Report
    new: Report
    changes: tuple[Change, ...]
    """By kind, then in the order of the reports."""
    blocking: int
    """Number of keys that fail the newer run and did not fail the older."""

    @property
    def exit_code(self) -> ExitCode:
        """1 for new blocking keys, 3 if the newer report is incomplete, otherwise 0."""
        if self.blocking:
            return ExitCode.BLOCKING
        return ExitCode.CLEAN if self.new.complete else ExitCode.INCOMPLETE

    @property
    def total(self) -> str:
        """The number of changes of each kind, in one sentence."""
        kinds = Counter(change.kind for change in self.changes)
        return (
            f"{kinds['new']:,} new, {kinds['gone']:,} gone, {kinds['spread']:,} spread further, "
            f"{kinds['changed']:,} changed; {self.blocking:,} newly "
            f"{'fails' if self.blocking == 1 else 'fail'} the run."
        )

    @property
    def mismatch(self) -> str:
        """A sentence if the reports are of different targets, else nothing."""
        old, new = (", ".join(report.targets) for report in (self.old, self.new))
        same = self.old.targets == self.new.targets
        return "" if same else f"The reports are of different targets: {old} and {new}."


def compare(old: Report, new: Report) -> Comparison:
    """Return the comparison of two reports."""
    failed = {key for key, finding in old.keys.items() if finding.blocking}
    blocking = sum(finding.blocking and key not in failed for key, finding in new.keys.items())
    return Comparison(old, new, tuple(_changes(old, new)), blocking)


def _changes(old: Report, new: Report) -> Iterator[Change]:
    """Yield the changes, one for each key and kind."""
    for key, finding in new.keys.items():
        if key not in old.keys:
            fails = ", FAILS THE RUN" if finding.blocking else ""
            yield Change("new", finding, f"{_describe_exposure(finding)}{fails}", finding.paths)
    for key, finding in old.keys.items():
        if key not in new.keys:
            unseen = "" if new.complete else ", or not seen: the newer report is incomplete"
            yield Change("gone", finding, f"was {_describe_exposure(finding)}{unseen}")
    both = [(old.keys[key], finding) for key, finding in new.keys.items() if key in old.keys]
    for was, now in both:
        further = now.paths - was.paths
        # A key that left HEAD is in history under further paths, and has not spread.
        if now.exposure.rank < was.exposure.rank or (now.exposure is was.exposure and further):
            wider = f"{_describe_exposure(was)} -> {_describe_exposure(now)}; "
            paths = count(len(further), "further path")
            yield Change("spread", now, paths if now.exposure is was.exposure else wider + paths, further)
    for was, now in both:
        if text := ", ".join(_differences(was, now)):
            yield Change("changed", now, text)


def text(comparison: Comparison, stream: TextIO, redact: Callable[[str], str]) -> None:
    """Write the comparison as text lines; ``redact`` is applied to each."""
    stream.writelines(f"{redact(line)}\n" for line in _lines(comparison))


def _lines(comparison: Comparison) -> Iterator[str]:
    if comparison.mismatch:
        yield comparison.mismatch
    for change in comparison.changes:
        yield f"{change.kind:<10}{_key(change.finding)}: {change.text}"
        yield from _paths(change.paths)
    yield comparison.total
    if not comparison.new.complete:
        yield f"{INCOMPLETE}."


def _differences(was: ReportedFinding, now: ReportedFinding) -> Iterator[str]:
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
