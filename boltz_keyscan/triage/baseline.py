"""The baseline: accepted keys, one line each.

A line has the fingerprint, the rule, the path where the key was first found, the reason, the
person who accepted it, and the last day of the acceptance or ``forever``. The fingerprint is
of the key alone, so a line remains valid after renames, rebases, squashes and new encodings.
Without line numbers and times, an update changes only lines whose content changed.

Merging: lines are sorted by fingerprint, and with ``merge=union`` git keeps the additions of
two branches. Of two lines for one key, the one that ends first counts, or else the first; the
next update of the file removes the other.

Further paths may follow the first: the places of the key when it was accepted. The report shows the
places that are not among them.

A line may also accept a gap, something that is not scanned: a git object, or a file of the same content,
by git's id of it; or whatever is at a path, for a file that cannot be read. Its second word is the reason of
the gap.

    object:89ab... encrypted "tests/lab.zip" "test data" "Ana" forever
    path unreadable "tests/locked.zip" "test data" "Ana" forever
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.finding import Location
from boltz_keyscan.model.suppression import FINGERPRINT, OBJECT_ID
from boltz_keyscan.policy import UNEXPOSED
from boltz_keyscan.records import dataclass
from boltz_keyscan.triage.text_file import TextFile, numbered

NAME = ".boltz-keyscan-baseline"
"""The name under which the baseline is found by default."""

HEADER = "# boltz-keyscan baseline 1"
_LEGEND = "# fingerprint, rule, first seen in, reason, accepted by, until (the last day, or forever)"

PATH = "path"
"""First word of a line that accepts a gap in a file."""

_ANYWHERE = "**"
"""Last place of a key that was in more places than a line names."""

MAX_PLACES = 50
"""Places named in one line."""

ADVICE = f"With the line '{NAME} merge=union' in .gitattributes git keeps the lines of both by itself."

FOREVER = "forever"

_STRING = r'"(?:[^"\\]|\\.)*"'
_LINE = late_pattern(rf"(\S+)\s+([a-z0-9-]+)\s+({_STRING}(?:\s+{_STRING}){{2,{MAX_PLACES + 1}}})\s+(\S+)")
_FORM = 'FINGERPRINT RULE "PATH"... "REASON" "WHO" YYYY-MM-DD|forever'


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted key or gap."""

    fingerprint: str
    """Of a key; of a gap ``object:`` and the id of the content, or ``path``."""
    rule_id: str
    """Of a gap, its reason."""
    path: str
    """The path of its first location, as in a report; the key may have moved since."""
    reason: str
    by: str
    until: date | None
    """The last day of the acceptance (UTC); None for no end."""
    line: int = 0
    places: tuple[str, ...] = ()
    """Its other paths when it was accepted."""

    @property
    def key(self) -> str:
        """The name under which the entry is looked up: ``path_key`` for a gap in a file."""
        return path_key(self.path) if self.fingerprint == PATH else self.fingerprint

    @property
    def is_gap(self) -> bool:
        """True if it accepts a gap, not a key."""
        return not self.fingerprint.startswith("bk1:")

    def names(self, path: str) -> bool:
        """Return True if a path is one of those of the key when it was accepted."""
        return path == self.path or path in self.places or _ANYWHERE in self.places

    def expired(self, today: date) -> bool:
        """Return True if its last day has passed."""
        return self.until is not None and self.until < today

    @property
    def summary(self) -> str:
        """The reason, the person and the last day, for people."""
        until = f" until {self.until.isoformat()}" if self.until else ""
        return f"{self.reason} (accepted by {self.by}{until})"


def path_key(path: str) -> str:
    """Return the key of an entry for a gap in a file."""
    return f"{PATH}:{path}"


def exposed_paths(locations: Iterable[Location]) -> list[str]:
    """Return the paths at which a key is exposed, sorted; objects without a path have none."""
    exposed = (place for place in locations if place.exposure not in UNEXPOSED)
    return sorted({place.path for place in exposed if not place.path.endswith(place.blob or "/")})


def capped_places(paths: Collection[str], first: str) -> tuple[str, ...]:
    """Return the places to record beside the first path."""
    places = tuple(sorted({*paths} - {first}))
    return places if len(places) < MAX_PLACES else (_ANYWHERE,)


def parse(text: TextFile, rules: Collection[str]) -> dict[str, Entry]:
    """Return the entries by fingerprint; those of gaps by object id, or ``path_key``.

    Args:
        text: the file.
        rules: the ids of the existing rules.

    Raises:
        KeyscanError: with file, line and reason. One invalid line makes the file invalid.
    """
    entries: dict[str, Entry] = {}
    headed = False
    for number, line in numbered(text, f" {ADVICE}"):
        if not headed and line:
            headed = True
            if line != HEADER:
                raise text.broken(
                    number,
                    f"not a baseline of this version: the first line must be '{HEADER}'",
                    "Make one with 'boltz-keyscan baseline create', or get the version that wrote it.",
                )
        if not line or line.startswith("#"):
            continue
        entry = _entry(text, number, line, rules)
        before = entries.setdefault(entry.key, entry)
        if (entry.until or date.max) < (before.until or date.max):
            entries[entry.key] = entry
    if not headed:
        raise text.broken(1, "the file is empty", "Restore it from git.")
    return entries


def _entry(text: TextFile, number: int, line: str, rules: Collection[str]) -> Entry:
    fields = _LINE.fullmatch(line)
    if fields is None:
        raise text.broken(number, "not an entry", f"The form is: {_FORM}")
    fingerprint, rule_id, quoted, until = fields.groups()
    is_gap = fingerprint == PATH or OBJECT_ID.fullmatch(fingerprint)
    if not is_gap and not FINGERPRINT.fullmatch(fingerprint):
        hint = "That is bk1: and 32 hex digits; a gap begins with path, or object: and an id."
        raise text.broken(number, "it does not begin with a fingerprint", hint)
    if not is_gap and rule_id not in rules:
        raise text.broken(number, f"no such rule: {rule_id}", f"Rules: {', '.join(sorted(rules))}.")
    try:
        path, *places, reason, by = map(json.loads, re.findall(_STRING, quoted))
        # JSON can have lone surrogates, which UTF-8 cannot.
        "".join((path, *places, reason, by)).encode()
    except ValueError:
        raise text.broken(number, "a text in quotes is not a JSON string", f"The form is: {_FORM}") from None
    if not reason.strip() or not by.strip():
        raise text.broken(
            number, "the reason or the person who accepted it is missing", f"The form is: {_FORM}"
        )
    return Entry(fingerprint, rule_id, path, reason, by, _until(text, number, until), number, tuple(places))


def _until(text: TextFile, number: int, word: str) -> date | None:
    try:
        return day(word)
    except ValueError:
        raise text.broken(number, f"not a date: {word}", "Give it as 2030-12-31, or as forever.") from None


def day(word: str) -> date | None:
    """Return the date, or None for ``forever``.

    Raises:
        ValueError: it is neither of them.
    """
    if word == FOREVER:
        return None
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", word):
        # fromisoformat accepts more forms, which do not sort.
        raise ValueError(word)
    return date.fromisoformat(word)


def format_file(entries: Iterable[Entry]) -> str:
    """Return the text of the file; the same entries always give the same bytes."""
    ordered = sorted(entries, key=lambda entry: entry.key)
    return "\n".join([HEADER, _LEGEND, *map(_format_entry, ordered)]) + "\n"


def _format_entry(entry: Entry) -> str:
    texts = (entry.path, *entry.places, entry.reason, entry.by)
    strings = (json.dumps(text, ensure_ascii=False) for text in texts)
    until = entry.until.isoformat() if entry.until else FOREVER
    return " ".join((entry.fingerprint, entry.rule_id, *strings, until))


def changed(
    known: dict[str, Entry], occurring: Collection[str], new: Iterable[Entry], *, whole: bool
) -> Iterator[Entry]:
    """Yield the baseline after an update: the new entries, and the old ones of keys that still occur.

    Args:
        known: the existing entries.
        occurring: the keys of the entries for everything found, blocking or not.
        new: the new entries; they replace existing ones of the same key.
        whole: everything was scanned; otherwise no entry is dropped, because its key may still exist.
    """
    added = {entry.key: entry for entry in new}
    yield from added.values()
    for key, entry in known.items():
        if key not in added and (key in occurring or not whole):
            yield entry
