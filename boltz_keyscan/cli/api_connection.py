"""How to reach the Boltz API, and with which key: options, and what they may be.

The address is fixed. ``--api-base`` names another one, on the command line only: https,
or a loopback address, where nothing leaves this machine. A key comes from the
environment, a file or standard input, never from an argument, which everybody on the
machine can read.

Boundary: what was typed, and the environment, to checked values; no network here.
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
"""Variables that users have: the SDK's, and the one of the API's guide to authentication."""

SECONDS = 120.0
"""For all that one command asks, together."""

_ADMIN = "sk_bc_admin_"
_LONGEST = 1000
_SHORTEST = 20
"""Characters of a body, below which a scan takes a key for a filler too."""

_OPTIONS = (
    click.option(
        "--api-key-file",
        type=click.Path(),
        metavar="FILE",
        help="Read the admin key from FILE, or - for standard input.  [default: BOLTZ_API_KEY, "
        "else BOLTZ_COMPUTE_API_KEY]",
    ),
    click.option(
        "--api-base", metavar="URL", help="Another address of the API: https, or http on this machine."
    ),
    click.option("--proxy", metavar="URL", help="HTTP proxy to reach the API by; none is used unasked."),
)


def api_options(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that reach the API."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """The options, as they were given."""

    api_key_file: str | None
    api_base: str | None
    proxy: str | None

    def reach(self) -> Endpoint:
        """The address and the proxy.

        Raises:
            KeyscanError: they are not to be used.
        """
        from boltz_keyscan.api.address import api_base, proxy  # noqa: PLC0415 - only what asks
        from boltz_keyscan.api.client import Endpoint  # noqa: PLC0415

        base = api_base(self.api_base)
        return Endpoint(base, proxy(self.proxy, base))

    def key(self, *, stdin: bool = True) -> Secret:
        """The admin key.

        Args:
            stdin: whether standard input is there to be read.

        Raises:
            KeyscanError: there is none, or it is no admin key.
        """
        found = self._given(stdin=stdin)
        for rule in rules.load():
            whole = len(found.reveal()) >= len(rule.prefix) + _SHORTEST
            if found.reveal().startswith(rule.prefix) and whole and rule.key_type is KeyType.ADMIN:
                return found
        raise KeyscanError("the key to ask with is no admin key", f"Keys that may list begin with {_ADMIN}.")

    def _given(self, *, stdin: bool) -> Secret:
        from boltz_keyscan.api.secret import Secret  # noqa: PLC0415 - only what asks

        if self.api_key_file == "-":
            if not stdin:
                raise KeyscanError(
                    "standard input is needed for something else", "Give --api-key-file a file."
                )
            return Secret(sys.stdin.readline(_LONGEST) if sys.stdin else "", "what standard input has")
        if self.api_key_file is not None:
            return Secret(_first(self.api_key_file), "what --api-key-file names")
        for name in NAMES:
            if value := os.environ.get(name):
                return Secret(value, f"the environment variable {name}")
        raise KeyscanError(
            "there is no admin key to ask with",
            f"Set {NAMES[0]}, or give --api-key-file FILE; a key is never an argument.",
        )


def _first(path: str) -> str:
    """The beginning of a file; a pipe or a link, as secrets are mounted, will do."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readline(_LONGEST)
    except OSError as error:
        raise KeyscanError(
            f"cannot read {path}: {error.strerror or type(error).__name__}", "Name a readable file."
        ) from error


@contextlib.contextmanager
def open_connection(options: ApiOptions, *, stdin: bool = True) -> Iterator[Connection]:
    """The API, with the admin key.

    Raises:
        KeyscanError: the options are not to be used, there is no key, or the SDK is not installed.
    """
    from boltz_keyscan.api.client import Connection, require_sdk  # noqa: PLC0415 - only what asks

    require_sdk()
    from boltz_keyscan.api.transport import Deadline  # noqa: PLC0415 - needs what was just looked for

    reach = options.reach()
    with Connection(reach, options.key(stdin=stdin), Deadline(SECONDS)) as connection:
        yield connection
