"""Error handler: turns every error into one line, a hint and an exit code."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading

from boltz_keyscan.errors import KeyscanError, OutputError, report_warnings
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.system import STOP_SIGNALS, STREAM_ENCODING


def run_guarded(arguments: list[str]) -> int:
    """Run a command line, report its error and return the exit code."""
    _prepare()
    warnings: list[str] = []
    report_warnings(warnings.append)
    try:
        try:
            return _run(arguments)
        finally:
            # Not while it runs: a line is redacted with the engine, whose load may be what warns.
            for warning in warnings:
                _report(warning)
    except KeyboardInterrupt:
        # A second Ctrl-C must not interrupt the clean-up.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _clean_line()
        return _failed(ExitCode.INTERRUPTED, "interrupted; the rest was not scanned", "")
    except Exception as error:  # noqa: BLE001 - the last net: a traceback could show the bytes it was working on
        return _code_of(error)


def _run(arguments: list[str]) -> int:
    scanned = None
    if arguments[:2] == ["hook", "pre-commit"]:
        from boltz_keyscan.cli import clean_commit  # noqa: PLC0415 - only the hook

        scanned = clean_commit.scan(arguments[2:])
        if isinstance(scanned, str):
            print(scanned, flush=True)  # noqa: T201 - as click.echo does
            return ExitCode.CLEAN
    if arguments == ["hook", "agent"]:
        from boltz_keyscan.cli import agent_hook  # noqa: PLC0415 - only the hook

        return agent_hook.run()
    from boltz_keyscan.cli.root import Commands  # noqa: PLC0415 - a clean commit does not pay for click

    command = Commands()
    with command.make_context("boltz-keyscan", list(arguments), obj=scanned) as made:
        returned = command.invoke(made)
    return int(returned) if isinstance(returned, int) else ExitCode.CLEAN


def _code_of(error: Exception) -> int:  # noqa: PLR0911 - one for each kind
    """Report an error and return its exit code."""
    import click  # noqa: PLC0415 - as above

    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.ClickException():
            # The scan needs no name, and not every parser error has a context.
            context = getattr(error, "ctx", None)
            name = context.command_path if context is not None else "boltz-keyscan"
            name = "boltz-keyscan" if name == "boltz-keyscan scan" else name
            return _failed(ExitCode.USAGE, error.format_message(), f"See '{name} --help'.")
        case OutputError():
            return _failed(ExitCode.BLOCKING if error.blocking else ExitCode.USAGE, error.message, error.hint)
        case KeyscanError():
            return _failed(ExitCode.USAGE, error.message, error.hint)
        case BrokenPipeError():
            # The reader of a help text or a listing closed the pipe.
            return ExitCode.CLEAN
        case OSError():
            # For example a help text on a full disk; read errors of a scan are gaps.
            return _failed(
                ExitCode.USAGE, f"stopped by a system error: {error.strerror or type(error).__name__}", ""
            )
        case _:
            return _internal(error)


def _prepare() -> None:
    """Make sure the standard descriptors are open, streams never fail on a character, SIGTERM interrupts."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # Closed by the parent process: the next file opened would get this number and be written to.
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal in another encoding must not turn a finding into a crash.
            stream.reconfigure(encoding=STREAM_ENCODING, errors="backslashreplace", newline="\n")
    if threading.current_thread() is threading.main_thread():
        # A cancelled CI job: clean up as after Ctrl-C.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.default_int_handler)


def _failed(code: ExitCode, message: str, hint: str) -> int:
    _report(f"error: {message}")
    if hint:
        _report(f"help: {hint}")
    return code


def _clean_line() -> None:
    """Start on an empty line: the terminal has echoed ^C after the progress line."""
    if sys.stderr is not None and sys.stderr.isatty():
        with contextlib.suppress(OSError):
            sys.stderr.write("\n" if os.environ.get("TERM", "") in {"", "dumb"} else "\r\x1b[K")


def _report(line: str) -> None:
    from boltz_keyscan.cli.messages import report_line  # noqa: PLC0415 - only to report something

    report_line(line)


def _internal(error: Exception) -> int:
    """Report the stack without values: messages and source lines may quote scanned bytes."""
    import traceback  # noqa: PLC0415 - only for internal errors

    frames = traceback.extract_tb(error.__traceback__)
    _report(f"error: internal error: {type(error).__name__}")
    for frame in frames[-8:]:
        _report(f"  {os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}")
    _report("help: This is a bug; please report these lines. They hold nothing of what was scanned.")
    return ExitCode.INTERNAL
