"""Places where keys come to lie on a machine, by kind, as ``places.toml`` has them, and their folders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

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

_EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf", "Kiro")
"""Editors that keep their files as VS Code does, by the name of their folder."""


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

    def below_home(*names: str) -> str:
        return os.path.join(home, *names)

    def chosen(variable: str, default: str) -> str:
        # The XDG specification: a relative path is invalid and is to be ignored.
        value = environ.get(variable, "")
        return value if os.path.isabs(value) else default

    config = [chosen("XDG_CONFIG_HOME", below_home(".config"))]
    cache = [chosen("XDG_CACHE_HOME", below_home(".cache"))]
    data = [chosen("XDG_DATA_HOME", below_home(".local", "share"))]
    if system == "darwin":
        support = below_home("Library", "Application Support")
        config.append(support)
        data.append(support)
        cache.append(below_home("Library", "Caches"))
    if system == "win32":
        roaming = environ.get("APPDATA") or below_home("AppData", "Roaming")
        local = environ.get("LOCALAPPDATA") or below_home("AppData", "Local")
        config.append(roaming)
        data += [roaming, local]
        cache.append(local)
    output = environ.get("BOLTZ_OUTPUT_DIR", "")
    return {
        "home": (home,),
        "project": (project,),
        "config": tuple(config),
        "cache": tuple(cache),
        "data": tuple(data),
        "state": (chosen("XDG_STATE_HOME", below_home(".local", "state")), *data[1:]),
        "editor": tuple(os.path.join(each, name, "User") for each in config for name in _EDITORS),
        "claude": (environ.get("CLAUDE_CONFIG_DIR") or below_home(".claude"),),
        "codex": (environ.get("CODEX_HOME") or below_home(".codex"),),
        "documents": (below_home("Documents"),) if system == "win32" else (),
        "output": (output,) if output else (),
        "tmp": (environ.get("TMPDIR") or environ.get("TEMP") or "/tmp",),  # noqa: S108 - read, not written
        "system": () if system == "win32" else ("/",),
    }
