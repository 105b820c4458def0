"""Where reports go: stdout, files, and in which colours.

Boundary: decides on streams and looks; the words are ``report``'s.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable

from boltz_keyscan.model import ScanResult
from boltz_keyscan.report import View, load

COLORS = ("auto", "always", "never")


def view(color: str, verbosity: int, *, placeholders: bool) -> View:
    """How text is to look on this terminal."""
    return View(
        color=_colored(color),
        width=max(shutil.get_terminal_size((80, 24)).columns, 40),
        show_placeholders=placeholders,
        verbosity=verbosity,
    )


def emit(result: ScanResult, shown: str | None, files: Iterable[tuple[str, str]], look: View) -> None:
    """Write the files first, so that a closed stdout costs none of them.

    Raises:
        OutputError: a file could not be written.
        OSError: stdout could not.
    """
    files = list(files)
    if files:
        from boltz_keyscan.report.files import write_report  # noqa: PLC0415 - most runs write none

        plain = View(width=look.width, show_placeholders=look.show_placeholders, verbosity=look.verbosity)
        for name, path in files:
            write_report(name, path, result, plain)
    if shown is not None:
        load(shown)(result, sys.stdout, look)
        sys.stdout.flush()


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
    return sys.stdout.isatty()
