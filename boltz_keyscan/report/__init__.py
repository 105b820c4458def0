"""How a scan is told: one function per format, found by name and loaded only when used.

The contract: a reporter is ``(ScanResult, stream, View) -> None``. It writes the whole
report to the stream and nothing anywhere else, the same bytes for the same result,
ending in a newline. It decides nothing: severity, blocking, completeness and exit code
come with the result. It needs no key to do its work, and no type it is given can hold
one. Strings arrive redacted and harmless; each format still makes them fit for itself.

To add a format, write one module with one such function and one line in ``REPORTERS``.

Boundary: importing this package loads no format; ``files`` puts a report under a name.
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
    """What the reader asked to see; formats for programs use only what to leave out."""

    color: bool = False
    width: int = 80
    """Columns of the terminal."""
    show_placeholders: bool = False
    verbosity: int = 0
    """-1: blocking findings and the verdict; 0: what a person acts on; 1: every location."""
    drop_suppressed: bool = False
    """Leave suppressed findings out of SARIF, for readers that do not know suppressions."""


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


def meant(name: str, formats: Iterable[str]) -> str:
    """What to tell who named a format that there is not: the one that was meant, else all of them."""
    import difflib  # noqa: PLC0415 - only for who made a mistake

    known = tuple(formats)
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return f"Did you mean {close[0]}?" if close else f"Formats: {', '.join(known)}."


def load(name: str) -> Reporter:
    """The reporter of a format.

    Raises:
        KeyscanError: no format has this name.
    """
    if name not in REPORTERS:
        raise KeyscanError(f"no report format is called {name!r}", meant(name, REPORTERS))
    module, _, function = REPORTERS[name].partition(":")
    return cast("Reporter", getattr(import_module(module), function))
