"""Error handler: turns every error into one line, a hint and an exit code."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading

import click

from boltz_keyscan.cli.root import Commands
from boltz_keyscan.errors import KeyscanError, OutputError
from boltz_keyscan.model.enums import ExitCode


def run_guarded(arguments: list[str]) -> int:
    """Run a command line, report its error and return the exit code."""
    _prepare()
    code: int = ExitCode.CLEAN
    try:
        command = Commands()
        with command.make_context("boltz-keyscan", list(arguments)) as made:
            returned = command.invoke(made)
        code = int(returned) if isinstance(returned, int) else ExitCode.CLEAN
    except click.exceptions.Exit as leave:
        code = leave.exit_code
    except click.ClickException as error:
        # The scan has no name of its own, and not every parser error has a context.
        context = getattr(error, "ctx", None)
        name = context.command_path.removesuffix(" scan") if context is not None else "boltz-keyscan"
        code = _failed(ExitCode.USAGE, error.format_message(), f"See '{name} --help'.")
    except OutputError as error:
        code = _failed(ExitCode.BLOCKING if error.blocking else ExitCode.USAGE, error.message, error.hint)
    except KeyscanError as error:
        code = _failed(ExitCode.USAGE, error.message, error.hint)
    except KeyboardInterrupt:
        # A second Ctrl-C must not interrupt the clean-up.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _clean_line()
        code = _failed(ExitCode.INTERRUPTED, "interrupted; nothing can be said of what was not read yet", "")
    except BrokenPipeError:
        # The reader of a help text or a listing closed the pipe.
        code = ExitCode.CLEAN
    except OSError as error:
        # For example a help text on a full disk; read errors of a scan are gaps.
        code = _failed(ExitCode.USAGE, f"could not go on: {error.strerror or type(error).__name__}", "")
    except Exception as error:  # noqa: BLE001 - the last net: a traceback could show the bytes it was working on
        code = _internal(error)
    return code


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
            stream.reconfigure(errors="backslashreplace", newline="\n")
    if threading.current_thread() is threading.main_thread():
        # A cancelled CI job: clean up as after Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)


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
