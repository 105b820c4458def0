"""secscanner2junit, which shows GitLab's reports where GitLab itself does not, reads ours back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from boltz_keyscan.report.relative_paths import relative_path
from boltz_keyscan.sanitize import harmless
from tests.report import samples
from tests.report.consumers.installed import ran, written

SEVERITIES = {"critical": "Critical", "high": "High", "medium": "Medium", "low": "Low", "note": "Info"}


@pytest.mark.parametrize("name", ["tree", "history", "hostile", "suppressed", "placeholders", "empty"])
def test_it_reads_each_key_at_each_path(name: str, tmp_path: Path) -> None:
    result = samples.RESULTS[name]()
    text = samples.told("gitlab", result, show_placeholders=True)
    report = written(tmp_path, "gl-secret-detection-report.json", text)
    ran("ss2ju", "secrets", report, tmp_path / "junit.xml")
    cases = list(ET.parse(tmp_path / "junit.xml").getroot().iter("testcase"))
    found = Counter((severity(case), case.attrib["file"], identifiers(case)) for case in cases)
    assert found == Counter(
        (SEVERITIES[each.severity], harmless(path), (each.rule_id, "798", each.fingerprint))
        for each in result.findings
        if each.suppression is None
        for path in {relative_path(place.path) for place in each.locations}
    )


def severity(case: ET.Element) -> str:
    return case.attrib["name"].rpartition("(Severity: ")[2].rstrip(")")


def identifiers(case: ET.Element) -> tuple[str, ...]:
    """It tells the identifiers as YAML: ``type``, ``name``, ``value``, ``url``."""
    lines = (case.findtext("failure") or "").partition("identifiers:")[2].partition("location:")[0]
    values = (line.partition("value: ")[2].strip("'") for line in lines.splitlines() if "    value: " in line)
    return tuple(values)
