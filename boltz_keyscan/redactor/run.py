"""Redaction of everything below some paths: scan, replace, and scan again."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TypeAlias

from boltz_keyscan import pipeline, rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fsutil import cpu_count
from boltz_keyscan.model.enums import ExitCode, Exposure, Part, Shape
from boltz_keyscan.model.finding import (
    Detector,
    Discovered,
    Gap,
    Hit,
    Located,
    ScanResult,
    Shard,
    ShardResult,
    Source,
    SourceReader,
)
from boltz_keyscan.pipeline import Plan, ProgressListener
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.policy import COMMITTED, FailPolicy
from boltz_keyscan.records import dataclass, field
from boltz_keyscan.redactor.database import LOGS, is_database, redact_database
from boltz_keyscan.redactor.text_file import BACKUP, Outcome, RefusedError, redact_text
from boltz_keyscan.sources.tree import TreeSource

ShowProgress: TypeAlias = Callable[[Sequence[Source]], AbstractContextManager[ProgressListener | None]]


@dataclass(frozen=True, slots=True)
class Redacted:
    """A file in which keys were replaced, or with ``dry_run`` would be."""

    path: str
    """The path, redacted and safe to print."""
    places: int
    keys: int
    backup: str = ""
    """The name of the backup; empty without one."""


@dataclass(frozen=True, slots=True)
class Left:
    """A place with keys that were not replaced."""

    path: str
    """The path, with the members of an archive, redacted and safe to print."""
    places: int
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Redaction:
    """The result of a redaction."""

    redacted: tuple[Redacted, ...]
    left: tuple[Left, ...]
    keys: tuple[tuple[str, str], ...]
    """The replaced keys: the form that is shown, and the fingerprint."""
    committed: tuple[str, ...]
    """Fingerprints of replaced keys that the last commit or the index of a repository has."""
    is_in_repository: bool
    """True if a redacted file is in the worktree of a repository."""
    backups: tuple[str, ...]
    """Backups of earlier runs that have keys."""
    is_use_known: bool
    """False if the system does not report which programs write to a file."""
    gaps: tuple[Gap, ...]
    exit_code: ExitCode


@dataclass(frozen=True, slots=True)
class _Found:
    """A key in a file."""

    hit: Hit
    exposure: Exposure


@dataclass(slots=True)
class _RecordingReader:
    """A reader of files that keeps the raw paths of keys, which no result has."""

    reader: SourceReader
    path_of: Callable[[Hit], bytes]
    found: dict[bytes, list[_Found]]

    def work(self) -> Iterator[Shard | Discovered]:
        """Yield the shards of the reader."""
        return self.reader.work()

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        """Return the located hits of the reader, and keep them."""
        located = self.reader.locate(gathered, detector)
        for hit, (match, where) in zip(gathered.hits, located.pairs, strict=True):
            if match.shape is not Shape.PLACEHOLDER:
                self.found.setdefault(self.path_of(hit), []).append(_Found(hit, where.exposure))
        return located


@dataclass(frozen=True, slots=True)
class _RecordingSource:
    source: TreeSource
    found: dict[bytes, list[_Found]] = field(default_factory=dict)

    def open(self) -> SourceReader:
        """Return a reader that keeps the paths of keys."""
        reader = self.source.open()
        return _RecordingReader(reader, reader.path_of, self.found)


def redact(paths: Sequence[str], *, backup: bool, dry_run: bool, show_progress: ShowProgress) -> Redaction:
    """Replace the keys in files, and in all files of folders.

    Args:
        paths: files and folders.
        backup: keep the old files.
        dry_run: only count.
        show_progress: the function that returns the progress of a scan of some sources.

    Raises:
        KeyscanError: a path cannot be redacted.
    """
    for path in paths:
        _check_path(path)
    plan = make_plan(Options(paths=tuple(paths), history=False))
    found, result = _scan(
        [source for source in plan.sources if isinstance(source, TreeSource)], show_progress
    )
    run = _Run(KeyDetector.of(rules.load()).with_edits(), backup, dry_run)
    named = {os.path.realpath(os.fsencode(path)) for path in paths}
    for file in _in_order(found):
        if BACKUP.search(file) and file not in named:
            run.backups.append(run.show(file))
        elif os.path.lexists(file):
            run.redact_file(file, found.get(file, []))
    gaps = list(result.gaps)
    if run.changed and not dry_run:
        sources = [
            TreeSource(file, os.path.join(os.path.dirname(file), b""), history=False) for file in run.changed
        ]
        again, rescan = _scan(sources, show_progress)
        gaps += rescan.gaps
        for file, places in again.items():
            run.leave(file, places)
    return run.finish(found, result, gaps)


def _check_path(path: str) -> None:
    if os.path.islink(path):
        raise KeyscanError(f"a symbolic link: {path}", f"Name what it leads to: {os.path.realpath(path)}")
    if not os.path.exists(path):
        raise KeyscanError(
            f"no such file or folder: {path}", "Check the spelling, or give the path from here."
        )
    if not (os.path.isfile(path) or os.path.isdir(path)):
        raise KeyscanError(f"not a file or folder: {path}", "Only files can be redacted.")


def _scan(
    sources: Sequence[TreeSource], show_progress: ShowProgress
) -> tuple[dict[bytes, list[_Found]], ScanResult]:
    recording = [_RecordingSource(source) for source in sources]
    targets = tuple(os.fsdecode(source.path) for source in sources)
    with show_progress(recording) as progress:
        result = pipeline.run(Plan(targets, tuple(recording), FailPolicy(), cpu_count()), progress=progress)
    found: dict[bytes, list[_Found]] = {}
    for each in recording:
        found |= each.found
    return found, result


def _in_order(found: Iterable[bytes]) -> list[bytes]:
    """Return the paths, databases first: their logs go when they are closed."""
    paths = set(found)
    for path in list(paths):
        for end in LOGS:
            if path.endswith(end) and is_database(path.removesuffix(end)):
                paths.add(path.removesuffix(end))
    return sorted(paths, key=lambda path: (not is_database(path), path))


def _describe_left(found: _Found) -> tuple[str, str]:
    """Return the reason for which a place is left, and what to do; no reason for one that is replaced."""
    hit = found.hit
    if hit.origin.part is Part.NAME:
        return "in the name", "Rename it."
    if hit.origin.part is Part.LINK:
        return "in the target of a symbolic link", "Make the link again."
    if hit.origin.members:
        return "in a part of the file that is stored in another form", "Unpack it, or delete the file."
    return f"encoded as {' > '.join(hit.match.decoded) or 'text'}, which is not replaced", "Edit it by hand."


@dataclass(slots=True)
class _Run:
    """The state of a redaction."""

    detector: KeyDetector
    backup: bool
    dry_run: bool
    redacted: list[Redacted] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)
    changed: list[bytes] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    is_use_known: bool = True

    def show(self, path: bytes, members: Iterable[bytes] = ()) -> str:
        """Return a path from the current folder, or where that is longer the whole one, redacted."""
        relative = os.path.relpath(path)
        short = path if relative.startswith(b"..") else relative
        return "!".join(map(self.detector.redact, (short, *members)))

    def redact_file(self, path: bytes, places: list[_Found]) -> None:
        """Redact one file; add what was replaced and what is left."""
        inside = [each for each in places if each.hit.origin.part is Part.CONTENT]
        self.leave(path, [each for each in places if each.hit.origin.part is not Part.CONTENT])
        if not inside and places:
            return
        try:
            outcome = self._redact(path, inside)
        except RefusedError as error:
            self.leave(path, inside, (error.reason, error.hint))
        except OSError as error:
            self.leave(path, inside, (f"cannot be replaced: {error.strerror or type(error).__name__}", ""))
        else:
            self._add(path, outcome, inside)

    def _redact(self, path: bytes, places: list[_Found]) -> Outcome:
        if b"/.git/" in path:
            raise RefusedError("it belongs to git", "boltz-keyscan explain shows how to remove it.")
        if is_database(path):
            if self.dry_run:
                return Outcome(Counter(each.hit.match.fingerprint for each in places))
            return redact_database(path, self.detector, backup=self.backup)
        return redact_text(path, self.detector, backup=self.backup, dry_run=self.dry_run)

    def _add(self, path: bytes, outcome: Outcome, places: list[_Found]) -> None:
        is_text = not is_database(path)
        self.is_use_known = self.is_use_known and outcome.is_use_known
        if is_text and not outcome.replaced:
            self.leave(path, places)
            return
        self.changed.append(path)
        self.replaced.update(outcome.replaced)
        backup = self.show(outcome.backup) if outcome.backup else ""
        count = sum(outcome.replaced.values())
        self.redacted.append(Redacted(self.show(path), count, len(outcome.replaced), backup))
        if self.dry_run and is_text:
            self.leave(path, [each for each in places if each.hit.origin.members])

    def leave(self, path: bytes, places: Iterable[_Found], refusal: tuple[str, str] | None = None) -> None:
        """Add the places that are left, one line for each part of a file and reason.

        Args:
            path: path of the file.
            places: the keys.
            refusal: the reason and what to do; by default they follow from each place.
        """
        lines: Counter[tuple[str, str, str]] = Counter()
        for each in places:
            shown = self.show(path, each.hit.origin.members)
            lines[shown, *(refusal or _describe_left(each))] += 1
        self.left += [Left(shown, count, reason, hint) for (shown, reason, hint), count in lines.items()]

    def finish(self, found: dict[bytes, list[_Found]], result: ScanResult, gaps: Iterable[Gap]) -> Redaction:
        """Return the result."""
        exposures = {
            (each.hit.match.fingerprint, each.exposure)
            for path in self.changed
            for each in found.get(path, [])
        }
        committed = {name for name, exposure in exposures if exposure in {*COMMITTED, Exposure.STAGED}}
        unread = tuple(gap for gap in dict.fromkeys(gaps) if not gap.by_design)
        code = ExitCode.BLOCKING if self.left else ExitCode.INCOMPLETE if unread else ExitCode.CLEAN
        return Redaction(
            tuple(self.redacted),
            tuple(self.left),
            tuple(
                (finding.shown, finding.fingerprint)
                for finding in result.keys
                if finding.fingerprint in self.replaced
            ),
            tuple(sorted(committed & self.replaced)),
            any(exposure is not Exposure.FILE for _, exposure in exposures),
            tuple(self.backups),
            self.is_use_known,
            unread,
            code,
        )
