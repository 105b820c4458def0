"""Classes of options: each field is one option, with its names, type and help.

``ScanOptions`` is the table of the options of a scan, and has who may set each. The command line,
configuration files, completion and ``config show`` read the table; ``resolve`` makes the object. To add an
option, add a field, and use it where it has its effect. Commands with many options of their own have a class
of them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from functools import partial
from typing import Any

import click

from boltz_keyscan.cli.dependent_options import check_dependent_options
from boltz_keyscan.cli.groups import CommandWithExamples
from boltz_keyscan.cli.parameters import FILE, Format, complete_from
from boltz_keyscan.plan import Options
from boltz_keyscan.policy import FailOn, FailPolicy
from boltz_keyscan.records import dataclass, field, metadata_of
from boltz_keyscan.report import REPORTERS, format_hint
from boltz_keyscan.triage.globs import find_problem

AUTO = "auto"
"""Format name for text, with annotations and a step summary inside GitHub Actions."""

COLORS = ("auto", "always", "never")

FILE_OPTIONS = (
    *("exclude", "follow_alternates", "jobs", "cache_dir", "no_cache"),
    *("baseline", "foreign_comments", "trust", "config", "no_config"),
)
"""Options of commands that scan files and history, and write no report of it."""


class SettableIn(Enum):
    """Configuration files that may set an option."""

    ANY = auto()
    """A file in the scanned tree too, whose author may not be trusted."""
    NAMED = auto()
    """Only a file given with ``--config``: the option writes files, reads outside the tree, or declares
    keys dead."""
    NONE = auto()
    """Only the command line: the option chooses a configuration, or sends keys."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """Row of the table."""

    option: click.Option
    config: SettableIn
    group: str
    """Name of a group of alternatives: one of them on the command line overrides all of it in a file."""


def _split_reports(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Split each ``FORMAT=FILE`` and check its format."""
    reports = []
    for value in values:
        name, sign, path = value.partition("=")
        if not sign or not path:
            raise click.BadParameter(
                f"expected FORMAT=FILE with FORMAT one of {', '.join(REPORTERS)}", ctx, param
            )
        if name not in REPORTERS:
            raise click.BadParameter(f"{name!r} is not a format. {format_hint(name, REPORTERS)}", ctx, param)
        reports.append((name, path))
    return tuple(reports)


def _check_globs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if problem := find_problem(value):
            raise click.BadParameter(f"{value!r}: {problem[0]}. {problem[1]}", ctx, param)
    return values


_ANY, _NAMED, _NONE = SettableIn


def option(*names: str, config: SettableIn = _ANY, group: str = "", **attributes: Any) -> Any:  # noqa: ANN401 - attributes of click.Option, and the value of a field of any type
    """Return the field of an option.

    Args:
        names: its names on the command line.
        config: configuration files that may set it.
        group: name of its group of alternatives.
        attributes: the other arguments of ``click.Option``; a default is shown unless they say otherwise.
    """
    default = () if attributes.get("multiple") else False if attributes.get("is_flag") else None
    if "default" in attributes:
        attributes.setdefault("show_default", True)
    metadata = {"names": names, "attributes": attributes, "config": config, "group": group}
    return field(default=attributes.get("default", default), metadata=metadata)


flag = partial(option, is_flag=True)
_path = partial(option, **FILE)


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """Effective options of a scan; commands that take a part of them have defaults for the others."""

    paths: tuple[str, ...] = (".",)
    no_history: bool = flag("--no-history", help="Scan files only.", group="part")
    history_only: bool = flag("--history-only", help="Scan git history only.", group="part")
    range_: str | None = option(
        "--range", help="Scan the commits reachable from B but not from A.", group="part", metavar="A..B"
    )
    since: str | None = option("--since", help="Same as --range REV..HEAD.", group="part", metavar="REV")
    staged: bool = flag("--staged", help="Scan the staged files of the current repository.", group="part")
    exclude: tuple[str, ...] = option(
        "--exclude",
        help="Leave out these paths, as in .gitignore; repeatable. They are listed as not scanned.",
        metavar="GLOB",
        multiple=True,
        callback=_check_globs,
    )
    format_: str = option(
        "--format",
        help="Format of the report. auto is text; in GitHub Actions also annotations and a step summary.",
        type=Format([AUTO, *REPORTERS]),
        default=AUTO,
    )
    output: str | None = _path("--output", help="Write the report to FILE instead of stdout.", config=_NAMED)
    reports: tuple[tuple[str, str], ...] = option(
        "--report",
        help="Write another report; repeatable.",
        config=_NAMED,
        metavar="FORMAT=FILE",
        multiple=True,
        callback=_split_reports,
        shell_complete=complete_from([f"{name}=" for name in REPORTERS]),
    )
    fail_on: str = option(
        "--fail-on",
        help="Exit 1 on live keys, on live admin keys, on any key, or never.",
        type=click.Choice([choice.value for choice in FailOn]),
        default=FailOn.LIVE.value,
    )
    fail_on_unexposed: bool = flag(
        "--fail-on-unexposed", help="Also fail on keys in ignored files and unreachable objects."
    )
    require_complete: bool = flag(
        "--require-complete", help="Also exit 3 on gaps by design, such as shallow clones."
    )
    baseline: str | None = _path("--baseline", help="Baseline of accepted keys.  [default: the tree's]")
    foreign_comments: bool = flag("--foreign-comments", help="Also honour ignore comments of other scanners.")
    trust: str | None = option(
        "--trust",
        help="Where to read baseline, ignores, comments and configuration from: nowhere, the tree, or "
        "commit REV.  [default: tree; none in CI]",
        config=_NONE,
        metavar="none|tree|base:REV",
        shell_complete=complete_from(["none", "tree", "base:"]),
    )
    config: str | None = _path("--config", help="Configuration file.  [default: the tree's]", config=_NONE)
    no_config: bool = flag("--no-config", help="Ignore configuration files.", config=_NONE)
    inventory: str | None = _path(
        "--inventory", help="Compare with a listing saved by 'keys snapshot'. Sends nothing.", config=_NAMED
    )
    inventory_max_age: int = option(
        "--inventory-max-age",
        help="Warn when the inventory is older than DAYS.",
        config=_NAMED,
        type=click.IntRange(0, 3650),
        metavar="DAYS",
        default=7,
    )
    check: bool = flag(
        "--check", help="Compare with the API's current listing; needs an admin key.", config=_NONE
    )
    verify: bool = flag(
        "--verify",
        help="Send each key found to the API, to learn if it works and which key it is.",
        config=_NONE,
    )
    require_api: bool = flag("--require-api", help="Exit 3 when the API does not answer.")
    api_key_file: str | None = _path(
        "--api-key-file",
        help="Read the admin key from FILE, or - for standard input.  [default: BOLTZ_API_KEY, "
        "else BOLTZ_COMPUTE_API_KEY]",
        config=_NONE,
    )
    api_base: str | None = option(
        "--api-base",
        help="Address of the API: https, or http on this machine.",
        config=_NONE,
        metavar="URL",
    )
    proxy: str | None = option(
        "--proxy",
        help="HTTP proxy for API requests. Proxy variables are ignored.",
        config=_NONE,
        metavar="URL",
    )
    follow_alternates: bool = flag(
        "--follow-alternates", help="Also read git objects borrowed from outside PATH.", config=_NAMED
    )
    show_placeholders: bool = flag(
        "--show-placeholders", help="Also report placeholders from documentation and tests."
    )
    sarif_drop_suppressed: bool = flag(
        "--sarif-drop-suppressed",
        help="Leave suppressed keys out of SARIF, because GitHub shows them as open.",
    )
    jobs: int | None = option(
        "--jobs", help="Number of processes.  [default: all cores]", type=click.IntRange(1, 256), metavar="N"
    )
    cache_dir: str | None = _path(
        "--cache-dir",
        help="Cache directory.  [default: the user's cache]",
        config=_NAMED,
        group="cache",
        metavar="DIR",
    )
    no_cache: bool = flag("--no-cache", help="Neither read nor write the cache.", group="cache")
    color: str = option("--color", help="Colour of text output.", type=click.Choice(COLORS), default="auto")
    quiet: bool = flag(
        "-q", "--quiet", help="Print only blocking findings and the verdict.", group="verbosity"
    )
    verbose: bool = flag(
        "-v", "--verbose", help="Show every location, gap and suppressed key.", group="verbosity"
    )

    @property
    def commits(self) -> str | None:
        """The chosen commits; None for all."""
        return self.range_ or (f"{self.since}..HEAD" if self.since else None)

    def for_plan(self, cache: str | None) -> Options:
        """Return the options that choose what is scanned, with the folder of the cache."""
        return Options(
            paths=self.paths,
            history=not self.no_history,
            files=not self.history_only,
            commits=self.commits,
            staged=() if self.staged else None,
            fail_policy=FailPolicy(FailOn(self.fail_on), self.fail_on_unexposed, self.require_complete),
            jobs=self.jobs,
            follow_alternates=self.follow_alternates,
            cache=cache,
            exclude=self.exclude,
        )


def _make_option(name: str, row: Mapping[str, Any]) -> click.Option:
    return click.Option([*row["names"], name], **row["attributes"])


TABLE = {
    name: TableRow(_make_option(name, row), row["config"], row["group"])
    for name, row in metadata_of(ScanOptions).items()
}
"""Rows by name of the field, in the order of the help text."""


def long_name(option: click.Option) -> str:
    """Return the name of an option in a configuration file."""
    return next(name for name in option.opts if name.startswith("--")).removeprefix("--")


def shared(name: str) -> Any:  # noqa: ANN401 - the value of a field of any type
    """Return the field of an option of a scan, for the class of another command."""
    return field(default=getattr(ScanOptions(), name), metadata=metadata_of(ScanOptions)[name])


class CommandWithOptions(CommandWithExamples):
    """Command whose function gets a class of options as one object, ``options``, and the rest by name."""

    def __init__(self, *args: Any, options: type | None = None, **attributes: Any) -> None:  # noqa: ANN401 - click's form
        super().__init__(*args, **attributes)
        self._classes: dict[str, type] = {}
        if options is not None:
            self.add_options("options", options)

    def add_options(self, argument: str, kind: type) -> None:
        """Let the function get a class of options as an argument of this name."""
        self._classes[argument] = kind
        self.params += [_make_option(name, row) for name, row in metadata_of(kind).items()]

    def collect(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of the function, given the values of its options and arguments."""
        rest = dict(values)
        objects = {
            argument: kind(**{name: rest.pop(name) for name in metadata_of(kind)})
            for argument, kind in self._classes.items()
        }
        return objects | rest

    def invoke(self, ctx: click.Context) -> object:
        """Check that each option has an effect, collect them, and call the function."""
        check_dependent_options(ctx)
        return self.callback and ctx.invoke(self.callback, **self.collect(ctx.params))


def configurable() -> dict[str, TableRow]:
    """Return the rows that a configuration file may set, by the name there."""
    return {long_name(row.option): row for row in TABLE.values() if row.config is not SettableIn.NONE}
