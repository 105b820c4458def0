"""What went wrong with the API, as data and in our own words.

The messages of the SDK, of the HTTP stack and of the API may quote a request, and a
request has a key in it. None of them is passed on: an error is told by its kind.

Boundary: exceptions and status codes to ``Failure``; nothing here prints or retries.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

_CODE = re.compile(r"[a-z][a-z_]{0,39}")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer."""

    reason: str
    """One of a small set of kebab-case words, stable for programs."""
    detail: str
    """One line for people."""
    retry: bool = False
    """Asking again may help."""


class ApiError(Exception):
    """There is no answer; carries nothing but the failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


DEADLINE = Failure("deadline", "the time for all requests together is over")
REFUSED = Failure("refused", "a request to somewhere else was stopped")
TOO_LARGE = Failure("too-large", "an answer larger than any that the API gives")
NOT_JSON = Failure("not-json", "an answer that is not JSON: a proxy or a login page, perhaps")
TRUNCATED = Failure("truncated", "an answer that ends too early", retry=True)

_STATUSES = {
    401: Failure("unauthorized", "the API does not accept the key (401): revoked, expired, or mistyped"),
    403: Failure(
        "forbidden",
        "the API does not let this key do this (403): not an admin key, or not from this address",
    ),
    404: Failure("not-found", "the API knows no such thing (404)"),
    409: Failure("conflict", "the API was busy with the same thing (409)", retry=True),
    429: Failure("rate-limited", "the API wants fewer requests (429)", retry=True),
}


def of_status(status: int, code: object = None) -> Failure:
    """What a status that is no success means.

    Args:
        status: of the answer.
        code: the word for programs in its body, as the API documents it
            (https://api.boltz.bio/docs/guides/errors/).
    """
    if status in _STATUSES:
        return _STATUSES[status]
    if 300 <= status < 400:
        return Failure("redirected", f"the API sent us elsewhere ({status}), where no key goes")
    told = f", {code}" if isinstance(code, str) and _CODE.fullmatch(code) else ""
    if status >= 500:
        return Failure("server-error", f"the API failed ({status}{told})", retry=True)
    return Failure("unexpected-status", f"the API answered {status}{told}")


_KINDS = (
    ("ConnectTimeout", Failure("unreachable", "the API did not answer a connection in time", retry=True)),
    ("TimeoutException", Failure("timed-out", "the API did not answer in time", retry=True)),
    ("ProxyError", Failure("proxy", "the proxy did not let us through")),
    ("RemoteProtocolError", TRUNCATED),
    ("LocalProtocolError", Failure("bad-request", "a request that cannot be sent")),
    (
        "ConnectError",
        Failure("unreachable", "the API cannot be reached: name, network or firewall", retry=True),
    ),
    ("NetworkError", Failure("unreachable", "the connection to the API broke", retry=True)),
)
"""Names of classes of ``httpcore`` and ``httpx``, the first that is among an error's own or its bases'."""


def of_exception(error: BaseException) -> Failure:
    """What an exception means, by the kinds of it and of what caused it; its words are not read."""
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, ApiError):
            return each.failure
        if isinstance(each, ssl.SSLError):
            return Failure("untrusted", "the other side cannot prove that it is the API (TLS)")
    names = [{kind.__name__ for kind in type(each).__mro__} for each in chain]
    for name, failure in _KINDS:
        if any(name in own for own in names):
            return failure
    return Failure("unexpected", f"the request failed ({type(chain[-1]).__name__})")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = 0
    while error is not None and seen < 20:
        yield error
        error, seen = error.__cause__ or error.__context__, seen + 1
