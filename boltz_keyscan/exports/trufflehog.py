"""Rules for trufflehog: custom detectors in YAML.

The form is that of
https://github.com/trufflesecurity/trufflehog/blob/main/pkg/custom_detectors/CUSTOM_DETECTORS.md;
the fields are those of its ``proto/custom_detectors.proto``.
"""

from __future__ import annotations

from boltz_keyscan.exports.patterns import ENTROPY, FEW, LATE, described, header, key, placeholders, yaml
from boltz_keyscan.rules import Rule

_USE = (
    "It adds to trufflehog's own detectors; without --fail the exit code is 0:",
    "  trufflehog git file://. --config FILE --fail",
    "No detector here verifies, so with --results=verified, as in trufflehog's own hook, no key is shown.",
)

_CANNOT = (
    FEW,
    LATE,
    "more than 100 keys in one piece of a file: trufflehog reports no more matches of a custom detector",
    "whether a key works: trufflehog would call a server of yours; boltz-keyscan --verify calls the API",
)


def export(rules: tuple[Rule, ...]) -> str:
    """Return the configuration file."""
    expressions = "".join(f"      - {yaml(expression)}\n" for expression in placeholders(rules))
    return (
        header("trufflehog", _USE, _CANNOT)
        + "detectors:\n"
        + "".join(
            f"  - name: {rule.id}\n    description: {yaml(described(rule))}\n"
            f"    keywords:\n      - {rule.prefix}\n    regex:\n      key: {yaml(key(rule))}\n"
            f"    entropy: {ENTROPY}\n    exclude_regexes_match:\n{expressions}"
            for rule in rules
        )
    )
