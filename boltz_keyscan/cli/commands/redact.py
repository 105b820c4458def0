"""``boltz-keyscan redact PATH...``: replace the keys in files."""

from __future__ import annotations

from collections.abc import Iterator

import click

from boltz_keyscan.cli.groups import CommandWithExamples
from boltz_keyscan.cli.parameters import PATH
from boltz_keyscan.cli.progress import scan_progress
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.redactor.run import Redaction, redact
from boltz_keyscan.report.gaps import joined_gaps
from boltz_keyscan.report.wording import count, gap_reason, short_fingerprints
from boltz_keyscan.sanitize import harmless


@click.command(
    "redact", cls=CommandWithExamples, short_help="Replace the keys in transcripts, logs, notebooks."
)
@click.argument("paths", metavar="PATH...", type=PATH, nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Only count the places. Changes nothing.")
@click.option("--no-backup", is_flag=True, help="Keep no copy of the old files.")
def redact_command(*, paths: tuple[str, ...], dry_run: bool, no_backup: bool) -> int:
    """Replace the keys in files by their redacted form and fingerprint.

    PATH is a text file (a transcript, a history, a log, a notebook), an SQLite database, or a
    folder of them. A key in base64, hexadecimal or escapes is replaced in the same encoding.
    Nothing else in a file changes, and a file that a program writes to is left.

    A replaced key still works: replace and revoke it. Exit code 1 means that keys are left.
    """
    result = redact(paths, backup=not no_backup, dry_run=dry_run, show_progress=scan_progress)
    for line in _lines(result, dry_run=dry_run):
        click.echo(harmless(line))
    return result.exit_code


def _lines(result: Redaction, *, dry_run: bool) -> Iterator[str]:
    verb = "would redact" if dry_run else "redacted"
    for each in result.redacted:
        what = (
            f"{count(each.places, 'place')} of {count(each.keys, 'key')}" if each.places else "deleted rows"
        )
        yield f"{verb}  {each.path}: {what}" + (f"; backup {each.backup}" if each.backup else "")
    for left in result.left:
        yield f"left  {left.path}: {count(left.places, 'place')}: {left.reason}"
        if left.hint:
            yield f"      {left.hint}"
    for gap in joined_gaps(result.gaps):
        yield f"not read  {gap.where}: {gap_reason(gap)}"
    names = short_fingerprints(name for _, name in result.keys)
    for shown, name in result.keys:
        yield f"key  {shown}  {names[name]}"
    yield from _advice(result, names)
    yield _verdict(result, dry_run=dry_run)


def _advice(result: Redaction, names: dict[str, str]) -> Iterator[str]:
    backups = [each.backup for each in result.redacted if each.backup]
    if backups or result.backups:
        files = count(len(backups) + len(result.backups), "backup")
        yield f"note: the keys are still in {files} (*.boltz-keyscan-backup); delete what you do not need"
    for name in result.committed:
        yield f"note: git still has {names[name]}: boltz-keyscan explain {names[name]}"
    if result.is_in_repository and not result.committed:
        yield "note: the git history was not read or changed; 'boltz-keyscan' scans it"
    if not result.is_use_known:
        yield "note: this system does not report which programs write to a file; end them first"
    if result.redacted:
        yield "note: a redacted key still works; replace and revoke it"


def _verdict(result: Redaction, *, dry_run: bool) -> str:
    places = sum(each.places for each in result.redacted)
    done = f"{count(places, 'place')} in {count(len(result.redacted), 'file')}"
    left = count(sum(left.places for left in result.left), "place")
    word = {ExitCode.CLEAN: "Done", ExitCode.BLOCKING: "LEFT", ExitCode.INCOMPLETE: "INCOMPLETE"}[
        result.exit_code
    ]
    verb = "to redact" if dry_run else "redacted"
    return f"{word}: {done} {verb}, {left} left (exit {int(result.exit_code)})."
