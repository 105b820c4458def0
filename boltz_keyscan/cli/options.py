"""Table of the options of a scan: each field of ``ScanOptions`` is one option.

A field has the names, type and help of its option, and who may set it. The command line, configuration
files, completion and ``config show`` read the table; ``resolve`` makes the object. To add an option, add a
field, and use it where it has its effect.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
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


def _option(*names: str, config: SettableIn = SettableIn.ANY, group: str = "", **attributes: Any) -> Any:  # noqa: ANN401 - attributes of click.Option, and the value of a field of any type
    default = () if attributes.get("multiple") else False if attributes.get("is_flag") else None
    return field(
        default=attributes.get("default", default),
        metadata={"names": names, "attributes": attributes, "config": config, "group": group},
    )


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """Effective options of a scan; commands that take a part of them have defaults for the others."""

    paths: tuple[str, ...] = (".",)
    no_history: bool = _option("--no-history", is_flag=True, group="part", help="Scan files only.")
    history_only: bool = _option("--history-only", is_flag=True, group="part", help="Scan git history only.")
    range_: str | None = _option(
        "--range", metavar="A..B", group="part", help="Scan the commits reachable from B but not from A."
    )
    since: str | None = _option("--since", metavar="REV", group="part", help="Same as --range REV..HEAD.")
    staged: bool = _option(
        "--staged", is_flag=True, group="part", help="Scan the staged files of the current repository."
    )
    exclude: tuple[str, ...] = _option(
        "--exclude",
        metavar="GLOB",
        multiple=True,
        callback=_check_globs,
        help="Leave out these paths, as in .gitignore; repeatable. They are listed as not scanned.",
    )
    format_: str = _option(
        "--format",
        type=Format([AUTO, *REPORTERS]),
        default=AUTO,
        show_default=True,
        help="Format of the report. auto is text; in GitHub Actions also annotations and a step summary.",
    )
    output: str | None = _option(
        "--output",
        config=SettableIn.NAMED,
        type=click.Path(),
        metavar="FILE",
        help="Write the report to FILE instead of stdout.",
    )
    reports: tuple[tuple[str, str], ...] = _option(
        "--report",
        config=SettableIn.NAMED,
        metavar="FORMAT=FILE",
        multiple=True,
        callback=_split_reports,
        shell_complete=complete_from([f"{name}=" for name in REPORTERS]),
        help="Write another report; repeatable.",
    )
    fail_on: str = _option(
        "--fail-on",
        type=click.Choice([choice.value for choice in FailOn]),
        default=FailOn.LIVE.value,
        show_default=True,
        help="Exit 1 on live keys, on live admin keys, on any key, or never.",
    )
    fail_on_unexposed: bool = _option(
        "--fail-on-unexposed",
        is_flag=True,
        help="Also fail on keys in ignored files and unreachable objects.",
    )
    require_complete: bool = _option(
        "--require-complete", is_flag=True, help="Also exit 3 on gaps by design, such as shallow clones."
    )
    baseline: str | None = _option(
        "--baseline",
        type=click.Path(),
        metavar="FILE",
        help="Baseline of accepted keys.  [default: the tree's]",
    )
    foreign_comments: bool = _option(
        "--foreign-comments", is_flag=True, help="Also honour ignore comments of other scanners."
    )
    trust: str | None = _option(
        "--trust",
        config=SettableIn.NONE,
        metavar="none|tree|base:REV",
        shell_complete=complete_from(["none", "tree", "base:"]),
        help="Where to read baseline, ignores, comments and configuration from: nowhere, the tree, or "
        "commit REV.  [default: tree; none in CI]",
    )
    config: str | None = _option(
        "--config",
        config=SettableIn.NONE,
        type=click.Path(),
        metavar="FILE",
        help="Configuration file.  [default: the tree's]",
    )
    no_config: bool = _option(
        "--no-config", config=SettableIn.NONE, is_flag=True, help="Ignore configuration files."
    )
    inventory: str | None = _option(
        "--inventory",
        config=SettableIn.NAMED,
        type=click.Path(),
        metavar="FILE",
        help="Compare with a listing saved by 'keys snapshot'. Sends nothing.",
    )
    inventory_max_age: int = _option(
        "--inventory-max-age",
        config=SettableIn.NAMED,
        type=click.IntRange(0, 3650),
        metavar="DAYS",
        default=7,
        show_default=True,
        help="Warn when the inventory is older than DAYS.",
    )
    check: bool = _option(
        "--check",
        config=SettableIn.NONE,
        is_flag=True,
        help="Compare with the API's current listing; needs an admin key.",
    )
    verify: bool = _option(
        "--verify",
        config=SettableIn.NONE,
        is_flag=True,
        help="Send each key found to the API, to learn if it works and which key it is.",
    )
    require_api: bool = _option("--require-api", is_flag=True, help="Exit 3 when the API does not answer.")
    api_key_file: str | None = _option(
        "--api-key-file",
        config=SettableIn.NONE,
        type=click.Path(),
        metavar="FILE",
        help="Read the admin key from FILE, or - for standard input.  [default: BOLTZ_API_KEY, "
        "else BOLTZ_COMPUTE_API_KEY]",
    )
    api_base: str | None = _option(
        "--api-base",
        config=SettableIn.NONE,
        metavar="URL",
        help="Address of the API: https, or http on this machine.",
    )
    proxy: str | None = _option(
        "--proxy",
        config=SettableIn.NONE,
        metavar="URL",
        help="HTTP proxy for API requests. Proxy variables are ignored.",
    )
    follow_alternates: bool = _option(
        "--follow-alternates",
        config=SettableIn.NAMED,
        is_flag=True,
        help="Also read git objects borrowed from outside PATH.",
    )
    show_placeholders: bool = _option(
        "--show-placeholders", is_flag=True, help="Also report placeholders from documentation and tests."
    )
    sarif_drop_suppressed: bool = _option(
        "--sarif-drop-suppressed",
        is_flag=True,
        help="Leave suppressed keys out of SARIF, because GitHub shows them as open.",
    )
    jobs: int | None = _option(
        "--jobs",
        type=click.IntRange(1, 256),
        metavar="N",
        help="Number of processes.  [default: all cores]",
    )
    cache_dir: str | None = _option(
        "--cache-dir",
        config=SettableIn.NAMED,
        group="cache",
        type=click.Path(),
        metavar="DIR",
        help="Cache directory.  [default: the user's cache]",
    )
    no_cache: bool = _option(
        "--no-cache", group="cache", is_flag=True, help="Neither read nor write the cache."
    )
    color: str = _option(
        "--color",
        type=click.Choice(COLORS),
        default="auto",
        show_default=True,
        help="Colour of text output.",
    )
    quiet: bool = _option(
        "-q",
        "--quiet",
        group="verbosity",
        is_flag=True,
        help="Print only blocking findings and the verdict.",
    )
    verbose: bool = _option(
        "-v",
        "--verbose",
        group="verbosity",
        is_flag=True,
        help="Show every location, gap and suppressed key.",
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
