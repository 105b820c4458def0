"""Group of all commands; without a command name it scans."""

from __future__ import annotations

import os

import click

from boltz_keyscan._version import __version__
from boltz_keyscan.cli.groups import GroupWithExamples, similar_name, write_examples
from boltz_keyscan.errors import KeyscanError

COMMANDS = {
    "scan": "boltz_keyscan.cli.commands.scan:scan",
    "baseline": "boltz_keyscan.cli.commands.baseline:baseline",
    "completion": "boltz_keyscan.cli.commands.completion:completion",
    "config": "boltz_keyscan.cli.commands.config:config",
    "diff": "boltz_keyscan.cli.commands.diff:diff",
    "explain": "boltz_keyscan.cli.commands.explain:explain",
    "fingerprint": "boltz_keyscan.cli.commands.fingerprint:fingerprint",
    "fleet": "boltz_keyscan.cli.commands.groups:fleet",
    "hook": "boltz_keyscan.cli.commands.groups:hook",
    "import": "boltz_keyscan.cli.commands.import_reports:import_command",
    "keys": "boltz_keyscan.cli.commands.groups:keys",
    "redact": "boltz_keyscan.cli.commands.redact:redact_command",
    "rules": "boltz_keyscan.cli.commands.rules:rules",
}

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

_EXIT_CODES = (
    ("0", "no blocking finding, and everything was scanned"),
    ("1", "at least one blocking finding"),
    ("2", "usage, configuration or output error"),
    ("3", "no blocking finding, but the scan is incomplete"),
    ("4", "internal error"),
    ("130", "interrupted"),
)


def _check_spelling(word: str) -> None:
    if word.startswith("-") or os.path.lexists(word):
        return
    if (close := similar_name(word, COMMANDS)) is not None:
        raise KeyscanError(f"no such file, folder or command: {word}", f"Did you mean '{close}'?")


class Commands(GroupWithExamples):
    """``boltz-keyscan [PATH]...`` and ``boltz-keyscan COMMAND``."""

    def __init__(self) -> None:
        super().__init__("boltz-keyscan", context_settings=_SETTINGS, lazy=COMMANDS)
        click.version_option(__version__, message="boltz-keyscan %(version)s")(self)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all commands but the scan, which needs no name."""
        return [name for name in super().list_commands(ctx) if name != "scan"]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Treat a first argument that is not a command as part of a scan.

        Raises:
            KeyscanError: it is no path either, and similar to a command; parsed as a scan, the options of
                that command would be the error.
        """
        if not args or args[0] not in {*COMMANDS, "--version", "-h", "--help"}:
            if args and not ctx.resilient_parsing:
                _check_spelling(args[0])
            args = ["scan", *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help of the scan, then the commands, examples and exit codes."""
        scan = self.get_command(ctx, "scan")
        if scan is None:
            return
        # Under the program's own name: "scan" need not be typed.
        named = click.Context(scan, info_name=ctx.info_name, **_SETTINGS)  # type: ignore[arg-type]
        for write in (scan.format_usage, scan.format_help_text, scan.format_options):
            write(named, formatter)
        self.format_commands(ctx, formatter)
        write_examples(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl(_EXIT_CODES)
