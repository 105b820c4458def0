"""One key explained: why, where, what excuses it, and what to do in which order."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from boltz_keyscan import pipeline, rules
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.report.remediation import History, steps
from tests import docstages
from tests.docstages import PAST
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import Ran, keyscan

KEY = fake_key("ws", "live", "explained")
ADMIN = fake_key("admin", "live", "explained")


def explain(repo: Repo, key: str, *arguments: str, code: int = 0) -> str:
    ran = keyscan("explain", fingerprint(key), *arguments, cwd=repo.path)
    assert ran.code == code, ran.text + ran.errors
    for each in (KEY, ADMIN, PAST):
        assert each not in ran.text + ran.errors
    return ran.text


def commands(text: str) -> list[str]:
    """The git commands, in order, and where the key is replaced and revoked."""
    found = []
    for line in text.partition("What to do")[2].splitlines():
        if line.startswith("       "):
            words = {"--verify": "verify", "keys revoke": "revoke"}
            found.append(next((word for part, word in words.items() if part in line), line.strip()))
        elif "Replace it first" in line:
            found.append("replace")
    return found


AMEND = "git commit --amend --no-edit --allow-empty"
ENDING = ["git reflog expire --expire=now --all", "git gc --prune=now"]


def test_a_staged_key(repo: Repo) -> None:
    repo.commit("first")
    repo.add("a b.py", KEY)
    assert commands(explain(repo, KEY)) == [
        "replace",
        "verify",
        "revoke",
        "git restore --staged -- 'a b.py'",
        *ENDING,
        "boltz-keyscan .",
    ]


def test_a_staged_key_before_the_first_commit(repo: Repo) -> None:
    repo.add("a.py", KEY)
    assert commands(explain(repo, KEY))[3] == "git rm --cached -- a.py"


def test_the_last_commit_which_is_not_pushed(repo: Repo) -> None:
    repo.commit("first")
    repo.leak("a.py", KEY)
    assert commands(explain(repo, KEY)) == [
        "replace",
        "verify",
        "revoke",
        "git add -- a.py",
        AMEND,
        *ENDING,
        "boltz-keyscan .",
    ]


def test_a_key_that_is_not_committed(repo: Repo) -> None:
    repo.leak("a.py", "clean\n")
    repo.write("a.py", KEY)
    told = explain(repo, KEY)
    assert "Remove it from a.py" in told
    assert "no history has to be rewritten" in told
    assert "git " not in told.partition("What to do")[2]


def test_a_key_whose_commit_is_not_known_counts_as_pushed(repo: Repo) -> None:
    repo.leak("a b.py", KEY)
    plan = make_plan(Options((str(repo.path),), history=False, jobs=1))
    [finding] = pipeline.run(plan).findings
    [rule] = (rule for rule in rules.load() if rule.id == finding.rule_id)

    told = [
        command for step in steps(finding, rule, History(pushed=False), None) for command in step.commands
    ]

    assert not [command for command in told if "COMMIT" in command or "rebase" in command]
    assert [command for command in told if command.startswith("git filter-repo")]


@pytest.mark.parametrize("root", [True, False])
def test_an_earlier_commit_which_is_not_pushed(repo: Repo, *, root: bool) -> None:
    if not root:
        repo.commit("first")
    leaked = repo.leak("a.py", KEY)
    repo.commit("later")
    onto = "--root" if root else f"{leaked}^"
    assert commands(explain(repo, KEY))[3:] == [
        f"git rebase --interactive {onto}",
        "git add -- a.py",
        AMEND,
        "git rebase --continue",
        "git read-tree HEAD",
        *ENDING,
        "boltz-keyscan .",
    ]


def test_replacing_is_the_first_step_and_says_when_it_may_be_left_out(repo: Repo) -> None:
    repo.commit("first")
    repo.add("a.py", KEY)
    for act in (lambda: None, lambda: repo.commit("leak"), lambda: repo.commit("later")):
        act()
        steps = explain(repo, KEY).partition("What to do, in this order\n")[2]
        number = int(re.findall(r"begin with (\d)\.", steps)[0])
        assert steps.startswith("  1. Replace it first")
        assert re.search(rf"^  {number}\. (Remove it from|Rewrite)", steps, re.MULTILINE)


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


def _staged(repo: Repo) -> None:
    repo.add("a.py", f"K = '{KEY}'\n")


SITUATIONS = (_head, _only_the_key, _earlier, _twice, _deleted, _staged)


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.__name__.strip("_"))
@pytest.mark.sampled
def test_the_recipe_ends_without_the_key(
    tmp_path: Path, situation: Callable[[Repo], None], *, root: bool
) -> None:
    """All that is printed for a key that is not pushed, as it is printed, up to the scan."""
    with docstages.empty(tmp_path) as at:
        repo = Repo(at.here)
        if not root:
            repo.leak("first.py", "first = 1\n")
        situation(repo)
        text = explain(repo, KEY)
        for words in re.split(r"^  \d+\. ", text.partition("What to do")[2], flags=re.MULTILINE)[4:]:
            sentence, *commands = (line.strip() for line in words.splitlines())
            if "Remove" in sentence:
                for path in at.here.glob("*.*"):
                    if path.name in sentence:
                        path.write_text(path.read_text().replace(KEY, "REMOVED"))
            for short in re.findall("[0-9a-f]{12}", sentence.partition("before")[2]):
                marks = [
                    at.environment.get("GIT_SEQUENCE_EDITOR", "sed -i"),
                    f"-e '/^pick {short[:7]}/s/pick/edit/'",
                ]
                at.environment["GIT_SEQUENCE_EDITOR"] = " ".join(marks)
            for command in commands:
                done = at.run(command)
                while "CONFLICT" in done.stdout:
                    done = at.run("git rm -q key.txt && git -c core.editor=true rebase --continue")
                assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert at.run("git status --short --untracked-files=no").stdout == ""
        assert at.run("git rebase --show-current-patch").returncode != 0
        end = keyscan(at.here, "--fail-on", "any", "--fail-on-unexposed", "--no-cache")
    assert end.code == 0, end.text


def test_a_pushed_key_is_revoked_before_its_history_is_touched(repo: Repo, tmp_path: Path) -> None:
    repo.leak("a.py", KEY)
    repo.run("init", "--quiet", "--bare", str(tmp_path / "origin"))
    repo.run("remote", "add", "origin", str(tmp_path / "origin"))
    repo.run("push", "--quiet", "origin", "main")
    found = commands(explain(repo, KEY, "--replace-text", "expressions"))
    assert found == [
        "replace",
        "verify",
        "revoke",
        f"git filter-repo --replace-text {repo.path / 'expressions'}",
        "boltz-keyscan .",
        "git remote add origin URL",
        "git push --force --all",
        "git push --force --tags",
        *ENDING,
        "boltz-keyscan .",
    ]
    text = (repo.path / "expressions").read_text()
    assert KEY not in text
    # As git filter-repo reads it: one line, an expression over bytes and what stands for it.
    expression, replacement = re.fullmatch(r"regex:(.*)==>(.*)\n", text).groups()  # type: ignore[union-attr]  # or fail
    rewritten = re.sub(expression.encode(), replacement.encode(), f"K = '{KEY}' # and {ADMIN}\n".encode())
    assert rewritten == f"K = 'REMOVED-BOLTZ-KEY' # and {ADMIN}\n".encode()
    # A later commit that is not pushed changes nothing about that.
    repo.leak("b.py", KEY)
    assert commands(explain(repo, KEY))[0] == "replace"
    assert f"boltz-keyscan explain {fingerprint(KEY)} --replace-text ../replacements.txt" in explain(
        repo, KEY
    )


@pytest.mark.parametrize("coded", [False, True])
def test_the_commands_for_a_pushed_key_clean_its_history(tmp_path: Path, *, coded: bool) -> None:
    """All that is told from the rewriting on, as it is told, in a fresh clone, by git filter-repo."""
    with docstages.incident(tmp_path) as at:
        repo = Repo(at.here)
        if coded:
            repo.leak("secret.txt", base64.b64encode(f"api_key: {PAST}\n".encode()))
            repo.run("push", "--quiet", "origin", "main")
        told = commands(explain(repo, PAST))
        write, *rest = told[told.index("revoke") + 1 :]
        assert len(rest) == 8 + coded
        repo.run("clone", "--quiet", "--no-local", str(tmp_path / "origin.git"), str(tmp_path / "fresh"))
        at.here = tmp_path / "fresh"
        for command in (write, *rest):
            done = at.run(command.replace("URL", "../origin.git"))
            assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert keyscan(tmp_path / "origin.git", "--history-only", "--fail-on", "any", "--no-cache").code == 0
    assert (tmp_path / "fresh/predict.ipynb").is_file()
    assert (tmp_path / "fresh/secret.txt").exists() is False


def test_an_admin_key_is_revoked_in_the_console(repo: Repo) -> None:
    repo.leak("a.py", ADMIN)
    text = explain(repo, ADMIN)
    assert "Revoke the leaked key in the Boltz console" in text
    assert "revoke" not in commands(text)


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
