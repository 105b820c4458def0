"""Help answers what people ask: with examples, each of them a command line that is one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from boltz_keyscan.cli.groups import read_examples
from boltz_keyscan.cli.root import Commands
from boltz_keyscan.errors import KeyscanError
from tests.running import keyscan

EXAMPLES = read_examples()

USED = ("", "hook", "baseline create", "keys audit", "keys revoke", "explain", "diff", "rules", "completion")


def parsed(line: str) -> Iterator[click.Context]:
    """The program's parts of a command line, parsed and not run; each as deep as its commands go."""
    for found in re.finditer(r"boltz-keyscan[^|)]*", line):
        arguments = shlex.split(found.group())[1:]
        command: click.Command = Commands()
        ctx = command.make_context("boltz-keyscan", arguments)
        while isinstance(command, click.Group):
            name, sub, rest = command.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
            assert sub is not None
            assert name is not None
            command = sub
            ctx = command.make_context(name, rest, parent=ctx)
        yield ctx


@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name, rows in EXAMPLES.items() for _, line in rows], ids=str
)
def test_each_example_is_a_valid_command_line(name: str, line: str) -> None:
    assert list(parsed(line))
    del name


@pytest.mark.parametrize(
    "line",
    ["boltz-keyscan --nothing", "boltz-keyscan keys revok", "boltz-keyscan diff one", "boltz-keyscan -j"],
)
def test_the_check_does_see(line: str) -> None:
    with pytest.raises((click.UsageError, KeyscanError)):
        list(parsed(line))


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_is_shown_where_it_belongs(name: str) -> None:
    """At any width as it is, so that it can be copied."""
    for columns in ("40", "80", "200"):
        ran = keyscan(*name.split(), "--help", env={"COLUMNS": columns})
        assert (ran.code, ran.errors) == (0, "")
        shown = ran.text.partition("\nExamples:\n")[2].partition("\n\n")[0].splitlines()
        told = [line.strip() for line in shown]
        assert told == [part for what, line in EXAMPLES[name] for part in (f"# {what}", line)]
        assert max(map(len, shown)) <= 80


def test_what_people_use_has_examples() -> None:
    assert set(USED) <= set(EXAMPLES)


def test_no_example_is_lost_under_a_name_that_is_none() -> None:
    for name in filter(None, EXAMPLES):
        ran = keyscan(*name.split(), "--help")
        assert ran.text.startswith(f"Usage: boltz-keyscan {name} ")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            "basline create --reason x",
            "no such file, folder or command: basline\nhelp: Did you mean 'baseline'?",
        ),
        ("hook instal", "No such command 'instal'. (Did you mean 'install'?)"),
        ("keys adit", "No such command 'adit'. (Did you mean 'audit'?)"),
        ("--no-histry", "'--no-history'"),
        ("qqqq", "no such file or folder: qqqq"),
        ("hook qqqq", "No such command 'qqqq'."),
    ],
)
def test_a_misspelt_word_is_an_error_that_names_the_similar_one(
    tmp_path: Path, arguments: str, error: str
) -> None:
    ran = keyscan(*arguments.split(), cwd=tmp_path)
    assert ran.code == 2
    assert error in ran.errors


def test_a_path_that_is_spelt_like_a_command_is_scanned(tmp_path: Path) -> None:
    (tmp_path / "basline").write_text("x")
    assert keyscan("basline", cwd=tmp_path).code == 0
