"""Where reports go: stdout, files, and in which colours.

Boundary: decides on streams and looks; the words are ``report``'s.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace

from boltz_keyscan.errors import OutputError
from boltz_keyscan.model import ExitCode, ScanResult
from boltz_keyscan.report import Reporter, View, load

COLORS = ("auto", "always", "never")


def view(color: str, verbosity: int, *, placeholders: bool, drop_suppressed: bool = False) -> View:
    """How text is to look on this terminal."""
    from shutil import get_terminal_size  # noqa: PLC0415 - brings three compression libraries along

    return View(
        color=_colored(color),
        width=max(get_terminal_size((80, 24)).columns, 40),
        show_placeholders=placeholders,
        verbosity=verbosity,
        drop_suppressed=drop_suppressed,
    )


def emit(
    result: ScanResult,
    shown: str | None,
    files: Iterable[tuple[str, str]],
    look: View,
    through: Callable[[Reporter], Reporter] = lambda reporter: reporter,
) -> None:
    """Write every report that can be written, the files first.

    ``through`` puts a filter between a reporter and its file.

    A reader that goes away (``| head``) is no error: the exit code tells it the verdict.

    Raises:
        OutputError: a report could not be written; the first one.
    """
    failed: list[OutputError] = []
    for name, path in files:
        from boltz_keyscan.report.files import write_report  # noqa: PLC0415 - most runs write none

        try:
            write_report(name, path, result, replace(look, color=False), through)
        except OutputError as error:
            failed.append(error)
    if shown is not None:
        try:
            _show(shown, result, look)
        except OutputError as error:
            failed.append(error)
    if failed:
        failed[0].blocking = result.exit_code == ExitCode.BLOCKING
        raise failed[0]


def _show(name: str, result: ScanResult, look: View) -> None:
    if sys.stdout is None:
        raise OutputError("cannot write the report: standard output is closed", "Give --output FILE.")
    try:
        load(name)(result, sys.stdout, look)
        sys.stdout.flush()
    except BrokenPipeError:
        return
    except OSError as error:
        raise OutputError(f"cannot write the report to standard output: {error.strerror}") from error


def _colored(choice: str) -> bool:
    """The flag, then NO_COLOR, FORCE_COLOR and CLICOLOR, then the terminal."""
    if choice != "auto":
        return choice == "always"
    environment = os.environ
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR", "0") != "0" or environment.get("CLICOLOR_FORCE", "0") != "0":
        return True
    if environment.get("CLICOLOR") == "0" or environment.get("TERM") == "dumb":
        return False
    return sys.stdout is not None and sys.stdout.isatty()
