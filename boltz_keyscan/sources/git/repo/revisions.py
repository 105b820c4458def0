"""Names of revisions, resolved over references that we read ourselves.

git is given object ids only, by standard input: a name can be chosen so that it means another
thing to git, and command lines can be read by everybody on the machine.

Boundary: names in, object ids out; a name that leads nowhere is an error, never an empty scan.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.sources.git.repo import shallow
from boltz_keyscan.sources.git.repo.repository import References
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import CHECK

_SUFFIX = re.compile(r"[~^:]|@\{")
"""Where a name ends and a suffix that git resolves begins; no name holds these (git-check-ref-format)."""

_RULES = ("{}", "refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")
"""Where a name is looked for (gitrevisions, "<refname>")."""

_FULL_NAME = re.compile(r"refs/.*|([A-Z]+_)*HEAD", re.DOTALL)
"""A name that is looked for under no other: no tag can be called HEAD to be taken for it."""

_ABBREVIATION = re.compile(r"(?:.*-g)?([0-9a-fA-F]{4,})", re.DOTALL)
"""The beginning of an object id, also at the end of what git describe writes."""


@dataclass(frozen=True, slots=True)
class RevisionRange:
    """Part of a history: what some revisions reach and others do not."""

    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(cls, expression: str) -> RevisionRange:
        """``A..B``, with HEAD for an end left out, as in gitrevisions(7).

        Raises:
            KeyscanError: not a range.
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
        incomplete: the clone itself lacks something, so that the name may be right.
    """

    incomplete = False


def find(view: git.RepoView, refs: References, revision: str) -> str:
    """Return the full id of what a revision names: a commit, or whatever a reference points to.

    Raises:
        UnknownRevisionError: it names nothing.
        KeyscanError: it can mean two things.
    """
    found = _SUFFIX.search(revision)
    end = found.start() if found else len(revision)
    name, suffix = revision[:end], revision[end:]
    start = _start(view, refs, "HEAD" if name == "@" else name)
    if start is None:
        raise _unknown(view, refs, revision)
    # Of several objects that begin alike the one that leads to a commit is meant, as for git.
    questions = [start + suffix + "^{commit}"] if suffix else [start, start + "^{commit}"]
    for question in questions:
        oid, _ = _ask(view, question)
        if oid:
            return oid
    error = _unknown(view, refs, revision)
    # A reference that leads to nothing is a fault of the store, not of the name.
    error.incomplete |= start in dict(refs.tips).values() and not _ask(view, start)[0]
    raise error


def find_commit(view: git.RepoView, refs: References, revision: str) -> str:
    """Return the full id of the commit that a revision leads to; errors as ``find``."""
    oid, _ = _ask(view, find(view, refs, revision) + "^{commit}")
    if not oid:
        raise _unknown(view, refs, revision)
    return oid


def _start(view: git.RepoView, refs: References, name: str) -> str | None:
    """Return the object id that a name without suffix means, perhaps abbreviated.

    Raises:
        KeyscanError: it can mean two things.
    """
    if _is_full_id(view, name.lower()):
        return name.lower()
    if not name or refs.opaque:
        return None
    rules = ("{}",) if _FULL_NAME.fullmatch(name) else _RULES
    full_names = [os.fsencode(rule.format(name)) for rule in rules]
    targets = {full: refs.head if full == b"HEAD" else refs.target(full) for full in full_names}
    meanings = {os.fsdecode(full): oid for full, oid in targets.items() if oid is not None}
    if len(rules) == 1 and meanings and os.fsencode(name) not in dict(refs.broken):
        return meanings[name]
    _require_readable(refs, name, full_names)
    abbreviation = _ABBREVIATION.fullmatch(name) if len(rules) > 1 else None
    if not meanings:
        return abbreviation[1] if abbreviation else None
    oid, kind = _ask(view, name) if abbreviation and abbreviation[1] == name else ("", "")
    choices = [*meanings, *([f"{kind} {oid}"] if oid else [])]
    if len(choices) > 1:
        raise KeyscanError(
            f"ambiguous revision: {name} can mean {' or '.join(choices)}",
            f"Give the full name, such as {list(meanings)[-1]}, or the full commit id.",
        )
    return next(iter(meanings.values()))


def _require_readable(refs: References, name: str, full_names: list[bytes]) -> None:
    """Raise KeyscanError when a reference that the name may mean could not be read."""
    for broken, why in refs.broken:
        folder = os.path.join(broken, b"")
        if broken == b"packed-refs" or any(full == broken or full.startswith(folder) for full in full_names):
            unread = broken.decode("utf-8", "backslashreplace")
            raise KeyscanError(
                f"cannot tell what {name} means: {unread} cannot be read: {why}",
                "Give the full commit id, or mend the reference.",
            )


def _unknown(view: git.RepoView, refs: References, revision: str) -> UnknownRevisionError:
    hint = "Name a branch, tag or commit that this clone has; fetch it first."
    if refs.opaque:
        hint = "Its references are kept as reftable, which is not read: give full commit ids."
    elif view.shallow is not None:
        hint = f"This clone is shallow: {shallow.DEEPER}."
    error = UnknownRevisionError(f"unknown revision: {revision}", hint)
    error.incomplete = view.shallow is not None
    return error


def _ask(view: git.RepoView, question: str) -> tuple[str, str]:
    """Return id and type of the object that git finds for an id with suffixes; empty when there is none."""
    answer, complaint = git.run(view, "cat-file", CHECK, "-z", lines=[os.fsencode(question) + b"\0"])
    words = answer.decode("ascii", "replace").split()
    # The answer for what is not there repeats the question, which can have any form.
    if complaint or len(words) != 3 or not words[2].isdigit() or not _is_full_id(view, words[0]):
        return "", ""
    return words[0], words[1]


def _is_full_id(view: git.RepoView, text: str) -> bool:
    return len(text) == 2 * view.id_bytes and re.fullmatch("[0-9a-f]+", text) is not None
