"""Connection to the API: calls with retries and a deadline, which return JSON or raise ``ApiError``.

The only place that builds the official SDK. The SDK knows the endpoints, ``transport`` decides what may
be sent and received. The environment variables that configure the SDK are removed while it is imported
and built.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import logging
import operator
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from boltz_keyscan.api.address import Endpoint
from boltz_keyscan.api.errors import NOT_JSON, ApiError, Failure, failure_of_exception, failure_of_status
from boltz_keyscan.api.pagination import PAGE_ITEMS
from boltz_keyscan.api.secret import Secret
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.records import dataclass

if TYPE_CHECKING:
    import boltz_api

    from boltz_keyscan.api.deadline import Deadline

MAX_TRIES = 3
"""Attempts for one request."""

_FIRST_PAUSE_S = 0.5
"""Seconds before the second attempt, doubled each time."""

_REFUSALS = {401: "unauthorized", 404: "not_found"}
"""Statuses that may prove a key or a share link inactive, with their error codes."""

_LOGGERS = ("boltz_api", "httpx", "httpcore", "h11")
_SDK_VARIABLES = ("BOLTZ_LOG", "BOLTZ_BASE_URL", "BOLTZ_CUSTOM_HEADERS", "BOLTZ_API_KEY")


def require_sdk() -> None:
    """Import the SDK without the environment variables that configure it.

    Raises:
        KeyscanError: the SDK is not installed.
    """
    with _without_sdk_variables():
        try:
            import boltz_api  # noqa: F401, PLC0415 - an extra, and only these commands need it
            import certifi  # noqa: F401, PLC0415
            import httpcore  # noqa: F401, PLC0415
            import httpx  # noqa: F401, PLC0415
        except ImportError:
            raise KeyscanError(
                "this needs the Boltz SDK, which is not installed",
                "Install its extra 'api'; in a checkout: pip install '.[api]'",
            ) from None
        _silence_loggers()


class Connection:
    """Context manager for calls of the API with one key, or without one."""

    def __init__(self, endpoint: Endpoint, key: Secret | None, deadline: Deadline) -> None:
        """Build the client of the SDK; nothing is sent.

        Raises:
            KeyscanError: the SDK is not installed.
        """
        self._deadline = deadline
        require_sdk()
        import boltz_api  # noqa: PLC0415 - an extra, checked in the line above
        import httpx  # noqa: PLC0415

        from boltz_keyscan.api.transport import Gate  # noqa: PLC0415

        with _without_sdk_variables():
            gate = Gate(endpoint, key, deadline)
            self._http = httpx.Client(transport=gate, trust_env=False, follow_redirects=False)
            self._sdk: boltz_api.Boltz = boltz_api.Boltz(
                # The gate adds the key, so the SDK cannot log or raise it.
                api_key="held-back",
                base_url=endpoint.base.text,
                max_retries=0,
                http_client=self._http,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def renew(self) -> None:
        """Restart the deadline for all requests."""
        self._deadline.renew()

    def keys(self, after: str | None) -> Mapping[str, object]:
        """Return a page of the keys of the organisation.

        Raises:
            ApiError: there is no usable response; so do the other calls.
        """
        return self._page(self._sdk.admin.api_keys, after)

    def workspaces(self, after: str | None) -> Mapping[str, object]:
        """Return a page of the workspaces of the organisation."""
        return self._page(self._sdk.admin.workspaces, after)

    def usage(self, cursor: str | None, **query: Any) -> Mapping[str, object]:  # noqa: ANN401 - the SDK checks them
        """Return a page of the usage of the organisation.

        Args:
            cursor: cursor of the page before; None for the first one.
            query: start, end, window and filters, as the SDK names them.
        """
        more: dict[str, Any] = {"page": cursor} if cursor else {}
        usage = self._sdk.admin.usage.with_raw_response
        return self._request(lambda: usage.list(limit=PAGE_ITEMS, **query, **more))

    def jobs(self, kind: str, workspace_id: str, after: str | None) -> Mapping[str, object]:
        """Return a page of the jobs of one kind in a workspace.

        Args:
            kind: dotted name of the resource in the SDK, such as ``protein.design``.
            workspace_id: id of the workspace.
            after: id of the last job of the page before.
        """
        return self._page(operator.attrgetter(kind)(self._sdk), after, workspace_id=workspace_id)

    def spending_limit(self, workspace_id: str) -> Mapping[str, object]:
        """Return the spending limit of a workspace; empty if it has none."""
        workspaces = self._sdk.admin.workspaces.with_raw_response
        return self._request(lambda: workspaces.retrieve_spending_limit(workspace_id))

    def cli_version(self) -> Mapping[str, object]:
        """Return the latest and the oldest supported version of the Boltz CLI."""
        return self._request(self._sdk.cli.with_raw_response.version)

    def me(self) -> Mapping[str, object]:
        """Return the identity of the key of this connection."""
        return self._request(self._sdk.auth.with_raw_response.me)

    def revoke(self, key_id: str) -> Mapping[str, object]:
        """Revoke a key; retried, as revoking twice does no harm."""
        return self._request(lambda: self._sdk.admin.api_keys.with_raw_response.revoke(key_id))

    def create(self, **details: Any) -> Mapping[str, object]:  # noqa: ANN401 - the SDK checks them
        """Create a workspace key; not retried, as a second attempt could create a second, unknown key."""
        return self._request(lambda: self._sdk.admin.api_keys.with_raw_response.create(**details), tries=1)

    def open_share_link(self, link: str) -> Mapping[str, object]:
        """Return what a share link opens; needs no key."""
        return self._request(lambda: self._sdk.share_links.with_raw_response.read(link))

    def share_link(self, link: str) -> Mapping[str, object]:
        """Return the record of a share link of the organisation."""
        return self._request(lambda: self._sdk.share_links.with_raw_response.retrieve(link))

    def archive_share_link(self, link: str) -> Mapping[str, object]:
        """Archive a share link; retried, as archiving twice does no harm."""
        return self._request(lambda: self._sdk.share_links.with_raw_response.archive(link))

    def _page(self, resource: Any, after: str | None, **more: str) -> Mapping[str, object]:  # noqa: ANN401 - classes of the SDK
        more |= {"after_id": after} if after else {}
        return self._request(lambda: resource.with_raw_response.list(limit=PAGE_ITEMS, **more))

    def _request(self, send: Callable[[], Any], tries: int = MAX_TRIES) -> Mapping[str, object]:
        """Send a request, retry it while that can help and the deadline allows, and return its response."""
        for number in range(tries):
            self._deadline.remaining_s()
            outcome = self._send_once(send)
            if outcome.document is not None:
                return outcome.document
            pause = max(_FIRST_PAUSE_S * 2**number, outcome.wait)
            if not outcome.failure.retry or number + 1 == tries:
                break
            if pause >= self._deadline.remaining_s():
                waits = f"; it asks for a wait of {outcome.wait:,.0f} s" if outcome.wait else ""
                detail = f"{outcome.failure.detail}{waits}, and no time is left for a retry"
                raise ApiError(Failure(outcome.failure.reason, detail))
            self._deadline.clock.sleep(pause)
        raise ApiError(outcome.failure)

    def _send_once(self, send: Callable[[], Any]) -> _Outcome:
        import boltz_api  # noqa: PLC0415 - an extra, loaded by the constructor

        try:
            response = send().http_response
        except boltz_api.APIStatusError as error:
            response = error.response
        except Exception as error:  # noqa: BLE001 - messages of the SDK and of httpx may quote the request
            return _Outcome(failure_of_exception(error))
        status, document = int(response.status_code), _parse_object(bytes(response.content))
        if 200 <= status < 300:
            return _Outcome(NOT_JSON, document)
        code = document.get("code") if document is not None else None
        message = document.get("message") if document is not None else None
        if status in _REFUSALS and not (code == _REFUSALS[status] and isinstance(message, str)):
            # Only the documented form of a refusal: that of a proxy must not make a key look inactive.
            return _Outcome(Failure("not-json", f"a rejection ({status}) that is not the API's"))
        return _Outcome(
            failure_of_status(status, code), wait=_retry_after_s(response.headers.get("retry-after"))
        )


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Result of one attempt."""

    failure: Failure
    """Reason that there is no document; unused when there is one."""
    document: Mapping[str, object] | None = None
    wait: float = 0.0
    """Seconds to wait before the next attempt, from Retry-After."""


def _parse_object(content: bytes) -> Mapping[str, object] | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    # The documented answer for a limit that is not set is null.
    return {} if document is None else document if isinstance(document, dict) else None


def _retry_after_s(value: str | None) -> float:
    """Parse a Retry-After header (RFC 9110 section 10.2.3), a number or a date; 0 when absent or unusable."""
    if value is None:
        return 0.0
    try:
        wait = float(value)
    except ValueError:
        try:
            wait = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    # NaN, or a date in the past.
    return wait if wait > 0 else 0.0


@contextlib.contextmanager
def _without_sdk_variables() -> Iterator[None]:
    """Remove the environment variables that configure the SDK, and restore them."""
    removed = {name: os.environ.pop(name) for name in _SDK_VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(removed)


def _silence_loggers() -> None:
    """Turn off the logging of the SDK and the HTTP stack, which quotes requests."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL)
