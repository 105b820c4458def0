"""A TLS cluster in processes of its own: prints its address, that of its pages and the ids of its workers.

It ends with stdin.

python cluster.py CA CERTIFICATE KEY WORKERS
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

distributed: Any = importlib.import_module("distributed")


def main() -> None:
    """Start the cluster, and wait."""
    ca, certificate, key, workers = sys.argv[1:]
    security = distributed.Security(
        require_encryption=True,
        tls_ca_file=ca,
        **{
            f"tls_{role}_{kind}": path
            for role in ("client", "scheduler", "worker")
            for kind, path in (("cert", certificate), ("key", key))
        },
    )
    with distributed.LocalCluster(
        n_workers=int(workers),
        threads_per_worker=1,
        host="127.0.0.1",
        security=security,
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        memory_limit=0,
        silence_logs=50,
    ) as cluster:
        pids = [str(worker.pid) for worker in cluster.workers.values()]
        sys.stdout.write(" ".join([cluster.scheduler_address, cluster.dashboard_link, *pids]) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
        os._exit(0)


if __name__ == "__main__":
    main()
