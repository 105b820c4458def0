"""Rules for detect-secrets: a file with one plugin class per key type.

The form is that of https://github.com/Yelp/detect-secrets/blob/master/docs/plugins.md. A plugin
is a program, so it can recognise all placeholders.
"""

from __future__ import annotations

from boltz_keyscan.exports.patterns import begin, body, described, header, placeholders
from boltz_keyscan.rules import Rule

FILTER = "detect_secrets.filters.heuristic.is_indirect_reference"
"""Filter of detect-secrets that is on by default and drops keys."""

_USE = (
    "Keep FILE in the repository: the baseline stores its path.",
    f"  detect-secrets scan --plugin FILE --disable-filter {FILTER} > .secrets.baseline",
    "  detect-secrets-hook --baseline .secrets.baseline PATH...",
    "Without --disable-filter no key is seen in a call behind an equals sign: client = Boltz(...).",
)

_CANNOT = (
    "dates and times, which are placeholders and are reported as keys",
    "git history: detect-secrets reads files",
    "files that are not text in the encoding of the system, which detect-secrets skips silently",
)

_TEMPLATE = '''\
"""{header}"""

import re

from detect_secrets.plugins.base import RegexBasedDetector

PLACEHOLDERS = (
{expressions})


def placeholder(secret, body):
    """Return True for a filler of documentation or tests."""
    body = body.rstrip("-_")
    if any(expression.search(secret) for expression in PLACEHOLDERS) or len(set(body)) <= 6:
        return True
    if any(body[period:] == body[:-period] for period in range(1, len(body) // 2 + 1)):
        return True
    codes = body.lower().encode()
    for apart in (1, 2):
        near = sum(abs(left - right) <= 1 for left, right in zip(codes, codes[apart:]))
        if 5 * near >= 3 * (len(codes) - apart):
            return True
    return False


class Keys:
    """Code shared by all kinds of keys; detect-secrets takes only subclasses of its base for plugins."""

    def analyze_string(self, string):
        for expression in self.denylist:
            for match in expression.finditer(string):
                if not placeholder(match[0], match["body"]):
                    yield match[0]
'''

_CLASS = '''

class {name}Detector(Keys, RegexBasedDetector):
    """{about}"""

    secret_type = "{title}"
    denylist = (re.compile(r"{expression}"),)
'''


def export(rules: tuple[Rule, ...]) -> str:
    """Return the plugin file."""
    expressions = "".join(
        f'    re.compile(r"{expression}"),\n' for expression in placeholders(rules, looks_ahead=True)
    )
    head = header("detect-secrets", _USE, _CANNOT, mark="")
    classes = [
        _CLASS.format(
            name="".join(part.title() for part in rule.id.split("-")),
            about=described(rule).replace("\\", "").replace('"', "'"),
            title=rule.title.replace("\\", "").replace('"', "'"),
            expression=f"{begin(rule)}(?P<body>{body(rule)})",
        )
        for rule in rules
    ]
    return _TEMPLATE.format(header=head, expressions=expressions) + "".join(classes)
