"""jq reads JSON and JSON Lines back: one program for both, as log stores and scripts use it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.report import samples
from tests.report.consumers.installed import asked, written

READ = """
import json, sys, jq
program, *paths = sys.argv[1:]
compiled = jq.compile(program)
print(json.dumps([compiled.input_text(open(path, encoding="utf-8").read()).all() for path in paths]))
"""
SEVERITIES = "| [.fingerprint, .severity, .blocking, .suppression.kind, (.locations | length)]"
PROGRAMS = {
    "json": (
        f".findings[] {SEVERITIES}",
        ".gaps[] | [.reason, .by_design]",
        "[.scan.exit_code, .scan.complete]",
    ),
    "jsonl": (
        f'select(.record == "finding") {SEVERITIES}',
        'select(.record == "gap") | [.reason, .by_design]',
        'select(.record == "scan") | [.exit_code, .complete]',
    ),
}


@pytest.mark.parametrize("format_", PROGRAMS)
def test_it_finds_every_finding_and_gap(format_: str, tmp_path: Path) -> None:
    results = {name: sample() for name, sample in samples.RESULTS.items()}
    files = [written(tmp_path, name, samples.told(format_, result)) for name, result in results.items()]
    findings, gaps, runs = (asked(READ, program, *files) for program in PROGRAMS[format_])
    for name, result in results.items():
        assert findings.pop(0) == [
            [
                each.fingerprint,
                each.severity,
                each.blocking,
                each.suppression and each.suppression.kind,
                len(each.locations),
            ]
            for each in result.findings
        ], name
        assert gaps.pop(0) == [[gap.reason, gap.by_design] for gap in result.gaps], name
        assert runs.pop(0) == [[int(result.exit_code), result.complete]], name


def test_it_counts_over_many_reports_in_one_stream(tmp_path: Path) -> None:
    """Lines of several runs, one after another, are still lines."""
    results = [sample() for sample in samples.RESULTS.values()]
    stream = written(tmp_path, "log", "".join(samples.told("jsonl", result) for result in results))
    (kinds,) = asked(READ, ".record", stream)
    assert Counter(kinds) == {
        "scan": len(results),
        "finding": sum(len(result.findings) for result in results),
        "gap": sum(len(result.gaps) for result in results),
    }
