"""Exports of the rules for other scanners, each filled into a template.

An export is a whole file, the same for the same rules, ending in a newline; the comment at its head lists
what the other scanner cannot express. The file contains no key and nothing that looks like one.

To add a scanner, write one template and its name in ``EXPORTERS``.
"""

from __future__ import annotations

import json
import os

from boltz_keyscan._version import __version__
from boltz_keyscan.exports import patterns
from boltz_keyscan.rules import Rule

EXPORTERS = (
    "gitleaks", "betterleaks", "trufflehog", "kingfisher", "detect-secrets", "secretlint", "github",
)  # fmt: skip
"""Names of the scanners; each has a template."""


def export_rules(scanner: str, rules: tuple[Rule, ...]) -> str:
    """Return the file of the rules for a scanner."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only for an export

    environment = Environment(
        autoescape=False,  # noqa: S701 - the files are no markup; each value is quoted by a filter
        undefined=StrictUndefined,
        loader=FileSystemLoader(os.path.join(os.path.dirname(__file__), "templates")),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "comment": patterns.comment,
        "json": json.dumps,
        "plain": patterns.plain,
        "toml": patterns.toml,
        "yaml": patterns.yaml,
    }
    template = environment.get_template(f"{scanner}.txt")
    return template.render(patterns=patterns, rules=rules, scanner=scanner, version=__version__)
