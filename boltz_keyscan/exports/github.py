"""Custom patterns for GitHub secret scanning: a body for its REST API, with the fields of its form.

Facts from
https://docs.github.com/en/code-security/secret-scanning/using-advanced-secret-scanning-and-push-protection-features/custom-patterns/defining-custom-patterns-for-secret-scanning
(fields, defaults, Hyperscan, numbers) and https://docs.github.com/en/rest/secret-scanning/custom-patterns.
"""

from __future__ import annotations

import json

from boltz_keyscan.exports.patterns import BODY, FEW, LATE, header, placeholders, run_of_body
from boltz_keyscan.rules import Rule, is_exact

ANYTHING = r"\A|[\s\S]"
"""Pattern before the secret. GitHub's own, ``\\A|[^0-9A-Za-z]``, misses keys in JSON, logs and URLs."""

NOT_A_NAME = r"\A|[^0-9A-Za-z_]"
"""Pattern before a share link: its prefix is a part of many names."""

END = rf"\z|[^{BODY[1:-1]}]"
"""Pattern after the secret: the end of the body. GitHub's own would cut at the first ``-`` or ``_``."""

_USE = (
    "For an organisation, or a repository (repos/OWNER/NAME) or enterprise (enterprises/NAME), by REST API:",
    "  sed '/^#/d' FILE | gh api --method POST orgs/ORG/secret-scanning/custom-patterns --input -",
    (
        "Or by hand, in the form New pattern: name is Pattern name; pattern is Secret format. In More options"
        " start_delimiter is Before secret, end_delimiter is After secret, each must_not_match is one of the"
        " Additional match requirements."
    ),
    (
        "Then, on GitHub's site only: dry run, publish, push protection. Organisations and enterprises can"
        " have 500 patterns, repositories 100; these are {count}. It needs GitHub Secret Protection."
    ),
)

_CANNOT = (
    FEW,
    LATE,
    "bodies too regular for a key (there is no measure of entropy)",
    "the end of a key with text appended to it: the alert shows both",
)


def export(rules: tuple[Rule, ...]) -> str:
    """Return comment lines, and below them the JSON."""
    body = {
        "patterns": [
            {
                "name": f"{rule.title} ({rule.severity})",
                "pattern": run_of_body(rule),
                "start_delimiter": NOT_A_NAME if is_exact(rule.prefix) else ANYTHING,
                "end_delimiter": END,
                "must_not_match": list(placeholders((rule,))),
            }
            for rule in rules
        ]
    }
    use = [line.format(count=len(rules)) if "{count}" in line else line for line in _USE]
    return header("github", use, _CANNOT, title="GitHub secret scanning") + json.dumps(body, indent=2) + "\n"
