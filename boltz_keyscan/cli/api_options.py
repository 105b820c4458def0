"""Scan options that find out the status of keys.

Requests are sent only for options on the command line, never because of a configuration file.
API errors do not stop the scan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from boltz_keyscan.errors import KeyscanError

if TYPE_CHECKING:
    from boltz_keyscan.cli.resolve import ResolvedOptions
    from boltz_keyscan.key_status import StatusCheck
    from boltz_keyscan.report import Reporter

DEFAULT_MAX_AGE_DAYS = 7
"""Default of ``--inventory-max-age``."""

_OPTIONS = (
    click.option(
        "--inventory",
        type=click.Path(),
        metavar="FILE",
        help="Compare with a listing saved by 'keys snapshot'. Sends nothing.",
    ),
    click.option(
        "--inventory-max-age",
        type=click.IntRange(0, 3650),
        metavar="DAYS",
        default=DEFAULT_MAX_AGE_DAYS,
        show_default=True,
        help="Warn when the inventory is older than DAYS.",
    ),
    click.option("--check", is_flag=True, help="Compare with the API's current listing; needs an admin key."),
    click.option(
        "--verify",
        is_flag=True,
        help="Send each key found to the API, to learn if it works and which key it is.",
    ),
    click.option("--require-api", is_flag=True, help="Exit 3 when the API does not answer."),
)


def status_options(function: Callable[..., int]) -> Callable[..., int]:
    """Add the options for the status of keys to a command."""
    from boltz_keyscan.cli.api_connection import api_options  # noqa: PLC0415 - options only

    function = api_options(function)
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """Option values for the status of keys."""

    inventory: str | None
    inventory_max_age: int
    check: bool
    verify: bool
    require_api: bool
    api_key_file: str | None
    api_base: str | None
    proxy: str | None

    @classmethod
    def of(cls, values: dict[str, Any]) -> StatusOptions:
        """Return the options among a command's parameters."""
        return cls(**{name: values[name] for name in cls.__slots__})

    def status_check(self, resolved: ResolvedOptions, *, stdin: bool) -> StatusCheck | None:
        """Return the status check of the scan; None if no option asks for one.

        Args:
            resolved: the resolved options, with the trusted files.
            stdin: standard input is scanned.

        Raises:
            KeyscanError: options contradict each other, the inventory is broken, no admin key is
                set, or the SDK is not installed.
        """
        if self.inventory and self.check:
            raise KeyscanError("--inventory and --check both give a listing", "Give one of them.")
        if not (self.inventory or self.check or self.verify):
            self._refuse_unused_options()
            return None
        if self.check or self.verify:
            from boltz_keyscan.api.client import require_sdk  # noqa: PLC0415 - the network

            require_sdk()
            from boltz_keyscan.cli.status_check import api_status_check  # noqa: PLC0415 - needs what was just looked for

            return api_status_check(self, self._saved_listing_check(resolved), stdin=stdin)
        return self._saved_listing_check(resolved)

    def _refuse_unused_options(self) -> None:
        for name, given in (
            ("--require-api", self.require_api),
            ("--api-base", self.api_base),
            ("--proxy", self.proxy),
            ("--api-key-file", self.api_key_file),
        ):
            if given:
                raise KeyscanError(f"{name} has nothing to be used for", "Give --check or --verify too.")

    def _saved_listing_check(self, resolved: ResolvedOptions) -> StatusCheck:
        """Return the check against the saved listing, or against none."""
        from boltz_keyscan.cli.redaction import redacted  # noqa: PLC0415 - only for names in a listing
        from boltz_keyscan.key_status import StatusCheck  # noqa: PLC0415
        from boltz_keyscan.model.status import StatusReport  # noqa: PLC0415 - few runs ask
        from boltz_keyscan.triage import inventory  # noqa: PLC0415
        from boltz_keyscan.triage.cross_reference import ListingContext  # noqa: PLC0415
        from boltz_keyscan.triage.key_record import stamp  # noqa: PLC0415
        from boltz_keyscan.trust import named_text  # noqa: PLC0415

        now = datetime.now(UTC)
        if self.inventory is None:
            return StatusCheck(ListingContext(now), StatusReport(), require=self.require_api)
        text = named_text(self.inventory, resolved.roots)
        listing = inventory.read(redacted(text.name), text.raw, redacted)
        stale = listing.stale(now, timedelta(days=self.inventory_max_age))
        notes = []
        if stale:
            notes.append(
                f"the inventory is of {stamp(listing.taken_at)}, older than {self.inventory_max_age} days: "
                "make it anew with 'boltz-keyscan keys snapshot'"
            )
        if not listing.complete:
            notes.append(f"the inventory is not complete: {listing.trouble or 'it does not say why'}")
        asked = StatusReport(
            listing="inventory",
            organisation=listing.organisation,
            taken_at=stamp(listing.taken_at),
            complete=listing.complete,
            keys=len(listing.records),
            stale=stale,
            notes=tuple(notes),
        )
        return StatusCheck(ListingContext(now, listing, stale), asked, require=self.require_api)


def filtered(status_check: StatusCheck | None) -> Callable[[Reporter], Reporter]:
    """Return a wrapper for reporters: the output filter if the scan handled raw keys."""
    if status_check is None:
        return lambda reporter: reporter
    from boltz_keyscan.cli import safe_output  # noqa: PLC0415 - as the rest of it

    return safe_output.filtered
