"""Audit of keys as SARIF 2.1.0.

A key of an organisation is in no file: it has a logical location, and, because code scanning
shows no result without a file, an artifact name that is no path of a repository.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TextIO

import sarif_om as om

from boltz_keyscan._version import __version__
from boltz_keyscan.policy import SECURITY_SEVERITY
from boltz_keyscan.report.json_encode import dumps
from boltz_keyscan.report.sarif import KEY_DOCS, MAX_RESULTS, SCHEMA
from boltz_keyscan.report.sarif_json import to_json
from boltz_keyscan.report.sarif_results import LEVEL, ROOT, plain_message
from boltz_keyscan.report.uri import relative_uri

if TYPE_CHECKING:
    from boltz_keyscan.model.audit import Audit, Check, Concern


def sarif(audit: Audit, stream: TextIO, verbose: bool) -> None:  # noqa: ARG001, FBT001 - signature of audit formats
    """Write the audit as one run."""
    index = {check.id: number for number, check in enumerate(audit.checks)}
    kept = audit.concerns[:MAX_RESULTS]
    messages = list(audit.trouble)
    if len(kept) < len(audit.concerns):
        messages.append(f"{len(audit.concerns) - len(kept):,} more concerns are not listed here")
    run = om.Run(
        tool=om.Tool(
            driver=om.ToolComponent(
                name="boltz-keyscan",
                version=__version__,
                semantic_version=__version__,
                information_uri=KEY_DOCS,
                rules=[_rule(check) for check in audit.checks],
            )
        ),
        automation_details=om.RunAutomationDetails(id=f"boltz-keyscan/keys-{audit.scope}/"),
        invocations=[
            om.Invocation(
                execution_successful=audit.complete,
                exit_code=int(audit.exit_code),
                tool_execution_notifications=[
                    om.Notification(
                        descriptor=om.ReportingDescriptorReference(id="not-complete"),
                        level="error",
                        message=om.Message(text=plain_message(line)),
                    )
                    for line in messages
                ]
                or None,
            )
        ],
        original_uri_base_ids={
            ROOT: om.ArtifactLocation(
                description=om.Message(text="Keys of an organisation, or files of a machine: no checkout.")
            )
        },
        column_kind="utf16CodeUnits",
        results=[_result(each, index, audit.scope) for each in kept],
    )
    log = to_json(om.SarifLog(schema_uri=SCHEMA, version="2.1.0", runs=[run]))
    stream.write(dumps({name: log[name] for name in ("$schema", "version", "runs")}) + "\n")


def _rule(check: Check) -> om.ReportingDescriptor:
    text = f"{check.reason} {check.remedy}"
    properties: dict[str, object] = {"tags": ["security"]}
    if check.severity in SECURITY_SEVERITY:
        properties["security-severity"] = SECURITY_SEVERITY[check.severity]
    return om.ReportingDescriptor(
        id=check.id,
        name="".join(word.capitalize() for word in check.id.split("-")),
        short_description=om.MultiformatMessageString(text=f"{check.title}."),
        full_description=om.MultiformatMessageString(text=check.reason),
        help=om.MultiformatMessageString(text=text),
        help_uri=KEY_DOCS,
        default_configuration=om.ReportingConfiguration(level=LEVEL[check.severity]),
        properties=properties,
    )


def _result(concern: Concern, index: dict[str, int], scope: str) -> om.Result:
    place = concern.subject if scope == "local" else f"boltz-api-keys/{concern.subject}"
    leaked = {"yes": " It leaked.", "maybe": " It may have leaked."}.get(concern.leaked or "", "")
    seed = f"{concern.check.id}\0{concern.subject}"
    name = f" ({concern.name})" if concern.name else ""
    message = (
        f"{concern.check.title}: {concern.subject}{name}: {concern.detail}.{leaked} {concern.check.remedy}"
    )
    return om.Result(
        rule_id=concern.check.id,
        rule_index=index[concern.check.id],
        level=LEVEL[concern.check.severity],
        message=om.Message(text=plain_message(message)),
        locations=[
            om.Location(
                physical_location=om.PhysicalLocation(
                    artifact_location=om.ArtifactLocation(uri=relative_uri(place), uri_base_id=ROOT),
                    region=om.Region(start_line=concern.line or 1),
                ),
                logical_locations=[om.LogicalLocation(fully_qualified_name=concern.subject, kind="resource")],
            )
        ],
        partial_fingerprints={
            "primaryLocationLineHash": hashlib.sha256(seed.encode("utf-8", "backslashreplace")).hexdigest()[
                :16
            ]
            + ":1"
        },
    )
