"""Revision names, resolved over references read without git; suffixes (~ ^ @{}) are left to git.

git gets object ids only, on standard input: a name can be chosen so that git resolves it
differently, and any user on the machine can read command lines. An unknown name is an error,
never an empty scan.
"""

from __future__ import annotations

import os
import re

from boltz_keyscan import fsutil
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.repo import shallow
from boltz_keyscan.sources.git.repo.references import References
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import CHECK
from boltz_keyscan.system.paths import with_slash

_SUFFIX = late_pattern(r"[~^:]|@\{")
"""Start of a suffix that git resolves; no name holds these characters (git-check-ref-format)."""

_RULES = ("{}", "refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
"""Full names that a short name can mean (gitrevisions, "<refname>")."""

_FULL_NAME = late_pattern(r"refs/.*|([A-Z]+_)*HEAD", re.DOTALL)
"""A name that means only itself: a tag named HEAD is not taken for HEAD."""

_ABBREVIATION = late_pattern(r"(?:.*-g)?([0-9a-fA-F]{4,})", re.DOTALL)
"""An abbreviated object id, also at the end of a name by git describe."""


@dataclass(frozen=True, slots=True)
class RevisionRange:
    """The commits that the included revisions reach and the excluded ones do not."""

    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(cls, expression: str) -> RevisionRange:
        """Parse ``A..B``, with HEAD for an omitted end, as in gitrevisions(7).

        Raises:
            KeyscanError: the expression is not a range.
        """
        if "..." in expression or ".." not in expression:
            raise KeyscanError(
                f"not a range: {expression}", "Give it as A..B, for example origin/main..HEAD."
            )
        start, _, end = expression.partition("..")
        return cls((end or "HEAD",), (start or "HEAD",))


class UnknownRevisionError(KeyscanError):
    """A revision that leads to no commit of this clone.

    Attributes:
        incomplete: the clone lacks references or objects, so the name may be right.
    """

    incomplete = False


def find(view: git.RepoView, refs: References, revision: str) -> str:
    """Return the full id that a revision names: of a commit, or of any object a reference points to.

    Raises:
        UnknownRevisionError: it names nothing.
        KeyscanError: it is ambiguous.
    """
    found = _SUFFIX.search(revision)
    end = found.start() if found else len(revision)
    name, suffix = revision[:end], revision[end:]
    start = _resolve_name(view, refs, "HEAD" if name == "@" else name)
    if start is None:
        raise _unknown_revision(view, refs, revision)
    # As in git: of several objects with the abbreviation, the one that leads to a commit.
    expressions = [start + suffix + "^{commit}"] if suffix else [start, start + "^{commit}"]
    for expression in expressions:
        oid, _ = _resolve(view, expression)
        if oid:
            return oid
    error = _unknown_revision(view, refs, revision)
    # If a reference points to a missing object, the store is at fault, not the name.
    error.incomplete |= start in dict(refs.tips).values() and not _resolve(view, start)[0]
    raise error


def find_commit(view: git.RepoView, refs: References, revision: str) -> str:
    """Return the full id of the commit that a revision leads to; errors as ``find``."""
    oid, _ = _resolve(view, find(view, refs, revision) + "^{commit}")
    if not oid:
        raise _unknown_revision(view, refs, revision)
    return oid


def _resolve_name(view: git.RepoView, refs: References, name: str) -> str | None:
    """Return the object id, perhaps abbreviated, of a name without suffix.

    Raises:
        KeyscanError: it is ambiguous.
    """
    if _is_full_id(view, name.lower()):
        return name.lower()
    if not name or refs.opaque:
        return None
    rules = ("{}",) if _FULL_NAME.fullmatch(name) else _RULES
    full_names = [os.fsencode(rule.format(name)) for rule in rules]
    targets = {full: refs.head if full == b"HEAD" else refs.target(full) for full in full_names}
    meanings = {fsutil.decode(full): oid for full, oid in targets.items() if oid is not None}
    if len(rules) == 1 and meanings and os.fsencode(name) not in dict(refs.broken):
        return meanings[name]
    _require_readable(refs, name, full_names)
    abbreviation = _ABBREVIATION.fullmatch(name) if len(rules) > 1 else None
    if not meanings:
        return abbreviation[1] if abbreviation else None
    oid, kind = _resolve(view, name) if abbreviation and abbreviation[1] == name else ("", "")
    choices = [*meanings, *([f"{kind} {oid}"] if oid else [])]
    if len(choices) > 1:
        raise KeyscanError(
            f"ambiguous revision: {name} can mean {' or '.join(choices)}",
            f"Give the full name, such as {list(meanings)[-1]}, or the full commit id.",
        )
    return next(iter(meanings.values()))


def _require_readable(refs: References, name: str, full_names: list[bytes]) -> None:
    """Raise KeyscanError if a reference that the name may mean could not be read."""
    for broken, why in refs.broken:
        folder = with_slash(broken)
        if broken == b"packed-refs" or any(full == broken or full.startswith(folder) for full in full_names):
            unread = broken.decode("utf-8", "backslashreplace")
            raise KeyscanError(
                f"cannot tell what {name} means: {unread} cannot be read: {why}",
                "Give the full commit id, or mend the reference.",
            )


def _unknown_revision(view: git.RepoView, refs: References, revision: str) -> UnknownRevisionError:
    hint = "Name a branch, tag or commit that this clone has; fetch it first."
    if refs.opaque:
        hint = "Its references are kept as reftable, which is not read: give full commit ids."
    elif view.shallow is not None:
        hint = f"This clone is shallow: {shallow.FETCH_ADVICE}."
    error = UnknownRevisionError(f"unknown revision: {revision}", hint)
    error.incomplete = view.shallow is not None
    return error


def _resolve(view: git.RepoView, expression: str) -> tuple[str, str]:
    """Return id and type of the object that git finds for an id with suffixes; empty strings if none."""
    answer, error = git.run(view, "cat-file", CHECK, "-z", lines=[os.fsencode(expression) + b"\0"])
    words = answer.decode("ascii", "replace").split()
    # The answer for a missing object repeats the expression, which can have any form.
    if error or len(words) != 3 or not words[2].isdigit() or not _is_full_id(view, words[0]):
        return "", ""
    return words[0], words[1]


def _is_full_id(view: git.RepoView, text: str) -> bool:
    return len(text) == 2 * view.id_bytes and re.fullmatch("[0-9a-f]+", text) is not None
