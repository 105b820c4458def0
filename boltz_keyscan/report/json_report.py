"""JSON report, version 1: stable, for other programs to read.

Member names and their order are a contract: ``schema/report-v1.schema.json`` ships with the
package. Each finding and each gap is one line, so that memory stays flat and a diff of two
reports is readable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from boltz_keyscan._version import __version__
from boltz_keyscan.report.json_encode import dumps
from boltz_keyscan.report.wording import is_old, suppressors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from boltz_keyscan.model.finding import Finding, Gap, Location, ScanResult
    from boltz_keyscan.model.status import Evidence, StatusReport
    from boltz_keyscan.model.suppression import Suppression, SuppressionCandidate, TrustReport
    from boltz_keyscan.report import ReportOptions

SCHEMA_VERSION = "1"


def report(result: ScanResult, stream: TextIO, view: ReportOptions) -> None:  # noqa: ARG001 - programs see everything
    """Write the report, placeholders always included."""
    stream.write(f'{{"schema_version":{dumps(SCHEMA_VERSION)},\n')
    stream.write(f'"tool":{dumps({"name": "boltz-keyscan", "version": __version__})},\n')
    stream.write(f'"scan":{dumps(scan_object(result))},\n')
    stream.write('"findings":[')
    stream.writelines(_items(finding_object(finding) for finding in result.findings))
    stream.write('],\n"gaps":[')
    stream.writelines(_items(gap_object(gap) for gap in result.gaps))
    stream.write("]}\n")


def _items(values: Iterable[dict[str, object]]) -> Iterator[str]:
    separator = "\n"
    for value in values:
        yield separator + dumps(value)
        separator = ",\n"


def scan_object(result: ScanResult) -> dict[str, object]:
    """Return the member ``scan``."""
    tally = result.tally
    return {
        "targets": result.targets,
        "started_at": result.started_at,
        "duration_s": round(result.duration_s, 3),
        "complete": result.complete,
        "exit_code": int(result.exit_code),
        "receipt": {
            "files": tally.files,
            "blobs": tally.blobs,
            "bytes": tally.bytes,
            "commits": tally.commits,
            "refs": tally.refs,
            "objects_missing": tally.objects_missing,
            "objects_cached": tally.cached,
            "gaps": len(result.gaps),
            "old": sum(map(is_old, result.keys)),
            "suppressed": sum(finding.suppression is not None for finding in result.findings),
            "suppressions": [
                {"fingerprint": finding.fingerprint, **_suppression(each)}
                for finding in result.findings
                for each in suppressors(finding)
            ],
            "placeholders": len(result.placeholders),
        },
        "ground": _ground(result.ground),
        "asked": _status_report(result.asked),
    }


def _ground(ground: TrustReport | None) -> dict[str, object] | None:
    if ground is None:
        return None
    return {
        "trust": ground.trust,
        "commit": ground.commit,
        "settings": [
            {"option": each.option, "value": each.value, "source": each.source} for each in ground.settings
        ],
        "unheard": ground.unheard,
        "unmatched": ground.unmatched,
    }


def _status_report(asked: StatusReport | None) -> dict[str, object] | None:
    if asked is None:
        return None
    return {
        "listing": asked.listing,
        "organisation": asked.organisation,
        "taken_at": asked.taken_at,
        "complete": asked.complete,
        "keys": asked.keys,
        "stale": asked.stale,
        "verified": asked.verified,
        "own_key": asked.own_key,
        "trouble": asked.trouble,
        "notes": asked.notes,
    }


def _evidence(evidence: Evidence | None) -> dict[str, object] | None:
    if evidence is None:
        return None
    return {
        "by": evidence.by.value,
        "reason": evidence.reason,
        "detail": evidence.detail,
        "body_characters": evidence.body_characters,
        "candidate_count": evidence.candidate_count,
        "candidates": [
            {
                "id": each.id,
                "name": each.name,
                "state": each.state,
                "workspace_id": each.workspace_id,
                "last_used_at": each.last_used_at,
                "limited": each.limited,
            }
            for each in evidence.candidates
        ],
        "key_id": evidence.key_id,
        "used_since": evidence.used_since,
    }


def _suppression(each: SuppressionCandidate | Suppression) -> dict[str, object]:
    return {"kind": each.kind, "reason": each.reason, "source": each.source}


def _candidate(excuse: SuppressionCandidate) -> dict[str, object]:
    covers = {"locations": len(excuse.covers), "refused": excuse.refused or None, "used": excuse.used}
    return _suppression(excuse) | covers


def finding_object(finding: Finding) -> dict[str, object]:
    """Return an item of ``findings``."""
    suppression = finding.suppression
    return {
        "fingerprint": finding.fingerprint,
        "rule_id": finding.rule_id,
        "key_type": finding.key_type.value,
        "mode": finding.mode.value,
        "type_prefix": finding.type_prefix,
        "shape": finding.shape.value,
        "severity": finding.severity.value,
        "confidence": finding.confidence,
        "status": finding.status.value,
        "exposure": finding.exposure.value,
        "blocking": finding.blocking,
        "suppression": suppression and _suppression(suppression),
        "excuses": [_candidate(excuse) for excuse in finding.excuses],
        "candidates": finding.candidates,
        "evidence": _evidence(finding.evidence),
        "locations": [_location(location) for location in finding.locations],
    }


def _location(location: Location) -> dict[str, object]:
    return {
        "path": location.path,
        "line": location.line,
        "column": location.column,
        "offset": location.offset,
        "commit": location.commit,
        "blob": location.blob,
        "author_date": location.author_date,
        "members": location.members,
        "decoded": location.decoded,
        "cell": location.cell,
        "cell_part": location.cell_part,
        "exposure": location.exposure.value,
        "old": location.old,
        "context": location.context,
    }


def gap_object(gap: Gap) -> dict[str, object]:
    """Return an item of ``gaps``."""
    return {"where": gap.where, "reason": gap.reason, "detail": gap.detail, "by_design": gap.by_design}
