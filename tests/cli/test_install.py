"""Hooks without pre-commit: written where git looks, and never over somebody else's."""

from __future__ import annotations

from pathlib import Path

import git
import pytest

from tests.keys import fake_key
from tests.repos import Repo
from tests.running import ROOT, keyscan


class TestInstall:
    """Plain git hooks."""

    def test_the_hooks_it_writes_are_the_ones_git_runs(self, repo: Repo) -> None:
        ran = keyscan("hook", "install", cwd=repo.path)

        assert ran.code == 0
        assert sorted(
            path.name for path in (repo.path / ".git/hooks").iterdir() if path.suffix != ".sample"
        ) == [
            "pre-commit",
            "pre-push",
        ]
        repo.add("a.txt", fake_key())
        with pytest.raises(git.GitCommandError, match="REDACTED"):
            repo.run("commit", "-q", "-m", "leak", env={"PYTHONPATH": str(ROOT)})

    def test_again_is_no_trouble(self, repo: Repo) -> None:
        keyscan("hook", "install", cwd=repo.path)

        assert keyscan("hook", "install", cwd=repo.path).code == 0

    def test_somebody_elses_hook_is_left_alone(self, repo: Repo) -> None:
        hook = repo.path / ".git/hooks/pre-commit"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho mine\n")

        ran = keyscan("hook", "install", cwd=repo.path)

        assert ran.code == 2
        assert ran.errors.startswith(
            f"error: there is a pre-commit hook already: {hook}\nhelp: Add this line to it: exec "
        )
        assert hook.read_text() == "#!/bin/sh\necho mine\n"

    def test_outside_a_repository(self, tmp_path: Path) -> None:
        ran = keyscan("hook", "install", cwd=tmp_path)

        assert (ran.code, ran.errors) == (
            2,
            "error: this folder is in no git repository\nhelp: Change to your repository.\n",
        )

    def test_a_module_in_the_worktree_is_not_run(self, repo: Repo) -> None:
        """Whoever wrote the branch that is checked out wrote these."""
        assert keyscan("hook", "install", cwd=repo.path).code == 0
        for name in ("click", "regex", "boltz_keyscan/__init__", "boltz_keyscan/__main__"):
            repo.add(f"{name}.py", "import pathlib; pathlib.Path('ran').touch()\n")

        repo.run("commit", "-q", "-m", "modules", env={"PYTHONPATH": str(ROOT)})

        assert repo.run("log", "-1", "--format=%s") == "modules"
        assert not (repo.path / "ran").exists()
