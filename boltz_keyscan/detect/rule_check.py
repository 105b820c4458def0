"""Check of a rule on its own examples, for ``rules check`` and the tests.

Keys are built from templates at run time, so that no rule file has one.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from boltz_keyscan.detect.detector import KeyDetector
from boltz_keyscan.model.finding import Match
from boltz_keyscan.rules import Example, Rule

_BODIES = 16
"""Random bodies tried for each template."""


def check(rule: Rule, rules: tuple[Rule, ...]) -> Iterator[str]:
    """Yield an error for each example of a rule that the rule set does not match as expected."""
    detector = KeyDetector.of(rules)
    for example in rule.examples:
        for number in range(_BODIES):
            digest = hashlib.sha256(f"{rule.id} {example.template} {number}".encode()).digest()
            body = base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
            error = _example_error(rule, example, body, detector)
            if error:
                yield f"{rule.id}: {example.template!r}: {error}"
                break


def _example_error(rule: Rule, example: Example, body: str, detector: KeyDetector) -> str:
    text = example.template
    for name, value in (("{key}", rule.prefix + body), ("{prefix}", rule.prefix), ("{body}", body)):
        text = text.replace(name, value)
    matches: list[Match] = list(detector.find([text.encode()]))
    own = [match for match in matches if match.rule_id == rule.id]
    if example.shape is None:
        return f"expected no match, found {len(matches)}" if matches else ""
    if len(own) != 1 or len(matches) != 1:
        return f"expected one match of this rule, found {len(own)} of {len(matches)}"
    if own[0].shape is not example.shape:
        return f"expected shape {example.shape}, found {own[0].shape} ({own[0].reason})"
    return ""
