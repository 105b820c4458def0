"""``boltz-keyscan keys usage``: what was done in the workspaces since a leak."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import click

from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.listing import FetchedListing, Workspace, workspaces
from boltz_keyscan.api.usage import fetch_jobs, fetch_usage
from boltz_keyscan.audit.usage_anomalies import find_anomalies, make_series
from boltz_keyscan.cli import safe_output
from boltz_keyscan.cli.api_options import ApiCommand, ApiOptions, fetch_listing, open_connection, read_report
from boltz_keyscan.cli.options import option
from boltz_keyscan.cli.parameters import FILE, format_of
from boltz_keyscan.cli.progress import Progress
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import KeyType
from boltz_keyscan.model.usage import KeyUse, Period, Unit, Usage
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report import USAGE_REPORTERS
from boltz_keyscan.triage.inventory import SKEW
from boltz_keyscan.triage.key_record import Record, RecordError, identifier

_DEFAULT_DAYS = 7
_DAYS_BEFORE = (7, 30)
"""Fewest and most days before the leak that are compared; within them as many as since it."""

_MAX_DAYS = {Unit.HOUR: 366, Unit.DAY: 1826}
_MAX_DAYS_BY_HOUR = 14
"""Days since the leak up to which hours are shown, if no unit is given."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """The leak: its time, the keys, and the workspaces."""

    since: datetime
    workspace_ids: tuple[str, ...]
    """Workspaces that the user named."""
    leaked: Mapping[str, str] = field(default_factory=dict)
    """``yes`` or ``maybe`` by key."""
    unproved: bool = False
    """True if the report has keys that were not identified."""


@dataclass(frozen=True, slots=True)
class UsageOptions:
    """Options of a report of usage."""

    since: str | None = option(
        "--since",
        help=f"Time of the leak: 2026-05-03, or 2026-05-03T10:00Z. Default: {_DEFAULT_DAYS} days ago.",
        metavar="DATE",
    )
    from_report: str | None = option(
        "--from-report", **FILE, help="Take time, keys and workspaces from a scan's JSON report."
    )
    workspace_ids: tuple[str, ...] = option(
        "--workspace", help="Only this workspace; may be repeated.", metavar="ID", multiple=True
    )
    by: str | None = option(
        "--by",
        help=f"Show hours or days. Default: hours for a leak of the last {_MAX_DAYS_BY_HOUR} days.",
        type=click.Choice([each.value for each in Unit]),
    )
    format_: str = option("--format", **format_of(USAGE_REPORTERS), help="Format of the report.")
    output: str | None = option("--output", **FILE, help="Write the report to FILE instead of stdout.")


@click.command("usage", cls=ApiCommand, options=UsageOptions, short_help="Show the usage since a leak.")
def usage(*, api: ApiOptions, options: UsageOptions) -> int:
    """Show the usage and the jobs of the organisation since a leak.

    The usage of each workspace and application is shown beside the days before, with what
    differs from them. The API counts by workspace, not by key. Exits with 3 if something
    is missing.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    scope = _scope(options, now)
    period = _period(scope.since, now, Unit(options.by) if options.by else None)
    with open_connection(api) as connection:
        done = _ask(connection, scope, period)
    report = USAGE_REPORTERS.load(options.format_)
    safe_output.write_report(lambda stream: report(done, stream), options.output)
    return done.exit_code


def _scope(options: UsageOptions, now: datetime) -> _Scope:
    since, path = options.since, options.from_report
    if since is not None and path is not None:
        raise KeyscanError("--since and --from-report both give the time of the leak", "Give one of them.")
    try:
        ids = tuple(dict.fromkeys(identifier(each, "--workspace") for each in options.workspace_ids))
    except RecordError:
        raise KeyscanError("--workspace is not the id of a workspace", "See 'keys list'.") from None
    if path is None:
        default = now - timedelta(days=_DEFAULT_DAYS)
        return _Scope(default if since is None else _parse_since(since), ids)
    report = read_report(path)
    if not report.api_keys:
        but = ", and share links cost nothing" if report.links else ""
        raise KeyscanError(f"{redacted(path)} has no key{but}", "Give --since DATE.")
    if report.first_seen is None:
        raise KeyscanError(
            f"no key in {redacted(path)} has a date: none is in a commit, or the history is incomplete",
            "Give --since DATE, and --workspace ID.",
        )
    return _Scope(report.first_seen, ids, report.leaked_ids, report.unproved > 0)


def _parse_since(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
        if "T" not in text and " " not in text:
            return when.replace(tzinfo=UTC)
        if when.tzinfo is not None:
            return when.astimezone(UTC)
    except (ValueError, OverflowError):
        raise KeyscanError(
            "--since is not a date", "Give a day such as 2026-05-03, or a time such as 2026-05-03T10:00Z."
        ) from None
    raise KeyscanError("--since is a time without a zone", "Add Z for UTC, or an offset such as +02:00.")


def _period(since: datetime, now: datetime, by: Unit | None) -> Period:
    """Return the period from a leak to now, and the days before it.

    Raises:
        KeyscanError: the leak is in the future, or too long ago.
    """
    if since > now + SKEW:
        raise KeyscanError(
            f"the leak is in the future: {since:%Y-%m-%d %H:%M} UTC; the clock of a commit may be wrong",
            "Give --since DATE.",
        )
    days = max((now - since).days, 0)
    unit = by or (Unit.HOUR if days < _MAX_DAYS_BY_HOUR else Unit.DAY)
    if days > _MAX_DAYS[unit]:
        more = "Give --by day." if unit is Unit.HOUR else "Give a later --since DATE."
        raise KeyscanError(
            f"the leak is more than {_MAX_DAYS[unit]:,} days ago: {since:%Y-%m-%d}, the limit by {unit}", more
        )
    since = min(since, now).replace(minute=0, second=0, microsecond=0)
    if unit is Unit.DAY:
        since = since.replace(hour=0)
    fewest, most = _DAYS_BEFORE
    return Period(since - timedelta(days=min(max(days, fewest), most)), since, now, unit)


def _workspaces(
    scope: _Scope, found: FetchedListing, spaces: Sequence[Workspace], *, whole: bool
) -> tuple[str, ...]:
    """Return the ids of the workspaces of a leak; empty for the whole organisation.

    Raises:
        KeyscanError: a workspace that was given does not exist.
    """
    if scope.workspace_ids:
        missing = set(scope.workspace_ids) - {each.id for each in spaces}
        if missing and whole:
            raise KeyscanError(
                f"the organisation has no workspace {min(missing)}",
                "See the column WORKSPACE of 'keys list'.",
            )
        return scope.workspace_ids
    records = {record.id: record for record in found.listing.records}
    proved = [records.get(name) for name, word in scope.leaked.items() if word == "yes"]
    ids = {record.workspace_id for record in proved if record is not None and record.workspace_id is not None}
    # Only keys of known workspaces narrow it: an admin key, or an unknown one, can be used in all.
    narrow = (
        proved
        and not scope.unproved
        and all(
            record is not None and record.key_type is KeyType.WORKSPACE and record.workspace_id
            for record in proved
        )
    )
    return tuple(sorted(ids)) if narrow else ()


def _ask(connection: Connection, scope: _Scope, period: Period) -> Usage:
    found = fetch_listing(connection)
    spaces, failure = workspaces(connection, redacted)
    trouble = [f"keys: {found.failure.detail}"] if found.failure else []
    trouble += [f"workspaces: {failure.detail}"] if failure else []
    asked = _workspaces(scope, found, spaces, whole=not trouble)
    with Progress("asking the Boltz API") as progress:
        buckets, usage_trouble = fetch_usage(connection, period, asked, progress.show)
        series = make_series(buckets, period)
        # Those with usage first: the time may not suffice for all.
        busy = [each.workspace_id for each in series if each.since and each.workspace_id is not None]
        ordered = dict.fromkeys([*busy, *(asked or (each.id for each in spaces))])
        jobs, unlisted, jobs_trouble = fetch_jobs(connection, tuple(ordered), period.since, progress.show)
    trouble += filter(None, (usage_trouble, jobs_trouble))
    return Usage(
        found.listing.organisation,
        period.end,
        period,
        asked,
        {each.id: each.name for each in spaces if each.name},
        series,
        find_anomalies(series, period),
        _key_uses(found.listing.records, period.since, asked, scope.leaked),
        tuple(sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)),
        unlisted,
        tuple(trouble),
    )


def _key_uses(
    records: Sequence[Record], since: datetime, asked: Collection[str], leaked: Mapping[str, str]
) -> tuple[KeyUse, ...]:
    used = [
        KeyUse(
            record.id,
            record.name,
            f"{record.key_type} {record.mode}",
            record.workspace_id,
            record.last_used_at,
            leaked.get(record.id),
        )
        for record in records
        if record.last_used_at is not None
        and record.last_used_at >= since
        and (not asked or record.workspace_id is None or record.workspace_id in asked)
    ]
    return tuple(sorted(used, key=lambda use: (use.last_used_at, use.id), reverse=True))
