"""JSON report, version 1: stable, for other programs to read.

Member names and their order are a contract: ``schema/report-v1.schema.json`` ships with the
package. Each finding and each gap is one line, so that memory stays flat and a diff of two
reports is readable.
"""

from __future__ import annotations

from enum import Enum
from typing import TextIO

from boltz_keyscan import policy
from boltz_keyscan.model.finding import Finding, Gap, Location, ScanResult
from boltz_keyscan.report.json_encode import TOOL, dumps, items
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.presence import presence
from boltz_keyscan.report.wording import is_old, suppressed, suppressors

SCHEMA_VERSION = "1"

_FINDING = "fingerprint rule_id key_type mode type_prefix shape severity confidence status exposure blocking"
_SUPPRESSION = "kind reason source"
_EVIDENCE = "by reason detail body_characters candidate_count candidates key_id used_since"
_CANDIDATE = "id name state workspace_id last_used_at limited"
_LOCATION = """
    path line column offset commit blob author_date removed_commit removed_date members decoded cell cell_part
    exposure old context
"""
_PRESENCE = "first_seen last_seen still_present"
FACTS = f"pushed situation {_PRESENCE}"
"""Members of a finding that all its locations together give."""
_STATUS_REPORT = "listing organisation taken_at complete keys stale verified own_key trouble notes"
_TRUST = "trust commit settings unheard unmatched"
_GAP = "where reason detail by_design"


def report(result: ScanResult, stream: TextIO, options: ReportOptions) -> None:  # noqa: ARG001 - programs see everything
    """Write the report, placeholders always included."""
    stream.write(f'{{"schema_version":{dumps(SCHEMA_VERSION)},\n')
    stream.write(f'"tool":{dumps(TOOL)},\n')
    stream.write(f'"scan":{dumps(scan_object(result))},\n')
    stream.write('"findings":[')
    stream.writelines(items(map(finding_object, result.findings)))
    stream.write('],\n"gaps":[')
    stream.writelines(items(map(gap_object, result.gaps)))
    stream.write("]}\n")


def members(value: object, names: str) -> dict[str, object]:
    """Return the named attributes of a value; enums by their value."""
    attributes = {name: getattr(value, name) for name in names.split()}
    return {name: item.value if isinstance(item, Enum) else item for name, item in attributes.items()}


def scan_object(result: ScanResult) -> dict[str, object]:
    """Return the member ``scan``."""
    tally, trust, status = result.tally, result.ground, result.asked
    return {
        "targets": result.targets,
        "started_at": result.started_at,
        "duration_s": round(result.duration_s, 3),
        "complete": result.complete,
        "exit_code": int(result.exit_code),
        "receipt": {
            **members(tally, "files blobs bytes commits refs objects_missing"),
            "objects_cached": tally.cached,
            "gaps": len(result.gaps),
            "old": sum(map(is_old, result.keys)),
            "suppressed": suppressed(result),
            "suppressions": [
                {"fingerprint": finding.fingerprint, **members(suppressor, _SUPPRESSION)}
                for finding in result.findings
                for suppressor in suppressors(finding)
            ],
            "placeholders": len(result.placeholders),
            "gaps_accepted": sum(gap.accepted is not None for gap in result.gaps),
            "excluded": tally.excluded,
        },
        "ground": trust
        and members(trust, _TRUST)
        | {"settings": [members(setting, "option value source") for setting in trust.settings]},
        "asked": status and members(status, _STATUS_REPORT),
    }


def finding_object(finding: Finding) -> dict[str, object]:
    """Return an item of ``findings``."""
    facts = {
        "pushed": policy.pushed(finding),
        "situation": policy.situation(finding).value,
        **members(presence(finding), _PRESENCE),
    }
    return finding_head(finding, facts) | {"locations": list(map(location_object, finding.locations))}


def finding_head(finding: Finding, facts: dict[str, object]) -> dict[str, object]:
    """Return an item of ``findings`` up to its last member, ``locations``.

    Args:
        finding: the finding; its locations are not used.
        facts: the members ``FACTS``.
    """
    suppression, evidence = finding.suppression, finding.evidence
    return {
        **members(finding, _FINDING),
        **facts,
        "suppression": suppression and members(suppression, f"{_SUPPRESSION} spread"),
        "excuses": [
            members(excuse, _SUPPRESSION)
            | {"locations": len(excuse.covers), "refused": excuse.refused or None, "used": excuse.used}
            for excuse in finding.excuses
        ],
        "candidates": finding.candidates,
        "evidence": evidence
        and members(evidence, _EVIDENCE)
        | {"candidates": [members(candidate, _CANDIDATE) for candidate in evidence.candidates]},
    }


def location_object(location: Location) -> dict[str, object]:
    """Return an item of ``locations``."""
    return members(location, _LOCATION)


def gap_object(gap: Gap) -> dict[str, object]:
    """Return an item of ``gaps``."""
    accepted = gap.accepted and members(gap.accepted, f"{_SUPPRESSION} spread")
    return members(gap, _GAP) | {"object": gap.oid, "paths": gap.paths, "accepted": accepted}
