"""Data files of this package, by their paths in it."""

from __future__ import annotations

import functools
import os
import tomllib
from typing import Any


def read_text(name: str) -> str:
    """Return the text of a data file."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return file.read()


@functools.cache
def read_table(name: str) -> dict[str, Any]:
    """Return the content of a data file in TOML, which the callers share."""
    return tomllib.loads(read_text(name))
