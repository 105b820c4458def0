"""Where reports go: stdout, files, and in which colours.

Boundary: decides on streams and looks; the words are ``report``'s. What is different inside
GitHub Actions is ``actions``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace

from boltz_keyscan.errors import KeyscanError, OutputError
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.report import Reporter, ReportOptions, load

COLORS = ("auto", "always", "never")

AUTO = "auto"
"""The format that is text, and inside GitHub Actions annotations and a step summary as well."""


def view(color: str, verbosity: int, *, placeholders: bool, drop_suppressed: bool = False) -> ReportOptions:
    """How text is to look on this terminal."""
    from shutil import get_terminal_size  # noqa: PLC0415 - brings three compression libraries along

    return ReportOptions(
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
    look: ReportOptions,
    through: Callable[[Reporter], Reporter] = lambda reporter: reporter,
) -> None:
    """Write every report that can be written, the files first.

    ``shown`` is the format on stdout, None for none; it and the format of a file may be
    ``AUTO``. ``through`` puts a filter between a reporter and its file.

    A reader that goes away (``| head``) is no error: the exit code tells it the verdict.

    Raises:
        OutputError: a report could not be written; the first one.
    """
    failed: list[OutputError] = []
    files = tuple(files)
    # --quiet is for standard output: a file is read later, and by others.
    written = replace(look, color=False, verbosity=max(look.verbosity, 0))
    automatic = AUTO in (shown, *(name for name, _ in files))
    for name, path in files:
        from boltz_keyscan.report.writer import write_report  # noqa: PLC0415 - most runs write none

        try:
            write_report(_form(name), path, result, written, through)
        except OutputError as error:
            failed.append(error)
    if shown is not None:
        try:
            _show(_form(shown), result, look)
        except OutputError as error:
            failed.append(error)
    if automatic and in_actions():
        from boltz_keyscan.cli.github_actions import annotated  # noqa: PLC0415 - in few places

        try:
            annotated(result, look, written, [path for _, path in files], through, show)
        except OutputError as error:
            failed.append(error)
    if failed:
        failed[0].blocking = result.exit_code == ExitCode.BLOCKING
        raise failed[0]


def distinct(paths: Iterable[str], *, stdout: bool) -> None:
    """Refuse two reports for one file, however its name is spelt: one of them would be lost.

    Args:
        paths: where reports go.
        stdout: one more goes to standard output.

    Raises:
        KeyscanError: with the second name.
    """
    seen = {_identity(1)} if stdout else set()
    for path in paths:
        one = _identity(path)
        if one is not None and one in seen:
            raise KeyscanError(f"two reports would be written to {path}", "Name a file for each.")
        seen.add(one)


def _identity(path: str | int) -> tuple[object, ...] | None:
    """What a name stands for, there or not yet; None for what takes everything and keeps nothing."""
    try:
        try:
            status = os.stat(path)
        except FileNotFoundError:
            folder, name = os.path.split(os.path.abspath(str(path)))
            status = os.stat(folder)
            return status.st_dev, status.st_ino, name
    except (OSError, ValueError):
        # Whoever writes to it will tell what is wrong with it.
        return (path,)
    null = os.stat(os.devnull)
    same = (status.st_dev, status.st_ino)
    return None if same == (null.st_dev, null.st_ino) else same


def in_actions() -> bool:
    """Whether this is a step of GitHub Actions (docs.github.com, "Variables reference")."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def _form(name: str) -> str:
    return "text" if name == AUTO else name


def _show(name: str, result: ScanResult, look: ReportOptions) -> None:
    if sys.stdout is None:
        raise OutputError("cannot write the report: standard output is closed", "Give --output FILE.")
    show(load(name), result, look)


def show(reporter: Reporter, result: ScanResult, look: ReportOptions) -> None:
    """Write a report to standard output.

    Raises:
        OutputError: it could not be written; that its reader went away is none.
    """
    try:
        reporter(result, sys.stdout, look)
        sys.stdout.flush()
    except BrokenPipeError:
        return
    except OSError as error:
        raise OutputError(f"cannot write the report to standard output: {error.strerror}") from error


def _colored(choice: str) -> bool:
    """The flag, then NO_COLOR, FORCE_COLOR and CLICOLOR, then the terminal."""
    if choice != "auto":
        return choice == "always"
    # As no-color.org, force-color.org and bixense.com/clicolors have it: empty is as good as absent.
    environment = {name: value for name, value in os.environ.items() if value}
    if "NO_COLOR" in environment:
        return False
    if any(environment.get(name, "0") != "0" for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if environment.get("CLICOLOR") == "0" or environment.get("TERM") == "dumb":
        return False
    return sys.stdout is not None and sys.stdout.isatty()
