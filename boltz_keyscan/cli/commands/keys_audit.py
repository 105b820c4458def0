"""``boltz-keyscan keys audit``: hygiene of keys that have not leaked."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import click

from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.listing import FetchedListing, workspaces
from boltz_keyscan.api.spending import fetch_cli_version, fetch_limits, fetch_recent_usage
from boltz_keyscan.audit import organisation
from boltz_keyscan.audit.organisation import Limits
from boltz_keyscan.cli import safe_output
from boltz_keyscan.cli.api_options import ApiCommand, ApiOptions, fetch_listing, open_connection, read_report
from boltz_keyscan.cli.local_audit import DEFAULT_BUDGET_GIB, examine_machine
from boltz_keyscan.cli.options import flag, option
from boltz_keyscan.cli.parameters import FILE, format_of
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.audit import Audit
from boltz_keyscan.model.enums import ExitCode, Mode, Severity
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report import AUDIT_REPORTERS, json_reader
from boltz_keyscan.sources.trusted_files import read_whole_file
from boltz_keyscan.triage import inventory
from boltz_keyscan.triage.inventory import Listing
from boltz_keyscan.triage.key_record import stamp
from boltz_keyscan.workers.programs import read_version

_LIMITS = Limits()


def _days(name: str, default: int, help_text: str) -> Any:  # noqa: ANN401 - the value of a field of any type
    days = click.IntRange(0, 36500)
    return option(name, help=help_text, type=days, metavar="DAYS", default=default)


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """Options of an audit of keys."""

    local: bool = flag("--local", help="Check how keys are kept on this machine. Sends nothing.")
    history: bool = flag(
        "--history", help="With --local: also search transcripts of agents, histories and logs."
    )
    budget: int = option(
        "--budget",
        help="With --history: search the newest GIB gibibytes.",
        type=click.IntRange(1),
        metavar="GIB",
        default=DEFAULT_BUDGET_GIB,
    )
    with_report: str | None = option(
        "--with-report", **FILE, help="Mark the keys that a scan's JSON report found."
    )
    against: str | None = option(
        "--against",
        **FILE,
        help="Report keys that are new, wider or longer-lived than in a file of 'keys snapshot'.",
    )
    format_: str = option("--format", **format_of(AUDIT_REPORTERS), help="Format of the audit.")
    output: str | None = option("--output", **FILE, help="Write the audit to FILE instead of stdout.")
    fail_on: str = option(
        "--fail-on",
        help="Exit 1 on concerns of this severity or higher.",
        type=click.Choice([*(each.value for each in Severity if each is not Severity.NOTE), "never"]),
        default=Severity.HIGH.value,
    )
    expires_soon: int = _days("--expires-soon", _LIMITS.expires_soon, "Report keys that expire within DAYS.")
    max_age: int = _days("--max-age", _LIMITS.oldest, "Report keys older than DAYS.")
    max_idle: int = _days("--max-idle", _LIMITS.unused, "Report keys not used for DAYS.")
    max_admin_keys: int = option(
        "--max-admin-keys",
        help="Report more than N live admin keys.",
        type=click.IntRange(0),
        metavar="N",
        default=_LIMITS.admin_keys,
    )
    verbose: bool = flag("-v", "--verbose", help="Show every concern.")

    @property
    def limits(self) -> Limits:
        """The thresholds of the checks."""
        return Limits(self.expires_soon, self.max_age, self.max_idle, admin_keys=self.max_admin_keys)


@click.command("audit", cls=ApiCommand, options=AuditOptions, short_help="Check the keys for bad hygiene.")
def audit(*, api: ApiOptions, options: AuditOptions) -> int:
    """Check the keys of the organisation, or with --local the keys on this machine.

    Reports keys that never expire, are old, unused or work from everywhere, too many admin
    keys, workspaces without a spending limit, and more, each with a reason and a remedy.
    """
    if options.local:
        done = examine_machine(options.budget << 30 if options.history else None)
    else:
        report = read_report(options.with_report) if options.with_report is not None else None
        done = _organisation(api, options.limits, report, _read_older(options.against))
    done = _with_exit_code(done, options.fail_on)
    reporter = AUDIT_REPORTERS.load(options.format_)
    safe_output.write_report(lambda stream: reporter(done, stream, options.verbose), options.output)
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
        tuple(trouble),
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
