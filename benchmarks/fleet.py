"""A real fleet: public repositories and forks with planted keys over smart HTTP, scanned in every way.

    python -m benchmarks.fleet MIRRORS FOLDER [--max-mib 50]

MIRRORS has bare repositories at any depth. Each engine has to give the same report, byte for byte.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.fleet.git_server import serving
from tests.keys import fake_key

PROGRAM = (sys.executable, "-m", "boltz_keyscan", "fleet")
FORKS = 9
"""Forks of each of the two largest repositories."""
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
    chosen = [path for path in found if sizes[path] <= max_bytes]
    (served / "open").mkdir(parents=True)
    names = []
    for path in chosen:
        name = "-".join(path.relative_to(mirrors).parts)
        (served / f"open/{name}.git").symlink_to(path)
        names.append(name)
    # The largest of them get forks, which share a key; one has another in a pull request only.
    shared, pulled = fake_key("admin", "live", "shared"), fake_key("ws", "live", "pulled")
    for path in sorted(chosen, key=lambda path: sizes[path])[-2:]:
        for number in range(FORKS):
            name = f"fork-{number}-of-{'-'.join(path.relative_to(mirrors).parts)}"
            shutil.copytree(path, served / f"open/{name}.git")
            if number or len(names) % 2:
                plant(served / f"open/{name}.git", "refs/heads/planted", shared)
            names.append(name)
    plant(served / f"open/{names[-1]}.git", "refs/pull/7/head", pulled)
    return names


def main() -> int:
    """Build, scan in every way, compare."""
    parser = argparse.ArgumentParser(description="Scan a real fleet in every way.")
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--max-mib", type=int, default=50)
    parser.add_argument("--one-worker", action="store_true", help="also with one worker")
    arguments = parser.parse_args()
    names = build(arguments.mirrors, arguments.folder / "served", arguments.max_mib << 20)
    with serving(arguments.folder / "served") as (base, _):
        urls = arguments.folder / "urls"
        urls.write_text("".join(f"{base}/open/{name}.git\n" for name in names))

        def run(label: str, *command: str) -> None:
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            ended = subprocess.run(
                [*PROGRAM, *command], cwd=arguments.folder, capture_output=True, text=True, check=False
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            verdict = (ended.stdout.splitlines() or [ended.stderr])[0]
            print(
                f"{label:<24} {time.monotonic() - start:7.1f} s wall {cpu:7.1f} s cpu  {verdict}", flush=True
            )

        scan = ("scan", "--repos", "urls")
        print(f"{len(names)} repositories")
        if arguments.one_worker:
            run("one worker", *scan, "--state", "one", "--jobs", "1")
        run("two workers", *scan, "--state", "two", "--jobs", "2")
        run("two workers, again", *scan, "--state", "two", "--jobs", "2")
        run("dask, three workers", *scan, "--state", "dask", "--jobs", "3", "--engine", "dask")
        for number in "123":
            run(f"shard {number} of 3", *scan, "--state", f"shard-{number}", "--shard", f"{number}/3")
        run("merge", "merge", "--state", "merged", "shard-1", "shard-2", "shard-3")
        run("status", "status", "--state", "two")
        reports = {}
        for state in ("two", "dask", "merged"):
            command = [*PROGRAM, "report", "--state", state, "--format", "json"]
            reports[state] = subprocess.run(
                command, cwd=arguments.folder, capture_output=True, check=False
            ).stdout
            (arguments.folder / f"{state}.json").write_bytes(reports[state])
    same = len(set(reports.values())) == 1
    print(f"reports of {len(reports[state]):,} bytes are {'the same' if same else 'NOT the same'}")
    return not same


if __name__ == "__main__":
    sys.exit(main())
