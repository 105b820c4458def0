"""Rules for gitleaks: TOML with ``[[rules]]``, and an allowlist for placeholders.

The form is that of https://github.com/gitleaks/gitleaks#configuration; allowlists for a
choice of rules came with 8.25.
"""

from __future__ import annotations

from boltz_keyscan.exports.patterns import ENTROPY, FEW, LATE, described, header, key, placeholders, toml
from boltz_keyscan.rules import Rule

_USE = (
    "It extends gitleaks' own rules:",
    "  gitleaks git --config FILE",
    'Or from your .gitleaks.toml, with [extend] path = "FILE".',
)


def export(rules: tuple[Rule, ...]) -> str:
    """Return the configuration file."""
    names = ", ".join(f'"{rule.id}"' for rule in rules)
    parts = [
        header(
            "gitleaks",
            _USE,
            (FEW, LATE, "files that gitleaks skips: binary ones, and its own list of names"),
        ),
        'title = "Boltz API keys"\nminVersion = "v8.25.0"\n\n[extend]\nuseDefault = true\n',
        *map(_rule, rules),
        '[[allowlists]]\ndescription = "placeholders: fillers of documentation and tests"\n'
        f'targetRules = [{names}]\nregexTarget = "secret"\nregexes = [\n'
        + "".join(f"  {toml(expression)},\n" for expression in placeholders(rules))
        + "]\n",
    ]
    return "\n".join(parts)


def _rule(rule: Rule) -> str:
    return (
        f'[[rules]]\nid = "{rule.id}"\ndescription = {toml(described(rule))}\n'
        f"regex = {toml(f'({key(rule)})')}\nsecretGroup = 1\nentropy = {ENTROPY}\n"
        f'keywords = ["{rule.prefix}"]\ntags = ["boltz", "{rule.severity}"]\n'
    )
