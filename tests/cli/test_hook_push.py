"""The push hooks and ranges, with real pushes to real repositories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import git
import pytest

from tests.hooked import CONFIG, PRE_COMMIT, call, config, push
from tests.keys import fake_key, fingerprint, short_fingerprint
from tests.repos import Repo
from tests.running import ROOT, keyscan, program, scan_json


def _hook(git_dir: Path, name: str, before: str = "") -> None:
    """A plain git hook that runs this checkout."""
    path = git_dir / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    run = f'PYTHONPATH="{ROOT}" exec {program()} hook {name} "$@"'
    path.write_text(f"#!/bin/sh\n{before}\n{run}\n")
    path.chmod(0o755)


@pytest.fixture
def server(repo: Repo, tmp_path: Path) -> Repo:
    """A bare repository that ``repo`` knows as origin and that has its first commit."""
    bare = Repo(tmp_path / "server.git", bare=True)
    repo.leak("README", "hello\n")
    repo.run("remote", "add", "origin", str(bare.path))
    repo.run("push", "-q", "origin", "main")
    return bare


@pytest.fixture(params=["pre-push", "pre-receive"])
def gate(request: pytest.FixtureRequest, repo: Repo, server: Repo) -> str:
    """Each hook in turn, installed where git looks for it."""
    name = str(request.param)
    _hook(repo.path / ".git" if name == "pre-push" else server.path, name)
    return name


@pytest.mark.usefixtures("gate")
@pytest.mark.sampled(count=1)
class TestGate:
    """What both hooks stop and let pass."""

    def test_a_clean_push_passes_with_one_line(self, repo: Repo) -> None:
        repo.leak("a.txt", "clean\n")

        passed, told = push(repo, "main")

        assert passed, told
        assert "boltz-keyscan: no key in a push of 3 objects (1 commit)" in told

    def test_a_key_is_stopped(self, repo: Repo) -> None:
        commit = repo.leak("a.txt", fake_key())

        passed, told = push(repo, "main")

        assert not passed
        assert "  a.txt:1 " in told
        assert commit[:7] in told
        assert fake_key() not in told

    def test_a_key_added_and_removed_within_the_push_is_stopped(self, repo: Repo) -> None:
        repo.leak("a.txt", fake_key())
        repo.leak("a.txt", "gone\n")

        passed, told = push(repo, "main")

        assert not passed
        assert short_fingerprint(fake_key()) in told

    def test_a_new_branch_is_looked_at_from_where_it_left(self, repo: Repo) -> None:
        repo.run("checkout", "-q", "-b", "topic")
        repo.leak("a.txt", "clean\n")

        passed, told = push(repo, "topic")

        assert passed
        assert "3 objects" in told

    def test_a_deleted_branch_is_nothing_to_look_at(self, repo: Repo) -> None:
        repo.run("push", "-q", "origin", "main:other")

        passed, told = push(repo, "--delete", "other")

        assert passed, told

    def test_a_force_push_is_looked_at(self, repo: Repo) -> None:
        repo.leak("a.txt", "clean\n")
        push(repo, "main")
        repo.run("reset", "-q", "--hard", "HEAD~1")
        repo.leak("b.txt", fake_key())

        passed, told = push(repo, "--force", "main")

        assert not passed
        assert "b.txt" in told

    def test_a_key_in_a_tag_message_is_stopped(self, repo: Repo) -> None:
        repo.run("tag", "-a", "v1", "-m", f"release {fake_key()}")

        passed, told = push(repo, "v1")

        assert not passed
        assert short_fingerprint(fake_key()) in told

    def test_a_key_in_a_branch_name_is_stopped(self, repo: Repo) -> None:
        passed, told = push(repo, f"main:refs/heads/b-{fake_key()}")

        assert not passed
        assert short_fingerprint(fake_key()) in told

    def test_a_key_the_server_has_already_does_not_stop_others(
        self, repo: Repo, gate: str, server: Repo
    ) -> None:
        hook = (repo.path / ".git" if gate == "pre-push" else server.path) / "hooks" / gate
        hook.rename(hook.with_suffix(".off"))
        repo.leak("old.txt", fake_key())
        assert push(repo, "main")[0]
        hook.with_suffix(".off").rename(hook)
        repo.leak("new.txt", "clean\n")

        passed, told = push(repo, "main")

        assert passed, told

    def test_many_references_at_once(self, repo: Repo) -> None:
        for number in range(20):
            repo.run("branch", f"b{number}")
        repo.run("checkout", "-q", "b7")
        repo.leak("a.txt", fake_key())

        passed, told = push(repo, "--all")

        assert not passed
        assert short_fingerprint(fake_key()) in told


def test_the_server_explains_the_refusal(repo: Repo, server: Repo) -> None:
    _hook(server.path, "pre-receive")
    repo.leak("a.txt", fake_key())

    _, told = push(repo, "main")

    assert (
        "remote: boltz-keyscan: PUSH REFUSED. Nothing of it was stored; the server has no key of it." in told
    )
    assert "remote rejected" in told


def test_a_server_that_hands_on_only_the_folder_of_objects(repo: Repo, server: Repo) -> None:
    """As GitLab does: its hooks get GIT_OBJECT_DIRECTORY and its alternates, not the quarantine."""
    _hook(server.path, "pre-receive", before="unset GIT_QUARANTINE_PATH")
    repo.leak("a.txt", "clean\n")
    passed, told = push(repo, "main")
    assert passed, told
    assert "3 objects" in told
    repo.leak("a.txt", fake_key())
    repo.leak("a.txt", "gone\n")

    passed, told = push(repo, "main")

    assert not passed
    assert short_fingerprint(fake_key()) in told


def test_a_server_without_a_quarantine(repo: Repo, server: Repo) -> None:
    """The objects are where all are; what was there before is not part of the push."""
    old = server.run("rev-parse", "main")
    repo.leak("old.txt", fake_key(seed="old"))
    repo.run("push", "-q", "origin", "main")
    before = server.run("rev-parse", "main")
    repo.leak("new.txt", fake_key(seed="new"))
    repo.run("push", "-q", "origin", "main:refs/heads/elsewhere")
    after = server.run("rev-parse", "refs/heads/elsewhere")
    server.run("update-ref", "-d", "refs/heads/elsewhere")
    assert old != before
    for given in (
        {},
        {"GIT_OBJECT_DIRECTORY": str(server.path / "objects")},
        {"GIT_OBJECT_DIRECTORY": "objects"},
    ):
        line = f"{before} {after} refs/heads/main\n".encode()

        ran = keyscan("hook", "pre-receive", cwd=server.path, stdin=line, env=given)

        assert ran.code == 1
        assert short_fingerprint(fake_key(seed="new")) in ran.text
        assert short_fingerprint(fake_key(seed="old")) not in ran.text


class TestReached:
    """What a new reference reaches on a server, wherever it lies there."""

    @pytest.fixture
    def left(self, repo: Repo, server: Repo) -> str:
        """A commit with a key that the server still has although no reference leads to it."""
        commit = repo.leak("a.txt", fake_key())
        repo.run("push", "-q", "origin", f"{commit}:refs/heads/gone")
        server.run("update-ref", "-d", "refs/heads/gone")
        _hook(server.path, "pre-receive")
        return commit

    @pytest.mark.usefixtures("left")
    def test_an_object_that_the_store_still_has(self, repo: Repo, server: Repo) -> None:
        passed, told = push(repo, "main:refs/heads/again")

        assert not passed
        assert short_fingerprint(fake_key()) in told
        assert "  a.txt:1 " in told
        assert server.run("for-each-ref", "--format=%(refname)") == "refs/heads/main"

    @pytest.mark.usefixtures("left")
    @pytest.mark.parametrize("what", ["HEAD:a.txt", "HEAD^{tree}"])
    @pytest.mark.parametrize("annotated", [False, True])
    @pytest.mark.sampled
    def test_a_blob_or_tree_that_only_a_tag_names(self, repo: Repo, what: str, *, annotated: bool) -> None:
        repo.run("tag", *(("-a", "-m", "of it") if annotated else ()), "it", what)

        passed, told = push(repo, "it")

        assert not passed
        assert short_fingerprint(fake_key()) in told

    def test_an_object_that_only_a_fork_has(self, repo: Repo, server: Repo, tmp_path: Path) -> None:
        """Forks share a store, and not their references."""
        shared = Repo(tmp_path / "shared.git", bare=True)
        repo.leak("a.txt", fake_key())
        repo.run("push", "-q", str(shared.path), "main:refs/heads/fork")
        alternates = server.path / "objects" / "info" / "alternates"
        alternates.write_text(f"{shared.path}/objects\n")
        _hook(server.path, "pre-receive")

        passed, told = push(repo, "main")

        assert not passed
        assert short_fingerprint(fake_key()) in told

    def test_what_a_reference_reached_before_is_not_new(self, repo: Repo, server: Repo, left: str) -> None:
        server.run("update-ref", "refs/keep/it", left)

        passed, told = push(repo, "main:refs/heads/again")

        assert passed, told
        assert "no key in a push of 0 objects" in told


def test_a_key_in_a_tag_of_a_tag_is_stopped(repo: Repo, server: Repo) -> None:
    _hook(server.path, "pre-receive")
    repo.run("tag", "-a", "v1", "-m", f"release {fake_key()}")
    repo.run("-c", "advice.nestedTag=false", "tag", "-a", "v2", "-m", "again", "v1")

    passed, told = push(repo, "v2")

    assert not passed
    assert short_fingerprint(fake_key()) in told


def test_a_tag_of_a_tag_in_a_whole_scan(repo: Repo) -> None:
    repo.leak("README", "hello\n")
    repo.run("tag", "-a", "v1", "-m", f"release {fake_key()}")
    repo.run("-c", "advice.nestedTag=false", "tag", "-a", "v2", "-m", "again", "v1")
    repo.run("tag", "-d", "v1")

    [finding] = scan_json(".", cwd=repo.path)["findings"]

    assert (finding["exposure"], finding["blocking"]) == ("history", True)


def test_names_given_to_pre_commit_by_hand(repo: Repo) -> None:
    first = repo.leak("README", "hello\n")
    repo.run("branch", "before", first)
    repo.leak("a.txt", fake_key())
    given = {"PRE_COMMIT_FROM_REF": "before", "PRE_COMMIT_TO_REF": "HEAD", "PRE_COMMIT_REMOTE_NAME": "o"}

    ran = keyscan("hook", "pre-push", cwd=repo.path, env=given)
    assert ran.code == 1, ran
    repo.run("tag", "before", "HEAD")
    ran = keyscan("hook", "pre-push", cwd=repo.path, env=given)

    assert ran.code == 2
    assert "refs/tags/before or refs/heads/before" in ran.errors


def test_under_pre_commit_the_variables_say_what_is_pushed(repo: Repo) -> None:
    first = repo.leak("README", "hello\n")
    second = repo.leak("a.txt", fake_key())
    given = {
        "PRE_COMMIT_FROM_REF": first,
        "PRE_COMMIT_TO_REF": second,
        "PRE_COMMIT_REMOTE_NAME": "origin",
        "PRE_COMMIT_LOCAL_BRANCH": "refs/heads/main",
        "PRE_COMMIT_REMOTE_BRANCH": "refs/heads/main",
    }

    ran = keyscan("hook", "pre-push", cwd=repo.path, env=given)

    assert ran.code == 1
    assert "  a.txt:1 " in ran.text


def test_through_the_real_pre_commit(repo: Repo, server: Repo) -> None:
    (repo.path.parent / CONFIG).write_text(config(), encoding="utf-8")
    installed = call(repo.path, *PRE_COMMIT, "install", "--config", f"../{CONFIG}", "--hook-type", "pre-push")
    assert installed.code == 0, installed
    repo.leak("a.txt", "clean\n")
    passed, told = push(repo, "main")
    assert passed, told
    repo.leak("a.txt", fake_key())
    repo.leak("a.txt", "gone\n")

    passed, told = push(repo, "main")

    assert not passed
    assert short_fingerprint(fake_key()) in told
    assert server.run("log", "-1", "--format=%s", "main") == "leak"


def test_the_first_push_of_all_through_pre_commit(repo: Repo, tmp_path: Path) -> None:
    """Of a whole history it tells the hook no commits (its hook_impl.py, _pre_push_ns)."""
    (repo.path.parent / CONFIG).write_text(config(), encoding="utf-8")
    server = Repo(tmp_path / "server.git", bare=True)
    repo.run("remote", "add", "origin", str(server.path))
    call(repo.path, *PRE_COMMIT, "install", "--config", f"../{CONFIG}", "--hook-type", "pre-push")
    repo.leak("a.txt", fake_key())
    repo.leak("a.txt", "gone\n")
    repo.run("tag", "-a", "v1", "-m", f"with {fake_key(seed='tag')}")

    for pushed, key in (
        ("main", fake_key()),
        ("HEAD~1:refs/heads/x", fake_key()),
        ("v1", fake_key(seed="tag")),
    ):
        passed, told = push(repo, pushed)

        assert not passed, pushed
        assert short_fingerprint(key) in told


@pytest.mark.parametrize("leaks", [False, True])
def test_the_push_hook_called_by_hand_through_pre_commit(repo: Repo, *, leaks: bool) -> None:
    repo.leak("README", "hello\n")
    repo.leak("a.txt", fake_key() if leaks else "clean\n")

    ran = keyscan("hook", "pre-push", cwd=repo.path, env={"PRE_COMMIT": "1"})

    assert ran.code == int(leaks)
    assert leaks or ran.text.startswith("boltz-keyscan: no key in a push of 6 objects")


def test_input_that_is_not_gits_is_refused(repo: Repo) -> None:
    ran = keyscan("hook", "pre-push", "origin", "url", cwd=repo.path, stdin=b"nonsense\n")

    assert ran.code == 2
    assert ran.errors.startswith("error: standard input is not what git writes to this hook\n")


class TestRange:
    """Parts of a history on the command line."""

    def test_only_what_the_range_brought_is_found(self, repo: Repo) -> None:
        repo.leak("old.txt", fake_key(seed="old"))
        base = repo.run("rev-parse", "HEAD")
        commit = repo.leak("new.txt", fake_key(seed="new"))
        repo.run("rm", "-q", "new.txt")
        repo.commit("removed")

        for arguments in (("--range", f"{base}..HEAD"), ("--since", base), ("--range", "HEAD~2..")):
            [finding] = scan_json(*arguments, ".", cwd=repo.path)["findings"]
            assert finding["fingerprint"] == fingerprint(fake_key(seed="new"))
            assert [(where["path"], where["commit"]) for where in finding["locations"]] == [
                ("new.txt", commit)
            ]

    @pytest.mark.parametrize("name", ["no-such-branch", "--output=x", "HEAD~99", "a b", ""])
    def test_an_unknown_revision_is_an_error_and_never_an_empty_scan(self, repo: Repo, name: str) -> None:
        repo.leak("a.txt", "x\n")

        ran = keyscan("--range", f"{name or 'v0'}..HEAD", ".", cwd=repo.path)

        assert ran.code == 2
        assert ran.errors.startswith(f"error: unknown revision: {name or 'v0'}\n")
        assert not (repo.path / "x").exists()

    @pytest.mark.parametrize("expression", ["HEAD", "a...b"])
    def test_what_is_no_range_is_said(self, repo: Repo, expression: str) -> None:
        repo.leak("a.txt", "x\n")

        ran = keyscan("--range", expression, ".", cwd=repo.path)

        assert (ran.code, ran.errors.splitlines()[0]) == (2, f"error: not a range: {expression}")

    def test_tags_and_branches_are_names_for_it(self, repo: Repo) -> None:
        repo.leak("a.txt", "x\n")
        repo.run("tag", "-a", "v1", "-m", "one")
        repo.run("pack-refs", "--all")
        repo.leak("b.txt", fake_key())

        report = scan_json("--since", "v1", ".", cwd=repo.path)

        assert len(report["findings"]) == 1

    def test_a_reference_called_like_a_commit_is_not_taken_for_it(self, repo: Repo) -> None:
        base = repo.leak("a.txt", "x\n")
        head = repo.leak("b.txt", fake_key())
        repo.run("update-ref", f"refs/tags/{base}", head)
        repo.run("update-ref", f"refs/heads/{head}", base)

        for arguments in (("--range", f"{base}..{head}"), ("--since", base), ("--range", f"{base}..")):
            ran = keyscan(*arguments, ".", cwd=repo.path)
            assert ran.code == 1, ran
        (repo.path / ".boltz-keyscanignore").write_text("b.txt  # mine\n")
        repo.run("add", ".")
        excuse = repo.commit("excuse")
        repo.run("update-ref", f"refs/tags/{base}", excuse)
        assert keyscan(".", "--no-cache", "--trust", f"base:{base}", cwd=repo.path).code == 1

    @pytest.mark.parametrize(
        "arguments",
        [("--range", "x..HEAD"), ("--since", "x"), ("--trust", "base:x"), ("--trust", "base:x~0")],
    )
    def test_a_name_with_two_meanings_is_an_error(self, repo: Repo, arguments: tuple[str, str]) -> None:
        repo.leak("a.txt", "x\n")
        repo.run("branch", "x")
        repo.run("tag", "x")

        ran = keyscan(*arguments, ".", "--no-cache", cwd=repo.path)

        assert ran.code == 2
        assert ran.errors == (
            "error: ambiguous revision: x can mean refs/tags/x or refs/heads/x\n"
            "help: Give the full name, such as refs/heads/x, or the full commit id.\n"
        )
        assert (
            keyscan(*arguments[:1], arguments[1].replace("x", "refs/heads/x"), ".", cwd=repo.path).code == 0
        )

    def test_the_message_of_the_tag_at_its_end(self, repo: Repo) -> None:
        base = repo.leak("a.txt", "x\n")
        repo.run("tag", "-a", "v1", "-m", f"release {fake_key(seed='v1')}")
        repo.run("-c", "advice.nestedTag=false", "tag", "-a", "v2", "-m", "again", "v1")
        repo.run("tag", "-a", "blob", "-m", f"blob {fake_key(seed='blob')}", "HEAD:a.txt")
        repo.run("tag", "-d", "v1")

        for end, seed in (("v2", "v1"), ("refs/tags/v2", "v1"), ("blob", "blob")):
            report = scan_json("--range", f"{base}..{end}", ".", cwd=repo.path)
            assert [(key["fingerprint"], key["blocking"]) for key in report["findings"]] == [
                (fingerprint(fake_key(seed=seed)), True)
            ]
        assert scan_json("--range", f"{base}..v2^{{}}", ".", cwd=repo.path)["findings"] == []

    @pytest.mark.parametrize("what", ["HEAD:b.txt", "HEAD^{tree}"])
    def test_a_tag_that_names_a_blob_or_tree(self, repo: Repo, what: str) -> None:
        base = repo.leak("a.txt", "x\n")
        repo.leak("b.txt", fake_key())
        repo.run("tag", "light", what)
        repo.run("tag", "-a", "heavy", "-m", "of it", what)

        for end in ("light", "heavy"):
            assert keyscan("--range", f"{base}..{end}", ".", cwd=repo.path).code == 1

    def test_what_is_staged(self, repo: Repo) -> None:
        repo.leak("a.txt", fake_key(seed="committed"))
        repo.add("b.txt", fake_key(seed="staged"))
        repo.write("c.txt", fake_key(seed="untracked"))

        report = scan_json("--staged", cwd=repo.path)

        assert {finding["fingerprint"] for finding in report["findings"]} == {
            fingerprint(fake_key(seed="staged"))
        }

    def test_two_choices_are_refused(self, repo: Repo) -> None:
        ran = keyscan("--staged", "--since", "HEAD", cwd=repo.path)

        assert (ran.code, ran.errors.splitlines()[0]) == (2, "error: --since chooses what to scan")


def gaps(report: Any) -> list[tuple[str, bool]]:
    return [(gap["reason"], gap["by_design"]) for gap in report["gaps"]]


class TestIncomplete:
    """Ranges and pushes of clones that do not have everything."""

    @pytest.fixture
    def origin(self, tmp_path: Path) -> Repo:
        """Three commits; the second has a key that the third takes away."""
        origin = Repo(tmp_path / "origin")
        origin.run("config", "uploadpack.allowFilter", "true")
        origin.leak("a.txt", "x\n")
        origin.leak("k.txt", fake_key())
        origin.run("rm", "-q", "k.txt")
        origin.commit("gone")
        return origin

    @staticmethod
    def clone(origin: Repo, *options: str) -> Repo:
        path = origin.path.parent / "clone"
        origin.run("clone", "-q", *options, origin.path.as_uri(), str(path))
        return Repo.there(path)

    @pytest.mark.parametrize("left_out", ["blob:none", "tree:0"])
    def test_a_range_of_a_partial_clone(self, origin: Repo, left_out: str) -> None:
        clone = self.clone(origin, f"--filter={left_out}")

        for arguments in (("--range", "HEAD~2..HEAD"), ("--since", "HEAD~2")):
            ran = keyscan(*arguments, ".", "--format", "json", cwd=clone.path)

            assert ran.code == 3, ran
            assert gaps(ran.report) == [("partial-clone", False)]
            assert "a clone without --filter has them" in ran.report["gaps"][0]["detail"]
            assert ran.report["scan"]["receipt"]["objects_missing"] > 0

    def test_a_range_of_which_a_partial_clone_has_everything(self, origin: Repo) -> None:
        clone = self.clone(origin, "--filter=blob:none")
        base = clone.run("rev-parse", "HEAD")
        clone.leak("b.txt", "clean\n")
        assert keyscan("--since", base, ".", "--require-complete", cwd=clone.path).code == 0
        clone.leak("c.txt", fake_key(seed="new"))
        assert keyscan("--since", base, ".", "--require-complete", cwd=clone.path).code == 1

    @pytest.mark.parametrize("claims", [False, True])
    def test_an_object_that_a_whole_clone_lost(self, origin: Repo, *, claims: bool) -> None:
        """Also where its configuration says that it was left out: that is the repository's word."""
        clone = self.clone(origin)
        blob = clone.run("rev-parse", "HEAD~1:k.txt")
        _unpack(clone)
        (clone.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
        if claims:
            clone.run("config", "extensions.partialClone", "origin")
            clone.run("config", "core.repositoryFormatVersion", "1")

        ran = keyscan("--range", "HEAD~2..HEAD", ".", "--format", "json", cwd=clone.path)

        assert ran.code == 3, ran
        assert gaps(ran.report) == [("partial-clone" if claims else "object-store", False)]
        assert claims or "git fsck" in ran.report["gaps"][0]["detail"]

    def test_a_commit_that_a_whole_clone_lost(self, origin: Repo) -> None:
        clone = self.clone(origin)
        commit = clone.run("rev-parse", "HEAD")
        _unpack(clone)
        base = clone.run("rev-parse", "HEAD~2")
        for lost in (clone.run("rev-parse", "HEAD~1"), commit):
            (clone.path / ".git" / "objects" / lost[:2] / lost[2:]).unlink()

            ran = keyscan("--range", f"{base}..HEAD", ".", "--format", "json", cwd=clone.path)

            assert ran.code == 3, ran
            assert ("object-store", False) in gaps(ran.report)
            assert "git fsck" in ran.text

    @pytest.mark.parametrize(
        "expression", ["HEAD~2..HEAD", "HEAD~1..HEAD", "v0..HEAD", "HEAD~2..HEAD~1", f"{'a' * 40}..HEAD"]
    )
    def test_a_range_that_a_shallow_clone_has_not(self, origin: Repo, expression: str) -> None:
        origin.run("tag", "v0", "HEAD~2")
        clone = self.clone(origin, "--depth=1")

        ran = keyscan("--range", expression, ".", "--format", "json", cwd=clone.path)

        assert ran.code == 3, ran
        assert {reason for reason, by_design in gaps(ran.report) if not by_design} == {"shallow"}
        assert "git fetch --unshallow" in ran.report["gaps"][0]["detail"]

    def test_a_range_that_ends_at_a_boundary_within_it(self, origin: Repo) -> None:
        """Two commits that were fetched alone: nobody knows what lies between."""
        clone = self.clone(origin, "--depth=1")
        base = origin.run("rev-parse", "HEAD~2")
        origin.run("config", "uploadpack.allowAnySHA1InWant", "true")
        clone.run("fetch", "-q", "--depth=1", "origin", base)

        ran = keyscan("--range", f"{base}..HEAD", ".", "--format", "json", cwd=clone.path)

        assert ran.code == 3, ran
        assert gaps(ran.report) == [("shallow", False)]

    def test_a_range_of_which_a_shallow_clone_has_everything(self, origin: Repo) -> None:
        clone = self.clone(origin, "--depth=1")
        base = clone.run("rev-parse", "HEAD")
        clone.leak("b.txt", "clean\n")

        ran = keyscan("--since", base, ".", "--format", "json", cwd=clone.path)

        assert (ran.code, gaps(ran.report)) == (0, [("shallow", True)])

    @pytest.mark.parametrize("option", ["--filter=blob:none", "--filter=tree:0", "--depth=1"])
    def test_a_push_from_such_a_clone(self, origin: Repo, option: str) -> None:
        """What is new is here; a remote of which nothing is known may lack all that is not."""
        clone = self.clone(origin, option)
        head = clone.leak("b.txt", "clean\n")
        line = f"refs/heads/main {head} refs/heads/main {'0' * 40}\n".encode()

        assert keyscan("hook", "pre-push", "origin", "u", cwd=clone.path, stdin=line).code == 0
        ran = keyscan("hook", "pre-push", "elsewhere", "u", cwd=clone.path, stdin=line)

        assert ran.code == 3, ran
        assert ("git fetch --unshallow" if "depth" in option else "without --filter") in " ".join(
            ran.text.split()
        )

    def test_trust_in_a_commit_that_a_shallow_clone_has_not(self, origin: Repo) -> None:
        clone = self.clone(origin, "--depth=1")

        ran = keyscan(".", "--trust", "base:HEAD~2", cwd=clone.path)

        assert ran.code == 2
        assert "git fetch --unshallow" in ran.errors


def _unpack(repo: Repo) -> None:
    """Give every object of a fresh clone a file of its own."""
    [pack] = (repo.path / ".git" / "objects" / "pack").glob("*.pack")
    aside = pack.rename(repo.path.parent / pack.name)
    pack.with_suffix(".idx").unlink()
    with aside.open("rb") as stream:
        repo.run("unpack-objects", "-q", istream=stream)


def test_the_repositorys_configuration_does_not_run(repo: Repo, server: Repo, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    repo.leak("a.txt", fake_key())
    head = repo.run("rev-parse", "HEAD")
    for key in ("core.fsmonitor", "diff.external", "core.pager", "core.sshCommand"):
        git.Git(repo.path).config(key, str(program))
    line = f"refs/heads/main {head} refs/heads/main {'0' * 40}\n".encode()

    ran = keyscan("hook", "pre-push", "origin", str(server.path), cwd=repo.path, stdin=line)

    assert ran.code == 1
    assert not marker.exists()
