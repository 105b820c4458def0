"""Inside GitHub Actions: a readable log, annotations, a step summary, and no command of a stranger's."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.report import REPORTERS, ReportOptions, github_summary
from tests.keys import fake_key, fingerprint, short_fingerprint
from tests.report import samples
from tests.report.test_github import Command, obeyed
from tests.repos import Repo
from tests.running import ROOT, Ran, keyscan

INSIDE = {"GITHUB_ACTIONS": "true", "CI": "true"}
LIVE = fake_key("admin", "live", "actions")
TEST = fake_key("ws", "test", "actions")
UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
"""What .NET passes over when it compares texts, and what is left to be seen in names."""
OURS = {"error", "warning", "notice", "group", "endgroup"}


def lines(output: bytes) -> list[str]:
    """What the runner takes for lines: .NET's ReadLine ends one at CR, LF and both."""
    return re.split(r"\r\n|\r|\n", output.decode("utf-8", "surrogateescape"))


def commands(ran: Ran) -> list[Command]:
    """All that the runner would obey in what was printed."""
    printed = [UNSEEN.sub("", line) for line in (*lines(ran.out), *lines(ran.err))]
    # The older form stands anywhere in a line; we never write it.
    assert not [line for line in printed if re.search(r"##(?:vso|teamcity)?\[", line)]
    return [found for line in printed if (found := obeyed(line)) is not None]


@pytest.fixture
def leaked(repo: Repo) -> Repo:
    repo.leak("config.py", f"a = 1\nkey = '{LIVE}'\n")
    repo.leak("other.py", f"key = '{TEST}'\n")
    return repo


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the runner makes before a step."""
    path = tmp_path / "step_summary"
    path.touch()
    for name, value in {**INSIDE, "GITHUB_STEP_SUMMARY": str(path)}.items():
        monkeypatch.setenv(name, value)
    return path


def test_outside_it_is_text(leaked: Repo, tmp_path: Path) -> None:
    """Whatever else is set: only the runner sets the one variable, and to this value."""
    text = keyscan(".", "--format", "text", cwd=leaked.path)
    untouched = tmp_path / "summary"
    untouched.touch()
    for value in ("", "false", "True", "1"):
        env = {"GITHUB_ACTIONS": value, "GITHUB_STEP_SUMMARY": str(untouched)}
        for ran in (
            keyscan(".", cwd=leaked.path, env=env),
            keyscan("--format", "auto", cwd=leaked.path, env=env),
        ):
            assert (
                re.sub(r"in [\d.]+ s|, \d+ more seen.*\n?.*scan", "", ran.text).split()[:20]
                == text.text.split()[:20]
            )
            assert commands(ran) == []
    assert untouched.read_bytes() == b""


def test_inside_it_is_text_annotations_and_a_summary(leaked: Repo, summary: Path) -> None:
    ran = keyscan(".", cwd=leaked.path)
    assert (ran.code, ran.errors) == (ExitCode.BLOCKING, "")
    report, sign, folded = ran.text.partition("::group::")
    assert sign
    assert "config.py:2 " in report
    # The last line that is not folded away is the verdict.
    assert report.endswith("FAILED  1 key (exit 1)\n")
    assert folded.endswith("::endgroup::\n")
    assert [
        (each.name, each.properties.get("file"), each.properties.get("line")) for each in commands(ran)
    ] == [
        ("group", None, None),
        ("error", "config.py", "2"),
        ("warning", "other.py", "1"),
        ("endgroup", None, None),
    ]
    told = summary.read_text()
    assert told.startswith("## Boltz keys\n\n**FAILED: 1 key fails this run (exit 1).**\n")
    assert short_fingerprint(LIVE) in told
    assert LIVE not in told + ran.text


def test_a_clean_run_has_no_annotations(repo: Repo, summary: Path) -> None:
    repo.leak("a.py", "clean\n")
    ran = keyscan(".", cwd=repo.path)
    assert (ran.code, commands(ran)) == (ExitCode.CLEAN, [])
    assert "**Clean: no Boltz key (exit 0).**" in summary.read_text()


def test_an_incomplete_run_is_an_error_annotation(summary: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = keyscan(tmp_path / "empty")
    assert ran.code == ExitCode.INCOMPLETE
    assert [each.name for each in commands(ran)] == ["group", "error", "warning", "endgroup"]
    assert "**INCOMPLETE: " in summary.read_text()


@pytest.mark.parametrize("form", [name for name in REPORTERS if name != "github"])
@pytest.mark.sampled(count=3)
def test_another_format_is_that_format_and_nothing_else(leaked: Repo, summary: Path, form: str) -> None:
    ran = keyscan(".", "--format", form, cwd=leaked.path)
    assert (ran.code, commands(ran)) == (ExitCode.BLOCKING, [])
    assert summary.read_bytes() == b""


def test_a_report_in_a_file_leaves_annotations_and_summary(leaked: Repo, summary: Path) -> None:
    ran = keyscan(".", "--output", "report.txt", cwd=leaked.path)
    assert ran.code == ExitCode.BLOCKING
    assert ran.text.startswith("::group::")
    assert [each.name for each in commands(ran)] == ["group", "error", "warning", "endgroup"]
    assert (leaked.path / "report.txt").read_text().endswith("FAILED  1 key (exit 1)\n")
    assert "::" not in (leaked.path / "report.txt").read_text()
    assert summary.read_text().count("## Boltz keys") == 1


def test_who_writes_the_summary_himself_has_it_once(leaked: Repo, summary: Path) -> None:
    ran = keyscan(".", "--report", f"markdown={summary}", cwd=leaked.path)
    assert (ran.code, ran.errors) == (ExitCode.BLOCKING, "")
    assert summary.read_text().count("## Boltz keys") == 1


def test_quiet_annotates_what_fails_the_run(leaked: Repo, summary: Path) -> None:
    ran = keyscan(".", "-q", cwd=leaked.path)
    assert [each.name for each in commands(ran)] == ["group", "error", "endgroup"]
    assert short_fingerprint(TEST) not in ran.text
    # The page of the job is a file: --quiet is about standard output.
    assert fingerprint(TEST) in summary.read_text()


def test_the_hooks_do_as_a_scan_does(leaked: Repo, summary: Path) -> None:
    leaked.add("staged.py", f"key = '{LIVE}'\n")
    ran = keyscan("hook", "pre-commit", cwd=leaked.path)
    assert ran.code == ExitCode.BLOCKING
    assert [each.name for each in commands(ran)] == ["group", "error", "endgroup"]
    head = leaked.run("rev-parse", "HEAD")
    line = f"refs/heads/main {head} refs/heads/main {'0' * 40}\n"
    ran = keyscan("hook", "pre-push", "origin", "x", cwd=leaked.path, stdin=line.encode())
    assert ran.code == ExitCode.BLOCKING
    # History has no line in the checkout, and hooks stop at any key.
    assert [each.name for each in commands(ran)] == ["group", "error", "error", "endgroup"]
    # Each program of a step adds to the same summary.
    assert summary.read_text().count("## Boltz keys") == 2


def test_ten_of_each_level_and_the_rest_is_counted(summary: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(13):
        (tree / f"{number}.env").write_text(fake_key("admin", "live", number))
        (tree / f"{number}.txt").write_text(fake_key("ws", "test", number))
    ran = keyscan(tree)
    names = [each.name for each in commands(ran)]
    assert (names.count("error"), names.count("warning")) == (10, 10)
    assert ran.text.endswith("::endgroup::\n+6 more annotations than GitHub shows\n")
    assert summary.read_text().count("\n### ") == 26 + 2  # and what to do, twice, and what was scanned


# -- the file of the summary ---------------------------------------------------------------


def test_what_others_wrote_stays(leaked: Repo, summary: Path) -> None:
    summary.write_text("a line without its end")
    keyscan(".", cwd=leaked.path)
    assert summary.read_text().startswith("a line without its end\n## Boltz keys\n")
    before = summary.read_bytes()
    keyscan(".", cwd=leaked.path)
    assert summary.read_bytes().startswith(before)
    assert summary.read_text().count("## Boltz keys") == 2


def test_a_summary_that_is_nearly_full_says_what_it_leaves_out(summary: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(40):
        (tree / f"{number}.env").write_text(fake_key("admin", "live", number))
    before = b"x" * (github_summary.MAX_SUMMARY_BYTES - 6000) + b"\n"
    summary.write_bytes(before)
    ran = keyscan(tree)
    assert (ran.code, ran.errors) == (ExitCode.BLOCKING, "")
    added = summary.read_bytes().removeprefix(before).decode()
    assert summary.stat().st_size <= github_summary.MAX_SUMMARY_BYTES
    shown = added.count("\n### Critical: ")
    assert 0 < shown < 40
    assert f"\n{40 - shown} more keys not shown here: they do not fit." in added
    # Room for the verdict only, and then for nothing.
    for room, words in ((600, "The keys do not fit here."), (20, "")):
        before = b"x" * (github_summary.MAX_SUMMARY_BYTES - room)
        summary.write_bytes(before)
        ran = keyscan(tree)
        added = summary.read_bytes().removeprefix(before).decode()
        assert ran.code == ExitCode.BLOCKING
        assert (words in added, bool(added)) == (True, bool(words))
        assert summary.stat().st_size <= github_summary.MAX_SUMMARY_BYTES
    full = "it is as large as GitHub allows already"
    assert ran.errors == f"warning: the step summary was not written to {summary}: {full}\n"


def test_a_summary_that_cannot_be_written_is_told_and_changes_no_verdict(
    leaked: Repo, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.write_text("precious\n")
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "dangling").symlink_to(tmp_path / "new")
    os.mkfifo(tmp_path / "fifo")
    cases = {
        str(tmp_path / "link"): "it is a symbolic link",
        str(tmp_path / "dangling"): "it is a symbolic link",
        str(tmp_path / "fifo"): os.strerror(errno.ENXIO),
        str(tmp_path): os.strerror(errno.EISDIR),
        str(tmp_path / "none/x"): os.strerror(errno.ENOENT),
        "/dev/full": "it is not a regular file",
    }
    for path, why in cases.items():
        for arguments, code in (((".",), ExitCode.BLOCKING), ((".", "--fail-on", "never"), ExitCode.CLEAN)):
            ran = keyscan(*arguments, cwd=leaked.path, env={**INSIDE, "GITHUB_STEP_SUMMARY": path})
            assert ran.code == code
            assert ran.errors == f"warning: the step summary was not written to {path}: {why}\n"
            assert "::group::" in ran.text
    assert target.read_text() == "precious\n"
    assert not (tmp_path / "new").exists()


def test_a_summary_that_may_not_be_written(
    leaked: Repo, summary: Path, unprivileged: tuple[str, ...]
) -> None:
    summary.chmod(0o444)
    ran = keyscan(".", cwd=leaked.path, before=unprivileged)
    assert ran.code == ExitCode.BLOCKING
    assert ran.errors == f"warning: the step summary was not written to {summary}: Permission denied\n"


def test_without_a_summary_nothing_is_missed(leaked: Repo) -> None:
    for env in (INSIDE, {**INSIDE, "GITHUB_STEP_SUMMARY": ""}):
        ran = keyscan(".", cwd=leaked.path, env=env)
        assert (ran.code, ran.errors) == (ExitCode.BLOCKING, "")


def test_a_full_disk_leaves_no_half_summary(tmp_path: Path) -> None:
    """A limit on the size of files, as a disk that is full in the middle of writing."""
    path = tmp_path / "summary"
    path.write_bytes(b"before\n")
    script = (
        "from tests.report import samples\nimport sys\n"
        "from boltz_keyscan.report import ReportOptions, github_summary\n"
        "try:\n    github_summary.append(sys.argv[1], samples.history(), ReportOptions())\n"
        "except OSError as error:\n    print(error.strerror)\n"
    )

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    done = subprocess.run(
        # Not to write what it compiles: half of that would stay for the tests after this one.
        [sys.executable, "-B", "-c", script, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=limited,
    )
    assert done.stdout == f"{os.strerror(errno.EFBIG)}\n"
    assert path.read_bytes() == b"before\n"


def test_a_summary_is_whole_markdown_however_small_the_room(tmp_path: Path) -> None:
    for room in range(0, 6000, 500):
        path = tmp_path / "summary"
        path.write_bytes(bytes(github_summary.MAX_SUMMARY_BYTES - room))
        try:
            github_summary.append(str(path), samples.history(), ReportOptions())
        except OSError:
            assert path.stat().st_size == github_summary.MAX_SUMMARY_BYTES - room
        added = path.read_bytes()[github_summary.MAX_SUMMARY_BYTES - room :].decode()
        assert path.stat().st_size <= github_summary.MAX_SUMMARY_BYTES
        assert added.count("\n```") % 2 == 0


# -- commands of strangers -----------------------------------------------------------------

NAMES = [
    "::error file=x::owned",
    "  ::stop-commands::x",
    "\u3000::add-mask::a",
    "\ufe0f::error::passed over",
    ":\ufe0f:error::between",
    "x ##[error]owned",
    "#\ufe0f#[error]owned",
    "##vso[task.complete]x",
    "a\n::error::next line",
    "a\r::error::return",
    "a%0A::error::escaped",
    "%0D%0A::set-output name=x::y",
    "a,line=9,title=t::error::x",
]
TEXT = "::set-env name=x::y\r\n##[add-path]/tmp\n::error::{key} ##[group]\r::add-mask::{key}\n"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which every text that may be printed is a command."""
    repo = Repo(tmp_path_factory.mktemp("hostile") / "##[group]repo")
    author = {"GIT_AUTHOR_NAME": "::error::author ##[error]x", "GIT_AUTHOR_EMAIL": "##[error]@x"}
    for number, name in enumerate(NAMES):
        repo.write(name, TEXT.format(key=fake_key("ws", "live", number)))
        repo.run("add", "--", f":(literal){name}")
    os.mkfifo(repo.path / "::warning::fifo ##[error]")
    message = f"::error::subject\n\n::warning::{fake_key('ws', 'test', 'message')}\r::error::x ##[error]"
    options = ("-c", "user.name=::error::author", "-c", "user.email=##[error]@x")
    repo.run(*options, "commit", "-q", "-m", message, env=author)
    repo.run(*options, "tag", "-a", "a-tag", "-m", message)
    repo.write(".boltz-keyscanignore", "::error::  ##[error]\n")
    return repo.path


@pytest.mark.parametrize("form", ["auto", *REPORTERS])
@pytest.mark.sampled(count=4)
def test_no_stranger_commands_the_runner(hostile: Path, summary: Path, form: str) -> None:
    ran = keyscan(".", "--format", form, "-v", "--trust", "none", cwd=hostile)
    assert ran.code == ExitCode.BLOCKING
    for each in commands(ran):
        assert form in {"auto", "github"}
        assert each.name in OURS
        assert set(each.properties) <= {"file", "line", "col", "title"}
        assert each.properties.get("title", "Boltz ").startswith("Boltz ")
        assert each.properties.get("line", "1").isdigit()
    for line in (UNSEEN.sub("", each) for each in lines(summary.read_bytes())):
        assert obeyed(line) is None
        assert "##[" not in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("::error::x ##[error]",),
        ("--format", "::error::x\n##[error]"),
        ("--report", "::error::x=##[error]"),
        ("--::error::##[error]",),
        ("--output", "::error::x/##[error]\r::error::y", "."),
        ("--since", "::error::##[error]"),
        ("--range", "##[error]..\r::error::x"),
        ("--baseline", "::error::##[error]"),
        ("--config", "\n::error::##[error]"),
        ("--trust", "base:##[error]\n::error::x"),
        ("--trust", "\r::error::##[error]"),
        (".", "--trust", "tree"),
        ("hook", "pre-commit", "--", *NAMES),
        ("hook", "::error::##[error]"),
        ("hook", "install"),
        (
            "baseline",
            "create",
            "--reason",
            "\r::error::##[error]",
            "--by",
            "::error::",
            "--baseline",
            "::x",
            "--trust",
            "none",
        ),
        ("baseline", "show", "--baseline", "::x", "--trust", "none"),
        ("config", "show", "::error::##[error]"),
        ("explain", "::error::##[error]", "--trust", "none"),
        ("explain", fingerprint(fake_key("ws", "live", 0)), "--trust", "none"),
        ("diff", "::error::##[error]", "\r::error::x"),
        ("rules", "check", "::error::##[error]"),
        ("keys", "audit", "--local"),
        ("keys", "revoke", "--id", "::error::##[error]"),
    ],
    ids=ascii,
)
@pytest.mark.usefixtures("summary")
@pytest.mark.sampled(count=8)
def test_nor_by_any_command_or_complaint(hostile: Path, arguments: tuple[str, ...]) -> None:
    ran = keyscan(*arguments, cwd=hostile, env={"HOME": str(hostile)})
    assert ran.code != ExitCode.INTERNAL
    assert ran.out + ran.err
    assert {each.name for each in commands(ran)} <= OURS
    assert all(each.properties.get("title", "Boltz ").startswith("Boltz ") for each in commands(ran))


def test_the_runner_of_these_tests_obeys() -> None:
    """A law that cannot fail proves nothing."""
    ran = Ran(0, b"x\r::add-mask::y\n", "\u2003::error file=a::b\n".encode())
    assert [each.name for each in commands(ran)] == ["add-mask", "error"]
    with pytest.raises(AssertionError):
        commands(Ran(0, b"a ##[error]b\n", b""))
