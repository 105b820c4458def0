"""``boltz-keyscan baseline create|update|show``: accept known keys."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

import click

from boltz_keyscan import rules
from boltz_keyscan.advice import describe_exposure
from boltz_keyscan.cli.baseline_entries import (
    Acceptance,
    ToBaseline,
    author,
    gap_keys,
    open_gaps,
    take_over_keys,
    to_baseline,
    with_new_places,
)
from boltz_keyscan.cli.groups import GroupWithExamples
from boltz_keyscan.cli.options import FILE_OPTIONS, flag, option
from boltz_keyscan.cli.parameters import ANY_FILE
from boltz_keyscan.cli.resolve import ResolvedOptions, ScanCommand
from boltz_keyscan.cli.scanning import plan_scan, run_scan
from boltz_keyscan.errors import KeyscanError, writing
from boltz_keyscan.model.enums import Mode, Status
from boltz_keyscan.model.finding import Finding, Gap, ScanResult
from boltz_keyscan.policy import FailOn, FailPolicy, exit_code
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.report.gaps import joined_gaps
from boltz_keyscan.report.wording import and_more, count, count_secrets, gap_reason
from boltz_keyscan.report.writer import write_text
from boltz_keyscan.scan_roots import display_path
from boltz_keyscan.sources.trusted_files import TreeFiles, find_tree_top, read_named_file
from boltz_keyscan.triage import baseline as files
from boltz_keyscan.triage.baseline import Entry
from boltz_keyscan.triage.text_file import TextFile


def _day(ctx: click.Context, param: click.Parameter, value: str) -> date | None:
    try:
        return files.day(value)
    except ValueError:
        raise click.BadParameter("expected a date such as 2030-12-31, or forever", ctx, param) from None


def _line(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise click.BadParameter("expected some words", ctx, param)
    if value in {"REASON", "TEXT"}:
        raise click.BadParameter(f"write it in your own words, not {value}", ctx, param)
    return value and " ".join(value.split())


@dataclass(frozen=True, slots=True)
class AcceptanceOptions:
    """Options of the commands that accept keys."""

    gaps: bool = flag("--gaps", help="Accept today's gaps too: archives that cannot be read.")
    reason: str | None = option("--reason", help="Why these keys may stay.", metavar="TEXT", callback=_line)
    by: str | None = option(
        "--by",
        help="Your name.  [default: user.name and user.email of git, else your login name]",
        metavar="WHO",
        callback=_line,
    )
    until: date | None = option(
        "--until",
        help="Last day of the acceptance, such as 2030-12-31.  [default: forever]",
        metavar="DATE",
        default=files.FOREVER,
        show_default=False,
        callback=_day,
    )

    def acceptance(self, to_base: ToBaseline) -> Acceptance:
        """Return the acceptance of keys and gaps."""
        return Acceptance(self.reason or "", author(self.by), self.until, to_base)


@click.group("baseline", cls=GroupWithExamples)
def baseline() -> None:
    """Accept known keys, so that only new ones fail a run.

    A baseline is a text file with one line per key, to be committed with the code. It
    contains fingerprints, no keys.
    """


@baseline.command(
    "create",
    cls=ScanCommand,
    names=FILE_OPTIONS,
    options=AcceptanceOptions,
    short_help="Write a baseline of all keys.",
)
@click.option(
    "--from",
    "source",
    **ANY_FILE,
    help="Take over only keys accepted in a .secrets.baseline or .gitleaksignore.",
)
def create(*, resolved: ResolvedOptions, source: str | None, options: AcceptanceOptions) -> int:
    """Write a baseline of all keys that would fail a scan with --fail-on any.

    Keys in git-ignored files and unreachable objects are left out: they fail a scan only once
    they spread. Keys that are already suppressed are left out too.
    """
    if options.reason is None and (options.gaps or source is None):
        raise click.UsageError("Missing option '--reason'.")
    path = _path(resolved)
    if os.path.lexists(path):
        raise KeyscanError(
            f"there is a baseline already: {display_path(path)}",
            "Add to it with 'boltz-keyscan baseline update --add'.",
        )
    result = _scan(resolved)
    found = [finding for finding in result.findings if finding.blocking]
    acceptance = options.acceptance(to_baseline(resolved, path))
    if source is None:
        key_entries = list(acceptance.keys(found))
    else:
        found, key_entries = take_over_keys(found, source, acceptance)
    unread = open_gaps(result.gaps, (), acceptance.to_baseline)
    accepted_gaps = _acceptable(unread) if options.gaps else []
    gap_entries = list(acceptance.gaps(accepted_gaps))
    entries = [*key_entries, *gap_entries]
    _write(path, entries)
    accepted = count_secrets(found) + (
        f" and {count(len(joined_gaps(accepted_gaps)), 'gap')}" if accepted_gaps else ""
    )
    click.echo(redacted(f"{display_path(path)}: {accepted} accepted. Commit it."))
    _echo_live(found, options.until, "delete the file, and run this again with --until DATE")
    left = open_gaps(unread, {entry.key for entry in entries}, acceptance.to_baseline)
    _echo_gaps(
        left, "'boltz-keyscan baseline update --add --gaps --reason TEXT' accepts them.", gaps=options.gaps
    )
    click.echo("So that branches that both add to it merge by themselves, put this into .gitattributes:")
    click.echo(redacted(f"  {os.path.basename(os.fsdecode(path))} merge=union"))
    return _completeness_code(left)


@baseline.command(
    "update",
    cls=ScanCommand,
    names=FILE_OPTIONS,
    options=AcceptanceOptions,
    short_help="Drop vanished keys; with --add, accept new ones.",
)
@click.option("--add", is_flag=True, help="Accept new keys and places too, and renew what has expired.")
def update(*, resolved: ResolvedOptions, add: bool, options: AcceptanceOptions) -> int:
    """Drop the keys and gaps that no longer occur; with --add, accept the new ones.

    Nothing is dropped after an incomplete scan: the keys may still be there.
    """
    if add and options.reason is None:
        raise KeyscanError("--add needs a reason", "Give it with --reason TEXT.")
    path, text = _read_existing(resolved)
    known = _parsed(text)
    today = datetime.now(UTC).date()
    result = _scan(resolved)
    valid = {key: entry for key, entry in known.items() if not entry.expired(today)}
    to_base = to_baseline(resolved, path)
    unread = open_gaps(result.gaps, valid, to_base)
    unaccepted = [
        finding for finding in result.findings if finding.blocking and finding.fingerprint not in valid
    ]
    new: list[Entry] = []
    spread: list[Entry] = []
    if add:
        acceptance = options.acceptance(to_base)
        new = [*acceptance.keys(unaccepted), *acceptance.gaps(_acceptable(unread) if options.gaps else ())]
        spread = _with_new_places(valid, result, acceptance)
    unread = open_gaps(unread, {entry.key for entry in new}, to_base)
    whole = not unread
    kept = list(files.changed(known, _occurring(result, to_base), [*new, *spread], whole=whole))
    if files.format_file(kept).encode() != text.raw:
        _write(path, kept)
    dropped = len(known.keys() - {entry.key for entry in kept})
    summary = f"{len(kept) - len(new):,} kept, {dropped:,} dropped, {len(new):,} added"
    click.echo(redacted(f"{display_path(path)}: {_kinds(kept, result, to_base)}: {summary}."))
    if not whole:
        click.echo("Nothing was dropped, because not everything could be scanned: see 'boltz-keyscan'.")
    if add:
        _echo_live(
            unaccepted, options.until, "write its last day, such as 2030-12-31, at the end of its line"
        )
    elif unaccepted:
        them = "it" if len(unaccepted) == 1 else "them"
        click.echo(f"{count(len(unaccepted), 'key')} not accepted; --add --reason TEXT accepts {them}.")
    _echo_gaps(unread, "--add --gaps --reason TEXT accepts them.", gaps=options.gaps)
    return _completeness_code(unread)


@baseline.command("show", cls=ScanCommand, names=FILE_OPTIONS)
def show(*, resolved: ResolvedOptions) -> int:
    """Show each accepted key and gap: how far the key has spread, or that it is gone."""
    path, text = _read_existing(resolved)
    today = datetime.now(UTC).date()
    result = _scan(resolved)
    entries = _parsed(text)
    to_base = to_baseline(resolved, path)
    unread = open_gaps(
        result.gaps, {key for key, each in entries.items() if not each.expired(today)}, to_base
    )
    occurring = _occurring(result, to_base)
    exposures = {finding.fingerprint: describe_exposure(finding.locations[0]) for finding in result.findings}
    absence = "not found, but not everything could be scanned" if unread else "no longer occurs"
    for key, entry in sorted(entries.items()):
        state = exposures.get(key, "not scanned") if key in occurring else absence
        lapsed = "EXPIRED, " if entry.expired(today) else ""
        click.echo(redacted(f"{entry.fingerprint}  {lapsed}{state}"))
        more = and_more(len(entry.places), "path")
        click.echo(redacted(f"    {entry.rule_id}, first seen in {entry.path}{more}"))
        click.echo(redacted(f"    {entry.summary}"))
    gone = sum(key not in occurring for key in entries)
    expired = sum(entry.expired(today) for entry in entries.values())
    summary = f"{_kinds(entries.values(), result, to_base)}, {expired:,} expired, {gone:,} not found"
    click.echo(redacted(f"{display_path(path)}: {summary}."))
    if gone and not unread:
        click.echo("'boltz-keyscan baseline update' drops what no longer occurs.")
    return _completeness_code(unread)


def _scan(resolved: ResolvedOptions) -> ScanResult:
    """Scan with ``--fail-on any``, with all suppressions but the baseline."""
    options = replace(resolved.options, fail_on=FailOn.ANY.value)
    return run_scan(plan_scan(options), resolved, resolved.suppressor(use_baselines=False))


def _occurring(result: ScanResult, to_base: ToBaseline) -> set[str]:
    """Return the keys of entries for everything that was found, blocking or not."""
    found = {finding.fingerprint for finding in result.findings}
    return found.union(*(keys for gap in result.gaps for keys in gap_keys(gap, to_base)))


def _with_new_places(valid: dict[str, Entry], result: ScanResult, acceptance: Acceptance) -> list[Entry]:
    """Return the entries of keys that are at places which they do not name, with these places."""
    found = {finding.fingerprint: finding for finding in result.findings}
    pairs = (
        (entry, with_new_places(entry, found[key], acceptance))
        for key, entry in valid.items()
        if key in found
    )
    return [now for was, now in pairs if now is not was]


def _acceptable(gaps: Iterable[Gap]) -> list[Gap]:
    """Return the gaps that an entry can accept and that fail a scan."""
    return [gap for gap in gaps if not gap.by_design and (gap.oid is not None or gap.paths)]


def _echo_live(found: Sequence[Finding], until: date | None, way: str) -> None:
    """Report the live keys among those accepted just now, and the way to give that an end."""
    live = sum(each.mode is Mode.LIVE and each.status is Status.UNCHECKED for each in found)
    if live:
        what = (
            "1 of them is a live key that was" if live == 1 else f"{live:,} of them are live keys that were"
        )
        offer = f" To let the acceptance end: {way}." if until is None else ""
        click.echo(f"{what} not checked. A live key can be used until it is revoked.{offer}")


def _echo_gaps(left: Iterable[Gap], advice: str, *, gaps: bool) -> None:
    """Report the gaps that were not accepted and fail a scan."""
    failing = joined_gaps(gap for gap in left if not gap.by_design)
    if gaps:
        for gap in failing:
            click.echo(redacted(f"cannot be accepted: {gap.where}: {gap_reason(gap)}"))
    elif _acceptable(failing):
        click.echo(f"{count(len(failing), 'gap')} not accepted, so a scan exits with 3; {advice}")


def _kinds(entries: Iterable[Entry], result: ScanResult, to_base: ToBaseline) -> str:
    """Return the number of keys and gaps that entries accept, and of their lines if it differs."""
    entries = tuple(entries)
    lines = {entry.key for entry in entries if entry.is_gap}
    keys = count(len(entries) - len(lines), "key")
    if not lines:
        return keys
    # One line accepts a file and the git object of its content, and one gap can need several lines.
    failing = [gap for gap in result.gaps if not gap.by_design]
    left = set(open_gaps(failing, lines, to_base))
    accepted = [gap for gap in failing if gap.accepted is None and gap not in left]
    found = {key for gap in accepted for keys in gap_keys(gap, to_base) for key in keys}
    gaps = len(joined_gaps(accepted)) + len(lines - found)
    return f"{keys} and {count(gaps, 'gap')}" + (f" in {len(entries):,} lines" if gaps != len(lines) else "")


def _completeness_code(gaps: Iterable[Gap]) -> int:
    """Return exit code 0 for a complete scan and 3 for an incomplete one."""
    return exit_code((), gaps, FailPolicy(FailOn.NEVER))


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


def _read_existing(resolved: ResolvedOptions) -> tuple[bytes, TextFile]:
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
    return path, TextFile(display_path(path), read_named_file(path, display_path(path)))


def _parsed(text: TextFile) -> dict[str, Entry]:
    return files.parse(text, {rule.id for rule in rules.load()})


def _write(path: bytes, entries: list[Entry]) -> None:
    with writing(display_path(path), "Name a file that you may write, with --baseline."):
        write_text(os.fsdecode(path), files.format_file(entries))
