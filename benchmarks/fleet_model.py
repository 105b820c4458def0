"""Simulation of a fleet, checked against real runs of different sizes; and workers against one repository.

    python -m benchmarks.fleet_model MIRRORS FOLDER [--sizes 4,8,16,32] [--copies 12] [--rounds 3]

The model is that of docs/scale.md: processor time of a repository from its objects and bytes. The simulation
hands the repositories of a run to workers in the order of the list. Its times are those that the run recorded
for each repository, so that a busy machine is in both. MIRRORS has bare repositories.
"""

from __future__ import annotations

import argparse
import heapq
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet import PROGRAM, is_whole

WORKERS = 2
START_S = 2.0
"""Processor time of the driver and of two workers until the first repository."""
REPOSITORY_S = 0.05
OBJECT_S = 20e-6
BYTES_PER_SECOND = 80e6
"""Bytes of objects in packs below 4 MiB, which git reads."""


@dataclass(frozen=True)
class Run:
    """The time of a scan, and that of each repository as it recorded them, in order."""

    wall: float
    cpu: float
    seconds: tuple[float, ...]
    objects: int
    bytes_read: int


def scan(folder: Path, sources: Path, jobs: int) -> Run:
    """Scan a folder of repositories into a new state."""
    state = folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [*PROGRAM, "scan", str(sources), "--state", str(state), "--jobs", str(jobs), "--quiet"]
    subprocess.run(command, capture_output=True, check=False)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    with sqlite3.connect(state / "fleet.sqlite") as connection:
        rows = connection.execute(
            "SELECT seconds, objects_read, bytes_read FROM repositories ORDER BY name"
        ).fetchall()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    seconds, objects, read = zip(*rows, strict=True)
    return Run(wall, cpu, seconds, sum(objects), sum(read))


def makespan(seconds: Iterable[float], workers: int) -> float:
    """Return when the last repository ends, if each goes to the worker that is free first."""
    free = [0.0] * workers
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def check_sizes(mirrors: list[Path], folder: Path, sizes: list[int]) -> None:
    """Compare model and simulation with real runs."""
    print("repositories   cpu  model  model/cpu    wall  simulated  simulated/wall")
    for size in sizes:
        sources = folder / f"sample-{size}"
        sources.mkdir()
        step = len(mirrors) / size
        for number in range(size):
            shutil.copytree(mirrors[int(number * step)], sources / f"{number:03}.git", copy_function=os.link)
        run = scan(folder, sources, WORKERS)
        model = START_S + REPOSITORY_S * size + OBJECT_S * run.objects + run.bytes_read / BYTES_PER_SECOND
        simulated = makespan(run.seconds, WORKERS)
        print(
            f"{size:>12} {run.cpu:5.1f} {model:6.1f} {model / run.cpu:10.2f} {run.wall:7.1f} "
            f"{simulated:10.1f} {simulated / run.wall:15.2f}",
            flush=True,
        )


def check_workers(mirror: Path, folder: Path, copies: int, rounds: int) -> None:
    """Compare workers on copies of a repository with one of them alone, in turns."""
    for count in (1, copies):
        for number in range(count):
            shutil.copytree(mirror, folder / f"copies-{count}/{number:03}.git", copy_function=os.link)
    ratios: dict[str, list[float]] = {"wall": [], "cpu": []}
    for _ in range(rounds):
        one, many = (scan(folder, folder / f"copies-{count}", WORKERS) for count in (1, copies))
        ratios["wall"].append(many.wall / (copies / WORKERS * one.wall))
        ratios["cpu"].append(many.cpu / (copies * one.cpu))
    for name, values in ratios.items():
        share = "N/W" if name == "wall" else "N"
        print(
            f"{copies} copies, {WORKERS} workers: {statistics.median(values):.2f} "
            f"({min(values):.2f}-{max(values):.2f}) of {share} x one, {name}"
        )


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(description="Check the model of a fleet.")
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--max-mib", type=int, default=5)
    parser.add_argument("--sizes", default="4,8,16,32")
    parser.add_argument("--copies", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True)
    found = (path.parent for path in chosen.mirrors.rglob("HEAD") if (path.parent / "objects/pack").is_dir())
    sizes = {path: sum(each.stat().st_size for each in path.rglob("*.pack")) for path in found}
    small = [path for path, size in sizes.items() if size <= chosen.max_mib << 20 and is_whole(path)]
    small.sort(key=lambda path: sizes[path])
    check_sizes(small, chosen.folder, [int(size) for size in chosen.sizes.split(",")])
    check_workers(small[len(small) // 2], chosen.folder, chosen.copies, chosen.rounds)


if __name__ == "__main__":
    main()
