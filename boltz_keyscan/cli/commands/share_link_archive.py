"""Archiving of share links, for ``keys revoke --share-link``: shown first, asked twice, confirmed afterwards.

The fingerprint does not give the link, which is a secret and never an argument: a scan finds it again.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import click

from boltz_keyscan import pipeline
from boltz_keyscan.api import share_links
from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.errors import ApiError
from boltz_keyscan.api.secret import Secret, unsealed
from boltz_keyscan.api.share_links import LinkRecord
from boltz_keyscan.api.whoami import whoami
from boltz_keyscan.cli.api_options import ApiOptions, open_connection
from boltz_keyscan.cli.messages import report_line
from boltz_keyscan.cli.progress import scan_progress
from boltz_keyscan.detect.lookup import Lookup
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.enums import ExitCode, Shape
from boltz_keyscan.model.finding import Finding, Gap, Match
from boltz_keyscan.model.status import StatusReport
from boltz_keyscan.plan import Options, check_path, make_plan
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.redaction import redacted
from boltz_keyscan.triage.key_record import RecordError, stamp

_FINGERPRINT = re.compile(r"(?:bk1:)?([0-9a-f]{4,32})")

NOTHING_DONE = "Nothing was done. --execute does it, after asking; --yes without asking."

_ASKED_DIGITS = 8
"""Digits of the fingerprint that confirm an archiving; lists show as many."""


def archive_links(
    api: ApiOptions, names: Sequence[str], paths: Sequence[str], *, is_dry: bool, is_asking: bool
) -> int:
    """Archive share links.

    Args:
        api: options of the connection; any key that reads the shared results will do.
        names: fingerprints, or their beginnings.
        paths: folders and files to find the links in; the current folder without one.
        is_dry: only show them.
        is_asking: archive a link after the user typed its fingerprint.

    Raises:
        KeyscanError: a link is not found, no key is set, or the SDK is not installed.
    """
    found = _find_links(names, tuple(paths) or (".",))
    with open_connection(api, stdin=not is_asking, admin=False) as connection:
        done = [
            _archive(connection, fingerprint, link, is_dry=is_dry, is_asking=is_asking)
            for fingerprint, link in found.items()
        ]
    if is_dry:
        report_line(NOTHING_DONE)
    return ExitCode.CLEAN if all(done) else ExitCode.BLOCKING


@dataclass(frozen=True, slots=True)
class _Collector:
    """Status check that keeps the sealed share links of a scan, and sends nothing."""

    secret: bytes = field(repr=False)
    sealed: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def lookup(self) -> Lookup:
        """Return the lookup that seals each key."""
        return Lookup.of((), self.secret)

    def apply(
        self, findings: Sequence[Finding], matches: Mapping[str, Match]
    ) -> tuple[tuple[Finding, ...], StatusReport, tuple[Gap, ...]]:
        """Keep the share links; return the findings as they are."""
        for finding in findings:
            if finding.key_type is None and finding.shape is Shape.CONFIRMED:
                self.sealed[finding.fingerprint] = matches[finding.fingerprint].sealed
        return tuple(findings), StatusReport(), ()


def _find_links(names: Sequence[str], paths: tuple[str, ...]) -> dict[str, Secret]:
    """Return the share links with these fingerprints, by fingerprint.

    Raises:
        KeyscanError: a name is no fingerprint, or that of no link or of several.
    """
    wanted = [_digits(name) for name in dict.fromkeys(names)]
    for path in paths:
        check_path(path, history_only=False)
    plan = make_plan(Options(paths=paths))
    collector = _Collector(os.urandom(32))
    with scan_progress(plan.sources, quiet=False) as progress:
        result = pipeline.run(plan, status_check=collector, progress=progress)
    links = {}
    for digits in wanted:
        fits = [each for each in collector.sealed if each.startswith(f"bk1:{digits}")]
        if len(fits) > 1:
            raise KeyscanError(f"{len(fits):,} share links begin with {digits}", "Give more digits.")
        if not fits:
            part = "" if result.complete else ", and not everything could be scanned"
            raise KeyscanError(
                f"no share link with the fingerprint {digits} was found{part}",
                "Give the PATH of the scan that reported it; keys are revoked with --id.",
            )
        links[fits[0]] = unsealed(collector.sealed[fits[0]], fits[0], collector.secret)
    return links


def _digits(name: str) -> str:
    if not (found := _FINGERPRINT.fullmatch(name)):
        raise KeyscanError(
            "the value of --share-link is not a fingerprint", "A link is a secret, and never an argument."
        )
    return found[1]


def _archive(
    connection: Connection, fingerprint: str, link: Secret, *, is_dry: bool, is_asking: bool
) -> bool:
    """Show a link, and archive it if that is wanted; return True if nothing is left to do."""
    try:
        record = share_links.describe(connection, link)
    except ApiError as error:
        report_line(f"{fingerprint}: {error.failure.detail}")
        return False
    except RecordError as error:
        report_line(f"{fingerprint}: the response of the API is not as documented: {error}")
        return False
    _describe(fingerprint, record)
    if is_dry or record.archived_at is not None:
        return True
    digits = fingerprint.removeprefix("bk1:")[:_ASKED_DIGITS]
    question = f"To archive it, type the first {_ASKED_DIGITS} digits of its fingerprint: "
    if is_asking and not confirm(question, (digits, f"bk1:{digits}"), "These are not its digits."):
        return False
    connection.renew()
    archived, why = share_links.archive(connection, link)
    word = "archived" if archived else "failed"
    report_line(f"{fingerprint}: {word}{f': {why}' if why else ''}")
    by = None
    # Without it the outcome is reported all the same.
    with contextlib.suppress(ApiError, RecordError):
        by = whoami(connection).key_id
    write_audit_line(word, {"fingerprint": fingerprint, "workspace_id": record.workspace_id}, by, why)
    return archived


def _describe(fingerprint: str, record: LinkRecord) -> None:
    who = "whoever has it" if record.is_public else "some e-mail addresses"
    until = f"{'expired' if record.expires_at <= datetime.now(UTC) else 'until'} {stamp(record.expires_at)}"
    report_line(f"{fingerprint}: share link of {record.content}, for {who}, {until}")
    if record.archived_at is not None:
        report_line(f"  It was archived on {stamp(record.archived_at)}.")
    else:
        report_line("  Archived, it opens nothing any more, and cannot be restored; the results stay.")


def confirm(question: str, answers: Collection[str], refusal: str) -> bool:
    """Ask on standard error for a text that confirms an action; return True if it was typed."""
    click.echo(redacted(question), err=True, nl=False)
    if sys.stdin.readline().strip() in answers:
        return True
    report_line(f"  {refusal} It is left alone.")
    return False


def write_audit_line(outcome: str, subject: Mapping[str, object], by: str | None, detail: str) -> None:
    """Write one audit line: the key or link, the outcome, the time and the acting key; no secret."""
    head = {"event": "boltz-keyscan keys revoke", "at": stamp(datetime.now(UTC)), "outcome": outcome}
    report_line(f"audit: {json.dumps({**head, **subject, 'by': by, 'detail': detail})}")
