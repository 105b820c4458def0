"""Parts shared by all exports: expressions for keys and placeholders, and the comment.

Unless noted, the expressions use no look-around but word boundaries and no back-references, and are
ASCII, so that they work in RE2, Hyperscan, Rust, JavaScript and Python.
"""

from __future__ import annotations

import string
import textwrap
from typing import TYPE_CHECKING, Final

from boltz_keyscan.detect.classify import KEY_BODY, PHRASES, SEQUENCES, SHORTEST, WORDS
from boltz_keyscan.rules import is_exact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from boltz_keyscan.rules import Rule

BODY: Final = "[A-Za-z0-9_-]"
"""Expression for a character of a body: base64url."""

ENTROPY: Final = 3.3
"""Shannon entropy in bits per character, of the type prefix and the body together.

Measured for 60,000 bodies of 20 characters each: random base64url has at least 3.88, hex 3.46,
decimal digits 3.41; one character at most 2.55, ``XXXX-XXXX`` 2.76, ``deadbeef`` over and over 3.08.
"""

LONGEST: Final = 200
"""Limit of characters of a body: enough for any key, and fast in engines that try every end.

Without a limit kingfisher took a minute for a line of 100,000 letters after a prefix.
"""

RUN: Final = 8
"""Length of a run of one letter or digit that is padding."""


def key(rule: Rule) -> str:
    """Return the expression for a key or a share link, without groups."""
    return begin(rule) + body(rule)


def begin(rule: Rule) -> str:
    """Return the expression for the type prefix.

    It has no boundary on the left: in JSON, logs and URLs a letter or digit precedes keys, and the
    prefix is selective enough. Only an exact one is not.
    """
    return rf"\b{rule.prefix}" if is_exact(rule.prefix) else rule.prefix


def body(rule: Rule) -> str:
    """Return the expression for the body.

    The confirmed form comes first, so that text appended to a key is not matched; an engine that
    prefers the longest match does match it.
    """
    if is_exact(rule.prefix):
        return rf"{rule.body}\b"
    return f"(?:{rule.body}|{BODY}{{{SHORTEST},{LONGEST}}})"


def run_of_body(rule: Rule) -> str:
    """Return the expression for a key up to the end of the run, for engines that check what follows.

    Without a limit: a key with much text appended would be missed.
    """
    if is_exact(rule.prefix):
        return f"{rule.prefix}{rule.body}"
    return f"{rule.prefix}{BODY}{{{SHORTEST},}}"


def prefix(rules: Iterable[Rule]) -> str:
    """Return the expression for any of the type prefixes."""
    return f"(?:{'|'.join(rule.prefix for rule in rules)})"


def filler_words() -> str:
    """Return the alternation of filler words and stock sequences, for matching in any case.

    It matches less than one random body in a million: no phrase has fewer than 7 letters, each of
    which is 2 of 64 characters at a given place.
    """
    phrases = {phrase.replace(" ", "[-_]?") for phrase in PHRASES}
    return "|".join(sorted(phrases | set(SEQUENCES)))


def runs() -> str:
    """Return the alternation of runs of one character."""
    return "|".join(f"{char}{{{RUN}}}" for char in string.digits + string.ascii_letters)


def with_filler(rules: Iterable[Rule], filler: str, *, looks_ahead: bool = False) -> str:
    """Return the expression for a key with a filler that begins in the first characters of its body.

    Later text may be appended to a key of an unknown length, so a filler there must not hide the
    key. In a body of a key's length a filler may be anywhere, which only look-ahead can express.
    """
    first = f"{BODY}{{0,{SHORTEST - 1}}}"
    if looks_ahead:
        first = f"(?:{first}|(?={BODY}{{{KEY_BODY}}}$){BODY}*)"
    return f"^{prefix(rules)}{first}(?:{filler})"


def plain_words(rules: Iterable[Rule]) -> str:
    """Return the expression for a body of nothing but words and numbers."""
    return f"^{prefix(rules)}{WORDS.pattern.decode('ascii')}[-_]*$"


def placeholders(rules: tuple[Rule, ...], *, looks_ahead: bool = False) -> tuple[str, ...]:
    """Return expressions for placeholders, to search in the match of ``key``."""
    return (
        with_filler(rules, f"(?i:{filler_words()})", looks_ahead=looks_ahead),
        with_filler(rules, runs(), looks_ahead=looks_ahead),
        plain_words(rules),
    )


def contained_words(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Return filler words, sequences and runs, for engines that search words anywhere in a key.

    Words that may begin in a type prefix are left out: ``test_key`` is in every test key whose
    body begins with ``key``, which is one in 30,000.
    """
    found = set(SEQUENCES) | {char * RUN for char in string.digits + string.ascii_lowercase}
    for phrase in PHRASES:
        spelt = [""]
        for part in phrase.split(" "):
            spelt = [f"{head}{mark}{part}" for head in spelt for mark in (("", "-", "_") if head else ("",))]
        found.update(spelt)
    heads = [rule.prefix for rule in rules]
    found = {word for word in found if not any(_straddles(word, head) for head in heads)}
    # A word that contains another is redundant.
    return tuple(sorted(word for word in found if not any(other in word for other in found - {word})))


def _straddles(word: str, head: str) -> bool:
    return any(head.endswith(word[:cut]) for cut in range(1, len(word)))


def few_characters(rules: Iterable[Rule]) -> str:
    """Return the expression for a body of at most six different characters, with back-references.

    Each new character must differ from the earlier ones, so that there is only one way to match;
    otherwise a long run in a hostile file would not end in time.
    """
    more = ""
    for known in range(5, 0, -1):
        seen = "|".join(f"\\{number}" for number in range(1, known + 1))
        more = f"(?:(?!{seen})(.)(?:{seen}|\\{known + 1})*{more})?"
    return f"^{prefix(rules)}(.)\\1*{more}$"


def comment(text: str, mark: str) -> str:
    """Wrap lines, and put a mark before each; an indented command stays one line, to be copied."""
    lines: list[str] = []
    for line in text.splitlines():
        hang = "  " if line.startswith("* ") else ""
        wrapped = textwrap.wrap(
            line, 100, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False
        )
        lines += [line] if line.startswith("  ") else wrapped or [""]
    return "".join(f"{mark}{line}".rstrip() + "\n" for line in lines)


def described(rule: Rule) -> str:
    """Return a rule's title and summary, as one line."""
    return f"{rule.title} ({rule.severity}): {rule.summary}"


def toml(text: str) -> str:
    """Return a TOML string, literal if possible: escaped expressions are unreadable."""
    if "'''" in text or text.endswith("'"):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"'''{text}'''"


def yaml(text: str) -> str:
    """Return a YAML string in single quotes, in which only they are special."""
    return "'" + text.replace("'", "''") + "'"


def plain(text: str) -> str:
    """Return text for a Python string in double quotes."""
    return text.replace("\\", "").replace('"', "'")
