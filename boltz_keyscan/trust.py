"""The files that may suppress findings: the scanned tree's, those of a revision, or only the named ones.

README has the table. Under ``base:REV`` a file that was named on the command line is taken
from REV too, where it lies in the repository. In a CI job (``automation``) the default is
``none``: there the tree is what is being judged, and the report names what was not read.

Boundary: reads the files through ``sources.trusted`` and has them parsed by ``triage``.
Configuration files are read here, and understood in ``cli``, which knows the options.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from boltz_keyscan import rules
from boltz_keyscan.ci_detection import is_automated
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.finding import Location
from boltz_keyscan.model.suppression import Comment
from boltz_keyscan.sources.git.repo.repository import (
    enclosing,
    find_linked_worktrees,
    is_within,
    resolve_folder,
)
from boltz_keyscan.sources.trusted_files import (
    CommitFileReader,
    CommitFiles,
    TreeFiles,
    TrustedFiles,
    at_revision,
    read_named_file,
    top_of,
)
from boltz_keyscan.triage import baseline, ignore_file
from boltz_keyscan.triage.suppress import CommentPolicy, SuppressionFiles, Suppressor, allow_all
from boltz_keyscan.triage.text_file import Text

CONFIGS = ("boltz-keyscan.toml", "pyproject.toml")

_NAMES = (baseline.NAME, ignore_file.NAME, *CONFIGS)
"""Files that want to be heard; ``pyproject.toml`` only when it speaks of us."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose word counts."""

    mode: str
    """``none``, ``tree`` or ``base``."""
    revision: str = ""
    by_default: bool = False

    @classmethod
    def of(cls, text: str | None, environment: Mapping[str, str]) -> Trust:
        """What ``--trust`` says, or what holds when it says nothing.

        Raises:
            KeyscanError: neither of the three.
        """
        if text is None:
            return cls("none" if is_automated(environment) else "tree", by_default=True)
        mode, colon, revision = text.partition(":")
        if (mode, colon) in {("none", ""), ("tree", "")} or (mode == "base" and revision):
            return cls(mode, revision)
        raise KeyscanError(
            f"not a trust: {text}", "Give none, tree, or base:REV, for example base:origin/main."
        )

    def __str__(self) -> str:
        return f"{self.mode}:{self.revision}" if self.revision else self.mode


@dataclass(frozen=True, slots=True)
class ScanRoot:
    """One thing that is scanned, and where its own files are looked for."""

    folder: bytes
    """The folder that is scanned, or that holds the file that is, absolute."""
    scope: str
    """How the paths of its locations begin in reports."""
    shelf: TrustedFiles | None
    """None when the tree is not asked."""
    linked: bool = False
    """A linked worktree inside another thing that is scanned."""

    def files(self, names: Sequence[str]) -> Iterator[tuple[bytes, bytes]]:
        """Path and content of each file of these names, from the folder upwards."""
        folder = self.folder
        while self.shelf is not None:
            for name in names:
                path = os.path.join(folder, os.fsencode(name))
                content = self._content(self.shelf, path, name)
                if content is not None:
                    yield path, content
            if folder == self.shelf.top or folder == os.path.dirname(folder):
                return
            folder = os.path.dirname(folder)

    @staticmethod
    def _content(shelf: TrustedFiles, path: bytes, name: str) -> bytes | None:
        try:
            return shelf.read(path)
        except KeyscanError:
            if name != CONFIGS[1]:
                raise
            # Everybody has such a file; one that cannot be read need not be about us.
            return None

    def nearest(self, name: str) -> tuple[bytes, bytes] | None:
        """Path and content of the nearest file of this name."""
        return next(self.files((name,)), None)

    def text(self, path: bytes, content: bytes) -> Text:
        """A file of the shelf, with the name people know it by."""
        return Text(display_path(path), content, self.shelf.label if self.shelf else "")


def display_path(path: bytes) -> str:
    """A path from the current folder when it lies below that."""
    here = os.path.join(os.getcwdb(), b"")
    return os.fsdecode(path.removeprefix(here))


def scan_roots(targets: Iterable[tuple[str, str]], trust: Trust) -> tuple[ScanRoot, ...]:
    """Where to look, for each path that is scanned and how its locations begin.

    Raises:
        KeyscanError: the revision is not to be had.
        GitError: git cannot be used.
    """
    found: dict[tuple[bytes, str], ScanRoot] = {}
    shelves: dict[bytes, TrustedFiles | None] = {}
    for path, scope in targets:
        folder = resolve_folder(os.fsencode(path)) if path != "-" else os.getcwdb()
        top = top_of(folder)
        if top not in shelves:
            shelves[top] = _shelf(folder, trust)
        found[folder, scope] = ScanRoot(folder, scope, shelves[top])
    linked = [each for stand in found.values() for each in _find_linked(stand)]
    return (*found.values(), *linked)


def _find_linked(stand: ScanRoot) -> Iterator[ScanRoot]:
    """Yield the linked worktrees inside what is scanned: their files count from their own root."""
    around = enclosing(stand.folder) if stand.shelf is not None else None
    if around is None or stand.shelf is None:
        return
    for root in find_linked_worktrees(around):
        if root != stand.folder and is_within(root, stand.folder):
            scope = stand.scope + os.fsdecode(os.path.relpath(root, stand.folder)) + "/"
            yield ScanRoot(root, scope, replace(stand.shelf, top=root), linked=True)


def _shelf(folder: bytes, trust: Trust) -> TrustedFiles | None:
    match trust.mode:
        case "tree":
            return TreeFiles(top_of(folder))
        case "base":
            return at_revision(folder, trust.revision)
        case _:
            return None


def named_text(path: str, standing: Sequence[ScanRoot]) -> Text:
    """A file that was named on the command line.

    One that lies in the scanned repository, by whatever way it is named, is taken from REV
    under ``base:REV``: naming a file in the tree is no reason to believe what a change made
    of it.

    Raises:
        KeyscanError: it is not there, or cannot be read.
    """
    absolute = os.path.abspath(os.fsencode(path))
    for stand in standing:
        if stand.shelf is None or isinstance(stand.shelf, TreeFiles):
            continue
        inside = _inside(stand.shelf.top, absolute)
        if inside is None:
            continue
        content = stand.shelf.read(inside)
        if content is None:
            raise KeyscanError(
                f"no such file {stand.shelf.label}: {path}", "Commit it there first, or leave out the option."
            )
        return Text(path, content, stand.shelf.label)
    return Text(path, read_named_file(absolute, path), "named")


def _inside(top: bytes, path: bytes) -> bytes | None:
    """A file's path below ``top``; None when neither its name nor its target lies there.

    The name goes first: what a link inside the tree leads to is the tree's word.
    """
    real = os.path.realpath(top)
    for way in (path, os.path.realpath(path)):
        folder = os.path.dirname(way)
        while True:
            if os.path.realpath(folder) == real:
                return os.path.join(top, os.path.relpath(way, folder))
            if folder == os.path.dirname(folder):
                break
            folder = os.path.dirname(folder)
    return None


def baseline_file(stand: ScanRoot, chosen: bytes | None) -> Text | None:
    """The baseline of a tree: the one its configuration names, or the one with the usual name.

    Raises:
        KeyscanError: it is named and is not there, or cannot be read.
    """
    if chosen is None:
        found = stand.nearest(baseline.NAME)
        return stand.text(*found) if found else None
    content = stand.shelf.read(chosen) if stand.shelf else None
    if content is None:
        raise KeyscanError(
            f"no such baseline: {display_path(chosen)}", "Make it with 'boltz-keyscan baseline create'."
        )
    return stand.text(chosen, content)


@dataclass(frozen=True, slots=True)
class SuppressionInputs:
    """What is said besides the tree's ignores and comments."""

    baseline: Text | None = None
    """Named on the command line, or by a configuration that was."""
    in_tree: bytes | None = None
    """Named by the configuration of the first tree."""
    accepting: bool = True
    """Baselines count."""
    unexposed: bool = False
    foreign: bool = False


def suppressor(standing: Sequence[ScanRoot], trust: Trust, say: SuppressionInputs, today: date) -> Suppressor:
    """The step that knows all that counts.

    Raises:
        KeyscanError: a file is broken.
    """
    ids = {rule.id for rule in rules.load()}
    known = []
    if say.baseline is not None:
        known.append(SuppressionFiles(None, "", (say.baseline, baseline.parse(say.baseline, ids))))
    scopes = [stand.scope for stand in standing]
    for number, stand in enumerate(standing):
        if stand.shelf is None or scopes.count(stand.scope) > 1:
            # Of parts of several histories reports do not tell which a location is of.
            continue
        accepted = None
        if say.accepting and say.baseline is None:
            accepted = baseline_file(stand, say.in_tree if number == 0 else None)
        if accepted is not None:
            entries, own = baseline.parse(accepted, ids), _lies_in(accepted, stand)
            known.append(
                SuppressionFiles(stand.scope, "", (accepted, entries), linked=stand.linked, is_whole=own)
            )
        found = stand.nearest(ignore_file.NAME)
        if found is not None:
            text = stand.text(*found)
            within = os.path.relpath(stand.folder, os.path.dirname(found[0]))
            inside = "" if within == b"." else os.fsdecode(within) + "/"
            own = _lies_in(text, stand)
            known.append(
                SuppressionFiles(
                    stand.scope, inside, None, (text, ignore_file.parse(text)), stand.linked, is_whole=own
                )
            )
    detector = KeyDetector.of(rules.load())
    return Suppressor(
        tuple(known),
        today,
        unexposed=say.unexposed,
        foreign=say.foreign,
        allowed=_allowed(standing, trust, detector),
        redact=lambda text: detector.redact(text.encode("utf-8", "surrogateescape")),
    )


def _lies_in(text: Text, stand: ScanRoot) -> bool:
    return os.path.dirname(os.path.abspath(os.fsencode(text.name))) == stand.folder


def _allowed(standing: Sequence[ScanRoot], trust: Trust, detector: KeyDetector) -> CommentPolicy:
    """Whose comments are heard."""
    if trust.mode == "tree":
        return allow_all
    if trust.mode == "none":
        return lambda _, __, ___: "comments do not count with --trust none"
    seen: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}
    shelves = {stand.shelf for stand in standing}
    contents: dict[TrustedFiles | None, CommitFileReader] = {
        shelf: CommitFileReader(shelf) for shelf in shelves if isinstance(shelf, CommitFiles)
    }

    def at_base(comment: Comment, location: Location, fingerprint: str) -> str:
        for stand in sorted(standing, key=lambda stand: len(stand.scope), reverse=True):
            if location.path.startswith(stand.scope):
                place = (stand.scope, location.path)
                if place not in seen:
                    seen[place] = _remarked(stand, location.path, detector, contents.get(stand.shelf))
                if (fingerprint, comment.marker) in seen[place]:
                    return ""
                break
        return f"the comment is not beside this key at {trust.revision}"

    return at_base


def _remarked(
    stand: ScanRoot, path: str, detector: KeyDetector, contents: CommitFileReader | None
) -> frozenset[tuple[str, str]]:
    """The keys with comments in a file as the revision has it."""
    absolute = os.path.normpath(os.path.join(stand.folder, os.fsencode(path[len(stand.scope) :])))
    try:
        content = contents.read(absolute) if contents is not None else None
    except KeyscanError:
        content = None
    found: set[tuple[str, str]] = set()
    for match in detector.find([content]) if content is not None else ():
        found.update((match.fingerprint, comment.marker) for comment in match.comments)
    return frozenset(found)


def untrusted_files(standing: Sequence[ScanRoot], trust: Trust) -> tuple[str, ...]:
    """The files in the trees that are not asked, to be told: somebody put them there."""
    if trust.mode != "none":
        return ()
    found: dict[str, None] = {}
    for stand in standing:
        top, folder = top_of(stand.folder), stand.folder
        while True:
            for name in _NAMES:
                path = os.path.join(folder, os.fsencode(name))
                if os.path.lexists(path) and (name != CONFIGS[1] or _speaks(path)):
                    found[display_path(path)] = None
            if folder == top:
                break
            folder = os.path.dirname(folder)
    return tuple(found)


def _speaks(path: bytes) -> bool:
    try:
        return b"tool.boltz-keyscan" in read_named_file(path)
    except KeyscanError:
        return False
