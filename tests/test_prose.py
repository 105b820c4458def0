"""The wording of docstrings, comments and function names, as far as a program can check it.

CONTRIBUTING, "How it is written", has the rules. Each law is a function of source text, so that a test can
plant a violation and see it reported.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.running import ROOT

FOLDERS: Final = ("boltz_keyscan", "benchmarks", "conformance", "pipelines")

ALLOWED: Final[dict[str, int]] = {}
"""Modules with the number of findings they still have. Entries are lowered and removed, never added."""

OPENINGS: Final = re.compile(
    r"(?:What|Whether|How|Where|Which|Those|That|Who|Whose|Whoever|Whatever|When|So)\b"
)
"""Openings of a docstring that is neither a verb phrase nor a noun phrase."""

PARTICIPLES: Final = re.compile(
    r"told|met|looked|settled|heard|said|shown|asked|known|held|given|kept|named|found|read_back|made|left|"
    r"taken|opened|answered|seen|begun|done|gone|judged|learnt|parted|sealed|spread|stood|sorted_out|tried|"
    r"waited|walked|written|spelt|mended|dug"
)
"""Names that are neither a verb nor a question."""

WORDS: Final = re.compile(
    r"\b(?:anew|shall|for ever|so with|nobody|somebody|whoever|told|tells|tell|heard|hears|believed|believes|"
    r"stands|stood|says so|whereabouts)\b",
    re.IGNORECASE,
)
"""Words for people, used of code, and turns of phrase that are not plain English."""

Law = Callable[[str], list[str]]


@functools.lru_cache(maxsize=1)
def parse(text: str) -> ast.Module:
    """Parse a source text, once for all laws."""
    return ast.parse(text)


def docstrings(text: str) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of modules, classes, functions and fields, with their lines."""
    for node in ast.walk(parse(text)):
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.Expr(value=ast.Constant(value=str(docstring))):
                    yield child.lineno, docstring


def comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield the comments, with their lines."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def openings(text: str) -> list[str]:
    """Report docstrings that open with neither a verb phrase nor a noun phrase."""
    return [
        f"{line}: a docstring opens with {opening[0]!r}"
        for line, docstring in docstrings(text)
        if (opening := OPENINGS.match(docstring.lstrip()))
    ]


def participles(text: str) -> list[str]:
    """Report functions that are named with a bare participle."""
    return [
        f"{node.lineno}: {node.name}() is neither a verb nor a question"
        for node in ast.walk(parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and PARTICIPLES.fullmatch(node.name.strip("_"))
        # A property is data, which is read without a call.
        and not any(isinstance(each, ast.Name) and each.id == "property" for each in node.decorator_list)
    ]


def words(text: str) -> list[str]:
    """Report words that docstrings and comments avoid."""
    if not WORDS.search(text):
        return []
    return [
        f"{line}: {word[0]!r} in a docstring or comment"
        for line, sentence in (*docstrings(text), *comments(text))
        for word in WORDS.finditer(sentence)
    ]


LAWS: Final[tuple[Law, ...]] = (openings, participles, words)

MODULES: Final = sorted(
    str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")
)


def check(text: str) -> list[str]:
    """Report all violations in a source text."""
    return [finding for law in LAWS for finding in law(text)]


def compare(findings: list[str], allowed: int) -> str:
    """Return an error when a module has more or fewer findings than allowed, and else nothing."""
    if len(findings) == allowed:
        return ""
    if len(findings) < allowed:
        return f"{len(findings)} findings, {allowed} in ALLOWED: lower or remove its entry"
    return f"{len(findings)} findings, {allowed} in ALLOWED:\n" + "\n".join(findings)


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_written_in_plain_words(module: str) -> None:
    error = compare(check((ROOT / module).read_text(encoding="utf-8")), ALLOWED.get(module, 0))
    assert not error, f"{module}: {error}"


def test_the_allow_list_names_modules_with_findings() -> None:
    assert set(ALLOWED) <= set(MODULES)
    assert all(count > 0 for count in ALLOWED.values())


@pytest.mark.parametrize(
    ("findings", "allowed", "error"),
    [
        ([], 0, ""),
        (["one"], 1, ""),
        (["one"], 0, "1 findings, 0 in ALLOWED:\none"),
        (["one", "two"], 1, "2 findings, 1 in ALLOWED:\none\ntwo"),
        (["one"], 2, "1 findings, 2 in ALLOWED: lower or remove its entry"),
        ([], 1, "0 findings, 1 in ALLOWED: lower or remove its entry"),
    ],
)
def test_the_allow_list_only_shrinks(findings: list[str], allowed: int, error: str) -> None:
    assert compare(findings, allowed) == error


@pytest.mark.parametrize(
    ("law", "text", "expected"),
    {
        "module": (openings, '"""What it is."""', ["1: a docstring opens with 'What'"]),
        "class": (openings, 'class A:\n    """How it is."""', ["2: a docstring opens with 'How'"]),
        "function": (
            openings,
            'def f():\n    """Whether it is."""',
            ["2: a docstring opens with 'Whether'"],
        ),
        "field": (
            openings,
            'class A:\n    a: int\n    """\n    When it ends."""',
            ["3: a docstring opens with 'When'"],
        ),
        "constant": (openings, 'A = 1\n"""Those of B."""', ["2: a docstring opens with 'Those'"]),
        "private function": (participles, "def _met(): ...", ["1: _met() is neither a verb nor a question"]),
        "method": (
            participles,
            "class A:\n    async def kept(self): ...",
            ["2: kept() is neither a verb nor a question"],
        ),
        "word in a docstring": (words, '"""A tale\ntold anew."""', [
            "1: 'told' in a docstring or comment",
            "1: 'anew' in a docstring or comment",
        ]),
        "word in a comment": (words, "a = 1  # Nobody knows", ["1: 'Nobody' in a docstring or comment"]),
        "word after noqa": (words, "a = 1  # noqa: X1 - it tells", ["1: 'tells' in a docstring or comment"]),
    }.values(),
)  # fmt: skip
def test_a_violation_is_reported(law: Law, text: str, expected: list[str]) -> None:
    assert law(text) == expected
    assert check(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        '"""Whatsoever, however and whereas are other words."""',
        'def f():\n    """Return what was found."""',
        'a = "What nobody told # shall be said"',
        'f("""What it is.""")',
        "def is_known(): ...",
        "def find_kept(): ...",
        "told = 1",
        "# Retold, understands, taller",
    ],
)
def test_nothing_else_is_reported(text: str) -> None:
    assert check(text) == []
