"""Options that have an effect only with another one: an error without it, before anything is done."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from boltz_keyscan.cli.dependent_options import ALL, RULES, check_dependent_options
from boltz_keyscan.cli.options import FILE_OPTIONS, TABLE
from boltz_keyscan.cli.root import Commands
from boltz_keyscan.errors import KeyscanError
from tests.running import keyscan

ROOT = Commands()

REQUIRED = {"fleet scan": ["x", "--state", "y"], "keys revoke": ["--id", "key-1"]}
"""Words that a command cannot do without."""

MET: dict[str, list[str]] = {
    "--require-api": ["--verify"],
    "--api-base": ["--check"],
    "--proxy": ["--verify"],
    "--api-key-file": ["--check"],
    "--inventory-max-age": ["--inventory", "x"],
    "--sarif-drop-suppressed": ["--report", "sarif=x"],
    "--scheduler": ["--engine", "dask"],
    "--budget": ["--local", "--history"],
    "--history": ["--local"],
    "--until": ["--add"],
    "--new-key-file": ["--replace"],
}
"""What makes the options of a rule useful, by one of them."""

ALONE = {
    "scan": {TABLE[name].option.opts[-1] for name in TABLE},
    "explain": {"--replace-text", "--from-report", "--fail-on", "--fail-on-unexposed"},
    "baseline create": {"--from", "--gaps", "--reason", "--by", "--until"},
    "baseline update": {"--add"},
    "config show": {TABLE[name].option.opts[-1] for name in TABLE},
    "diff": {"--format"},
    "fleet merge": {"--state", "--fail-on", "--fail-on-unexposed"},
    "fleet report": {"--state", "--format", "--output", "--show-placeholders"},
    "fleet scan": {"--state", "--repos", "--engine", "--shard", "--mirror-dir", "--keep-mirrors"}
    | {"--token-file", "--fetch-timeout", "--max-mirror-size", "--baseline", "--trust"},
    "fleet status": {"--state"},
    "hook pre-commit": {"--baseline", "--trust"},
    "hook pre-push": {"--baseline", "--trust"},
    "hook pre-receive": {"--baseline", "--trust"},
    "hook install": {"--yes", "--user", "--dry-run", "--remove"},
    "import": {"--baseline", "--output"},
    "keys list": {"--format"},
    "keys snapshot": {"--output"},
    "keys audit": {"--local", "--format", "--output", "--fail-on", "--verbose"},
    "keys usage": {"--since", "--from-report", "--workspace", "--by", "--format", "--output"},
    "keys revoke": {"--id", "--from-report", "--share-link", "--execute", "--yes", "--replace"},
    "redact": {"--dry-run", "--no-backup"},
    "rules export": {"--for", "--output"},
}
"""Options that do what they say without another one, or whose command has its own checks and tests."""

SHARED = {TABLE[name].option.opts[-1] for name in FILE_OPTIONS}
CONNECTION = {"--api-key-file", "--api-base", "--proxy"}


def rows() -> Iterator[tuple[str, str, str]]:
    """Command, option and the option that makes it useless, or an empty text."""
    for command, rules in RULES.items():
        for rule in rules:
            yield from ((command, option, rule.excluded) for option in rule.options.split())
    yield from (("scan", option, rule.excluded) for rule in ALL for option in rule.options.split())


def commands(group: click.Group = ROOT, path: str = "") -> Iterator[tuple[str, click.Command]]:
    with click.Context(group) as ctx:
        for name in [*group.list_commands(ctx), *(["scan"] if group is ROOT else [])]:
            command = group.get_command(ctx, name)
            if isinstance(command, click.Group):
                yield from commands(command, f"{path}{name} ")
            elif command is not None:
                yield path + name, command


KNOWN = dict(commands())


def words_of(command: str, option: str) -> list[str]:
    """An option with a value of its type."""
    (param,) = (param for param in KNOWN[command].params if option in param.opts)
    assert isinstance(param, click.Option)
    values = {"until": "2030-01-01", "by": "me", "engine": "dask"}
    value = values.get(str(param.name), "1" if isinstance(param.type, click.IntRange) else "x")
    return [option] if param.is_flag else [option, value]


def check(command: str, words: list[str]) -> None:
    """Check the options as the program does."""
    ctx = click.Context(ROOT, info_name="boltz-keyscan")
    *groups, name = command.split()
    for group in groups:
        ctx = click.Context(click.Group(group), parent=ctx, info_name=group)
    check_dependent_options(KNOWN[command].make_context(name, words, parent=ctx))


@pytest.mark.parametrize(("command", "option", "excluded"), tuple(rows()))
def test_an_option_without_effect_is_an_error(command: str, option: str, excluded: str) -> None:
    useless = words_of(command, excluded) if excluded else []
    words = [*REQUIRED.get(command, []), *words_of(command, option)]
    with pytest.raises(KeyscanError, match=f"{option} has no effect") as raised:
        check(command, words + useless)
    assert raised.value.hint
    if option in MET or excluded:
        check(command, words + ([] if excluded else MET[option]))


def test_the_program_says_what_to_do() -> None:
    ran = keyscan("keys", "audit", "--local", "--budget", "3")
    assert (ran.code, ran.out) == (2, b"")
    assert ran.errors == "error: --budget has no effect without --history\nhelp: Add --history.\n"


@pytest.mark.parametrize("command", tuple(KNOWN))
def test_every_option_is_known_to_need_another_one_or_none(command: str) -> None:
    known = {option for each, option, _ in rows() if each == command} | ALONE.get(command, set())
    params = [param for param in KNOWN[command].params if isinstance(param, click.Option)]
    if any(param.name == "no_config" for param in params):
        known |= SHARED
    if any(param.name == "proxy" for param in params):
        known |= CONNECTION
    common = {"--jobs", "--fail-on", "--fail-on-unexposed", "--require-complete", "--quiet", "--verbose"}
    left = [param.opts for param in params if not known.intersection(param.opts) and not param.hidden]
    assert [opts for opts in left if not common.intersection(opts)] == []
