"""A repository with old leaks adopts the tool: green for the known, red for the new, over its whole life."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import git
import pytest

from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import Ran, keyscan

BASELINE = ".boltz-keyscan-baseline"
OLD = fake_key("ws", "live", "old leak")
PAST = fake_key("admin", "live", "deleted long ago")
NEW = fake_key("ws", "live", "new leak")
LOCAL = fake_key("ws", "live", "git-ignored")


def scan(repo: Repo, *arguments: str, code: int) -> dict[str, Any]:
    """The findings by fingerprint, after a scan that ended as expected."""
    ran = keyscan(".", "--format", "json", *arguments, cwd=repo.path)
    assert ran.code == code, ran.text + ran.errors
    return {found["fingerprint"]: found for found in ran.report["findings"]}


def baseline(repo: Repo, *arguments: str, code: int = 0) -> Ran:
    ran = keyscan("baseline", *arguments, cwd=repo.path)
    assert ran.code == code, ran.text + ran.errors
    for key in (OLD, PAST, NEW, LOCAL):
        assert key not in ran.text + ran.errors
    return ran


def accepted(repo: Repo) -> list[str]:
    """The fingerprints in the baseline, as they stand there."""
    lines = (repo.path / BASELINE).read_text(encoding="utf-8").splitlines()
    return [line.split()[0] for line in lines if not line.startswith("#")]


def edited(repo: Repo, *, old: str, new: str) -> None:
    path = repo.path / BASELINE
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def adopted(repo: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A repository with a leak in HEAD, one in its past, and a baseline of both; made once, and copied."""
    made = tmp_path_factory.getbasetemp() / "adopted"
    if not made.exists():
        _adopt(repo)
        shutil.copytree(repo.path, made)
        return repo
    shutil.rmtree(repo.path)
    shutil.copytree(made, repo.path)
    return repo


def _adopt(repo: Repo) -> None:
    repo.leak("past.py", f"K = '{PAST}'\n")
    repo.run("rm", "--quiet", "past.py")
    repo.add(".gitignore", "*.env\n")
    repo.leak("old.py", f"K = '{OLD}'\n")
    repo.write("my.env", LOCAL)
    scan(repo, code=1)
    said = baseline(repo, "create", "--reason", "known before", "--by", "Ana")
    assert f"  {BASELINE} merge=union" in said.text.splitlines()
    repo.add(".gitattributes", f"{BASELINE} merge=union\n")
    repo.run("add", BASELINE)
    repo.commit("adopt boltz-keyscan")


def test_the_known_is_green_and_the_new_is_red(adopted: Repo) -> None:
    assert accepted(adopted) == sorted([fingerprint(OLD), fingerprint(PAST)])
    found = scan(adopted, code=0)
    assert found[fingerprint(OLD)]["suppression"] == {
        "kind": "baseline",
        "reason": "known before (accepted by Ana)",
        "source": f"{BASELINE}:{accepted(adopted).index(fingerprint(OLD)) + 3} (in the tree)",
        "spread": [],
    }
    # What lies in an ignored file does not fail, is not accepted, and so fails when it is committed.
    assert not found[fingerprint(LOCAL)]["blocking"]
    assert found[fingerprint(LOCAL)]["suppression"] is None
    adopted.run("add", "--force", "my.env")
    adopted.commit("oops")
    found = scan(adopted, code=1)
    assert [key for key, each in found.items() if each["blocking"]] == [fingerprint(LOCAL)]


def test_it_outlives_renames_rewritten_history_and_new_encodings(adopted: Repo) -> None:
    before = (adopted.path / BASELINE).read_bytes()
    adopted.run("mv", "old.py", "src.py")
    adopted.commit("rename")
    scan(adopted, code=0)
    adopted.leak("src.py", f"# moved down\r\n\r\nK = '{OLD}'\r\n", "CRLF")
    scan(adopted, code=0)
    adopted.leak("src.py", f"\ufeffK = '{OLD}'\n".encode(), "another encoding")
    scan(adopted, code=0)
    adopted.leak("src.py", f"K = '{OLD}'\r\n".encode("utf-16"), "an encoding of other bytes")
    places = scan(adopted, code=0)[fingerprint(OLD)]["locations"]
    assert ["utf-16le"] in [place["decoded"] for place in places]
    adopted.run("rebase", "--quiet", "--root", "--reset-author-date")
    scan(adopted, code=0)
    adopted.run("reset", "--quiet", "--soft", "HEAD~4")
    adopted.commit("squashed", "--date=2001-01-01T00:00:00Z")
    scan(adopted, code=0)
    adopted.run("checkout", "--quiet", "--orphan", "fresh")
    adopted.commit("one commit")
    adopted.run("branch", "-D", "main")
    scan(adopted, code=0)
    baseline(adopted, "update")
    # The rewritten history still holds what it held, and nothing in the file is of a place.
    assert (adopted.path / BASELINE).read_bytes() == before
    # The file itself is re-encoded by a shell, and read all the same.
    (adopted.path / BASELINE).write_bytes(before.decode().replace("\n", "\r\n").encode("utf-16"))
    scan(adopted, code=0)


def test_two_branches_that_both_add_merge_by_themselves(adopted: Repo, tmp_path: Path) -> None:
    other = tmp_path / "other"
    adopted.run("clone", "--quiet", str(adopted.path), str(other))
    keys = {name: fake_key("ws", "live", name) for name in ("main", "theirs", "both")}
    for name, repo in (("main", adopted), ("theirs", Repo(other))):
        repo.leak(f"{name}.py", f"K = '{keys[name]}'\n")
        scan(repo, code=1)
        baseline(repo, "update", "--add", "--reason", f"of {name}", "--by", "Ben")
        repo.leak("both.py", f"K = '{keys['both']}'\n")
        baseline(repo, "update", "--add", "--reason", "in the same words", "--by", "Ben")
        repo.run("add", BASELINE)
        repo.commit("accept")
        scan(repo, code=0)
    adopted.run("pull", "--quiet", "--no-rebase", "--no-edit", str(other), "main")
    everything = {fingerprint(key) for key in (OLD, PAST, *keys.values())}
    assert set(accepted(adopted)) == everything
    scan(adopted, code=0)
    baseline(adopted, "update")
    assert accepted(adopted) == sorted(everything)


def test_without_the_advice_a_conflict_is_told_as_one(adopted: Repo) -> None:
    adopted.run("rm", "--quiet", ".gitattributes")
    adopted.commit("against advice")
    for name in ("left", "right"):
        adopted.run("checkout", "--quiet", "-b", name, "main")
        edited(adopted, old="known before", new=f"as {name} sees it")
        adopted.run("add", BASELINE)
        adopted.commit("reword")
    with pytest.raises(git.GitCommandError):
        adopted.run("merge", "--quiet", "--no-edit", "left")
    ran = keyscan(".", cwd=adopted.path)
    assert ran.code == 2
    assert f"{BASELINE}:3: an unresolved merge conflict" in ran.errors
    assert "merge=union" in ran.errors


def test_two_branches_that_accept_the_same_key_merge(adopted: Repo) -> None:
    adopted.write(".gitattributes", f"{BASELINE} merge=union\n")
    adopted.add(".gitattributes", f"{BASELINE} merge=union\n")
    adopted.commit("union")
    for name, until in (("left", "forever"), ("right", "2999-12-31")):
        adopted.run("checkout", "--quiet", "-b", name, "main")
        edited(adopted, old='"known before"', new=f'"as {name} sees it"')
        edited(adopted, old="forever", new=until)
        adopted.run("add", BASELINE)
        adopted.commit("reword")
    adopted.run("merge", "--quiet", "--no-edit", "left")
    assert len(accepted(adopted)) == 2 * len(set(accepted(adopted)))
    found = scan(adopted, code=0)
    assert "as right sees it" in found[fingerprint(OLD)]["suppression"]["reason"]
    baseline(adopted, "update")
    assert len(accepted(adopted)) == len(set(accepted(adopted)))
    assert "as left sees it" not in (adopted.path / BASELINE).read_text()
    assert scan(adopted, code=0).keys() == found.keys()


def test_entries_that_match_nothing_are_named(adopted: Repo) -> None:
    adopted.add(".boltz-keyscanignore", "./old.py  # known\n\ntests/dta/**  # misspelt\n")
    gone = fingerprint(fake_key("ws", "live", "never there"))
    adopted.write(".boltz-keyscanignore", f"./old.py  # known\n\ntests/dta/**  # misspelt\n{gone}  # gone\n")
    (adopted.path / "deep").mkdir()
    (adopted.path / "deep/x.txt").write_text("nothing")
    ran = keyscan(".", "--format", "json", cwd=adopted.path)
    assert ran.report["scan"]["ground"]["unmatched"] == [
        ".boltz-keyscanignore:3 (in the tree)",
        ".boltz-keyscanignore:4 (in the tree)",
    ]
    text = keyscan(".", cwd=adopted.path).text
    assert ".boltz-keyscanignore:3 (in the tree): this entry matches no key" in text
    # A part of the repository may not have the place that an entry is for.
    for part in (
        ["--no-history"],
        ["--history-only"],
        ["--staged"],
        ["--range", "HEAD~1..HEAD"],
        ["deep"],
        ["old.py"],
    ):
        ran = keyscan(*part, "--format", "json", cwd=adopted.path)
        assert ran.report["scan"]["ground"]["unmatched"] == [], part


def test_a_new_leak_is_red_in_every_place(adopted: Repo) -> None:
    adopted.leak("new.py", f"K = '{NEW}'\n")
    found = scan(adopted, code=1)
    assert [key for key, each in found.items() if each["blocking"]] == [fingerprint(NEW)]
    # Beside a known key, in the same line, too.
    adopted.leak("old.py", f"K = '{OLD}' or '{fake_key('ws', 'live', 'same line')}'\n")
    assert fingerprint(fake_key("ws", "live", "same line")) in scan(adopted, code=1)


def test_an_acceptance_that_has_expired_blocks_and_says_so(adopted: Repo) -> None:
    edited(adopted, old=" forever", new=" 2020-02-29")
    found = scan(adopted, code=1)
    assert all(found[fingerprint(key)]["blocking"] for key in (OLD, PAST))
    said = keyscan(".", cwd=adopted.path).text
    assert "the acceptance has expired: its last day was 2020-02-29" in " ".join(said.split())
    assert "EXPIRED, in HEAD" in baseline(adopted, "show").text
    # Renewed, until a day that is still to come.
    baseline(adopted, "update", "--add", "--reason", "again", "--by", "Ana", "--until", "2999-12-31")
    assert '"again" "Ana" 2999-12-31' in (adopted.path / BASELINE).read_text(encoding="utf-8")
    scan(adopted, code=0)


def test_show_and_update_know_what_is_gone(adopted: Repo) -> None:
    adopted.run("rm", "--quiet", "old.py")
    adopted.commit("remove")
    adopted.run("checkout", "--quiet", "--orphan", "fresh")
    adopted.commit("a history without either")
    adopted.run("branch", "-D", "main")
    adopted.run("reflog", "expire", "--expire=now", "--all")
    adopted.run("gc", "--quiet", "--prune=now")
    text = baseline(adopted, "show").text
    assert text.count("no longer occurs") == 2 + text.count("drops what no longer occurs")
    # A gap may hide a key: nothing is dropped then.
    broken = adopted.path / "vendored"
    (broken / ".git").mkdir(parents=True)
    assert "Nothing was dropped" in baseline(adopted, "update", code=3).text
    assert len(accepted(adopted)) == 2
    (broken / ".git").rmdir()
    baseline(adopted, "update")
    assert accepted(adopted) == []
    scan(adopted, code=0)


def test_update_without_add_only_shrinks(adopted: Repo) -> None:
    adopted.leak("new.py", f"K = '{NEW}'\n")
    before = accepted(adopted)
    assert "1 key not accepted" in baseline(adopted, "update").text
    assert accepted(adopted) == before


def test_a_clean_clone_agrees(adopted: Repo, tmp_path: Path) -> None:
    adopted.run("clone", "--quiet", str(adopted.path), str(tmp_path / "clone"))
    scan(Repo(tmp_path / "clone"), code=0)


MISTAKES = [
    (("create",), "Missing option '--reason'"),
    (("create", "--reason", " "), "expected some words"),
    (("create", "--reason", "x"), "there is a baseline already"),
    (("create", "--reason", "x", "--until", "tomorrow"), "expected a date"),
    (("update", "--add"), "--add needs a reason"),
    (("update", "--reason", "x"), "--reason has no effect without --add"),
    (("update", "--baseline", "nowhere"), "no such baseline: nowhere"),
    (("show", "--baseline", "old.py"), "old.py:1: not a baseline"),
    (("show", "/nowhere"), "no such"),
]


def test_what_cannot_be_done_is_told(adopted: Repo) -> None:
    for arguments, words in MISTAKES:
        assert words in baseline(adopted, *arguments, code=2).errors


def test_there_is_nothing_to_show_without_one(repo: Repo) -> None:
    assert "no such baseline" in baseline(repo, "show", code=2).errors
