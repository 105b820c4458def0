"""The API as this program uses it: five calls, our own patience, answers as checked JSON.

The official SDK is built here and nowhere else. It knows the endpoints; what leaves and
what may come back is ``transport``'s to say, how long and how often we ask is said here.
Its settings in the environment are taken away while it is imported and built.

Boundary: a key and an address to JSON objects or an ``ApiError``; what they mean is for
``listing``, ``me`` and ``revoking``.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from boltz_keyscan.api.address import OFFICIAL, Address
from boltz_keyscan.api.errors import NOT_JSON, ApiError, Failure, of_exception, of_status
from boltz_keyscan.api.pagination import PAGE
from boltz_keyscan.api.secret import Secret
from boltz_keyscan.errors import KeyscanError

if TYPE_CHECKING:
    import boltz_api

    from boltz_keyscan.api.transport import Deadline

TRIES = 3
"""Times that one thing is asked for."""

_PAUSE = 0.5
"""Seconds before the second try, doubled each time."""

_SILENCED = ("boltz_api", "httpx", "httpcore", "h11")
_ENVIRONMENT = ("BOLTZ_LOG", "BOLTZ_BASE_URL", "BOLTZ_CUSTOM_HEADERS", "BOLTZ_API_KEY")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How the API is reached."""

    base: Address = OFFICIAL
    proxy: Address | None = None
    authorities: str | None = None
    """A file of certificates to believe instead of the usual ones; tests make their own."""


def require_sdk() -> None:
    """Load the SDK, undisturbed by what it would obey in the environment.

    Raises:
        KeyscanError: it is not installed.
    """
    with _undisturbed():
        try:
            import boltz_api  # noqa: F401, PLC0415 - an extra, and only these commands need it
            import certifi  # noqa: F401, PLC0415
            import httpcore  # noqa: F401, PLC0415
            import httpx  # noqa: F401, PLC0415
        except ImportError:
            raise KeyscanError(
                "this needs the Boltz SDK, which is not installed",
                "Install it with: pip install 'boltz-keyscan[api]'",
            ) from None
        _silence()


class Connection:
    """The API, with one key. Use as a context manager."""

    def __init__(self, reach: Endpoint, key: Secret, deadline: Deadline) -> None:
        """Build the SDK's client; nothing is sent.

        Raises:
            KeyscanError: the SDK is not installed.
        """
        self._deadline = deadline
        self.requests = 0
        """How many were sent."""
        require_sdk()
        import boltz_api  # noqa: PLC0415 - there, as was just seen
        import httpx  # noqa: PLC0415

        from boltz_keyscan.api.transport import Gate  # noqa: PLC0415

        with _undisturbed():
            gate = Gate(reach.base, key, deadline, proxy=reach.proxy, authorities=reach.authorities)
            self._http = httpx.Client(transport=gate, trust_env=False, follow_redirects=False)
            self._sdk: boltz_api.Boltz = boltz_api.Boltz(
                # The gate puts the key in. Whatever the SDK logs or raises, it cannot tell what it has not.
                api_key="held-back",
                base_url=reach.base.text,
                max_retries=0,
                http_client=self._http,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def renew(self) -> None:
        """Begin the time for all requests anew."""
        self._deadline.renew()

    def keys(self, after: str | None) -> Mapping[str, object]:
        """A page of the organisation's keys.

        Raises:
            ApiError: there is no answer; this and the other calls.
        """
        more: Any = {"after_id": after} if after else {}
        return self._asked(lambda: self._sdk.admin.api_keys.with_raw_response.list(limit=PAGE, **more))

    def workspaces(self, after: str | None) -> Mapping[str, object]:
        """A page of its workspaces."""
        more: Any = {"after_id": after} if after else {}
        return self._asked(lambda: self._sdk.admin.workspaces.with_raw_response.list(limit=PAGE, **more))

    def me(self) -> Mapping[str, object]:
        """Whose key this is."""
        return self._asked(self._sdk.auth.with_raw_response.me)

    def revoke(self, key_id: str) -> Mapping[str, object]:
        """End a key. Doing it twice does no harm, so it is tried again like a question."""
        return self._asked(lambda: self._sdk.admin.api_keys.with_raw_response.revoke(key_id))

    def create(self, **details: Any) -> Mapping[str, object]:  # noqa: ANN401 - the SDK checks them
        """Make a workspace key: once, as a second try could make a second key that nobody knows of."""
        return self._asked(lambda: self._sdk.admin.api_keys.with_raw_response.create(**details), tries=1)

    def _asked(self, send: Callable[[], Any], tries: int = TRIES) -> Mapping[str, object]:
        """The answer to a request, tried again while that may help and there is time."""
        for number in range(tries):
            self._deadline.left()
            outcome = self._once(send)
            if outcome.document is not None:
                return outcome.document
            pause = max(_PAUSE * 2**number, outcome.wait)
            if not outcome.failure.retry or number + 1 == tries:
                break
            if pause >= self._deadline.left():
                waits = f"; it asks us to wait {outcome.wait:,.0f} s" if outcome.wait else ""
                detail = f"{outcome.failure.detail}{waits}, and there is no time left for that"
                raise ApiError(Failure(outcome.failure.reason, detail))
            self._deadline.clock.sleep(pause)
        raise ApiError(outcome.failure)

    def _once(self, send: Callable[[], Any]) -> _Outcome:
        import boltz_api  # noqa: PLC0415 - loaded by now

        self.requests += 1
        try:
            response = send().http_response
        except boltz_api.APIStatusError as error:
            response = error.response
        except Exception as error:  # noqa: BLE001 - whatever the SDK and the stack below it raise, in our words
            return _Outcome(of_exception(error))
        status, document = int(response.status_code), _parsed(bytes(response.content))
        if 200 <= status < 300:
            return _Outcome(NOT_JSON, document)
        code = document.get("code") if document is not None else None
        message = document.get("message") if document is not None else None
        if status == 401 and not (code == "unauthorized" and isinstance(message, str)):
            # The form that the API documents; anything else in between must not make a key look dead.
            return _Outcome(Failure("not-json", "a refusal (401) that is not the API's"))
        return _Outcome(of_status(status, code), wait=_seconds(response.headers.get("retry-after")))


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of one try."""

    failure: Failure
    """Holds when there is no document."""
    document: Mapping[str, object] | None = None
    wait: float = 0.0
    """Seconds that the API wants us to wait."""


def _parsed(content: bytes) -> Mapping[str, object] | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _seconds(value: str | None) -> float:
    """What a Retry-After (RFC 9110 section 10.2.3) asks for, a number or a date; 0 when it says nothing."""
    if value is None:
        return 0.0
    try:
        wait = float(value)
    except ValueError:
        try:
            wait = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    # Not a number, or in the past: our own pause will do.
    return wait if wait > 0 else 0.0


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Without the variables that the SDK obeys."""
    taken = {name: os.environ.pop(name) for name in _ENVIRONMENT if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(taken)


def _silence() -> None:
    """No word of the SDK and of the HTTP stack gets out: they quote requests."""
    for name in _SILENCED:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL)
