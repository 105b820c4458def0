"""Status check through the API: the listing before a scan, each key found after it.

API errors are reported in the result and never stop the scan.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from boltz_keyscan import rules
from boltz_keyscan.api.address import OFFICIAL
from boltz_keyscan.api.client import Connection, Endpoint
from boltz_keyscan.api.listing import fetch
from boltz_keyscan.api.secret import Secret
from boltz_keyscan.api.transport import Clock, Deadline
from boltz_keyscan.api.whoami import Verifier
from boltz_keyscan.cli import safe_output
from boltz_keyscan.cli.api_connection import TOTAL_TIMEOUT_S, ApiOptions
from boltz_keyscan.cli.progress import Progress
from boltz_keyscan.cli.redaction import redacted
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.finding import Finding
from boltz_keyscan.triage.cross_reference import Answer, ListingContext
from boltz_keyscan.triage.key_record import stamp

if TYPE_CHECKING:
    from boltz_keyscan.cli.api_options import StatusOptions
    from boltz_keyscan.key_status import StatusCheck


def api_status_check(options: StatusOptions, saved: StatusCheck, *, stdin: bool) -> StatusCheck:
    """Return the status check of a scan with ``--check`` or ``--verify``.

    Raises:
        KeyscanError: no admin key is set, an address is not allowed, or the SDK is not installed.
    """
    safe_output.install()
    api = ApiOptions(options.api_key_file, options.api_base, options.proxy)
    endpoint = api.endpoint()
    check = saved
    if options.check:
        check = _with_current_listing(check, endpoint, api.key(stdin=not stdin))
    if options.verify:
        if endpoint.base != OFFICIAL and not endpoint.base.loopback:
            raise KeyscanError(
                "--verify sends the keys that were found, to the Boltz API and nowhere else",
                "Leave out --api-base; with it only an address of this machine will do.",
            )
        secret = os.urandom(32)
        check = replace(
            check,
            secret=secret,
            verifier=_VerifierWithProgress(Verifier(endpoint, secret, TOTAL_TIMEOUT_S, Clock())),
        )
    return check


def _with_current_listing(check: StatusCheck, endpoint: Endpoint, key: Secret) -> StatusCheck:
    """Return the check with the API's current listing."""
    with (
        Progress("asking the Boltz API") as progress,
        Connection(endpoint, key, Deadline(TOTAL_TIMEOUT_S)) as connection,
    ):
        found = fetch(connection, redacted, progress.keys)
    listing = found.listing
    trouble = (f"the listing is not complete: {found.failure.detail}",) if found.failure else ()
    asked = replace(
        check.asked,
        listing="check",
        organisation=listing.organisation,
        taken_at=stamp(listing.taken_at),
        complete=listing.complete,
        keys=len(listing.records),
        trouble=trouble,
    )
    return replace(
        check, known=ListingContext(datetime.now(UTC), listing), asked=asked, own_key=fingerprint(key)
    )


def fingerprint(key: Secret) -> str | None:
    """Return the fingerprint that a scan would give a key."""
    matches = KeyDetector.of(rules.load()).find([key.reveal().encode("ascii")])
    return next((match.fingerprint for match in matches), None)


class _VerifierWithProgress:
    """Verifier with a progress line."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def __call__(self, keys: Sequence[tuple[Finding, bytes]]) -> Iterable[tuple[str, Answer]]:
        with Progress("verifying") as progress:
            return list(replace(self._verifier, progress=progress.part)(keys))
