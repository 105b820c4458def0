"""GitLab's secret detection report, ``gl-secret-detection-report.json``.

One vulnerability per key and path. The schema (gitlab.com/gitlab-org/security-products/
security-report-schemas, secret-detection-report-format.json) has no suppressed findings: they are
left out, and a message has their number. GitLab renders texts as Markdown, so scanned text is put
only into fields for a file, a commit or plain text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TextIO

from boltz_keyscan import rules
from boltz_keyscan._version import __version__
from boltz_keyscan.advice import PAST, advise
from boltz_keyscan.model.enums import Severity, Shape
from boltz_keyscan.model.finding import Finding, Location, ScanResult
from boltz_keyscan.records import replace
from boltz_keyscan.report.json_encode import dumps, items
from boltz_keyscan.report.locations import exposure_line, format_location
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.relative_paths import relative_path
from boltz_keyscan.report.sentences import key_title, own_key_warning, status_sentence, use_warning
from boltz_keyscan.report.summary import verdict
from boltz_keyscan.report.wording import OLD, count, gap_reason, is_aside, is_old, is_whole, suppressed
from boltz_keyscan.sanitize import harmless

SCHEMA_VERSION = "15.0.7"
"""Schema version. GitLab rejects versions it does not know, and keeps old ones for long
(gitlab.com/gitlab-org/gitlab, issue 497405)."""

NO_COMMIT = "0000000"
"""Commit of files without one, as GitLab's own analyser writes it: the schema requires a commit."""

MAX_MESSAGES = 1000

_NO_KEY = "Nothing to do: it is a filler in documentation or a test, not a key."

_SEVERITY = {severity: severity.value.capitalize() for severity in Severity} | {Severity.NOTE: "Info"}


def report(result: ScanResult, stream: TextIO, options: ReportOptions) -> None:
    """Write the document; placeholders only with ``show_placeholders``."""
    found = [finding for finding in options.findings(result) if finding.suppression is None]
    loaded = {rule.id: rule for rule in rules.load()}
    stream.write(f'{{"version":{dumps(SCHEMA_VERSION)},\n"scan":{dumps(_scan(result))},\n"vulnerabilities":[')
    stream.writelines(
        items(
            _vulnerability(finding, locations, loaded.get(finding.rule_id))
            for finding in found
            for locations in _by_path(finding.locations)
        )
    )
    stream.write("]}\n")


def _scan(result: ScanResult) -> dict[str, object]:
    tool = {
        "id": "boltz-keyscan",
        "name": "boltz-keyscan",
        "version": __version__,
        "vendor": {"name": "boltz-keyscan"},
    }
    start = datetime.fromisoformat(result.started_at)
    return {
        "type": "secret_detection",
        "analyzer": tool,
        "scanner": tool,
        "start_time": _time(start),
        "end_time": _time(start + timedelta(seconds=result.duration_s)),
        "status": "success" if is_whole(result) else "failure",
        "messages": list(_messages(result)),
    }


def _time(when: datetime) -> str:
    """Format a UTC time without an offset: the schema's pattern allows none."""
    return when.strftime("%Y-%m-%dT%H:%M:%S")


def _messages(result: ScanResult) -> Iterator[dict[str, object]]:
    yield {"level": "info" if result.complete else "warn", "value": " ".join(verdict(result))}
    if first := own_key_warning(result):
        yield {"level": "warn", "value": first}
    if suppressed(result):
        yield {"level": "info", "value": f"{count(suppressed(result), 'key')} suppressed, not listed here."}
    gaps = sorted(result.gaps, key=is_aside)
    for gap in gaps[:MAX_MESSAGES]:
        text = harmless(f"Not scanned: {gap.where}: {gap_reason(gap)}")
        yield {"level": "info" if is_aside(gap) else "warn", "value": text}
    if len(gaps) > MAX_MESSAGES:
        yield {"level": "warn", "value": f"{count(len(gaps) - MAX_MESSAGES, 'more gap')} not listed here."}


def _by_path(locations: Iterable[Location]) -> Iterator[list[Location]]:
    """Yield the locations under each path, current files before past versions."""
    groups: dict[str, list[Location]] = {}
    for location in locations:
        groups.setdefault(relative_path(location.path), []).append(location)
    for _, group in sorted(groups.items()):
        yield sorted(group, key=lambda location: location.exposure in PAST)


def _vulnerability(finding: Finding, locations: list[Location], rule: rules.Rule | None) -> dict[str, object]:
    first = locations[0]
    path = relative_path(first.path)
    name = key_title(finding)
    status = filter(None, (status_sentence(finding), use_warning(finding)))
    details = (
        ("key", f"{finding.shown} ({finding.fingerprint})"),
        ("exposure", exposure_line(replace(finding, locations=tuple(locations)))),
        ("place", format_location(first)),
        ("shape", f"{finding.shape}: {finding.reason}"),
        ("old", f"{OLD}." if is_old(finding) else ""),
        ("status", " ".join(status)),
    )
    return {
        "id": _uuid(finding.fingerprint, path),
        "name": name,
        "description": rule.summary if rule else name,
        "severity": _SEVERITY[finding.severity],
        "solution": harmless(_NO_KEY if finding.shape is Shape.PLACEHOLDER else advise(finding))[:7000],
        "identifiers": _identifiers(finding),
        "location": {
            "file": harmless(path),
            "start_line": first.line,
            "end_line": first.line,
            "commit": _commit(first),
        },
        "details": {
            member: {"type": "text", "name": member.capitalize(), "value": harmless(text)}
            for member, text in details
            if text
        },
    }


def _identifiers(finding: Finding) -> list[dict[str, object]]:
    """Return rule, weakness and key: GitLab identifies a finding by the first one and the location."""
    rule = harmless(finding.rule_id) or "unknown"
    key = harmless(finding.fingerprint) or "unknown"
    return [
        {"type": "boltz_keyscan_rule_id", "name": f"boltz-keyscan rule {rule}", "value": rule},
        {
            "type": "cwe",
            "name": "CWE-798",
            "value": "798",
            "url": "https://cwe.mitre.org/data/definitions/798.html",
        },
        {"type": "boltz_keyscan_fingerprint", "name": f"boltz-keyscan key {key}", "value": key},
    ]


def _commit(location: Location) -> dict[str, object]:
    entry: dict[str, object] = {"sha": harmless(location.commit or "") or NO_COMMIT}
    if location.author_date:
        entry["date"] = harmless(location.author_date)
    return entry


def _uuid(*parts: str) -> str:
    """Return an id that is the same for a key and path on every run (RFC 9562 section 5.8, version 8)."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
