"""Share links: opened without a key to verify them, described and archived with one.

The id of a link is its secret ("the bearer credential", ``ShareLinksResource`` of boltz-api 0.50), so it is
held like a key. There is no list of links: one that leaked is known by its id only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from boltz_keyscan.api.address import Endpoint
from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.deadline import Deadline
from boltz_keyscan.api.errors import ApiError
from boltz_keyscan.api.secret import Secret
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.wording import count
from boltz_keyscan.triage.cross_reference import Verification
from boltz_keyscan.triage.key_record import RecordError, identifier, read_time, stamp


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """Facts on a share link, without the link."""

    workspace_id: str
    predictions: int
    pipelines: int
    expires_at: datetime
    archived_at: datetime | None = None
    is_public: bool = True
    """False if only some e-mail addresses open it."""

    @property
    def content(self) -> str:
        """The shared results, in words."""
        pipelines = count(self.pipelines, "pipeline run")
        return f"{count(self.predictions, 'prediction')} and {pipelines} of workspace {self.workspace_id}"


def verify(endpoint: Endpoint, link: Secret, deadline: Deadline) -> Verification:
    """Check if a share link opens, with one request without a key.

    Args:
        endpoint: address of the API.
        link: the link.
        deadline: time limit.
    """
    try:
        with Connection(endpoint, None, deadline) as connection:
            answer = connection.open_share_link(link.reveal())
        record = _parse(answer, link, ("predictions", "pipelines"))
    except ApiError as error:
        return Verification(error.failure.reason, error.failure.detail)
    except RecordError as error:
        return Verification("wrong-shape", f"the response of the API is not as documented: {error}")
    return Verification("accepted", f"{record.content}, until {stamp(record.expires_at)}")


def describe(connection: Connection, link: Secret) -> LinkRecord:
    """Return the facts on a share link of the organisation.

    Raises:
        ApiError: there is no usable response; ``not-found`` for a link of another organisation.
        RecordError: the response has another form than documented.
    """
    return _parse(connection.share_link(link.reveal()), link, ("prediction_ids", "pipeline_ids"))


def archive(connection: Connection, link: Secret) -> tuple[bool, str]:
    """Archive a share link; confirmed by asking for it again, not by the response.

    Returns:
        True and "" if it is archived, else False and the reason.
    """
    failure = "the API accepted it, but does not have it as archived"
    try:
        connection.archive_share_link(link.reveal())
    except ApiError as error:
        failure = error.failure.detail
    try:
        record = describe(connection, link)
    except ApiError as error:
        return False, error.failure.detail
    except RecordError as error:
        return False, str(error)
    return (True, "") if record.archived_at is not None else (False, failure)


def _parse(answer: Mapping[str, object], link: Secret, lists: tuple[str, str]) -> LinkRecord:
    if answer.get("id") != link.reveal():
        raise RecordError("it is of another share link")
    predictions, pipelines = (_count(answer, name) for name in lists)
    expires_at = read_time(answer, "expires_at")
    archived_at = read_time(answer, "archived_at") if answer.get("archived_at") is not None else None
    # Only the record of a link has it: what anyone opens is public.
    access = answer.get("access_parameters")
    mode = access.get("access_mode") if isinstance(access, dict) else "public"
    workspace_id = identifier(answer.get("workspace_id"), "workspace_id")
    return LinkRecord(workspace_id, predictions, pipelines, expires_at, archived_at, mode == "public")


def _count(answer: Mapping[str, object], field: str) -> int:
    items = answer.get(field)
    if not isinstance(items, list):
        raise RecordError(f"{field} is not a list")
    return len(items)
