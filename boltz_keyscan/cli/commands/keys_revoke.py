"""``boltz-keyscan keys revoke``: revoke keys by exact id, after showing the effect.

Two confirmations are needed: ``--execute`` and the typed name of each key, or, without a
terminal, ``--yes`` and ``--id``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import click

from boltz_keyscan.api import revoke as api_revoke
from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.listing import FetchedListing
from boltz_keyscan.api.secret import Secret
from boltz_keyscan.cli.api_options import ApiCommand, ApiOptions, fetch_listing, open_connection, read_report
from boltz_keyscan.cli.commands.share_link_archive import (
    NOTHING_DONE,
    archive_links,
    confirm,
    write_audit_line,
)
from boltz_keyscan.cli.messages import report_line
from boltz_keyscan.cli.options import flag, option
from boltz_keyscan.cli.parameters import FILE, PATH
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fsutil import NO_LINK
from boltz_keyscan.model.enums import ExitCode, KeyType, Mode
from boltz_keyscan.records import dataclass
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report.wording import count
from boltz_keyscan.triage.key_record import Record, RecordError, identifier, stamp


@dataclass(frozen=True, slots=True)
class RevokeOptions:
    """Options of a revocation."""

    ids: tuple[str, ...] = option(
        "--id", help="Revoke the key with this id; repeatable.", metavar="ID", multiple=True
    )
    from_report: str | None = option(
        "--from-report", **FILE, help="Revoke the keys identified by --verify in a scan's JSON report."
    )
    links: tuple[str, ...] = option(
        "--share-link",
        help="Archive this share link, found again in PATH; repeatable.",
        metavar="FINGERPRINT",
        multiple=True,
    )
    execute: bool = flag("--execute", help="Revoke, after you type the name of each key.")
    yes: bool = flag("--yes", help="Revoke without asking. Requires --id or --share-link.")
    replace: bool = flag("--replace", help="Make a new key first and write it to standard output.")
    new_key_file: str | None = option(
        "--new-key-file", **FILE, help="Write the new key to FILE, which must not exist."
    )
    allow_self: bool = flag("--allow-self", help="Allow revoking the key this command authenticates with.")

    @property
    def is_dry(self) -> bool:
        """True to show only what would happen."""
        return not (self.execute or self.yes)

    @property
    def is_asking(self) -> bool:
        """True to ask for the name of each key first."""
        return self.execute and not self.yes


@click.command("revoke", cls=ApiCommand, options=RevokeOptions)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=PATH)
def revoke(*, api: ApiOptions, options: RevokeOptions, paths: tuple[str, ...]) -> int:
    """Revoke keys by exact id. Without --execute or --yes, only show what would happen.

    A key is never chosen by its prefix: a scan with --verify finds out its id. The keys are
    listed again afterwards to check that they are revoked. Exits with 1 if one of them may
    still work.

    A share link is archived by its fingerprint: a scan of PATH (default: the current folder)
    finds it again. Any key that reads the shared results may do that.
    """
    if options.links or paths:
        _check_only_links(options)
        _require_terminal(options)
        return archive_links(api, options.links, paths, is_dry=options.is_dry, is_asking=options.is_asking)
    _require_terminal(options)
    selected = _selected_ids(options)
    if options.replace and len(selected) != 1:
        raise KeyscanError("--replace takes one key at a time", "Give one --id.")
    with open_connection(api, stdin=not options.is_asking) as connection:
        found = fetch_listing(connection)
        plan = _plan(selected, found, options)
        if options.replace:
            for record in (each.record for each in plan if each.record is not None):
                api_revoke.check_replaceable(record, datetime.now(UTC))
        for line in (line for each in plan for line in _describe(each, found, replace=options.replace)):
            report_line(line)
        allowed = [each.record for each in plan if each.record is not None and not each.refused]
        if options.is_dry:
            report_line(NOTHING_DONE)
            return ExitCode.CLEAN if len(allowed) == len(plan) else ExitCode.BLOCKING
        outcomes = _act(connection, allowed, found, options)
    well = sum(outcome.succeeded for outcome in outcomes)
    return ExitCode.CLEAN if well == len(plan) else ExitCode.BLOCKING


def _check_only_links(options: RevokeOptions) -> None:
    if not options.links:
        raise KeyscanError("PATH is only for --share-link", "Leave it out, or give --share-link FINGERPRINT.")
    if options.ids or options.from_report or options.replace or options.new_key_file:
        raise KeyscanError("share links and keys are not revoked together", "Use one command for each.")


def _require_terminal(options: RevokeOptions) -> None:
    if options.is_asking and not (sys.stdin is not None and sys.stdin.isatty()):
        raise KeyscanError(
            "the name of the key cannot be asked for without a terminal", "Give --yes --id ID."
        )


@dataclass(frozen=True, slots=True)
class _PlannedRevocation:
    """Planned revocation of one key."""

    id: str
    record: Record | None
    refused: str = ""


def _selected_ids(options: RevokeOptions) -> list[str]:
    """Return the ids, each once.

    Raises:
        KeyscanError: no id is given, one is malformed, or --yes comes without ids of its own.
    """
    if options.yes and (options.from_report or not options.ids):
        raise KeyscanError("--yes revokes only keys given with --id", "Give the ids with --id.")
    named = list(options.ids)
    if options.from_report is not None:
        report = read_report(options.from_report)
        named += report.proved_ids
        if report.unproved:
            report_line(
                f"note: {count(report.unproved, 'key')} of the report not identified; scan with --verify"
            )
        for link in report.links:
            report_line(f"note: {link} is a share link; --share-link {link[:12]} archives it")
    if not named:
        raise KeyscanError("no key was named", "Give --id ID, or --from-report of a scan with --verify.")
    try:
        return [identifier(each, "the value of --id") for each in dict.fromkeys(named)]
    except RecordError as error:
        raise KeyscanError(str(error), "'boltz-keyscan keys list' shows the ids.") from None


def _plan(selected: Sequence[str], found: FetchedListing, options: RevokeOptions) -> list[_PlannedRevocation]:
    records = {each.id: each for each in found.listing.records}
    return [
        _PlannedRevocation(each, records.get(each), _refusal(records.get(each), found, options))
        for each in selected
    ]


def _refusal(record: Record | None, found: FetchedListing, options: RevokeOptions) -> str:
    if record is None:
        more = "" if found.listing.complete else ", but the listing is not complete"
        return f"no such key is listed{more}"
    if found.own is not None and found.own.key_id == record.id and not options.allow_self:
        return "this command authenticates with it; --allow-self revokes it anyway"
    if found.own is None and record.key_type is KeyType.ADMIN and not options.allow_self:
        return (
            "this command may authenticate with it: the API did not identify the key; "
            "--allow-self revokes it anyway"
        )
    return ""


def _describe(each: _PlannedRevocation, found: FetchedListing, *, replace: bool) -> Iterator[str]:
    """Yield lines on the key, and on what will stop working."""
    record = each.record
    if record is None:
        yield f"{each.id}: {each.refused}"
        return
    now = datetime.now(UTC)
    used = f"last used {stamp(record.last_used_at)}" if record.last_used_at else "never used"
    place = f"workspace {record.workspace_id}" if record.workspace_id else "the whole organisation"
    kind = f"{record.key_type} {record.mode} key"
    yield f"{record.id} {record.name!r}: {kind} of {place}, {record.state(now)}, {used}"
    if each.refused:
        yield f"  REFUSED: {each.refused}"
        return
    if not record.is_active:
        yield "  It is revoked already."
        return
    if record.key_type is KeyType.ADMIN:
        yield "  Whatever manages keys, workspaces and usage, or starts or reads jobs with it, gets a 401."
        live = [
            other
            for other in found.listing.records
            if other.key_type is KeyType.ADMIN and other.mode is Mode.LIVE and other.live(now)
        ]
        if record.mode is Mode.LIVE and [other.id for other in live] == [record.id]:
            yield "  WARNING: it is the last live admin key. Then only the console can make another one."
    else:
        yield f"  Whatever starts or reads jobs in {place} with it will get a 401; running jobs go on."
    if replace:
        yield "  A successor is made first: the same name, workspace, mode, addresses and end."


def _is_confirmed(record: Record) -> bool:
    name = record.name.strip() or record.id
    return confirm(f"To revoke {record.id}, type its name: ", (name,), "That is not its name.")


def _create_successor(connection: Connection, old: Record, path: str | None, own: str | None) -> None:
    """Create the successor and write it out.

    Raises:
        KeyscanError: it could not be created; then nothing is revoked.
    """
    hand_over, drop = _open_key_output(path)
    try:
        successor = api_revoke.succeed(connection, old, datetime.now(UTC), hand_over, redacted)
    except api_revoke.SuccessorError as error:
        drop()
        raise KeyscanError(f"{old.id} was not revoked: {error}", "Nothing else was done.") from None
    where = "standard output" if path is None else path
    end = stamp(successor.expires_at) if successor.expires_at else "never"
    report_line(f"  Successor {successor.id}, expires {end}: written to {where}.")
    _write_audit_line(successor, "created", f"successor of {old.id}", own)


def _open_key_output(path: str | None) -> tuple[Callable[[Secret], None], Callable[[], None]]:
    """Open the output of the new key before it is made; return a writer and a clean-up for failures."""
    if path is None:
        # Bypasses the output filter: the user asked for this key.
        descriptor = os.dup(1)
    else:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK
        try:
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise KeyscanError(
                f"cannot make {redacted(path)}: {error.strerror}", "Name a file that is not there yet."
            ) from error

    def hand_over(key: Secret) -> None:
        sys.stdout.flush()
        left = key.reveal().encode("ascii") + b"\n"
        while left:
            left = left[os.write(descriptor, left) :]
        if path is not None:
            os.fsync(descriptor)
        os.close(descriptor)

    def drop() -> None:
        if path is not None and os.path.exists(path) and os.path.getsize(path) == 0:
            os.unlink(path)

    return hand_over, drop


def _act(
    connection: Connection, allowed: Sequence[Record], found: FetchedListing, options: RevokeOptions
) -> tuple[api_revoke.Revocation, ...]:
    """Revoke the keys that are confirmed, after making a successor if one is wanted; report the outcomes."""
    records = [each for each in allowed if options.yes or _is_confirmed(each)]
    connection.renew()
    if not records:
        return ()
    own = found.own.key_id if found.own else None
    if options.replace:
        _create_successor(connection, records[0], options.new_key_file, own)
    outcomes = api_revoke.revoke(connection, records, redacted, own)
    for outcome in outcomes:
        why = f": {outcome.detail}" if outcome.detail else ""
        report_line(f"{outcome.record.id} {outcome.record.name!r}: {outcome.word}{why}")
        _write_audit_line(outcome.record, outcome.word, outcome.detail, own)
    return outcomes


def _write_audit_line(record: Record, word: str, detail: str, by: str | None) -> None:
    names = ("id", "name", "key_type", "mode", "workspace_id")
    write_audit_line(word, {name: getattr(record, name) for name in names}, by, detail)
