"""Rules for betterleaks: TOML with an expression that filters placeholders out.

The form is that of https://github.com/betterleaks/betterleaks/blob/main/docs/config.md.
"""

from __future__ import annotations

from boltz_keyscan.exports.patterns import ENTROPY, FEW, LATE, described, header, key, placeholders, toml
from boltz_keyscan.rules import Rule

_USE = (
    "It extends betterleaks' own rules:",
    "  betterleaks git --config FILE",
    'Or from your .betterleaks.toml, with [extend] path = "FILE".',
)

_SKIPPED = "files that betterleaks skips: binary ones, and its own list of names"


def export(rules: tuple[Rule, ...]) -> str:
    """Return the configuration file."""
    return "\n".join(
        [
            header("betterleaks", _USE, (FEW, LATE, _SKIPPED)),
            'title = "Boltz API keys"\n\n[extend]\nuseDefault = true\n',
            *(_rule(rule) for rule in rules),
        ]
    )


def _rule(rule: Rule) -> str:
    # Strings between back-quotes are raw in Expr; these expressions have no back-quote.
    expressions = ",\n".join(f"  `{expression}`" for expression in placeholders((rule,)))
    skip = f'entropy(finding["secret"]) <= {ENTROPY} ||\nmatchesAny(finding["secret"], [\n{expressions}\n])'
    return (
        f'[[rules]]\nid = "{rule.id}"\ndescription = {toml(described(rule))}\n'
        f"regex = {toml(f'({key(rule)})')}\n"
        f'keywords = ["{rule.prefix}"]\ntags = ["boltz", "{rule.severity}"]\n'
        f"filter = '''\n{skip}\n'''\n"
    )
