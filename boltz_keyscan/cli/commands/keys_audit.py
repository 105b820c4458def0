"""``boltz-keyscan keys audit``: hygiene of keys that have not leaked."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from boltz_keyscan.api.listing import Fetched, Workspace, workspaces
from boltz_keyscan.audit import local as local_audit
from boltz_keyscan.audit import organisation
from boltz_keyscan.audit.organisation import Limits
from boltz_keyscan.cli import safe_output
from boltz_keyscan.cli.api_options import ApiCommand, ApiOptions, fetch_listing, open_connection
from boltz_keyscan.cli.local_audit import DEFAULT_BUDGET_GIB, Examined, examine_machine
from boltz_keyscan.cli.options import Format
from boltz_keyscan.errors import KeyscanError, OutputError
from boltz_keyscan.model.audit import Audit, Check
from boltz_keyscan.model.enums import ExitCode, Severity
from boltz_keyscan.records import replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report import AUDIT_REPORTERS, json_reader, load_audit
from boltz_keyscan.report.writer import write_text
from boltz_keyscan.sources.trusted_files import read_whole_file
from boltz_keyscan.triage.key_record import stamp

_LIMITS = Limits()
_DAYS = click.IntRange(0, 36500)


@click.command("audit", cls=ApiCommand, short_help="Check the keys for bad hygiene.")
@click.option("--local", is_flag=True, help="Check how keys are kept on this machine. Sends nothing.")
@click.option(
    "--history", is_flag=True, help="With --local: also search transcripts of agents, histories and logs."
)
@click.option(
    "--budget",
    type=click.IntRange(1),
    metavar="GIB",
    default=DEFAULT_BUDGET_GIB,
    show_default=True,
    help="With --history: search the newest GIB gibibytes.",
)
@click.option(
    "--with-report", type=click.Path(), metavar="FILE", help="Mark the keys that a scan's JSON report found."
)
@click.option(
    "--format",
    "format_",
    type=Format(list(AUDIT_REPORTERS)),
    default="text",
    show_default=True,
    help="Format of the audit.",
)
@click.option(
    "--output", type=click.Path(), metavar="FILE", help="Write the audit to FILE instead of stdout."
)
@click.option(
    "--fail-on",
    type=click.Choice([each.value for each in Severity if each is not Severity.NOTE] + ["never"]),
    default=Severity.HIGH.value,
    show_default=True,
    help="Exit 1 on concerns of this severity or higher.",
)
@click.option(
    "--expires-soon",
    type=_DAYS,
    metavar="DAYS",
    default=_LIMITS.expires_soon,
    show_default=True,
    help="Report keys that expire within DAYS.",
)
@click.option(
    "--max-age",
    type=_DAYS,
    metavar="DAYS",
    default=_LIMITS.oldest,
    show_default=True,
    help="Report keys older than DAYS.",
)
@click.option(
    "--max-idle",
    type=_DAYS,
    metavar="DAYS",
    default=_LIMITS.unused,
    show_default=True,
    help="Report keys not used for DAYS.",
)
@click.option(
    "--max-admin-keys",
    type=click.IntRange(0),
    metavar="N",
    default=_LIMITS.admin_keys,
    show_default=True,
    help="Report more than N live admin keys.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show every concern.")
def audit(
    *,
    api: ApiOptions,
    local: bool,
    history: bool,
    budget: int,
    with_report: str | None,
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
    keys, keys of archived workspaces, and more, each with a reason and a remedy.
    """
    safe_output.install()
    if local and with_report:
        raise KeyscanError("--with-report is about the organisation's keys", "Leave out --local.")
    if history and not local:
        raise KeyscanError("--history is about this machine", "Add --local.")
    if local:
        done = _local(fail_on, examine_machine(budget << 30 if history else None))
    else:
        limits = Limits(expires_soon, max_age, max_idle, admin_keys=max_admin_keys)
        done = _organisation(api, limits, _leaked_ids(with_report), fail_on)
    _write(done, format_, output, verbose=verbose)
    return done.exit_code


def _leaked_ids(path: str | None) -> dict[str, str]:
    if path is None:
        return {}
    report = json_reader.read(redacted(path), read_whole_file(os.fsencode(path)))
    return dict.fromkeys(report.possible_ids, "maybe") | dict.fromkeys(report.proved_ids, "yes")


def _organisation(options: ApiOptions, limits: Limits, leaked: dict[str, str], fail_on: str) -> Audit:
    with open_connection(options) as connection:
        found = fetch_listing(connection)
        spaces, failure = workspaces(connection, redacted)
    trouble = [f"keys: {found.failure.detail}"] if found.failure else []
    if failure is not None:
        trouble.append(f"workspaces, so keys of archived ones are not known: {failure.detail}")
    audit_input = _audit_input(found, spaces, limits, leaked)
    concerns = organisation.examine(audit_input)
    checks = tuple(check for check, _ in organisation.CHECKS)
    listing = found.listing
    return _with_exit_code(
        Audit(
            "organisation",
            listing.organisation,
            stamp(listing.taken_at),
            len(audit_input.records),
            checks,
            concerns,
            not trouble,
            tuple(trouble),
            ExitCode.CLEAN,
        ),
        fail_on,
    )


def _audit_input(
    found: Fetched, spaces: Sequence[Workspace], limits: Limits, leaked: dict[str, str]
) -> organisation.AuditInput:
    now = datetime.now(UTC)
    return organisation.AuditInput(
        now,
        tuple(each for each in found.listing.records if each.live(now)),
        {each.id: each.name for each in spaces if each.archived},
        leaked,
        limits,
    )


def _local(fail_on: str, examined: Examined) -> Audit:
    return _with_exit_code(
        Audit(
            "local",
            None,
            stamp(datetime.now(UTC)),
            examined.number,
            local_audit.CHECKS,
            examined.concerns,
            not examined.trouble,
            examined.trouble,
            ExitCode.CLEAN,
        ),
        fail_on,
    )


def _with_exit_code(done: Audit, fail_on: str) -> Audit:
    """Return the audit with its exit code: 1 for a failing concern, even in an incomplete audit."""
    failing = fail_on != "never" and any(_counts(each.check, Severity(fail_on)) for each in done.concerns)
    code = ExitCode.BLOCKING if failing else ExitCode.CLEAN if done.complete else ExitCode.INCOMPLETE
    return replace(done, exit_code=code)


def _counts(check: Check, least: Severity) -> bool:
    return check.severity.rank <= least.rank


def _write(done: Audit, format_: str, output: str | None, *, verbose: bool) -> None:
    report = load_audit(format_)
    if output is None:
        report(done, sys.stdout, verbose)
        return
    text = io.StringIO()
    report(done, text, verbose)
    try:
        write_text(output, safe_output.clean(text.getvalue()))
    except OSError as error:
        raise OutputError(
            f"cannot write {redacted(output)}: {error.strerror}", "Name a file that you may write."
        ) from error
