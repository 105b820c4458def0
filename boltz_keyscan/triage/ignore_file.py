"""The ignore file: fingerprints and path globs, each with a reason.

    # a comment
    bk1:0123...            # made up for the documentation
    tests/fixtures/**      # no real keys in there
    tests/encrypted.zip    # gap: test data, password with the lab
    object:89ab...         # gap: the same in history, by git's id of the object

An entry whose reason begins with ``gap:`` accepts that something is not scanned. It suppresses no key,
and the others accept no gap. The reason begins after the first ``#`` between spaces or at the end of
the line; a path with such a ``#`` in it is written with ``?`` instead.
"""

from __future__ import annotations

import re

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.suppression import FINGERPRINT, OBJECT_ID
from boltz_keyscan.records import dataclass
from boltz_keyscan.triage.globs import find_problem
from boltz_keyscan.triage.text_file import TextFile, numbered

NAME = ".boltz-keyscanignore"

OBJECT = "object:"
"""Prefix of the id of a git object."""

_GAP = late_pattern(r"gap:\s*(.*)")
_ENTRY = late_pattern(r"(.*?)(?:\s+#(?:\s+(.*))?)?")
_MAX_GLOBS = 1000
"""Globs, at most: each is matched against each path with a key."""


@dataclass(frozen=True, slots=True)
class IgnoreEntry:
    """One entry: a fingerprint, a glob, or the id of a git object."""

    what: str
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class IgnoreEntries:
    """The entries of a file."""

    named: dict[str, IgnoreEntry]
    """Keys by fingerprint, and accepted git objects that are not scanned by ``object:`` and id."""
    globs: tuple[IgnoreEntry, ...]
    gaps: tuple[IgnoreEntry, ...] = ()
    """Globs of accepted files that are not scanned."""


def parse(text: TextFile) -> IgnoreEntries:
    """Return the entries of a file.

    Raises:
        KeyscanError: with file, line and reason. One invalid line makes the file invalid.
    """
    named: dict[str, IgnoreEntry] = {}
    globs: dict[str, IgnoreEntry] = {}
    gaps: dict[str, IgnoreEntry] = {}
    for number, line in numbered(text):
        if not line or line.startswith("#"):
            continue
        what, reason = (part or "" for part in _ENTRY.fullmatch(line).groups())  # type: ignore[union-attr]  # matches any line
        if not reason.strip():
            raise text.broken(number, "no reason is given", "Write it after the entry: PATTERN  # reason.")
        gap = _GAP.fullmatch(reason)
        if gap and not gap[1]:
            raise text.broken(number, "no reason is given", "Write it after gap: PATTERN  # gap: reason.")
        entry = IgnoreEntry(what, gap[1] if gap else reason, number)
        if what.startswith(("bk1:", OBJECT)):
            _check_id(text, number, what, is_gap=gap is not None)
            kind = named
        else:
            _check(text, number, what)
            kind = gaps if gap else globs
        # merge=union keeps the lines of two branches: the first of two reasons is used.
        kind.setdefault(what, entry)
    if len(globs) + len(gaps) > _MAX_GLOBS:
        raise text.broken(1, f"more than {_MAX_GLOBS:,} path globs", "Name folders instead of files.")
    return IgnoreEntries(named, tuple(globs.values()), tuple(gaps.values()))


def _check_id(text: TextFile, number: int, what: str, *, is_gap: bool) -> None:
    if what.startswith(OBJECT):
        if not OBJECT_ID.fullmatch(what):
            raise text.broken(number, "not the id of an object", "That is object: and 40 or 64 hex digits.")
        if not is_gap:
            hint = "Write # gap: REASON; to ignore a key, give its fingerprint or a path."
            raise text.broken(number, "an object id accepts a gap only", hint)
    elif not FINGERPRINT.fullmatch(what):
        raise text.broken(number, "not a fingerprint", "That is bk1: and 32 hex digits.")
    elif is_gap:
        raise text.broken(number, "a key is not a gap", "Leave out gap:, or give a path.")


def _check(text: TextFile, number: int, glob: str) -> None:
    if re.fullmatch(r"[a-z0-9]+:[0-9a-f]{16,}", glob):
        raise text.broken(number, "an unknown kind of fingerprint", "That is bk1: and 32 hex digits.")
    if problem := find_problem(glob):
        raise text.broken(number, *problem)
