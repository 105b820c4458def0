"""Exports of the rules for other scanners: one function per scanner, imported when used.

An exporter is ``(rules) -> str``. It returns a whole file, the same for the same rules, ending
in a newline; a comment in the file lists what the other scanner cannot express. The file
contains no key and nothing that looks like one.

To add a scanner, write one module with one such function and one line in ``EXPORTERS``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias, cast

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.rules import Rule

Exporter: TypeAlias = Callable[[tuple[Rule, ...]], str]

EXPORTERS = {
    "gitleaks": "boltz_keyscan.exports.gitleaks:export",
    "betterleaks": "boltz_keyscan.exports.betterleaks:export",
    "trufflehog": "boltz_keyscan.exports.trufflehog:export",
    "kingfisher": "boltz_keyscan.exports.kingfisher:export",
    "detect-secrets": "boltz_keyscan.exports.detect_secrets:export",
    "secretlint": "boltz_keyscan.exports.secretlint:export",
    "github": "boltz_keyscan.exports.github:export",
}


def load(name: str) -> Exporter:
    """Import and return the exporter for a scanner.

    Raises:
        KeyscanError: no exporter has this name.
    """
    if name not in EXPORTERS:
        raise KeyscanError(f"no export for a scanner called {name!r}", f"There are: {', '.join(EXPORTERS)}.")
    module, _, function = EXPORTERS[name].partition(":")
    return cast("Exporter", getattr(import_module(module), function))
