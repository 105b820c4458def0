"""A change that edits every way to be excused at once, and what each trust makes of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan.ci_detection import VARIABLES
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import keyscan

BASELINE = ".boltz-keyscan-baseline"
IGNORES = ".boltz-keyscanignore"
CONFIG = "boltz-keyscan.toml"

KNOWN = fake_key("ws", "live", "known on main")
REMARKED = fake_key("ws", "live", "remarked on main")
LEAK = fake_key("ws", "live", "the pull request's")
ADMIN = fake_key("admin", "live", "the pull request's")
LEAKS = {fingerprint(LEAK), fingerprint(ADMIN)}

HEADER = "# boltz-keyscan baseline 1\n"


def entry(key: str, rule: str = "boltz-workspace-live-key") -> str:
    return f'{fingerprint(key)} {rule} "x" "trust me" "Mallory" forever\n'


def main(repo: Repo) -> None:
    """The target branch: one key accepted, one with a comment."""
    repo.add("old.py", f"K = '{KNOWN}'\n")
    repo.add("test_x.py", f"K = '{REMARKED}'  # boltz-keyscan: ignore=made up\n")
    repo.add(BASELINE, HEADER + entry(KNOWN))
    repo.add("pyproject.toml", '[project]\nname = "x"\n')
    repo.commit("main")


def attack(repo: Repo) -> None:
    """Everything at once, committed on a branch."""
    repo.run("checkout", "--quiet", "-b", "pull-request")
    repo.add(
        "leak.py",
        f"# boltz-keyscan: ignore=nothing to see\nK = '{LEAK}'  # boltz-keyscan: ignore gitleaks:allow\n",
    )
    repo.add("admin.py", f"K = '{ADMIN}'  # boltz-keyscan: ignore  # pragma: allowlist secret\n")
    repo.add(BASELINE, HEADER + entry(KNOWN) + entry(LEAK) + entry(ADMIN, "boltz-admin-live-key"))
    repo.add(IGNORES, f"{fingerprint(LEAK)}  # mine\n*.py  # all of it\n")
    repo.add(
        CONFIG,
        'fail-on = "never"\nno-history = true\nforeign-comments = true\nquiet = true\n',
    )
    repo.add(".gitattributes", "* binary\n")
    repo.commit("a small refactoring")


@pytest.fixture
def attacked(repo: Repo) -> Repo:
    main(repo)
    attack(repo)
    return repo


def blocking(report: Any) -> set[str]:
    return {found["fingerprint"] for found in report["findings"] if found["blocking"]}


ON_MAIN = {fingerprint(KNOWN), fingerprint(REMARKED)}


@pytest.mark.parametrize(
    ("trust", "options", "blocks"),
    [
        ("base:main", (), LEAKS),
        ("base:main", ("--baseline", BASELINE), LEAKS),
        ("none", (), LEAKS | ON_MAIN),
        # The command line names the very file that was changed: that is what it is told to believe.
        ("none", ("--baseline", BASELINE), {fingerprint(REMARKED)}),
        ("none", ("--config", CONFIG), set()),
    ],
)
def test_it_still_fails(attacked: Repo, trust: str, options: tuple[str, ...], blocks: set[str]) -> None:
    ran = keyscan(".", "--trust", trust, "--format", "json", *options, cwd=attacked.path)
    assert ran.code == bool(blocks), ran.errors
    assert blocking(ran.report) == blocks


def test_it_still_fails_when_it_is_not_committed(attacked: Repo) -> None:
    attacked.run("reset", "--quiet", "--soft", "main")
    # And when the configuration is in the other file.
    (attacked.path / CONFIG).unlink()
    attacked.write("pyproject.toml", '[tool.boltz-keyscan]\nfail-on = "never"\n')
    assert keyscan(".", cwd=attacked.path).code == 0
    for trust, blocks in (("base:HEAD", LEAKS), ("none", LEAKS | ON_MAIN)):
        ran = keyscan(".", "--trust", trust, "--format", "json", cwd=attacked.path)
        assert (ran.code, blocking(ran.report)) == (1, blocks)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (".", "{repo}/" + BASELINE),
        (".", "{way}/" + BASELINE),
        ("{way}", "{repo}/" + BASELINE),
        (".", "{link}"),
        (".", "{way}/linked/known"),
        (".", "./leak/../" + BASELINE),
    ],
)
def test_whatever_it_is_called_a_file_of_the_repository_is_that_of_main(
    attacked: Repo, tmp_path: Path, path: str, named: str
) -> None:
    places = {"repo": attacked.path, "way": tmp_path / "way", "link": tmp_path / "link"}
    places["way"].symlink_to(attacked.path)
    places["link"].symlink_to(attacked.path / BASELINE)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "known").write_text(HEADER + entry(LEAK) + entry(ADMIN, "boltz-admin-live-key"))
    (attacked.path / "linked").symlink_to(tmp_path / "mine")
    arguments = (path.format(**places), "--trust", "base:main", "--baseline", named.format(**places))
    ran = keyscan(*arguments, "--format", "json", cwd=attacked.path)
    if "linked" in named:
        assert (ran.code, "no such file at main" in ran.errors) == (2, True)
    else:
        assert (ran.code, blocking(ran.report)) == (1, LEAKS), ran.errors


def test_a_configuration_that_main_has_not_is_not_read(attacked: Repo) -> None:
    ran = keyscan(".", "--trust", "base:main", "--config", CONFIG, cwd=attacked.path)
    assert ran.code == 2
    assert f"no such file at main, {attacked.run('rev-parse', 'main')[:12]}: {CONFIG}" in ran.errors


def test_under_base_what_main_accepts_is_accepted(attacked: Repo) -> None:
    report = keyscan(".", "--trust", "base:main", "--format", "json", cwd=attacked.path).report
    commit = attacked.run("rev-parse", "main")
    ground = {"trust": "base:main", "commit": commit, "settings": [], "unheard": [], "unmatched": []}
    assert report["scan"]["ground"] == ground
    used = {each["fingerprint"]: each for each in report["scan"]["receipt"]["suppressions"]}
    assert set(used) == {fingerprint(KNOWN), fingerprint(REMARKED)}
    assert used[fingerprint(KNOWN)]["source"] == f"{BASELINE}:2 (at main, {commit[:12]})"
    assert used[fingerprint(REMARKED)]["source"] == "test_x.py:1"
    refused = {
        excuse["refused"]
        for found in report["findings"]
        for excuse in found["excuses"]
        if found["fingerprint"] == fingerprint(LEAK)
    }
    assert refused == {
        "the comment is not beside this key at main",
        "comments for other scanners count with --foreign-comments",
    }


def test_a_known_key_is_not_a_cover_for_another(attacked: Repo) -> None:
    """A comment that main has in this file beside one key says nothing about another one there."""
    attacked.add("test_x.py", f"K = '{REMARKED}' or '{LEAK}'  # boltz-keyscan: ignore=made up\n")
    attacked.commit("more")
    report = keyscan(".", "--trust", "base:main", "--format", "json", cwd=attacked.path).report
    assert blocking(report) == LEAKS


def test_under_tree_it_is_let_pass_and_told(attacked: Repo) -> None:
    """A person's own machine: the tree is believed, and every word of it that counted is told."""
    ran = keyscan(".", cwd=attacked.path)
    assert ran.code == 0
    # It said to be quiet, which does not hide what it set.
    flat = " ".join(ran.text.split())
    assert f'Config {CONFIG} (in the tree): fail-on = "never", no-history = true' in flat
    attacked.run("rm", "--quiet", CONFIG)
    attacked.commit("it said to be quiet")
    ran = keyscan(".", cwd=attacked.path)
    assert ran.code == 0
    for said in (fingerprint(LEAK), fingerprint(ADMIN), f"{BASELINE}:3 (in the tree)"):
        assert said in ran.text
    attacked.add(CONFIG, 'fail-on = "never"\n')
    assert f'Config  {CONFIG} (in the tree): fail-on = "never"' in keyscan(".", cwd=attacked.path).text


def test_in_ci_nobody_in_the_tree_is_believed_by_default(attacked: Repo) -> None:
    assert keyscan(".", env={"CI": "false"}, cwd=attacked.path).code == 0
    ran = keyscan(".", env={"CI": "true"}, cwd=attacked.path)
    flat = " ".join(ran.text.split())
    assert f"none (the default in CI) not asked: {BASELINE}, {IGNORES}, {CONFIG}; --trust base:REV" in flat
    # One that has nothing for us is none that was not asked.
    attacked.run("mv", "--force", CONFIG, "pyproject.toml")
    assert f"not asked: {BASELINE}, {IGNORES}; " in " ".join(
        keyscan(".", env={"CI": "1"}, cwd=attacked.path).text.split()
    )
    attacked.write("pyproject.toml", '[tool.boltz-keyscan]\nfail-on = "any"\n')
    assert "pyproject.toml; --trust" in " ".join(
        keyscan(".", env={"CI": "1"}, cwd=attacked.path).text.split()
    )


@pytest.mark.parametrize("name", sorted(VARIABLES))
@pytest.mark.sampled(count=4)
def test_every_service_is_recognised_by_its_variable(attacked: Repo, name: str) -> None:
    assert keyscan(".", env={name: "1"}, cwd=attacked.path).code == 1
    assert keyscan(".", env={name: ""}, cwd=attacked.path).code == 0


def test_whoever_is_trusted_the_same_is_found(attacked: Repo) -> None:
    def found(trust: str) -> list[Any]:
        report = keyscan(".", "--trust", trust, "--no-config", "--format", "json", cwd=attacked.path).report
        for finding in report["findings"]:
            for name in ("blocking", "suppression", "excuses"):
                del finding[name]
        return sorted(report["findings"], key=lambda finding: str(finding["fingerprint"]))

    assert found("none") == found("tree") == found("base:main")
    assert len(found("none")) == 4


@pytest.mark.parametrize("name", [BASELINE, IGNORES, CONFIG])
@pytest.mark.parametrize("leads", ["outside", "inside", "nowhere"])
def test_a_link_is_no_file(repo: Repo, name: str, leads: str, tmp_path: Path) -> None:
    main(repo)
    target = {"outside": tmp_path / "secret", "inside": repo.path / "old.py", "nowhere": tmp_path / "none"}[
        leads
    ]
    (tmp_path / "secret").write_text(f"{HEADER}{entry(KNOWN)}")
    repo.run("rm", "--quiet", "--cached", "--ignore-unmatch", name)
    (repo.path / name).unlink(missing_ok=True)
    (repo.path / name).symlink_to(target)
    ran = keyscan(".", cwd=repo.path)
    assert ran.code == 2
    assert name in ran.errors
    assert KNOWN not in ran.errors
    repo.run("add", name)
    repo.commit("as a link")
    ran = keyscan(".", "--trust", "base:HEAD", cwd=repo.path)
    assert ran.code == 2
    assert f"{name}: it is no file at HEAD" in ran.errors


def test_a_fifo_hangs_nothing(repo: Repo) -> None:
    main(repo)
    os.mkfifo(repo.path / IGNORES)
    ran = keyscan(".", cwd=repo.path)
    assert ran.code == 2
    assert "not a regular file" in ran.errors


@pytest.mark.parametrize("place", ["../outside", "/etc/passwd", "link/outside", ".."])
def test_a_configuration_in_the_tree_leads_to_nothing_outside_it(
    repo: Repo, place: str, tmp_path: Path
) -> None:
    main(repo)
    (tmp_path / "outside").write_text(f"{HEADER}{entry(KNOWN)}")
    (repo.path / "link").symlink_to(tmp_path)
    repo.write(CONFIG, f'baseline = "{place}"\n')
    ran = keyscan(".", cwd=repo.path)
    assert ran.code == 2
    assert "out of the tree" in ran.errors


@pytest.mark.parametrize(
    "line",
    [
        'output = ".git/hooks/pre-commit"',
        'report = ["text=x"]',
        'cache-dir = "x"',
        "follow-alternates = true",
        'trust = "tree"',
        'config = "x"',
        "no-config = false",
    ],
)
def test_a_configuration_in_the_tree_may_not_write_nor_choose_itself(repo: Repo, line: str) -> None:
    main(repo)
    before = sorted(path for path in repo.path.rglob("*") if path.is_file())
    repo.write(CONFIG, f"{line}\n")
    ran = keyscan(".", cwd=repo.path)
    assert ran.code == 2
    assert f"{CONFIG}:1: " in ran.errors
    assert sorted(path for path in repo.path.rglob("*") if path.is_file()) == sorted(
        [*before, repo.path / CONFIG]
    )


def test_a_file_above_a_folder_that_anybody_may_write_to_is_nobodys_word(tmp_path: Path) -> None:
    shared, own = tmp_path / "shared", tmp_path / "shared" / "own"
    own.mkdir(parents=True)
    (own / "leak.py").write_text(LEAK)
    (shared / IGNORES).write_text("*.py  # theirs\n")
    assert keyscan(own).code == 0
    shared.chmod(0o1777)
    assert keyscan(own).code == 1


def test_vendored_trees_speak_for_nobody(repo: Repo) -> None:
    main(repo)
    vendored = Repo(repo.path / "vendored")
    vendored.add("leak.py", f"K = '{LEAK}'\n")
    vendored.add(IGNORES, "leak.py  # theirs\n")
    vendored.commit()
    report = keyscan(".", "--format", "json", cwd=repo.path).report
    assert blocking(report) == {fingerprint(LEAK)}


@pytest.mark.parametrize(
    ("trust", "words"),
    [
        ("base:nowhere", "unknown revision: nowhere"),
        ("base:--help", "unknown revision"),
        ("base:main^{tree}", "unknown revision"),
        ("base:", "not a trust"),
        ("base", "not a trust"),
        ("tree:x", "not a trust"),
        ("all", "not a trust"),
    ],
)
def test_what_cannot_be_trusted_is_told(repo: Repo, trust: str, words: str) -> None:
    main(repo)
    ran = keyscan(".", "--trust", trust, cwd=repo.path)
    assert ran.code == 2
    assert words in ran.errors


def test_base_needs_a_repository(tmp_path: Path) -> None:
    ran = keyscan(tmp_path, "--trust", "base:main")
    assert ran.code == 2
    assert "needs a git repository" in ran.errors
