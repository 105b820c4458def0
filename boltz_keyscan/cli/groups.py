"""Group of all commands, each imported when called; without a command name it scans."""

from __future__ import annotations

from importlib import import_module
from typing import cast

import click

from boltz_keyscan._version import __version__

COMMANDS = {
    "scan": "boltz_keyscan.cli.commands.scan:scan",
    "baseline": "boltz_keyscan.cli.commands.baseline:baseline",
    "completion": "boltz_keyscan.cli.commands.completion:completion",
    "config": "boltz_keyscan.cli.commands.config:config",
    "diff": "boltz_keyscan.cli.commands.diff:diff",
    "explain": "boltz_keyscan.cli.commands.explain:explain",
    "hook": "boltz_keyscan.cli.commands.hook:hook",
    "keys": "boltz_keyscan.cli.commands.keys:keys",
    "rules": "boltz_keyscan.cli.commands.rules:rules",
}

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """``boltz-keyscan [PATH]...`` and ``boltz-keyscan COMMAND``."""

    def __init__(self) -> None:
        super().__init__("boltz-keyscan", context_settings=SETTINGS)
        self.params.append(
            click.Option(
                ["--version"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_version,
                help="Show the version and exit.",
            )
        )

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's form
        """Return all commands but the scan, which needs no name."""
        return [name for name in COMMANDS if name != "scan"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's form
        """Import and return the command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        return cast("click.Command", getattr(import_module(module), name))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Treat a first argument that is not a command as part of a scan."""
        if not args or args[0] not in {*COMMANDS, "--version", "-h", "--help"}:
            args = ["scan", *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help of the scan, then the commands, examples and exit codes."""
        scan = self.get_command(ctx, "scan")
        if scan is None:
            return
        # Under the program's own name: "scan" need not be typed.
        scan.format_help(click.Context(scan, info_name=ctx.info_name, **SETTINGS), formatter)  # type: ignore[arg-type]
        self.format_commands(ctx, formatter)
        from boltz_keyscan.cli.examples import write  # noqa: PLC0415 - for a help text only

        write(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl(
                [
                    ("0", "no blocking finding, and everything was scanned"),
                    ("1", "at least one blocking finding"),
                    ("2", "usage, configuration or output error"),
                    ("3", "no blocking finding, but the scan is incomplete"),
                    ("4", "internal error"),
                    ("130", "interrupted"),
                ]
            )


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's form
    if value:
        click.echo(f"boltz-keyscan {__version__}")
        ctx.exit()
