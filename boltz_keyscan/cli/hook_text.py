"""Text of a hook that found keys: the places, and the commands that fit. Loaded only then."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from enum import StrEnum

import click

from boltz_keyscan import rules
from boltz_keyscan.advice import Verb, choose_verb
from boltz_keyscan.audit.local_files import read_environment_files
from boltz_keyscan.cli.options import AUTO, ScanOptions
from boltz_keyscan.cli.output import emit, in_actions, report_options
from boltz_keyscan.cli.resolve import ResolvedOptions, resolve
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import GitError
from boltz_keyscan.model.enums import ExitCode, Exposure, KeyType, Mode, Shape, Situation
from boltz_keyscan.model.finding import Finding, Location, ScanResult
from boltz_keyscan.model.kinds import describe_secret, is_link
from boltz_keyscan.report.file_actions import distinct_paths
from boltz_keyscan.report.locations import format_commit, format_place
from boltz_keyscan.report.options import ReportOptions
from boltz_keyscan.report.sentences import suppression_sentences
from boltz_keyscan.report.summary import summary, verdict_rows
from boltz_keyscan.report.text import MAX_KEYS, clip
from boltz_keyscan.report.wording import count, count_secrets, is_old, short_fingerprints, suppressors
from boltz_keyscan.sanitize import harmless
from boltz_keyscan.sources.files.content_id import content_ids
from boltz_keyscan.sources.git.repo.file_status import FileStatus, Worktree
from boltz_keyscan.sources.git.repo.object_store import prepare_repository
from boltz_keyscan.sources.git.repo.references import read_references
from boltz_keyscan.sources.git.repo.repository import Repository, enclosing
from boltz_keyscan.system.paths import ANYWHERE, relative
from boltz_keyscan.triage.baseline import NAME as BASELINE

_MAX_NAMED = 5
"""Limit of keys that pass and of paths in a command; the rest is counted."""

_NOT_FOR_HOOKS = frozenset({"Next", "Kept", "Read", "Notes"})
"""Lines of a report that a hook replaces by its own."""


_IN_TREE = re.compile(r"(.+):[0-9]+ \(in the tree\)", re.DOTALL)
"""Source of a suppression in a file of the worktree."""


class Change(StrEnum):
    """The change that a hook checks."""

    COMMIT = "commit"
    FILES = "files"
    """Files that were named by hand: there is no commit to stop."""
    PUSH = "push"
    RANGE = "range"
    """A push that was named by hand."""
    RECEIVED = "received"


_TITLE = {
    Change.COMMIT: "COMMIT STOPPED. Nothing was committed; nothing has left this machine.",
    Change.PUSH: "PUSH STOPPED. Nothing of it was sent; no key has reached the other side.",
    Change.RECEIVED: "PUSH REFUSED. Nothing of it was stored; the server has no key of it.",
}


def stopped_lines(
    result: ScanResult, change: Change, looked_at: str, options: ReportOptions
) -> Iterator[str]:
    """Yield the lines for a change with keys that stop it."""
    blocking = [finding for finding in result.findings if finding.blocking]
    found = f"{count_secrets(blocking, 'new')} in {looked_at}"
    yield f"boltz-keyscan: {_TITLE.get(change, found)}"
    names = short_fingerprints(finding.fingerprint for finding in result.findings)
    own = _fingerprints_of_environment() if change in {Change.COMMIT, Change.FILES} else {}
    in_head = _find_unchanged(blocking) if change is Change.FILES else frozenset[str]()
    for finding in blocking[:MAX_KEYS]:
        yield from _places(
            finding, names[finding.fingerprint], own.get(finding.fingerprint, ""), in_head, options
        )
    if len(blocking) > MAX_KEYS:
        yield f"  +{count_secrets(blocking[MAX_KEYS:], 'more')}"
    for finding in result.keys:
        if not finding.blocking:
            (place, *_) = finding.locations
            reason = (
                "there before" if is_old(finding) else "accepted" if finding.suppression else "not exposed"
            )
            yield harmless(
                f"  {format_place(place, [place])}   {names[finding.fingerprint]}: {reason}, passes"
            )
    for label, text in _commands(blocking, names, change, in_head):
        yield harmless(f"{label:<8} {text}")
    current = ""
    for label, text in summary(result, options):
        current = label or current
        if current not in _NOT_FOR_HOOKS:
            yield harmless(f"{label:<8} {text}")
    for label, text in verdict_rows(result):
        if label == "INCOMPLETE":
            yield f"{label} {text}"


def _places(
    finding: Finding, name: str, file: str, in_head: frozenset[str], options: ReportOptions
) -> Iterator[str]:
    """Yield the lines of a key; ``file`` is an environment file that has it too, absolute, or ""."""
    kind = f"{describe_secret(finding)} {name}"
    same = f" (the same as in your {os.path.basename(file)})" if file else ""
    if finding.shape is not Shape.CONFIRMED:
        kind += f", {finding.shape}"
    groups: dict[tuple[str, tuple[str, ...]], list[Location]] = {}
    for location in finding.locations:
        if not location.old:
            groups.setdefault((location.path, location.members), []).append(location)
    shown = [*groups.values()][: options.limit(MAX_KEYS)]
    for group in shown:
        first = group[0]
        of = f"   {format_commit(first)}" if first.commit else ""
        spot = (
            "" if first.exposure in {Exposure.STAGED, Exposure.HISTORY, Exposure.TRACKED} else "   not staged"
        )
        spot = "   in HEAD" if first.path in in_head else spot
        also = same if os.path.abspath(first.path) != file else ""
        yield harmless(f"  {format_place(first, group)}   {kind}{also}{of}{spot}")
        if first.context:
            yield f"    | {clip(harmless(first.context), options.width - 6)}"
    if len(shown) < len(groups):
        yield f"    and {count(len(groups) - len(shown), 'more path')}"
    yield from (f"    {harmless(text)}" for text in suppression_sentences(finding, _MAX_NAMED))


def _fingerprints_of_environment() -> dict[str, str]:
    """Return the keys in the environment files of the current folder, with the absolute path of the file."""
    detector = KeyDetector.of(rules.load())
    files = read_environment_files(os.getcwdb(), detector)
    return {match.fingerprint: os.path.abspath(file.path) for file in files for match in file.keys}


def _find_unchanged(blocking: Sequence[Finding]) -> frozenset[str]:
    """Return the paths that are in the index as HEAD has them, so that there is nothing to unstage."""
    paths = {
        place.path for finding in blocking for place in finding.locations if place.exposure is Exposure.STAGED
    }
    status = _read_status(enclosing(os.getcwdb()), [os.fsencode(path) for path in sorted(paths)])
    if status is None:
        return frozenset()
    return frozenset(
        path
        for path in paths
        if set(status.staged.get(os.fsencode(path), ())) == {status.committed.get(os.fsencode(path))}
    )


def _read_status(repository: Repository | None, names: list[bytes]) -> FileStatus | None:
    """Return the status of files; None without a repository or names, or if git cannot read it."""
    if repository is None or not names:
        return None
    view = prepare_repository(repository, ANYWHERE, "").view
    if view is None:
        return None
    try:
        return Worktree(repository, view).read_status(names)
    except (GitError, OSError):
        return None


def _commands(
    blocking: Sequence[Finding], names: dict[str, str], change: Change, in_head: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Yield label and command of each thing that can be done."""
    of_head = [each for each in blocking if any(place.path in in_head for place in each.locations)]
    explain = " ".join(
        ("boltz-keyscan explain", *(names[each.fingerprint] for each in (of_head or blocking)[:_MAX_NAMED]))
    )
    if change in {Change.COMMIT, Change.FILES}:
        if of_head:
            yield "Do", f"{explain}     HEAD has it: step by step"
        yield from _commit_commands(blocking, in_head)
        return
    if change is Change.RECEIVED:
        yield "Do", "replace and revoke the key first; then take it out of every commit you push:"
        yield "", explain
        yield "Accept", "the baseline of the default branch has to have the key before the push"
    else:
        yield "Do", f"{explain}     takes it out of every commit, step by step"
        yield "Accept", _accept_in_baseline()


def _commit_commands(blocking: Sequence[Finding], in_head: frozenset[str]) -> Iterator[tuple[str, str]]:
    new = [
        (place, is_link(finding))
        for finding in blocking
        for place in finding.locations
        if not place.old and place.path not in in_head
    ]
    groups: dict[tuple[Verb, bool], list[Location]] = {}
    for place, link in new:
        verb = choose_verb(place, Situation.NOT_COMMITTED)
        groups.setdefault((verb, link and verb is Verb.TAKE_OUT), []).append(place)
    label = "" if in_head else "Do"
    for (verb, link), found in groups.items():
        if verb in _ACTIONS:
            action = _TAKE_LINK_OUT if link else _ACTIONS[verb]
            yield label, action.format(paths=_shown_paths(found), ignored=_shown_paths(found, root="/"))
            label = ""
        if verb is Verb.CLEAR:
            yield "", "(without Jupyter: boltz-keyscan explain has other ways)"
    # "git commit -a" and "git commit FILE" stage into an index of their own, which is gone by now.
    is_kept = not os.environ.get("GIT_INDEX_FILE", "").endswith(".lock")
    if is_kept and (staged := [place for place, _ in new if place.exposure is Exposure.STAGED]):
        repository = enclosing(os.getcwdb())
        refs = read_references(repository) if repository is not None else None
        unborn = refs is not None and refs.is_unborn
        yield "Unstage", f"git {'rm --cached' if unborn else 'restore --staged'} {_shown_paths(staged)}"
        if refs is not None and refs.opaque:
            yield "", "(HEAD is not read, as reftable: files that were committed earlier count as staged)"
    if all(_takes_comment(finding) for finding in blocking):
        yield "Accept", "on that line: # boltz-keyscan: ignore=REASON   (ignored in CI without --trust)"
    else:
        yield "Accept", _accept_in_baseline()


_TAKE_LINK_OUT = "take the share link out, then: git add {paths} && git commit"

_ACTIONS = {
    Verb.TAKE_OUT: "read it from BOLTZ_API_KEY, then: git add {paths} && git commit",
    Verb.CLEAR: "jupyter nbconvert --clear-output --inplace {paths} && git add {paths} && git commit",
    Verb.DELETE: "git rm -f {paths}",
    Verb.IGNORE: "git rm -f --cached {paths} && printf '%s\\n' {ignored} >> .gitignore && git add .gitignore",
}


def _shown_paths(found: Sequence[Location], root: str = "") -> str:
    paths = distinct_paths(found)
    return shlex.join(f"{root}{path}" for path in paths) if len(paths) <= _MAX_NAMED else "FILE..."


def _takes_comment(finding: Finding) -> bool:
    """Return True if a comment on the line can suppress the key."""
    weak = (finding.key_type, finding.mode) != (KeyType.ADMIN, Mode.LIVE)
    return weak and not any(
        place.members or place.decoded or place.path.endswith((".ipynb", ".json"))
        for place in finding.locations
    )


def _accept_in_baseline() -> str:
    verb = "update --add" if os.path.lexists(BASELINE) else "create"
    return f"boltz-keyscan baseline {verb} --reason REASON     then commit {BASELINE}"


def passed_lines(result: ScanResult, change: Change) -> Iterator[str]:
    """Yield the lines on keys that do not stop a change: they were there before, or are accepted."""
    noun = "push" if change in {Change.PUSH, Change.RANGE, Change.RECEIVED} else "commit"
    names = short_fingerprints(finding.fingerprint for finding in result.findings)
    old = [finding for finding in result.keys if is_old(finding)]
    if old:
        one = len(old) == 1
        listed = ", ".join(names[finding.fingerprint] for finding in old[:_MAX_NAMED])
        listed += f" and {len(old) - _MAX_NAMED:,} more" if len(old) > _MAX_NAMED else ""
        yield (
            f"{count_secrets(old)} {'was' if one else 'were'} there before and {'does' if one else 'do'} "
            f"not stop this {noun}: {listed}; boltz-keyscan . shows all places"
        )
    for finding in result.keys:
        if finding.suppression is not None:
            spread = finding.suppression.spread
            new = [
                place for place in finding.locations if not place.old and place.path in (spread or place.path)
            ]
            where = ", ".join(dict.fromkeys(format_place(place, [place]) for place in new[:_MAX_NAMED]))
            at = f"{', now also in' if spread else ' in'} {where}" if where else ""
            reason = f"{finding.suppression.kind}: {finding.suppression.reason}"
            yield harmless(f"accepted key {names[finding.fingerprint]}{at}; it passes by {reason}")
    yield from map(harmless, _unsaved_lines(result, change))


def _unsaved_lines(result: ScanResult, change: Change) -> Iterator[str]:
    """Yield a line for each file in the tree that accepts a key and is not part of the change."""
    sources = [
        each.source for finding in result.keys for each in suppressors(finding) if each.kind != "inline"
    ]
    files = dict.fromkeys(found[1] for found in map(_IN_TREE.fullmatch, sources) if found)
    repository = enclosing(os.getcwdb())
    if repository is None or repository.worktree is None:
        return
    top = repository.worktree
    names = {file: relative(os.path.abspath(os.fsencode(file)), top) for file in files}
    status = _read_status(repository, list(names.values()))
    if status is None:
        return
    is_push = change in {Change.PUSH, Change.RANGE}
    for file, name in names.items():
        saved = status.staged.get(name, [])
        if is_push:
            saved = [oid for oid in (status.committed.get(name),) if oid is not None]
        if set(saved).isdisjoint(content_ids(top, name)):
            missing = "committed" if is_push else f"staged: git add {shlex.quote(file)}"
            yield f"{file} accepts a key here and is not {missing}; CI and others do not have it"


def resolve_for_hook(baseline: str | None, trust: str | None) -> ResolvedOptions:
    """Return the options of a hook for the repository that it runs in.

    Raises:
        KeyscanError: a file is broken, or a revision is unknown.
    """
    given = {"baseline": baseline, "trust": trust, "foreign_comments": False}
    typed = [name for name in ("baseline", "trust") if given[name] is not None]
    return resolve(given, typed, part=True)


def write(result: ScanResult, change: Change, looked_at: str) -> None:
    """Write the outcome of a hook that found keys or gaps: keys that stop the change, or those that do not.

    Args:
        result: the result of the hook's scan.
        change: the change that the hook checks.
        looked_at: the amount scanned, as text.

    Raises:
        OutputError: the report could not be written.
    """
    if result.exit_code == ExitCode.BLOCKING:
        for line in stopped_lines(result, change, looked_at, report_options(ScanOptions())):
            click.echo(line)
        if in_actions():
            # With annotations and a step summary, as a scan there.
            emit(result, AUTO, (), report_options(ScanOptions()))
    elif result.exit_code == ExitCode.CLEAN and not result.gaps:
        click.echo(f"boltz-keyscan: no new key in {looked_at}")
        for line in passed_lines(result, change):
            click.echo(line)
    else:
        emit(result, AUTO, (), report_options(ScanOptions()))
