"""The ignore file: fingerprints and path globs, each with a reason.

    # a comment
    bk1:0123...            # made up for the documentation
    tests/fixtures/**      # no real keys in there

The reason begins after the first ``#`` between spaces or at the end of the line; a path with
such a ``#`` in it is written with ``?`` instead.
"""

from __future__ import annotations

import re

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.suppression import FINGERPRINT
from boltz_keyscan.records import dataclass
from boltz_keyscan.triage.text_file import Text, numbered

NAME = ".boltz-keyscanignore"

_ENTRY = late_pattern(r"(.*?)(?:\s+#(?:\s+(.*))?)?")
_MAX_GLOBS = 1000
"""Globs, at most: each is matched against each path with a key."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """One entry: a fingerprint or a glob."""

    what: str
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class Ignores:
    """The entries of a file."""

    keys: dict[str, Ignored]
    globs: tuple[Ignored, ...]


def parse(text: Text) -> Ignores:
    """Return the entries of a file.

    Raises:
        KeyscanError: with file, line and reason. One invalid line makes the file invalid.
    """
    keys: dict[str, Ignored] = {}
    globs: dict[str, Ignored] = {}
    for number, line in numbered(text):
        if not line or line.startswith("#"):
            continue
        what, reason = (part or "" for part in _ENTRY.fullmatch(line).groups())  # type: ignore[union-attr]  # matches any line
        if not reason.strip():
            raise text.broken(number, "no reason is given", "Write it after the entry: PATTERN  # reason.")
        entry = Ignored(what, reason, number)
        if what.startswith("bk1:"):
            if not FINGERPRINT.fullmatch(what):
                raise text.broken(number, "not a fingerprint", "That is bk1: and 32 hex digits.")
            kind = keys
        else:
            _check(text, number, what)
            kind = globs
        # merge=union keeps the lines of two branches: the first of two reasons is used.
        kind.setdefault(what, entry)
    if len(globs) > _MAX_GLOBS:
        raise text.broken(1, f"more than {_MAX_GLOBS:,} path globs", "Name folders instead of files.")
    return Ignores(keys, tuple(globs.values()))


def _check(text: Text, number: int, glob: str) -> None:
    if glob.startswith("!"):
        raise text.broken(number, "exceptions with '!' are not supported", "Name the paths to ignore.")
    if re.fullmatch(r"[a-z0-9]+:[0-9a-f]{16,}", glob):
        raise text.broken(number, "an unknown kind of fingerprint", "That is bk1: and 32 hex digits.")
    if ".." in glob.split("/"):
        raise text.broken(number, "'..' leads out of the tree", "Globs start at the folder of this file.")
    if not glob.removeprefix(".").strip("/*"):
        raise text.broken(
            number,
            "it names every path",
            "Name a folder; to pass every run, give --fail-on never.",
        )
    if "\\" in glob:
        raise text.broken(number, "a backslash", "Paths are written with '/', and nothing is escaped.")
