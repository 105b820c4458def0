"""``boltz-keyscan keys audit``: hygiene of keys that have not leaked."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import click

from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.listing import FetchedListing, workspaces
from boltz_keyscan.api.spending import fetch_cli_version, fetch_limits, fetch_recent_usage
from boltz_keyscan.audit import organisation
from boltz_keyscan.audit.organisation import Limits
from boltz_keyscan.cli import safe_output
from boltz_keyscan.cli.api_options import ApiCommand, ApiOptions, fetch_listing, open_connection, read_report
from boltz_keyscan.cli.local_audit import DEFAULT_BUDGET_GIB, examine_machine
from boltz_keyscan.cli.parameters import Decorator, choice_option, file_option, format_option, number_option
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.audit import Audit
from boltz_keyscan.model.enums import ExitCode, Mode, Severity
from boltz_keyscan.records import replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report import AUDIT_REPORTERS, json_reader
from boltz_keyscan.sources.trusted_files import read_whole_file
from boltz_keyscan.triage import inventory
from boltz_keyscan.triage.inventory import Listing
from boltz_keyscan.triage.key_record import stamp
from boltz_keyscan.workers.programs import read_version

_LIMITS = Limits()


def _days_option(name: str, default: int, help_text: str) -> Decorator:
    return number_option(name, click.IntRange(0, 36500), "DAYS", default, help_text)


@click.command("audit", cls=ApiCommand, short_help="Check the keys for bad hygiene.")
@click.option("--local", is_flag=True, help="Check how keys are kept on this machine. Sends nothing.")
@click.option(
    "--history", is_flag=True, help="With --local: also search transcripts of agents, histories and logs."
)
@number_option(
    "--budget",
    click.IntRange(1),
    "GIB",
    DEFAULT_BUDGET_GIB,
    "With --history: search the newest GIB gibibytes.",
)
@file_option("--with-report", "Mark the keys that a scan's JSON report found.")
@file_option(
    "--against", "Report keys that are new, wider or longer-lived than in a file of 'keys snapshot'."
)
@format_option(AUDIT_REPORTERS, "Format of the audit.")
@file_option("--output", "Write the audit to FILE instead of stdout.")
@choice_option(
    "--fail-on",
    (*(each.value for each in Severity if each is not Severity.NOTE), "never"),
    Severity.HIGH.value,
    "Exit 1 on concerns of this severity or higher.",
)
@_days_option("--expires-soon", _LIMITS.expires_soon, "Report keys that expire within DAYS.")
@_days_option("--max-age", _LIMITS.oldest, "Report keys older than DAYS.")
@_days_option("--max-idle", _LIMITS.unused, "Report keys not used for DAYS.")
@number_option(
    "--max-admin-keys", click.IntRange(0), "N", _LIMITS.admin_keys, "Report more than N live admin keys."
)
@click.option("-v", "--verbose", is_flag=True, help="Show every concern.")
def audit(
    *,
    api: ApiOptions,
    local: bool,
    history: bool,
    budget: int,
    with_report: str | None,
    against: str | None,
    format_: str,
    output: str | None,
    fail_on: str,
    expires_soon: int,
    max_age: int,
    max_idle: int,
    max_admin_keys: int,
    verbose: bool,
) -> int:
    """Check the keys of the organisation, or with --local the keys on this machine.

    Reports keys that never expire, are old, unused or work from everywhere, too many admin
    keys, workspaces without a spending limit, and more, each with a reason and a remedy.
    """
    if local:
        done = examine_machine(budget << 30 if history else None)
    else:
        limits = Limits(expires_soon, max_age, max_idle, admin_keys=max_admin_keys)
        report = read_report(with_report) if with_report is not None else None
        done = _organisation(api, limits, report, _read_older(against))
    done = _with_exit_code(done, fail_on)
    reporter = AUDIT_REPORTERS.load(format_)
    safe_output.write_report(lambda stream: reporter(done, stream, verbose), output)
    return done.exit_code


def _read_older(path: str | None) -> Listing | None:
    if path is None:
        return None
    older = inventory.read(redacted(path), read_whole_file(os.fsencode(path)), redacted)
    if older.taken_at > datetime.now(UTC) + inventory.SKEW:
        raise KeyscanError(
            f"{redacted(path)} is from the future: {stamp(older.taken_at)}",
            "Compare with an older snapshot; one of the clocks is wrong.",
        )
    return older


def _organisation(
    options: ApiOptions,
    limits: Limits,
    report: json_reader.Report | None,
    older: Listing | None,
) -> Audit:
    with open_connection(options) as connection:
        found = fetch_listing(connection)
        trouble = [f"keys: {found.failure.detail}"] if found.failure else []
        audit_input = _audit_input(connection, found, limits, report, trouble)
    listing = found.listing
    if older is not None:
        _check_comparable(older, listing)
        if not older.complete:
            trouble.append("the older snapshot is not complete, so a new key may be an old one")
        older_records = {record.id: record for record in older.records}
        audit_input = replace(audit_input, older=older_records, older_at=older.taken_at)
    return Audit(
        "organisation",
        listing.organisation,
        stamp(listing.taken_at),
        len(audit_input.records),
        tuple(organisation.CHECKS.values()),
        organisation.examine(audit_input),
        not trouble,
        tuple(trouble),
        ExitCode.CLEAN,
    )


def _check_comparable(older: Listing, listing: Listing) -> None:
    known = {older.organisation, listing.organisation} - {None}
    if len(known) > 1:
        raise KeyscanError(
            f"the older snapshot is of {older.organisation}, and the keys are of {listing.organisation}",
            "Compare snapshots of one organisation.",
        )


def _audit_input(
    connection: Connection,
    found: FetchedListing,
    limits: Limits,
    report: json_reader.Report | None,
    trouble: list[str],
) -> organisation.AuditInput:
    """Return what is checked; adds the reasons that something is not known to ``trouble``."""
    now = datetime.now(UTC)
    records = tuple(each for each in found.listing.records if each.live(now))
    spaces, failure = workspaces(connection, redacted)
    if failure is not None:
        trouble.append(f"workspaces, so keys of archived ones are not known: {failure.detail}")
    used = {each.workspace_id for each in records if each.workspace_id and each.mode is Mode.LIVE}
    spending, spending_trouble = fetch_limits(connection, sorted(used - {x.id for x in spaces if x.archived}))
    usage, usage_trouble = fetch_recent_usage(connection, now, limits.unused) if used else (None, "")
    installed = read_version("boltz-api")
    cli, cli_trouble = fetch_cli_version(connection, installed) if installed else (None, "")
    trouble += filter(None, (spending_trouble, usage_trouble, cli_trouble))
    return organisation.AuditInput(
        now,
        records,
        archived={each.id: each.name for each in spaces if each.archived},
        leaked=report.leaked_ids if report else {},
        limits=limits,
        first_seen=report.first_seen_by_id if report else {},
        own=found.own.key_id if found.own else None,
        names={each.id: each.name for each in spaces},
        spending=spending,
        usage=usage,
        cli=cli,
    )


def _with_exit_code(done: Audit, fail_on: str) -> Audit:
    """Return the audit with its exit code: 1 for a failing concern, even in an incomplete audit."""
    failing = fail_on != "never" and any(
        concern.check.severity.rank <= Severity(fail_on).rank for concern in done.concerns
    )
    code = ExitCode.BLOCKING if failing else ExitCode.CLEAN if done.complete else ExitCode.INCOMPLETE
    return replace(done, exit_code=code)
