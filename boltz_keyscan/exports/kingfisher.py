"""Rules for kingfisher: YAML, with a list of words that no key has.

The form is that of https://github.com/mongodb/kingfisher/blob/main/docs/RULES.md.
"""

from __future__ import annotations

from boltz_keyscan.exports.patterns import (
    ENTROPY,
    FEW,
    contained_words,
    described,
    header,
    key,
    plain_words,
    yaml,
)
from boltz_keyscan.rules import Rule

_USE = (
    "Beside kingfisher's own rules, or alone:",
    "  kingfisher scan . --rules-path FILE",
    "  kingfisher scan . --rules-path FILE --load-builtins=false --rule all",
)


def export(rules: tuple[Rule, ...]) -> str:
    """Return the rules file."""
    cannot = (
        FEW,
        (
            "bodies of plain words (not-a-real-secret); this leaves them out:"
            f" --skip-regex '{plain_words(rules)}'"
        ),
        "the position of a filler in a body: here anywhere makes a placeholder, not only near the beginning",
        "examples that prove the rule: each would be a key-shaped text in this file",
    )
    words = "".join(f"        - {yaml(word)}\n" for word in contained_words(rules))
    # A YAML anchor: four copies of the list would be longer than all the rest.
    lists = [f"&placeholders\n{words}", *["*placeholders\n"] * (len(rules) - 1)]
    return (
        header("kingfisher", _USE, cannot)
        + "rules:\n"
        + "".join(
            f"  - name: {yaml(described(rule))}\n    id: custom.{rule.id.replace('-', '.', 1)}\n"
            f"    pattern: {yaml(f'({key(rule)})')}\n    min_entropy: {ENTROPY}\n    confidence: high\n"
            f"    examples: []\n    pattern_requirements:\n      ignore_if_contains: {listed}"
            for rule, listed in zip(rules, lists, strict=True)
        )
    )
