"""Whether keys work: the options of a scan that ask, and what they mean.

Nothing is asked unless it is asked for, and only what is typed asks: no configuration
can make a scan send anything anywhere. Whatever is wrong with the API, the scan goes on.

Boundary: options to an ``Inquiry``; the network is loaded for ``--check`` and ``--verify`` only.
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

OLDEST = 7
"""Days from which on an inventory is too old unless told otherwise."""

_OPTIONS = (
    click.option(
        "--inventory",
        type=click.Path(),
        metavar="FILE",
        help="Compare with a listing saved by 'keys snapshot'; nothing is sent.",
    ),
    click.option(
        "--inventory-max-age",
        type=click.IntRange(0, 3650),
        metavar="DAYS",
        default=OLDEST,
        show_default=True,
        help="Age from which on it is told that an inventory is old.",
    ),
    click.option(
        "--check", is_flag=True, help="Compare with the listing that the API gives to an admin key now."
    ),
    click.option(
        "--verify",
        is_flag=True,
        help="Ask the API with each key that is found whether it works, and whose it is.",
    ),
    click.option("--require-api", is_flag=True, help="Exit 3 when the API does not answer."),
)


def status_options(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that ask."""
    from boltz_keyscan.cli.api_connection import api_options  # noqa: PLC0415 - options only

    function = api_options(function)
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """The options, as they were given."""

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
        """From a command's parameters."""
        return cls(**{name: values[name] for name in cls.__slots__})

    def inquiry(self, settled: ResolvedOptions, *, stdin: bool) -> StatusCheck | None:
        """What the scan is to ask; None when nothing.

        Args:
            settled: knows whose files are believed.
            stdin: standard input is scanned.

        Raises:
            KeyscanError: options contradict each other, the inventory is broken, there is no
                key to ask with, or the SDK is not installed.
        """
        if self.inventory and self.check:
            raise KeyscanError("--inventory and --check both give a listing", "Give one of them.")
        if not (self.inventory or self.check or self.verify):
            self._refuse_the_rest()
            return None
        if self.check or self.verify:
            from boltz_keyscan.api.client import require_sdk  # noqa: PLC0415 - the network

            require_sdk()
            from boltz_keyscan.cli.status_check import fetched  # noqa: PLC0415 - needs what was just looked for

            return fetched(self, self._saved(settled), stdin=stdin)
        return self._saved(settled)

    def _refuse_the_rest(self) -> None:
        for name, given in (
            ("--require-api", self.require_api),
            ("--api-base", self.api_base),
            ("--proxy", self.proxy),
            ("--api-key-file", self.api_key_file),
        ):
            if given:
                raise KeyscanError(f"{name} has nothing to be used for", "Give --check or --verify too.")

    def _saved(self, settled: ResolvedOptions) -> StatusCheck:
        """What a saved listing, if any, says."""
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
        text = named_text(self.inventory, settled.standing)
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


def filtered(inquiry: StatusCheck | None) -> Callable[[Reporter], Reporter]:
    """What stands between a reporter and its file: a filter, where raw keys were about."""
    if inquiry is None:
        return lambda reporter: reporter
    from boltz_keyscan.cli import safe_output  # noqa: PLC0415 - as the rest of it

    return safe_output.filtered
