"""Failures of API requests, as data.

The messages of the SDK, the HTTP stack and the API may quote a request, which contains a key. They are
dropped: a failure is described by its kind only.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from typing import Final

from boltz_keyscan.package_data import read_table
from boltz_keyscan.records import dataclass

_CODE = re.compile(r"[a-z][a-z_]{0,39}")


@dataclass(frozen=True, slots=True)
class Failure:
    """Reason that a request has no usable response."""

    reason: str
    """One of a small, stable set of kebab-case words."""
    detail: str
    """One line for users."""
    retry: bool = False
    """The request may succeed when it is sent again."""


class ApiError(Exception):
    """A request without a usable response; carries nothing but the failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


DEADLINE = Failure("deadline", "the time limit of all requests together is over")
REFUSED = Failure("refused", "a request to another address was stopped")
TOO_LARGE = Failure("too-large", "a response larger than any of the API")
NOT_JSON = Failure("not-json", "a response that is not JSON, perhaps of a proxy or a login page")

_TABLE: Final = read_table("api/failures.toml")
_STATUSES = {int(status): Failure(**row) for status, row in _TABLE["status"].items()}
_EXCEPTIONS = {name: Failure(**row) for name, row in _TABLE["exception"].items()}


def failure_of_status(status: int, code: object = None) -> Failure:
    """Return the failure for a status code that is not a success.

    Args:
        status: status code of the response.
        code: error code in its body (https://api.boltz.bio/docs/guides/errors/).
    """
    if status in _STATUSES:
        return _STATUSES[status]
    if 300 <= status < 400:
        return Failure(
            "redirected", f"the API redirected to another address ({status}), to which no key is sent"
        )
    suffix = f", {code}" if isinstance(code, str) and _CODE.fullmatch(code) else ""
    if status >= 500:
        return Failure("server-error", f"the API failed ({status}{suffix})", retry=True)
    return Failure("unexpected-status", f"the API answered {status}{suffix}")


def failure_of_exception(error: BaseException) -> Failure:
    """Return the failure for an exception, by its classes and those of its causes; messages are not read."""
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, ApiError):
            return link.failure
        if isinstance(link, ssl.SSLError):
            return Failure("untrusted", "the certificate of the API cannot be verified (TLS)")
    names = [{kind.__name__ for kind in type(link).__mro__} for link in chain]
    for name, failure in _EXCEPTIONS.items():
        if any(name in classes for classes in names):
            return failure
    return Failure("unexpected", f"the request failed ({type(chain[-1]).__name__})")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    depth = 0
    while error is not None and depth < 20:
        yield error
        error, depth = error.__cause__ or error.__context__, depth + 1
