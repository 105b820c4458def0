"""What hooks let pass, and whose word they take for it; the same for several targets and odd repositories."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.hooked import Guarded
from tests.keys import fake_key, fingerprint, short_fingerprint
from tests.repos import Repo
from tests.running import Ran, keyscan

BASELINE = ".boltz-keyscan-baseline"
IGNORES = ".boltz-keyscanignore"
KEY = fake_key("ws", "test", "accepted")
OTHER = fake_key("ws", "live", "not accepted")
ZERO = "0" * 40


def accepting(*keys: str, until: str = "forever") -> str:
    lines = [f'{fingerprint(key)} boltz-workspace-live-key "x" "known" "Ana" {until}\n' for key in keys]
    return "# boltz-keyscan baseline 1\n" + "".join(lines)


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    guarded = Guarded(tmp_path / "repo", "plain")
    guarded.write(BASELINE, accepting(KEY))
    guarded.add("a.py", f"K = '{KEY}'\n")
    return guarded


class TestPreCommit:
    def test_what_is_accepted_passes_and_is_told(self, guarded: Guarded) -> None:
        ran = guarded.try_git("commit", "-m", "known")
        assert ran.code == 0
        told = ran.text + ran.errors
        spread = f"accepted key {short_fingerprint(KEY)}, now also in a.py:1; it passes by "
        line = f"{spread}baseline: known (accepted by Ana)"
        assert line in told
        assert "no key in" not in told
        # The file that accepts it has to go along, or CI does not know it.
        unsaved = f"{BASELINE} accepts a key here and is not"
        assert f"{unsaved} staged: git add {BASELINE}; CI and others do not have it" in told
        push = f"refs/heads/main {guarded.tip().decode().strip()} refs/heads/main {ZERO}\n".encode()
        ran = keyscan("hook", "pre-push", "origin", "url", cwd=guarded.path, stdin=push)
        assert (ran.code, f"{unsaved} committed" in ran.text) == (0, True)
        guarded.write(BASELINE, accepting(KEY).replace('"x"', '"a.py"'))
        guarded.run("add", BASELINE)
        guarded.commit("the baseline")
        ran = keyscan("hook", "pre-push", "origin", "url", cwd=guarded.path, stdin=push)
        assert f"accepted key {short_fingerprint(KEY)} in a.py:1; it passes" in ran.text
        assert unsaved not in ran.text

    def test_what_is_not_does_not(self, guarded: Guarded) -> None:
        guarded.add("a.py", f"K = '{OTHER}'\n")
        guarded.stops("commit", "-m", "new", key=OTHER, at="a.py:1:6")

    def test_none_and_a_named_baseline(self, guarded: Guarded, tmp_path: Path) -> None:
        assert guarded.hook("--trust", "none").code == 1
        assert guarded.hook("--trust", "none", "--baseline", BASELINE).code == 0
        (tmp_path / "empty").write_text(accepting())
        assert guarded.hook("--baseline", "../empty").code == 1
        assert guarded.hook("--trust", "base:main").code == 2
        assert guarded.hook(env={"CI": "true"}).code == 1

    def test_from_a_folder_below(self, guarded: Guarded) -> None:
        guarded.write(BASELINE, accepting())
        guarded.write(IGNORES, "/a.py  # made up\n")
        (guarded.path / "sub").mkdir()
        assert guarded.hook(cwd=guarded.path / "sub").code == 0
        guarded.write(IGNORES, "/sub/a.py  # another\n")
        assert guarded.hook(cwd=guarded.path / "sub").code == 1

    def test_a_broken_file_stops_a_commit_with_a_key_and_no_other(self, guarded: Guarded) -> None:
        guarded.write(BASELINE, "broken")
        ran = guarded.hook()
        assert ran.code == 2
        assert f"{BASELINE}:1: " in ran.errors
        guarded.add("a.py", "nothing\n")
        assert guarded.hook().code == 0

    def test_the_configuration_does_not_soften_it(self, guarded: Guarded) -> None:
        guarded.write(BASELINE, accepting())
        guarded.write("boltz-keyscan.toml", 'fail-on = "never"\nno-history = true\n')
        assert guarded.hook().code == 1


class TestPushes:
    def test_pre_push_takes_the_tree_s_word(self, guarded: Guarded) -> None:
        oid = guarded.commit()
        line = f"refs/heads/main {oid} refs/heads/main {ZERO}\n".encode()
        assert keyscan("hook", "pre-push", "origin", "x", stdin=line, cwd=guarded.path).code == 0
        refused = keyscan("hook", "pre-push", "--trust", "none", "origin", "x", stdin=line, cwd=guarded.path)
        assert refused.code == 1

    def test_pre_receive_takes_that_of_the_default_branch_before_the_push(
        self, repo: Repo, tmp_path: Path
    ) -> None:
        server = Repo(tmp_path / "server.git", bare=True)
        assert keyscan("hook", "install", "pre-receive", cwd=server.path).code == 0
        hook = server.path / "hooks" / "pre-receive"
        hook.write_text(hook.read_text().replace("exec ", f"PYTHONPATH='{Path(__file__).parents[2]}' exec "))

        def push(name: str) -> bool:
            ran = repo.git.execute(
                ["git", "push", str(server.path), name], with_extended_output=True, with_exceptions=False
            )
            return ran[0] == 0

        repo.leak("a.py", f"K = '{KEY}'\n")
        repo.add(BASELINE, accepting(KEY))
        repo.commit("leak and excuse in one push")
        assert not push("main")
        repo.run("reset", "--quiet", "--hard", "HEAD~1")
        repo.run("update-ref", "-d", "HEAD")
        repo.run("rm", "--quiet", "--cached", "a.py")
        repo.add(BASELINE, accepting(KEY))
        repo.commit("accept it first")
        assert push("main")
        repo.run("checkout", "--quiet", "-b", "feature")
        repo.leak("a.py", f"K = '{KEY}'\n")
        assert push("feature")
        repo.add(BASELINE, accepting(KEY, OTHER))
        repo.commit("an excuse on a branch of one's own")
        assert push("feature")
        repo.leak("b.py", f"K = '{OTHER}'\n")
        assert not push("feature")


def blocking(*arguments: str, cwd: Path) -> set[str]:
    ran = keyscan(*arguments, "--fail-on", "any", "--format", "json", cwd=cwd)
    assert ran.code in {0, 1}, ran.errors
    return {found["fingerprint"] for found in ran.report["findings"] if found["blocking"]}


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two repositories with the same key; the first accepts it."""
    for name in ("one", "two"):
        made = Repo(tmp_path / name)
        made.leak("sub/a.py", f"K = '{KEY}'\n")
    Repo(tmp_path / "one").leak(BASELINE, accepting(KEY))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "passes"),
    [
        (("one",), True),
        (("two",), False),
        (("one", "two"), False),
        (("one", "one/sub/a.py", "one/sub"), True),
        ((".",), False),
        (("one", "two", "--baseline", f"one/{BASELINE}"), True),
        (("one", "--trust", "base:HEAD"), True),
        (("one", "--trust", "base:HEAD~1"), False),
        (("one", "--trust", "base:HEAD", "--baseline", f"one/{BASELINE}"), True),
        (("one/sub", "--trust", "base:HEAD"), True),
        (("one/sub/a.py", "--trust", "base:main"), True),
        (("one", "--range", "HEAD~1..HEAD"), True),
        (("one", "--since", "HEAD~1", "--trust", "base:HEAD"), True),
    ],
)
def test_each_tree_speaks_for_itself(two: Path, arguments: tuple[str, ...], *, passes: bool) -> None:
    assert blocking(*arguments, cwd=two) == (set() if passes else {fingerprint(KEY)})


def test_standard_input_goes_by_the_current_folder(two: Path) -> None:
    text = f"K = '{KEY}'\n".encode()
    for folder, code in (("one", 0), ("two", 1)):
        assert keyscan("-", "--fail-on", "any", stdin=text, cwd=two / folder).code == code


def test_globs_count_from_their_file_wherever_the_scan_begins(two: Path) -> None:
    (two / "two" / IGNORES).write_text("sub/*.py  # made up\n")
    for arguments, cwd in (
        (("two",), two),
        ((".",), two / "two"),
        (("sub",), two / "two"),
        ((".",), two / "two" / "sub"),
        (("sub/a.py",), two / "two"),
        (("two", "one"), two),
    ):
        assert blocking(*arguments, cwd=cwd) == set(), arguments
    assert blocking("sub", "--trust", "base:HEAD", cwd=two / "two") == {fingerprint(KEY)}


@pytest.mark.parametrize("configured", [False, True])
def test_in_a_part_of_a_history_paths_count_from_its_root(repo: Repo, *, configured: bool) -> None:
    repo.leak("sub/nothing.py", "\n")
    repo.leak("sub/a.py", f"K = '{KEY}'\n")
    repo.write("sub/b.py", f"K = '{OTHER}'\n")
    repo.run("add", "sub/b.py")
    repo.write(IGNORES, "/sub/?.py  # made up\n")
    for option, value in (("since", '"HEAD~1"'), ("range", '"HEAD~1..HEAD"'), ("staged", "true")):
        given = () if configured else (f"--{option}", *((value.strip('"'),) if value[0] == '"' else ()))
        repo.write("boltz-keyscan.toml", f"{option} = {value}\n" if configured else "")
        for cwd in (repo.path, repo.path / "sub") if option == "staged" else (repo.path,):
            ran = keyscan(*given, "--fail-on", "any", "--no-cache", cwd=cwd)
            assert ran.code == 0, ran.text + ran.errors
            assert "1 key suppressed" in ran.text


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_base_in_odd_repositories(tmp_path: Path, object_format: str) -> None:
    made = Repo(tmp_path / "repo", object_format=object_format)
    made.leak("a.py", f"# boltz-keyscan: ignore=made up\nK = '{KEY}'\n")
    made.leak("b.py", f"K = '{OTHER}'\n")
    made.leak("config/known", accepting(OTHER))
    made.leak("boltz-keyscan.toml", 'baseline = "config/known"\n')
    made.run("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"), "HEAD~3")
    made.run("clone", "--quiet", "--bare", str(made.path), str(tmp_path / "bare.git"))
    (tmp_path / "way").symlink_to(made.path)
    for folder in ("repo", "linked", "bare.git", "way") if object_format == "sha1" else ("repo", "bare.git"):
        assert blocking(folder, "--trust", "base:main", cwd=tmp_path) == set(), folder
    assert blocking(".", "--trust", "base:main", cwd=tmp_path / "way") == set()
    assert fingerprint(OTHER) in blocking("linked", "--trust", "base:main~2", "--no-config", cwd=tmp_path)


def test_a_comment_counts_under_base_only_beside_the_same_key_in_the_same_file(repo: Repo) -> None:
    repo.leak("a.py", f"K = '{KEY}'  # boltz-keyscan: ignore\n")
    assert blocking(".", "--trust", "base:main", cwd=repo.path) == set()
    repo.run("mv", "a.py", "b.py")
    repo.commit("as another file")
    assert blocking(".", "--trust", "base:main~1", cwd=repo.path) == {fingerprint(KEY)}
    # Nor does a name that git could take for a pattern make it the same one.
    repo.run("reset", "--quiet", "--hard", "main~1")
    for name in (":(top)a.py", "a.p*"):
        repo.write(name, f"K = '{KEY}'  # boltz-keyscan: ignore\n")
        assert blocking(".", "--trust", "base:main", cwd=repo.path) == {fingerprint(KEY)}
        (repo.path / name).unlink()


@pytest.mark.parametrize("form", ["base64", "utf-16", "hex"])
def test_a_comment_counts_beside_a_key_in_disguise_too(repo: Repo, form: str) -> None:
    admin = fake_key("admin", "live", "in disguise")

    def leak(key: str, remark: str) -> None:
        shown = {"base64": base64.b64encode(key.encode()).decode(), "hex": key.encode().hex(), "utf-16": key}
        text = f"kind: Secret\ntoken: {shown[form]}  # {remark}\n"
        repo.leak("secret.yaml", text.encode("utf-16" if form == "utf-16" else "utf-8"))

    leak(KEY, "boltz-keyscan: ignore=made up")
    assert blocking(".", cwd=repo.path) == blocking(".", "--trust", "base:main", cwd=repo.path) == set()
    assert blocking(".", "--trust", "none", cwd=repo.path) == {fingerprint(KEY)}
    leak(OTHER, "boltz-keyscan: ignored")
    assert blocking(".", cwd=repo.path) == {fingerprint(OTHER)}
    leak(admin, "boltz-keyscan: ignore")
    report = keyscan(".", "--history-only", "--format", "json", cwd=repo.path).report
    (found,) = (each for each in report["findings"] if each["fingerprint"] == fingerprint(admin))
    assert found["blocking"]
    assert [each["refused"] for each in found["excuses"]] == [
        "a comment alone never suppresses a live admin key"
    ]


def test_what_is_suppressed_is_kept_and_counted_in_every_form(repo: Repo) -> None:
    repo.leak("a.py", f"K = '{OTHER}'  # boltz-keyscan: ignore=made up\n")

    def said(*arguments: str) -> Ran:
        ran = keyscan(".", *arguments, cwd=repo.path)
        assert ran.code == 0
        return ran

    key, words = fingerprint(OTHER), "inline: made up [a.py:1]"
    assert "Suppressed (inline)" not in said().text
    assert f"1 key suppressed, shown with -v:\n        {short_fingerprint(OTHER)} {words}\n" in said().text
    assert "  Suppressed (inline): made up [a.py:1]\n" in said("-v").text
    used = {"fingerprint": key, "kind": "inline", "reason": "made up", "source": "a.py:1"}
    report = said("--format", "json").report
    assert (report["scan"]["receipt"]["suppressed"], report["scan"]["receipt"]["suppressions"]) == (1, [used])
    del used["fingerprint"]
    assert report["findings"][0]["suppression"] == {**used, "spread": []}
    for drop, left in (((), 1), (("--sarif-drop-suppressed",), 0)):
        assert len(said("--format", "sarif", *drop).report["runs"][0]["results"]) == left


HELD = fake_key("admin", "live", "in the files of triage")


def test_what_the_files_say_is_shown_without_keys(repo: Repo) -> None:
    repo.add("a.py", f"K = '{KEY}'  # boltz-keyscan: ignore=like {HELD}\n")
    repo.add("b.py", f"K = '{OTHER}'\n")
    repo.add(IGNORES, f"b.py  # as {HELD}\nc.py  # x\n")
    repo.commit()
    for arguments in (("-v",), ("--format", "json"), ("--format", "sarif"), ("explain", fingerprint(OTHER))):
        ran = keyscan(*arguments, cwd=repo.path)
        assert b"as sk_bc_admin_live_[REDACTED]" in ran.out
        assert HELD.encode() not in ran.out + ran.err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (BASELINE, f"{HELD}\n"),
        (BASELINE, f"# boltz-keyscan baseline 1\n{HELD}\n"),
        (BASELINE, accepting(KEY, until=HELD)),
        (IGNORES, f"{HELD}\n"),
        (IGNORES, f"!{HELD}  # x\n"),
        (IGNORES, f"bk1:{HELD}  # x\n"),
    ],
)
def test_what_is_broken_is_told_without_keys(repo: Repo, name: str, text: str) -> None:
    repo.add(name, text)
    ran = keyscan(repo.path)
    assert ran.code == 2
    assert f"{name}:" in ran.errors
    assert HELD not in ran.errors
