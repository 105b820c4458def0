"""Hooks without pre-commit: written where git looks, and never over somebody else's."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import git
import pytest

import boltz_keyscan
from boltz_keyscan.cli import hook_script
from tests.hooked import call
from tests.keys import fake_key
from tests.repos import Repo
from tests.running import ROOT, Ran, keyscan
from tests.terminals import typed

LINE = "env PYTHONPATH= boltz-keyscan hook pre-commit"
GONE = "this hook cannot run: /gone/python is gone. Run 'boltz-keyscan hook install' here again."
RUNS = f"boltz-keyscan {boltz_keyscan.__version__} in {sys.executable}"


def install(folder: Path, *arguments: str) -> Ran:
    return keyscan("hook", "install", *arguments, cwd=folder)


def stops_a_leak(repo: Repo) -> bool:
    """Whether git runs a hook that stops a commit with a key."""
    repo.add("a.txt", fake_key())
    ran = call(repo.path, "git", "commit", "-q", "-m", "leak")
    return ran.code == 1 and "REDACTED" in ran.text + ran.errors


class TestInstall:
    """Plain git hooks."""

    def test_the_hooks_it_writes_are_the_ones_git_runs(self, repo: Repo) -> None:
        ran = install(repo.path)

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
        install(repo.path)

        assert install(repo.path).code == 0

    def test_somebody_elses_hook_is_left_alone(self, repo: Repo) -> None:
        hook = repo.path / ".git/hooks/pre-push"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho mine\n")

        ran = install(repo.path)

        assert ran.code == 2
        assert ran.errors.startswith(
            f"error: there is a pre-push hook already: {hook}\nhelp: Add this line to it: exec "
        )
        assert hook.read_text() == "#!/bin/sh\necho mine\n"
        # Nothing is done by halves.
        assert not (hook.parent / "pre-commit").exists()

    def test_the_line_for_somebody_elses_hook_stops_a_leak(self, repo: Repo) -> None:
        hook = repo.path / ".git/hooks/pre-commit"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\n")
        line = install(repo.path).errors.rpartition("to it: ")[2]
        hook.write_text(f"#!/bin/sh\n{line}")
        hook.chmod(0o755)

        assert stops_a_leak(repo)

    def test_outside_a_repository(self, tmp_path: Path) -> None:
        ran = install(tmp_path)

        assert (ran.code, ran.errors) == (
            2,
            "error: this folder is in no git repository\nhelp: Change to your repository.\n",
        )

    def test_an_interpreter_that_is_gone(self, repo: Repo) -> None:
        install(repo.path)
        hook = repo.path / ".git/hooks/pre-commit"
        hook.write_text(hook.read_text().replace(f"python={sys.executable}", "python=/gone/python"))
        repo.add("a.txt", "clean\n")

        ran = call(repo.path, "git", "commit", "-q", "-m", "m")

        assert (ran.code, ran.errors) == (1, f"boltz-keyscan: {GONE}\n")

    def test_an_interpreter_without_the_package(self, repo: Repo) -> None:
        install(repo.path)
        hook = repo.path / ".git/hooks/pre-commit"
        hook.write_text(hook.read_text().replace("boltz_keyscan.cli", "boltz_keyscan_that_is_gone.cli"))
        repo.add("a.txt", "clean\n")

        ran = call(repo.path, "git", "commit", "-q", "-m", "m")

        assert ran.code == 1
        assert ran.errors == (
            "boltz-keyscan: this hook cannot run: No module named 'boltz_keyscan_that_is_gone', "
            f"in {sys.executable}. "
            "Install boltz-keyscan, and run [boltz-keyscan hook install] here again.\n"
        )

    @pytest.mark.parametrize("name", ["packages", "it's a place", 'a "quoted" one', "caf\udce9"])
    @pytest.mark.sampled(count=1)
    def test_a_program_that_an_isolated_python_does_not_find(
        self, repo: Repo, tmp_path: Path, name: str
    ) -> None:
        """As after ``pip install --user``, or with an absolute PYTHONPATH."""
        place = tmp_path / name
        shutil.copytree(ROOT / "boltz_keyscan", place / "boltz_keyscan")
        shutil.copytree(ROOT / "rules", place / "rules")
        marker = place / "boltz_keyscan" / "cli" / "commands" / "groups.py"
        marker.write_text(marker.read_text() + f"\nopen({str(tmp_path / 'ran')!r}, 'w').close()\n")
        environment = {"PYTHONPATH": str(place)}
        command = "from boltz_keyscan.cli import entry; entry()"
        ran = call(repo.path, sys.executable, "-c", command, "hook", "install", env=environment)
        assert ran.code == 0, ran

        (tmp_path / "ran").unlink()
        repo.add("a.txt", fake_key())
        ran = call(repo.path, "git", "commit", "-q", "-m", "leak", env={"PYTHONPATH": "."})

        assert ran.code == 1
        assert "REDACTED" in ran.text + ran.errors
        script = (repo.path / ".git/hooks/pre-commit").read_text()
        assert "sys.path[3:3] = [" in script


class TestHooksPath:
    """``core.hooksPath``, of whatever level."""

    @pytest.mark.parametrize("level", ["--local", "--worktree", "--global", "xdg", "include"])
    @pytest.mark.sampled(count=3)
    def test_every_level(self, repo: Repo, level: str) -> None:
        home = Path(os.environ["HOME"])
        setting = "[core]\n\thooksPath = .githooks\n"
        if level == "xdg":
            (home / "config" / "git").mkdir(parents=True)
            (home / "config" / "git" / "config").write_text(setting)
        elif level == "include":
            (home / "more").write_text(setting)
            (home / ".gitconfig").write_text("[include]\n\tpath = more\n")
        else:
            if level == "--worktree":
                repo.run("config", "extensions.worktreeConfig", "true")
            repo.run("config", level, "core.hooksPath", ".githooks")

        ran = install(repo.path)

        assert ran.code == 0, ran
        assert f"installed {repo.path}/.githooks/pre-commit (core.hooksPath=.githooks in " in ran.text
        assert stops_a_leak(repo)

    def test_the_file_that_git_takes_for_the_global_one(self, repo: Repo, tmp_path: Path) -> None:
        named = tmp_path / "named"
        named.write_text("[core]\n\thooksPath = here\n")
        environment = {"GIT_CONFIG_GLOBAL": str(named)}

        assert keyscan("hook", "install", cwd=repo.path, env=environment).code == 0

        assert (repo.path / "here" / "pre-commit").is_file()

    def test_the_repositorys_word_is_the_last(self, repo: Repo) -> None:
        repo.run("config", "--global", "core.hooksPath", "/nowhere")
        repo.run("config", "core.hooksPath", "mine")

        assert install(repo.path).code == 0
        assert stops_a_leak(repo)

    def test_a_repository_with_sha256(self, tmp_path: Path) -> None:
        repo = Repo(tmp_path / "repo", object_format="sha256")
        repo.run("config", "core.hooksPath", "mine")

        assert install(repo.path).code == 0
        assert stops_a_leak(repo)

    def test_from_a_linked_worktree(self, repo: Repo, tmp_path: Path) -> None:
        repo.leak("a.txt", "clean\n")
        linked = tmp_path / "linked"
        repo.run("worktree", "add", "-q", str(linked))
        repo.run("config", "core.hooksPath", "mine")

        assert install(linked).code == 0

        assert (linked / "mine" / "pre-commit").is_file()

    def test_out_of_the_repository_only_when_confirmed(self, repo: Repo, tmp_path: Path) -> None:
        shared = tmp_path / "shared"
        (repo.path / "inside").symlink_to(tmp_path)
        for value in (str(shared), "../shared", "inside/shared"):
            repo.run("config", "core.hooksPath", value)
            refused = install(repo.path)
            assert refused.code == 2
            assert "which lies outside of this repository" in refused.errors
            assert "help: Give --yes to write there, for all repositories that use it.\n" in refused.errors
            assert not shared.exists()

        assert install(repo.path, "--yes").code == 0
        assert stops_a_leak(repo)

    @pytest.mark.parametrize("answer", ["y", "n"])
    def test_on_a_terminal_it_asks(self, repo: Repo, tmp_path: Path, answer: str) -> None:
        shared = tmp_path / "shared"
        repo.run("config", "core.hooksPath", str(shared))
        with typed("hook", "install", cwd=repo.path) as terminal:
            terminal.until("Write the hooks there")
            terminal.type(f"{answer}\n")
            assert terminal.end() == (0 if answer == "y" else 2)
        assert shared.exists() == (answer == "y")

    def test_a_configuration_that_cannot_be_read(self, repo: Repo) -> None:
        (Path(os.environ["HOME"]) / ".gitconfig").write_text("nonsense\n")

        ran = install(repo.path)

        assert ran.code == 2
        assert ran.errors.startswith("error: cannot read git's configuration: ")

    def test_without_git(self, repo: Repo, tmp_path: Path) -> None:
        ran = keyscan("hook", "install", cwd=repo.path, env={"PATH": str(tmp_path)})

        assert ran.code == 0, ran
        assert ran.errors == "note: git is not installed or not on PATH; the hooks need it\n"


class TestManagers:
    """Other tools that run the hooks of a repository."""

    @pytest.mark.parametrize("value", [".husky", ".husky/_"])
    def test_husky(self, repo: Repo, value: str) -> None:
        repo.run("config", "core.hooksPath", value)

        ran = install(repo.path)

        told = "error: husky runs the hooks of this repository\nhelp: Add this line to "
        assert (ran.code, ran.errors) == (2, f"{told}{repo.path}/.husky/pre-commit: {LINE}\n")
        assert not (repo.path / ".husky").exists()

    def test_lefthook(self, repo: Repo) -> None:
        repo.write("lefthook.yml", "pre-commit: {}\n")

        ran = install(repo.path, "--yes")

        assert ran.code == 2
        assert ran.errors.startswith(
            "error: lefthook runs the hooks of this repository\nhelp: Add this command"
        )

    def test_pre_commit(self, repo: Repo) -> None:
        repo.write(".pre-commit-config.yaml", "repos: []\n")

        ran = install(repo.path)

        assert ran.code == 2
        assert ran.errors.startswith(
            "error: pre-commit runs the hooks of this repository\nhelp: Add the hook "
        )
        assert not (repo.path / ".git/hooks/pre-commit").exists()
        assert install(repo.path, "--yes").code == 0
        assert stops_a_leak(repo)


class TestDoctor:
    """Whether the hooks would run."""

    def look(self, folder: Path, *hooks: str) -> Ran:
        return keyscan("hook", "doctor", *hooks, cwd=folder)

    def test_none(self, repo: Repo) -> None:
        ran = self.look(repo.path, "pre-commit")

        assert (ran.code, ran.errors) == (1, "")
        assert ran.text == (
            "pre-commit: would NOT run: there is no such file\n"
            f"  file     {repo.path}/.git/hooks/pre-commit\n"
            "  because  git's default; core.hooksPath is not set\n"
            "  help     Run 'boltz-keyscan hook install pre-commit'.\n"
        )

    def test_all(self, repo: Repo) -> None:
        repo.run("config", "core.hooksPath", "mine")
        install(repo.path)

        ran = self.look(repo.path)

        assert ran.code == 0
        assert ran.text == "".join(
            f"{name}: would run\n"
            f"  file     {repo.path}/mine/{name}\n"
            f"  because  core.hooksPath=mine in {repo.path}/.git/config\n"
            f"  runs     {RUNS}\n"
            for name in ("pre-commit", "pre-push")
        )

    def test_one_that_git_does_not_look_at(self, repo: Repo) -> None:
        install(repo.path)
        repo.run("config", "core.hooksPath", "elsewhere")

        assert "pre-commit: would NOT run: there is no such file\n" in self.look(repo.path).text

    def test_of_a_server(self, tmp_path: Path) -> None:
        server = Repo(tmp_path / "server.git", bare=True)

        assert self.look(server.path).text.startswith("pre-receive: would NOT run: there is no such file\n")
        install(server.path, "pre-receive")
        assert self.look(server.path).code == 0

    @pytest.mark.parametrize(
        ("change", "trouble"),
        [
            ("chmod -x {}", "it may not be executed, and git passes it over"),
            ("rm {0} && ln -s nowhere {0}", "it is a link to nothing, or no file"),
            ("sed -i s:^python=.*:python=/gone/python: {}", "its interpreter does not exist: /gone/python"),
            ("sed -i s:^python=.*:python=/bin/false: {}", "boltz-keyscan does not run in /bin/false"),
            ("printf '#!/bin/sh\\nmake check\\n' > {}", "{} does not call boltz-keyscan"),
            (
                "printf '#!/bin/sh\\n# boltz-keyscan hook pre-commit\\n' > {}",
                "{} does not call boltz-keyscan",
            ),
        ],
    )
    def test_trouble(self, repo: Repo, change: str, trouble: str) -> None:
        install(repo.path)
        hook = str(repo.path / ".git/hooks/pre-commit")
        assert call(repo.path, "sh", "-c", change.format(hook)).code == 0

        ran = self.look(repo.path, "pre-commit")

        assert ran.code == 1
        assert ran.text.startswith(f"pre-commit: would NOT run: {trouble.format(hook)}\n"), ran
        assert "\n  help     " in ran.text

    def test_a_program_in_the_repository_is_not_run(self, repo: Repo, tmp_path: Path) -> None:
        install(repo.path)
        program = repo.write("python", f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        program.chmod(0o755)
        hook = repo.path / ".git/hooks/pre-commit"
        hook.write_text(hook.read_text().replace(f"python={sys.executable}", f"python={program}"))

        ran = self.look(repo.path, "pre-commit")

        assert f"  runs     {program}; it is inside this repository" in ran.text
        assert not (tmp_path / "ran").exists()

    def test_one_of_an_earlier_version(self, repo: Repo) -> None:
        install(repo.path)
        old = f'exec {sys.executable} -P -m boltz_keyscan hook pre-commit "$@"'
        (repo.path / ".git/hooks/pre-commit").write_text(f"#!/bin/sh\n{hook_script.OURS}\n{old}\n")

        ran = self.look(repo.path, "pre-commit")

        assert ran.code == 0
        assert "The script is not the one that this version writes." in ran.text

    def test_somebody_elses_that_calls_us(self, repo: Repo) -> None:
        hook = repo.write(".git/hooks/pre-commit", "#!/bin/sh\nmake check\nboltz-keyscan hook pre-commit\n")
        hook.chmod(0o755)

        ran = self.look(repo.path, "pre-commit")

        assert ran.code == 0
        assert f"  runs     boltz-keyscan, called by {hook}" in ran.text

    def test_through_husky(self, repo: Repo) -> None:
        repo.run("config", "core.hooksPath", ".husky/_")
        repo.write(".husky/_/pre-commit", '#!/bin/sh\n. "$(dirname "$0")/h"\n').chmod(0o755)
        assert self.look(repo.path, "pre-commit").code == 1
        repo.write(".husky/pre-commit", "env PYTHONPATH= boltz-keyscan hook pre-commit\n")
        assert self.look(repo.path, "pre-commit").code == 0

    def test_through_pre_commit(self, repo: Repo) -> None:
        config = repo.write(".pre-commit-config.yaml", "repos: []\n")
        repo.write(".git/hooks/pre-commit", "#!/bin/sh\n# File generated by pre-commit\n").chmod(0o755)
        assert self.look(repo.path, "pre-commit").code == 1
        config.write_text("repos:\n- repo: x\n  hooks:\n  - id: boltz-keyscan\n")
        assert self.look(repo.path, "pre-commit").code == 0
