"""Which commit brought a key where, and what still has it: told as the history really is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boltz_keyscan import pipeline
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.plan import Options, make_plan
from tests.depth import examples
from tests.histories import Files, History, Step, build, nested
from tests.keys import fake_key, fingerprint
from tests.repos import Repo

KEY = fake_key()

Told = set[tuple[str, str | None, str]]
"""Path, commit by its name, exposure."""


def _scan(path: Path, cache: Path | None = None) -> ScanResult:
    plan = make_plan(Options(paths=(str(path),), files=False, cache=str(cache) if cache else None, jobs=1))
    return pipeline.run(plan)


def _told(result: ScanResult, ids: Mapping[str, str], key: str = KEY) -> Told:
    names = {oid: name for name, oid in ids.items()}
    return {
        (where.path, names[where.commit] if where.commit else None, where.exposure.value)
        for finding in result.findings
        if finding.fingerprint == fingerprint(key)
        for where in finding.locations
    }


def _steps(**steps: tuple[str, Files]) -> History:
    return {name: Step(parents.split(), files) for name, (parents, files) in steps.items()}


ONE, TWO = {"a": "1"}, {"a": "2"}
HELD = {"k": KEY}

CASES: dict[str, tuple[History, dict[str, str], Told]] = {
    "an ordinary commit": (
        _steps(r=("", ONE), c=("r", HELD)),
        {"heads/main": "c"},
        {("k", "c", "tracked")},
    ),
    "the first commit of all": (_steps(c=("", HELD)), {"heads/main": "c"}, {("k", "c", "tracked")}),
    "removed": (
        _steps(r=("", ONE), c=("r", HELD), d=("c", ONE)),
        {"heads/main": "d"},
        {("k", "c", "history")},
    ),
    "left and came back": (
        _steps(r=("", ONE), c=("r", HELD), d=("c", ONE), e=("d", HELD)),
        {"heads/main": "e"},
        {("k", "c", "tracked")},
    ),
    "renamed": (
        _steps(c=("", {"old/k": KEY}), d=("c", {"new/k": KEY})),
        {"heads/main": "d"},
        {("old/k", "c", "history"), ("new/k", "d", "tracked")},
    ),
    "several paths of one blob": (
        _steps(c=("", {"x/k": KEY, "y/k": KEY}), d=("c", {"x/k": KEY, "y/k": KEY, "y/z/k": KEY})),
        {"heads/main": "d"},
        {("x/k", "c", "tracked"), ("y/k", "c", "tracked"), ("y/z/k", "d", "tracked")},
    ),
    "brought by a clean merge": (
        _steps(r=("", ONE), s=("r", {"a": "1", "k": KEY}), m=("r", TWO), z=("m s", {"a": "2", "k": KEY})),
        {"heads/main": "z"},
        {("k", "s", "tracked")},
    ),
    "brought by the first parent of a merge": (
        _steps(r=("", ONE), s=("r", {"a": "1", "k": KEY}), m=("r", TWO), z=("s m", {"a": "2", "k": KEY})),
        {"heads/main": "z"},
        {("k", "s", "tracked")},
    ),
    "born in a merge": (
        _steps(r=("", ONE), s=("r", TWO), m=("r", {"a": "3"}), z=("m s", {"a": KEY})),
        {"heads/main": "z"},
        {("a", "z", "tracked")},
    ),
    "born in a merge, later removed": (
        _steps(r=("", ONE), s=("r", TWO), m=("r", {"a": "3"}), z=("m s", {"a": KEY}), e=("z", ONE)),
        {"heads/main": "e"},
        {("a", "z", "history")},
    ),
    "born in a merge, removed in another": (
        _steps(
            r=("", ONE),
            s=("r", TWO),
            z=("r s", HELD),
            t=("r", {"a": "4"}),
            y=("z t", {"a": "5"}),
        ),
        {"heads/main": "y"},
        {("k", "z", "history")},
    ),
    "born in an octopus": (
        _steps(r=("", ONE), s=("r", TWO), t=("r", {"b": "1"}), u=("r", {"c": "1"}), z=("s t u", HELD)),
        {"heads/main": "z"},
        {("k", "z", "tracked")},
    ),
    "brought by the last parent of an octopus": (
        _steps(r=("", ONE), s=("r", TWO), t=("r", {"b": "1"}), u=("r", HELD), z=("s t u", HELD)),
        {"heads/main": "z"},
        {("k", "u", "tracked")},
    ),
    "removed in a merge": (
        _steps(r=("", ONE), s=("r", HELD), m=("r", TWO), z=("m s", {"a": "3"})),
        {"heads/main": "z"},
        {("k", "s", "history")},
    ),
    "in a commit, and at another path in a merge that HEAD still has": (
        _steps(r=("", HELD), s=("r", TWO), m=("r", ONE), z=("m s", {"copy": KEY})),
        {"heads/main": "z"},
        {("k", "r", "history"), ("copy", "z", "tracked")},
    ),
    "in a commit, and at another path in a merge, removed from there by a commit": (
        _steps(r=("", HELD), s=("r", TWO), m=("r", ONE), z=("m s", {"copy": KEY}), e=("z", ONE)),
        {"heads/main": "e"},
        {("k", "r", "history"), ("copy", "z", "history")},
    ),
    "a subtree merge, and another that takes the key out": (
        _steps(
            r=("", ONE),
            s=("", HELD),
            z=("r s", {"a": "1", "sub/k": KEY}),
            t=("s", {"k": "clean"}),
            y=("z t", {"a": "1", "sub/k": "clean"}),
        ),
        {"heads/main": "y"},
        {("k", "s", "history"), ("sub/k", "z", "history")},
    ),
    "born in a merge, taken out by another, and back in a commit": (
        _steps(
            r=("", ONE),
            s=("r", TWO),
            z=("r s", HELD),
            t=("r", {"a": "4"}),
            y=("z t", ONE),
            e=("y", HELD),
        ),
        {"heads/main": "e"},
        {("k", "z", "tracked")},
    ),
    "born in a merge, removed, and back in a commit": (
        _steps(r=("", ONE), s=("r", TWO), z=("r s", HELD), d=("z", ONE), e=("d", HELD)),
        {"heads/main": "e"},
        {("k", "z", "tracked")},
    ),
    "on another branch": (
        _steps(r=("", ONE), c=("r", HELD)),
        {"heads/main": "r", "heads/side": "c"},
        {("k", "c", "history")},
    ),
    "reached from a tag only": (
        _steps(r=("", ONE), c=("r", HELD), d=("c", ONE)),
        {"heads/main": "r", "tags/v1": "d"},
        {("k", "c", "history")},
    ),
    "dangling": (_steps(r=("", ONE), c=("r", HELD)), {"heads/main": "r"}, {("k", "c", "unreachable")}),
    "dangling on dangling": (
        _steps(r=("", ONE), c=("r", TWO), d=("c", HELD), e=("d", {"k": KEY, "l": KEY})),
        {"heads/main": "r"},
        {("k", "d", "unreachable"), ("l", "e", "unreachable")},
    ),
    "dangling without a common root": (
        _steps(r=("", ONE), c=("", HELD)),
        {"heads/main": "r"},
        {("k", "c", "unreachable")},
    ),
    "born in a dangling merge": (
        _steps(r=("", ONE), s=("r", TWO), z=("r s", HELD)),
        {"heads/main": "r"},
        {("k", "z", "unreachable")},
    ),
    "dangling, and reached elsewhere": (
        _steps(r=("", ONE), c=("r", {"x": KEY}), d=("r", HELD)),
        {"heads/main": "d"},
        {("k", "d", "tracked")},
    ),
    "under a name that begins like an option or ends like a pattern": (
        _steps(c=("", {"-k/*": KEY, ":k": KEY})),
        {"heads/main": "c"},
        {("-k/*", "c", "tracked"), (":k", "c", "tracked")},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_key_is_told_as_it_came(tmp_path: Path, case: str) -> None:
    history, refs, expected = CASES[case]
    ids = build(tmp_path / "r.git", history, refs)

    result = _scan(tmp_path / "r.git")

    assert _told(result, ids) == expected
    assert [gap.reason for gap in result.gaps if not gap.by_design] == []


KEYS = tuple(fake_key(seed=seed) for seed in ("x", "y"))


@st.composite
def _histories(draw: st.DrawFn) -> tuple[History, list[str]]:
    """Any history of a few commits over a few paths and keys, and which commits have a branch."""
    history: dict[str, Step] = {}
    contents = st.sampled_from([None, "1", "2", *KEYS])
    for number in range(draw(st.integers(2, 9))):
        parents = draw(st.lists(st.sampled_from(sorted(history)), max_size=3, unique=True)) if history else []
        before = dict(history[parents[0]].files) if parents else {}
        for path in draw(st.lists(st.sampled_from(["a", "d/a", "d/e/b"]), max_size=2)):
            if (content := draw(contents)) is None:
                before.pop(path, None)
            else:
                before[path] = content
        history[f"c{number}"] = Step(parents, before)
    branches = draw(st.lists(st.sampled_from(sorted(history)), min_size=1, max_size=3, unique=True))
    return history, branches


def _reached(history: History, tips: list[str]) -> set[str]:
    found: set[str] = set()
    todo = list(tips)
    while todo:
        if (name := todo.pop()) not in found:
            found.add(name)
            todo += history[name].parents
    return found


def _births(history: History, key: str, among: set[str]) -> dict[str, str]:
    """The first commit for each path in which a key stands and in none of its parents, said by the table."""
    found: dict[str, str] = {}
    for name, step in history.items():
        for path, content in step.files.items() if name in among else ():
            inherited = any(history[parent].files.get(path) == key for parent in step.parents)
            if content == key and not inherited:
                found.setdefault(path, name)
    return found


def _truth(history: History, branches: list[str], key: str) -> Told:
    reached, head = _reached(history, branches), branches[0]
    births = _births(history, key, reached)
    if not births:
        lost = _births(history, key, set(history) - reached)
        return {(path, name, "unreachable") for path, name in lost.items()}
    return {
        (path, name, "tracked" if history[head].files.get(path) == key else "history")
        for path, name in births.items()
    }


def _refs(branches: list[str]) -> dict[str, str]:
    return {f"heads/{'main' if at == 0 else f'b{at}'}": name for at, name in enumerate(branches)}


@settings(
    max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)
@given(made=_histories())
def test_any_history_is_told_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[History, list[str]]
) -> None:
    history, branches = made
    path = tmp_path_factory.mktemp("any") / "r.git"
    ids = build(path, history, _refs(branches))

    result = _scan(path)

    for key in KEYS:
        assert _told(result, ids, key) == _truth(history, branches, key)


@settings(
    max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)
@given(made=_histories(), cuts=st.lists(st.integers(1, 8), max_size=2))
def test_what_a_cache_remembers_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[History, list[str]], cuts: list[int]
) -> None:
    history, branches = made
    folder = tmp_path_factory.mktemp("remembered")
    path, cache = folder / "r.git", folder / "cache"
    names = list(history)
    for cut in sorted(set(cuts)):
        early = {name: history[name] for name in names[:cut]}
        tips = [name for name in branches if name in early] or names[:1]
        build(path, early, _refs(tips))
        _scan(path, cache)
    build(path, history, _refs(branches))

    remembered, anew = _scan(path, cache), _scan(path)

    assert remembered.findings == anew.findings
    assert remembered.gaps == anew.gaps


def _tagged(repo: Repo, what: str, *options: str) -> None:
    oid = repo.run("rev-parse", what)
    repo.run("tag", *options, "v1", oid)
    repo.run("reset", "--quiet", "--hard", "HEAD~1")
    repo.run("reflog", "expire", "--expire=now", "--all")


@pytest.mark.parametrize("options", [(), ("-a", "-m", "annotated")], ids=["plain", "annotated"])
@pytest.mark.parametrize(
    ("what", "path"),
    [("HEAD", "in/k.txt"), ("HEAD^{tree}", "in/k.txt"), ("HEAD:in", "k.txt"), ("HEAD:in/k.txt", "")],
)
def test_what_a_tag_names_is_published_with_it(
    repo: Repo, what: str, path: str, options: tuple[str, ...]
) -> None:
    repo.leak("a.txt", "1")
    repo.leak("in/k.txt", KEY)
    blob = repo.run("rev-parse", "HEAD:in/k.txt")
    _tagged(repo, what, *options)

    [finding] = _scan(repo.path).findings

    told = {where.path: where.exposure.value for where in finding.locations}
    assert told[path or f".git/blob/{blob}"] == "history"
    assert finding.blocking


def test_what_only_the_reflog_knows_is_unreachable(repo: Repo) -> None:
    repo.leak("a.txt", "1")
    commit = repo.leak("k.txt", KEY)
    repo.run("reset", "--quiet", "--hard", "HEAD~1")

    [finding] = _scan(repo.path).findings

    assert repo.run("reflog", "--format=%H").splitlines()[1] == commit
    assert [(w.path, w.commit, w.exposure.value) for w in finding.locations] == [
        ("k.txt", commit, "unreachable")
    ]


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(lambda text: text.replace(b"> 1 +0000", b">"), id="no dates"),
        pytest.param(lambda text: text.replace(b"> 1 ", b"> 99999999999999999999999 "), id="far dates"),
        pytest.param(lambda text: text.replace(b"> 1 ", b"> -5 "), id="before time"),
        pytest.param(lambda text: text.replace(b"A <a@x> 1 +0000", b",,\n"), id="no author"),
    ],
)
def test_a_commit_without_sane_dates_is_named_all_the_same(tmp_path: Path, spoilt: Any) -> None:
    repo = Repo(tmp_path / "r.git", bare=True)
    source = tmp_path / "k.txt"
    source.write_text(KEY)
    blob = repo.run("hash-object", "-w", str(source))
    tree = nested(repo, blob, ["k.txt"], 1)
    text = b"tree %s\nauthor A <a@x> 1 +0000\ncommitter C <c@x> 1 +0000\n\n%s\n" % (
        tree.encode(),
        fake_key(seed="message").encode(),
    )
    (tmp_path / "commit").write_bytes(spoilt(text))
    commit = repo.run("hash-object", "-w", "-t", "commit", "--literally", str(tmp_path / "commit"))
    repo.run("update-ref", "refs/heads/main", commit)

    result = _scan(repo.path)

    told = {finding.fingerprint: finding.locations[0] for finding in result.findings}
    assert told[fingerprint(KEY)].commit == commit
    assert told[fingerprint(fake_key(seed="message"))].exposure == "history"
