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
from boltz_keyscan.triage.ignore_file import OBJECT, IgnoreEntry
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
class SuppressionFile:
    """A baseline or an ignore file, and the locations it applies to."""

    text: TextFile
    named: Mapping[str, Entry | IgnoreEntry]
    """Entries by fingerprint, by ``object:`` and id, or by ``path_key``."""
    globs: tuple[IgnoreEntry, ...] = ()
    """Globs of the paths of keys."""
    gaps: tuple[IgnoreEntry, ...] = ()
    """Globs of files that are not scanned."""
    scope: str | None = ""
    """The prefix of the paths it applies to, as in reports; None for all."""
    within: str = ""
    """The path from its folder to those paths; empty or ending in a slash."""
    linked: bool = False
    """True for a linked worktree: the files of the folders above apply to it too."""
    is_whole: bool = False
    """True if it is in the folder that is scanned, so that all it may match was scanned."""

    def path(self, shown: str) -> str:
        """Return a path in reports relative to the folder of the file."""
        return self.within + shown[len(self.scope or "") :]

    def unmatched(self, names: set[str], unread: Collection[str], shown: Iterable[str]) -> list[int]:
        """Return the lines of the entries that name nothing of a whole scan.

        Args:
            names: the names of its keys and objects.
            unread: the paths of gaps.
            shown: the paths of keys.
        """
        names = names | {path_key(self.path(path)) for path in unread}
        globs = tuple(glob.what for glob in self.globs)
        paths = {self.path(path) for path in shown if path.startswith(self.scope or "")}
        used = {position for path in paths for position in matching(globs, path)}
        spare = [entry.line for name, entry in self.named.items() if name not in names]
        spare += [glob.line for position, glob in enumerate(self.globs) if position not in used]
        spare += [
            entry.line
            for entry in self.gaps
            if not any(matches(entry.what, self.path(path)) for path in unread)
        ]
        return sorted(spare)


@dataclass(frozen=True, slots=True)
class Suppressor:
    """The suppression step of a run."""

    files: tuple[SuppressionFile, ...]
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
        return any(name.startswith(OBJECT) for file in self.files for name in file.named)

    def _acceptances(self, gap: Gap) -> Iterator[tuple[Suppression, set[str] | None, str]]:
        """Yield the entries on a gap: paths that each covers (None for all), and a reason to refuse it."""
        below: dict[str | None, set[str]] = {None: set(gap.paths)}
        for path in gap.paths:
            for scope in self._scopes(path):
                below.setdefault(scope, set()).add(path)
        names = object_keys(gap)
        for file in self.files:
            paths = below.get(file.scope, set())
            covers: dict[str, set[str] | None] = dict.fromkeys(names)
            covers |= {path_key(file.path(path)): {path} for path in paths}
            found = [(file.named[name], each) for name, each in covers.items() if name in file.named]
            found += [
                (glob, matched)
                for glob in file.gaps
                if (matched := {path for path in paths if matches(glob.what, file.path(path))})
            ]
            for entry, each in found:
                kind, reason, refused = self._judge(entry)
                source = self.redact(file.text.at(entry.line))
                yield Suppression(kind, self.redact(reason), source), each, refused

    def unmatched(self, findings: Sequence[Finding], gaps: Sequence[Gap]) -> Iterator[str]:
        """Yield the source of each entry that names nothing in the findings and gaps of a whole scan."""
        fingerprints = {finding.fingerprint for finding in findings}
        objects = {key for gap in gaps for key in object_keys(gap)}
        unread = [path for gap in gaps for path in gap.paths]
        shown = {place.path for finding in findings for place in finding.locations}
        for file in self.files:
            if file.is_whole:
                lines = file.unmatched(fingerprints | objects, unread, shown)
                yield from (self.redact(file.text.at(line)) for line in lines)

    def _candidates(self, finding: Finding) -> Iterator[SuppressionCandidate]:
        """Yield all candidates: baseline, ignore entries, then comments."""
        below: dict[str | None, list[int]] = {None: list(range(len(finding.locations)))}
        for number, place in enumerate(finding.locations):
            for scope in self._scopes(place.path):
                below.setdefault(scope, []).append(number)
        found: list[SuppressionCandidate] = []
        for file in self.files:
            found += self._from_file(file, finding, below.get(file.scope, []))
        yield from sorted(found, key=lambda candidate: candidate.kind)
        yield from self._from_comments(finding)

    def _scopes(self, path: str) -> Iterator[str]:
        """Yield the scopes that a path lies in and whose files apply to it."""
        scopes = {file.scope or "": file.linked for file in self.files}
        for scope in sorted(scopes, key=len, reverse=True):
            if path.startswith(scope):
                yield scope
                # Of nested folders, the files of the inner one apply.
                if not scopes[scope]:
                    return

    def _judge(self, entry: Entry | IgnoreEntry) -> tuple[str, str, str]:
        """Return the kind of an entry, its reason, and the reason for refusing it."""
        if isinstance(entry, IgnoreEntry):
            return "ignore", entry.reason, ""
        if entry.until is None or not entry.expired(self.today):
            return "baseline", entry.summary, ""
        refused = f"the acceptance has expired: its last day was {entry.until.isoformat()}"
        return "baseline", entry.summary, refused

    def _from_file(
        self, file: SuppressionFile, finding: Finding, below: list[int]
    ) -> Iterator[SuppressionCandidate]:
        found: list[tuple[Entry | IgnoreEntry, list[int]]] = []
        if (named := file.named.get(finding.fingerprint)) is not None:
            found.append((named, below))
        globs = tuple(glob.what for glob in file.globs)
        covered: dict[int, list[int]] = {}
        for number in below:
            for position in matching(globs, file.path(finding.locations[number].path)):
                covered.setdefault(position, []).append(number)
        found += [(file.globs[position], covers) for position, covers in sorted(covered.items())]
        for entry, covers in found:
            kind, reason, refused = self._judge(entry)
            spread: tuple[str, ...] = ()
            if isinstance(entry, Entry):
                paths = exposed_paths([finding.locations[number] for number in covers])
                spread = tuple(path for path in paths if not entry.names(file.path(path)))
            at = file.text.at(entry.line)
            yield SuppressionCandidate(kind, reason, at, tuple(covers), refused, spread=spread)

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
