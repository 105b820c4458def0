"""Places where keys come to lie on a machine, by kind, as ``places.toml`` has them, and their folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from boltz_keyscan.package_data import read_table
from boltz_keyscan.records import dataclass


class Kind(StrEnum):
    """The purpose of a file, as the noun that counts it."""

    STARTUP = "shell start-up file"
    ENVIRONMENT = "environment file"
    CREDENTIALS = "credentials file of a Boltz tool"
    SETTINGS = "settings file of a Boltz tool"
    TOOL = "configuration file of a tool"
    STORE = "credentials file of another tool"
    STATE = "Terraform state"
    PROCESS = "running program"
    TRANSCRIPT = "transcript of an agent"
    HISTORY = "command history"
    EDITOR = "backup of an editor"
    LOG = "log of a program"


REDACTABLE: Final = frozenset({Kind.TRANSCRIPT, Kind.HISTORY, Kind.EDITOR, Kind.LOG})
"""Kinds of files that ``redact`` may change: the program that wrote them does not need the key."""


@dataclass(frozen=True, slots=True)
class Place:
    """A row of the table."""

    kind: Kind
    patterns: str
    """Patterns, separated by white space."""
    name: str = ""
    """The program or the thing that it is of; empty where the kind says it."""
    deep: bool = False
    """True for places that may hold gigabytes, searched only with ``--history``."""


TABLE: Final = read_table("audit/places.toml")

REMEDIES: Final[Mapping[Kind, str]] = {Kind(kind): text for kind, text in TABLE["remedies"].items()}

PLACES: Final = tuple(Place(**row | {"kind": Kind(row["kind"])}) for row in TABLE["places"])
"""All places but the environments of running programs, which are no files. Of two rows that have a file, the
first counts."""


def base_folders(
    environ: Mapping[str, str], home: str, project: str, system: str
) -> dict[str, tuple[str, ...]]:
    """Return the folders that each base of a pattern means, on one system.

    Args:
        environ: the environment, whose variables move folders.
        home: the home folder.
        project: the folder of the project.
        system: the system, as ``sys.platform`` names it.
    """
    folders = {base: tuple(_folders(rows, environ, home, system)) for base, rows in TABLE["bases"].items()}
    editors = (os.path.join(each, name, "User") for each in folders["config"] for name in TABLE["editors"])
    return folders | {"project": (project,), "editor": tuple(editors)}


def _folders(
    rows: Sequence[Mapping[str, Any]], environ: Mapping[str, str], home: str, system: str
) -> Iterator[str]:
    for row in rows:
        if row.get("on", system) != system or row.get("not_on") == system:
            continue
        values = ((name, environ.get(name, "")) for name in row.get("variables", ()))
        # The XDG specification: a relative path is invalid and is to be ignored.
        given = (value for name, value in values if os.path.isabs(value) or not name.startswith("XDG_"))
        start, *names = row["default"].split("/")
        default = os.path.join(home, *names) if start == "~" else row["default"]
        if folder := next(filter(None, given), default):
            yield folder
