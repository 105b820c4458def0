"""Pushes and ranges by content: what the other side has already is not new, and old keys stop nobody."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boltz_keyscan import pipeline
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.policy import FailOn, FailPolicy
from tests.depth import examples
from tests.histories import Step, build
from tests.hooked import push
from tests.keys import fake_key, fingerprint, short_fingerprint
from tests.repos import Repo
from tests.running import ROOT, keyscan, program, scan_json

OLD, OTHER, NEW = (fake_key("ws", "live", seed) for seed in ("old", "other", "new"))


def _hook(git_dir: Path, name: str) -> None:
    path = git_dir / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec {program()} hook {name} "$@"\n', encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def server(repo: Repo, tmp_path: Path) -> Repo:
    """The bare repository that ``repo`` pushes to; a file there has a key, and its past has another."""
    bare = Repo(tmp_path / "server.git", bare=True)
    repo.run("remote", "add", "origin", str(bare.path))
    repo.leak("README", "hello\n", "first")
    repo.leak("a.env", f"A={OLD}\nB={OTHER}\n", "second")
    repo.leak("a.env", f"A={OLD}\n", "third")
    repo.run("push", "-q", "origin", "main")
    return bare


@pytest.fixture(params=["pre-push", "pre-receive"])
def gate(request: pytest.FixtureRequest, repo: Repo, server: Repo) -> str:
    """Each hook in turn."""
    name = str(request.param)
    _hook(repo.path / ".git" if name == "pre-push" else server.path, name)
    return name


@pytest.mark.usefixtures("gate")
@pytest.mark.sampled(count=1)
class TestGate:
    """What both hooks say of objects and keys that the server has."""

    def test_an_amended_message_brings_no_blob(self, repo: Repo) -> None:
        repo.run("commit", "-q", "--amend", "-m", "only the message changed")

        passed, printed = push(repo, "--force", "main")

        assert passed, printed
        assert "boltz-keyscan: no key in a push of " in printed

    def test_a_rebased_branch_brings_no_blob(self, repo: Repo) -> None:
        repo.run("checkout", "-q", "-b", "topic", "HEAD~2")
        repo.leak("b.txt", "clean\n")
        repo.run("cherry-pick", "main~1", "main")

        passed, printed = push(repo, "topic")

        assert passed, printed
        assert "boltz-keyscan: no key in a push of " in printed

    def test_a_reverted_removal_brings_no_blob(self, repo: Repo) -> None:
        repo.run("revert", "--no-edit", "HEAD")

        passed, printed = push(repo, "main")

        assert passed, printed
        assert "boltz-keyscan: no key in a push of " in printed

    def test_an_old_key_in_a_changed_file_is_told_in_two_lines(self, repo: Repo) -> None:
        repo.leak("a.env", f"more\nA={OLD}\n")

        passed, printed = push(repo, "main")

        assert passed, printed
        lines = [line.removeprefix("remote: ").strip() for line in printed.splitlines()]
        assert "boltz-keyscan: no new key in a push of 3 objects (1 commit)" in lines
        digits = short_fingerprint(OLD)
        old = (
            f"1 key was there before and does not stop this push: {digits}; boltz-keyscan . shows all places"
        )
        assert old in lines

    def test_a_key_of_the_files_past_is_old_and_of_another_file_is_new(self, repo: Repo) -> None:
        repo.leak("a.env", f"again\nB={OTHER}\n")
        passed, printed = push(repo, "main")
        assert passed, printed
        repo.leak("b.env", f"B={OTHER}\n")

        passed, printed = push(repo, "main")

        assert not passed
        assert "b.env:1 " in printed

    def test_a_rename_takes_the_keys_along(self, repo: Repo) -> None:
        repo.run("mv", "a.env", "b.env")
        repo.leak("b.env", f"moved\nA={OLD}\n")
        repo.leak("b.env", f"changed\nA={OLD}\n")
        repo.run("mv", "b.env", "c.env")
        repo.leak("c.env", f"moved again\nA={OLD}\n")
        passed, printed = push(repo, "main")
        assert passed, printed
        repo.run("mv", "c.env", "d.env")
        repo.leak("d.env", f"moved\nA={OLD}\nC={NEW}\n")

        passed, printed = push(repo, "main")

        assert not passed
        assert "d.env:3 " in printed

    def test_a_new_key_says_that_the_push_was_stopped(self, repo: Repo, gate: str) -> None:
        repo.leak("a.env", f"A={OLD}\nC={NEW}\n")

        passed, printed = push(repo, "main")

        assert not passed
        assert "there before, passes" in printed
        assert {
            "pre-push": "PUSH STOPPED. Nothing of it was sent; no key has reached the other side.",
            "pre-receive": "PUSH REFUSED. Nothing of it was stored; the server has no key of it.",
        }[gate] in printed
        assert "baseline" in printed

    def test_the_name_of_a_branch_that_is_there_is_not_new(self, repo: Repo, gate: str, server: Repo) -> None:
        name = f"b-{NEW}"
        passed, printed = push(repo, f"main:refs/heads/{name}")
        assert not passed
        server.run("branch", name, "main")
        repo.run("fetch", "-q", "origin")
        repo.leak("b.txt", "clean\n")

        passed, printed = push(repo, f"main:refs/heads/{name}")

        assert passed, (gate, printed)


def test_only_what_references_reach_is_there(repo: Repo, server: Repo) -> None:
    """Objects that merely lie in the server's store, as after a refused push, are new."""
    _hook(server.path, "pre-receive")
    commit = repo.leak("b.env", NEW)
    pack = subprocess.run(
        ["git", "pack-objects", "--revs", "--stdout", "-q"],
        cwd=repo.path,
        input=commit.encode(),
        capture_output=True,
        check=True,
    )
    subprocess.run(
        ["git", "unpack-objects", "-q"], cwd=server.path, input=pack.stdout, check=True, capture_output=True
    )
    line = f"{server.run('rev-parse', 'main')} {commit} refs/heads/main\n".encode()

    # Some servers run hooks without a quarantine.
    ran = keyscan("hook", "pre-receive", cwd=server.path, stdin=line)

    assert ran.code == 1
    assert short_fingerprint(NEW) in ran.text
    assert short_fingerprint(OLD) not in ran.text


def test_a_push_cannot_make_its_own_key_old(repo: Repo, server: Repo) -> None:
    """Two references of one push: what one brings is not there for the other."""
    _hook(server.path, "pre-receive")
    repo.leak("b.env", NEW)
    repo.run("branch", "first")
    repo.leak("b.env", f"more\n{NEW}\n")

    passed, printed = push(repo, "first", "main")

    assert not passed
    assert printed.count("b.env:") == 1
    assert server.run("for-each-ref", "--format=%(refname)") == "refs/heads/main"


class TestRange:
    """The same on the command line."""

    @pytest.mark.usefixtures("server")
    def test_a_range_reports_what_is_old(self, repo: Repo) -> None:
        repo.leak("a.env", f"more\nA={OLD}\n")

        report = scan_json("--range", "origin/main..", cwd=repo.path)

        [finding] = report["findings"]
        assert (finding["fingerprint"], finding["blocking"]) == (fingerprint(OLD), False)
        assert [(place["path"], place["old"]) for place in finding["locations"]] == [("a.env", True)]
        assert (report["scan"]["exit_code"], report["scan"]["receipt"]["old"]) == (0, 1)
        for form, text in (
            ("text", "Already there: the file had this key before the change that was scanned."),
            ("markdown", "Already there: the file had this key before the change that was scanned."),
            ("junit", "Already there: the file had this key before the change that was scanned."),
            ("github", "::notice title=Boltz workspace live key%3A high"),
            ("gitlab", "Already there: the file had this key before the change that was scanned."),
            ("sarif", '"level":"note"'),
            ("csv", ',"yes"\n'),
        ):
            ran = keyscan("--range", "origin/main..", "--format", form, cwd=repo.path)
            assert ran.code == 0
            assert text in " ".join(ran.text.split(" ")), form

    @pytest.mark.parametrize(
        "name", ["a\nb*.env", "a\nb\\.env\r", "\n", ":(glob)**", "*", "[a].env", "-- a", " a", "d/\n/e"]
    )
    def test_names_that_git_could_take_for_something_else(
        self, repo: Repo, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
        # Its wildcards match this one too.
        other = name.replace("\n", "x").replace("*", "x") + "x"
        repo.leak(other, NEW)
        repo.leak(name, OLD)
        repo.leak(name, f"more\n{OLD}\n{NEW}\n")

        report = scan_json("--range", "HEAD~..", cwd=repo.path)

        blocking = {finding["fingerprint"]: finding["blocking"] for finding in report["findings"]}
        assert blocking == {fingerprint(OLD): False, fingerprint(NEW): True}

    @pytest.mark.usefixtures("server")
    def test_a_range_without_a_common_past(self, repo: Repo) -> None:
        repo.run("checkout", "-q", "--orphan", "other")
        repo.leak("a.env", f"unrelated\nA={OLD}\nC={NEW}\n")

        report = scan_json("--range", "origin/main..", cwd=repo.path)

        blocking = {finding["fingerprint"]: finding["blocking"] for finding in report["findings"]}
        assert blocking == {fingerprint(OLD): False, fingerprint(NEW): True}

    @pytest.mark.usefixtures("server")
    def test_the_clone_lacks_old_versions(self, repo: Repo, server: Repo, tmp_path: Path) -> None:
        """What a partial clone cannot compare with counts as new."""
        server.run("config", "uploadpack.allowFilter", "true")
        options = ("--quiet", "--no-checkout", "--filter=blob:none")
        repo.run("clone", *options, f"file://{server.path}", str(tmp_path / "clone"))
        clone = Repo.there(tmp_path / "clone")
        (clone.path / "a.env").write_text(f"more\nA={OLD}\n", encoding="utf-8")
        blob = clone.run("hash-object", "-w", "a.env")
        clone.run("update-index", "--add", "--cacheinfo", f"100644,{blob},a.env")
        tree = clone.run("write-tree", "--missing-ok")
        commit = clone.run("commit-tree", "-p", "HEAD", "-m", "more", tree)
        server.path.rename(tmp_path / "out of reach")

        ran = keyscan("--range", f"HEAD..{commit}", cwd=clone.path)

        assert ran.code == 1
        assert "a.env:2 " in ran.text


TREES = st.dictionaries(
    st.sampled_from(["a", "b", "d/c"]), st.sets(st.sampled_from([OLD, OTHER, NEW])).map(frozenset), max_size=3
)
Tree = Mapping[str, frozenset[str]]
Commit = tuple[tuple[int, ...], Tree]


@st.composite
def _histories(draw: st.DrawFn) -> list[Commit]:
    """Up to six commits, each with up to two of those before it as parents."""
    made: list[Commit] = []
    for number in range(draw(st.integers(2, 6))):
        parents = draw(st.lists(st.integers(0, number - 1), max_size=2, unique=True)) if number else []
        made.append((tuple(parents), draw(TREES)))
    return made


def _text(keys: frozenset[str]) -> str:
    return "x\n" + "".join(f"{key}\n" for key in sorted(keys))


def _reached(history: list[Commit], tip: int) -> set[int]:
    return {tip}.union(*(_reached(history, parent) for parent in history[tip][0]))


def _brings(history: list[Commit], start: int, end: int) -> set[str]:
    """The keys that a range brings into a file, by going through all of it."""
    there = _reached(history, start)
    old = {(key, path) for number in there for path, keys in history[number][1].items() for key in keys}
    contents = {keys for number in there for keys in history[number][1].values()}
    found: set[str] = set()
    for number in sorted(_reached(history, end) - there):
        parents, tree = history[number]
        for parent in parents:
            before = history[parent][1]
            gone = {path: keys for path, keys in before.items() if path not in tree}
            old |= {
                (key, path)
                for source, keys in gone.items()
                for key in keys
                if (key, source) in old or keys in contents
                for path, now in tree.items()
                if key in now and now != before.get(path)
            }
    for number in _reached(history, end) - there:
        for path, keys in history[number][1].items():
            if keys not in contents:
                found |= {key for key in keys if (key, path) not in old}
    return found


@settings(max_examples=examples(40))
@given(history=_histories(), data=st.data())
def test_the_law(
    tmp_path_factory: pytest.TempPathFactory, history: list[Commit], data: st.DataObject
) -> None:
    """A range fails exactly when it brings a key into a file: neither there before nor moved."""
    start, end = (data.draw(st.integers(0, len(history) - 1)) for _ in range(2))
    folder = tmp_path_factory.mktemp("law") / "repo"
    steps = {
        f"c{number}": Step(
            [f"c{parent}" for parent in parents], {path: _text(keys) for path, keys in tree.items()}
        )
        for number, (parents, tree) in enumerate(history)
    }
    ids = build(folder, steps, {"heads/main": f"c{end}", "heads/start": f"c{start}"})
    commits = f"{ids[f'c{start}']}..{ids[f'c{end}']}"
    plan = make_plan(Options(paths=(os.fspath(folder),), fail_policy=FailPolicy(FailOn.ANY), commits=commits))

    result = pipeline.run(plan)

    assert not result.gaps
    found = {finding.fingerprint for finding in result.findings if finding.blocking}
    assert found == {fingerprint(key) for key in _brings(history, start, end)}
