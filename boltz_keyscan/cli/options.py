"""Table of the options of a scan: each field of ``ScanOptions`` is one option.

A field has the names, type and help of its option, and who may set it. The command line, configuration
files, completion and ``config show`` read the table; ``resolve`` makes the object. To add an option, add a
field, and use it where it has its effect.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from functools import partial
from typing import Any

import click

from boltz_keyscan.cli.groups import CommandWithExamples
from boltz_keyscan.cli.parameters import Format, complete_from
from boltz_keyscan.plan import Options
from boltz_keyscan.policy import FailOn
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


def _option(*names: str, config: SettableIn = _ANY, group: str = "", **attributes: Any) -> Any:  # noqa: ANN401 - attributes of click.Option, and the value of a field of any type
    default = () if attributes.get("multiple") else False if attributes.get("is_flag") else None
    if "default" in attributes:
        attributes["show_default"] = True
    metadata = {"names": names, "attributes": attributes, "config": config, "group": group}
    return field(default=attributes.get("default", default), metadata=metadata)


_flag = partial(_option, is_flag=True)
_path = partial(_option, type=click.Path(), metavar="FILE")


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """Effective options of a scan; commands that take a part of them have defaults for the others."""

    paths: tuple[str, ...] = (".",)
    no_history: bool = _flag("--no-history", help="Scan files only.", group="part")
    history_only: bool = _flag("--history-only", help="Scan git history only.", group="part")
    range_: str | None = _option(
        "--range", help="Scan the commits reachable from B but not from A.", group="part", metavar="A..B"
    )
    since: str | None = _option("--since", help="Same as --range REV..HEAD.", group="part", metavar="REV")
    staged: bool = _flag("--staged", help="Scan the staged files of the current repository.", group="part")
    exclude: tuple[str, ...] = _option(
        "--exclude",
        help="Leave out these paths, as in .gitignore; repeatable. They are listed as not scanned.",
        metavar="GLOB",
        multiple=True,
        callback=_check_globs,
    )
    format_: str = _option(
        "--format",
        help="Format of the report. auto is text; in GitHub Actions also annotations and a step summary.",
        type=Format([AUTO, *REPORTERS]),
        default=AUTO,
    )
    output: str | None = _path("--output", help="Write the report to FILE instead of stdout.", config=_NAMED)
    reports: tuple[tuple[str, str], ...] = _option(
        "--report",
        help="Write another report; repeatable.",
        config=_NAMED,
        metavar="FORMAT=FILE",
        multiple=True,
        callback=_split_reports,
        shell_complete=complete_from([f"{name}=" for name in REPORTERS]),
    )
    fail_on: str = _option(
        "--fail-on",
        help="Exit 1 on live keys, on live admin keys, on any key, or never.",
        type=click.Choice([choice.value for choice in FailOn]),
        default=FailOn.LIVE.value,
    )
    fail_on_unexposed: bool = _flag(
        "--fail-on-unexposed", help="Also fail on keys in ignored files and unreachable objects."
    )
    require_complete: bool = _flag(
        "--require-complete", help="Also exit 3 on gaps by design, such as shallow clones."
    )
    baseline: str | None = _path("--baseline", help="Baseline of accepted keys.  [default: the tree's]")
    foreign_comments: bool = _flag(
        "--foreign-comments", help="Also honour ignore comments of other scanners."
    )
    trust: str | None = _option(
        "--trust",
        help="Where to read baseline, ignores, comments and configuration from: nowhere, the tree, or "
        "commit REV.  [default: tree; none in CI]",
        config=_NONE,
        metavar="none|tree|base:REV",
        shell_complete=complete_from(["none", "tree", "base:"]),
    )
    config: str | None = _path("--config", help="Configuration file.  [default: the tree's]", config=_NONE)
    no_config: bool = _flag("--no-config", help="Ignore configuration files.", config=_NONE)
    inventory: str | None = _path(
        "--inventory", help="Compare with a listing saved by 'keys snapshot'. Sends nothing.", config=_NAMED
    )
    inventory_max_age: int = _option(
        "--inventory-max-age",
        help="Warn when the inventory is older than DAYS.",
        config=_NAMED,
        type=click.IntRange(0, 3650),
        metavar="DAYS",
        default=7,
    )
    check: bool = _flag(
        "--check", help="Compare with the API's current listing; needs an admin key.", config=_NONE
    )
    verify: bool = _flag(
        "--verify",
        help="Send each key found to the API, to learn if it works and which key it is.",
        config=_NONE,
    )
    require_api: bool = _flag("--require-api", help="Exit 3 when the API does not answer.")
    api_key_file: str | None = _path(
        "--api-key-file",
        help="Read the admin key from FILE, or - for standard input.  [default: BOLTZ_API_KEY, "
        "else BOLTZ_COMPUTE_API_KEY]",
        config=_NONE,
    )
    api_base: str | None = _option(
        "--api-base",
        help="Address of the API: https, or http on this machine.",
        config=_NONE,
        metavar="URL",
    )
    proxy: str | None = _option(
        "--proxy",
        help="HTTP proxy for API requests. Proxy variables are ignored.",
        config=_NONE,
        metavar="URL",
    )
    follow_alternates: bool = _flag(
        "--follow-alternates", help="Also read git objects borrowed from outside PATH.", config=_NAMED
    )
    show_placeholders: bool = _flag(
        "--show-placeholders", help="Also report placeholders from documentation and tests."
    )
    sarif_drop_suppressed: bool = _flag(
        "--sarif-drop-suppressed",
        help="Leave suppressed keys out of SARIF, because GitHub shows them as open.",
    )
    jobs: int | None = _option(
        "--jobs", help="Number of processes.  [default: all cores]", type=click.IntRange(1, 256), metavar="N"
    )
    cache_dir: str | None = _path(
        "--cache-dir",
        help="Cache directory.  [default: the user's cache]",
        config=_NAMED,
        group="cache",
        metavar="DIR",
    )
    no_cache: bool = _flag("--no-cache", help="Neither read nor write the cache.", group="cache")
    color: str = _option("--color", help="Colour of text output.", type=click.Choice(COLORS), default="auto")
    quiet: bool = _flag(
        "-q", "--quiet", help="Print only blocking findings and the verdict.", group="verbosity"
    )
    verbose: bool = _flag(
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
            fail_on=FailOn(self.fail_on),
            fail_on_unexposed=self.fail_on_unexposed,
            require_complete=self.require_complete,
            jobs=self.jobs,
            follow_alternates=self.follow_alternates,
            cache=cache,
            exclude=self.exclude,
        )


TABLE = {
    name: TableRow(click.Option([*row["names"], name], **row["attributes"]), row["config"], row["group"])
    for name, row in metadata_of(ScanOptions).items()
}
"""Rows by name of the field, in the order of the help text."""


def long_name(option: click.Option) -> str:
    """Return the name of an option in a configuration file."""
    return next(name for name in option.opts if name.startswith("--")).removeprefix("--")


class CommandWithScanOptions(CommandWithExamples):
    """Command with some options of the table besides its own."""

    def __init__(self, *args: Any, names: Iterable[str], **attributes: Any) -> None:  # noqa: ANN401 - click's form
        super().__init__(*args, **attributes)
        self.params += [TABLE[name].option for name in names]


def configurable() -> dict[str, TableRow]:
    """Return the rows that a configuration file may set, by the name there."""
    return {long_name(row.option): row for row in TABLE.values() if row.config is not SettableIn.NONE}
