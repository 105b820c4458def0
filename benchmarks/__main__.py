"""`make bench`: our program against git, ripgrep, kingfisher and detect-secrets, as ratios of one run."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from subprocess import CalledProcessError
from typing import TYPE_CHECKING

from benchmarks.attribution import subjects
from benchmarks.contest import Contest, Outcome, hold
from benchmarks.everyday import LIKENESSES, everyday
from benchmarks.floods import PREFIX, flood, measured
from benchmarks.grown import grow, used_cache
from benchmarks.measure import run
from benchmarks.repository import blob_lists, checkout, git_folder, reader_env
from benchmarks.synthetic import PLANTED, SCALES, history, staged, tree
from benchmarks.table import flood_row, memory_row, not_measured, render
from benchmarks.tools import ROOT, Bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from benchmarks.everyday import Likeness
    from benchmarks.tools import Tool

WORKS = ("everyday", "history", "growth", "trace", "tree", "hook", "floods")
SHORT_RUNS = 5  # a hook run takes a tenth of a second, so short work is run this many times as often


class Suite:
    """Builds each piece of work and holds its contest; what it learned is in `outcome`."""

    def __init__(self, options: argparse.Namespace) -> None:
        base: Path = options.dir.resolve()
        home = base / "home"
        home.mkdir(parents=True, exist_ok=True)
        self.scratch = base / "scratch"
        self.scratch.mkdir(exist_ok=True)
        self.bench = Bench(base, _environment(home), options.jobs)
        self.runs: int = options.runs
        self.repo: Path | None = options.repo and options.repo.resolve()
        self.scale = SCALES[options.scale]
        self.outcome = Outcome()

    def everyday(self) -> None:
        """Small repositories: files, then files and history, unseen and seen, against kingfisher."""
        for likeness in LIKENESSES:
            base, env = self.bench.base, self.bench.env
            clean, leaky = (everyday(base, likeness, env, leaky=leaky) for leaky in (False, True))
            self._remark(f"everyday: {likeness.name}: {clean.relative_to(base)}")
            ours = partial(self.bench.ours_everyday, clean, leaky)
            peers = [self.bench.kingfisher_everyday(clean, leaky, "none")]
            self._everyday("files", likeness, ours("--no-history"), peers)
            peers = [self.bench.kingfisher_everyday(clean, leaky, "full")]
            # The engine is in the user's cache in all of these, the scan cache in the last one only.
            unseen = base / "everyday-cache"
            whole = ours("--cache-dir", str(unseen))
            if whole.command is not None:
                fresh = replace(whole, command=replace(whole.command, removed=unseen))
                self._everyday("files and history, unseen", likeness, fresh, peers)
            self._everyday("files and history, seen", likeness, whole, peers)
            second = ours("--no-history", name="ours, second run")
            first = ours("--no-history", removed=base / "everyday-home")
            self._everyday("first run ever", likeness, first, [second])

    def _everyday(self, work: str, likeness: Likeness, ours: Tool, peers: list[Tool]) -> None:
        contest = Contest(f"everyday {work}", ours, peers, len(PLANTED), memory=False, variant=likeness.name)
        self._hold(contest, self.runs * SHORT_RUNS)

    def history(self) -> None:
        """The whole object store of a repository, against kingfisher and against git with grep."""
        base, env = self.bench.base, self.bench.env
        repo = self.repo or history(base, self.scale.commits, self.scale.history_bytes, env)
        reader = reader_env(repo, self.scratch, env)
        lists = blob_lists(reader, self.scratch)
        self._remark(f"history: {lists.blobs} blobs, {lists.bytes / 1e6:.0f} MB of content")
        help_text = self.bench.our_options()
        fresh = ["--no-cache"] if "--no-cache" in help_text else []
        ours = self.bench.ours(repo, "--history-only", *fresh)
        peers = [self.bench.kingfisher(git_folder(repo), "full"), self.bench.git_floor(lists, reader)]
        self._hold(Contest("history", ours, peers, self._planted()))
        if "--cache-dir" not in help_text:
            why = "this version has no cache"
            self.outcome.rows.append(not_measured("history, cache warm", "ours, no cache", why))
            return
        warm = self.bench.ours(repo, "--history-only", "--cache-dir", str(base / "keyscan-cache"))
        cold = self.bench.ours(repo, "--history-only", *fresh, name="ours, no cache")
        self._hold(Contest("history, cache warm", warm, [cold], self._planted(), memory=False))
        self._grown(repo)

    def _grown(self, repo: Path) -> None:
        """A hundred commits after a scan: what is new against everything again."""

        def scan(place: Path, cache: Path) -> None:
            tool = self.bench.ours(place, "--history-only", "--follow-alternates", "--cache-dir", str(cache))
            if tool.command is not None:
                run(tool.command, self.scratch)

        grown = grow(repo, self.bench.base, self.bench.env, scan)
        options = ("--history-only", "--follow-alternates")
        again = self.bench.ours(grown.repo, *options, "--cache-dir", used_cache(grown), before=grown)
        anew = self.bench.ours(grown.repo, *options, "--no-cache", name="ours, no cache")
        self._hold(Contest("history, 100 commits later", again, [anew], self._planted(), memory=False))

    def growth(self) -> None:
        """A history of twice the commits and bytes against half of it."""
        if self.repo:
            self.outcome.rows.append(not_measured("growth", "ours, half of it", "only with built workloads"))
            return
        base, env = self.bench.base, self.bench.env
        commits, size = self.scale.commits, self.scale.history_bytes
        fresh = ["--no-cache"] if "--no-cache" in self.bench.our_options() else []
        whole = self.bench.ours(history(base, commits, size, env), "--history-only", *fresh)
        half = self.bench.ours(
            history(base, commits // 2, size // 2, env), "--history-only", *fresh, name="ours, half of it"
        )
        self._hold(Contest("growth", whole, [half], self._planted(), memory=False))

    def trace(self) -> None:
        """Attribution of findings to commits, against `git log` for the same."""
        base, env = self.bench.base, self.bench.env
        repo = self.repo or history(base, self.scale.commits, self.scale.history_bytes, env)
        reader = reader_env(repo, self.scratch, env)
        chosen = subjects(repo, reader, blob_lists(reader, self.scratch).halves, self.scratch)
        one, every = "git log --find-object", "git log --raw"
        for work, subject in (("trace, one hit", chosen.ordinary), ("trace, a merge's", chosen.merged)):
            if subject is None:
                self.outcome.rows.append(not_measured(work, one, "no merge brought anything here"))
                continue
            oid, ids = subject
            peer = self.bench.git_log(one, chosen.tips, reader, f"--find-object={oid}")
            ours = self.bench.attribution(repo, ids)
            self._hold(Contest(work, ours, [peer], 1, frozenset({one}), memory=False))
        peer = self.bench.git_log(every, chosen.tips, reader, "--raw")
        ours = self.bench.attribution(repo, chosen.many)
        # A real repository may hold blobs that no commit has.
        planted = None if self.repo else len(chosen.many.read_text().split())
        self._hold(Contest("trace, 1000 hits", ours, [peer], planted, frozenset({every})))

    def tree(self) -> None:
        """Plain files, no git, against kingfisher and ripgrep."""
        base = self.bench.base
        if self.repo:
            place = checkout(self.repo, base, self.scratch, self.bench.env)
        else:
            place = tree(base, self.scale.files, self.scale.tree_bytes)
        files = [path for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
        self._remark(f"tree: {len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.0f} MB")
        peers = [self.bench.kingfisher(place, "none"), self.bench.ripgrep(place)]
        self._hold(Contest("tree", self.bench.ours(place, "--no-history"), peers, self._planted()))

    def hook(self) -> None:
        """The commit hook on one clean staged file; a second repository shows that each hook sees a key."""
        base, env = self.bench.base, self.bench.env
        clean, leaky = (staged(base, env, leaky=leaky) for leaky in (False, True))
        peers = [self.bench.detect_secrets(clean, leaky), self.bench.import_click()]
        contest = Contest("hook", self.bench.our_hook(clean, leaky), peers, planted=1)
        self._hold(contest, self.runs * SHORT_RUNS)

    def floods(self) -> None:
        """Every flood in this process, by processor time for a megabyte; and memory over a long one."""
        size = 100_000 if self.scale is SCALES["small"] else 1_000_000
        self.outcome.rows.append(flood_row(sorted(measured(size), reverse=True), self._remark))
        place = self.bench.base / "flood"
        place.write_bytes(flood(b"key=" + PREFIX.encode() + b"****1234\n", 20_000_000))
        tool = self.bench.ours(place, "--no-cache")
        if tool.command is not None:
            self.outcome.rows.append(
                memory_row("floods", run(tool.command, self.scratch, watch=True).python_peak(), "-")
            )

    def _planted(self) -> int | None:
        return None if self.repo else len(PLANTED)

    def _hold(self, contest: Contest, runs: int | None = None) -> None:
        outcome = hold(contest, runs or self.runs, self.scratch)
        self.outcome.rows += outcome.rows
        self.outcome.remarks += outcome.remarks
        self.outcome.failed |= outcome.failed

    def _remark(self, text: str) -> None:
        self.outcome.remarks.append(text)


def _environment(home: Path) -> dict[str, str]:
    """This environment without what the user set for Python and git, with an empty home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GIT_"))}
    return {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}


def _options(arguments: Iterable[str], environ: Mapping[str, str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"of {', '.join(WORKS)}; default: all")
    parser.add_argument("--scale", choices=SCALES, default=environ.get("BENCH_SCALE", "default"))
    parser.add_argument("--runs", type=int, default=int(environ.get("BENCH_RUNS", "3")), help="timed rounds")
    parser.add_argument("--jobs", type=int, help="for our program and kingfisher")
    parser.add_argument(
        "--repo", type=Path, default=environ.get("REPO") or None, help="a real clone (env REPO)"
    )
    parser.add_argument("--dir", type=Path, default=ROOT / ".bench", help="where workloads are kept")
    options = parser.parse_args(list(arguments))
    if unknown := set(options.works) - set(WORKS):
        parser.error(f"no such work: {', '.join(sorted(unknown))}")
    if options.scale not in SCALES or options.runs < 1:
        parser.error(f"scale must be one of {', '.join(SCALES)} and runs at least 1")
    options.repo = Path(options.repo) if options.repo else None
    return options


def main() -> int:
    """Holds the contests asked for and prints one table; 1 when a program that is there failed to run."""
    options = _options(sys.argv[1:], os.environ)
    suite = Suite(options)
    steps: dict[str, Callable[[], None]] = {name: getattr(suite, name) for name in WORKS}
    for name in options.works or WORKS:
        try:
            steps[name]()
        except (OSError, RuntimeError, CalledProcessError) as error:
            suite.outcome.remarks.append(f"{name}: cannot be prepared: {error}")
            suite.outcome.failed = True
    machine = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, {suite.runs} rounds")
    print(render(suite.outcome.rows))
    print("\n".join(suite.outcome.remarks))
    return int(suite.outcome.failed)


if __name__ == "__main__":
    raise SystemExit(main())
