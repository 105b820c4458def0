"""Scan of a repository by its address: fetched into a temporary folder, scanned there, and removed."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence

from boltz_keyscan.cli.progress import Progress
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fleet.addresses import is_address
from boltz_keyscan.fleet.fetch_messages import Progress as FetchProgress
from boltz_keyscan.fleet.mirror import FetchLimits, TokenSource, fetch
from boltz_keyscan.fleet.sources import list_sources
from boltz_keyscan.records import dataclass
from boltz_keyscan.sources.git.run import tempdir


@dataclass(frozen=True, slots=True)
class FetchedRepository:
    """A repository that was fetched."""

    folder: str
    name: str
    """Its address."""


@contextlib.contextmanager
def fetch_address(paths: Sequence[str]) -> Iterator[FetchedRepository | None]:
    """Fetch the repository whose address was given in place of paths; None if none was.

    Raises:
        KeyscanError: it could not be fetched, or there are other paths too.
    """
    if not any(is_address(path) and not os.path.lexists(path) for path in paths):
        yield None
        return
    if len(paths) > 1:
        raise KeyscanError(
            "an address is scanned alone", "For several repositories use 'boltz-keyscan fleet scan'."
        )
    (listed,) = list_sources(paths).repositories
    assert listed.address is not None  # noqa: S101 - for the type checker
    parent = os.fsdecode(tempdir.folder())
    try:
        with Progress("Fetching") as progress:

            def report(message: object) -> None:
                if isinstance(message, FetchProgress):
                    progress.show(message.done, message.whole)

            fetched = fetch(
                listed.address, listed.name, parent, token=TokenSource(), limits=FetchLimits(), report=report
            )
        if fetched.gap is not None:
            raise KeyscanError(f"cannot fetch {listed.name}", fetched.gap.detail)
        yield FetchedRepository(fetched.folder, listed.name)
    finally:
        shutil.rmtree(parent, ignore_errors=True)
