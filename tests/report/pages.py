"""HTML pages of each kind: with all that a page can have, empty, with gaps alone, with hostile strings."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from boltz_keyscan.audit.organisation import CHECKS
from boltz_keyscan.model.audit import Audit, Concern, KeyPlace
from boltz_keyscan.model.enums import ExitCode, Exposure, KeyType, Mode, Status
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.model.finding import Gap as ScanGap
from boltz_keyscan.model.fleet import (
    Coverage,
    FirstPlace,
    FleetKey,
    Occurrence,
    RepositoryEntry,
    RepositoryStatus,
)
from boltz_keyscan.model.status import By, Candidate, Evidence
from boltz_keyscan.model.suppression import Suppression
from boltz_keyscan.model.usage import Anomaly, Job, KeyUse, Period, Series, Unit, Usage
from boltz_keyscan.policy import situation
from boltz_keyscan.report import (
    AUDIT_REPORTERS,
    DIFF_REPORTERS,
    FLEET_REPORTERS,
    USAGE_REPORTERS,
    ReportOptions,
)
from boltz_keyscan.report.diff import compare
from boltz_keyscan.report.json_reader import read
from tests.report import samples
from tests.report.samples import finding, location, make_result, oid, past, told

INJECTIONS = (
    "</script><script>window.owned=1</script>",
    "</style><style>body{display:none}</style>",
    '"><img src=x onerror=window.owned=1>',
    "' onmouseover='window.owned=1",
    "<!--<script>",
    "--><svg onload=window.owned=1>",
    "]]><a href=javascript:window.owned=1>x</a>",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "&lt;script&gt;window.owned=1&lt;/script&gt;",
    "\\u003cscript\\u003ewindow.owned=1",
    "<base href=https://example.invalid/><meta http-equiv=refresh content=0;url=https://example.invalid>",
    "</details></article></title></pre></textarea>",
    "evil\u202etxt.exe\u2028\x1b[2J\udce9",
)
"""Strings that a hostile repository can put into paths, references, messages and reasons."""


def filled(text: str) -> ScanResult:
    """Return a result with one string in each place where a repository or the API decides."""
    evidence = Evidence(
        By.LISTING,
        "prefix-too-short",
        text,
        0,
        1,
        (Candidate("key_1", text, "active", text, None, limited=True),),
    )
    odd: dict[str, Any] = {"context": text, "members": (text,), "cell_part": text, "remote": text}
    return make_result(
        replace(
            finding(
                KeyType.ADMIN,
                Mode.LIVE,
                replace(location(text), **odd),
                past(1, text, stash=text, subject=text, traced=True, present=True, members=(text,)),
                replace(location(f"x/{text}"), cell=1, **odd),
            ),
            status=Status.AMBIGUOUS,
            evidence=evidence,
            reason=text,
        ),
        finding(
            KeyType.WORKSPACE, Mode.LIVE, past(2, text, subject=text, removed_commit=oid(1), traced=True)
        ),
        finding(
            KeyType.WORKSPACE,
            Mode.TEST,
            location(text, exposure=Exposure.STAGED),
            suppression=Suppression("inline", text, text),
        ),
        gaps=(ScanGap(text, "unreadable", text), ScanGap(text, "shallow", text, by_design=True)),
        targets=(text,),
    )


def audit(text: str = "key_1") -> str:
    """Return the page of an audit with each check."""
    checks = tuple(CHECKS.values())
    places = tuple(KeyPlace(text, line, text, text, f"redact {text}") for line in (None, 7))
    concerns = tuple(
        Concern(check, text, text, f"detail of {text}", f"boltz-keyscan keys revoke {text}", 3, "yes", places)
        for check in checks
        for _ in range(12)
    )
    found = Audit(
        "organisation",
        text,
        "2025-03-01T12:00:00Z",
        12,
        checks,
        concerns,
        (text,),
        ExitCode.BLOCKING,
    )
    out, verbose = io.StringIO(), False
    AUDIT_REPORTERS.load("html")(found, out, verbose)
    return out.getvalue()


def usage(text: str = "ws_1") -> str:
    """Return the page of usage with everything in it."""
    start = datetime(2025, 3, 1, tzinfo=UTC)
    period = Period(start, start + timedelta(days=7), start + timedelta(days=10), Unit.DAY)
    found = Usage(
        text,
        period.end,
        period,
        (text,),
        {text: text},
        tuple(
            Series(text, text, (0, 3, 1, 0, 2, 5, 1, number, 90, 0), 12, 90 + number) for number in range(102)
        ),
        (Anomaly("jump", text, text, f"90 {text}"), Anomaly("first-use", None, None, text)),
        (KeyUse(text, text, "workspace live", text, period.end, "yes"),),
        tuple(Job(f"job_{number}", text, text, period.end, text, live=True) for number in range(501)),
        (text,),
        (text,),
    )
    out = io.StringIO()
    USAGE_REPORTERS.load("html")(found, out)
    return out.getvalue()


def comparison(text: str = "src/app.py") -> str:
    """Return the page of a comparison with a change of each kind."""
    before = make_result(finding(seed=1), finding(KeyType.WORKSPACE), finding(KeyType.WORKSPACE, Mode.TEST))
    after = make_result(
        finding(KeyType.ADMIN, Mode.LIVE, *(location(f"{number}/{text}") for number in range(12)), seed=2),
        finding(KeyType.WORKSPACE, Mode.LIVE, location(), location(text)),
        finding(KeyType.WORKSPACE, Mode.TEST, suppression=Suppression("baseline", text)),
        gaps=samples.incomplete().gaps,
        targets=(text,),
    )
    old, new = (read("a.json", told("json", each).encode()) for each in (before, after))
    out = io.StringIO()
    DIFF_REPORTERS.load("html")(compare(old, new), out, str)
    return out.getvalue()


@dataclass(frozen=True)
class Fleet:
    """A fleet in memory: its repositories, each with its findings."""

    entries: tuple[tuple[RepositoryEntry, tuple[Finding, ...]], ...] = ()
    missing: tuple[ScanGap, ...] = ()
    started_at: str = "2025-03-01T12:00:00Z"

    @property
    def coverage(self) -> Coverage:
        counts = {each: sum(entry.status is each for entry, _ in self.entries) for each in RepositoryStatus}
        fetched = sum(entry.fetched for entry, _ in self.entries)
        return Coverage(len(self.entries), fetched, **{each.value: number for each, number in counts.items()})

    @property
    def complete(self) -> bool:
        return 0 < self.coverage.scanned == self.coverage.discovered and not self.missing

    @property
    def exit_code(self) -> int:
        blocking = any(finding.blocking for _, findings in self.entries for finding in findings)
        return 1 if blocking else 0 if self.complete else 3

    def gaps(self) -> tuple[ScanGap, ...]:
        return self.missing

    def repositories(self, *, incomplete: bool = False) -> Iterator[RepositoryEntry]:
        for entry, _ in self.entries:
            if not incomplete or entry.gaps or entry.status is not RepositoryStatus.SCANNED:
                yield entry

    def findings(self) -> Iterator[FleetKey]:
        worst = sorted((found[0][1].severity.rank, name) for name, found in self._by_key.items())
        for _, fingerprint in worst:
            found = self._by_key[fingerprint]
            each = found[0][1]
            where = each.locations[0]
            date = where.author_date
            yield FleetKey(
                *(replace(each, locations=()), each.suppression is not None, situation(each), len(found)),
                sum(len(finding.locations) for _, finding in found),
                FirstPlace(found[0][0].name, where.path, where.commit, date) if date else None,
                still_present=True,
            )

    def occurrences(self, fingerprint: str) -> Iterator[Occurrence]:
        for entry, each in self._by_key[fingerprint]:
            bare = replace(each, locations=())
            facts = (None, situation(each), None, None, True)
            yield Occurrence(entry.name, entry.status, bare, *facts, each.locations)

    @cached_property
    def _by_key(self) -> dict[str, list[tuple[RepositoryEntry, Finding]]]:
        found: dict[str, list[tuple[RepositoryEntry, Finding]]] = {}
        for entry, findings in self.entries:
            for each in findings:
                found.setdefault(each.fingerprint, []).append((entry, each))
        return found


def repository(
    name: str,
    *findings: Finding,
    status: RepositoryStatus = RepositoryStatus.SCANNED,
    gaps: tuple[ScanGap, ...] = (),
) -> tuple[RepositoryEntry, tuple[Finding, ...]]:
    """Return a repository of a fleet with its findings."""
    blocking = sum(each.blocking for each in findings)
    fetched = status in {RepositoryStatus.SCANNED, RepositoryStatus.PARTIAL}
    return RepositoryEntry(name, name, status, fetched, 2, 40, len(findings), blocking, gaps), findings


def fleet(text: str = "src/app.py", repositories: int = 30) -> Fleet:
    """Return a fleet with a key of all its forks, one of its own in each fifth, and each status."""
    shared = finding(KeyType.ADMIN, Mode.LIVE, past(1, text, subject=text, traced=True, present=True))
    many = [
        repository(
            f"https://host.invalid/{text}/{number:05}.git",
            shared,
            *(
                finding(KeyType.WORKSPACE, Mode.TEST, past(2, text), seed=number)
                for _ in range(number % 5, 1)
            ),
        )
        for number in range(repositories)
    ]
    failed, partial, pending = RepositoryStatus.FAILED, RepositoryStatus.PARTIAL, RepositoryStatus.PENDING
    return Fleet(
        (
            *many,
            repository("failed", status=failed, gaps=(ScanGap("failed", "fetch-failed", text),)),
            repository(f"partial {text}", shared, status=partial, gaps=(ScanGap(text, "corrupt", text),)),
            repository("pending", status=pending),
            repository("whole", gaps=(ScanGap(text, "shallow", text, by_design=True),)),
        ),
        (ScanGap(text, "shard-missing", text),),
    )


def fleet_page(result: Fleet, **view: Any) -> str:
    """Return the page of a fleet."""
    out = io.StringIO()
    FLEET_REPORTERS.load("html")(result, out, ReportOptions(**view))
    return out.getvalue()


PAGES: dict[str, Callable[[], str]] = {
    "history": lambda: told("html", samples.history()),
    "asked": lambda: told("html", samples.asked()),
    "suppressed": lambda: told("html", samples.excused()),
    "hostile": lambda: told("html", filled(" ".join(INJECTIONS))),
    "placeholders": lambda: told("html", samples.placeholders(), show_placeholders=True),
    "gaps": lambda: told("html", samples.incomplete()),
    "empty": lambda: told("html", samples.empty()),
    "audit": audit,
    "diff": comparison,
    "usage": usage,
    "fleet": lambda: fleet_page(fleet()),
    "no fleet": lambda: fleet_page(Fleet()),
}
