"""The baseline: accepted keys, one line each.

A line has the fingerprint, the rule, the path where the key was first found, the reason, the
person who accepted it, and the last day of the acceptance or ``forever``. The fingerprint is
of the key alone, so a line remains valid after renames, rebases, squashes and new encodings.
Without line numbers and times, an update changes only lines whose content changed.

Merging: lines are sorted by fingerprint, and with ``merge=union`` git keeps the additions of
two branches. Of two lines for one key, the one that ends first counts, or else the first; the
next update of the file removes the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date

from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.model.suppression import FINGERPRINT
from boltz_keyscan.records import dataclass
from boltz_keyscan.triage.text_file import Text, numbered

NAME = ".boltz-keyscan-baseline"
"""The name under which the baseline is found by default."""

HEADER = "# boltz-keyscan baseline 1"
_LEGEND = "# fingerprint, rule, first seen in, reason, accepted by, until (the last day, or forever)"

ADVICE = f"With the line '{NAME} merge=union' in .gitattributes git keeps the lines of both by itself."

FOREVER = "forever"

_STRING = r'"(?:[^"\\]|\\.)*"'
_LINE = late_pattern(rf"(\S+)\s+([a-z0-9-]+)\s+({_STRING})\s+({_STRING})\s+({_STRING})\s+(\S+)")
_FORM = 'FINGERPRINT RULE "PATH" "REASON" "WHO" YYYY-MM-DD|forever'


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted key."""

    fingerprint: str
    rule_id: str
    path: str
    """The path of its first location, as in a report; the key may have moved since."""
    reason: str
    by: str
    until: date | None
    """The last day of the acceptance (UTC); None for no end."""
    line: int = 0

    def expired(self, today: date) -> bool:
        """Return True if its last day has passed."""
        return self.until is not None and self.until < today

    @property
    def summary(self) -> str:
        """The reason, the person and the last day, for people."""
        until = f" until {self.until.isoformat()}" if self.until else ""
        return f"{self.reason} (accepted by {self.by}{until})"


def parse(text: Text, rules: Collection[str]) -> dict[str, Entry]:
    """Return the entries by fingerprint.

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
        before = entries.setdefault(entry.fingerprint, entry)
        if (entry.until or date.max) < (before.until or date.max):
            entries[entry.fingerprint] = entry
    if not headed:
        raise text.broken(1, "the file is empty", "Restore it from git.")
    return entries


def _entry(text: Text, number: int, line: str, rules: Collection[str]) -> Entry:
    fields = _LINE.fullmatch(line)
    if fields is None:
        raise text.broken(number, "not an entry", f"The form is: {_FORM}")
    fingerprint, rule_id, *strings, until = fields.groups()
    if not FINGERPRINT.fullmatch(fingerprint):
        raise text.broken(number, "it does not begin with a fingerprint", "That is bk1: and 32 hex digits.")
    if rule_id not in rules:
        raise text.broken(number, f"no such rule: {rule_id}", f"Rules: {', '.join(sorted(rules))}.")
    try:
        path, reason, by = map(json.loads, strings)
        # JSON can have lone surrogates, which UTF-8 cannot.
        f"{path}{reason}{by}".encode()
    except ValueError:
        raise text.broken(number, "a text in quotes is not a JSON string", f"The form is: {_FORM}") from None
    if not reason.strip() or not by.strip():
        raise text.broken(
            number, "the reason or the person who accepted it is missing", f"The form is: {_FORM}"
        )
    return Entry(fingerprint, rule_id, path, reason, by, _until(text, number, until), number)


def _until(text: Text, number: int, word: str) -> date | None:
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
    ordered = sorted(entries, key=lambda entry: entry.fingerprint)
    return "\n".join([HEADER, _LEGEND, *map(_format_entry, ordered)]) + "\n"


def _format_entry(entry: Entry) -> str:
    strings = (json.dumps(text, ensure_ascii=False) for text in (entry.path, entry.reason, entry.by))
    until = entry.until.isoformat() if entry.until else FOREVER
    return " ".join((entry.fingerprint, entry.rule_id, *strings, until))


def changed(
    known: dict[str, Entry], occurring: Collection[str], new: Iterable[Entry], *, whole: bool
) -> Iterator[Entry]:
    """Yield the baseline after an update: the new entries, and the old ones of keys that still occur.

    Args:
        known: the existing entries.
        occurring: the fingerprints of all keys that were found, blocking or not.
        new: the new entries; they replace existing ones of the same key.
        whole: everything was scanned; otherwise no entry is dropped, because its key may still exist.
    """
    added = {entry.fingerprint: entry for entry in new}
    yield from added.values()
    for fingerprint, entry in known.items():
        if fingerprint not in added and (fingerprint in occurring or not whole):
            yield entry
