"""Audit of this machine: where keys lie, and variables and settings that redirect Boltz' programs.

``audit.local_files`` reads the places, and ``local.toml`` has the texts of the checks.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from boltz_keyscan.audit.checks import load_checks
from boltz_keyscan.audit.local_files import LocalFile
from boltz_keyscan.audit.places import REDACTABLE, REMEDIES, TABLE, Kind, Place
from boltz_keyscan.model.audit import Check, Concern, KeyPlace
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.wording import pluralize

CHECKS: Final = load_checks("local.toml")

SECRETS, REDIRECTING = (frozenset(TABLE["variables"][name]) for name in ("secret", "redirecting"))
"""Variables with a key, and those that set an address, a header or the program that gets it."""

_HAVE_CHECKS = frozenset({Kind.STARTUP, Kind.TOOL})
_WHERE_IT_BELONGS = frozenset({Kind.ENVIRONMENT, Kind.CREDENTIALS, Kind.PROCESS})


@dataclass(frozen=True, slots=True)
class KeyAt:
    """A key at a place."""

    fingerprint: str
    shown: str
    """The redacted key."""
    path: str
    """The path, with the members that lead to the key, redacted and safe to print."""
    file: str
    """The path of the file alone; empty for a running program."""
    line: int | None
    place: Place


def keys_in(files: Iterable[LocalFile], prefixes: dict[str, str]) -> Iterator[KeyAt]:
    """Yield the keys in files, without placeholders.

    Args:
        files: the files.
        prefixes: the type prefix of each rule.
    """
    for file in files:
        for match in file.keys:
            if match.shape is not Shape.PLACEHOLDER:
                is_program = file.kind is Kind.PROCESS
                yield KeyAt(
                    match.fingerprint,
                    f"{prefixes[match.rule_id]}[REDACTED]",
                    file.path,
                    "" if is_program else file.path,
                    None if is_program else match.line,
                    file.place,
                )


def examine(files: Sequence[LocalFile], keys: Iterable[KeyAt]) -> tuple[Concern, ...]:
    """Return the concerns about files and keys, worst first, then by path and line.

    Args:
        files: the small files, and the environments of programs.
        keys: the keys in them and in all other places.
    """
    concerns = [concern for file in files for concern in _concerns(file)]
    concerns += _of_keys(keys)
    order = list(CHECKS)
    return tuple(
        sorted(concerns, key=lambda each: (order.index(each.check.id), each.subject, each.line or 0))
    )


def _concerns(file: LocalFile) -> Iterator[Concern]:
    keys = [match for match in file.keys if match.shape is not Shape.PLACEHOLDER]
    secrets = {line: f"{name} is set" for name, line, _ in file.variables if name in SECRETS}
    secrets |= {match.line: f"a key, {match.fingerprint}" for match in keys}
    for name, line, value in file.variables:
        if check := _check_of(name, value):
            yield _concern(check, file, f"{name} is set", line)
    for name, line in file.addresses:
        yield _concern(CHECKS["sdk-diverted"], file, f"{name} is not an address of Boltz", line)
    if file.kind is Kind.STARTUP:
        for line, what in sorted(secrets.items()):
            yield _concern(CHECKS["key-in-startup-file"], file, what, line)
    if file.kind is Kind.TOOL:
        for match in keys:
            yield _concern(CHECKS["key-in-tool-config"], file, f"a key, {match.fingerprint}", match.line)
    if file.shared:
        yield from _of_shared(file, secrets)


def _of_shared(file: LocalFile, secrets: Iterable[int]) -> Iterator[Concern]:
    """Yield the concern about a file that others can read, with the lines of secrets in it."""
    fix = f"chmod 600 {shlex.quote(file.path)}"
    line = min(secrets, default=None)
    if file.kind is Kind.CREDENTIALS or (file.kind in {Kind.STORE, Kind.STATE} and line):
        yield Concern(CHECKS["credentials-readable"], file.path, "", "other users can read it", fix)
    elif line and file.kind is Kind.ENVIRONMENT:
        yield Concern(
            CHECKS["env-readable"], file.path, "", "other users can read it, and it has a key", fix, line
        )


def _check_of(name: str, value: str) -> Check | None:
    if name in REDIRECTING:
        return CHECKS["sdk-diverted"]
    is_exposing = name == "BOLTZ_API_TEST_DISABLE_KEYRING" or (name == "BOLTZ_LOG" and value == "debug")
    return CHECKS["sdk-writes-secrets"] if is_exposing else None


def _concern(check: Check, file: LocalFile, detail: str, line: int) -> Concern:
    return Concern(check, file.path, "", detail, line=None if file.kind is Kind.PROCESS else line)


def _of_keys(keys: Iterable[KeyAt]) -> Iterator[Concern]:
    """Yield one concern for each key that is astray in several places, or in one without its own check."""
    by_key: dict[str, list[KeyAt]] = {}
    for key in dict.fromkeys(keys):
        by_key.setdefault(key.fingerprint, []).append(key)
    for fingerprint, found in by_key.items():
        astray = {each.path: each.place.kind for each in found if each.place.kind not in _WHERE_IT_BELONGS}
        if not astray or (len(astray) == 1 and _HAVE_CHECKS.issuperset(astray.values())):
            continue
        found.sort(key=lambda each: (_ORDER.index(each.place.kind), each.path, each.line or 0))
        yield Concern(
            CHECKS["key-in-places"],
            fingerprint,
            found[0].shown,
            f"in {describe_places(found)}",
            places=tuple(map(_key_place, found)),
        )


_ORDER = tuple(Kind)


def describe_places(found: Iterable[KeyAt]) -> str:
    """Return the count of files of each kind: ``2 transcripts of Claude Code and 1 Terraform state``."""
    names = {each.file or each.path: each.place for each in found}
    counted = Counter((place.kind, place.name) for place in names.values())
    parts = [f"{number:,} {_noun(kind, name, number)}" for (kind, name), number in counted.items()]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _noun(kind: Kind, name: str, number: int = 1) -> str:
    word, of, owner = kind.value.partition(" of ")
    plural = word if number == 1 else pluralize(word)
    return f"{plural} of {name}" if name else plural + of + owner


def _key_place(key: KeyAt) -> KeyPlace:
    kind = key.place.kind
    fix = f"boltz-keyscan redact {shlex.quote(key.file)}" if kind in REDACTABLE else ""
    return KeyPlace(key.path, key.line, _noun(kind, key.place.name), REMEDIES[kind], fix)
