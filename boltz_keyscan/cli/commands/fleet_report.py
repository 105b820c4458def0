"""``boltz-keyscan fleet status|report|merge``: read and join the results of fleet scans."""

from __future__ import annotations

import os

import click

from boltz_keyscan.cli.groups import CommandWithExamples
from boltz_keyscan.cli.options import CommandWithOptions, option, shared
from boltz_keyscan.cli.output import write_stdout
from boltz_keyscan.cli.parameters import ANY_FILE, FOLDER, PATH, format_of
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fleet.result import StoredResult
from boltz_keyscan.fleet.store import Store
from boltz_keyscan.fleet.store import merge as merge_states
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.fleet import FleetResult, RepositoryEntry
from boltz_keyscan.records import dataclass
from boltz_keyscan.report import FLEET_REPORTERS, ReportOptions
from boltz_keyscan.report.fleet_text import describe_coverage
from boltz_keyscan.report.wording import size
from boltz_keyscan.report.writer import write_report, write_stream

_PER_REPOSITORY = ("sarif",)
"""Formats with a file for each repository."""

_UNSAFE = late_pattern(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class FleetReportOptions:
    """Options of a report of a fleet."""

    state: str = option("--state", **FOLDER, help="Folder of the results.", required=True)
    format_: str = option(
        "--format",
        **format_of((*FLEET_REPORTERS, *_PER_REPOSITORY)),
        help="Format of the report; sarif is a file for each repository.",
    )
    output: str | None = option("--output", **ANY_FILE, help="Write it to FILE; for sarif, to a folder.")
    require_complete: bool = shared("require_complete")
    show_placeholders: bool = shared("show_placeholders")
    verbose: bool = shared("verbose")


@click.command(
    "report",
    cls=CommandWithOptions,
    options=FleetReportOptions,
    short_help="Report the keys of all repositories.",
)
def report(*, options: FleetReportOptions) -> int:
    """Report what was scanned and what was not, and then each key with all its repositories."""
    name, output = options.format_, options.output
    with Store.open_copy(options.state) as store:
        result = StoredResult(store, require_complete=options.require_complete)
        view = ReportOptions(show_placeholders=options.show_placeholders, verbosity=int(options.verbose))
        if name in _PER_REPOSITORY:
            if output is None:
                raise KeyscanError(f"{name} is a file for each repository", "Name a folder with --output.")
            os.makedirs(output, exist_ok=True)
            for entry, found in result.scan_results():
                write_report(name, os.path.join(output, f"{_file_name(entry)}.{name}"), found, view)
        elif output is not None:
            write_stream(name, output, lambda stream: FLEET_REPORTERS.load(name)(result, stream, view))
        else:
            return print_report(result, name, view)
        return result.exit_code


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


_STATE = click.option("--state", **FOLDER, help="Folder of the results.", required=True)


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
