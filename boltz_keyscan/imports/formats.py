"""The table of formats, and the parser of the JSON that all of them are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from types import ModuleType

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.imports import (
    betterleaks,
    detect_secrets,
    ggshield,
    github,
    gitlab,
    gitleaks,
    kingfisher,
    sarif,
    secretlint,
    trufflehog,
)
from boltz_keyscan.imports.entry import Entry, ShapeError, has

MAX_BYTES = 64 << 20
"""Bytes of a report at most: its JSON is held in memory."""

FORMATS: dict[str, ModuleType] = {
    "SARIF": sarif,
    "GitLab": gitlab,
    "detect-secrets": detect_secrets,
    "ggshield": ggshield,
    "betterleaks": betterleaks,
    "gitleaks": gitleaks,
    "trufflehog": trufflehog,
    "kingfisher": kingfisher,
    "GitHub": github,
    "secretlint": secretlint,
}
"""The reader of each format; the first one that recognizes an item reads them all."""

_UNSUPPORTED = (
    (
        ("schema_version", "findings", "gaps"),
        "a report of boltz-keyscan already: 'boltz-keyscan diff' reads it",
    ),
    (("offender", "rule"), "of gitleaks 7 or older: make it with gitleaks 8"),
    (("stringsFound", "printDiff"), "of trufflehog 2: make it with trufflehog 3"),
)
"""Members of items of formats that are known and not read, with the advice."""

_SPACE = re.compile(r"[\s,]*")
_HINT = "Formats: " + ", ".join(FORMATS) + ", each as JSON."


def read(name: str, raw: bytes) -> tuple[str, list[Entry]]:
    """Return the format of a report and its entries.

    Args:
        name: the name of the file, for errors.
        raw: its content.

    Raises:
        KeyscanError: it is too large, not whole, of another version or of no known format.
    """
    if len(raw) > MAX_BYTES:
        hint = "Let the scanner report one rule or one folder at a time."
        raise KeyscanError(f"{name}: larger than {MAX_BYTES >> 20} MiB", hint)
    found = [item for value in _values(name, raw) for item in _flat(value)]
    if not found:
        return "an empty list", []
    for names, why in _UNSUPPORTED:
        if has(found[0], *names):
            raise KeyscanError(f"{name}: {why}")
    for item in found:
        for title, reader in FORMATS.items():
            if reader.recognizes(item):
                return title, _entries(name, title, reader, found)
    raise KeyscanError(f"{name}: the format was not recognised", _HINT)


def _entries(name: str, title: str, reader: ModuleType, found: Sequence[object]) -> list[Entry]:
    try:
        return [entry for item in found for entry in reader.entries(item)]
    except ShapeError as error:
        raise KeyscanError(f"{name}: {title} report: {error}", "Make it again with the scanner.") from None


def _flat(value: object) -> list[object]:
    """Return the items of a list, and of lists in it: pages that were put together."""
    if not isinstance(value, list):
        return [value]
    return [item for each in value for item in (each if isinstance(each, list) else [each])]


def _values(name: str, raw: bytes) -> Iterator[object]:
    """Yield the JSON values of a file: one, one a line, or pages that follow each other."""
    try:
        # A byte order mark, or UTF-16: a redirection of PowerShell writes both.
        content = raw.decode(json.detect_encoding(raw)).strip()
    except UnicodeDecodeError:
        raise KeyscanError(f"{name}: not text", _HINT) from None
    if not content:
        raise KeyscanError(f"{name}: the file is empty", "trufflehog writes nothing when it finds nothing.")
    decoder, at = json.JSONDecoder(), 0
    while at < len(content):
        try:
            value, end = decoder.raw_decode(content, at)
        except json.JSONDecodeError as error:
            line = content.count("\n", 0, error.pos) + 1
            is_cut = at > 0 or content[0] in "[{"
            is_cut = is_cut and (error.pos >= len(content) or error.msg.startswith("Unterminated"))
            why = "it ends early" if is_cut else "not JSON"
            raise KeyscanError(
                f"{name}:{line}: {why}", "Make it again with the scanner." if is_cut else _HINT
            ) from None
        except (RecursionError, ValueError):
            raise KeyscanError(f"{name}: not JSON", _HINT) from None
        yield value
        at = _SPACE.match(content, end).end()  # type: ignore[union-attr]  # matches nothing too
