"""``boltz-keyscan fleet status|report|merge``: read and join the results of fleet scans."""

from __future__ import annotations

import os
from functools import partial
from typing import TextIO

import click

from boltz_keyscan.cli.groups import CommandWithExamples
from boltz_keyscan.cli.options import CommandWithScanOptions
from boltz_keyscan.cli.output import write_stdout
from boltz_keyscan.cli.parameters import PATH, format_option, path_option
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fleet.result import StoredResult
from boltz_keyscan.fleet.store import Store
from boltz_keyscan.fleet.store import merge as merge_states
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.model.fleet import FleetResult, RepositoryEntry
from boltz_keyscan.report import FLEET_REPORTERS, Reporter, ReportOptions, load
from boltz_keyscan.report.fleet_text import describe_coverage
from boltz_keyscan.report.wording import size
from boltz_keyscan.report.writer import write_stream

_PER_REPOSITORY = ("sarif",)
"""Formats with a file for each repository."""

_UNSAFE = late_pattern(r"[^A-Za-z0-9._-]+")


_STATE = path_option("--state", metavar="DIR", required=True, help_text="Folder of the results.")


@click.command(
    "report",
    cls=CommandWithScanOptions,
    names=("require_complete", "show_placeholders", "verbose"),
    short_help="Report the keys of all repositories.",
)
@_STATE
@format_option(
    (*FLEET_REPORTERS, *_PER_REPOSITORY), "Format of the report; sarif is a file for each repository."
)
@path_option("--output", help_text="Write it to FILE; for sarif, to a folder.")
def report(
    *,
    state: str,
    format_: str,
    output: str | None,
    require_complete: bool,
    show_placeholders: bool,
    verbose: bool,
) -> int:
    """Report what was scanned and what was not, and then each key with all its repositories."""
    with Store.open_copy(state) as store:
        result = StoredResult(store, require_complete=require_complete)
        options = ReportOptions(show_placeholders=show_placeholders, verbosity=int(verbose))
        if format_ in _PER_REPOSITORY:
            if output is None:
                raise KeyscanError(f"{format_} is a file for each repository", "Name a folder with --output.")
            os.makedirs(output, exist_ok=True)
            reporter = load(format_)
            for entry, found in result.scan_results():
                path = os.path.join(output, f"{_file_name(entry)}.{format_}")
                write_stream(format_, path, partial(_fill, reporter, found, options))
        elif output is not None:
            write_stream(
                format_, output, lambda stream: FLEET_REPORTERS.load(format_)(result, stream, options)
            )
        else:
            return print_report(result, format_, options)
        return result.exit_code


def _fill(reporter: Reporter, result: ScanResult, options: ReportOptions, stream: TextIO) -> None:
    reporter(result, stream, options)


def print_report(result: FleetResult, name: str, options: ReportOptions) -> int:
    """Write a report to standard output, and return the exit code.

    Raises:
        OutputError: it could not be written; a closed pipe is no error.
    """
    write_stdout(lambda stream: FLEET_REPORTERS.load(name)(result, stream, options))
    return result.exit_code


def _file_name(entry: RepositoryEntry) -> str:
    """Return a file name for a repository, whose own name may be anything."""
    tail = _UNSAFE.sub("-", entry.name.removesuffix(".git"))[-60:].lstrip(".-")
    return f"{tail}-{entry.id[:12]}"


@click.command("status", cls=CommandWithExamples, short_help="Show the progress of a fleet scan.")
@_STATE
def status(*, state: str) -> int:
    """Show the progress of a fleet scan, also from another shell while it runs."""
    with Store.open(state) as store:
        result, run = StoredResult(store), store.run()
        click.echo(describe_coverage(result))
        ((objects, read, done_bytes),) = store.rows(
            "SELECT total(objects), total(objects_read), total(bytes_read) FROM repositories"
        )
        skipped = f", {int(objects - read):,} known from others" if objects > read else ""
        click.echo(f"objects: {int(objects):,}{skipped}; {size(int(done_bytes))} read")
        if run and not run["ended"]:
            click.echo(_progress(int(run["done"]), int(run["listed"]), float(run.get("seconds", 0))))
    return ExitCode.CLEAN


def _progress(done: int, listed: int, seconds: float) -> str:
    text = f"under way, or stopped: {done:,} of {listed:,} done"
    if done == 0 or seconds <= 0:
        return text
    left = (listed - done) * seconds / done
    return f"{text}, {done / seconds:.1f} a second, about {_duration(left)} left"


def _duration(seconds: float) -> str:
    minutes = int(seconds + 59) // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


@click.command("merge", cls=CommandWithExamples, short_help="Join the states of shards.")
@_STATE
@click.argument("states", nargs=-1, required=True, metavar="STATE...", type=PATH)
def merge(*, state: str, states: tuple[str, ...]) -> int:
    """Join states into the one given with --state, such as those of all shards.

    Of a repository that several states have, the latest result counts. A shard that is missing
    is a gap in the report.
    """
    merge_states(state, states)
    with Store.open(state) as store:
        return print_report(StoredResult(store), "text", ReportOptions())
