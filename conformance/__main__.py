"""The two commands of the suite."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import click

from conformance.making import LEDGER, make
from conformance.scoring import Ledger, score, table
from conformance.tools import TOOLS, UnusableError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Build every place where a Boltz key can hide, and score scanners on them."""


@main.command("make")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--seed", type=int, help="Build the same keys again.  [default: random]")
def make_command(folder: Path, seed: int | None) -> None:
    """Build the places in DIR, which must not be there yet, and DIR/ledger.json."""
    if folder.exists():
        raise click.ClickException(f"{folder} is there already; name a new folder")
    seed = secrets.randbits(64) if seed is None else seed
    count = make(folder, seed)
    click.echo(f"{count} keys in {folder}, by seed {seed}; the ledger is {folder / LEDGER}")


@main.command("score")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--tool", "chosen", multiple=True, type=click.Choice(sorted(TOOLS)), help="Only these.")
@click.option("--misses", is_flag=True, help="Name each place that was missed and each false alarm.")
def score_command(folder: Path, chosen: tuple[str, ...], misses: bool) -> None:  # noqa: FBT001 - click's way
    """Let scanners look at DIR. The exit code is 1 when ours misses a key or gives a false alarm."""
    try:
        ledger = Ledger.read(folder / LEDGER)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{folder / LEDGER}: {error}; build it with 'make'") from error
    scores = []
    for name in chosen or TOOLS:
        try:
            scores.append(score(name, ledger, TOOLS[name](folder)))
        except UnusableError as error:
            click.echo(f"{name}: {error}", err=True)
    click.echo(table(scores, ledger))
    for each in scores:
        if misses:
            for place in (*each.missed, *(f"{path} (false alarm)" for path in each.false)):
                click.echo(f"{each.name}: {place}")
    if any(each.name == "boltz-keyscan" and (each.missed or each.false) for each in scores):
        sys.exit(1)


if __name__ == "__main__":
    main(prog_name="python -m conformance")
