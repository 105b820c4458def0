"""Status check of a scan: a listing before it, saved or from the API, and each key found after it.

Loaded only by scans that ask for it. Requests are sent only for options on the command line, never because
of a configuration file. API errors are reported in the result and never stop the scan.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from boltz_keyscan import rules
from boltz_keyscan.api.address import OFFICIAL, Endpoint
from boltz_keyscan.api.client import Connection, require_sdk
from boltz_keyscan.api.deadline import Clock, Deadline
from boltz_keyscan.api.listing import fetch
from boltz_keyscan.api.secret import Secret
from boltz_keyscan.api.whoami import Verifier
from boltz_keyscan.cli import safe_output
from boltz_keyscan.cli.api_options import TOTAL_TIMEOUT_S, ApiOptions
from boltz_keyscan.cli.progress import Progress
from boltz_keyscan.cli.resolve import ResolvedOptions
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.key_status import StatusCheck
from boltz_keyscan.model.finding import Finding
from boltz_keyscan.model.status import StatusReport
from boltz_keyscan.plan import STDIN
from boltz_keyscan.records import replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.triage import inventory
from boltz_keyscan.triage.cross_reference import ListingContext, Verification
from boltz_keyscan.triage.inventory import Listing
from boltz_keyscan.triage.key_record import stamp
from boltz_keyscan.trust import named_text


def status_check(resolved: ResolvedOptions) -> StatusCheck:
    """Return the status check of a scan.

    Raises:
        KeyscanError: options contradict each other or have no use, the inventory is broken, no admin key
            is set, or the SDK is not installed.
    """
    options = resolved.options
    if options.inventory and options.check:
        raise KeyscanError("--inventory and --check both give a listing", "Give one of them.")
    if options.require_api and not (options.check or options.verify):
        raise KeyscanError("require-api has no effect without --check or --verify", "Add one of them.")
    if not (options.check or options.verify):
        return _saved_listing_check(resolved)
    require_sdk()
    check = _saved_listing_check(resolved)
    safe_output.install()
    api = ApiOptions(options.api_key_file, options.api_base, options.proxy)
    endpoint = api.endpoint()
    if options.check:
        check = _with_current_listing(check, endpoint, api.key(stdin=STDIN not in options.paths))
    if options.verify:
        if endpoint.base != OFFICIAL and not endpoint.base.loopback:
            raise KeyscanError(
                "--verify sends the keys that were found, to the Boltz API and nowhere else",
                "Leave out --api-base; with it only an address of this machine will do.",
            )
        secret = os.urandom(32)
        verifier = Verifier(endpoint, secret, TOTAL_TIMEOUT_S, Clock())
        check = replace(check, secret=secret, verifier=partial(_verify, verifier))
    return check


def _saved_listing_check(resolved: ResolvedOptions) -> StatusCheck:
    """Return the check against the saved listing, or against none."""
    options, now = resolved.options, datetime.now(UTC)
    if options.inventory is None:
        return StatusCheck(ListingContext(now), StatusReport(), require=options.require_api)
    text = named_text(options.inventory, resolved.roots)
    listing = inventory.read(redacted(text.name), text.raw, redacted)
    stale = listing.stale(now, timedelta(days=options.inventory_max_age))
    notes = []
    if stale:
        notes.append(
            f"the inventory is of {stamp(listing.taken_at)}, older than {options.inventory_max_age} days: "
            "make it anew with 'boltz-keyscan keys snapshot'"
        )
    if not listing.complete:
        notes.append(f"the inventory is not complete: {listing.trouble or 'it does not say why'}")
    asked = replace(_with_listing(StatusReport(), "inventory", listing), stale=stale, notes=tuple(notes))
    return StatusCheck(ListingContext(now, listing, stale), asked, require=options.require_api)


def _with_current_listing(check: StatusCheck, endpoint: Endpoint, key: Secret) -> StatusCheck:
    """Return the check with the API's current listing."""
    with (
        Progress("asking the Boltz API") as progress,
        Connection(endpoint, key, Deadline(TOTAL_TIMEOUT_S)) as connection,
    ):
        found = fetch(connection, redacted, progress.show)
    listing = found.listing
    trouble = (f"the listing is not complete: {found.failure.detail}",) if found.failure else ()
    asked = replace(_with_listing(check.asked, "check", listing), trouble=trouble)
    return replace(
        check, context=ListingContext(datetime.now(UTC), listing), asked=asked, own_key=_fingerprint(key)
    )


def _with_listing(report: StatusReport, origin: str, listing: Listing) -> StatusReport:
    """Return the report with the facts on a listing."""
    return replace(
        report,
        listing=origin,
        organisation=listing.organisation,
        taken_at=stamp(listing.taken_at),
        complete=listing.complete,
        keys=len(listing.records),
    )


def _fingerprint(key: Secret) -> str | None:
    """Return the fingerprint that a scan would give a key."""
    matches = KeyDetector.of(rules.load()).find([key.reveal().encode("ascii")])
    return next((match.fingerprint for match in matches), None)


def _verify(verifier: Verifier, keys: Sequence[tuple[Finding, bytes]]) -> Iterable[tuple[str, Verification]]:
    with Progress("verifying") as progress:
        return list(replace(verifier, progress=progress.show)(keys))
