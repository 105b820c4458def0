"""sarif-tools reads the SARIF reports back: each result, its severity, and what is suppressed."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest

from boltz_keyscan.model.enums import Severity
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.report.relative_paths import relative_path
from boltz_keyscan.report.wording import is_old
from tests.report import samples
from tests.report.consumers.installed import ran, written

LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "warning",
    Severity.NOTE: "note",
}
RUN = """
import json, sys
from sarif.cmdline.main import main
for command in json.loads(sys.argv[1]):
    sys.argv[1:] = command
    if main():
        sys.exit(1)
"""
FILTER = """\
configuration:
  default-include: false
  check-line-number: false
exclude:
  - suppression: external
  - suppression: inSource
"""


def alerts(finding: Finding) -> set[tuple[str, bool]]:
    """One for each path, and for each path of the past."""
    return {(relative_path(place.path), place.blob is not None) for place in finding.locations}


def level(finding: Finding) -> str:
    """The SARIF level of a finding; a key that was there before the scanned change is a note."""
    return "note" if is_old(finding) else LEVELS[finding.severity]


def levels(result: ScanResult, *, suppressed: bool = True) -> Counter[str]:
    return Counter(
        level(finding)
        for finding in result.findings
        if suppressed or finding.suppression is None
        for _ in alerts(finding)
    )


@dataclass(frozen=True)
class Read:
    """What sarif-tools made of every sample, and of one that lacks a result."""

    listed: str
    summaries: Path
    tables: Path
    filtered: Path


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """It starts slowly, so all of its commands run in one process, through its own command line."""
    top = tmp_path_factory.mktemp("sarif")
    folder, summaries, tables, filtered = (top / name for name in ("reports", "summary", "csv", "filtered"))
    for made in (folder, summaries, tables, filtered):
        made.mkdir()
    for name, sample in samples.RESULTS.items():
        written(folder, f"{name}.sarif", samples.told("sarif", sample(), show_placeholders=True))
    less = samples.make_result(*samples.tree().findings[1:])
    written(folder, "less.sarif", samples.told("sarif", less))
    chosen = written(top, "filter.yml", FILTER)
    commands = [
        ["ls", folder],
        ["summary", "--output", summaries, folder],
        ["csv", "--output", tables, folder],
        ["summary", "--filter", chosen, "--output", filtered, folder],
    ]
    listed = ran("python", "-c", RUN, json.dumps(commands, default=str))
    return Read(listed, summaries, tables, filtered)


def counted(summary: Path) -> Counter[str]:
    """Severities of a summary: ``error: 4``, with lines of its codes below, which begin with a hyphen."""
    found: Counter[str] = Counter()
    for line in summary.read_text(encoding="utf-8").splitlines():
        level, colon, number = line.partition(": ")
        if colon and level in {"error", "warning", "note", "none"}:
            found[level] += int(number)
    return +found


def test_it_lists_every_report(read: Read) -> None:
    assert {f"{name}.sarif" for name in samples.RESULTS} <= set(read.listed.split())


@pytest.mark.parametrize("name", samples.RESULTS)
def test_it_counts_the_same_severities(name: str, read: Read) -> None:
    assert counted(read.summaries / f"{name}_summary.txt") == levels(samples.RESULTS[name]())


def test_a_result_less_would_be_seen(read: Read) -> None:
    """A control: the counts come from the report."""
    assert counted(read.summaries / "less_summary.txt") != levels(samples.tree())


@pytest.mark.parametrize("name", samples.RESULTS)
def test_it_reads_each_rule_path_and_line(name: str, read: Read) -> None:
    findings = samples.RESULTS[name]().findings
    with (read.tables / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["Tool"] for row in rows} <= {"boltz-keyscan"}
    assert Counter((row["Severity"], row["Code"], unquote(row["Location"])) for row in rows) == Counter(
        (level(finding), finding.rule_id, path.encode("utf-8", "replace").decode())
        for finding in findings
        for path, _ in alerts(finding)
    )
    assert {row["Line"] for row in rows} <= {
        str(place.line) for finding in findings for place in finding.locations
    }


@pytest.mark.parametrize("name", samples.RESULTS)
def test_it_knows_what_is_suppressed(name: str, read: Read) -> None:
    result = samples.RESULTS[name]()
    left = levels(result, suppressed=False)
    assert counted(read.filtered / f"{name}_summary.txt") == left
    assert (left != levels(result)) is any(each.suppression for each in result.findings)
