"""When a key left: claimed only where it is so, compared with the trees of every commit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boltz_keyscan import pipeline
from boltz_keyscan.model.finding import Finding
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.report.presence import presence
from tests.depth import examples
from tests.histories import EPOCH, Files, History, Step, build
from tests.keys import fake_key, fingerprint

KEY = fake_key()
KEYS = tuple(fake_key(seed=seed) for seed in ("x", "y"))

ONE, TWO, HELD, EDITED = {"a": "1"}, {"a": "2"}, {"k": KEY}, {"k": f"edited {KEY}"}


def _findings(path: Path, cache: Path | None = None) -> dict[str, Finding]:
    plan = make_plan(Options(paths=(str(path),), files=False, cache=str(cache) if cache else None, jobs=1))
    return {finding.fingerprint: finding for finding in pipeline.run(plan).findings}


def _steps(**steps: tuple[str, Files]) -> History:
    return {name: Step(parents.split(), files) for name, (parents, files) in steps.items()}


Row = tuple[History, Mapping[str, str], set[tuple[str, str | None, bool | None]], tuple[Any, ...]]
"""History; references; path, removing commit and presence of locations; first and last minute, presence."""

MAIN = "heads/main"

CASES: dict[str, Row] = {
    "still there": (_steps(r=("", ONE), c=("r", HELD)), {MAIN: "c"}, {("k", None, True)}, (2, None, True)),
    "file deleted": (
        _steps(c=("", HELD), d=("c", {}), e=("d", ONE)),
        {MAIN: "e"},
        {("k", "d", False)},
        (1, 2, False),
    ),
    "file edited twice, then cleaned": (
        _steps(c=("", HELD), d=("c", EDITED), e=("d", {"k": "clean"})),
        {MAIN: "e"},
        {("k", "d", False), ("k", "e", False)},
        (1, 3, False),
    ),
    "edited, and still there": (
        _steps(c=("", HELD), d=("c", EDITED)),
        {MAIN: "d"},
        {("k", "d", False), ("k", None, True)},
        (1, None, True),
    ),
    "moved": (
        _steps(c=("", HELD), d=("c", {"new/k": KEY})),
        {MAIN: "d"},
        {("k", "d", False), ("new/k", None, True)},
        (1, None, True),
    ),
    "a file that becomes a folder": (
        _steps(c=("", HELD), d=("c", {"k/a": "1"})),
        {MAIN: "d"},
        {("k", "d", False)},
        (1, 2, False),
    ),
    "removed, introduced again, removed": (
        _steps(c=("", HELD), d=("c", ONE), e=("d", HELD), f=("e", TWO)),
        {MAIN: "f"},
        {("k", "f", False)},
        (1, 4, False),
    ),
    "removed in one branch, present in another": (
        _steps(c=("", HELD), d=("c", ONE)),
        {MAIN: "d", "remotes/origin/dev": "c"},
        {("k", None, True)},
        (1, None, True),
    ),
    "removed from the branches, present in a tag": (
        _steps(c=("", HELD), d=("c", ONE)),
        {MAIN: "d", "tags/v1": "c"},
        {("k", "d", True)},
        (1, None, True),
    ),
    "in a tag only": (
        _steps(r=("", ONE), c=("r", HELD)),
        {MAIN: "r", "tags/v1": "c"},
        {("k", None, True)},
        (2, None, True),
    ),
    "in the stash only": (
        _steps(r=("", ONE), c=("r", HELD)),
        {MAIN: "r", "stash": "c"},
        {("k", None, True)},
        (2, None, True),
    ),
    "removed twice, in parallel": (
        _steps(c=("", HELD), d=("c", ONE), e=("c", TWO)),
        {MAIN: "d", "heads/side": "e"},
        {("k", "e", False)},
        (1, 3, False),
    ),
    "removed in a branch that was merged": (
        _steps(c=("", HELD), s=("c", {}), m=("c", {"a": "1", "k": KEY}), z=("m s", ONE)),
        {MAIN: "z"},
        {("k", "s", False)},
        (1, 2, False),
    ),
    "removed, and a branch with it merged later": (
        _steps(c=("", HELD), s=("c", {"b": "1", "k": KEY}), d=("c", {}), z=("d s", {"b": "1"})),
        {MAIN: "z"},
        {("k", "d", False)},
        (1, 3, False),
    ),
    "dropped by a merge against all its parents": (
        _steps(c=("", HELD), s=("c", {**HELD, "b": "1"}), m=("c", {**HELD, "a": "1"}), z=("m s", ONE)),
        {MAIN: "z"},
        {("k", "z", False)},
        (1, 4, False),
    ),
    "dropped by a merge against one of its sides": (
        _steps(r=("", ONE), s=("r", HELD), m=("r", TWO), z=("m s", TWO)),
        {MAIN: "z"},
        {("k", None, False)},
        (2, None, False),
    ),
    "merged from two versions, then cleaned": (
        _steps(
            r=("", ONE),
            s=("r", HELD),
            m=("r", EDITED),
            z=("m s", {"k": f"both {KEY}"}),
            e=("z", ONE),
        ),
        {MAIN: "e"},
        {("k", "z", False), ("k", "e", False)},
        (2, 5, False),
    ),
    "removed by a rewrite, which no commit shows": (
        _steps(r=("", ONE), c=("r", HELD), d=("r", TWO)),
        {MAIN: "d"},
        {("k", None, False)},
        (2, None, False),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_key_leaves_as_the_history_has_it(tmp_path: Path, case: str) -> None:
    history, refs, expected, whole = CASES[case]
    ids = build(tmp_path / "r.git", history, refs)
    names: dict[str | None, str] = {oid: name for name, oid in ids.items()}

    finding = _findings(tmp_path / "r.git")[fingerprint(KEY)]

    assert {(x.path, names.get(x.removed_commit), x.present) for x in finding.locations} == expected
    found = presence(finding)
    assert (*map(_minute, (found.first_seen, found.last_seen)), found.still_present) == whole


def _minute(date: str | None) -> int | None:
    """The minute at which ``build`` makes a commit, which is its number."""
    return None if date is None else (int(datetime.fromisoformat(date).timestamp()) - EPOCH) // 60


@st.composite
def _histories(draw: st.DrawFn) -> tuple[History, dict[str, str], str]:
    """A small history, linear or with clean merges or with merges of anything; its references; its kind."""
    kind = draw(st.sampled_from(["linear", "clean", "any"]))
    history: dict[str, Step] = {}
    contents = st.sampled_from([None, "1", *KEYS, *(f"edited {key}" for key in KEYS)])
    for number in range(draw(st.integers(2, 9))):
        names = list(history)
        some = st.lists(st.sampled_from(names[-4:] or [""]), max_size=2, unique=True)
        parents = names[-1:] if kind == "linear" else draw(some) if names else []
        files: dict[str, str | None] = dict(history[parents[0]].files) if parents else {}
        if kind == "clean" and len(parents) == 2:
            files = _merged(history, *parents)
        else:
            for path in draw(st.lists(st.sampled_from(["a", "d/a", "d/e/b"]), max_size=2)):
                files |= {path: draw(contents)}
        history[f"c{number}"] = Step(
            parents, {path: text for path, text in files.items() if text is not None}
        )
    tips = [list(history)[-1], *draw(st.lists(st.sampled_from(list(history)), max_size=2))]
    references = ("heads/main", *draw(st.permutations(["heads/side", "tags/v1"])))
    return history, dict(zip(references, tips, strict=False)), kind


def _merged(history: History, ours: str, theirs: str) -> dict[str, str | None]:
    """The result of a merge that takes a change of one side, and makes something new of a change of both."""
    common = [name for name in history if name in _ancestors(history, ours) & _ancestors(history, theirs)]
    base: Files = history[common[-1]].files if common else {}
    sides = history[ours].files, history[theirs].files
    merged: dict[str, str | None] = {}
    for path in {*sides[0], *sides[1]}:
        before, left, right = base.get(path), sides[0].get(path), sides[1].get(path)
        both = f"{left} {right}"
        merged[path] = left if right in {before, left} else right if left == before else both
    return merged


def _ancestors(history: History, name: str) -> set[str]:
    return {name}.union(*(_ancestors(history, parent) for parent in history[name].parents))


@dataclass
class Truth:
    """What git has: the files of each reachable commit, by ``ls-tree``."""

    parents: dict[str, list[str]]
    """Newest first."""
    trees: dict[str, dict[str, str]]
    branches: set[str]
    tips: set[str]

    @classmethod
    def of(cls, path: Path) -> Truth:
        rows = [line.split() for line in _git(path, "log", "--all", "--format=%H %P").splitlines()]
        listed = {commit: _git(path, "ls-tree", "-r", commit).splitlines() for commit, *_ in rows}
        trees = {c: {line.split("\t")[1]: line.split()[2] for line in lines} for c, lines in listed.items()}
        refs = [line.split() for line in _git(path, "for-each-ref").splitlines()]
        branches = {oid for oid, _, name in refs if "/tags/" not in name}
        return cls({commit: parents for commit, *parents in rows}, trees, branches, {oid for oid, *_ in refs})

    def have(self, commits: Iterable[str], path: str, blob: str) -> bool:
        return any(self.trees[commit].get(path) == blob for commit in commits)

    def removes(self, commit: str, path: str, blob: str) -> bool:
        before = [self.trees[parent].get(path) for parent in self.parents[commit]]
        return blob in before and self.trees[commit].get(path) not in before

    def descendants(self, commit: str) -> set[str]:
        found = {commit}
        for name, parents in reversed(self.parents.items()):
            if found & set(parents):
                found.add(name)
        return found


def _git(path: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=path, capture_output=True, check=True, text=True).stdout


@settings(
    max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)
@given(made=_histories())
def test_nothing_is_claimed_that_is_not_so(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[History, dict[str, str], str]
) -> None:
    history, refs, kind = made
    path = tmp_path_factory.mktemp("any") / "r.git"
    build(path, history, refs)
    truth = Truth.of(path)

    for finding in _findings(path).values():
        for where in finding.locations:
            place = where.path, str(where.blob)
            removing = [commit for commit in truth.parents if truth.removes(commit, *place)]
            assert where.present == truth.have(truth.tips, *place)
            if where.removed_commit is None:
                if kind == "linear" and where.commit is not None:
                    assert truth.have(truth.branches, *place) or not removing
                continue
            assert not truth.have(truth.branches, *place)
            assert where.removed_commit in removing
            if kind != "any":
                assert not truth.have(truth.descendants(where.removed_commit), *place)
            if kind == "linear":
                assert where.removed_commit == removing[0]
        found = presence(finding)
        assert found.still_present == any(where.present for where in finding.locations)
        if kind == "linear" and found.still_present is False:
            assert found.last_seen == max(str(where.removed_date) for where in finding.locations)
