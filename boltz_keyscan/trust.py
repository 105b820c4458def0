"""Files that may suppress findings: those of the scanned tree, of a revision, or only the named ones.

docs/suppressions.md has the table. With ``base:REV`` a file named on the command line is also
read from REV when it is in the repository. In a CI job (``ci_detection``) the default is ``none``:
there the tree is under review, and the report lists the files that were not read.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from boltz_keyscan import fsutil, rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.finding import Location
from boltz_keyscan.model.suppression import Comment, Setting, TrustReport
from boltz_keyscan.records import dataclass, replace
from boltz_keyscan.redaction import redacted
from boltz_keyscan.scan_roots import (
    CONFIGS,
    ScanRoot,
    Trust,
    display_path,
    find_root_of,
    folders_upwards,
)
from boltz_keyscan.sources.files.content_id import content_ids
from boltz_keyscan.sources.trusted_files import (
    CommitFileReader,
    CommitFiles,
    TreeFiles,
    TrustedFiles,
    find_tree_top,
    read_named_file,
)
from boltz_keyscan.system.paths import relative
from boltz_keyscan.triage import baseline, ignore_file
from boltz_keyscan.triage.suppress import CommentPolicy, SuppressionFile, Suppressor, allow_all
from boltz_keyscan.triage.text_file import TextFile

_SUPPRESSION_FILES = (baseline.NAME, ignore_file.NAME, *CONFIGS)
"""Files that can affect a scan; ``pyproject.toml`` only with a table of this program."""


def named_text(path: str, roots: Sequence[ScanRoot]) -> TextFile:
    """Read a file named on the command line.

    With ``base:REV`` a file in the scanned repository is read from REV, whatever path it is named by: a
    change must not be able to edit it.

    Raises:
        KeyscanError: it does not exist or cannot be read.
    """
    absolute = os.path.abspath(os.fsencode(path))
    for root in roots:
        if root.trusted_files is None or isinstance(root.trusted_files, TreeFiles):
            continue
        inside = _path_below(root.trusted_files.top, absolute)
        if inside is None:
            continue
        content = root.trusted_files.read(inside)
        if content is None:
            raise KeyscanError(
                f"no such file {root.trusted_files.label}: {path}",
                "Commit it there first, or leave out the option.",
            )
        return TextFile(path, content, root.trusted_files.label)
    return TextFile(path, read_named_file(absolute, path), "named")


def _path_below(top: bytes, path: bytes) -> bytes | None:
    """Return the path of a file below ``top``; None when neither its name nor its target is there.

    The name goes first: the target of a link inside the tree is chosen by the tree.
    """
    real = os.path.realpath(top)
    for candidate in (path, os.path.realpath(path)):
        for folder in folders_upwards(os.path.dirname(candidate)):
            if os.path.realpath(folder) == real:
                return os.path.join(top, os.path.relpath(candidate, folder))
    return None


def baseline_file(root: ScanRoot, chosen: bytes | None) -> TextFile | None:
    """Return the baseline of a tree: the one its configuration names, or the one with the default name.

    Raises:
        KeyscanError: the configured one does not exist, or one cannot be read.
    """
    if chosen is None:
        found = root.nearest(baseline.NAME)
        return root.text(*found) if found else None
    content = root.trusted_files.read(chosen) if root.trusted_files else None
    if content is None:
        raise KeyscanError(
            f"no such baseline: {display_path(chosen)}", "Make it with 'boltz-keyscan baseline create'."
        )
    return root.text(chosen, content)


@dataclass(frozen=True, slots=True)
class SuppressionInputs:
    """Suppression options besides the ignore files and comments of the tree."""

    baseline: TextFile | None = None
    """Baseline from the command line, or from a configuration file given there."""
    configured_baseline: bytes | None = None
    """Baseline from the configuration of the first tree."""
    use_baselines: bool = True
    unexposed: bool = False
    foreign: bool = False


def suppressor(roots: Sequence[ScanRoot], trust: Trust, inputs: SuppressionInputs) -> Suppressor:
    """Return the triage step that applies all suppression files.

    Raises:
        KeyscanError: a file is malformed.
    """
    ids = {rule.id for rule in rules.load()}
    known = []
    if inputs.baseline is not None:
        known.append(SuppressionFile(inputs.baseline, baseline.parse(inputs.baseline, ids), scope=None))
    scopes = [root.scope for root in roots]
    for number, root in enumerate(roots):
        if root.trusted_files is None or scopes.count(root.scope) > 1:
            # Locations of ranges of several repositories have equal prefixes.
            continue
        if inputs.use_baselines and inputs.baseline is None:
            accepted = baseline_file(root, inputs.configured_baseline if number == 0 else None)
            if accepted is not None:
                file = SuppressionFile(accepted, baseline.parse(accepted, ids))
                known.append(_in_root(file, os.fsencode(accepted.name), root))
        if (found := root.nearest(ignore_file.NAME)) is not None:
            text = root.text(*found)
            entries = ignore_file.parse(text)
            file = SuppressionFile(text, entries.named, entries.globs, entries.gaps)
            known.append(_in_root(file, found[0], root))
    detector = KeyDetector.of(rules.load())
    return Suppressor(
        tuple(known),
        datetime.now(UTC).date(),
        unexposed=inputs.unexposed,
        foreign=inputs.foreign,
        allowed=_comment_policy(roots, trust, detector),
        redact=redacted,
        content_ids=functools.partial(_find_content_ids, roots),
    )


def _find_content_ids(roots: Sequence[ScanRoot], path: str) -> tuple[str, ...]:
    """Return the ids that git gives to the content of a file, by its path in reports."""
    root = find_root_of(path, roots)
    return () if root is None else content_ids(root.folder, os.fsencode(path[len(root.scope) :]))


def path_from(file: bytes, root: ScanRoot) -> str:
    """Return the path from the folder of a suppression file to the root; empty or ending in a slash."""
    within = relative(root.folder, os.path.dirname(file))
    return "" if within == b"." else fsutil.decode(within) + "/"


def _in_root(file: SuppressionFile, path: bytes, root: ScanRoot) -> SuppressionFile:
    """Return a suppression file that applies to a root; its path is ``path``."""
    path = os.path.abspath(path)
    is_whole = os.path.dirname(path) == root.folder
    return replace(
        file, scope=root.scope, within=path_from(path, root), linked=root.linked, is_whole=is_whole
    )


def _comment_policy(roots: Sequence[ScanRoot], trust: Trust, detector: KeyDetector) -> CommentPolicy:
    """Return the function that decides which inline comments count."""
    if trust.mode == "tree":
        return allow_all
    if trust.mode == "none":
        return lambda _, __, ___: "comments do not count with --trust none"
    by_file: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}
    readers: dict[TrustedFiles | None, CommitFileReader] = {
        root.trusted_files: CommitFileReader(root.trusted_files)
        for root in roots
        if isinstance(root.trusted_files, CommitFiles)
    }

    def at_base(comment: Comment, location: Location, fingerprint: str) -> str:
        if (root := find_root_of(location.path, roots)) is not None:
            file = (root.scope, location.path)
            if file not in by_file:
                reader = readers.get(root.trusted_files)
                by_file[file] = _find_commented_keys(root, location.path, detector, reader)
            if (fingerprint, comment.marker) in by_file[file]:
                return ""
        return f"the comment is not beside this key at {trust.revision}"

    return at_base


def _find_commented_keys(
    root: ScanRoot, path: str, detector: KeyDetector, reader: CommitFileReader | None
) -> frozenset[tuple[str, str]]:
    """Return the keys with comments in the version of a file at the revision."""
    absolute = os.path.normpath(os.path.join(root.folder, os.fsencode(path[len(root.scope) :])))
    try:
        content = reader.read(absolute) if reader is not None else None
    except KeyscanError:
        content = None
    found: set[tuple[str, str]] = set()
    for match in detector.find([content]) if content is not None else ():
        found.update((match.fingerprint, comment.marker) for comment in match.comments)
    return frozenset(found)


def trust_report(roots: Sequence[ScanRoot], trust: Trust, settings: Iterable[Setting] = ()) -> TrustReport:
    """Return the report of the files that were trusted, without keys."""
    commits = (root.trusted_files.commit for root in roots if isinstance(root.trusted_files, CommitFiles))
    untrusted = tuple(map(redacted, untrusted_files(roots, trust)))
    return TrustReport(
        redacted(str(trust)), next(commits, None), tuple(settings), untrusted, by_default=trust.by_default
    )


def untrusted_files(roots: Sequence[ScanRoot], trust: Trust) -> tuple[str, ...]:
    """Return the suppression files in the trees that are not trusted, to be reported."""
    if trust.mode != "none":
        return ()
    found: dict[str, None] = {}
    for root in roots:
        for folder in folders_upwards(root.folder, find_tree_top(root.folder)):
            for name in _SUPPRESSION_FILES:
                path = os.path.join(folder, os.fsencode(name))
                if os.path.lexists(path) and (name != CONFIGS[1] or _has_own_table(path)):
                    found[display_path(path)] = None
    return tuple(found)


def _has_own_table(path: bytes) -> bool:
    try:
        return b"tool.boltz-keyscan" in read_named_file(path)
    except KeyscanError:
        return False
