"""``boltz-keyscan baseline create|update|show``: accept known keys."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import click

from boltz_keyscan import rules
from boltz_keyscan.advice import describe_exposure
from boltz_keyscan.cli.groups import GroupWithExamples
from boltz_keyscan.cli.options import FILE_OPTIONS
from boltz_keyscan.cli.resolve import ResolvedOptions, ScanCommand
from boltz_keyscan.cli.scanning import plan_scan, run_scan
from boltz_keyscan.errors import KeyscanError, OutputError
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.policy import FailOn, FailPolicy, exit_code
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report.wording import count, moment
from boltz_keyscan.report.writer import write_text
from boltz_keyscan.scan_roots import display_path
from boltz_keyscan.sources.trusted_files import TreeFiles, find_tree_top, read_named_file
from boltz_keyscan.triage import baseline as files
from boltz_keyscan.triage.baseline import Entry
from boltz_keyscan.triage.suppress import Suppressor
from boltz_keyscan.triage.text_file import Text


def _day(ctx: click.Context, param: click.Parameter, value: str) -> date | None:
    try:
        return files.day(value)
    except ValueError:
        raise click.BadParameter("expected a date such as 2030-12-31, or forever", ctx, param) from None


def _line(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise click.BadParameter("expected some words", ctx, param)
    return value and " ".join(value.split())


_UNTIL = click.option(
    "--until",
    default=files.FOREVER,
    metavar="DATE",
    callback=_day,
    help="Last day of the acceptance, such as 2030-12-31.  [default: forever]",
)
_BY = click.option("--by", metavar="WHO", callback=_line, help="Your name.  [default: your login name]")


def _reason(*, required: bool) -> Callable[[Callable[..., int]], Callable[..., int]]:
    return click.option(
        "--reason", metavar="TEXT", required=required, callback=_line, help="Why these keys may stay."
    )


@click.group("baseline", cls=GroupWithExamples)
def baseline() -> None:
    """Accept known keys, so that only new ones fail a run.

    A baseline is a text file with one line per key, to be committed with the code. It
    contains fingerprints, no keys.
    """


@baseline.command("create", cls=ScanCommand, names=FILE_OPTIONS, short_help="Write a baseline of all keys.")
@_reason(required=True)
@_BY
@_UNTIL
def create(*, resolved: ResolvedOptions, reason: str, by: str | None, until: date | None) -> int:
    """Write a baseline of all keys that would fail a scan with --fail-on any.

    Keys in git-ignored files and unreachable objects are left out: they fail a scan only once
    they spread. Keys that are already suppressed are left out too.
    """
    path = _path(resolved)
    if os.path.lexists(path):
        raise KeyscanError(
            f"there is a baseline already: {display_path(path)}",
            "Add to it with 'boltz-keyscan baseline update --add'.",
        )
    result = _scan(resolved, resolved.suppressor(use_baselines=False))
    found = [finding for finding in result.findings if finding.blocking]
    entries = list(_new_entries(found, reason, _author(by), until))
    _write(path, entries)
    click.echo(redacted(f"{display_path(path)}: {count(len(entries), 'key')} accepted. Commit it."))
    click.echo("So that branches that both add to it merge by themselves, put this into .gitattributes:")
    click.echo(redacted(f"  {os.path.basename(os.fsdecode(path))} merge=union"))
    return _completeness_code(result)


@baseline.command(
    "update",
    cls=ScanCommand,
    names=FILE_OPTIONS,
    short_help="Drop vanished keys; with --add, accept new ones.",
)
@click.option("--add", is_flag=True, help="Accept new keys too, and renew what has expired.")
@_reason(required=False)
@_BY
@_UNTIL
def update(
    *, resolved: ResolvedOptions, add: bool, reason: str | None, by: str | None, until: date | None
) -> int:
    """Drop the keys that no longer occur; with --add, accept the new ones.

    Nothing is dropped after an incomplete scan: the keys may still be there.
    """
    if add and reason is None:
        raise KeyscanError("--add needs a reason", "Give it with --reason TEXT.")
    if not add and reason is not None:
        raise KeyscanError("--reason is for keys that are added", "Give --add too.")
    path, text = _read_existing(resolved)
    known = _parsed(text)
    today = datetime.now(UTC).date()
    result = _scan(resolved, resolved.suppressor(use_baselines=False))
    whole = not result.gaps
    valid = {key for key, entry in known.items() if not entry.expired(today)}
    unaccepted = [
        finding for finding in result.findings if finding.blocking and finding.fingerprint not in valid
    ]
    new = list(_new_entries(unaccepted, reason or "", _author(by), until)) if add else []
    kept = list(files.changed(known, _fingerprints(result), new, whole=whole))
    if files.format_file(kept).encode() != text.raw:
        _write(path, kept)
    dropped = len(known.keys() - {entry.fingerprint for entry in kept})
    left = len(kept) - len(new)
    summary = f"{left:,} kept, {dropped:,} dropped, {len(new):,} added"
    click.echo(redacted(f"{display_path(path)}: {count(len(kept), 'key')}: {summary}."))
    if not whole:
        click.echo("Nothing was dropped, because not everything could be scanned: see 'boltz-keyscan'.")
    if unaccepted and not add:
        click.echo(f"{count(len(unaccepted), 'key')} not accepted; --add --reason TEXT accepts them.")
    return _completeness_code(result)


@baseline.command("show", cls=ScanCommand, names=FILE_OPTIONS)
def show(*, resolved: ResolvedOptions) -> int:
    """Show each accepted key: how far it has spread, or that it is gone."""
    path, text = _read_existing(resolved)
    today = datetime.now(UTC).date()
    result = _scan(resolved)
    found = {finding.fingerprint: finding for finding in result.findings}
    entries = sorted(_parsed(text).values(), key=lambda entry: entry.fingerprint)
    for entry in entries:
        finding = found.get(entry.fingerprint)
        state = describe_exposure(finding.locations[0]) if finding else _absence(result)
        lapsed = "EXPIRED, " if entry.expired(today) else ""
        click.echo(redacted(f"{entry.fingerprint}  {lapsed}{state}"))
        click.echo(redacted(f"    {entry.rule_id}, first seen in {entry.path}"))
        click.echo(redacted(f"    {entry.summary}"))
    gone = sum(entry.fingerprint not in found for entry in entries)
    expired = sum(entry.expired(today) for entry in entries)
    summary = f"{count(len(entries), 'key')}, {expired:,} expired, {gone:,} not found"
    click.echo(redacted(f"{display_path(path)}: {summary}."))
    if gone and not result.gaps:
        click.echo("'boltz-keyscan baseline update' drops what no longer occurs.")
    return _completeness_code(result)


def _scan(resolved: ResolvedOptions, step: Suppressor | None = None) -> ScanResult:
    """Scan with ``--fail-on any``."""
    options = replace(resolved.options, fail_on=FailOn.ANY.value)
    return run_scan(plan_scan(options), resolved, step)


def _absence(result: ScanResult) -> str:
    return "not found, but not everything could be scanned" if result.gaps else "no longer occurs"


def _completeness_code(result: ScanResult) -> int:
    """Return exit code 0 for a complete scan and 3 for an incomplete one."""
    return exit_code((), result.gaps, FailPolicy(FailOn.NEVER))


def _path(resolved: ResolvedOptions) -> bytes:
    """Return the path of the baseline, which may not exist yet."""
    if resolved.named is not None:
        return os.path.abspath(os.fsencode(resolved.named))
    if resolved.in_tree is not None:
        return resolved.in_tree
    root = resolved.roots[0]
    top = root.trusted_files.top if root.trusted_files is not None else find_tree_top(root.folder)
    # Outside a repository a scan also searches the parent folders, but a new file belongs here.
    inside = os.path.lexists(os.path.join(top, b".git"))
    return os.path.join(top if inside else root.folder, os.fsencode(files.NAME))


def _read_existing(resolved: ResolvedOptions) -> tuple[bytes, Text]:
    """Return the baseline on disk, whatever is trusted: these commands edit that file."""
    path = _path(resolved)
    if resolved.named is None and resolved.in_tree is None:
        root = replace(resolved.roots[0], trusted_files=TreeFiles(find_tree_top(resolved.roots[0].folder)))
        found = root.nearest(files.NAME)
        path = found[0] if found else path
    if not os.path.lexists(path):
        raise KeyscanError(
            f"no such baseline: {display_path(path)}",
            "Make it with 'boltz-keyscan baseline create --reason TEXT'.",
        )
    return path, Text(display_path(path), read_named_file(path, display_path(path)))


def _parsed(text: Text) -> dict[str, Entry]:
    return files.parse(text, {rule.id for rule in rules.load()})


def _fingerprints(result: ScanResult) -> set[str]:
    return {finding.fingerprint for finding in result.findings}


def _new_entries(findings: Iterable[Finding], reason: str, by: str, until: date | None) -> Iterator[Entry]:
    """Yield an entry for each key."""
    for finding in findings:
        # The oldest location stays the same after a rename and on every machine.
        dated = [place for place in finding.locations if place.author_date]
        first = min(dated, key=lambda place: (moment(place.author_date), place.path), default=None)
        path = (first or finding.locations[0]).path
        yield Entry(finding.fingerprint, finding.rule_id, path, redacted(reason), redacted(by), until)


def _author(by: str | None) -> str:
    if by:
        return by
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError) as error:
        # A container whose user id has no name.
        raise KeyscanError("nobody is known to accept these keys", "Give your name with --by WHO.") from error


def _write(path: bytes, entries: list[Entry]) -> None:
    try:
        write_text(os.fsdecode(path), files.format_file(entries))
    except OSError as error:
        raise OutputError(
            f"cannot write {display_path(path)}: {error.strerror}",
            "Name a file that you may write, with --baseline.",
        ) from error
