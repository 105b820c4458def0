"""The manual page and the pages of the commands say what ``--help`` says."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from boltz_keyscan.cli.root import Commands
from tests import checkout
from tests.gate import absent
from tests.running import ROOT, keyscan

PAGE = ROOT / "man" / "boltz-keyscan.1"
MANUAL: Any = checkout.script("manual")


def commands(command: click.Command, context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below
            yield from commands(below, click.Context(below, info_name=name, parent=context))


SETTINGS: Any = Commands().context_settings
ROOT_CONTEXT = click.Context(Commands(), info_name="boltz-keyscan", **SETTINGS)
ALL = list(commands(ROOT_CONTEXT.command, ROOT_CONTEXT))


def plain(page: str) -> str:
    """The text of a manual page, without its marks and line ends."""
    return " ".join(page.replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\").split())


def test_the_page_is_that_of_these_commands(tmp_path: Path) -> None:
    """``make man`` writes it again after a change of options."""
    copy = tmp_path / PAGE.name
    shutil.copy(PAGE, copy)
    assert not MANUAL.write(copy), "the manual page is old: make man"
    copy.write_text(copy.read_text(encoding="utf-8").replace("no blocking", "any"), encoding="utf-8")
    assert MANUAL.write(copy)


def test_every_command_with_its_options_is_on_the_page() -> None:
    page = plain(PAGE.read_text(encoding="utf-8"))
    scan = Commands().get_command(ROOT_CONTEXT, "scan")
    assert scan
    # The options of the scan are those of the program.
    contexts = [click.Context(scan, info_name="boltz-keyscan", **SETTINGS), *ALL[1:]]
    assert len(contexts) > 30
    for context in contexts:
        if isinstance(context.command, click.Group):
            continue
        start = ".SH OPTIONS" if context.command is scan else f".SS {context.command_path} "
        own = page.partition(start)[2].partition(" .S")[0]
        assert own, context.command_path
        for option in context.command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.opts[-1] in own, (context.command_path, option.opts)


@pytest.mark.parametrize("context", ALL, ids=lambda context: context.command_path)
def test_the_page_of_a_command_says_what_its_help_says(context: click.Context) -> None:
    path = context.command_path.split()[1:]
    found = next(each for each in MANUAL.program().walk() if each.path == context.command_path)
    page = MANUAL.markdown(found).replace("\\", "")
    # The marks of the page: fences, links and lists.
    text = " ".join(page.replace("```{option}", "").replace("`", "").replace(".md)", "").split())
    for line in keyscan(*path, "--help", env={"COLUMNS": "100"}).text.splitlines():
        for word in (
            line.replace("Usage:", "").replace("Commands:", "Commands").replace("Options:", "").split()
        ):
            assert word.replace("`", "").rstrip(":") in text, (line, word)


def test_a_judge_of_manual_pages_has_nothing_to_say() -> None:
    if (mandoc := shutil.which("mandoc")) is None:
        absent("mandoc is not installed")
    done = subprocess.run(
        [mandoc, "-T", "lint", "-W", "warning", str(PAGE)], capture_output=True, check=False
    )
    assert (done.stdout, done.returncode) == (b"", 0)
