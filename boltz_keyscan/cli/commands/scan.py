"""``boltz-keyscan [PATH]...``: scan files and history."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from boltz_keyscan.cli.messages import report_line
from boltz_keyscan.cli.options import ScanOptions
from boltz_keyscan.cli.output import check_distinct, emit, report_options
from boltz_keyscan.cli.resolve import ResolvedOptions, ScanCommand
from boltz_keyscan.cli.scanning import plan_scan, run_scan
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.plan import STDIN
from boltz_keyscan.records import replace
from boltz_keyscan.sanitize import harmless
from boltz_keyscan.sources.git.repo.repository import find_root

if TYPE_CHECKING:
    from boltz_keyscan.key_status import StatusCheck
    from boltz_keyscan.report import Reporter


_ADDRESS = "boltz_keyscan.address"
"""Name of the fetched repository in the context."""


class ScanOrFetchCommand(ScanCommand):
    """Command whose path may be the address of a repository."""

    def invoke(self, ctx: click.Context) -> object:
        """Fetch the repository, if an address was given, and scan it in place of a path."""
        paths = ctx.params["paths"]
        if not any(":" in path for path in paths):
            return super().invoke(ctx)
        from boltz_keyscan.cli.address_scan import fetch_address  # noqa: PLC0415 - few scans fetch

        with fetch_address(paths) as fetched:
            if fetched is not None:
                _adapt(ctx.params, fetched.folder)
                ctx.meta[_ADDRESS] = fetched
            return super().invoke(ctx)


def _adapt(params: dict[str, Any], folder: str) -> None:
    """Change the options for a repository that was fetched: it has a history only."""
    if params["no_history"] or params["staged"]:
        raise KeyscanError("an address has a history and no files", "Leave out --no-history and --staged.")
    params["paths"], params["no_cache"] = (folder,), True
    params["history_only"] = params["range_"] is None and params["since"] is None
    params["trust"] = params["trust"] or "none"


@click.command("scan", cls=ScanOrFetchCommand)
def scan(*, resolved: ResolvedOptions) -> int:
    """Find leaked Boltz API keys in files, and in the whole git history of repositories.

    PATH is a file, a folder, a repository, a git bundle, the https or ssh address of a
    repository, or - for standard input; the default is the current folder. Submodules and
    bundles in it are scanned too, with their history. To scan a path that is named like a
    command, put ./ before it: ./hook.
    """
    options = resolved.options
    if options.quiet and options.verbose:
        raise KeyscanError("--quiet and --verbose contradict each other", "Give one of them.")
    plan = plan_scan(options)
    on_stdout = options.format_ if options.output is None else None
    files = [*options.reports, *([(options.format_, options.output)] if options.output is not None else [])]
    check_distinct([path for _, path in files], stdout=on_stdout is not None)
    suppressor = resolved.suppressor(unexposed=options.fail_on_unexposed)
    status_check, file_filter = _status_check(resolved)
    _note_history(options)
    result = run_scan(plan, resolved, suppressor, status_check)
    if (fetched := click.get_current_context().meta.get(_ADDRESS)) is not None:
        from boltz_keyscan.fleet.naming import rename_repository  # noqa: PLC0415 - few scans fetch

        result = rename_repository(result, fetched.folder, fetched.name)
    emit(result, on_stdout, files, replace(report_options(options), file_filter=file_filter))
    return result.exit_code


def _note_history(options: ScanOptions) -> None:
    """Report the repositories of which only a folder is scanned, as their history is not."""
    if options.quiet or options.no_history or options.history_only or options.staged or options.commits:
        return
    for path in options.paths:
        folder = os.path.realpath(os.fsencode(path))
        root = find_root(folder) if path != STDIN and os.path.isdir(folder) else None
        if root is not None and root != folder:
            top = shlex.quote(os.path.relpath(os.fsdecode(root)))
            report_line(
                f"note: {harmless(path)} is a folder of a repository: its files are scanned, the history is "
                f"not; 'boltz-keyscan {harmless(top)}' scans both"
            )


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
