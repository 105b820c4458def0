"""Configuration files: ``boltz-keyscan.toml``, or ``[tool.boltz-keyscan]`` in ``pyproject.toml``.

A file sets options of the command line under their long names. A file found in the scanned
tree may come from an untrusted author: it cannot choose a configuration, or make the program
read or write elsewhere.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import click

from boltz_keyscan.cli.options import TABLE, SettableIn, configurable, long_name
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.records import dataclass
from boltz_keyscan.triage.text_file import TextFile, numbered

_TOOL = "boltz-keyscan"
_AT = late_pattern(r"at line (\d+)")


@dataclass(frozen=True, slots=True)
class ConfiguredValue:
    """Value of one option in a configuration file."""

    value: object
    """Value for the command; a path is relative to the current folder or absolute."""
    line: int
    raw: object
    """Value as written in the file."""


def is_config(text: TextFile) -> bool:
    """Return True unless the file is a ``pyproject.toml`` without our table.

    Raises:
        KeyscanError: a ``pyproject.toml`` that mentions the table is not TOML.
    """
    if not _is_project(text):
        return True
    return _TOOL.encode() in text.raw and _table(text) is not None


def read(text: TextFile, folder: str, *, named: bool) -> dict[str, ConfiguredValue]:
    """Return the values of a configuration file, by field of ``ScanOptions``.

    Args:
        text: the file.
        folder: folder of the file; its paths are relative to it.
        named: the file was given with ``--config``, not found in the tree.

    Raises:
        KeyscanError: the file has an error; the message has file, line and reason.
    """
    known = configurable()
    found: dict[str, ConfiguredValue] = {}
    table = _table(text)
    if table is None:
        raise text.broken(1, f"no [tool.{_TOOL}] in it", "Add that table, or name another file.")
    for name, value in table.items():
        line = _line(text, name)
        row = known.get(name)
        if row is None:
            raise text.broken(line, *_unknown(name, known))
        if row.config is SettableIn.NAMED and not named:
            raise text.broken(
                line,
                f"{name} is not for a file that was found in the tree",
                f"Give --{name} on the command line, or this file with --config.",
            )
        try:
            converted = _convert(name, row.option, value, folder)
        except ValueError as error:
            raise text.broken(line, f"{name}: {error}") from None
        found[str(row.option.name)] = ConfiguredValue(converted, line, value)
    return found


def _unknown(name: str, known: Iterable[str]) -> tuple[str, str]:
    if name == "help" or name in {long_name(row.option) for row in TABLE.values()}:
        return f"{name} can only be given on the command line", ""
    import difflib  # noqa: PLC0415 - only after a mistake

    close = difflib.get_close_matches(name.replace("_", "-").lower(), known, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"Options: {', '.join(sorted(known))}."
    return f"no such option: {name}", hint


def _convert(name: str, param: click.Option, value: object, folder: str) -> object:
    """Return the value as the command line would give it.

    Raises:
        ValueError: the value has another type; the message names the expected one.
    """
    if param.is_flag:
        return _typed(value, bool, "true or false")
    if param.multiple:
        if not isinstance(value, list):
            raise ValueError(f'expected a list of texts, such as {name} = ["..."]')
        given: Any = [str(_typed(each, str, "a list of texts")) for each in value]
        if name == "report":
            given = [_relocate(each, folder) for each in given]
    elif isinstance(param.type, click.types.IntParamType):
        given = _typed(value, int, "a number")
    else:
        given = _typed(value, str, "a text")
    if isinstance(param.type, click.Path):
        given = os.path.join(folder, given)
    try:
        return param.process_value(click.get_current_context(), given)
    except click.BadParameter as error:
        raise ValueError(error.message.rstrip(".")) from None


def _relocate(report: str, folder: str) -> str:
    """Return ``FORMAT=FILE`` with the path joined to the folder."""
    form, equals, path = report.partition("=")
    return form + equals + (os.path.join(folder, path) if path else "")


def _typed(value: object, kind: type, expected: str) -> object:
    # isinstance() would accept a bool as an int.
    if type(value) is not kind:
        raise ValueError(f"expected {expected}")
    return value


def _is_project(text: TextFile) -> bool:
    return os.path.basename(text.name) == "pyproject.toml"


def _table(text: TextFile) -> Mapping[str, object] | None:
    content = "\n".join(line for _, line in numbered(text))
    try:
        whole = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        at = _AT.search(str(error))
        line = int(at[1]) if at else content.count("\n") + 1
        raise text.broken(line, "not valid TOML", "See https://toml.io.") from None
    except RecursionError:
        raise text.broken(1, "not valid TOML", "It is nested too deeply.") from None
    if not _is_project(text):
        return whole
    tool = whole.get("tool")
    table = tool.get(_TOOL) if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise text.broken(_line(text, _TOOL), f"tool.{_TOOL} is not a table")
    return table


def _line(text: TextFile, name: str) -> int:
    """Return the line that sets a name; ``tomllib`` gives none."""
    header = "" if not _is_project(text) else _TOOL
    table, first = "", 0
    key = re.compile(rf"(?:.*[.{{,\s])?[\"']?{re.escape(name)}[\"']?\s*=")
    for number, line in numbered(text):
        if line.startswith("["):
            table = line
        elif key.match(line):
            if header in table:
                return number
            first = first or number
        if line.startswith("[") and name in line:
            first = first or number
    return first or 1


def nearest_config(paths: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the configuration files of the nearest folder that has one."""
    found: list[tuple[bytes, bytes]] = []
    for path, content in paths:
        if found and os.path.dirname(path) != os.path.dirname(found[0][0]):
            break
        if is_config(TextFile(os.fsdecode(path), content)):
            found.append((path, content))
    if len(found) > 1:
        first, second = (os.fsdecode(os.path.basename(path)) for path, _ in found)
        raise KeyscanError(f"two configurations beside each other: {first} and {second}", "Keep one of them.")
    return found
