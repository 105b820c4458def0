"""Parts that all SARIF 2.1.0 logs share, and their strict encoder.

The encoder of ``sarif_om``, ``jschema_to_python``, writes ``str(value)`` for unknown types and null
for a missing required object; here both raise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, TextIO

import attr
import sarif_om as om

from boltz_keyscan._version import __version__
from boltz_keyscan.model.enums import Severity
from boltz_keyscan.policy import SECURITY_SEVERITY
from boltz_keyscan.report.json_encode import Json, dumps, member_name, plain

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

KEY_DOCS = "https://api.boltz.bio/docs/guides/authentication/"
"""Boltz' documentation of its keys: the help URI of rules, and, as this program has no home page
yet, the information URI that validators require."""

ROOT = "%SRCROOT%"

MAX_RESULTS = 5000
"""Limit of results: GitHub keeps 5,000 of a run and rejects a file with a run of more than 25,000."""

LEVEL: dict[Severity, str] = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "warning",
    Severity.NOTE: "note",
}

# SARIF 2.1.0 sections 3.27.10, 3.50.3 and 3.58.6: the default of level depends on other objects,
# which GitHub does not look up. It is always written.
_ALWAYS = frozenset({"level"})


def write(stream: TextIO, runs: list[om.Run]) -> None:
    """Write a log."""
    log = to_json(om.SarifLog(schema_uri=SCHEMA, version="2.1.0", runs=runs))
    # Section 3.13.2: the version should precede everything that depends on it.
    stream.write(dumps({name: log[name] for name in ("$schema", "version", "runs")}) + "\n")


def run(
    category: str,
    root: str,
    rules: list[om.ReportingDescriptor],
    invocation: om.Invocation,
    results: list[om.Result],
    **more: object,
) -> om.Run:
    """Return a run of this program; ``root`` describes the root of its paths.

    The root has no URI: the path of the repository on the scanning machine is private.
    """
    return om.Run(
        tool=om.Tool(
            driver=om.ToolComponent(
                name="boltz-keyscan",
                version=__version__,
                semantic_version=__version__,
                information_uri=KEY_DOCS,
                rules=rules,
            )
        ),
        automation_details=om.RunAutomationDetails(id=f"boltz-keyscan/{category}/"),
        invocations=[invocation],
        original_uri_base_ids={ROOT: om.ArtifactLocation(description=om.Message(text=root))},
        column_kind="utf16CodeUnits",
        results=results,
        **more,
    )


def descriptor(
    name: str, words: Iterable[str], severity: Severity, short: str, full: str, **more: str
) -> om.ReportingDescriptor:
    """Return the description of a rule; ``more`` are the texts of its help."""
    security = SECURITY_SEVERITY.get(severity)
    return om.ReportingDescriptor(
        id=name,
        name="".join(word.capitalize() for word in words),
        short_description=om.MultiformatMessageString(text=f"{short}."),
        help_uri=KEY_DOCS,
        full_description=om.MultiformatMessageString(text=full),
        help=om.MultiformatMessageString(**more),
        default_configuration=om.ReportingConfiguration(level=LEVEL[severity]),
        properties={"security-severity": security} if security else {},
    )


def notification(reason: str, level: str, text: str) -> om.Notification:
    """Return a notification of an invocation."""
    return om.Notification(
        descriptor=om.ReportingDescriptorReference(id=reason), level=level, message=om.Message(text=text)
    )


def plain_message(text: str) -> str:
    """Escape untrusted text for a SARIF message.

    Braces are placeholders and are doubled (SARIF 2.1.0 section 3.11.5); ``[x](y)`` would be a
    link (section 3.11.6).
    """
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")


def short_hash(*parts: str) -> str:
    """Return a hash that identifies a result on every run."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def to_json(value: Any) -> dict[str, Json]:  # noqa: ANN401 - sarif_om is untyped
    """Convert a ``sarif_om`` object to SARIF's property names, without absent and default values.

    Raises:
        TypeError: a value is of no JSON type, or a required property is None.
    """
    members: dict[str, Json] = {}
    for field in attr.fields(type(value)):
        held = getattr(value, field.name)
        if held is None and field.default is attr.NOTHING:
            raise TypeError(f"{type(value).__name__}.{field.name} is required")
        if held is None or (held == _default(field) and field.name not in _ALWAYS):
            continue
        members[field.metadata["schema_property_name"]] = _value(held)
    return members


def _value(value: object) -> Json:
    if type(value).__module__.startswith("sarif_om"):
        return to_json(value)
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return {member_name(name): _value(item) for name, item in value.items()}
    return plain(value)


def _default(field: attr.Attribute[Any]) -> object:
    # attr.Factory is a class at run time and a function to the type checker; the
    # factories of sarif_om take no argument.
    make = getattr(field.default, "factory", None)
    return field.default if make is None else make()
