"""Usage and jobs of the organisation since a time.

API errors do not raise: what was received is returned with the reason that the rest is missing. The API
counts usage by workspace and application; it does not say which key caused it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.errors import Failure
from boltz_keyscan.api.pagination import PAGE_ITEMS, Progress, collect
from boltz_keyscan.model.usage import Bucket, Job, Period, Unit
from boltz_keyscan.triage.key_record import RecordError, identifier, read_flag, read_time

MAX_WINDOW = {Unit.HOUR: timedelta(days=31), Unit.DAY: timedelta(days=365)}
"""Longest time of one request by length of the buckets (``UsageListParams.window_size`` of the SDK)."""

MAX_QUANTITY = 2**53 - 1
"""Largest quantity. The API uses this number for "unlimited", so it is no quantity itself."""

JOB_KINDS = {
    "predictions.structure_and_binding": "structure_and_binding",
    "predictions.adme": "adme",
    "protein.design": "protein_design",
    "protein.sequence_redesign": "protein_redesign",
    "protein.library_screen": "protein_library_screen",
    "small_molecule.design": "small_molecule_design",
    "small_molecule.library_screen": "small_molecule_library_screen",
}
"""Resources of the SDK that list jobs, with the name of their application in the usage."""

UNLISTED = ("small_molecule_explore",)
"""Applications for which the API has no list of jobs (``small_molecule.explore`` of the SDK)."""

_WORD = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


def fetch_usage(
    connection: Connection,
    period: Period,
    workspace_ids: Sequence[str],
    progress: Progress = lambda _: None,
) -> tuple[tuple[Bucket, ...], str]:
    """Return the usage of a period, and the reason that some of it may be missing; empty if none is.

    Args:
        connection: connection with an admin key.
        period: the time; it is split into the longest windows that the API allows.
        workspace_ids: workspaces; empty for all.
        progress: called after each page with the number of buckets so far.
    """
    buckets: list[Bucket] = []
    seen: set[tuple[datetime, str | None, str | None]] = set()
    query: dict[str, Any] = {"window_size": period.unit.name, "group_by": ["workspace_id", "application"]}
    query |= {"workspace_ids": list(workspace_ids)} if workspace_ids else {}
    for start, end in windows(period):
        fetch = partial(connection.usage, starting_at=start, ending_at=end, **query)
        take = partial(_take_bucket, period=period, start=start, end=end, seen=seen)
        found = collect(fetch, take, partial(_add_to, progress, len(buckets)), by_cursor=True)
        buckets += found.items
        if found.failure is not None:
            return tuple(buckets), _explain(found.failure)
    return tuple(buckets), ""


def _add_to(progress: Progress, done: int, number: int) -> None:
    progress(done + number)


def _take_bucket(
    value: object,
    period: Period,
    start: datetime,
    end: datetime,
    seen: set[tuple[datetime, str | None, str | None]],
) -> Bucket:
    bucket = _bucket(value)
    if not start - period.unit.length < bucket.start < end:
        raise RecordError("a bucket is outside the requested time")
    place = (bucket.start, bucket.workspace_id, bucket.application)
    if place in seen:
        raise RecordError("the same bucket twice")
    seen.add(place)
    return bucket


def windows(period: Period) -> Iterator[tuple[datetime, datetime]]:
    """Yield the start and end of each request for a period, oldest first."""
    start = period.start
    while start < period.end:
        end = min(start + MAX_WINDOW[period.unit], period.end)
        yield start, end
        start = end


def fetch_jobs(
    connection: Connection,
    workspace_ids: Sequence[str],
    since: datetime,
    progress: Progress = lambda _: None,
) -> tuple[tuple[Job, ...], tuple[str, ...], str]:
    """Return the jobs since a time, what the API does not list, and the reason that some may be missing.

    Args:
        connection: connection with an admin key.
        workspace_ids: workspaces, the most important one first: the time may not suffice for all.
        since: jobs before it are left out.
        progress: called after each page with the number of jobs so far.
    """
    jobs: list[Job] = []
    unlisted = list(UNLISTED)
    for workspace_id in workspace_ids:
        for kind, application in JOB_KINDS.items():
            fetch = partial(_fetch_jobs, connection, kind, workspace_id, since)
            take = partial(_job, application=application)
            found = collect(fetch, take, partial(_add_to, progress, len(jobs)))
            jobs += (job for job in found.items if job.created_at >= since)
            if found.failure is not None and found.failure.reason in {"not-found", "forbidden"}:
                unlisted.append(f"{application} in {workspace_id}")
            elif found.failure is not None:
                return tuple(jobs), tuple(unlisted), f"jobs of {application}: {found.failure.detail}"
    return tuple(jobs), tuple(unlisted), ""


def _fetch_jobs(
    connection: Connection, kind: str, workspace_id: str, since: datetime, after: str | None
) -> Mapping[str, object]:
    """Return a page of jobs, as the last one if no job of the pages after it is wanted."""
    page = connection.jobs(kind, workspace_id, after)
    return {**page, "has_more": False} if _ends_before(page, since) else page


def _ends_before(page: Mapping[str, object], since: datetime) -> bool:
    """Return True if a full page lists jobs newest first, and its last one is before a time.

    The order of jobs is not documented, so a page in any other order ends nothing.
    """
    data = page.get("data")
    if not isinstance(data, list) or len(data) < PAGE_ITEMS or page.get("has_more") is not True:
        return False
    try:
        times = [read_time(value, "created_at") for value in data if isinstance(value, Mapping)]
    except RecordError:
        return False
    return times == sorted(times, reverse=True) and times[-1] < since


def _explain(failure: Failure) -> str:
    """Return the reason that usage is missing, in words that fit usage."""
    if failure.reason == "forbidden":
        return "usage: the API does not show it to this key (403); see the Boltz console"
    if failure.reason == "not-found":
        return (
            "usage: the API has none for this organisation (404): the feature is off; see the Boltz console"
        )
    return f"usage: {failure.detail}"


def _bucket(value: object) -> Bucket:
    if not isinstance(value, Mapping):
        raise RecordError("a bucket is not an object")
    start, end = read_time(value, "start_time"), read_time(value, "end_time")
    if end <= start:
        raise RecordError("a bucket ends before it starts")
    workspace = value.get("workspace_id")
    application = value.get("application")
    return Bucket(
        start,
        None if workspace is None else identifier(workspace, "workspace_id"),
        None if application is None else _word(application, "application"),
        whole_number(value.get("quantity"), "quantity"),
    )


def whole_number(value: object, field: str) -> int:
    """Check a quantity of the API.

    Raises:
        RecordError: it is not a whole number, is negative, or larger than any quantity.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise RecordError(f"{field} is not a whole number")
    if value < 0:
        raise RecordError(f"{field} is negative")
    if value >= MAX_QUANTITY:
        raise RecordError(f"{field} is 2^53 - 1 or more, which is no quantity")
    return value


def _job(value: object, application: str) -> Job:
    if not isinstance(value, Mapping):
        raise RecordError("a job is not an object")
    live = read_flag(value, "livemode")
    return Job(
        identifier(value.get("id"), "id"),
        application,
        identifier(value.get("workspace_id"), "workspace_id"),
        read_time(value, "created_at"),
        _word(value.get("status"), "status"),
        live,
    )


def _word(value: object, field: str) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise RecordError(f"{field} is not a word")
    return value
