"""Output of reports: standard output, files, colour."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TextIO

from boltz_keyscan.cli.options import AUTO, ScanOptions
from boltz_keyscan.errors import KeyscanError, OutputError
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.records import replace
from boltz_keyscan.report import Reporter, ReportOptions, load


def report_options(options: ScanOptions) -> ReportOptions:
    """Return the options of text output for this terminal."""
    return ReportOptions(
        color=_colored(options.color),
        width=max(_measure_width(), 40),
        show_placeholders=options.show_placeholders,
        verbosity=-1 if options.quiet else int(options.verbose),
        drop_suppressed=options.sarif_drop_suppressed,
    )


def _measure_width() -> int:
    """Return the columns of the terminal, as ``shutil`` does, which imports three compression libraries."""
    chosen = os.environ.get("COLUMNS", "")
    if chosen.isdecimal() and int(chosen):
        return int(chosen)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


def emit(
    result: ScanResult, shown: str | None, files: Iterable[tuple[str, str]], options: ReportOptions
) -> None:
    """Write all reports, the files first; a failed one does not stop the others.

    A closed pipe (``| head``) is no error: the exit code has the verdict.

    Args:
        result: the result of the scan.
        shown: the format on standard output, which may be ``AUTO``; None for no report there.
        files: the format and the path of each file.
        options: options for standard output.

    Raises:
        OutputError: a report could not be written; the first such error.
    """
    # --quiet is for standard output; a file is read later, by others.
    written = replace(options, color=False, verbosity=max(options.verbosity, 0))
    failed: list[OutputError] = []
    for write in _outputs(result, shown, tuple(files), options, written):
        try:
            write()
        except OutputError as error:
            failed.append(error)
    if failed:
        failed[0].blocking = result.exit_code == ExitCode.BLOCKING
        raise failed[0]


def _outputs(
    result: ScanResult,
    shown: str | None,
    files: Sequence[tuple[str, str]],
    options: ReportOptions,
    written: ReportOptions,
) -> Iterator[Callable[[], None]]:
    """Yield a function for each output, in order."""
    for name, path in files:
        from boltz_keyscan.report.writer import write_report  # noqa: PLC0415 - most runs write no file

        yield partial(write_report, _form(name), path, result, written)
    if shown is not None:
        yield partial(show, load(_form(shown)), result, options)
    if in_actions() and AUTO in (shown, *(name for name, _ in files)):
        from boltz_keyscan.cli.github_actions import annotate, summarize  # noqa: PLC0415 - inside GitHub Actions only

        if sys.stdout is not None:
            yield partial(show, annotate, result, options)
        yield partial(summarize, result, written, [path for _, path in files])


def check_distinct(paths: Iterable[str], *, stdout: bool) -> None:
    """Refuse two reports for the same file under any name: one of them would be lost.

    Args:
        paths: paths of the reports.
        stdout: a report goes to standard output too.

    Raises:
        KeyscanError: two reports have the same file; the message has the second name.
    """
    seen = {_identity(1)} if stdout else set()
    for path in paths:
        one = _identity(path)
        if one is not None and one in seen:
            raise KeyscanError(f"two reports would be written to {path}", "Name a file for each.")
        seen.add(one)


def _identity(path: str | int) -> tuple[object, ...] | None:
    """Return the identity of an existing or a new file; None for the null device."""
    try:
        try:
            status = os.stat(path)
        except FileNotFoundError:
            folder, name = os.path.split(os.path.abspath(str(path)))
            status = os.stat(folder)
            return status.st_dev, status.st_ino, name
    except (OSError, ValueError):
        # Writing the report raises the error.
        return (path,)
    null = os.stat(os.devnull)
    same = (status.st_dev, status.st_ino)
    return None if same == (null.st_dev, null.st_ino) else same


def in_actions() -> bool:
    """Return True in a step of GitHub Actions (docs.github.com, "Variables reference")."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def _form(name: str) -> str:
    return "text" if name == AUTO else name


def show(reporter: Reporter, result: ScanResult, options: ReportOptions) -> None:
    """Write a report to standard output.

    Raises:
        OutputError: it could not be written; a closed pipe is no error.
    """
    write_stdout(lambda stream: reporter(result, stream, options))


def write_stdout(fill: Callable[[TextIO], object]) -> None:
    """Write what ``fill`` writes to a stream to standard output; as ``show``, with the same errors."""
    if sys.stdout is None:
        raise OutputError("cannot write the report: standard output is closed", "Give --output FILE.")
    try:
        fill(sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:
        return
    except OSError as error:
        raise OutputError(f"cannot write the report to standard output: {error.strerror}") from error


def _colored(choice: str) -> bool:
    """Apply the option, then NO_COLOR, FORCE_COLOR and CLICOLOR, then the kind of stream."""
    if choice != "auto":
        return choice == "always"
    # no-color.org, force-color.org, bixense.com/clicolors: an empty variable counts as absent.
    environment = {name: value for name, value in os.environ.items() if value}
    if "NO_COLOR" in environment:
        return False
    if any(environment.get(name, "0") != "0" for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if environment.get("CLICOLOR") == "0" or environment.get("TERM") == "dumb":
        return False
    return sys.stdout is not None and sys.stdout.isatty()
