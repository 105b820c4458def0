"""Engine on a cluster of Dask, through its executor of ``concurrent.futures``.

Dask sends pickles, and by default over connections that are neither encrypted nor authenticated: who
reaches the port of a scheduler can run anything on its workers. So a scheduler on another machine has to
use TLS, and the workers that are started here do.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import logging
import os
import platform
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from boltz_keyscan import rules
from boltz_keyscan._version import __version__
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fleet.engine import ExecutorEngine
from boltz_keyscan.fleet.outcome import Outcome
from boltz_keyscan.fleet.unit import Unit, scan_unit
from boltz_keyscan.fsutil import read_regular_file
from boltz_keyscan.module_search import Guard
from boltz_keyscan.records import dataclass
from boltz_keyscan.workers.programs import read_output

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_START_TIMEOUT_S = 60
"""Seconds to reach the scheduler, and to wait for a first worker."""

_CLOSE_TIMEOUT_S = 5

_MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Cluster:
    """The options that choose a cluster."""

    scheduler: str = ""
    """Address, or path of the file that a scheduler wrote; empty to start workers on this machine."""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    insecure: bool = False
    """Accept a scheduler on another machine without encryption."""


@contextlib.contextmanager
def open_cluster(cluster: Cluster, jobs: int) -> Iterator[ExecutorEngine]:
    """Connect to a cluster, or start workers on this machine, and check the workers.

    Args:
        cluster: the options.
        jobs: number of workers to start on this machine.

    Raises:
        KeyscanError: it cannot be reached, is not encrypted, or its workers do not fit.
    """
    address = _address(cluster)
    distributed = _import_distributed()
    with contextlib.ExitStack() as stack:
        try:
            security = _security(distributed, cluster, address)
            if address:
                target = address
            else:
                # A module of the working folder must not be imported by the processes that start now.
                os.environ["PYTHONSAFEPATH"] = "1"
                target = stack.enter_context(_start_cluster(distributed, security, jobs))
            client = distributed.Client(
                target, security=security, timeout=_START_TIMEOUT_S, set_as_default=False
            )
            # ``ExecutorEngine`` tries again itself.
            executor = client.get_executor(pure=False, retries=0)
            stack.callback(_close, client, executor)
            client.wait_for_workers(1 if address else jobs, timeout=_START_TIMEOUT_S)
            _check_workers(client)
        except (OSError, ValueError, RuntimeError, TimeoutError, ImportError) as error:
            raise KeyscanError(
                f"cannot use the cluster {address or 'on this machine'}: {type(error).__name__}",
                "Check that its scheduler and a worker run, and the files of the --tls options.",
            ) from error
        yield ExecutorEngine(executor, _counter(client), _Task(_identity()))


def _close(client: Any, executor: Any) -> None:  # noqa: ANN401 - without types
    """End the connection. Of a cluster that has vanished that fails, and nothing is lost by it."""
    with contextlib.suppress(Exception):
        executor.shutdown(wait=False)
    with contextlib.suppress(Exception):
        client.close(timeout=_CLOSE_TIMEOUT_S)


def _import_distributed() -> Any:  # noqa: ANN401 - a module without types
    try:
        # Loaded for this engine only: it takes half a second.
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise KeyscanError(
            "--engine dask needs Dask, which is not installed", "pip install 'boltz-keyscan[fleet]'"
        ) from error
    # Warnings, as of a worker that ended, quote the tasks. What matters becomes a retry or a gap.
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed


def _start_cluster(distributed: Any, security: Any, jobs: int) -> Any:  # noqa: ANN401 - without types
    # Otherwise a repository that ends its worker ends three more: ``ExecutorEngine`` tries again itself.
    importlib.import_module("dask").config.set({"distributed.scheduler.allowed-failures": 0})
    return distributed.LocalCluster(
        n_workers=jobs,
        threads_per_worker=1,
        host="127.0.0.1",
        protocol="tls",
        # Its pages cannot be switched off: on this machine only, at a port that is free.
        dashboard_address="127.0.0.1:0",
        security=security,
        # Memory of a scan is bounded by itself.
        memory_limit=0,
        silence_logs=50,
    )


def _address(cluster: Cluster) -> str:
    """Return the address of the scheduler; empty to start one.

    Raises:
        KeyscanError: it is not encrypted, or the file is no scheduler file.
    """
    address = cluster.scheduler
    if address and "://" not in address:
        try:
            address = json.loads(read_regular_file(address, _MAX_FILE_BYTES))["address"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise KeyscanError(
                f"no address of a scheduler, and no file that one wrote: {cluster.scheduler}",
                "Give tls://HOST:PORT, or the file of 'dask scheduler --scheduler-file'.",
            ) from error
    parts = urlsplit(str(address))
    is_open = bool(address) and parts.scheme not in {"tls", "wss"} and parts.hostname not in _LOOPBACK
    if is_open and not cluster.insecure:
        raise KeyscanError(
            f"the scheduler {address} is on another machine and not encrypted: whoever reaches it can run "
            "programs on its workers",
            "Use tls:// with certificates, or --dask-insecure in a closed network.",
        )
    return str(address)


def _security(distributed: Any, cluster: Cluster, address: str) -> Any:  # noqa: ANN401 - without types
    if not address:
        # Certificates for this run, kept in memory.
        return distributed.Security.temporary()
    if not urlsplit(address).scheme.startswith(("tls", "wss")):
        return None
    if not (cluster.tls_ca and cluster.tls_cert and cluster.tls_key):
        raise KeyscanError(
            "a scheduler with TLS needs certificates", "Give --tls-ca, --tls-cert and --tls-key."
        )
    return distributed.Security(
        tls_ca_file=cluster.tls_ca,
        tls_client_cert=cluster.tls_cert,
        tls_client_key=cluster.tls_key,
        require_encryption=True,
    )


def _identity() -> tuple[str, str, str]:
    """Return what driver and workers must have in common: version, rules, Python."""
    python = ".".join(platform.python_version_tuple()[:2])
    return __version__, hashlib.sha256(rules.digest().encode()).hexdigest()[:16], python


def _describe_worker() -> tuple[tuple[str, str, str], bool]:
    """Return the identity of this worker, and if it can start processes."""
    return _identity(), read_output([sys.executable, "-I", "-S", "-c", "print(1)"]) == b"1\n"


def _check_workers(client: Any) -> None:  # noqa: ANN401 - without types
    answers = client.run(_describe_worker, on_error="return")
    # One that ends meanwhile is replaced, and each unit is checked again where it runs.
    known = {worker: answer for worker, answer in answers.items() if isinstance(answer, tuple)}
    if not known:
        raise RuntimeError("no worker answers")
    for worker, described in known.items():
        identity, can_start = described
        if identity != _identity():
            names = ("version", "rules", "Python")
            other = ", ".join(
                f"{name} {theirs} instead of {ours}"
                for name, theirs, ours in zip(names, identity, _identity(), strict=True)
                if theirs != ours
            )
            raise KeyscanError(f"the worker {worker} has {other}", "Install the same on all workers.")
        if not can_start:
            raise KeyscanError(
                f"the worker {worker} cannot start processes", "A scan needs git, and processes for archives."
            )


def _counter(client: Any) -> Callable[[], int]:  # noqa: ANN401 - without types
    def count() -> int:
        try:
            return len(client.scheduler_info(n_workers=-1)["workers"])
        except (OSError, KeyError, RuntimeError, TypeError):
            return 1

    return count


class OtherVersionError(Exception):
    """A worker has another version, other rules or another Python than the driver."""


@dataclass(frozen=True, slots=True)
class _Task:
    """The function that workers run. Picklable."""

    identity: tuple[str, str, str]

    def __str__(self) -> str:
        """Return the name that the pages of a scheduler show."""
        return "scan"

    def __call__(self, unit: Unit) -> Outcome:
        """Scan a repository.

        Raises:
            OtherVersionError: this worker joined later, and has another version.
        """
        if _identity() != self.identity:
            raise OtherVersionError
        with Guard((unit.repository.folder,) if unit.repository.folder else ()):
            return scan_unit(unit)
