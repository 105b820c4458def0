"""Options of the API connection: address, proxy and admin key.

The address is fixed. ``--api-base`` sets another one, on the command line only: https, or a
loopback address. A key comes from the environment, a file or standard input, never from an
argument, which every user of the machine can read.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from boltz_keyscan import rules
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import KeyType

if TYPE_CHECKING:
    from boltz_keyscan.api.client import Connection, Endpoint
    from boltz_keyscan.api.secret import Secret

NAMES = ("BOLTZ_API_KEY", "BOLTZ_COMPUTE_API_KEY")
"""Environment variables with the key: the SDK's, and the one in the API's authentication guide."""

TOTAL_TIMEOUT_S = 120.0
"""Limit for all requests of one command together."""

_ADMIN = "sk_bc_admin_"
_MAX_KEY_CHARS = 1000
_MIN_BODY_CHARS = 20
"""Length of a body below which a scan reports a placeholder."""

_OPTIONS = (
    click.option(
        "--api-key-file",
        type=click.Path(),
        metavar="FILE",
        help="Read the admin key from FILE, or - for standard input.  [default: BOLTZ_API_KEY, "
        "else BOLTZ_COMPUTE_API_KEY]",
    ),
    click.option("--api-base", metavar="URL", help="Address of the API: https, or http on this machine."),
    click.option("--proxy", metavar="URL", help="HTTP proxy for API requests. Proxy variables are ignored."),
)


def api_options(function: Callable[..., int]) -> Callable[..., int]:
    """Add the options of the API connection to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """Option values of the API connection."""

    api_key_file: str | None
    api_base: str | None
    proxy: str | None

    def endpoint(self) -> Endpoint:
        """Return the address and the proxy.

        Raises:
            KeyscanError: one of them is not allowed.
        """
        from boltz_keyscan.api.address import api_base, proxy  # noqa: PLC0415 - only what asks
        from boltz_keyscan.api.client import Endpoint  # noqa: PLC0415

        base = api_base(self.api_base)
        return Endpoint(base, proxy(self.proxy, base))

    def key(self, *, stdin: bool = True) -> Secret:
        """Return the admin key.

        Args:
            stdin: True if standard input may be read.

        Raises:
            KeyscanError: no key is set, or it is not an admin key.
        """
        found = self._configured_key(stdin=stdin)
        for rule in rules.load():
            whole = len(found.reveal()) >= len(rule.prefix) + _MIN_BODY_CHARS
            if found.reveal().startswith(rule.prefix) and whole and rule.key_type is KeyType.ADMIN:
                return found
        raise KeyscanError("the key to ask with is no admin key", f"Keys that may list begin with {_ADMIN}.")

    def _configured_key(self, *, stdin: bool) -> Secret:
        from boltz_keyscan.api.secret import Secret  # noqa: PLC0415 - only what asks

        if self.api_key_file == "-":
            if not stdin:
                raise KeyscanError(
                    "standard input is needed for something else", "Give --api-key-file a file."
                )
            return Secret(sys.stdin.readline(_MAX_KEY_CHARS) if sys.stdin else "", "what standard input has")
        if self.api_key_file is not None:
            return Secret(_first_line(self.api_key_file), "what --api-key-file names")
        for name in NAMES:
            if value := os.environ.get(name):
                return Secret(value, f"the environment variable {name}")
        raise KeyscanError(
            "there is no admin key to ask with",
            f"Set {NAMES[0]}, or give --api-key-file FILE; a key is never an argument.",
        )


def _first_line(path: str) -> str:
    """Return the first line of a file; mounted secrets may be pipes or links."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readline(_MAX_KEY_CHARS)
    except OSError as error:
        raise KeyscanError(
            f"cannot read {path}: {error.strerror or type(error).__name__}", "Name a readable file."
        ) from error


@contextlib.contextmanager
def open_connection(options: ApiOptions, *, stdin: bool = True) -> Iterator[Connection]:
    """Open a connection to the API with the admin key.

    Raises:
        KeyscanError: an option is not allowed, no key is set, or the SDK is not installed.
    """
    from boltz_keyscan.api.client import Connection, require_sdk  # noqa: PLC0415 - only what asks

    require_sdk()
    from boltz_keyscan.api.transport import Deadline  # noqa: PLC0415 - needs what was just looked for

    endpoint = options.endpoint()
    with Connection(endpoint, options.key(stdin=stdin), Deadline(TOTAL_TIMEOUT_S)) as connection:
        yield connection
