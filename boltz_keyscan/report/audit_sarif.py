"""Audit of keys as SARIF 2.1.0.

A key of an organisation is in no file: it has a logical location, and, because code scanning
shows no result without a file, an artifact name that is no path of a repository.
"""

from __future__ import annotations

from typing import TextIO

import sarif_om as om

from boltz_keyscan.model.audit import Audit, Check, Concern
from boltz_keyscan.report.relative_paths import relative_uri
from boltz_keyscan.report.sarif_log import (
    LEVEL,
    MAX_RESULTS,
    ROOT,
    descriptor,
    notification,
    plain_message,
    run,
    short_hash,
    write,
)

_MAX_PLACES = 100
"""Limit of the places of a key."""


def sarif(audit: Audit, stream: TextIO, verbose: bool) -> None:  # noqa: ARG001, FBT001 - signature of audit formats
    """Write the audit as one run."""
    index = {check.id: number for number, check in enumerate(audit.checks)}
    kept = audit.concerns[:MAX_RESULTS]
    messages = list(audit.trouble)
    if len(kept) < len(audit.concerns):
        messages.append(f"{len(audit.concerns) - len(kept):,} more concerns are not listed here")
    invocation = om.Invocation(
        execution_successful=audit.complete,
        exit_code=int(audit.exit_code),
        tool_execution_notifications=[
            notification("not-complete", "error", plain_message(line)) for line in messages
        ]
        or None,
    )
    audit_run = run(
        f"keys-{audit.scope}",
        "Keys of an organisation, or files of a machine: no checkout.",
        [_rule(check) for check in audit.checks],
        invocation,
        [_result(concern, index, audit.scope) for concern in kept],
    )
    write(stream, [audit_run])


def _rule(check: Check) -> om.ReportingDescriptor:
    text = f"{check.reason} {check.remedy}"
    rule = descriptor(check.id, check.id.split("-"), check.severity, check.title, check.reason, text=text)
    rule.properties = {"tags": ["security"]} | rule.properties
    return rule


def _result(concern: Concern, index: dict[str, int], scope: str) -> om.Result:
    path = concern.subject if scope == "local" else f"boltz-api-keys/{concern.subject}"
    leaked = {"yes": " It leaked.", "maybe": " It may have leaked."}.get(concern.leaked or "", "")
    name = f" ({concern.name})" if concern.name else ""
    message = (
        f"{concern.check.title}: {concern.subject}{name}: {concern.detail}.{leaked} {concern.check.remedy}"
    )
    spots = [(place.path, place.line) for place in concern.places[:_MAX_PLACES]] or [(path, concern.line)]
    first, *others = (_location(path, line, concern.subject) for path, line in spots)
    return om.Result(
        rule_id=concern.check.id,
        rule_index=index[concern.check.id],
        level=LEVEL[concern.check.severity],
        message=om.Message(text=plain_message(message)),
        locations=[first],
        related_locations=others or None,
        partial_fingerprints={
            "primaryLocationLineHash": f"{short_hash(concern.check.id, concern.subject)}:1"
        },
    )


def _location(path: str, line: int | None, subject: str) -> om.Location:
    return om.Location(
        physical_location=om.PhysicalLocation(
            artifact_location=om.ArtifactLocation(uri=relative_uri(path), uri_base_id=ROOT),
            region=om.Region(start_line=line or 1),
        ),
        logical_locations=[om.LogicalLocation(fully_qualified_name=subject, kind="resource")],
    )
