"""Every command in the documents is run.

Straight before each block of commands stands a comment, which no reader sees:

``<!-- run: STAGE -->``
    the block is run here, by ``bash -eu``, in a fresh copy of that stage (``tests/docstages.py``).
    ``exit=N`` is the exit code of its last command, 0 unless told; all before it succeed.
    ``continue``, after the stage, goes on where the block before it on the page ended.
``<!-- run by: tests/test_x.py::test_name -->``
    that test reads the block out of the page and runs it.
``<!-- checked by: tests/test_x.py::test_name -->``
    the same for a block that other programs read (yaml, json, toml).

A block of Python is run like one of shell. What is only shown is ``text``.
"""

from __future__ import annotations

import ast
import functools
import re
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from tests import checkout
from tests.docstages import STAGES, Place
from tests.running import ROOT

COMMANDS = frozenset({"sh", "console", "python"})
FILES = frozenset({"yaml", "json", "toml"})
SHOWN = frozenset({"text"})

RUN = re.compile(r"<!-- run: (?P<stage>[a-z-]+)(?P<more> continue)?(?: exit=(?P<code>\d+))? -->")
ELSEWHERE = re.compile(r"<!-- (?P<verb>run|checked) by: (?P<file>tests/[\w/]+\.py)::(?P<test>test_\w+) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line of its fence, its language, its text, and the line before it."""

    page: str
    line: int
    language: str
    text: str
    before: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Step:
    """A block that is run here."""

    block: Block
    stage: str
    more: bool
    code: int


def blocks(page: str, text: str) -> Iterator[Block]:
    """The fenced blocks of a document."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        opened = re.match(r"\s*(```+|~~~+)\s*(\S*)", lines[number])
        if opened is None:
            number += 1
            continue
        first = number
        number += 1
        while number < len(lines) and lines[number].strip() != opened[1]:
            number += 1
        before = lines[first - 1].strip() if first else ""
        body = "".join(f"{line}\n" for line in lines[first + 1 : number])
        yield Block(page, first + 1, opened[2], body, before)
        number += 1


def complaint(block: Block) -> str:
    """What is wrong with the form of a block and its comment; nothing when all is well."""
    if block.language in SHOWN:
        return ""
    if block.language not in COMMANDS | FILES:
        return f"{block}: a block of {block.language or 'nothing'}; text is what is only shown"
    if block.language in COMMANDS and (found := RUN.fullmatch(block.before)):
        return "" if found["stage"] in STAGES else f"{block}: there is no stage {found['stage']}"
    found = ELSEWHERE.fullmatch(block.before)
    if found is None or (found["verb"] == "run") != (block.language in COMMANDS):
        return f"{block}: no comment before it says how it is tested"
    return _unheld(block, ROOT / found["file"], found["test"])


def _unheld(block: Block, file: Path, test: str) -> str:
    """What is wrong with the promise that a test elsewhere runs this block."""
    if not file.is_file():
        return f"{block}: there is no {file.relative_to(ROOT)}"
    text = file.read_text(encoding="utf-8")
    if not any(isinstance(node, ast.FunctionDef) and node.name == test for node in ast.walk(ast.parse(text))):
        return f"{block}: {file.relative_to(ROOT)} has no {test}"
    return (
        "" if Path(block.page).name in text else f"{block}: {file.relative_to(ROOT)} does not name the page"
    )


@functools.cache
def documented() -> tuple[Block, ...]:
    """All blocks of all documents."""
    pages = [path for path in checkout.files() if path.suffix == ".md" and "golden" not in path.parts]
    return tuple(
        block
        for page in pages
        for block in blocks(str(page.relative_to(ROOT)), page.read_text(encoding="utf-8"))
    )


def stories(found: tuple[Block, ...]) -> list[tuple[Step, ...]]:
    """The blocks that are run here, each with those that go on from it."""
    told: list[tuple[Step, ...]] = []
    for block in found:
        said = RUN.fullmatch(block.before)
        if said is None or block.language not in COMMANDS:
            continue
        step = Step(block, said["stage"], said["more"] is not None, int(said["code"] or 0))
        if not step.more:
            told.append((step,))
            continue
        before = told[-1][-1] if told else step
        if (before.block.page, before.stage) != (block.page, step.stage):
            raise AssertionError(f"{block}: goes on in {step.stage}, from nothing")
        told[-1] += (step,)
    return told


def test_every_block_says_how_it_is_tested() -> None:
    assert len(documented()) > 12
    assert [said for said in map(complaint, documented()) if said] == []


@pytest.mark.parametrize(
    "story", stories(documented()), ids=lambda story: str(story[0].block).replace("/", "-")
)
def test_the_commands_do_what_the_page_says(story: tuple[Step, ...], tmp_path: Path) -> None:
    built = cast("AbstractContextManager[Place]", STAGES[story[0].stage](tmp_path))
    with built as place:
        for step in story:
            played(step, place, tmp_path / "reached")


def played(step: Step, place: Place, reached: Path) -> None:
    """Run a block; all of it, with the exit code it is to have, and no key in what it prints."""
    reached.unlink(missing_ok=True)
    if step.block.language == "python":
        script = place.here.parent / f"line-{step.block.line}.py"
        script.write_text(step.block.text, encoding="utf-8")
        text = f": >'{reached}'\npython '{script}'\n"
    else:
        first, last = parted(step.block.text)
        text = f"{first}: >'{reached}'\n{last}"
    done = place.run(text, "bash", "-euc")
    said = f"{step.block}:\n{done.stdout}{done.stderr}"
    assert reached.exists(), f"a command before the last one failed, {said}"
    assert done.returncode == step.code, said
    assert not any(key in done.stdout + done.stderr for key in place.keys), f"{step.block}: shows a key"
    assert "Traceback" not in done.stderr, said


def parted(text: str) -> tuple[str, str]:
    """What comes before the last command of a piece of shell, and that command, by bash's own grammar."""
    lines = [line for line in text.splitlines(keepends=True) if line.strip()]
    for at in range(len(lines) - 1, 0, -1):
        first, last = "".join(lines[:at]), "".join(lines[at:])
        # A line that only looks whole: bash takes the end of its input for the rest.
        whole = not first.endswith("\\\n") and not last.lstrip().startswith("#")
        if whole and _parses(first) and _parses(last):
            return first, last
    return "", "".join(lines)


def _parses(text: str) -> bool:
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    return (done.returncode, done.stderr) == (0, "")


# The harness itself: what it must see.


def _block(before: str, language: str = "sh", text: str = "true\n") -> Block:
    (found,) = blocks("docs/page.md", f"Words.\n\n{before}\n```{language}\n{text}```\n")
    return found


@pytest.mark.parametrize(
    ("before", "language", "words"),
    [
        ("", "sh", "no comment before it"),
        ("", "console", "no comment before it"),
        ("", "python", "no comment before it"),
        ("", "yaml", "no comment before it"),
        ("", "bash", "a block of bash"),
        ("", "", "a block of nothing"),
        ("<!-- run: nowhere -->", "sh", "there is no stage nowhere"),
        ("<!-- run: leaky exit=one -->", "sh", "no comment before it"),
        ("<!-- run: leaky -->", "yaml", "no comment before it"),
        ("<!-- run by: tests/nothing.py::test_x -->", "sh", "there is no tests/nothing.py"),
        ("<!-- run by: tests/test_docs.py::test_nothing -->", "sh", "has no test_nothing"),
        ("<!-- run by: tests/test_docs.py::test_an_audit -->", "sh", "does not name the page"),
        ("<!-- run by: tests/test_docs.py::test_an_audit -->", "yaml", "no comment before it"),
        ("<!-- checked by: tests/test_docs.py::test_an_audit -->", "sh", "no comment before it"),
    ],
)
def test_a_block_without_a_test_is_noticed(before: str, language: str, words: str) -> None:
    assert words in complaint(_block(before, language))


def test_what_is_shown_needs_no_comment() -> None:
    assert complaint(_block("", "text")) == ""


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("false\n", "false\n"),
        ("a\n\nb c\n", "b c\n"),
        ("a |\n  b\n", "a |\n  b\n"),
        ("a\nb \\\n  c\n", "b \\\n  c\n"),
        ("a\nfor x in 1 2; do\n  b\ndone\n", "for x in 1 2; do\n  b\ndone\n"),
        ("a\ncat >f <<'END'\nb\nEND\n", "cat >f <<'END'\nb\nEND\n"),
        ("a\nb  # why\n# the end\n", "b  # why\n# the end\n"),
    ],
)
def test_the_last_command(text: str, last: str) -> None:
    assert parted(text) == (text.replace("\n\n", "\n").removesuffix(last), last)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("false\ntrue\n", "a command before the last one failed"),
        ("true\nfalse\n", "returncode"),
        ("cat fold.ipynb\n", "shows a key"),
        ("echo $NOBODY_SET_THIS\n", "returncode"),
    ],
)
def test_a_block_that_does_not_do_as_it_says_is_noticed(text: str, words: str, tmp_path: Path) -> None:
    built = cast("AbstractContextManager[Place]", STAGES["leaky"](tmp_path))
    with built as place, pytest.raises(AssertionError, match=words):
        played(Step(_block("", text=text), "leaky", more=False, code=0), place, tmp_path / "reached")


def test_stages_go_on_where_they_are_told_to() -> None:
    page = "".join(
        f"<!-- run: {said} -->\n```sh\ntrue\n```\n" for said in ("clean", "clean continue exit=3", "leaky")
    )
    first, second = stories(tuple(blocks("docs/page.md", page)))
    assert [(step.stage, step.code) for step in first] == [("clean", 0), ("clean", 3)]
    assert [step.stage for step in second] == ["leaky"]
    with pytest.raises(AssertionError, match="goes on in empty, from nothing"):
        stories(tuple(blocks("docs/page.md", page + "<!-- run: empty continue -->\n```sh\ntrue\n```\n")))
