"""Report formats: one function per format, imported when used.

A reporter is ``(ScanResult, stream, ReportOptions) -> None``. It writes the whole report to the
stream, the same bytes for the same result, ending in a newline. It decides nothing: severity,
blocking, completeness and exit code are in the result. Strings arrive redacted and harmless;
each format still escapes them for itself.

To add a format, write one module with one such function and one line in ``REPORTERS``. A format
imports ``report.options`` and what formats share, never this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Generic, TextIO, TypeAlias, TypeVar, cast

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.report.options import Reporter, ReportOptions

if TYPE_CHECKING:
    from boltz_keyscan.model.audit import Audit
    from boltz_keyscan.model.fleet import FleetResult
    from boltz_keyscan.model.usage import Usage
    from boltz_keyscan.report.diff import Comparison

__all__ = [
    "AUDIT_REPORTERS",
    "DIFF_REPORTERS",
    "FLEET_REPORTERS",
    "REPORTERS",
    "USAGE_REPORTERS",
    "ReportOptions",
    "Reporter",
    "format_hint",
    "load",
]

AuditReporter: TypeAlias = "Callable[[Audit, TextIO, bool], None]"
DiffReporter: TypeAlias = "Callable[[Comparison, TextIO, Callable[[str], str]], None]"
FleetReporter: TypeAlias = "Callable[[FleetResult, TextIO, ReportOptions], None]"
UsageReporter: TypeAlias = "Callable[[Usage, TextIO], None]"

Loaded = TypeVar("Loaded")


class Formats(dict[str, str], Generic[Loaded]):
    """Formats: module and function of the reporter, by name."""

    def load(self, name: str) -> Loaded:
        """Import and return the reporter of a format.

        Raises:
            KeyscanError: no format has this name.
        """
        if name not in self:
            raise KeyscanError(f"no report format is called {name!r}", format_hint(name, self))
        module, _, function = self[name].partition(":")
        return cast("Loaded", getattr(import_module(module), function))


def format_hint(name: str, formats: Iterable[str]) -> str:
    """Return a hint for an unknown format: the closest name, or else all names."""
    import difflib  # noqa: PLC0415 - only after a mistake

    known = tuple(formats)
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return f"Did you mean {close[0]}?" if close else f"Formats: {', '.join(known)}."


REPORTERS: Formats[Reporter] = Formats(
    {
        "text": "boltz_keyscan.report.text:report",
        "json": "boltz_keyscan.report.json_report:report",
        "sarif": "boltz_keyscan.report.sarif:report",
        "jsonl": "boltz_keyscan.report.jsonl:report",
        "csv": "boltz_keyscan.report.csv_report:report",
        "markdown": "boltz_keyscan.report.markdown:report",
        "junit": "boltz_keyscan.report.junit:report",
        "github": "boltz_keyscan.report.github:report",
        "gitlab": "boltz_keyscan.report.gitlab:report",
        "html": "boltz_keyscan.report.html.page:report",
    }
)
"""Formats of a scan."""

AUDIT_REPORTERS: Formats[AuditReporter] = Formats(
    {
        "text": "boltz_keyscan.report.audit_text:text",
        "json": "boltz_keyscan.report.audit_text:to_json",
        "sarif": "boltz_keyscan.report.audit_sarif:sarif",
        "html": "boltz_keyscan.report.html.audit:html",
    }
)
"""Formats of an audit of keys: functions ``(Audit, stream, verbose) -> None``."""

FLEET_REPORTERS: Formats[FleetReporter] = Formats(
    {
        "text": "boltz_keyscan.report.fleet_text:report",
        "json": "boltz_keyscan.report.fleet_json:report",
        "csv": "boltz_keyscan.report.fleet_csv:report",
        "html": "boltz_keyscan.report.html.fleet:report",
    }
)
"""Formats of a fleet: functions ``(FleetResult, stream, ReportOptions) -> None``."""

DIFF_REPORTERS: Formats[DiffReporter] = Formats(
    {
        "text": "boltz_keyscan.report.diff:text",
        "html": "boltz_keyscan.report.html.comparison:html",
    }
)
"""Formats of a comparison: functions ``(Comparison, stream, redact) -> None``."""

USAGE_REPORTERS: Formats[UsageReporter] = Formats(
    {
        "text": "boltz_keyscan.report.usage_text:text",
        "json": "boltz_keyscan.report.usage_text:to_json",
        "html": "boltz_keyscan.report.html.usage:html",
    }
)
"""Formats of the usage since a leak: functions ``(Usage, stream) -> None``."""

load = REPORTERS.load
