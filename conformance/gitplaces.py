"""Keys planted in every place of a repository where one can stand, and what must be said of each.

The table of the places is the code below: each paragraph plants one key and notes path,
exposure, commit and author date.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import git

from conformance.keys import fake_key, fingerprint
from conformance.repos import Repo


@dataclass(frozen=True)
class Planted:
    """A key in one place, and what must be said of it."""

    fingerprint: str
    path: str
    exposure: str
    commit: str | None
    author_date: str | None


def _by_name(place: str) -> str:
    return fake_key("ws", "live", place)


class Ledger:
    """Plants keys and remembers where."""

    def __init__(self, repo: Repo, keys: Callable[[str], str] = _by_name) -> None:
        self.repo = repo
        self.keys = keys
        self.planted: dict[str, Planted] = {}
        self._date = ""

    def key(self, place: str) -> str:
        """The key for a place; commits made from now on are of another day."""
        self._date = f"2024-03-{1 + len(self.planted):02}T12:00:00+02:00"
        self.repo.git.update_environment(GIT_AUTHOR_DATE=self._date)
        return self.keys(place)

    def note(self, place: str, path: str, exposure: str, commit: str | None = None) -> None:
        """Record the expected report of the last key."""
        found = fingerprint(self.keys(place))
        self.planted[place] = Planted(found, path, exposure, commit, self._date if commit else None)


def plant(repo: Repo, keys: Callable[[str], str] = _by_name) -> Ledger:  # noqa: PLR0915 - one paragraph for each place, none shorter for being apart
    """One key in each place of a repository that is not a plain file of HEAD."""
    ledger = Ledger(repo, keys)
    key = ledger.key
    repo.leak("a.txt", "hello\n", "base")

    commit = repo.leak("a.txt", f"x={key('removed')}\n")
    repo.leak("a.txt", "hello\n", "removed again")
    ledger.note("removed", "a.txt", "history", commit)

    commit = repo.leak("deep/er/head.txt", f"x={key('head')}\n")
    ledger.note("head", "deep/er/head.txt", "tracked", commit)

    repo.add(".gitattributes", "hidden.bin -diff binary\nutf16.txt binary\n")
    repo.add("hidden.bin", b"\0\1" + key("attribute").encode() + b"\0")
    ledger.note("attribute", "hidden.bin", "tracked", repo.commit("hidden from diffs"))

    repo.add("wide.txt", f"the key: {key('UTF-16 key')}\r\n".encode("utf-16"))
    ledger.note("UTF-16 key", "wide.txt", "tracked", repo.commit("UTF-16"))

    # Text that git takes for binary, with a plain key in it.
    text = "the key:\r\n".encode("utf-16")
    repo.add("utf16.txt", text + key("UTF-16 and NUL").encode() + b"\r\0\n\0")
    ledger.note("UTF-16 and NUL", "utf16.txt", "tracked", repo.commit("UTF-16"))

    repo.run("tag", "-a", "v1", "-m", f"release {key('tag')}")
    ledger.note("tag", f".git/tag/{repo.run('rev-parse', 'v1')}", "history", None)

    commit = repo.commit(f"about {key('message')}")
    ledger.note("message", f".git/commit/{commit}", "history", commit)

    commit = repo.commit("by somebody", f"--author={key('author')} <a@example.invalid>")
    ledger.note("author", f".git/commit/{commit}", "history", commit)

    repo.run("notes", "add", "-m", f"note {key('note')}")
    noted = repo.run("rev-parse", "refs/notes/commits")
    path = repo.run("ls-tree", "--name-only", noted)
    ledger.note("note", path, "history", noted)

    repo.write("a.txt", f"old stash {key('older stash')}\n")
    repo.run("stash", "push", "--quiet")
    ledger.note("older stash", "a.txt", "history", repo.run("rev-parse", "refs/stash"))
    repo.write("untracked.txt", f"u {key('untracked stash')}\n")
    repo.write("a.txt", f"new stash {key('stash')}\n")
    repo.run("stash", "push", "--quiet", "--include-untracked")
    stash = repo.run("rev-parse", "refs/stash")
    ledger.note("stash", "a.txt", "history", stash)
    ledger.note("untracked stash", "untracked.txt", "history", repo.run("rev-parse", "refs/stash^3"))

    commit = repo.leak("gone.txt", f"d {key('dangling')}\n")
    repo.run("reset", "--quiet", "--hard", "HEAD~1")
    ledger.note("dangling", "gone.txt", "unreachable", commit)

    commit = repo.leak("amended.txt", f"a {key('amended')}\n")
    repo.add("amended.txt", "clean\n")
    repo.commit("amended", "--amend")
    ledger.note("amended", "amended.txt", "unreachable", commit)

    repo.run("checkout", "--quiet", "-b", "side")
    repo.leak("a.txt", "side\n", "side")
    repo.run("checkout", "--quiet", "main")
    repo.leak("a.txt", "main\n", "main")
    with contextlib.suppress(git.GitCommandError):  # it conflicts, as it should
        repo.run("merge", "--quiet", "side")
    repo.add("a.txt", f"resolved {key('merge')}\n")
    ledger.note("merge", "a.txt", "history", repo.commit("merged"))
    repo.leak("a.txt", "after the merge\n", "after")

    name = f"named-{key('file name')}.txt"
    commit = repo.leak(name, "1\n")
    repo.run("rm", "--quiet", "--", name)
    repo.commit("unnamed")
    ledger.note("file name", "named-sk_bc_ws_live_[REDACTED].txt", "history", commit)

    folder = f"in-{key('folder name')}"
    commit = repo.leak(f"{folder}/f.txt", "2\n")
    repo.run("rm", "--quiet", "-r", "--", folder)
    repo.commit("moved out")
    ledger.note("folder name", "in-sk_bc_ws_live_[REDACTED]", "history", commit)

    repo.run("branch", f"b/{key('branch')}")
    ledger.note("branch", ".git/refs/heads/b/sk_bc_ws_live_[REDACTED]", "history", None)

    repo.add("staged.txt", f"s {key('staged')}\n")
    repo.write("staged.txt", "not in the worktree\n")
    ledger.note("staged", "staged.txt", "staged", None)

    repo.add("lost.txt", f"l {key('lost blob')}\n")
    oid = repo.run("rev-parse", ":lost.txt")
    repo.run("rm", "--quiet", "--cached", "lost.txt")
    (repo.path / "lost.txt").unlink()
    ledger.note("lost blob", f".git/blob/{oid}", "unreachable", None)
    return ledger


def family(
    top: Path,
    keys: Callable[[str], str] = _by_name,
    *,
    object_format: str = "sha1",
    packed: bool = False,
) -> dict[str, Planted]:
    """A repository with all that ``plant`` plants, and what belongs to it; paths are below ``top``."""
    repo = Repo(top / "main", object_format=object_format)
    ledger = plant(repo, keys)
    key, note = ledger.key, ledger.note

    repo.run("update-ref", "--create-reflog", "-m", f"moved by {key('reflog')}", "refs/heads/logged", "HEAD")
    note("reflog", ".git/logs/refs/heads/logged", "local")

    repo.run("config", "remote.origin.url", f"https://user:{key('config')}@example.invalid/x.git")
    note("config", ".git/config", "local")

    inner = Repo(top / "inner", object_format=object_format)
    inner.git.update_environment(GIT_AUTHOR_DATE="2024-03-30T12:00:00+02:00")
    commit = inner.leak("key.txt", f"m {key('submodule')}\n")
    inner.run("rm", "--quiet", "key.txt")
    inner.commit("removed")
    repo.run("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.path), "sub")
    shutil.rmtree(inner.path)
    submodule = Planted(
        fingerprint(keys("submodule")),
        "main/sub/key.txt",
        "history",
        commit,
        "2024-03-30T12:00:00+02:00",
    )

    repo.run("worktree", "add", "--quiet", "--detach", "../linked")
    linked = Repo.__new__(Repo)
    linked.path, linked.git = top / "linked", git.Git(top / "linked")
    linked.add("own.txt", f"w {key('linked index')}\n")
    linked.write("own.txt", "not in the worktree\n")
    note("linked index", "own.txt", "staged")

    if packed:
        # Pack all, what no reference reaches included, and the references too.
        repo.run("repack", "-a", "-d", "-k", "-q")
        repo.run("pack-refs", "--all")

    # Only this file each time: what is staged stays so.
    only = ("commit", "--quiet", "-m", "borrowed", "--", "borrowed.txt")
    repo.add("borrowed.txt", f"o {key('alternate')}\n")
    repo.run(*only)
    commit = repo.run("rev-parse", "HEAD")
    oid = repo.run("rev-parse", "HEAD:borrowed.txt")
    repo.run("rm", "--quiet", "borrowed.txt")
    repo.run(*only)
    pool = top / "pool" / oid[:2]
    pool.mkdir(parents=True)
    shutil.move(repo.path / ".git/objects" / oid[:2] / oid[2:], pool)
    repo.write(".git/objects/info/alternates", "../../../pool\n")
    note("alternate", "borrowed.txt", "history", commit)

    planted = {place: replace(each, path=f"main/{each.path}") for place, each in ledger.planted.items()}
    return planted | {"submodule": submodule}
