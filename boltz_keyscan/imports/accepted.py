"""Secrets accepted for another scanner: audited baselines of detect-secrets, and ``.gitleaksignore``.

Both accept a secret at one place, a baseline of ours accepts a key wherever it is. So a key is taken over
only if each path at which it is exposed is accepted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.imports.formats import read
from boltz_keyscan.imports.places import Places, UnresolvedError, hash_lookup
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.records import dataclass
from boltz_keyscan.triage.baseline import exposed_paths
from boltz_keyscan.triage.text_file import TextFile, numbered

_FINGERPRINT = re.compile(r"(?:([0-9a-f]{40}):)?(.+):[^:]+:([0-9]{1,9})")
"""An entry of ``.gitleaksignore``: commit, if it was found in history, path, rule and line."""

_MAX_REASON_CHARS = 300


@dataclass(frozen=True, slots=True)
class Accepted:
    """One accepted secret: a place, or a key at a path."""

    path: str
    reason: str
    line: int = 0
    commit: str = ""
    """The only commit of which it is accepted; empty for all."""
    fingerprint: str = ""
    """The accepted key; empty for any at the place."""

    def covers(self, finding: Finding, location: Location) -> bool:
        """Return True if a key is accepted at a location."""
        if self.path != location.path:
            return False
        if self.fingerprint:
            return self.fingerprint == finding.fingerprint
        return self.line == location.line and self.commit in {"", location.commit}


def read_accepted(path: bytes, shown: str, raw: bytes, reason: str) -> list[Accepted]:
    """Return the accepted secrets of a file.

    Args:
        path: absolute path of the file; the paths in it are relative to its folder.
        shown: its path in messages.
        raw: its content.
        reason: the reason of entries without one of their own; empty for one that names the file.

    Raises:
        KeyscanError: it is no such file, or broken.
    """
    if raw.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:1] in {b"{", b"["}:
        return list(_audited(os.path.dirname(path), shown, raw, reason))
    return list(_ignored(TextFile(shown, raw), reason or f"ignored in {shown}"))


def take_over(findings: Iterable[Finding], accepted: Iterable[Accepted]) -> dict[str, tuple[str, list[str]]]:
    """Return the keys with an accepted place, by fingerprint: reason, and paths that are not accepted."""
    by_path: dict[str, list[Accepted]] = {}
    for each in accepted:
        by_path.setdefault(each.path, []).append(each)
    taken = {}
    for finding in findings:
        covered: dict[str, str] = {}
        for location in finding.locations:
            for each in by_path.get(location.path, ()):
                if each.covers(finding, location):
                    covered.setdefault(location.path, each.reason)
        if covered:
            reasons = "; ".join(dict.fromkeys(covered.values()))[:_MAX_REASON_CHARS]
            left = [path for path in exposed_paths(finding.locations) if path not in covered]
            taken[finding.fingerprint] = (reasons, left)
    return taken


def _audited(folder: bytes, shown: str, raw: bytes, reason: str) -> Iterator[Accepted]:
    """Yield the keys of a baseline of detect-secrets that a person marked as no secret."""
    title, entries = read(shown, raw)
    if title != "detect-secrets":
        raise KeyscanError(
            f"{shown}: accepts nothing: a {title} report", "Give a .secrets.baseline or .gitleaksignore."
        )
    marked = [entry for entry in entries if entry.is_accepted and entry.digest]
    places = Places(folder, KeyDetector.of(rules.load()).asking(hash_lookup(marked)))
    for entry in marked:
        try:
            matches = places.matches(entry)
        except UnresolvedError:
            # A file that is gone has no key to accept.
            continue
        for match in matches:
            if entry.digest in match.listed:
                why = reason or f"marked as no secret in {shown}"
                yield Accepted(entry.path, why, fingerprint=match.fingerprint)


def _ignored(text: TextFile, reason: str) -> Iterator[Accepted]:
    """Yield the entries of ``.gitleaksignore``; the comment above some of them is their reason."""
    comment: list[str] = []
    is_comment = False
    for number, line in numbered(text):
        if line.startswith("#"):
            comment = [*(comment if is_comment else ()), line.lstrip("# \t")]
        elif not line:
            comment = []
        else:
            entry = _FINGERPRINT.fullmatch(line)
            if entry is None:
                hint = "The form is COMMIT:PATH:RULE:LINE or PATH:RULE:LINE, as gitleaks prints it."
                raise text.broken(number, "not an entry of .gitleaksignore", hint)
            commit, path, place = entry.groups()
            yield Accepted(path, " ".join(filter(None, comment)) or reason, int(place), commit or "")
        is_comment = line.startswith("#")
