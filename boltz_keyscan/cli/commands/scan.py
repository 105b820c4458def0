"""``boltz-keyscan [PATH]...``: scan files and history."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from boltz_keyscan.cli.output import check_distinct, emit, report_options
from boltz_keyscan.cli.resolve import ResolvedOptions, ScanCommand
from boltz_keyscan.cli.scanning import plan_scan, run_scan
from boltz_keyscan.errors import KeyscanError

if TYPE_CHECKING:
    from boltz_keyscan.key_status import StatusCheck
    from boltz_keyscan.report import Reporter


@click.command("scan", cls=ScanCommand)
def scan(*, resolved: ResolvedOptions) -> int:
    """Find leaked Boltz API keys in files, and in the whole git history of repositories.

    PATH is a file, a folder, a repository, a git bundle, or - for standard input; the
    default is the current folder. Submodules and bundles in it are scanned too, with their
    history. To scan a path that is named like a command, put ./ before it: ./hook.
    """
    options = resolved.options
    if options.quiet and options.verbose:
        raise KeyscanError("--quiet and --verbose contradict each other", "Give one of them.")
    plan = plan_scan(options)
    on_stdout = options.format_ if options.output is None else None
    files = [*options.reports, *([(options.format_, options.output)] if options.output is not None else [])]
    check_distinct([path for _, path in files], stdout=on_stdout is not None)
    suppressor = resolved.suppressor(unexposed=options.fail_on_unexposed)
    status_check, output_filter = _status_check(resolved)
    result = run_scan(plan, resolved, suppressor, status_check)
    emit(result, on_stdout, files, report_options(options), output_filter)
    return result.exit_code


def _status_check(
    resolved: ResolvedOptions,
) -> tuple[StatusCheck | None, Callable[[Reporter], Reporter]]:
    """Return the status check, if an option asks for one, and the filter of files after it."""
    options = resolved.options
    asked = (options.inventory, options.check, options.verify, options.require_api)
    if not any((*asked, options.api_key_file, options.api_base, options.proxy)):
        return None, lambda reporter: reporter
    from boltz_keyscan.cli.safe_output import filtered  # noqa: PLC0415 - few scans ask for a status
    from boltz_keyscan.cli.status_check import status_check  # noqa: PLC0415 - few scans ask for a status

    return status_check(resolved), filtered
