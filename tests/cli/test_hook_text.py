"""The text of a stopped commit and a stopped push, as people see it."""

from __future__ import annotations

import re

from tests.keys import fake_key
from tests.report import goldens
from tests.repos import Repo
from tests.running import keyscan

KEY = fake_key("ws", "live", "stopped")
ZERO = "0" * 40


def test_a_commit_and_a_push_that_are_stopped(repo: Repo) -> None:
    repo.leak(".gitignore", ".env\n")
    repo.write(".env", f"BOLTZ_API_KEY={KEY}\n")
    repo.add("scripts/fold.py", f'import boltz\n\n\nclient = Boltz(api_key="{KEY}")\n')
    ran = keyscan("hook", "pre-commit", cwd=repo.path, env={"GIT_INDEX_FILE": ".git/index"})
    assert ran.code == 1
    goldens.check("stopped_commit.txt", ran.text)
    oid = repo.commit("Fold script")
    line = f"refs/heads/main {oid} refs/heads/main {ZERO}\n".encode()
    ran = keyscan("hook", "pre-push", "origin", "url", cwd=repo.path, stdin=line)
    assert ran.code == 1
    goldens.check("stopped_push.txt", ran.text.replace(oid[:7], "1234567"))


def test_a_notebook_an_environment_file_and_an_admin_key(repo: Repo) -> None:
    repo.leak("first.py", "a = 1\n")
    repo.add(".env", f"BOLTZ_API_KEY={fake_key('admin', 'live', 'stopped')}\n")
    cells = f'{{"cells": [{{"cell_type": "code", "outputs": ["{KEY}"], "source": []}}]}}'
    repo.add("a b.ipynb", cells)
    text = keyscan("hook", "pre-commit", cwd=repo.path).text
    assert text.startswith("boltz-keyscan: 2 new keys in 2 staged files (")
    assert "the same as in your" not in text
    assert "git rm -f --cached .env && printf '%s\\n' /.env >> .gitignore && git add .gitignore\n" in text
    assert (
        "jupyter nbconvert --clear-output --inplace 'a b.ipynb' && git add 'a b.ipynb' && git commit\n"
        in text
    )
    assert re.search(
        r"^Accept +boltz-keyscan baseline create --reason REASON +then commit .boltz-keyscan-baseline$",
        text,
        re.MULTILINE,
    )


def test_a_file_that_is_not_staged_is_not_called_staged(repo: Repo) -> None:
    repo.leak("first.py", "a = 1\n")
    repo.write("loose.py", f"K = '{KEY}'\n")
    text = keyscan("hook", "pre-commit", "loose.py", cwd=repo.path).text
    assert "in 1 file that is not staged (" in text
    assert "loose.py:1   workspace live key " in text
    assert "Unstage" not in text


def test_what_only_the_stopped_commit_staged_is_not_called_staged(repo: Repo) -> None:
    """``git commit -a`` stages into an index of its own, which git removes after the hook."""
    repo.leak("first.py", "a = 1\n")
    repo.add("first.py", f"K = '{KEY}'\n")
    repo.run("reset", "--quiet")
    repo.run("update-index", "--add", "first.py")
    (repo.path / ".git/index").rename(repo.path / ".git/index.lock")
    ran = keyscan("hook", "pre-commit", cwd=repo.path, env={"GIT_INDEX_FILE": ".git/index.lock"})
    assert ran.code == 1
    assert "COMMIT STOPPED" in ran.text
    assert "taged" not in ran.text
    assert "Unstage" not in ran.text


def test_what_head_has_is_not_called_staged(repo: Repo) -> None:
    """As ``pre-commit run --all-files`` names it: there is nothing to unstage, and it is committed."""
    repo.leak("a.py", f"K = '{KEY}'\n")
    repo.add("b.py", f"K = '{KEY}'\n")
    ran = keyscan("hook", "pre-commit", "a.py", "b.py", cwd=repo.path)
    assert ran.text.startswith("boltz-keyscan: 1 new key in 2 files of the index (")
    assert re.search(r"^  a\.py:1   workspace live key bk1:\w{8}   in HEAD$", ran.text, re.MULTILINE)
    assert re.search(r"^  b\.py:1   workspace live key bk1:\w{8}$", ran.text, re.MULTILINE)
    assert re.search(
        r"^Do       boltz-keyscan explain bk1:\w{8}     HEAD has it: step by step$", ran.text, re.MULTILINE
    )
    assert "Unstage  git restore --staged b.py\n" in ran.text
    assert "git add b.py && git commit" in ran.text
