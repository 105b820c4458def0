"""Audit of keys that have not leaked: those of an organisation, and those on this machine."""

from __future__ import annotations

import os
import tomllib
from typing import Any


def read_table(name: str) -> dict[str, Any]:
    """Return the content of a TOML file of this folder."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return tomllib.loads(file.read())
