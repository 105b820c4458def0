"""Completion candidates for an unfinished command line.

They are read from the commands, so a new option needs no line here. File names are left to
the shell, which knows how to quote them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from boltz_keyscan.cli.groups import COMMANDS, SETTINGS, Commands
from boltz_keyscan.report import REPORTERS

_FOLDERS = re.compile(r"DIR|FOLDER")
_FILES = re.compile(r"FILE|PATH|\.json")


@dataclass(frozen=True, slots=True)
class Answer:
    """Completions of the last word."""

    words: tuple[tuple[str, str], ...] = ()
    """Whole words with a description; a word that ends in ``=`` or ``:`` is not complete yet."""
    paths: str = "none"
    """``files``, ``dirs`` or ``none``: paths that are possible too, after ``=`` if the word has one."""

    def within(self, last: str) -> Answer:
        """Return the candidates that begin with the typed text."""
        return Answer(tuple(each for each in self.words if each[0].startswith(last)), self.paths)


def answer(words: Sequence[str]) -> Answer:
    """Return the completions of a command line.

    Args:
        words: the words after the program's name; the last is unfinished and may be empty.
    """
    *done, last = words or ("",)
    ctx = click.Context(Commands(), info_name="boltz-keyscan", **SETTINGS)  # type: ignore[arg-type]
    command: click.Command | None = ctx.command
    if not done or done[0] not in COMMANDS:
        scan = Commands().get_command(ctx, "scan")
        found = _of(scan, done, last) if scan is not None else Answer()
        if not done and not last.startswith("-"):
            found = Answer((*_commands(ctx.command, ctx), *found.words), found.paths)
        return found.within(last)
    while isinstance(command, click.Group) and done:
        command = command.get_command(ctx, done.pop(0))
    if isinstance(command, click.Group) and not last.startswith("-"):
        return Answer(tuple(_commands(command, ctx))).within(last)
    return _of(command, done, last).within(last) if command is not None else Answer()


def _commands(group: click.Command, ctx: click.Context) -> Iterator[tuple[str, str]]:
    if isinstance(group, click.Group):
        for name in group.list_commands(ctx):
            command = group.get_command(ctx, name)
            if command is not None and not command.hidden:
                yield name, command.get_short_help_str(100)


def _of(command: click.Command, done: Sequence[str], last: str) -> Answer:
    """Return the completions among the options and arguments of a command."""
    ctx = click.Context(command, info_name=command.name, **SETTINGS)  # type: ignore[arg-type]
    options = {name: each for each in command.get_params(ctx) for name in each.opts if name[:1] == "-"}
    used: list[click.Parameter] = []
    awaits: click.Parameter | None = None
    ended = False
    count = 0
    for word in done:
        if awaits is not None:
            awaits = None
        elif ended or word == "-" or not word.startswith("-"):
            count += 1
        elif word == "--":
            ended = True
        else:
            name, sign, _ = word.partition("=")
            # Of letters in a row only the last can take a value.
            given = options.get(name if name.startswith("--") else f"-{name[-1:]}")
            if given is not None:
                used.append(given)
                awaits = given if not sign and _takes(given) else None
    if awaits is not None:
        return _values(awaits, last)
    if not ended and last.startswith("-"):
        name, sign, _ = last.partition("=")
        if sign and name in options:
            found = _values(options[name], last.removeprefix(f"{name}="))
            return Answer(tuple((f"{name}={word}", told) for word, told in found.words), found.paths)
        free = [(name, each) for name, each in options.items() if each not in used or each.multiple]
        return Answer(tuple((name, getattr(each, "help", None) or "") for name, each in free))
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    if not arguments or (count >= len(arguments) and arguments[-1].nargs != -1):
        return Answer()
    return _values(arguments[min(count, len(arguments) - 1)], last)


def _takes(option: click.Parameter) -> bool:
    return isinstance(option, click.Option) and not option.is_flag and not option.count


def _values(param: click.Parameter, last: str) -> Answer:
    """Return the known values of an option or an argument."""
    told = param.metavar or ""
    if isinstance(param.type, click.Choice):
        return Answer(tuple((str(choice), "") for choice in param.type.choices))
    if told == "FORMAT=FILE":
        if "=" in last:
            return Answer(paths="files")
        return Answer(tuple((f"{name}=", "") for name in REPORTERS))
    if "|" in told:
        # The text after a colon is the user's.
        return Answer(tuple((re.sub(r"(?<=:).*", "", each), "") for each in told.split("|")))
    if _FOLDERS.search((told or param.name or "").upper()):
        return Answer(paths="dirs")
    named = isinstance(param.type, click.Path) or _FILES.search(told)
    return Answer(paths="files" if named else "none")
