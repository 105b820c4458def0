"""``boltz-keyscan baseline create|update|show``: accept the keys that are known.

Boundary: a scan in, a file or a listing out; the form of the file is ``triage.baseline``.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import click

from boltz_keyscan import rules
from boltz_keyscan.cli.examples import Shown, ShownGroup
from boltz_keyscan.cli.redaction import redacted
from boltz_keyscan.cli.resolve import ResolvedOptions, with_config
from boltz_keyscan.cli.scanning import run_scan, scan_subset_options
from boltz_keyscan.errors import KeyscanError, OutputError
from boltz_keyscan.model.finding import Finding, ScanResult
from boltz_keyscan.policy import FailOn, FailPolicy, exit_code
from boltz_keyscan.report.wording import EXPOSURE, count, moment
from boltz_keyscan.report.writer import write_text
from boltz_keyscan.sources.trusted_files import TreeFiles, read_named_file, top_of
from boltz_keyscan.triage import baseline as files
from boltz_keyscan.triage.baseline import Entry
from boltz_keyscan.triage.text_file import Text
from boltz_keyscan.trust import display_path


def _day(ctx: click.Context, param: click.Parameter, value: str) -> date | None:
    try:
        return files.day(value)
    except ValueError:
        raise click.BadParameter("expected a date such as 2030-12-31, or forever", ctx, param) from None


def _line(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise click.BadParameter("expected some words", ctx, param)
    return value and " ".join(value.split())


def _accepting(*, required: bool) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """The options that say who accepts keys, why, and until when."""

    def taking(function: Callable[..., int]) -> Callable[..., int]:
        for option in (
            click.option(
                "--until",
                default=files.FOREVER,
                metavar="DATE",
                callback=_day,
                help="The last day of the acceptance, as 2030-12-31.  [default: forever]",
            ),
            click.option(
                "--by", metavar="WHO", callback=_line, help="Who accepts.  [default: your login name]"
            ),
            click.option(
                "--reason", metavar="TEXT", required=required, callback=_line, help="Why these keys may stay."
            ),
        ):
            function = option(function)
        return function

    return taking


@click.group("baseline", cls=ShownGroup)
def baseline() -> None:
    """Accept keys that are known, so that only new ones fail a run.

    A baseline is a text file, one line for each key, to be committed with the code. It
    holds fingerprints and no keys.
    """


@baseline.command("create", cls=Shown)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@_accepting(required=True)
@scan_subset_options
@with_config
def create(*, settled: ResolvedOptions, reason: str, by: str | None, until: date | None, **_: object) -> int:
    """Write a baseline of all keys that would fail a scan with --fail-on any.

    Keys in git-ignored files and in objects no reference reaches are not taken: they do
    not fail a scan, and shall when they spread. Nor are keys that are excused already.
    """
    path = _path(settled)
    if os.path.lexists(path):
        raise KeyscanError(
            f"there is a baseline already: {display_path(path)}",
            "Add to it with 'boltz-keyscan baseline update --add'.",
        )
    result = run_scan(settled, (settled.excuser(unexposed=False, accepting=False),), FailOn.ANY)
    found = [finding for finding in result.findings if finding.blocking]
    entries = list(_accepted(found, reason, _who(by), until))
    _write(path, entries)
    click.echo(redacted(f"{display_path(path)}: {count(len(entries), 'key')} accepted. Commit it."))
    click.echo("So that branches that both add to it merge by themselves, put this into .gitattributes:")
    click.echo(redacted(f"  {os.path.basename(os.fsdecode(path))} merge=union"))
    return _rest(result)


@baseline.command("update", cls=Shown)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--add", is_flag=True, help="Accept new keys too, and renew what has expired.")
@_accepting(required=False)
@scan_subset_options
@with_config
def update(
    *,
    settled: ResolvedOptions,
    add: bool,
    reason: str | None,
    by: str | None,
    until: date | None,
    **_: object,
) -> int:
    """Drop the keys that no longer occur; with --add, accept those that are new.

    Nothing is dropped when something could not be scanned: the keys may be there.
    """
    if add and reason is None:
        raise KeyscanError("--add needs a reason", "Give it with --reason TEXT.")
    if not add and reason is not None:
        raise KeyscanError("--reason is for keys that are added", "Give --add too.")
    path, text = _existing(settled)
    known = _parsed(text)
    today = datetime.now(UTC).date()
    result = run_scan(settled, (settled.excuser(unexposed=False, accepting=False),), FailOn.ANY)
    whole = not result.gaps
    holding = {key for key, entry in known.items() if not entry.expired(today)}
    open_ = [
        finding for finding in result.findings if finding.blocking and finding.fingerprint not in holding
    ]
    new = list(_accepted(open_, reason or "", _who(by), until)) if add else []
    kept = list(files.changed(known, _occurring(result), new, whole=whole))
    if files.written(kept).encode() != text.raw:
        _write(path, kept)
    dropped = len(known.keys() - {entry.fingerprint for entry in kept})
    left = len(kept) - len(new)
    told = f"{left:,} kept, {dropped:,} dropped, {len(new):,} added"
    click.echo(redacted(f"{display_path(path)}: {count(len(kept), 'key')}: {told}."))
    if not whole:
        click.echo("Nothing was dropped, because not everything could be scanned: see 'boltz-keyscan'.")
    if open_ and not add:
        click.echo(f"{count(len(open_), 'key')} not accepted; --add --reason TEXT accepts them.")
    return _rest(result)


@baseline.command("show")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@scan_subset_options
@with_config
def show(*, settled: ResolvedOptions, **_: object) -> int:
    """Show each accepted key: how far it has spread, or that it no longer occurs."""
    path, text = _existing(settled)
    today = datetime.now(UTC).date()
    result = run_scan(settled, (), FailOn.ANY)
    found = {finding.fingerprint: finding for finding in result.findings}
    entries = sorted(_parsed(text).values(), key=lambda entry: entry.fingerprint)
    for entry in entries:
        finding = found.get(entry.fingerprint)
        state = EXPOSURE[finding.exposure] if finding else _absent(result)
        lapsed = "EXPIRED, " if entry.expired(today) else ""
        click.echo(redacted(f"{entry.fingerprint}  {lapsed}{state}"))
        click.echo(redacted(f"    {entry.rule_id}, first seen in {entry.path}"))
        click.echo(redacted(f"    {entry.summary}"))
    gone = sum(entry.fingerprint not in found for entry in entries)
    expired = sum(entry.expired(today) for entry in entries)
    told = f"{count(len(entries), 'key')}, {expired:,} expired, {gone:,} not found"
    click.echo(redacted(f"{display_path(path)}: {told}."))
    if gone and not result.gaps:
        click.echo("'boltz-keyscan baseline update' drops what no longer occurs.")
    return _rest(result)


def _absent(result: ScanResult) -> str:
    return "not found, but not everything could be scanned" if result.gaps else "no longer occurs"


def _rest(result: ScanResult) -> int:
    """The exit code of a command that judges nothing: whether everything was seen."""
    return exit_code((), result.gaps, FailPolicy(FailOn.NEVER))


def _path(settled: ResolvedOptions) -> bytes:
    """Where the baseline lies, or will."""
    if settled.named is not None:
        return os.path.abspath(os.fsencode(settled.named))
    if settled.in_tree is not None:
        return settled.in_tree
    stand = settled.standing[0]
    top = stand.shelf.top if stand.shelf is not None else top_of(stand.folder)
    # Outside a repository a scan would find it further up, but that is no place to write to.
    inside = os.path.lexists(os.path.join(top, b".git"))
    return os.path.join(top if inside else stand.folder, os.fsencode(files.NAME))


def _existing(settled: ResolvedOptions) -> tuple[bytes, Text]:
    """The baseline on disk, whoever is trusted: it is what these commands are about."""
    path = _path(settled)
    if settled.named is None and settled.in_tree is None:
        stand = replace(settled.standing[0], shelf=TreeFiles(top_of(settled.standing[0].folder)))
        found = stand.nearest(files.NAME)
        path = found[0] if found else path
    if not os.path.lexists(path):
        raise KeyscanError(
            f"no such baseline: {display_path(path)}",
            "Make it with 'boltz-keyscan baseline create --reason TEXT'.",
        )
    return path, Text(display_path(path), read_named_file(path, display_path(path)))


def _parsed(text: Text) -> dict[str, Entry]:
    return files.parse(text, {rule.id for rule in rules.load()})


def _occurring(result: ScanResult) -> set[str]:
    return {finding.fingerprint for finding in result.findings}


def _accepted(findings: Iterable[Finding], reason: str, by: str, until: date | None) -> Iterator[Entry]:
    """An entry for each key."""
    for finding in findings:
        # The oldest location: it is the same one after a rename, and on every machine.
        dated = [place for place in finding.locations if place.author_date]
        first = min(dated, key=lambda place: (moment(place.author_date), place.path), default=None)
        path = (first or finding.locations[0]).path
        yield Entry(finding.fingerprint, finding.rule_id, path, redacted(reason), redacted(by), until)


def _who(by: str | None) -> str:
    if by:
        return by
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError) as error:
        # A container that runs as a number.
        raise KeyscanError("nobody is known to accept these keys", "Give your name with --by WHO.") from error


def _write(path: bytes, entries: list[Entry]) -> None:
    try:
        write_text(os.fsdecode(path), files.written(entries))
    except OSError as error:
        raise OutputError(
            f"cannot write {display_path(path)}: {error.strerror}",
            "Name a file that you may write, with --baseline.",
        ) from error
