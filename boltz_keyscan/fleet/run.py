"""Run of a fleet scan: lists the repositories, hands out those that are due, and records the outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from boltz_keyscan.fleet import codec
from boltz_keyscan.fleet.engine import Engine
from boltz_keyscan.fleet.outcome import Outcome
from boltz_keyscan.fleet.sources import Listing, select_shard
from boltz_keyscan.fleet.store import Store
from boltz_keyscan.fleet.unit import Settings, Unit
from boltz_keyscan.triage.key_record import stamp

_CONFIRM_INTERVAL_S = 1.0
"""Seconds for which confirmations of unchanged repositories are collected: a transaction for each is slow."""


def run_fleet(
    store: Store,
    listing: Listing,
    settings: Settings,
    engine: Engine,
    *,
    shard: tuple[int, int] = (1, 1),
    on_done: Callable[[int, int], None] = lambda _, __: None,
) -> None:
    """Scan the repositories of a list that are new or changed, and record each result at once.

    Args:
        store: state, opened by its only driver.
        listing: the repositories.
        settings: settings of the scans.
        engine: the workers.
        shard: number of the shard to scan, counted from 1, and of all.
        on_done: receiver of the number of repositories that are done, and of all.

    Raises:
        KeyscanError: the state cannot be written, or no worker starts.
    """
    chosen = select_shard(listing, shard)
    digests = store.digests()
    pairs = [(each.id, each.name) for each in chosen]
    store.list_repositories(pairs, map(codec.encode, listing.gaps), shard, len(listing.repositories))
    started = stamp(datetime.now(UTC))
    store.set_run(started_at=started, seconds=0.0, ended=False, listed=len(chosen), done=0)
    units = (Unit(each, settings, digests.get(each.id, "")) for each in chosen)
    done = 0
    for done in _record(store, engine.outcomes(units)):
        on_done(done, len(chosen))
    store.set_run(done=done, ended=True)


def _record(store: Store, outcomes: Iterable[Outcome]) -> Iterator[int]:
    """Record outcomes, and yield the number of those that have arrived."""
    # The clock of the system may be set while a fleet is scanned.
    begin = saved = time.monotonic()
    unchanged: list[str] = []
    for done, outcome in enumerate(outcomes, 1):
        if outcome.unchanged:
            unchanged.append(outcome.id)
        else:
            store.record(outcome)
        if time.monotonic() - saved >= _CONFIRM_INTERVAL_S:
            saved = time.monotonic()
            store.confirm(unchanged)
            unchanged.clear()
            store.set_run(done=done, seconds=saved - begin)
        yield done
    store.confirm(unchanged)
