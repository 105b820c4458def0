"""``boltz-keyscan fleet scan SOURCE...``: scan repositories, and keep the results in a state."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Self

import click

from boltz_keyscan.cli.commands.fleet_report import print_report
from boltz_keyscan.cli.options import CommandWithOptions, flag, option, shared
from boltz_keyscan.cli.parameters import ANY_FILE, FOLDER, PATH
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
from boltz_keyscan.policy import FailOn, FailPolicy
from boltz_keyscan.records import dataclass
from boltz_keyscan.report import ReportOptions
from boltz_keyscan.scan_roots import Trust
from boltz_keyscan.sources.trusted_files import read_named_file

_LIMITS = FetchLimits()


_FILE = {**ANY_FILE, "default": "", "show_default": False}


@dataclass(frozen=True, slots=True)
class FleetScanOptions:
    """Options of a scan of a fleet."""

    state: str = option("--state", **FOLDER, help="Folder of the results; it is created.", required=True)
    repos: str | None = option(
        "--repos", **ANY_FILE, help="List of repositories, one a line or JSON; - for standard input."
    )
    engine: str = option(
        "--engine",
        help="Workers: processes of this machine, or those of a Dask cluster.",
        type=click.Choice(["local", "dask"]),
        default="local",
    )
    scheduler: str = option(
        "--scheduler",
        help="Scheduler of the cluster, or the file it wrote.  [default: workers on this machine]",
        metavar="ADDRESS|FILE",
        default="",
        show_default=False,
    )
    tls_ca: str = option("--tls-ca", **_FILE, help="Certificate that signed the cluster's.")
    tls_cert: str = option("--tls-cert", **_FILE, help="Certificate for the cluster.")
    tls_key: str = option("--tls-key", **_FILE, help="Private key of --tls-cert.")
    dask_insecure: bool = flag("--dask-insecure", help="Accept a scheduler elsewhere without encryption.")
    shard: str = option(
        "--shard",
        help="Scan the Ith of N parts of the list.",
        metavar="I/N",
        default="1/1",
        show_default=False,
    )
    mirror_dir: str | None = option(
        "--mirror-dir", **FOLDER, help="Folder for repositories with an address.  [default: temporary]"
    )
    keep_mirrors: bool = flag(
        "--keep-mirrors",
        help="Keep them, and fetch only what is new the next time.  [default folder: mirrors in the state]",
    )
    token_file: str | None = option(
        "--token-file", **ANY_FILE, help="Token for the server.  [default: BOLTZ_KEYSCAN_GIT_TOKEN]"
    )
    fetch_timeout: float = option(
        "--fetch-timeout",
        help="Give up a fetch after SECONDS.",
        type=click.FloatRange(1),
        metavar="SECONDS",
        default=_LIMITS.seconds,
    )
    max_mirror_size: float = option(
        "--max-mirror-size",
        help="Give up a repository that is larger.",
        type=click.FloatRange(0.001),
        metavar="GIB",
        default=_LIMITS.max_bytes / (1 << 30),
    )
    baseline: str | None = option(
        "--baseline", **ANY_FILE, help="Baseline of keys accepted in all repositories."
    )
    trust: str = option(
        "--trust",
        help="Where to read suppressions of a repository from: nowhere, its files, or its commit REV.",
        metavar="none|tree|base:REV",
        default="none",
    )
    jobs: int | None = shared("jobs")
    fail_on: str = shared("fail_on")
    fail_on_unexposed: bool = shared("fail_on_unexposed")
    require_complete: bool = shared("require_complete")
    quiet: bool = shared("quiet")
    verbose: bool = shared("verbose")

    def settings(self) -> Settings:
        """Return the settings of the scans.

        Raises:
            KeyscanError: the trust is malformed, or the baseline cannot be read.
        """
        return Settings(
            fail_policy=FailPolicy(FailOn(self.fail_on), self.fail_on_unexposed),
            trust=str(Trust.of(self.trust, {})),
            baseline=None if self.baseline is None else (self.baseline, _read_file(self.baseline)),
            token=TokenSource(os.path.abspath(self.token_file) if self.token_file is not None else ""),
            limits=FetchLimits(self.fetch_timeout, int(self.max_mirror_size * (1 << 30))),
            mirror_dir=self._mirror_dir(),
            keep_mirrors=self.keep_mirrors,
            shared_dir=os.path.abspath(os.path.join(self.state, "objects")),
            # Workers of a scheduler are on other machines, which may have one processor for each.
            jobs=self.jobs or (1 if self.scheduler else cpu_count()),
            turn="" if self.scheduler else os.path.abspath(os.path.join(self.state, "turn")),
        )

    def _mirror_dir(self) -> str:
        if self.mirror_dir is not None:
            return os.path.abspath(self.mirror_dir)
        return os.path.abspath(os.path.join(self.state, "mirrors")) if self.keep_mirrors else ""

    def open_engine(self) -> contextlib.AbstractContextManager[Engine]:
        """Return the workers, of this machine or of a cluster.

        Raises:
            KeyscanError: the cluster cannot be used.
        """
        jobs = self.jobs or cpu_count()
        if self.engine != "dask":
            return contextlib.nullcontext(LocalEngine(jobs))
        files = (self.tls_ca, self.tls_cert, self.tls_key)
        return open_cluster(Cluster(self.scheduler, *files, insecure=self.dask_insecure), jobs)


@click.command(
    "scan",
    cls=CommandWithOptions,
    options=FleetScanOptions,
    short_help="Scan repositories, and keep the results.",
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...", type=PATH)
def scan(*, sources: tuple[str, ...], options: FleetScanOptions) -> int:
    """Scan repositories, and keep the results in a state.

    SOURCE is a folder of clones or mirrors, or the https or ssh address of a repository. Of an
    address all references are fetched, pull requests too. Repositories that are as the last
    scan left them are not read again.
    """
    restrict(source for source in sources if os.path.lexists(source))
    listing = list_sources(
        sources, [] if options.repos is None else [(options.repos, _read_list(options.repos))]
    )
    settings = options.settings()
    _check_token(settings.token, listing)
    part = parse_shard(options.shard)
    with Store.create(options.state) as store:
        with (
            options.open_engine() as workers,
            contextlib.nullcontext()
            if options.quiet
            else _FleetProgress("Scanning repositories") as progress,
        ):
            on_done = progress.on_done if progress is not None else lambda _, __: None
            run_fleet(store, listing, settings, workers, shard=part, on_done=on_done)
        result = StoredResult(store, require_complete=options.require_complete, part=True)
        view = ReportOptions(verbosity=-1 if options.quiet else int(options.verbose))
        return print_report(result, "text", view)


class _FleetProgress(Progress):
    """Progress bar of a fleet scan. Use as a context manager."""

    def __enter__(self) -> Self:
        self._start = time.monotonic()
        return super().__enter__()

    def on_done(self, done: int, whole: int) -> None:
        """Draw the bar; click adds the time that is left."""
        rate = done / max(time.monotonic() - self._start, 0.001)
        self.show(done, whole, detail=f"{rate:.1f}/s")


def _read_list(path: str) -> bytes:
    return sys.stdin.buffer.read(MAX_LIST_BYTES) if path == "-" else _read_file(path)


def _read_file(path: str) -> bytes:
    return read_named_file(os.path.abspath(os.fsencode(path)), path)


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
