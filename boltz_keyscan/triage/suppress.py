"""Suppression of findings by the baseline, ignore entries and inline comments.

| suppression                   | covers                                               |
|-------------------------------|------------------------------------------------------|
| baseline entry                | every location below the folder that is scanned; (1) |
|                               | all locations if the file was named                  |
| fingerprint in an ignore file | every location below the folder that is scanned (1)  |
| path glob in an ignore file   | of these, the locations whose path matches           |
| inline comment                | the locations beside it                              |

(1) If several folders are scanned, the folder from which the file was searched for.

A finding is suppressed if every location that could block is covered, by one suppression or
by several together. With one location uncovered it blocks, and all its locations are reported.
Locations that could block are the exposed ones; unexposed ones count only if the run fails on
unexposed keys too, or if there are no others.

A gap is accepted by an ignore entry or a line of the baseline that names its git object, or the content
of its file by git's id of it, or by entries that together match each of its paths. Gaps about no single
file or object cannot be accepted.

These are refused, and reported with the reason:

| suppression                    | when                                                |
|--------------------------------|-----------------------------------------------------|
| baseline entry                 | its last day has passed                             |
| inline comment                 | the key is a live admin key                         |
| inline comment                 | the trust is ``none``                               |
| inline comment                 | the trust is ``base:REV``, and REV has no such      |
|                                | comment beside this key in this file                |
| comment for another scanner    | the option to accept those was not given            |

Placeholders never block and are not suppressed. No finding is dropped and no location is
changed: only ``suppression`` and ``excuses`` are set. ``trust`` decides which files and
comments are read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date

from boltz_keyscan.model.enums import KeyType, Mode, Shape
from boltz_keyscan.model.finding import Finding, Gap, Location
from boltz_keyscan.model.suppression import Comment, Suppression, SuppressionCandidate
from boltz_keyscan.policy import UNEXPOSED
from boltz_keyscan.records import dataclass, field, replace
from boltz_keyscan.triage.baseline import Entry, exposed_paths, path_key
from boltz_keyscan.triage.globs import matches, matching
from boltz_keyscan.triage.ignore_file import OBJECT, IgnoreEntries
from boltz_keyscan.triage.text_file import TextFile

OWN = "boltz-keyscan"
"""The marker of this program's comments."""

CommentPolicy = Callable[[Comment, Location, str], str]
"""A function that returns the reason for refusing a comment beside a key; empty to accept it."""


def no_content(_: str) -> tuple[str, ...]:
    """Return no id: files are not read."""
    return ()


def allow_all(_: Comment, __: Location, ___: str) -> str:
    """Accept every comment."""
    return ""


@dataclass(frozen=True, slots=True)
class SuppressionFiles:
    """The suppression files of one folder, and the locations they apply to."""

    scope: str | None = ""
    """The prefix of the paths they apply to, as in reports; None for all."""
    within: str = ""
    """The path from that folder to those paths; empty or ending in a slash."""
    baseline: tuple[TextFile, Mapping[str, Entry]] | None = None
    ignores: tuple[TextFile, IgnoreEntries] | None = None
    linked: bool = False
    """True for a linked worktree: the files of the folders above apply to it too."""
    is_whole: bool = False
    """True if the files are in the folder that is scanned, so that all they may match was scanned."""
    base: str = ""
    """As ``within``, for the baseline, which may be in another folder."""

    def path(self, shown: str) -> str:
        """Return a path in reports relative to the folder of the ignore file."""
        return self.within + shown[len(self.scope or "") :]

    def baseline_path(self, shown: str) -> str:
        """Return a path in reports as the baseline has it: relative to the folder of a file in the tree."""
        return self.base + shown[len(self.scope or "") :]

    def unmatched_accepted(self, present: set[str], unread: Iterable[str]) -> Iterator[tuple[TextFile, int]]:
        """Yield file and line of each entry of the baseline that names nothing of a whole scan."""
        text, entries = self.baseline or (None, {})
        keys = present | {path_key(self.baseline_path(path)) for path in unread}
        for key, entry in entries.items():
            if text is not None and key not in keys:
                yield text, entry.line

    def unmatched_ignored(
        self, fingerprints: set[str], objects: set[str], unread: Collection[str], shown: Iterable[str]
    ) -> Iterator[tuple[TextFile, int]]:
        """Yield file and line of each ignore entry that names nothing of a whole scan."""
        text, ignores = self.ignores or (None, None)
        if text is None or ignores is None:
            return
        globs = tuple(glob.what for glob in ignores.globs)
        paths = {self.path(path) for path in shown if path.startswith(self.scope or "")}
        used = {position for path in paths for position in matching(globs, path)}
        spare = [entry for key, entry in ignores.keys.items() if key not in fingerprints]
        spare += [glob for position, glob in enumerate(ignores.globs) if position not in used]
        spare += [entry for name, entry in ignores.objects.items() if name not in objects]
        spare += [
            entry
            for entry in ignores.gaps
            if not any(matches(entry.what, self.path(path)) for path in unread)
        ]
        yield from ((text, entry.line) for entry in spare)


@dataclass(frozen=True, slots=True)
class Suppressor:
    """The suppression step of a run."""

    files: tuple[SuppressionFiles, ...]
    today: date
    """UTC."""
    unexposed: bool = False
    """The run fails on unexposed keys too."""
    foreign: bool = False
    """Comments for other scanners are accepted."""
    allowed: CommentPolicy = field(default=allow_all)
    redact: Callable[[str], str] = field(default=str)
    """Redaction of untrusted text."""
    content_ids: Callable[[str], tuple[str, ...]] = field(default=no_content)
    """Function from a path in reports to the ids that git gives to the content of the file."""

    def __call__(self, finding: Finding) -> Finding:
        """Return the finding with its suppression, if it has one, and all candidates."""
        if finding.shape is Shape.PLACEHOLDER:
            return finding
        candidates = [
            replace(candidate, reason=self.redact(candidate.reason), source=self.redact(candidate.source))
            for candidate in self._candidates(finding)
            if candidate.covers
        ]
        uncovered = set(blockable(finding, unexposed=self.unexposed))
        for number, candidate in enumerate(candidates):
            if not candidate.refused and uncovered.intersection(candidate.covers):
                uncovered.difference_update(candidate.covers)
                candidates[number] = replace(candidate, used=True)
        if uncovered:
            return replace(finding, excuses=tuple(replace(candidate, used=False) for candidate in candidates))
        first = next(candidate for candidate in candidates if candidate.used)
        spread = next((each.spread for each in candidates if each.used and each.spread), ())
        return replace(
            finding,
            suppression=Suppression(first.kind, first.reason, first.source, spread),
            excuses=tuple(candidates),
        )

    def accept_gap(self, gap: Gap) -> Gap:
        """Return the gap; accepted if an entry names its object or content, or entries match its paths."""
        if gap.oid is None and len(gap.paths) == 1 and (not gap.by_design or self._pins_content):
            gap = replace(gap, content=self.content_ids(gap.paths[0]))
        left = set(gap.paths)
        used: list[Suppression] = []
        expired = ""
        for suppression, covers, refused in self._acceptances(gap):
            if refused:
                expired = expired or f"; {refused}"
            elif covers is None:
                return replace(gap, accepted=suppression)
            elif left & covers:
                used.append(suppression)
                left -= covers
        if used and not left:
            return replace(gap, accepted=used[0])
        return replace(gap, detail=gap.detail + expired) if expired else gap

    @property
    def _pins_content(self) -> bool:
        """True if any entry names an object."""
        return any(
            (files.ignores and files.ignores[1].objects)
            or (files.baseline and any(key.startswith(OBJECT) for key in files.baseline[1]))
            for files in self.files
        )

    def _acceptances(self, gap: Gap) -> Iterator[tuple[Suppression, set[str] | None, str]]:
        """Yield the entries on a gap: paths that each covers (None for all), and a reason to refuse it."""
        below: dict[str | None, set[str]] = {None: set(gap.paths)}
        for path in gap.paths:
            for scope in self._scopes(path):
                below.setdefault(scope, set()).add(path)
        names = object_keys(gap)
        for files in self.files:
            paths = below.get(files.scope, set())
            text, entries = files.baseline or (None, {})
            keys: dict[str, set[str] | None] = dict.fromkeys(names)
            keys |= {path_key(files.baseline_path(path)): {path} for path in paths}
            for key, covers in keys.items():
                if text is not None and (entry := entries.get(key)) is not None:
                    made = self._make_suppression("baseline", entry.summary, text, entry.line)
                    yield made, covers, self._expiry(entry)
            yield from ((*accepted, "") for accepted in self._ignored_gaps(files, names, paths))

    def _ignored_gaps(
        self, files: SuppressionFiles, names: Sequence[str], paths: set[str]
    ) -> Iterator[tuple[Suppression, set[str] | None]]:
        """Yield the ignore entries for an object or its paths, and the paths that each covers."""
        text, ignores = files.ignores or (None, None)
        if text is None or ignores is None:
            return
        for entry in filter(None, map(ignores.objects.get, names)):
            yield self._make_suppression("ignore", entry.reason, text, entry.line), None
        for entry in ignores.gaps:
            if matched := {path for path in paths if matches(entry.what, files.path(path))}:
                yield self._make_suppression("ignore", entry.reason, text, entry.line), matched

    def _make_suppression(self, kind: str, reason: str, text: TextFile, line: int) -> Suppression:
        return Suppression(kind, self.redact(reason), self.redact(text.at(line)))

    def unmatched(self, findings: Sequence[Finding], gaps: Sequence[Gap]) -> Iterator[str]:
        """Yield the source of each entry that names nothing in the findings and gaps of a whole scan."""
        fingerprints = {finding.fingerprint for finding in findings}
        objects = {key for gap in gaps for key in object_keys(gap)}
        unread = [path for gap in gaps for path in gap.paths]
        shown = {place.path for finding in findings for place in finding.locations}
        for files in self.files:
            if files.is_whole:
                sources = [
                    *files.unmatched_accepted(fingerprints | objects, unread),
                    *files.unmatched_ignored(fingerprints, objects, unread, shown),
                ]
                ordered = sorted(sources, key=lambda source: source[1])
                yield from (self.redact(text.at(line)) for text, line in ordered)

    def _candidates(self, finding: Finding) -> Iterator[SuppressionCandidate]:
        """Yield all candidates: baseline, ignore entries, then comments."""
        below: dict[str | None, list[int]] = {None: list(range(len(finding.locations)))}
        for number, place in enumerate(finding.locations):
            for scope in self._scopes(place.path):
                below.setdefault(scope, []).append(number)
        for files in self.files:
            yield from self._from_baseline(files, finding, tuple(below.get(files.scope, ())))
        for files in self.files:
            yield from _from_ignores(files, finding, below.get(files.scope, []))
        yield from self._from_comments(finding)

    def _scopes(self, path: str) -> Iterator[str]:
        """Yield the scopes that a path lies in and whose files apply to it."""
        scopes = {files.scope or "": files.linked for files in self.files}
        for scope in sorted(scopes, key=len, reverse=True):
            if path.startswith(scope):
                yield scope
                # Of nested folders, the files of the inner one apply.
                if not scopes[scope]:
                    return

    def _expiry(self, entry: Entry) -> str:
        if entry.until is None or not entry.expired(self.today):
            return ""
        return f"the acceptance has expired: its last day was {entry.until.isoformat()}"

    def _from_baseline(
        self, files: SuppressionFiles, finding: Finding, covers: tuple[int, ...]
    ) -> Iterator[SuppressionCandidate]:
        text, entries = files.baseline or (None, {})
        entry = entries.get(finding.fingerprint)
        if text is None or entry is None:
            return
        at, refused = text.at(entry.line), self._expiry(entry)
        paths = exposed_paths([finding.locations[number] for number in covers])
        spread = tuple(path for path in paths if not entry.names(files.baseline_path(path)))
        yield SuppressionCandidate("baseline", entry.summary, at, covers, refused, spread=spread)

    def _from_comments(self, finding: Finding) -> Iterator[SuppressionCandidate]:
        # The same line in many versions of a file is one comment to a reader.
        groups: dict[tuple[str, int, Comment, str], list[int]] = {}
        for number, place in enumerate(finding.locations):
            for comment in place.comments:
                refused = self._refused(comment, place, finding)
                groups.setdefault((place.path, place.line, comment, refused), []).append(number)
        for (path, line, comment, refused), covers in groups.items():
            reason = comment.reason or "no reason given"
            marked = reason if comment.marker == OWN else f"{reason} (a comment for {comment.marker})"
            yield SuppressionCandidate("inline", marked, f"{path}:{line}", tuple(covers), refused)

    def _refused(self, comment: Comment, place: Location, finding: Finding) -> str:
        if comment.marker != OWN and not self.foreign:
            return "comments for other scanners count with --foreign-comments"
        if (finding.key_type, finding.mode) == (KeyType.ADMIN, Mode.LIVE):
            return "a comment alone never suppresses a live admin key"
        return self.allowed(comment, place, finding.fingerprint)


def object_keys(gap: Gap) -> list[str]:
    """Return the names of entries that accept a gap by the id of its object, or of its file's content."""
    return [OBJECT + oid for oid in ((gap.oid,) if gap.oid is not None else gap.content)]


def blockable(finding: Finding, *, unexposed: bool) -> list[int]:
    """Return the positions of the locations to suppress: the exposed ones, or all without any.

    Locations that had the key before the change that was scanned do not count beside new ones.
    """
    exposed = [
        number
        for number, place in enumerate(finding.locations)
        if unexposed or place.exposure not in UNEXPOSED
    ]
    new = [number for number in exposed if not finding.locations[number].old]
    return new or exposed or list(range(len(finding.locations)))


def _from_ignores(
    files: SuppressionFiles, finding: Finding, below: list[int]
) -> Iterator[SuppressionCandidate]:
    text, ignores = files.ignores or (None, None)
    if text is None or ignores is None:
        return
    entry = ignores.keys.get(finding.fingerprint)
    if entry is not None:
        yield SuppressionCandidate("ignore", entry.reason, text.at(entry.line), tuple(below))
    globs = tuple(glob.what for glob in ignores.globs)
    covered: dict[int, list[int]] = {}
    for number in below:
        for position in matching(globs, files.path(finding.locations[number].path)):
            covered.setdefault(position, []).append(number)
    for position, covers in sorted(covered.items()):
        glob = ignores.globs[position]
        yield SuppressionCandidate("ignore", glob.reason, text.at(glob.line), tuple(covers))
