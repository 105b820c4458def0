"""Connection to the API: address, proxy and admin key from the options.

The address is fixed. ``--api-base`` sets another one, on the command line only: https, or a
loopback address. A key comes from the environment, a file or standard input, never from an
argument, which every user of the machine can read.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from boltz_keyscan import rules
from boltz_keyscan.api.address import Endpoint, api_base, proxy
from boltz_keyscan.api.client import Connection, require_sdk
from boltz_keyscan.api.deadline import Deadline
from boltz_keyscan.api.listing import FetchedListing, fetch
from boltz_keyscan.api.secret import Secret
from boltz_keyscan.cli import safe_output
from boltz_keyscan.cli.messages import report_line
from boltz_keyscan.cli.options import CommandWithOptions, shared
from boltz_keyscan.cli.progress import Progress
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import KeyType
from boltz_keyscan.records import dataclass
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report.json_reader import Report, read
from boltz_keyscan.sources.trusted_files import read_whole_file

if TYPE_CHECKING:
    import click

NAMES = ("BOLTZ_API_KEY", "BOLTZ_COMPUTE_API_KEY")
"""Environment variables with the key: the SDK's, and the one in the API's authentication guide."""

TOTAL_TIMEOUT_S = 120.0
"""Limit for all requests of one command together."""

_ADMIN = "sk_bc_admin_"
_MAX_KEY_CHARS = 1000
_MIN_BODY_CHARS = 20
"""Length of a body below which a scan reports a placeholder."""


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """Options of the API connection."""

    api_key_file: str | None = shared("api_key_file")
    api_base: str | None = shared("api_base")
    proxy: str | None = shared("proxy")

    def endpoint(self) -> Endpoint:
        """Return the address and the proxy.

        Raises:
            KeyscanError: one of them is not allowed.
        """
        base = api_base(self.api_base)
        return Endpoint(base, proxy(self.proxy, base))

    def key(self, *, stdin: bool = True, admin: bool = True) -> Secret:
        """Return the key for requests.

        Args:
            stdin: True if standard input may be read.
            admin: True if it must be an admin key.

        Raises:
            KeyscanError: no key is set, or it is not an admin key.
        """
        found = self._configured_key(stdin=stdin)
        if not admin:
            return found
        for rule in rules.load():
            whole = len(found.reveal()) >= len(rule.prefix) + _MIN_BODY_CHARS
            if found.reveal().startswith(rule.prefix) and whole and rule.key_type is KeyType.ADMIN:
                return found
        raise KeyscanError("the key for API requests is not an admin key", f"Admin keys begin with {_ADMIN}.")

    def _configured_key(self, *, stdin: bool) -> Secret:
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
            "no admin key is set",
            f"Set {NAMES[0]}, or give --api-key-file FILE; a key is never an argument.",
        )


class ApiCommand(CommandWithOptions):
    """Command whose function gets the options of the connection too, as ``api``."""

    def __init__(self, *args: Any, **attributes: Any) -> None:  # noqa: ANN401 - click's form
        super().__init__(*args, **attributes)
        self.add_options("api", ApiOptions)

    def invoke(self, ctx: click.Context) -> object:
        """Call the function, behind the filter of the output."""
        safe_output.install()
        return super().invoke(ctx)


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
def open_connection(options: ApiOptions, *, stdin: bool = True, admin: bool = True) -> Iterator[Connection]:
    """Open a connection to the API with the admin key, or with any key.

    Raises:
        KeyscanError: an option is not allowed, no key is set, or the SDK is not installed.
    """
    require_sdk()
    endpoint = options.endpoint()
    with Connection(endpoint, options.key(stdin=stdin, admin=admin), Deadline(TOTAL_TIMEOUT_S)) as connection:
        yield connection


def read_report(path: str) -> Report:
    """Return a JSON report of a scan, which names the keys to act on.

    Raises:
        KeyscanError: it cannot be read, or is no report.
    """
    return read(redacted(path), read_whole_file(os.fsencode(path)))


def fetch_listing(connection: Connection) -> FetchedListing:
    """Return the keys of the organisation; an incomplete listing is reported.

    Raises:
        KeyscanError: the API rejects the key, or does not let it list.
    """
    with Progress("asking the Boltz API") as progress:
        found = fetch(connection, redacted, progress.show)
    if found.failure is not None:
        if found.failure.reason in {"unauthorized", "forbidden"}:
            raise KeyscanError(found.failure.detail, "Listing keys requires a working admin key.")
        report_line(f"warning: the listing is not complete: {found.failure.detail}")
    return found
