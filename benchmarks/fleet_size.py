"""Memory of the driver and of each report for a synthetic fleet, and the size of its state.

    python -m benchmarks.fleet_size FOLDER [--repositories 10000] [--locations 1000000] [--keys 2000]
        [--with-keys 1000]

The outcomes come from an engine that makes them up, so that only driver, state and reports are measured.
One key has a tenth of all locations; every tenth repository has keys, or as many as --with-keys says. With
--keys 1 one key has all locations. Each step is a process of its own, and its peak that of /proc (Linux).
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from boltz_keyscan.fleet.engine import Engine
from boltz_keyscan.fleet.outcome import FoundKey, Outcome
from boltz_keyscan.fleet.run import run_fleet
from boltz_keyscan.fleet.sources import Listed, Listing
from boltz_keyscan.fleet.store import Store
from boltz_keyscan.fleet.unit import Settings, Unit
from boltz_keyscan.model.enums import Exposure, KeyType, Mode, Severity, Shape, Status
from boltz_keyscan.model.finding import Finding, Location
from boltz_keyscan.model.fleet import RepositoryStatus

FORMATS = ("text", "json", "csv", "html", "sarif")
KEYS_PER_REPOSITORY = 10
PEAK = "import atexit; atexit.register(lambda: sys.stderr.write(open('/proc/self/status').read()))"
RUN = f"import runpy, sys; {PEAK}; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"


@dataclass(frozen=True)
class SyntheticEngine:
    """An engine whose repositories have keys that were never there."""

    locations: int
    keys: int
    with_keys: int
    """Number of repositories with keys."""
    every: int = 10
    """One repository of so many has keys."""

    def outcomes(self, units: Iterator[Unit]) -> Iterator[Outcome]:
        """Yield an outcome for each unit."""
        everywhere = self.locations // (10 if self.keys > 1 else 1) // self.with_keys
        others = min(self.keys - 1, KEYS_PER_REPOSITORY)
        each = self.locations * 9 // 10 // (self.with_keys * KEYS_PER_REPOSITORY)
        for number, unit in enumerate(units):
            keys: tuple[FoundKey, ...] = ()
            if number % self.every == 0:
                chosen = random.Random(number).sample(range(1, self.keys), others)
                keys = tuple(FoundKey.of(_finding(key, number, each)) for key in chosen)
                keys += (FoundKey.of(_finding(0, number, everywhere)),)
            yield Outcome(
                unit.repository.id, RepositoryStatus.SCANNED, digest="0" * 129, fetched=True, refs=10,
                objects=1000, objects_read=1000, bytes_read=10**6, seconds=0.1, keys=keys,
            )  # fmt: skip


def _finding(key: int, repository: int, count: int) -> Finding:
    return Finding(
        fingerprint=f"bk1:{key:032x}",
        rule_id="boltz-admin-live",
        key_type=KeyType.ADMIN,
        mode=Mode.LIVE,
        type_prefix="sk_bc_" + "admin_live_",
        shape=Shape.CONFIRMED,
        reason="43 characters",
        severity=Severity.CRITICAL,
        confidence="high",
        status=Status.UNCHECKED,
        exposure=Exposure.HISTORY,
        blocking=True,
        locations=tuple(_location(key, repository, number) for number in range(count)),
    )


def _location(key: int, repository: int, number: int) -> Location:
    commit = f"{(repository * 1009 + number) * 10007 + key:040x}"
    day = f"20{10 + number % 15}-{1 + key % 12:02}-{1 + repository % 28:02}T12:00:00+01:00"
    return Location(
        f"services/component-{number % 40}/deploy/settings-{key}.env", number, 9, 9, 100, 60,
        Exposure.HISTORY, "BOLTZ_API_KEY = sk_bc_" + "admin_live_[REDACTED]", commit, commit[::-1], day,
        subject="Deploy with the settings of production", removed_commit=commit[::-1], removed_date=day,
        present=False, traced=True,
    )  # fmt: skip


def scan(state: Path, repositories: int, engine: Engine) -> None:
    """Fill a state."""
    listed = tuple(
        Listed(f"{number:032x}", f"https://git.example.org/group-{number % 100}/project-{number}.git")
        for number in range(repositories)
    )
    with Store.create(str(state)) as store:
        run_fleet(store, Listing(listed, ()), Settings(), engine)


def measure(label: str, folder: Path, module: str, *arguments: str) -> None:
    """Run a module, and print its processor time and its peak memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with (folder / "out").open("wb") as out:
        ran = subprocess.run(
            [sys.executable, "-c", RUN, module, *arguments], stdout=out, stderr=subprocess.PIPE, check=False
        )
    status = ran.stderr.decode()
    peak = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    if not peak:
        raise SystemExit(status)
    after, size = resource.getrusage(resource.RUSAGE_CHILDREN), (folder / "out").stat().st_size
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{label:<14} {int(peak[0]) * 1024 / 1e6:6.0f} MB {seconds:7.1f} s  {size:>13,} bytes", flush=True)


def main() -> None:
    """Fill a state and report it, each in a process that is measured."""
    parser = argparse.ArgumentParser(description="Measure a synthetic fleet.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repositories", type=int, default=10_000)
    parser.add_argument("--locations", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=2_000)
    parser.add_argument("--with-keys", type=int, default=1_000)
    parser.add_argument("--fill", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    state = chosen.folder / "state"
    if chosen.fill:
        every = chosen.repositories // chosen.with_keys
        engine = SyntheticEngine(chosen.locations, chosen.keys, chosen.with_keys, every)
        scan(state, chosen.repositories, engine)
        return
    chosen.folder.mkdir(parents=True)
    measure("driver", chosen.folder, "benchmarks.fleet_size", *sys.argv[1:], "--fill")
    print(f"state: {(state / 'fleet.sqlite').stat().st_size:,} bytes")
    for name in FORMATS:
        where = ("--output", str(chosen.folder / "sarif")) if name == "sarif" else ()
        report = ("report", "--state", str(state), "--format", name, *where)
        measure(name, chosen.folder, "boltz_keyscan", "fleet", *report)
    measure("status", chosen.folder, "boltz_keyscan", "fleet", "status", "--state", str(state))
    merged = ("--state", str(chosen.folder / "merged"), str(state))
    measure("merge", chosen.folder, "boltz_keyscan", "fleet", "merge", *merged)


if __name__ == "__main__":
    main()
