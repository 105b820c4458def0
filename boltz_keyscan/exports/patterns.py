"""What all exports are made of: the expression for a key, those for placeholders, and the comment.

The expressions keep to what every regular-expression engine knows, unless told otherwise: no
look-around, no back-references, ASCII only. So one text serves RE2, Hyperscan, Rust, JavaScript and Python.

Boundary: expressions and sentences; the file they stand in is each exporter's.
"""

from __future__ import annotations

import string
import textwrap
from typing import TYPE_CHECKING, Final

from boltz_keyscan import __version__
from boltz_keyscan.detect.classify import KEY_BODY, PHRASES, SEQUENCES, SHORTEST, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from boltz_keyscan.rules import Rule

BODY: Final = "[A-Za-z0-9_-]"
"""A character of a body: base64url."""

ENTROPY: Final = 3.3
"""Shannon entropy in bits per character, of the type prefix and the body together.

Measured for 60,000 bodies of 20 characters each: random base64url has at least 3.88, hex 3.46,
decimal digits 3.41; one character at most 2.55, ``XXXX-XXXX`` 2.76, ``deadbeef`` over and over 3.08.
"""

LONGEST: Final = 200
"""Characters of a body that are taken at most: enough for any key, and for an engine that tries every end.

With no limit kingfisher took a minute for a line of 100,000 letters after a prefix.
"""

RUN: Final = 8
"""A letter or digit as many times in a row is padding."""


def key(rule: Rule) -> str:
    """The expression for a key, without groups.

    No boundary on the left: a letter or digit really stands before a key in JSON, logs and
    URLs, and the prefix is selective enough. The confirmed form comes first, so that text
    glued on behind is not taken along; an engine that prefers the longest match takes it.
    """
    return f"{rule.prefix}(?:{rule.body}|{BODY}{{{SHORTEST},{LONGEST}}})"


def run_of_body(rule: Rule) -> str:
    """The expression for a key as all of a run of body characters, for engines that ask what follows.

    Without a limit: a key with much glued on behind it would be missed.
    """
    return f"{rule.prefix}{BODY}{{{SHORTEST},}}"


def prefix(rules: Iterable[Rule]) -> str:
    """The expression for any of the type prefixes."""
    return f"(?:{'|'.join(rule.prefix for rule in rules)})"


def filler_words() -> str:
    """The alternation of filler words and stock sequences, without regard to case.

    In all spellings of case it takes less than one random body in a million for a filler:
    no phrase has fewer than 7 letters, each of which is 2 of 64 characters at a given place.
    """
    phrases = {phrase.replace(" ", "[-_]?") for phrase in PHRASES}
    return "|".join(sorted(phrases | set(SEQUENCES)))


def runs() -> str:
    """The alternation of all characters that stand many times in a row."""
    return "|".join(f"{char}{{{RUN}}}" for char in string.digits + string.ascii_letters)


def with_filler(rules: Iterable[Rule], filler: str, *, looks_ahead: bool = False) -> str:
    """The expression for a key with a filler that begins in the first characters of its body.

    Later on it may be text glued to a key of a length not seen yet, so it may not hide it; in a
    body of a key's length it may stand anywhere, and engines that look ahead can say so.
    """
    first = f"{BODY}{{0,{SHORTEST - 1}}}"
    if looks_ahead:
        first = f"(?:{first}|(?={BODY}{{{KEY_BODY}}}$){BODY}*)"
    return f"^{prefix(rules)}{first}(?:{filler})"


def plain_words(rules: Iterable[Rule]) -> str:
    """The expression for a body of nothing but words and numbers."""
    return f"^{prefix(rules)}{WORDS.pattern.decode('ascii')}[-_]*$"


def placeholders(rules: tuple[Rule, ...], *, looks_ahead: bool = False) -> tuple[str, ...]:
    """The expressions of which one matches a placeholder, searched in what ``key`` matched."""
    return (
        with_filler(rules, f"(?i:{filler_words()})", looks_ahead=looks_ahead),
        with_filler(rules, runs(), looks_ahead=looks_ahead),
        plain_words(rules),
    )


def contained_words(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Filler words, sequences and runs one by one, for engines that look for words anywhere in a key.

    Without those that may begin in a type prefix: ``test_key`` stands in every test key
    whose body begins with ``key``, and that is one in 30,000.
    """
    found = set(SEQUENCES) | {char * RUN for char in string.digits + string.ascii_lowercase}
    for phrase in PHRASES:
        spelt = [""]
        for part in phrase.split(" "):
            spelt = [f"{head}{mark}{part}" for head in spelt for mark in (("", "-", "_") if head else ("",))]
        found.update(spelt)
    heads = [rule.prefix for rule in rules]
    found = {word for word in found if not any(_straddles(word, head) for head in heads)}
    # A word with another in it says nothing more.
    return tuple(sorted(word for word in found if not any(other in word for other in found - {word})))


def _straddles(word: str, head: str) -> bool:
    return any(head.endswith(word[:cut]) for cut in range(1, len(word)))


COMMON: Final = (
    "A body of 43 base64url characters is a key as the API gives it out; another of 20 or more counts too.",
    "Nothing is asked of what stands to the left: in JSON, logs and URLs a letter or digit does.",
)

EVERYWHERE: Final = (
    "severity, other than as a word",
    "keys in disguise and in containers, beyond what the scanner itself decodes and unpacks",
    "that the same key in two places is one finding",
)
"""What no other scanner's rules can say."""

FEW: Final = (
    "some placeholders, which are reported as keys: counting runs such as abc123def456, a group of characters"
    " over and over, dates and times"
)
LATE: Final = f"placeholders in which the filler begins after {SHORTEST} characters"


def header(
    scanner: str, use: Iterable[str], cannot: Iterable[str], *, title: str | None = None, mark: str = "# "
) -> str:
    """The comment at the head of a file, each line behind ``mark``.

    Args:
        scanner: its name here.
        use: how the file is used, in sentences, and commands that are indented by two.
        cannot: what of the rules its language cannot say, beside what none can.
        title: its name in sentences, where the name here says too little.
        mark: what begins a comment.
    """
    title = title or scanner
    sentences = [
        f"Boltz API keys, for {title}.",
        f"Made by boltz-keyscan {__version__}: boltz-keyscan rules export --for {scanner}",
        "",
        *use,
        "",
        *COMMON,
        "",
        f"What {title} cannot be told:",
    ]
    points = [f"* {point}" for point in (*EVERYWHERE, *cannot)]
    lines = [line for sentence in (*sentences, *points) for line in _wrapped(sentence)]
    return "".join(f"{mark}{line}".rstrip() + "\n" for line in lines)


def _wrapped(sentence: str) -> list[str]:
    """A sentence in lines; a command, which is indented, is one that can be copied."""
    if sentence.startswith("  ") or not sentence:
        return [sentence]
    hang = "  " if sentence.startswith("* ") else ""
    return textwrap.wrap(
        sentence, 100, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False
    )


def described(rule: Rule) -> str:
    """A rule's title and what its keys open, as one line."""
    return f"{rule.title} ({rule.severity}): {rule.summary}"


def toml(text: str) -> str:
    """A TOML string: as it is where that can be, for expressions are unreadable when escaped."""
    if "'''" in text or text.endswith("'"):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"'''{text}'''"


def yaml(text: str) -> str:
    """A YAML string in single quotes, in which only they are special."""
    return "'" + text.replace("'", "''") + "'"
