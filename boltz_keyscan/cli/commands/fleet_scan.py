"""``boltz-keyscan fleet scan SOURCE...``: scan repositories, and keep the results in a state."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Self

import click

from boltz_keyscan.cli.commands.fleet_report import print_report
from boltz_keyscan.cli.options import CommandWithScanOptions
from boltz_keyscan.cli.parameters import PATH, choice_option, number_option, path_option
from boltz_keyscan.cli.progress import Progress
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fleet.dask_engine import Cluster, open_cluster
from boltz_keyscan.fleet.engine import Engine, LocalEngine
from boltz_keyscan.fleet.mirror import FetchLimits, TokenSource
from boltz_keyscan.fleet.result import StoredResult
from boltz_keyscan.fleet.run import run_fleet
from boltz_keyscan.fleet.sources import MAX_LIST_BYTES, Listing, list_sources, parse_shard
from boltz_keyscan.fleet.store import Store
from boltz_keyscan.fleet.unit import Settings
from boltz_keyscan.fsutil import cpu_count
from boltz_keyscan.module_search import restrict
from boltz_keyscan.policy import FailOn
from boltz_keyscan.report import ReportOptions
from boltz_keyscan.scan_roots import Trust
from boltz_keyscan.sources.trusted_files import read_named_file

_LIMITS = FetchLimits()
_GIB = _LIMITS.max_bytes / (1 << 30)


@click.command(
    "scan",
    cls=CommandWithScanOptions,
    names=("jobs", "fail_on", "fail_on_unexposed", "require_complete", "quiet", "verbose"),
    short_help="Scan repositories, and keep the results.",
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...", type=PATH)
@path_option("--state", metavar="DIR", required=True, help_text="Folder of the results; it is created.")
@path_option("--repos", help_text="List of repositories, one a line or JSON; - for standard input.")
@choice_option(
    "--engine",
    ("local", "dask"),
    "local",
    "Workers: processes of this machine, or those of a Dask cluster.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS|FILE",
    default="",
    help="Scheduler of the cluster, or the file it wrote.  [default: workers on this machine]",
)
@path_option("--tls-ca", default="", help_text="Certificate that signed the cluster's.")
@path_option("--tls-cert", default="", help_text="Certificate for the cluster.")
@path_option("--tls-key", default="", help_text="Private key of --tls-cert.")
@click.option("--dask-insecure", is_flag=True, help="Accept a scheduler elsewhere without encryption.")
@click.option("--shard", metavar="I/N", default="1/1", help="Scan the Ith of N parts of the list.")
@path_option(
    "--mirror-dir", metavar="DIR", help_text="Folder for repositories with an address.  [default: temporary]"
)
@click.option(
    "--keep-mirrors",
    is_flag=True,
    help="Keep them, and fetch only what is new the next time.  [default folder: mirrors in the state]",
)
@path_option("--token-file", help_text="Token for the server.  [default: BOLTZ_KEYSCAN_GIT_TOKEN]")
@number_option(
    "--fetch-timeout", click.FloatRange(1), "SECONDS", _LIMITS.seconds, "Give up a fetch after SECONDS."
)
@number_option(
    "--max-mirror-size", click.FloatRange(0.001), "GIB", _GIB, "Give up a repository that is larger."
)
@path_option("--baseline", help_text="Baseline of keys accepted in all repositories.")
@click.option(
    "--trust",
    metavar="none|tree|base:REV",
    default="none",
    show_default=True,
    help="Where to read suppressions of a repository from: nowhere, its files, or its commit REV.",
)
def scan(
    *,
    sources: tuple[str, ...],
    state: str,
    repos: str | None,
    engine: str,
    scheduler: str,
    tls_ca: str,
    tls_cert: str,
    tls_key: str,
    dask_insecure: bool,
    shard: str,
    mirror_dir: str | None,
    keep_mirrors: bool,
    token_file: str | None,
    fetch_timeout: float,
    max_mirror_size: float,
    baseline: str | None,
    trust: str,
    jobs: int | None,
    fail_on: str,
    fail_on_unexposed: bool,
    require_complete: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Scan repositories, and keep the results in a state.

    SOURCE is a folder of clones or mirrors, or the https or ssh address of a repository. Of an
    address all references are fetched, pull requests too. Repositories that are as the last
    scan left them are not read again.
    """
    restrict(source for source in sources if os.path.lexists(source))
    listing = list_sources(sources, [] if repos is None else [(repos, _read_list(repos))])
    settings = Settings(
        fail_on=FailOn(fail_on),
        fail_on_unexposed=fail_on_unexposed,
        trust=str(Trust.of(trust, {})),
        baseline=None if baseline is None else (baseline, _read_file(baseline)),
        token=TokenSource(os.path.abspath(token_file) if token_file is not None else ""),
        limits=FetchLimits(fetch_timeout, int(max_mirror_size * (1 << 30))),
        mirror_dir=_mirror_dir(mirror_dir, state, keep=keep_mirrors),
        keep_mirrors=keep_mirrors,
        shared_dir=os.path.abspath(os.path.join(state, "objects")),
        # Workers of a scheduler are on other machines, which may have one processor for each.
        jobs=jobs or (1 if scheduler else cpu_count()),
        turn="" if scheduler else os.path.abspath(os.path.join(state, "turn")),
    )
    _check_token(settings.token, listing)
    cluster = Cluster(scheduler, tls_ca, tls_cert, tls_key, insecure=dask_insecure)
    part = parse_shard(shard)
    with Store.create(state) as store:
        with (
            _open_engine(engine, cluster, jobs or cpu_count()) as workers,
            contextlib.nullcontext() if quiet else _FleetProgress("Scanning repositories") as progress,
        ):
            on_done = progress.on_done if progress is not None else lambda _, __: None
            run_fleet(store, listing, settings, workers, shard=part, on_done=on_done)
        result = StoredResult(store, require_complete=require_complete, part=True)
        return print_report(result, "text", ReportOptions(verbosity=-1 if quiet else int(verbose)))


class _FleetProgress(Progress):
    """Progress bar of a fleet scan. Use as a context manager."""

    def __enter__(self) -> Self:
        self._start = time.monotonic()
        return super().__enter__()

    def on_done(self, done: int, whole: int) -> None:
        """Draw the bar; click adds the time that is left."""
        rate = done / max(time.monotonic() - self._start, 0.001)
        self.show(done, whole, detail=f"{rate:.1f}/s")


def _open_engine(name: str, cluster: Cluster, jobs: int) -> contextlib.AbstractContextManager[Engine]:
    return open_cluster(cluster, jobs) if name == "dask" else contextlib.nullcontext(LocalEngine(jobs))


def _read_list(path: str) -> bytes:
    return sys.stdin.buffer.read(MAX_LIST_BYTES) if path == "-" else _read_file(path)


def _read_file(path: str) -> bytes:
    return read_named_file(os.path.abspath(os.fsencode(path)), path)


def _mirror_dir(given: str | None, state: str, *, keep: bool) -> str:
    if given is not None:
        return os.path.abspath(given)
    return os.path.abspath(os.path.join(state, "mirrors")) if keep else ""


def _check_token(token: TokenSource, listing: Listing) -> None:
    """Refuse a token when there are several servers: it is for one of them only.

    Raises:
        KeyscanError: there are several, or the token cannot be read.
    """
    addresses = (each.address for each in listing.repositories if each.address is not None)
    hosts = {address.host for address in addresses if address.scheme in {"https", "http"}}
    if token.read() and len(hosts) > 1:
        raise KeyscanError(
            f"there is one token, and the repositories are on {len(hosts)} servers",
            "Scan the repositories of each server with its own token; the state can be the same.",
        )
