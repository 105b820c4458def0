"""A repository as real leaks are: four keys, at HEAD, in history, in a stash and in an archive."""

from __future__ import annotations

from pathlib import Path

from conformance.containers import tarred
from tests.keys import fake_key
from tests.repos import Repo

AT_HEAD = fake_key("admin", "live", "four keys")
IN_HISTORY = fake_key("ws", "live", "four keys")
IN_STASH = fake_key("ws", "test", "four keys")
IN_ARCHIVE = fake_key("admin", "test", "four keys")


class _Dated(Repo):
    """A repository whose commits have the dates that are given."""

    def on(self, date: str) -> None:
        self.git.update_environment(
            GIT_AUTHOR_NAME="R. Cher",
            GIT_AUTHOR_EMAIL="r@example.invalid",
            GIT_COMMITTER_NAME="R. Cher",
            GIT_COMMITTER_EMAIL="r@example.invalid",
            GIT_AUTHOR_DATE=f"{date}T10:00:00+02:00",
            GIT_COMMITTER_DATE=f"{date}T10:00:00+02:00",
        )

    def change(self, date: str, name: str, content: str | bytes, message: str) -> None:
        self.on(date)
        self.leak(name, content, message)


def four_keys(folder: Path) -> Path:
    """Make the repository, and a remote repository that has all but the stash; return its folder."""
    repo = _Dated(folder / "screening")
    Repo(folder / "origin.git", bare=True)
    repo.change("2026-04-20", "fold.py", "import boltz_api\n", "Fold one sequence")
    repo.change("2026-05-03", "deploy/prod.env", f"BOLTZ_API_KEY={IN_HISTORY}\n", "Settings of the cluster")
    repo.change(
        "2026-05-20",
        "deploy/prod.env",
        f"BOLTZ_API_KEY={IN_HISTORY}\nBOLTZ_QUEUE=long\n",
        "Use the long queue",
    )
    repo.change("2026-06-09", "deploy/prod.env", "BOLTZ_QUEUE=long\n", "Read the key from the vault")
    call = f'client = boltz_api.Boltz(api_key="{AT_HEAD}")\n'
    repo.change("2026-07-14", "notebooks/screen.py", f"import boltz_api\n{call}", "Screen the kinases")
    repo.change(
        "2026-08-22", "notebooks/screen.py", f"import boltz_api\n\n{call}limit = 20\n", "Limit to twenty"
    )
    results = tarred({"run/config.yaml": f"token: {IN_ARCHIVE}\n".encode(), "run/scores.csv": b"a,b\n1,2\n"})
    repo.change("2026-09-30", "results/run-12.tar", results, "Results of run 12")
    repo.run("remote", "add", "origin", "../origin.git")
    repo.run("push", "--quiet", "--set-upstream", "origin", "main")
    repo.on("2026-11-20")
    repo.write("fold.py", f'import boltz_api\nkey = "{IN_STASH}"\n')
    repo.run("stash", "push", "--quiet", "--message", "try with a test key")
    return repo.path
