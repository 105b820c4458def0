"""Entries of a baseline for the keys that were accepted for another scanner."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from boltz_keyscan.cli.baseline_entries import Acceptance
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.imports.accepted import read_accepted, take_over
from boltz_keyscan.model.finding import Finding
from boltz_keyscan.records import replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report.wording import count
from boltz_keyscan.sources.trusted_files import read_named_file
from boltz_keyscan.triage.baseline import Entry


def take_over_keys(
    found: Sequence[Finding], source: str, acceptance: Acceptance
) -> tuple[list[Finding], list[Entry]]:
    """Return the keys that a file accepts at each path, and their entries; report the others.

    Args:
        found: the keys of the scan.
        source: path of a ``.secrets.baseline`` or ``.gitleaksignore``.
        acceptance: its reason is that of entries without one of their own.

    Raises:
        KeyscanError: the file cannot be read, or accepts none of the keys.
    """
    path = os.path.abspath(os.fsencode(source))
    accepted = read_accepted(path, source, read_named_file(path, source), acceptance.reason)
    known = take_over(found, accepted)
    taken = [each for each in found if each.fingerprint in known and not known[each.fingerprint][1]]
    if not taken and not any(left for _, left in known.values()):
        raise KeyscanError(
            f"{source} accepts none of the {count(len(found), 'key')} found",
            "Its paths are relative to its folder; scan that folder.",
        )
    for fingerprint, (_, left) in known.items():
        if left:
            more = f" and {count(len(left) - 1, 'more path')}" if len(left) > 1 else ""
            click.echo(redacted(f"not taken over: {fingerprint} is also in {left[0]}{more}"))
    if others := len(found) - len(known):
        click.echo(redacted(f"{count(others, 'key')} not accepted in {source}."))
    entries = [
        entry
        for each in taken
        for entry in replace(acceptance, reason=known[each.fingerprint][0]).keys([each])
    ]
    return taken, entries
