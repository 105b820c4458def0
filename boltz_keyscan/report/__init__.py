"""Report formats: one function per format, imported when used.

A reporter is ``(ScanResult, stream, ReportOptions) -> None``. It writes the whole report to the
stream, the same bytes for the same result, ending in a newline. It decides nothing: severity,
blocking, completeness and exit code are in the result. Strings arrive redacted and harmless;
each format still escapes them for itself.

To add a format, write one module with one such function and one line in ``REPORTERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TextIO, TypeAlias, cast

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.finding import ScanResult


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """Options of reports; formats for programs use only those that leave findings out."""

    color: bool = False
    width: int = 80
    """Width of the terminal in columns."""
    show_placeholders: bool = False
    verbosity: int = 0
    """-1: blocking findings and the verdict; 0: findings to act on; 1: every location."""
    drop_suppressed: bool = False
    """True to leave suppressed findings out of SARIF, for readers that ignore suppressions."""


Reporter: TypeAlias = Callable[[ScanResult, TextIO, ReportOptions], None]

REPORTERS = {
    "text": "boltz_keyscan.report.text:report",
    "json": "boltz_keyscan.report.json_report:report",
    "sarif": "boltz_keyscan.report.sarif:report",
    "jsonl": "boltz_keyscan.report.jsonl:report",
    "csv": "boltz_keyscan.report.csv_report:report",
    "markdown": "boltz_keyscan.report.markdown:report",
    "junit": "boltz_keyscan.report.junit:report",
    "github": "boltz_keyscan.report.github:report",
    "gitlab": "boltz_keyscan.report.gitlab:report",
}


def format_hint(name: str, formats: Iterable[str]) -> str:
    """Return a hint for an unknown format: the closest name, or else all names."""
    import difflib  # noqa: PLC0415 - only after a mistake

    known = tuple(formats)
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return f"Did you mean {close[0]}?" if close else f"Formats: {', '.join(known)}."


def load(name: str) -> Reporter:
    """Import and return the reporter of a format.

    Raises:
        KeyscanError: no format has this name.
    """
    if name not in REPORTERS:
        raise KeyscanError(f"no report format is called {name!r}", format_hint(name, REPORTERS))
    module, _, function = REPORTERS[name].partition(":")
    return cast("Reporter", getattr(import_module(module), function))
