"""What the service on loopback has besides keys: usage, jobs, spending limits, the version of the CLI.

The forms are those of the SDK's models; ``tests/api/test_sdk.py`` holds them to it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

USAGE = "/compute/v1/admin/usage"
CLI = "/compute/v1/cli/version"
LIMIT = r"/compute/v1/admin/workspaces/([^/]+)/spending-limit"
JOBS = {
    "/compute/v1/predictions/structure-and-binding": "structure_and_binding",
    "/compute/v1/predictions/adme": "adme",
    "/compute/v1/protein/design": "protein_design",
    "/compute/v1/protein/sequence-redesign": "protein_redesign",
    "/compute/v1/protein/library-screen": "protein_library_screen",
    "/compute/v1/small-molecule/design": "small_molecule_design",
    "/compute/v1/small-molecule/library-screen": "small_molecule_library_screen",
}
UNLIMITED = 2**53 - 1
_WINDOWS = {"HOUR": (timedelta(hours=1), timedelta(days=31)), "DAY": (timedelta(days=1), timedelta(days=365))}


def stamp(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


PIPELINES = {
    "protein_design": ("boltzprot", "1.0"),
    "protein_redesign": ("boltz-protein-redesign", "v2026-07-14"),
    "protein_library_screen": ("boltzprot", "1.0"),
    "small_molecule_design": ("boltzmol", "1.0"),
    "small_molecule_library_screen": ("boltzmol", "1.0"),
}
MODELS = {"structure_and_binding": "boltz-2.1", "adme": "adme-v1"}


def _kind(application: str) -> dict[str, Any]:
    """The fields of a job that its application decides."""
    if application in MODELS:
        return {"model": MODELS[application], "version": "1", "expires_at": None}
    name, version = PIPELINES[application]
    engine = {"engine": name, "engine_version": version, "pipeline": name, "pipeline_version": version}
    return engine | {"progress": None, "stopped_at": None}


@dataclass(frozen=True)
class Work:
    """A job that was run, and what it costs; its usage is counted, a test job's is not."""

    created_at: datetime
    quantity: int = 1
    workspace_id: str = "ws_1"
    application: str = "structure_and_binding"
    live: bool = True


@dataclass
class Ledger:
    """All work, and what limits it."""

    work: list[Work] = field(default_factory=list)
    limits: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Limit and accrued usage by workspace, in thousandths of a dollar."""
    minimum_cli: str = "0.40.0"
    page: int = 100
    """Most buckets of a page; a page may have fewer than were asked for."""

    def buckets(self, query: dict[str, list[str]]) -> dict[str, Any] | None:
        """A page of usage; None for a query that the API refuses."""
        try:
            start, end = (datetime.fromisoformat(query[name][0]) for name in ("starting_at", "ending_at"))
            length, longest = _WINDOWS[query["window_size"][0]]
            at = int(query.get("page", ["cursor-0"])[0].removeprefix("cursor-"))
        except (KeyError, ValueError):
            return None
        if (
            not start < end <= start + longest
            or start.tzinfo is None
            or not 1 <= int(query["limit"][0]) <= 100
        ):
            return None
        groups = query.get("group_by[]", [])
        wanted = query.get("workspace_ids[]")
        sums: dict[tuple[datetime, str | None, str | None], int] = defaultdict(int)
        for work in self.work:
            if work.live and start <= work.created_at < end and (not wanted or work.workspace_id in wanted):
                begin = (
                    work.created_at
                    - (work.created_at - datetime.min.replace(tzinfo=work.created_at.tzinfo)) % length
                )
                place = (
                    begin,
                    work.workspace_id if "workspace_id" in groups else None,
                    work.application if "application" in groups else None,
                )
                sums[place] += work.quantity
        rows = [
            {"start_time": stamp(begin), "end_time": stamp(begin + length), "quantity": total}
            | ({"workspace_id": workspace} if workspace else {})
            | ({"application": application} if application else {})
            for (begin, workspace, application), total in sorted(sums.items())
        ]
        more = at + self.page < len(rows)
        following = f"cursor-{at + self.page}" if more else None
        return {"data": rows[at : at + self.page], "has_more": more, "next_page": following}

    def jobs(self, application: str, workspace_id: str) -> list[dict[str, Any]]:
        """The jobs of an application in a workspace, newest first."""
        return [
            {
                "id": f"job_{number}",
                "created_at": stamp(work.created_at),
                "started_at": stamp(work.created_at),
                "completed_at": None,
                "data_deleted_at": None,
                "error": None,
                "livemode": work.live,
                "status": "running",
                "workspace_id": work.workspace_id,
                "idempotency_key": None,
            }
            | _kind(application)
            for number, work in sorted(
                enumerate(self.work), key=lambda each: each[1].created_at, reverse=True
            )
            if (work.application, work.workspace_id) == (application, workspace_id)
        ]

    def limit(self, workspace_id: str) -> dict[str, Any] | None:
        """The spending limit of a workspace; None if it is unset."""
        if workspace_id not in self.limits:
            return None
        limit, accrued = self.limits[workspace_id]
        return {
            "type": "lifetime",
            "limit": {"amount": limit, "currency": "MILLI_USD"},
            "accrued_usage": {"amount": accrued, "currency": "MILLI_USD"},
        }

    def cli(self) -> dict[str, Any]:
        return {
            "install": {"macos_linux": "curl", "windows": "winget"},
            "latest": "0.42.0",
            "message": None,
            "minimum_supported": self.minimum_cli,
            "update_available": False,
            "update_required": False,
        }
