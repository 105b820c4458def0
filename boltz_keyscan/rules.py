"""The rule set: one TOML file per kind of key, and one for share links, read and checked.

``detect/rule_check`` checks a rule on its own examples.
"""

from __future__ import annotations

import functools
import os
import re
import tomllib
from enum import StrEnum
from typing import Any, TypeVar

from boltz_keyscan.errors import RuleError
from boltz_keyscan.model.enums import KeyType, Mode, Severity, Shape
from boltz_keyscan.policy import SEVERITY
from boltz_keyscan.records import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """A text that a rule must, or must not, match.

    ``template`` has ``{key}`` (a whole key), ``{prefix}`` (the type prefix) or ``{body}`` (a
    random body) instead of literals, so that no rule file has a key.
    """

    template: str
    shape: Shape | None
    """The shape it must have; None for a counter-example, which must not match at all."""


MIN_PREFIX_CHARS = 8
"""Characters of the shortest prefix that other words do not have by chance."""


_MIN_EXACT_CHARS = 4
"""Characters of the shortest prefix of a share link: base64 makes a literal of four."""


def is_exact(prefix: str | bytes) -> bool:
    """Return True for a prefix that other words have too, such as ``shr_``.

    Then only a body of the confirmed shape, or a filler as long, counts, and only between two boundaries.
    """
    return len(prefix) < MIN_PREFIX_CHARS


@dataclass(frozen=True, slots=True)
class Rule:
    """The pattern of one kind of key, or of share links, its severity, and the remediation of a leak."""

    id: str
    title: str
    key_type: KeyType | None
    """None for a share link; so is the mode."""
    mode: Mode | None
    prefix: str
    """The fixed, public beginning of the key: ASCII, ends in ``_``."""
    body: str
    """Regular expression (bytes) that a whole body of the confirmed shape matches."""
    severity: Severity
    summary: str
    """One line: the access that this key gives."""
    remediation: tuple[str, ...]
    """The steps to take, in order, one line each."""
    examples: tuple[Example, ...]

    @property
    def help(self) -> str:
        """The summary and the remediation as one text, for report formats with help for a rule."""
        steps = "\n".join(f"{number}. {step}" for number, step in enumerate(self.remediation, 1))
        return f"{self.summary}\n\n{steps}\n"


def list_prefixes(rules: tuple[Rule, ...]) -> tuple[bytes, ...]:
    """Return the type prefixes of rules, in their order."""
    return tuple(rule.prefix.encode("ascii") for rule in rules)


StrPath = str | os.PathLike[str]

Choice = TypeVar("Choice", bound=StrEnum)

_TEXTS = ("id", "title", "key_type", "mode", "prefix", "body", "severity", "summary")
_FIELDS: dict[str, type] = {
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys(("remediation", "examples", "counter_examples"), list),
}

_OF_KEYS = frozenset({"key_type", "mode"})
"""Fields that a rule of keys has, and that of share links has not."""


def bundled() -> str:
    """Return the folder of the bundled rules.

    In a wheel it is inside the package; in a checkout and an editable install, where
    hatchling maps the package folder but not forced includes, it is beside it.
    """
    # importlib.resources would add 15 ms of imports to every commit hook.
    package = os.path.dirname(os.path.abspath(__file__))
    packaged = os.path.join(package, "_rules")
    return packaged if os.path.isdir(packaged) else os.path.join(os.path.dirname(package), "rules")


@functools.cache
def load(folder: StrPath | None = None) -> tuple[Rule, ...]:
    """Load all rules of a folder, worst severity first.

    Raises:
        RuleError: a file cannot be read or is not a rule; or there are none.
    """
    hint = "Name a folder with one TOML file per rule." if folder else "Reinstall boltz-keyscan."
    folder = folder or bundled()
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".toml"))
    except OSError as error:
        raise RuleError(f"rules: cannot list {folder}: {error.strerror}", hint) from error
    if not names:
        raise RuleError(f"rules: no .toml file in {folder}", hint)
    files = [os.path.join(folder, name) for name in names]
    rules = [read(path) for path in files]
    _unique(rules, files)
    return tuple(sorted(rules, key=lambda rule: (rule.severity.rank, rule.id)))


@functools.cache
def digest() -> str:
    """Return a hash of the bundled rules."""
    import hashlib  # noqa: PLC0415 - loads OpenSSL, and a hook has no cache

    return hashlib.sha256(repr(load()).encode()).hexdigest()


def read(path: StrPath) -> Rule:
    """Read one rule file.

    Raises:
        RuleError: with the file, the field and what was expected.
    """
    try:
        with open(path, encoding="utf-8") as file:
            table = tomllib.loads(file.read())
    except OSError as error:
        raise _broken(path, "file", f"a readable file ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The text of a decode error may quote the file: only its kind is reported.
        where = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "not UTF-8"
        raise _broken(path, "file", f"valid TOML ({where})") from None
    for name in table:
        if name not in _FIELDS:
            raise _broken(path, name, f"no such field; fields are {', '.join(_FIELDS)}")
    absent = frozenset() if _OF_KEYS & table.keys() else _OF_KEYS
    for name, kind in _FIELDS.items():
        if name in absent:
            continue
        if name not in table:
            raise _broken(path, name, f"a {kind.__name__}, but it is missing")
        if not isinstance(table[name], kind):
            raise _broken(path, name, f"a {kind.__name__}, not a {type(table[name]).__name__}")
    return _rule(path, table)


def _rule(path: StrPath, table: dict[str, Any]) -> Rule:
    is_key = "key_type" in table
    key_type = _choice(path, "key_type", table["key_type"], KeyType) if is_key else None
    mode = _choice(path, "mode", table["mode"], Mode) if is_key else None
    severity = _choice(path, "severity", table["severity"], Severity)
    expected = SEVERITY[key_type, mode]
    if severity is not expected:
        kind = f"{key_type} {mode}" if is_key else "a share link"
        raise _broken(path, "severity", f'"{expected}", as the policy table has it for {kind}')
    prefix = table["prefix"]
    least = MIN_PREFIX_CHARS if is_key else _MIN_EXACT_CHARS
    if len(prefix) < least or not re.fullmatch(r"[A-Za-z0-9_-]+_", prefix):
        raise _broken(path, "prefix", f"{least} or more ASCII letters, digits, '-' and '_', ending in '_'")
    for name in ("id", "title", "summary"):
        if not table[name].strip() or "\n" in table[name]:
            raise _broken(path, name, "one line of text")
    return Rule(
        id=table["id"],
        title=table["title"],
        key_type=key_type,
        mode=mode,
        prefix=prefix,
        body=_pattern(path, table["body"]),
        severity=severity,
        summary=table["summary"],
        remediation=tuple(_lines(path, "remediation", table["remediation"])),
        examples=tuple(_examples(path, table)),
    )


def _pattern(path: StrPath, body: str) -> str:
    try:
        re.compile(body.encode("ascii"))
    except (re.error, UnicodeEncodeError) as error:
        raise _broken(path, "body", f"an ASCII regular expression ({error})") from None
    return body


def _lines(path: StrPath, name: str, values: list[Any]) -> list[str]:
    if not values or not all(
        isinstance(value, str) and value.strip() and "\n" not in value for value in values
    ):
        raise _broken(path, name, "a list of one or more lines of text")
    return values


def _examples(path: StrPath, table: dict[str, Any]) -> list[Example]:
    examples = []
    for entry in table["examples"]:
        if not isinstance(entry, dict) or set(entry) != {"template", "shape"}:
            raise _broken(path, "examples", "tables of template and shape")
        if not isinstance(entry["template"], str):
            raise _broken(path, "examples.template", f"a str, not a {type(entry['template']).__name__}")
        examples.append(Example(entry["template"], _choice(path, "examples.shape", entry["shape"], Shape)))
    if not any(example.shape is Shape.CONFIRMED for example in examples):
        raise _broken(path, "examples", "at least one of shape confirmed")
    counters = _lines(path, "counter_examples", table["counter_examples"])
    return examples + [Example(template, None) for template in counters]


def _choice(path: StrPath, name: str, value: str, choices: type[Choice]) -> Choice:
    try:
        return choices(str(value))
    except ValueError:
        raise _broken(path, name, f"one of {', '.join(choices)}") from None


def _unique(rules: list[Rule], files: list[str]) -> None:
    for name in ("id", "prefix"):
        seen: dict[str, str] = {}
        for rule, path in zip(rules, files, strict=True):
            value = getattr(rule, name)
            if value in seen:
                raise _broken(path, name, f"one that {os.path.basename(seen[value])} does not use already")
            seen[value] = path
    for rule, path in zip(rules, files, strict=True):
        if any(other.prefix != rule.prefix and rule.prefix.startswith(other.prefix) for other in rules):
            raise _broken(path, "prefix", "one that does not begin with the prefix of another rule")


def _broken(path: StrPath, field: str, expected: str) -> RuleError:
    return RuleError(
        f"{path}: {field}: expected {expected}", "See rules/ and CONTRIBUTING.md for the form of a rule."
    )
