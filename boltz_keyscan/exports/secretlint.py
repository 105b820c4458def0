"""Rules for secretlint: a ``.secretlintrc.yaml`` for its rule for patterns.

The form is that of
https://github.com/secretlint/secretlint/tree/master/packages/%40secretlint/secretlint-rule-pattern.
YAML, not JSON, for its comments.
"""

from __future__ import annotations

from boltz_keyscan.exports.patterns import (
    FEW,
    filler_words,
    header,
    key,
    plain_words,
    prefix,
    runs,
    with_filler,
    yaml,
)
from boltz_keyscan.rules import Rule

_USE = (
    "Put it at the root as .secretlintrc.yaml, or its entry into yours. It needs a package more:",
    "  npm install --save-dev secretlint @secretlint/secretlint-rule-pattern",
    '  npx secretlint "**/*"',
    "Give secretlint 13 --no-gitignore as well: .env is mostly ignored. With --output it exits with 0.",
)

_CANNOT = (
    FEW,
    "the kind of key: secretlint masks the name of a pattern like the key",
    "git history: secretlint reads files",
    "files that are not text, which secretlint skips",
)


def export(rules: tuple[Rule, ...]) -> str:
    """Return the configuration file."""
    allowed = (
        # A flag: old JavaScript engines cannot switch case within an expression.
        f"/{with_filler(rules, filler_words(), looks_ahead=True)}/i",
        f"/{with_filler(rules, runs(), looks_ahead=True)}/",
        f"/{plain_words(rules)}/",
        f"/{_few_characters(rules)}/",
    )
    return (
        header("secretlint", _USE, _CANNOT)
        + "rules:\n  - id: '@secretlint/secretlint-rule-pattern'\n    options:\n      patterns:\n"
        + "".join(
            f"        - name: {yaml(f'{rule.title} ({rule.severity})')}\n"
            f"          patterns:\n            - {yaml(f'/{key(rule)}/')}\n"
            for rule in rules
        )
        + "      allows:\n"
        + "".join(f"        - {yaml(expression)}\n" for expression in allowed)
    )


def _few_characters(rules: tuple[Rule, ...]) -> str:
    """Return the expression for a body of at most six different characters, with back-references.

    Each new character must differ from the earlier ones, so that there is only one way to match;
    otherwise a long run in a hostile file would not end in time.
    """
    more = ""
    for known in range(5, 0, -1):
        seen = "|".join(f"\\{number}" for number in range(1, known + 1))
        more = f"(?:(?!{seen})(.)(?:{seen}|\\{known + 1})*{more})?"
    return f"^{prefix(rules)}(.)\\1*{more}$"
