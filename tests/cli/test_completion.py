"""Completion as it is used: real shells complete real lines."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from boltz_keyscan.cli.commands.completion import SHELLS as COMPLETERS
from boltz_keyscan.cli.commands.completion import completions
from boltz_keyscan.cli.root import COMMANDS, Commands
from boltz_keyscan.report import REPORTERS
from tests.keys import fake_key
from tests.running import ROOT, keyscan, program
from tests.terminals import Terminal

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Complete = Callable[[str, list[str]], str]
"""A line with the cursor at its end, and what is expected, to the line after a Tab, with what was listed."""

_BASH = (
    # One Tab lists what there is, without questions, and Ctrl-G shows the line.
    'bind "set show-all-if-ambiguous on"',
    'bind "set completion-query-items 0"',
    'bind "set page-completions off"',
    """bind -x '"\\C-g": printf "<%s>" "$READLINE_LINE"'""",
)
_ZSH = (
    "autoload -U compinit",
    "compinit -u -D",
    "unsetopt list_ambiguous auto_menu prompt_sp",
    "LISTMAX=1000",
    """shows() { zle -I; print -rn -- "<$BUFFER>" }""",
    "zle -N shows",
    "bindkey '^G' shows",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files to complete, and the program on the path."""
    folder = tmp_path_factory.mktemp("completed")
    scripts = folder / "bin"
    scripts.mkdir()
    (scripts / "boltz-keyscan").symlink_to(program())
    here = folder / "here"
    (here / "quay").mkdir(parents=True)
    (here / "quay/inner.txt").touch()
    for name in ("zeta.json", "with space.txt", "hooray.txt"):
        (here / name).touch()
    return here


def environment(place: Path) -> dict[str, str]:
    return {
        "PATH": f"{place.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(place.parent),
        "LC_ALL": "C.UTF-8",
    }


def interactive(place: Path, command: list[str], setup: tuple[str, ...]) -> Iterator[Complete]:
    """A shell on a terminal, with the completion loaded as the script says."""
    env = {**environment(place), "PS1": "ready> "}
    terminal = Terminal([*command, "-i"], cwd=place, columns=200, env=env)
    try:
        terminal.until("ready> ")
        load = f'eval "$(boltz-keyscan completion {command[0]})"'
        terminal.type("; ".join((*setup, load, "echo loaded=$?")) + "\n")
        # Before the next prompt it is the terminal that takes the keys, and not the shell.
        terminal.until("loaded=0\r?\n(?s:.*)ready> ")
        yield lambda line, expected: pressed(terminal, line, expected)
    finally:
        terminal.close()


def pressed(terminal: Terminal, line: str, expected: list[str]) -> str:
    """Type a line and Tab; the line as the shell has it then, and what it has listed."""
    start = len(terminal.output.decode())
    terminal.type(f"{line}\t")
    if len(expected) > 1:
        for word in expected:
            terminal.until(f"(?s)^.{{{start + len(line)}}}.*{re.escape(word)}")
    terminal.type("\x07")
    found = terminal.until(f"(?s)^.{{{start}}}(.*)<(boltz-keyscan[^>]*)>")
    # An empty line again, for the next one.
    terminal.type("\x15\n")
    terminal.until(f"(?s)^.{{{found.end()}}}.*ready> ")
    listed = found[1] if len(expected) > 1 else ""
    return f"{found[2]}\n{listed.partition(line)[2]}"


def in_bash(place: Path) -> Iterator[Complete]:
    """bash as it is without anybody's settings."""
    return interactive(place, ["bash", "--norc", "--noprofile"], _BASH)


def in_zsh(place: Path) -> Iterator[Complete]:
    """zsh with its completion system."""
    return interactive(place, ["zsh", "-f"], _ZSH)


def in_fish(place: Path) -> Iterator[Complete]:
    """Fish tells what it would offer for a line."""

    def complete(line: str, _: list[str]) -> str:
        script = f'boltz-keyscan completion fish | source; complete -C "{line}"'
        done = subprocess.run(
            ["fish", "--no-config", "-c", script],
            cwd=place,
            env={**os.environ, **environment(place)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        return "\n".join(each.partition("\t")[0] for each in done.stdout.splitlines())

    yield complete


SHELLS = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}


@pytest.fixture(params=list(SHELLS), scope="module")
def shell(request: pytest.FixtureRequest, place: Path) -> Iterator[Complete]:
    name = str(request.param)
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    yield from SHELLS[name](place)


@pytest.mark.parametrize(
    ("line", "expected", "absent"),
    [
        ("boltz-keyscan base", "baseline", ""),
        ("boltz-keyscan ", "baseline keys", "scan"),
        ("boltz-keyscan exp", "explain", "quay"),
        ("boltz-keyscan zet", "zeta.json", ""),
        ("boltz-keyscan qu", "quay/", ""),
        ("boltz-keyscan . --forei", "--foreign-comments", "--format"),
        ("boltz-keyscan --fo", "--format --foreign-comments --follow-alternates", "--fail-on"),
        ("boltz-keyscan --format mark", "markdown", "quay"),
        ("boltz-keyscan --format=mark", "--format=markdown", "quay"),
        ("boltz-keyscan --report sar", "sarif=", "quay"),
        ("boltz-keyscan --output zet", "zeta.json", ""),
        ("boltz-keyscan --cache-dir q", "quay/", ""),
        ("boltz-keyscan --trust ba", "base:", ""),
        ("boltz-keyscan hook pre-", "pre-commit pre-push pre-receive", "quay"),
        ("boltz-keyscan hook install pre-r", "pre-receive", ""),
        ("boltz-keyscan keys aud", "audit", ""),
        ("boltz-keyscan keys audit --fail-on cri", "critical", ""),
        ("boltz-keyscan baseline create --rea", "--reason", ""),
        ("boltz-keyscan diff zet", "zeta.json", ""),
        ("boltz-keyscan completion fi", "fish", ""),
        ("boltz-keyscan --jobs q", "", "quay"),
    ],
)
@pytest.mark.sampled
def test_a_line(shell: Complete, line: str, expected: str, absent: str) -> None:
    complete = shell
    told = complete(line, expected.split())
    for word in expected.split():
        assert word in told, told
    for word in absent.split():
        assert not re.search(rf"(?<![\w-]){word}(?![\w-])", told), told


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_a_name_with_a_space_is_written_as_the_shell_writes_it(name: str, place: Path) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    for complete in SHELLS[name](place):
        assert r"with\ space.txt" in complete("boltz-keyscan wit", [])


# -- what is offered -----------------------------------------------------------------------


def items(*typed: str) -> list[CompletionItem]:
    completer = COMPLETERS["zsh"](Commands(), {}, "boltz-keyscan", "")
    return completions(completer, list(typed[:-1]), typed[-1])


def words(*typed: str) -> list[str]:
    return [str(item.value) for item in items(*typed) if item.type == "plain"]


def leaves(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, *path, name)
        else:
            yield (*path, name), command


ROOT_COMMAND = Commands()
LEAVES = dict(leaves(ROOT_COMMAND))


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_and_every_option_is_offered(path: tuple[str, ...]) -> None:
    for depth in range(len(path)):
        assert path[depth] in words(*path[:depth], path[depth][:2])
    options = {
        name
        for each in LEAVES[path].params
        if isinstance(each, click.Option) and not each.hidden
        for name in (*each.opts, *each.secondary_opts)
    }
    assert set(words(*path, "-")) == {*options, "-h", "--help"}


def test_of_the_scan_too() -> None:
    scan = ROOT_COMMAND.get_command(click.Context(ROOT_COMMAND), "scan")
    assert scan is not None
    options = {name for each in scan.params if isinstance(each, click.Option) for name in each.opts}
    assert set(words("-")) == set(words("a", "b", "-")) == {*options, "-h", "--help"}
    assert words("--format", "") == ["auto", *REPORTERS]
    assert set(words("")) == set(COMMANDS) - {"scan"}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (("-q", "--qui"), []),
        (("--report", "json=a", "--repor"), ["--report"]),
        (("--", "-"), []),
        (("--", "--fo"), []),
        (("-", "hoo"), []),
        (("--jobs", "2", "ho"), []),
        (("-qv", "--verb"), []),
        (("--format=mark",), ["--format=markdown"]),
        (("--format", "=", "mark"), ["markdown"]),
        (("keys", "--he"), ["--help"]),
        (("hook", "install", "pre-commit", "pre-p"), ["pre-push"]),
        (("completion", "bash", "z"), []),
    ],
    ids=" ".join,
)
def test_where_the_cursor_is(typed: tuple[str, ...], expected: list[str]) -> None:
    assert words(*typed) == expected


@pytest.mark.parametrize(
    ("typed", "files"),
    [
        (("",), True),
        (("x", ""), True),
        (("--config", ""), True),
        (("--cache-dir", ""), True),
        (("--jobs", ""), False),
        (("--since", ""), False),
        (("rules", "check", ""), True),
        (("explain", ""), True),
        (("explain", "bk1:x", ""), True),
        (("diff", "a", ""), True),
        (("diff", "a", "b", ""), False),
        (("keys", "list", ""), False),
    ],
    ids=str,
)
def test_where_names_of_files_belong(typed: tuple[str, ...], files: bool) -> None:  # noqa: FBT001 - a case
    assert any(item.type == "file" for item in items(*typed)) is files


def test_no_variable_of_the_environment_makes_a_scan_complete(tmp_path: Path) -> None:
    """A variable left set would make a hook scan nothing and pass."""
    (tmp_path / "a.txt").write_text(fake_key())
    names = {"_BOLTZ_KEYSCAN_COMPLETE": "bash_complete", "COMP_WORDS": "boltz-keyscan ", "COMP_CWORD": "1"}
    assert keyscan(".", "--no-history", cwd=tmp_path, env=names).code == 1
    for name in COMPLETERS:
        assert "_complete " not in keyscan("completion", name).text


@pytest.mark.parametrize("name", COMPLETERS)
def test_the_script_is_one_the_shell_accepts(name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    script = keyscan("completion", name).out
    subprocess.run([name, "-n"] if name != "fish" else [name, "--no-execute"], input=script, check=True)


def test_another_shell_is_refused() -> None:
    ran = keyscan("completion", "tcsh")
    assert ran.code == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in ran.errors
