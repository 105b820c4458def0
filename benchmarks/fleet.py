"""A real fleet: public repositories with planted keys over smart HTTP, scanned in every way, and disturbed.

    python -m benchmarks.fleet MIRRORS FOLDER [--max-mib 50]

MIRRORS has bare repositories at any depth. Each way has to give the same report, byte for byte.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fleet.git_server import Behaviour, serving
from tests.keys import fake_key

PROGRAM = (sys.executable, "-m", "boltz_keyscan", "fleet")
SHARING = 5
"""Repositories that share a key."""
FORKS = 3
"""Forks of the largest repository."""
AUTHOR = {
    f"GIT_{role}_{name}": value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in (("NAME", "A"), ("EMAIL", "a@example.invalid"), ("DATE", "1700000000 +0000"))
}


def git(folder: Path, *arguments: str, stdin: str = "") -> str:
    """Return the output of git."""
    env = {**os.environ, **AUTHOR}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=True, env=env
    ).stdout.strip()


def plant(repository: Path, reference: str, key: str) -> None:
    """Commit a key on top of HEAD, on a reference of its own."""
    blob = git(repository, "hash-object", "-w", "--stdin", stdin=f"BOLTZ_API_KEY={key}\n")
    tree = git(repository, "mktree", stdin=f"100644 blob {blob}\tplanted.env\n")
    commit = git(repository, "commit-tree", tree, "-p", git(repository, "rev-parse", "HEAD"), "-m", "plant")
    git(repository, "update-ref", reference, commit)


def build(mirrors: Path, served: Path, max_bytes: int) -> list[str]:
    """Fill the folder of the server; the names of the repositories."""
    found = sorted(path.parent for path in mirrors.rglob("HEAD") if (path.parent / "objects/pack").is_dir())
    sizes = {path: sum(file.stat().st_size for file in path.rglob("*.pack")) for path in found}
    small = (path for path in found if sizes[path] <= max_bytes)
    chosen = sorted(filter(is_whole, small), key=lambda path: sizes[path])
    (served / "open").mkdir(parents=True)
    shared, pulled = fake_key("admin", "live", "shared"), fake_key("ws", "live", "pulled")
    names = []
    for number, path in enumerate(chosen):
        names.append("-".join(path.relative_to(mirrors).parts))
        target = served / f"open/{names[-1]}.git"
        if number <= SHARING:
            # A copy, as what was given is left as it is. One has a key in a pull request only.
            shutil.copytree(path, target)
            only_pulled = number == SHARING
            plant(target, *(("refs/pull/7/head", pulled) if only_pulled else ("refs/heads/planted", shared)))
        else:
            target.symlink_to(path)
    for number in range(FORKS):
        names.append(f"fork-{number}")
        shutil.copytree(chosen[-1], served / f"open/{names[-1]}.git")
        plant(served / f"open/{names[-1]}.git", "refs/heads/own", fake_key("ws", "test", names[-1]))
    return names


def is_whole(repository: Path) -> bool:
    """Return whether a repository has all its objects: a server cannot send another one."""
    command = ["git", "-C", str(repository), "rev-list", "--objects", "--all", "--quiet"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@dataclass
class Bench:
    """A folder for states, and the list of repositories."""

    folder: Path

    def scan(self, state: str, *more: str) -> list[str]:
        """Return the command of a scan."""
        return [*PROGRAM, "scan", "--repos", "urls", "--state", state, *more]

    def run(self, label: str, command: list[str], disturb: Callable[[int], None] | None = None) -> None:
        """Run a command, and print what it took; ``disturb`` gets its process meanwhile."""
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if disturb is not None:
            disturb(process.pid)
        out, err = process.communicate()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        verdict = (out.splitlines() or err.splitlines() or [f"exit {process.returncode}"])[0]
        print(f"{label:<32} {time.monotonic() - start:7.1f} s wall {cpu:7.1f} s cpu  {verdict}", flush=True)

    def until(self, state: str, done: int) -> None:
        """Wait until so many repositories of a state are done."""
        while self._count_done(state) < done:
            time.sleep(0.2)

    def _count_done(self, state: str) -> int:
        with contextlib.suppress(sqlite3.Error), _open(self.folder / state / "fleet.sqlite") as connection:
            query = "SELECT count(*) FROM repositories WHERE status != 'pending'"
            return int(connection.execute(query).fetchone()[0])
        return 0

    def report(self, state: str) -> bytes:
        """Return the JSON report of a state."""
        command = [*PROGRAM, "report", "--state", state, "--format", "json"]
        return subprocess.run(command, cwd=self.folder, capture_output=True, check=False).stdout


@contextlib.contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        yield connection
    finally:
        connection.close()


def workers(process: int) -> list[int]:
    """Return the processes below a driver that scan: those of this package, or of Dask."""
    below = [process]
    for each in below:
        with contextlib.suppress(OSError):
            # Each thread has its own children.
            for path in Path(f"/proc/{each}/task").glob("*/children"):
                below += map(int, path.read_text().split())
    return [each for each in below[1:] if _is_worker(each)]


def _is_worker(process: int) -> bool:
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{process}/cmdline").read_bytes()
        return b"workers.serve" in command or b"spawn_main" in command
    return False


def disturbances(bench: Bench, server: Behaviour, half: int) -> None:
    """Scan while a worker is killed, the driver is, and the server goes away; and go on each time."""

    def kill_worker(state: str, driver: int) -> None:
        bench.until(state, half)
        os.kill(workers(driver)[-1], signal.SIGKILL)

    def kill_driver(driver: int) -> None:
        bench.until("resumed", half)
        os.kill(driver, signal.SIGKILL)

    def cut(_: int) -> None:
        bench.until("cut", half)
        server.down = True

    killed, dask = bench.scan("killed", "--jobs", "2"), bench.scan("dask-killed", "--jobs", "3")
    bench.run("a worker killed", killed, lambda driver: kill_worker("killed", driver))
    dask += ["--engine", "dask"]
    bench.run("dask, a worker killed", dask, lambda driver: kill_worker("dask-killed", driver))
    resumed, again = bench.scan("resumed", "--jobs", "2"), bench.scan("cut", "--jobs", "2")
    bench.run("the driver killed", resumed, kill_driver)
    bench.run("resumed", resumed)
    bench.run("the server cut off", again, cut)
    server.down = False
    bench.run("resumed", again)


def main() -> int:
    """Build, scan in every way, compare."""
    parser = argparse.ArgumentParser(description="Scan a real fleet in every way.")
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--max-mib", type=int, default=50)
    parser.add_argument("--one-worker", action="store_true", help="also with one worker")
    arguments = parser.parse_args()
    names = build(arguments.mirrors, arguments.folder / "served", arguments.max_mib << 20)
    bench = Bench(arguments.folder)
    states = ["two", "dask", "merged", "killed", "dask-killed", "resumed", "cut"]
    with serving(arguments.folder / "served") as (base, server):
        urls = arguments.folder / "urls"
        urls.write_text("".join(f"{base}/open/{name}.git\n" for name in names))
        print(f"{len(names) - FORKS} repositories and {FORKS} forks")
        if arguments.one_worker:
            bench.run("one worker", bench.scan("one", "--jobs", "1"))
        bench.run("two workers", bench.scan("two", "--jobs", "2"))
        bench.run("two workers, again", bench.scan("two", "--jobs", "2"))
        bench.run("dask, three workers", bench.scan("dask", "--jobs", "3", "--engine", "dask"))
        shards = [f"shard-{number}" for number in (1, 2, 3)]
        for shard in shards:
            bench.run(f"{shard} of 3", bench.scan(shard, "--shard", f"{shard[-1]}/3"))
        bench.run("merge", [*PROGRAM, "merge", "--state", "merged", *shards])
        disturbances(bench, server, len(names) // 2)
        bench.run("status", [*PROGRAM, "status", "--state", "two"])
        reports = {state: bench.report(state) for state in states}
    for state, text in reports.items():
        (arguments.folder / f"{state}.json").write_bytes(text)
    same = len(set(reports.values())) == 1
    print(f"{len(reports)} reports of {len(reports['two']):,} bytes are {'' if same else 'NOT '}the same")
    return not same


if __name__ == "__main__":
    sys.exit(main())
