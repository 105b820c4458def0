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
class Completions:
    """Completions of the last word."""

    words: tuple[tuple[str, str], ...] = ()
    """Whole words with a description; a word that ends in ``=`` or ``:`` is not complete yet."""
    paths: str = "none"
    """``files``, ``dirs`` or ``none``: paths that are possible too, after ``=`` if the word has one."""

    def starting_with(self, last: str) -> Completions:
        """Return the candidates that begin with the typed text."""
        return Completions(tuple(each for each in self.words if each[0].startswith(last)), self.paths)


def complete_words(words: Sequence[str]) -> Completions:
    """Return the completions of a command line.

    Args:
        words: the words after the program's name; the last is unfinished and may be empty.
    """
    *done, last = words or ("",)
    ctx = click.Context(Commands(), info_name="boltz-keyscan", **SETTINGS)  # type: ignore[arg-type]
    command: click.Command | None = ctx.command
    if not done or done[0] not in COMMANDS:
        scan = Commands().get_command(ctx, "scan")
        found = _parameter_completions(scan, done, last) if scan is not None else Completions()
        if not done and not last.startswith("-"):
            found = Completions((*_commands(ctx.command, ctx), *found.words), found.paths)
        return found.starting_with(last)
    while isinstance(command, click.Group) and done:
        command = command.get_command(ctx, done.pop(0))
    if isinstance(command, click.Group) and not last.startswith("-"):
        return Completions(tuple(_commands(command, ctx))).starting_with(last)
    return (
        _parameter_completions(command, done, last).starting_with(last)
        if command is not None
        else Completions()
    )


def _commands(group: click.Command, ctx: click.Context) -> Iterator[tuple[str, str]]:
    if isinstance(group, click.Group):
        for name in group.list_commands(ctx):
            command = group.get_command(ctx, name)
            if command is not None and not command.hidden:
                yield name, command.get_short_help_str(100)


def _parameter_completions(command: click.Command, done: Sequence[str], last: str) -> Completions:
    """Return the completions among the options and arguments of a command."""
    ctx = click.Context(command, info_name=command.name, **SETTINGS)  # type: ignore[arg-type]
    options = {name: each for each in command.get_params(ctx) for name in each.opts if name[:1] == "-"}
    used: list[click.Parameter] = []
    pending: click.Parameter | None = None
    ended = False
    count = 0
    for word in done:
        if pending is not None:
            pending = None
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
                pending = given if not sign and _takes_value(given) else None
    if pending is not None:
        return _values(pending, last)
    if not ended and last.startswith("-"):
        name, sign, _ = last.partition("=")
        if sign and name in options:
            found = _values(options[name], last.removeprefix(f"{name}="))
            return Completions(tuple((f"{name}={word}", about) for word, about in found.words), found.paths)
        free = [(name, each) for name, each in options.items() if each not in used or each.multiple]
        return Completions(tuple((name, getattr(each, "help", None) or "") for name, each in free))
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    if not arguments or (count >= len(arguments) and arguments[-1].nargs != -1):
        return Completions()
    return _values(arguments[min(count, len(arguments) - 1)], last)


def _takes_value(option: click.Parameter) -> bool:
    return isinstance(option, click.Option) and not option.is_flag and not option.count


def _values(param: click.Parameter, last: str) -> Completions:
    """Return the known values of an option or an argument."""
    metavar = param.metavar or ""
    if isinstance(param.type, click.Choice):
        return Completions(tuple((str(choice), "") for choice in param.type.choices))
    if metavar == "FORMAT=FILE":
        if "=" in last:
            return Completions(paths="files")
        return Completions(tuple((f"{name}=", "") for name in REPORTERS))
    if "|" in metavar:
        # The text after a colon is the user's.
        return Completions(tuple((re.sub(r"(?<=:).*", "", each), "") for each in metavar.split("|")))
    if _FOLDERS.search((metavar or param.name or "").upper()):
        return Completions(paths="dirs")
    named = isinstance(param.type, click.Path) or _FILES.search(metavar)
    return Completions(paths="files" if named else "none")
