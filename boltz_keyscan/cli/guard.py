"""What stands between a command and the terminal: streams that cannot fail on a character,
and every error turned into one line, a hint and an exit code.

Boundary: knows errors and streams, no commands.
"""

from __future__ import annotations

import io
import os
import sys
import traceback

import click

from boltz_keyscan.cli.commands import Commands
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model import ExitCode


def guarded(arguments: list[str]) -> int:
    """Run a command line and tell what went wrong, if anything did."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal in another encoding must not turn a finding into a crash.
            stream.reconfigure(errors="backslashreplace", newline="\n")
    try:
        returned = Commands().main(arguments, prog_name="boltz-keyscan", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        hint = ""
        if isinstance(error, click.UsageError) and error.ctx is not None:
            hint = f"See '{error.ctx.command_path} --help'."
        return _failed(ExitCode.USAGE, error.format_message(), hint)
    except KeyscanError as error:
        return _failed(ExitCode.USAGE, error.message, error.hint)
    except (KeyboardInterrupt, click.Abort):
        return _failed(ExitCode.INTERRUPTED, "interrupted; nothing can be said of what was not read yet", "")
    except BrokenPipeError:
        return _closed()
    except OSError as error:
        return _failed(ExitCode.USAGE, f"the report could not be written: {error.strerror}", "")
    except Exception as error:  # noqa: BLE001 - the last net: a traceback could show the bytes it was working on
        return _internal(error)
    return int(returned) if isinstance(returned, int) else ExitCode.CLEAN


def _failed(code: ExitCode, message: str, hint: str) -> int:
    tell(f"error: {message}")
    if hint:
        tell(f"help: {hint}")
    return code


def tell(line: str) -> None:
    """One line on stderr, without keys and without characters that act."""
    from boltz_keyscan.cli.redaction import redacted  # noqa: PLC0415 - only when there is something to tell

    try:
        click.echo(redacted(line), err=True)
    except OSError:
        # Nobody reads our stderr; there is no better place to say so.
        return


def _closed() -> int:
    """Whoever read the report went away before it was told whole: the verdict is not known to anybody."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.USAGE


def _internal(error: Exception) -> int:
    """Where it happened, without values: messages and source lines may quote what was being read."""
    frames = traceback.extract_tb(error.__traceback__)
    tell(f"error: internal error: {type(error).__name__}")
    for frame in frames[-8:]:
        tell(f"  {os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}")
    tell("help: This is a bug; please report these lines. They hold nothing of what was scanned.")
    return ExitCode.INTERNAL
