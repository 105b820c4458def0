"""One key explained: why, where, what excuses it, and what to do in which order."""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from boltz_keyscan import pipeline, policy, rules
from boltz_keyscan.advice import Verb
from boltz_keyscan.model.enums import Exposure, KeyType, Mode, Situation
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.records import replace
from boltz_keyscan.report.recipe import Recipe
from boltz_keyscan.report.remediation import instructions
from tests import docstages
from tests.docstages import PAST
from tests.keys import fake_key, fingerprint, short_fingerprint
from tests.report.samples import finding, location, past
from tests.repos import Repo
from tests.running import Ran, keyscan, scan_json

KEY = fake_key("ws", "live", "explained")
ADMIN = fake_key("admin", "live", "explained")


def explain(repo: Repo, key: str, *arguments: str, code: int = 0) -> str:
    ran = keyscan("explain", fingerprint(key), *arguments, cwd=repo.path)
    assert ran.code == code, ran.text + ran.errors
    for each in (KEY, ADMIN, PAST):
        assert each not in ran.text + ran.errors
    return ran.text


AMEND = "git commit --amend --no-edit --allow-empty"
ENDING = [
    "git -c gc.reflogExpire=now -c gc.reflogExpireUnreachable=now gc --prune=now",
    "boltz-keyscan .",
]


NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [
        {
            "cell_type": "code",
            "id": "a",
            "execution_count": 1,
            "metadata": {},
            "source": ["print(key)\n"],
            "outputs": [{"name": "stdout", "output_type": "stream", "text": [f"{KEY}\n", f"again {KEY}\n"]}],
        }
    ],
}


def commands(text: str) -> list[str]:
    """The commands of the steps, in order, without those of another way."""
    found, other = [], False
    for line in text.partition("What to do")[2].splitlines():
        other = (other or line.startswith("     Or, ")) and line.startswith(("       ", "     Or, "))
        if line.startswith("       ") and not other:
            found.append(line.strip())
    return found


def other_commands(text: str) -> list[str]:
    """The commands of another way, in order."""
    found, other = [], False
    for line in text.partition("What to do")[2].splitlines():
        other = (other or line.startswith("     Or, ")) and line.startswith(("       ", "     Or, "))
        if other and line.startswith("       ") and not line.startswith("       # "):
            found.append(line.strip())
    return found


def test_a_staged_key(repo: Repo) -> None:
    repo.commit("first")
    repo.add("a b.py", KEY)
    assert commands(explain(repo, KEY)) == ["git restore --staged -- 'a b.py'", *ENDING]


def test_the_commands_leave_stashes_alone(repo: Repo) -> None:
    repo.leak("kept.txt", "one\n")
    for number in range(2):
        repo.write("kept.txt", f"{number}\n")
        repo.run("stash", "push", "--quiet")
    repo.add("a.py", KEY)
    for command in commands(explain(repo, KEY))[:-1]:
        subprocess.run(shlex.split(command), cwd=repo.path, check=True, capture_output=True)
    assert len(repo.run("stash", "list").splitlines()) == 2


def test_a_staged_key_before_the_first_commit(repo: Repo) -> None:
    repo.add("a.py", KEY)
    assert commands(explain(repo, KEY))[0] == "git rm --cached -- a.py"


def test_a_key_whose_commit_is_not_known_counts_as_pushed(repo: Repo) -> None:
    repo.leak("a b.py", KEY)
    plan = make_plan(Options((str(repo.path),), history=False, jobs=1))
    [finding] = pipeline.run(plan).findings
    [rule] = (rule for rule in rules.load() if rule.id == finding.rule_id)
    assert policy.pushed(finding) is None
    found = [command for each in instructions(Recipe(finding, rule)) for command in each.commands]
    assert [command for command in found if command.startswith("git filter-repo")]
    assert not [command for command in found if "rebase" in command]


def test_an_older_stash_counts_as_the_newest(repo: Repo) -> None:
    """Until it is dropped, though the references of the clone stay the same."""
    _stashed(repo)
    found = keyscan(repo.path, "--format", "json")
    [finding] = found.report["findings"]
    assert (found.code, finding["situation"], finding["exposure"]) == (1, "committed", "history")
    assert finding["still_present"] is True
    repo.run("stash", "drop", "--quiet", "stash@{1}")
    found = keyscan(repo.path, "--format", "json")
    assert (found.code, found.report["findings"][0]["situation"]) == (0, "unreachable")


# Recipes, run as they are printed.


def _head(repo: Repo) -> None:
    repo.leak("a.py", f"a = 1\nK = '{KEY}'\n")


def _only_the_key(repo: Repo) -> None:
    repo.leak("key.txt", KEY)


def _earlier(repo: Repo) -> None:
    repo.leak("a.py", f"a = 1\nK = '{KEY}'\n")
    repo.leak("b.py", "b = 1\n")


def _twice(repo: Repo) -> None:
    repo.leak("a.py", f"a = 1\nK = '{KEY}'\n")
    repo.leak("b.py", f"b = 1\nL = '{KEY}'\n")
    repo.leak("c.py", "c = 1\n")


def _deleted(repo: Repo) -> None:
    _only_the_key(repo)
    repo.run("rm", "--quiet", "key.txt")
    repo.commit("remove it")


def _cleaned(repo: Repo) -> None:
    repo.leak("a.py", f"a = 1\nK = '{KEY}'\n")
    repo.leak("a.py", "a = 1\nK = 2\n")


def _two_branches(repo: Repo) -> None:
    _head(repo)
    repo.run("branch", "other")
    repo.leak("c.py", "c = 1\n")


def _two_branches_and_a_tag_at_the_leak(repo: Repo) -> None:
    _head(repo)
    repo.run("branch", "other")
    repo.run("tag", "v1")


def _detached(repo: Repo) -> None:
    _head(repo)
    repo.run("checkout", "--quiet", "--detach")


def _deleted_from_files_and_index(repo: Repo) -> None:
    repo.write("b.py", f"b = 1\nL = '{KEY}'\n")
    repo.run("add", "b.py")
    _head(repo)
    repo.run("rm", "--quiet", "a.py")


def _another_branch(repo: Repo) -> None:
    repo.leak("first.txt", "1\n")
    repo.run("checkout", "--quiet", "-b", "fold")
    _head(repo)
    repo.run("checkout", "--quiet", "main")


def _another_worktree(repo: Repo) -> None:
    repo.leak("first.txt", "1\n")
    repo.run("worktree", "add", "--quiet", "-b", "fold", "../a worktree")
    _earlier(Repo(repo.path.parent / "a worktree"))


def _another_worktree_detached(repo: Repo) -> None:
    _another_worktree(repo)
    other = Repo(repo.path.parent / "a worktree")
    other.run("checkout", "--quiet", "--detach")
    other.run("branch", "--quiet", "--delete", "--force", "fold")


def _detached_worktree_of_a_branch(repo: Repo) -> None:
    _earlier(repo)
    repo.run("worktree", "add", "--quiet", "--detach", "../a worktree")


def _staged_again(repo: Repo) -> None:
    _deleted(repo)
    repo.write("key.txt", KEY)
    repo.run("add", "key.txt")


def _notebook(repo: Repo) -> None:
    repo.leak("a.ipynb", json.dumps(NOTEBOOK))


def _gone_from_disk(repo: Repo) -> None:
    _head(repo)
    (repo.path / "a.py").unlink()


def _kept_in_an_environment_file(repo: Repo) -> None:
    _head(repo)
    repo.write(".gitignore", ".env\n")
    repo.write(".env", f"BOLTZ_API_KEY={KEY}\n")


def _staged(repo: Repo) -> None:
    repo.add("a.py", f"K = '{KEY}'\n")


def _untracked(repo: Repo) -> None:
    repo.write("job.log", KEY)
    repo.write(".env", f"BOLTZ_API_KEY={KEY}\n")


def _stashed(repo: Repo) -> None:
    repo.leak("b.py", "b = 1\n")
    for text in (f"K = '{KEY}'\n", "b = 2\n"):
        repo.write("b.py", text)
        repo.run("stash", "push", "--quiet")


def _stashed_on_a_leak(repo: Repo) -> None:
    _earlier(repo)
    repo.write("b.py", "b = 3\n")
    repo.run("stash", "push", "--quiet")


def _stashed_on_an_amended_leak(repo: Repo) -> None:
    _earlier(repo)
    for text in ("b = 3\n", "b = 4\n"):
        repo.write("b.py", text)
        repo.run("stash", "push", "--quiet")
    repo.run("checkout", "--quiet", "--orphan", "clean")
    repo.leak("a.py", "a = 1\n")
    repo.run("branch", "--quiet", "--move", "--force", "clean", "main")


def _unreachable(repo: Repo) -> None:
    repo.add("a.py", f"K = '{KEY}'\n")
    repo.add("a.py", "K = 1\n")


LOCAL = (
    _head,
    _only_the_key,
    _earlier,
    _twice,
    _deleted,
    _cleaned,
    _two_branches,
    _two_branches_and_a_tag_at_the_leak,
    _detached,
    _deleted_from_files_and_index,
    _another_branch,
    _another_worktree,
    _another_worktree_detached,
    _detached_worktree_of_a_branch,
    _staged_again,
    _notebook,
    _gone_from_disk,
    _kept_in_an_environment_file,
    _staged,
    _untracked,
    _stashed,
    _stashed_on_a_leak,
    _stashed_on_an_amended_leak,
    _unreachable,
)


VERBS = {
    _head: (Situation.COMMITTED, {Verb.TAKE_OUT}),
    _deleted: (Situation.COMMITTED, {Verb.REWRITE}),
    _notebook: (Situation.COMMITTED, {Verb.CLEAR}),
    _gone_from_disk: (Situation.COMMITTED, {Verb.COMMIT}),
    _kept_in_an_environment_file: (Situation.COMMITTED, {Verb.TAKE_OUT, Verb.KEEP}),
    _stashed: (Situation.COMMITTED, {Verb.DROP}),
    _untracked: (Situation.NOT_COMMITTED, {Verb.DELETE, Verb.IGNORE}),
    _unreachable: (Situation.UNREACHABLE, {Verb.EXPIRE}),
}
"""Situations and verbs whose commands are run by the table; the others have a test of their own."""


def verbs_of(folder: Path) -> set[Verb]:
    """The verbs of the report."""
    words = "|".join(Verb)
    return {Verb(each) for each in re.findall(rf"^  ({words}) ", keyscan(folder).text, re.MULTILINE)}


def test_the_commands_of_every_situation_and_verb_are_run() -> None:
    """Nothing is to be done about a key that no longer works."""
    situations = {kind for kind, _ in VERBS.values()} | {Situation.PUSHED, Situation.IN_PLACE}
    assert situations == set(Situation) - {Situation.DEAD}
    assert {verb for _, verbs in VERBS.values() for verb in verbs} == set(Verb) - {Verb.PROTECT, Verb.REPLACE}
    assert set(VERBS) <= set(LOCAL)


def steps_of(text: str) -> list[list[str]]:
    """The steps: the text, then its commands."""
    found: list[list[str]] = []
    for words in re.split(r"^  \d+\. ", text.partition("What to do")[2], flags=re.MULTILINE)[1:]:
        sentence = " ".join(line.strip() for line in words.splitlines() if not line.startswith("       "))
        found.append([sentence, *commands(f"What to do\n{words}")])
    return found


def follow(at: docstages.Place, text: str, key: str) -> None:
    """Do what the steps say."""
    for sentence, *lines in steps_of(text):
        if "ake it out of" in sentence or "take the key out of" in sentence:
            for path in at.here.glob("*.*"):
                if path.is_file() and path.name in sentence:
                    path.write_text(path.read_text().replace(key, "REMOVED"))
        for command in lines:
            if command.startswith("cd "):
                at.here = (at.here / shlex.split(command)[1]).resolve()
                continue
            # nbconvert is not installed here; this is the way that is printed below it.
            done = at.run(command.replace("jupyter nbconvert --clear-output --inplace", "nbstripout"))
            while "CONFLICT" in done.stdout:
                done = at.run("git rm -q key.txt && git -c core.editor=true rebase --continue")
            assert done.returncode == 0 or command == "boltz-keyscan .", (command, done.stdout, done.stderr)
            if command == "boltz-keyscan .":
                assert done.returncode == 0, (done.stdout, done.stderr)


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize("situation", LOCAL, ids=lambda situation: situation.__name__.strip("_"))
@pytest.mark.sampled
def test_the_recipe_ends_without_the_key(
    tmp_path: Path, situation: Callable[[Repo], None], *, root: bool
) -> None:
    """Everything that is printed for a key that is not pushed, as it is printed."""
    with docstages.empty(tmp_path) as at:
        repo = Repo(at.here)
        if not root:
            repo.leak("first.py", "first = 1\n")
        situation(repo)
        if situation in VERBS:
            assert (situations(repo)[0][0], verbs_of(at.here)) == VERBS[situation]
        text = explain(repo, KEY)
        assert ("Verdict    fails a run" in text) == (situation is not _unreachable)
        assert commands(text)[-1] == "boltz-keyscan ."
        follow(at, text, KEY)
        assert at.run("git rebase --show-current-patch").returncode != 0
        end = keyscan(at.here.parent, "--fail-on", "any", "--no-cache")
    assert end.code == 0, end.text


def test_where_it_belongs_nothing_is_to_be_done(tmp_path: Path) -> None:
    with docstages.empty(tmp_path) as at:
        repo = Repo(at.here)
        repo.leak(".gitignore", ".env\n")
        (at.here / ".env").write_text(f"BOLTZ_API_KEY={KEY}\n")
        (at.here / ".env").chmod(0o600)
        text = explain(repo, KEY)
        assert "Situation  where it belongs" in text
        assert commands(text) == ["boltz-keyscan keys audit --local"]
        assert at.run(commands(text)[0]).returncode == 0
        assert keyscan(at.here).code == 0


def test_an_environment_file_outside_git_is_protected(tmp_path: Path) -> None:
    with docstages.empty(tmp_path) as at:
        (at.here / "my .env").mkdir()
        file = at.here / "my .env" / ".env"
        file.write_text(f"BOLTZ_API_KEY={KEY}\n")
        file.chmod(0o644)
        assert verbs_of(at.here) == {Verb.PROTECT}
        text = keyscan("explain", fingerprint(KEY), cwd=at.here).text
        assert commands(text)[0].startswith("chmod 600 ")
        follow(at, text, KEY)
        assert file.read_text() == f"BOLTZ_API_KEY={KEY}\n"


def test_the_other_way_without_git_filter_repo(tmp_path: Path) -> None:
    with docstages.empty(tmp_path) as at:
        repo = Repo(at.here)
        repo.leak("first.py", "first = 1\n")
        leaked = repo.leak("a.py", f"a = 1\nK = '{KEY}'\n")
        _ = repo.leak("a.py", "a = 1\nK = 2\n")
        text = explain(repo, KEY)
        assert f"--refs '{leaked[:7]}^..main'" in commands(text)[1]
        rebase, *rest = other_commands(text)
        assert rebase == (
            f"GIT_SEQUENCE_EDITOR=\"sed -i.bak -e 's/^p[ick]* {leaked[:7]}/edit {leaked[:7]}/'\" "
            f"git rebase --interactive {leaked[:7]}^"
        )
        assert at.run(rebase).returncode == 0
        (at.here / "a.py").write_text("a = 1\nK = 0\n")
        for command in rest:
            done = at.run(command)
            if "CONFLICT" in done.stdout:
                # As foretold: the change of the later commit is kept.
                (at.here / "a.py").write_text("a = 1\nK = 2\n")
                done = at.run("git add a.py && git -c core.editor=true rebase --continue")
            assert done.returncode == 0, (command, done.stdout, done.stderr)
        for command in ENDING:
            done = at.run(command)
            assert done.returncode == 0, (command, done.stdout, done.stderr)


@pytest.mark.parametrize("coded", [False, True])
def test_the_recipe_for_a_pushed_key_cleans_its_history(tmp_path: Path, *, coded: bool) -> None:
    """Everything that is printed after the revocation, as it is printed, by git filter-repo."""
    with docstages.incident(tmp_path) as at:
        repo = Repo(at.here)
        # It stays in the old clone, with the new key.
        repo.write(".gitignore", ".env\n")
        repo.write(".env", f"BOLTZ_API_KEY={PAST}\n")
        assert Verb.REPLACE in verbs_of(at.here)
        if coded:
            repo.leak("secret.txt", base64.b64encode(f"api_key: {PAST}\n".encode()))
            repo.run("push", "--quiet", "origin", "main")
        text = explain(repo, PAST)
        assert "Situation  PUSHED to origin/main" in text
        for path in (at.here / "predict.ipynb", at.here / "secret.txt"):
            if path.exists():
                path.write_text(
                    path.read_text().replace(PAST, "REMOVED") if path.suffix == ".ipynb" else "x\n"
                )
        lines = [
            line
            for _, *found in steps_of(text)
            for line in found
            if "revoke" not in line and "--verify" not in line and "usage" not in line
        ]
        for command in lines:
            if command.startswith("cd "):
                at.here = (at.here / command.removeprefix("cd ")).resolve()
                continue
            done = at.run(command)
            assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert lines[-1] == "boltz-keyscan ."
        assert lines.index("git push --force --all") > lines.index("boltz-keyscan .")
    assert keyscan(tmp_path / "origin.git", "--history-only", "--fail-on", "any", "--no-cache").code == 0
    assert (at.here / "predict.ipynb").is_file()
    assert (at.here / "secret.txt").exists() is False


def test_the_commands_that_ask_the_api_work_as_printed(tmp_path: Path) -> None:
    """Those before the clean-up, but for the question that the revocation asks on a terminal."""
    with docstages.incident(tmp_path) as at:
        online = commands(explain(Repo(at.here), PAST))[:3]
        assert online == [
            "boltz-keyscan . --verify --report json=scan.json",
            "boltz-keyscan keys revoke --from-report scan.json --execute",
            "boltz-keyscan keys usage --from-report scan.json",
        ]
        codes = [at.run(line.removesuffix(" --execute")).returncode for line in online]
    assert codes == [1, 0, 0]
    assert "ws_2" in at.ran[-1].stdout


def test_a_clone_follows_a_history_that_was_rewritten(tmp_path: Path) -> None:
    """A reflog shows that the key was pushed; the steps bring the clone to the clean history."""
    with docstages.empty(tmp_path) as at:
        repo, origin = Repo(at.here), tmp_path / "origin.git"
        clean = repo.leak("first.py", "first = 1\n")
        repo.run("init", "--quiet", "--bare", str(origin))
        repo.run("remote", "add", "origin", str(origin))
        repo.leak("a.py", f"K = '{KEY}'\n")
        repo.run("branch", "fold")
        repo.run("push", "--quiet", "origin", "main", "fold")
        # Somebody else rewrites main, and deletes the other branch.
        for refspec in (f"+{clean}:refs/heads/main", ":refs/heads/fold"):
            subprocess.run(
                ["git", "push", "--quiet", str(origin), refspec],
                cwd=repo.path,
                check=True,
                capture_output=True,
            )
        repo.run("fetch", "--quiet", "--prune")
        assert situations(repo) == [("pushed", True)]
        assert "1 workspace key leaked; it is PUSHED" in keyscan(".", cwd=repo.path).text
        text = explain(repo, KEY)
        online = ("revoke", "--verify", "usage")
        lines = [line for line in commands(text) if not any(word in line for word in online)]
        assert lines == [
            "git fetch --prune",
            "git branch --delete --force fold",
            "git reset --hard origin/main",
            "git fetch --tags",
            *ENDING,
        ]
        for line in lines:
            done = at.run(line)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
        # Without the reflog nothing is known of a branch whose remote branch is gone.
        repo.leak("a.py", f"K = '{KEY}'\n")
        assert situations(repo) == [("committed", False)]
        repo.run("config", "branch.main.remote", "origin")
        repo.run("config", "branch.main.merge", "refs/heads/gone")
        assert situations(repo) == [("pushed", None)]


def test_each_way_to_clear_a_notebook(tmp_path: Path) -> None:
    """The key is in two lines of an output; nbconvert is not installed here."""
    with docstages.empty(tmp_path) as at:
        repo = Repo(at.here)
        repo.leak("first.py", "first = 1\n")
        raw = json.dumps(NOTEBOOK)
        repo.write("a b.ipynb", raw)
        place = r"^  clear +a b\.ipynb   cell 1, output \[1\], line \d+ and 1 more place "
        assert re.search(place, keyscan(cwd=repo.path).text, re.MULTILINE)
        text = explain(repo, KEY)
        assert "jupyter nbconvert --clear-output --inplace 'a b.ipynb'" in commands(text)
        nbstripout, python = other_commands(text)
        for command in (nbstripout, python):
            (at.here / "a b.ipynb").write_text(raw)
            done = at.run(command)
            assert done.returncode == 0, (command, done.stderr)
            cell = json.loads((at.here / "a b.ipynb").read_text())["cells"][0]
            assert (cell["outputs"], cell["source"]) == ([], ["print(key)\n"])
            assert keyscan(cwd=repo.path).code == 0


def test_several_keys_in_one_run(repo: Repo) -> None:
    repo.leak("a.py", f"K = '{KEY}'\n")
    repo.write("job.log", ADMIN)
    both = keyscan("explain", fingerprint(KEY)[:12], fingerprint(ADMIN)[4:14], ".", cwd=repo.path)
    assert (both.code, both.text) == (0, f"{explain(repo, KEY)}\n{explain(repo, ADMIN)}")
    ran = keyscan("explain", fingerprint(KEY), "--replace-text", "out", cwd=repo.path)
    line = "out: expressions that remove every Boltz workspace live key; no key is in it.\n"
    assert (ran.code, ran.text) == (0, line)


def test_no_file_or_folder_of_the_reader_is_taken(repo: Repo) -> None:
    repo.leak("a.py", f"K = '{KEY}'\n")
    own = repo.path / "own.txt"
    own.write_text("literal:mine==>yours\n")
    assert (
        "own.txt exists, and has something else"
        in fails(repo, fingerprint(KEY), "--replace-text", "own.txt").errors
    )
    assert own.read_text() == "literal:mine==>yours\n"
    for _ in range(2):
        assert "no key is in it" in explain(repo, KEY, "--replace-text", "new.txt")
    repo.run("update-ref", "refs/remotes/origin/main", "HEAD")
    name = f"../{repo.path.name}-clean"
    assert f"cd {name}" in commands(explain(repo, KEY))
    (repo.path.parent / f"{repo.path.name}-clean").mkdir()
    assert f"cd {name}-2" in commands(explain(repo, KEY))


# Keys by the beginning of their fingerprint.


def test_keys_are_listed_and_named_by_a_prefix(repo: Repo) -> None:
    repo.leak("a.py", f"K = '{KEY}'\n")
    repo.write("logs/b.log", ADMIN)
    listed = keyscan("explain", cwd=repo.path)
    assert (listed.code, listed.text.splitlines()) == (
        0,
        [
            f"CRITICAL  admin live      {short_fingerprint(ADMIN)}  not committed",
            "    logs/b.log:1",
            f"HIGH      workspace live  {short_fingerprint(KEY)}  committed, not pushed",
            "    a.py:1",
            "",
            f"boltz-keyscan explain {short_fingerprint(ADMIN)}     commands, step by step",
        ],
    )
    below = keyscan("explain", "logs", cwd=repo.path).text
    assert short_fingerprint(KEY) not in below
    assert below.endswith(f"boltz-keyscan explain {short_fingerprint(ADMIN)}     commands, step by step\n")
    for name in (fingerprint(KEY)[:8], fingerprint(KEY)[4:12], fingerprint(KEY)):
        assert keyscan("explain", name, cwd=repo.path).text == explain(repo, KEY)


def test_a_path_that_only_history_has(repo: Repo) -> None:
    repo.leak("old/a b.py", KEY)
    repo.leak("old/b.py", ADMIN)
    repo.leak("c.py", fake_key("ws", "live", "elsewhere"))
    repo.run("rm", "--quiet", "-r", "old")
    repo.commit("gone")
    (repo.path / "sub").mkdir()
    for folder, path, keys in (
        (repo.path, "old/a b.py", {KEY}),
        (repo.path, "old/", {KEY, ADMIN}),
        (repo.path / "sub", "../old/b.py", {ADMIN}),
        (repo.path.parent, f"{repo.path.name}/old/b.py", {ADMIN}),
    ):
        ran = keyscan("explain", path, cwd=folder)
        assert ran.code == 0, ran.errors
        names = {line.split()[3] for line in ran.text.splitlines() if "only in history" in line}
        assert names == {short_fingerprint(key) for key in keys}
    ran = keyscan("explain", fingerprint(KEY), "old/a b.py", cwd=repo.path)
    assert f"{short_fingerprint(KEY)}" in ran.text
    assert "was not found" in fails(repo, fingerprint(KEY), "old/b.py").errors
    # A name that begins alike is no folder above it.
    for mistyped in ("ol", "old/a", "old/b.py/c"):
        error = f"no such file or folder: {mistyped}; no key was at that path in git's history either"
        assert error in fails(repo, mistyped).errors
    assert "no such file or folder: ol; " in fails(repo, "c.py", "ol").errors
    # Beside a path that exists.
    ran = keyscan("explain", "c.py", "old/b.py", cwd=repo.path)
    assert (ran.code, short_fingerprint(ADMIN) in ran.text, short_fingerprint(KEY) in ran.text) == (
        0,
        True,
        False,
    )
    assert " and 1 more path" not in ran.text


def test_below_the_root_the_whole_repository_is_explained(repo: Repo) -> None:
    """History has the commits to rewrite, and the commands are for the root."""
    repo.leak("first.py", "first = 1\n")
    repo.leak("sub/old.py", ADMIN)
    repo.leak("sub/old.py", "a = 1\n")
    repo.leak("b.py", KEY)
    sub = repo.path / "sub"
    assert short_fingerprint(KEY) in keyscan("explain", cwd=sub).text
    for folder, path in (
        (sub, "."),
        (sub, "old.py"),
        (repo.path, "sub"),
        (repo.path.parent, f"{repo.path.name}/sub"),
    ):
        ran = keyscan("explain", path, cwd=folder)
        assert (short_fingerprint(ADMIN) in ran.text, short_fingerprint(KEY) in ran.text) == (True, False)
        assert "only in history, not pushed" in ran.text
    # A scan of the folder says what it leaves out.
    ran = keyscan(".", cwd=sub)
    assert (
        ran.code,
        "its files are scanned, the history is not; 'boltz-keyscan ..' scans both" in ran.errors,
    ) == (0, True)
    for line in (". --no-history", ". -q", "..", "old.py"):
        assert keyscan(*line.split(), cwd=sub).errors == ""
    here = explain(repo, KEY)
    for folder, arguments, enter in ((sub, (), ".."), (repo.path.parent, (repo.path.name,), repo.path.name)):
        ran = keyscan("explain", fingerprint(KEY), *arguments, cwd=folder)
        assert commands(ran.text) == [f"cd {enter}", *commands(here)]


def _nested(at: docstages.Place) -> Repo:
    repo = Repo(at.here)
    repo.leak("first.py", "first = 1\n")
    inner = Repo(at.here / "vendor/a dep")
    inner.leak("first.py", "second = 1\n")
    return inner


def _in_a_clone(at: docstages.Place) -> None:
    _nested(at).leak("b.py", f"K = '{KEY}'\n")


def _in_a_submodule(at: docstages.Place) -> None:
    repo, dependency = Repo(at.here), Repo(at.here.parent / "dependency.git", bare=True)
    repo.leak("first.py", "first = 1\n")
    seed = Repo(at.here.parent / "seed")
    seed.leak("first.py", "second = 1\n")
    seed.run("push", "--quiet", str(dependency.path), "main")
    add = ("submodule", "--quiet", "add", str(dependency.path), "vendor/dep")
    repo.run("-c", "protocol.file.allow=always", *add)
    repo.commit("submodule")
    for name, value in (("user.name", "A"), ("user.email", "a@example.org")):
        repo.run("-C", "vendor/dep", "config", name, value)
    (at.here / "vendor/dep/b.py").write_text(f"K = '{KEY}'\n")
    repo.run("-C", "vendor/dep", "add", ".")
    repo.run("-C", "vendor/dep", "commit", "--quiet", "-m", "leak")


def _in_both(at: docstages.Place) -> None:
    inner = _nested(at)
    inner.leak("b.py", f"K = '{KEY}'\n")
    (at.here / "b.py").write_text(f"K = '{KEY}'\n")


def _in_a_folder_outside_git(at: docstages.Place) -> None:
    _nested(at)
    repo = Repo(at.here / "vendor/other")
    repo.leak("first.py", "first = 1\n")
    repo.leak("b.py", f"K = '{KEY}'\n")
    repo.leak("c.py", "c = 1\n")
    at.here = at.here / "vendor"


def _below_a_file_of_the_outer_history(at: docstages.Place) -> None:
    """The outer repository had the file before there was a repository."""
    repo = Repo(at.here)
    repo.leak("first.py", "first = 1\n")
    repo.leak("vendor/dep/b.py", f"K = '{KEY}'\n")
    repo.run("rm", "--quiet", "-r", "vendor")
    repo.commit("gone")
    Repo(at.here / "vendor/dep").leak("first.py", "second = 1\n")


@pytest.mark.parametrize(
    ("situation", "folders"),
    [
        (_in_a_clone, ["vendor/a dep"]),
        (_in_a_submodule, ["vendor/dep"]),
        (_in_both, ["vendor/a dep", "."]),
        (_in_a_folder_outside_git, ["other"]),
        (_below_a_file_of_the_outer_history, []),
    ],
    ids=lambda value: getattr(value, "__name__", "").strip("_") or None,
)
def test_a_key_in_a_nested_repository(
    tmp_path: Path, situation: Callable[[docstages.Place], None], folders: list[str]
) -> None:
    """The commands are for the repository that has the key."""
    with docstages.empty(tmp_path) as at:
        situation(at)
        top = at.here
        ran = keyscan("explain", fingerprint(KEY), cwd=top)
        assert ran.code == 0, ran.errors
        names = [folder if len(folders) == 1 else str(top / folder) for folder in folders]
        assert [line for line in commands(ran.text) if line.startswith("cd ")] == [
            f"cd {shlex.quote(name)}" for name in names
        ]
        assert len(re.findall("Replace and revoke it if anything", ran.text)) == 1
        if folders:
            assert f"Go to the root of the repository {folders[0]}, which has it." in ran.text
        follow(at, ran.text, KEY)
        end = keyscan(top, "--fail-on", "any", "--no-cache")
    assert end.code == 0, end.text
    assert (top / (folders[0] if folders else ".") / "first.py").is_file()


def test_a_repository_that_a_link_leads_to_is_left_alone(repo: Repo, tmp_path: Path) -> None:
    """A path of the history names it; it is not part of what was scanned."""
    other = Repo(tmp_path / "other")
    other.leak("a.py", "a = 1\n")
    repo.leak("vendor/a.py", f"K = '{KEY}'\n")
    repo.run("rm", "--quiet", "-r", "vendor")
    repo.commit("gone")
    (repo.path / "vendor").symlink_to(other.path)
    text = explain(repo, KEY)
    assert not [line for line in commands(text) if line.startswith("cd ")]
    assert str(other.path) not in text


def test_the_deletion_of_a_file_is_to_be_committed(repo: Repo, tmp_path: Path) -> None:
    repo.leak("a.py", "a = 1\n")
    commit = repo.leak("b.py", f"K = '{KEY}'\n")
    repo.leak("c.py", "c = 1\n")
    (repo.path / "b.py").unlink()
    line = f"commit b.py:1 ({commit[:7]}); its deletion: the file is gone from disk"
    for arguments in ((), ("--history-only",)):
        assert line in " ".join(keyscan(".", *arguments, cwd=repo.path).text.split())
    repo.run("rm", "--quiet", "b.py")
    assert line in " ".join(keyscan(".", cwd=repo.path).text.split())
    # The commit has the file, so the rebase stops where it is on disk.
    assert "take the key out of b.py line 1" in explain(repo, KEY)
    repo.run("init", "--quiet", "--bare", str(tmp_path / "origin"))
    repo.run("push", "--quiet", str(tmp_path / "origin"), "HEAD:refs/heads/main")
    repo.run("fetch", "--quiet", str(tmp_path / "origin"), "main:refs/remotes/origin/main")
    steps = explain(repo, KEY)
    assert "Leave b.py deleted; the deletion is to be committed." in steps
    [command] = [each for each in commands(steps) if each.startswith("git commit")]
    subprocess.run(shlex.split(command), cwd=repo.path, check=True, capture_output=True)
    assert "rewrite b.py:1" in " ".join(keyscan(".", cwd=repo.path).text.split())
    # In a sparse checkout files of HEAD are not on disk by intention.
    repo.run("reset", "--quiet", "--hard", "HEAD~1")
    repo.run("sparse-checkout", "set", "--no-cone", "/a.py")
    assert not (repo.path / "b.py").exists()
    told = " ".join(keyscan(".", cwd=repo.path).text.split())
    assert "take out b.py:1" in told
    repo.run("sparse-checkout", "disable")
    (repo.path / "b.py").write_text("")
    assert "take out b.py:1" in " ".join(keyscan(".", cwd=repo.path).text.split())


def test_a_prefix_that_fits_two_keys_is_an_error_with_both(repo: Repo) -> None:
    keys = [fake_key("ws", "live", f"prefix {number}") for number in range(600)]
    seen: dict[str, str] = {}
    for key in keys:
        name = fingerprint(key)[:8]
        if name in seen:
            break
        seen[name] = key
    else:
        pytest.fail("no two fingerprints begin alike")
    repo.add("a.py", f"{seen[name]}\n{key}\n")
    ran = fails(repo, name)
    both = ", ".join(sorted((fingerprint(seen[name]), fingerprint(key))))
    assert f"{name} fits 2 keys: {both}" in ran.errors
    assert keyscan("explain", fingerprint(key), cwd=repo.path).code == 0


def test_fingerprint_prints_one_line(tmp_path: Path) -> None:
    ran = keyscan("fingerprint", cwd=tmp_path, stdin=f"{KEY}\n".encode())
    assert (ran.code, ran.text, ran.errors) == (0, f"{fingerprint(KEY)}\n", "")
    for text in (b"", f"{KEY} {ADMIN}".encode()):
        ran = keyscan("fingerprint", cwd=tmp_path, stdin=text)
        assert (ran.code, ran.text) == (2, "")
        assert KEY not in ran.errors


def situations(repo: Repo) -> list[tuple[str, bool | None]]:
    report = scan_json(".", cwd=repo.path)
    return [(each["situation"], each["pushed"]) for each in report["findings"]]


def test_pushed_or_not_or_unknown(repo: Repo, tmp_path: Path) -> None:
    repo.leak("first.py", "a = 1\n")
    repo.leak("a.py", f"K = '{KEY}'\n")
    assert situations(repo) == [("committed", False)]
    repo.run("checkout", "--quiet", "--detach")
    assert situations(repo) == [("committed", False)]
    repo.run("init", "--quiet", "--bare", str(tmp_path / "origin"))
    repo.run("remote", "add", "origin", str(tmp_path / "origin"))
    repo.run("push", "--quiet", "origin", "HEAD:refs/heads/fold")
    assert situations(repo) == [("pushed", True)]
    assert "PUSHED to origin/fold" in keyscan(".", cwd=repo.path).text
    # A copy of the commit was pushed, and the one of this branch, the older one, was not.
    repo.run("branch", "--quiet", "mine")
    repo.run("reset", "--quiet", "--hard", "HEAD~1")
    repo.leak("c.py", "c = 1\n")
    repo.run("cherry-pick", "--allow-empty", "mine")
    repo.run("push", "--quiet", "--force", "origin", "HEAD:refs/heads/fold")
    repo.run("checkout", "--quiet", "mine")
    assert situations(repo) == [("pushed", True)]
    # Behind the boundary of a shallow clone a remote branch may have it.
    clone = Repo(tmp_path / "shallow")
    clone.run("fetch", "--quiet", "--depth=1", f"file://{tmp_path}/origin", "fold")
    clone.run("checkout", "--quiet", "FETCH_HEAD")
    assert situations(clone) == [("pushed", None)]
    assert "pushed: unknown" in keyscan(".", cwd=clone.path).text


def test_a_private_environment_file_outside_git_is_where_the_key_belongs(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"BOLTZ_API_KEY={KEY}\n")
    file.chmod(0o600)
    ran = keyscan(".", cwd=tmp_path)
    assert ran.code == 0
    assert "where it belongs" in ran.text
    assert "private file outside git" in ran.text
    assert keyscan(".", "--fail-on-unexposed", cwd=tmp_path).code == 1
    file.chmod(0o640)
    ran = keyscan(".", cwd=tmp_path)
    assert (ran.code, "protect .env:1" in ran.text) == (1, True)


def test_an_admin_key_is_revoked_in_the_console(repo: Repo) -> None:
    repo.leak("a.py", ADMIN)
    text = explain(repo, ADMIN)
    assert "Replace and revoke it if" in text
    clone = Repo(repo.path.parent / "clone")
    clone.run("pull", "--quiet", str(repo.path), "main")
    clone.run("update-ref", "refs/remotes/origin/main", "HEAD")
    day = clone.run("log", "-1", "--format=%as")
    assert f"boltz-keyscan keys usage --since {day}" in commands(explain(clone, ADMIN))
    assert not [command for command in commands(text) if "revoke" in command]


def test_why(repo: Repo) -> None:
    leaked = repo.leak("a.py", f"# boltz-keyscan: ignore=x\nK = '{ADMIN}'\n")
    repo.add(
        ".boltz-keyscan-baseline",
        f'# boltz-keyscan baseline 1\n{fingerprint(ADMIN)} boltz-admin-live-key "a" "old" "Ana" 2020-01-01\n',
    )
    text = explain(repo, ADMIN)
    flat = " ".join(text.split())
    for words in (
        "Severity critical: an admin key, live.",
        "Gives access to the whole organisation",
        "Shape confirmed (confidence high): ",
        "Status unchecked: ",
        "Exposure in HEAD; 2 locations in 1 path",
        "Verdict fails a run: critical counts for --fail-on live",
        "Not excused by baseline [.boltz-keyscan-baseline:2 (in the tree)]: the acceptance has expired",
        "Not excused by inline [a.py:2]: a comment alone never suppresses a live admin key",
        f"first in commit {leaked}",
        "Found at 2 locations",
    ):
        assert words in flat, words


def test_verdicts(repo: Repo) -> None:
    repo.leak("a.py", f"K = '{KEY}'\n")
    text = explain(repo, KEY)
    assert "nothing suppresses it" in text
    assert "no baseline entry, ignore entry or comment applies" in text
    assert "high does not count for --fail-on admin" in explain(repo, KEY, "--fail-on", "admin")
    repo.add(".boltz-keyscanignore", "a.py  # made up\n")
    text = explain(repo, KEY)
    assert "does not fail a run: it is suppressed" in text
    assert "Suppressed (ignore): made up [.boltz-keyscanignore:1 (in the tree)]" in text
    repo.write(".gitignore", "*.env\n")
    repo.write("b.env", ADMIN)
    assert "--fail-on-unexposed counts it" in explain(repo, ADMIN)
    assert "fails a run" in explain(repo, ADMIN, "--fail-on-unexposed")


def fails(repo: Repo, *arguments: str) -> Ran:
    ran = keyscan("explain", *arguments, cwd=repo.path)
    assert ran.code == 2
    return ran


def test_a_key_that_is_not_here(repo: Repo) -> None:
    repo.leak("a.py", KEY)
    assert (
        f"key {fingerprint(ADMIN)} was not found; the scan found 1 other"
        in fails(repo, fingerprint(ADMIN)).errors
    )
    assert KEY not in fails(repo, KEY).errors
    assert "cannot write" in fails(repo, fingerprint(KEY), "--replace-text", "no/such/folder").errors
    (repo.path / "vendored" / ".git").mkdir(parents=True)
    assert "was not found, but the scan is incomplete" in fails(repo, fingerprint(ADMIN)).errors
    explain(repo, KEY, code=3)


def test_a_share_link_in_a_file_of_git_is_not_read_from_a_variable() -> None:
    rule = next(rule for rule in rules.load() if rule.key_type is None)
    places = (past(1, exposure=Exposure.UNREACHABLE), location(".git/link", exposure=Exposure.LOCAL))
    of_a_key = finding(KeyType.ADMIN, Mode.LIVE, *places)
    found = replace(of_a_key, key_type=None, mode=None, rule_id=rule.id, type_prefix=rule.prefix)
    texts = [step.text for step in instructions(Recipe(found, rule))]
    assert "Take it out of .git/link line 3." in texts
    assert not any("BOLTZ_API_KEY" in text for text in texts[1:])
