"""Paths, streams and options that cannot be used: the exact words and the exit code of each.

Damaged and hostile repositories are in ``test_bad_repositories``.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.report import REPORTERS
from tests.depth import NIGHTLY
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import PATIENCE, ROOT, Ran, keyscan, program

KEY = fake_key("ws", "live", "bad input")


def gaps(ran: Ran) -> list[tuple[str, str, str, bool]]:
    return [(gap["where"], gap["reason"], gap["detail"], gap["by_design"]) for gap in ran.report["gaps"]]


def found(ran: Ran) -> dict[str, list[str]]:
    """Fingerprints with the paths where each stands."""
    return {
        finding["fingerprint"]: [location["path"] for location in finding["locations"]]
        for finding in ran.report["findings"]
    }


def refused(ran: Ran, message: str, hint: str) -> None:
    """Nothing can be said, and why."""
    assert ran.errors == f"error: {message}\n" + (f"help: {hint}\n" if hint else "")
    assert (ran.code, ran.out) == (ExitCode.USAGE, b"")


# -- paths ---------------------------------------------------------------------------------

SPELLING = "Check the spelling, or give the path from here."
ITSELF = "Name the file or folder itself."
FILES_ONLY = "Leave out --history-only to scan its files."


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["nowhere"], "no such file or folder: nowhere", SPELLING),
        (["file/below"], "no such file or folder: file/below", SPELLING),
        ([""], "no such file or folder: ", SPELLING),
        ([b"\xff\x1b[31m"], r"no such file or folder: \xff\x1b[31m", SPELLING),
        ([".", "nowhere"], "no such file or folder: nowhere", SPELLING),
        (["broken"], "a symbolic link that leads nowhere: broken", ITSELF),
        (["loop"], "a symbolic link that leads nowhere: loop", ITSELF),
        (
            ["x" * 300],
            f"cannot look at {'x' * 300}: File name too long",
            "Check the folders that lead there.",
        ),
        (["--history-only", "folder"], "not a git repository: folder", FILES_ONLY),
        (["--history-only", "file"], "not a git repository: file", FILES_ONLY),
        (["--history-only", "-"], "standard input has no history", "Leave out --history-only."),
    ],
)
def test_a_path_that_cannot_be_used(
    tmp_path: Path, arguments: list[str | bytes], message: str, hint: str
) -> None:
    (tmp_path / "file").write_text("clean\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    refused(keyscan(*arguments, cwd=tmp_path), message, hint)


def test_a_folder_of_a_repository_is_not_a_repository(repo: Repo) -> None:
    repo.leak("folder/a.txt", "one\n")
    ran = keyscan("--history-only", repo.path / "folder")
    refused(ran, f"not a git repository: {repo.path}/folder", f"It lies inside {repo.path}; name that.")


def test_a_folder_that_may_not_be_entered(tmp_path: Path, unprivileged: tuple[str, ...]) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    ran = keyscan("closed/file", cwd=tmp_path, before=unprivileged)
    refused(ran, "cannot look at closed/file: Permission denied", "Check the folders that lead there.")


def test_a_current_folder_that_was_deleted(tmp_path: Path) -> None:
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    ran = keyscan(cwd=tmp_path, before=("sh", "-c", script, "sh"))
    refused(ran, "the current folder does not exist any more", "Change to one that does.")


def test_a_key_given_as_a_path_is_not_repeated(tmp_path: Path) -> None:
    for arguments in ([KEY], [f"--bogus={KEY}"], ["--format", KEY], ["--report", KEY], ["--jobs", KEY]):
        ran = keyscan(*arguments, cwd=tmp_path)
        assert ran.code == ExitCode.USAGE
        assert KEY not in ran.errors


def test_unreadable_files_and_folders(tmp_path: Path, unprivileged: tuple[str, ...]) -> None:
    (tmp_path / "secret.txt").write_text(KEY)
    (tmp_path / "secret.txt").chmod(0)
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed/more.txt").write_text(KEY)
    (tmp_path / "closed").chmod(0)
    (tmp_path / "open.txt").write_text("clean\n")
    # A folder whose names can be listed but whose files cannot be looked at.
    (tmp_path / "listed").mkdir()
    (tmp_path / "listed/file.txt").write_text(KEY)
    (tmp_path / "listed").chmod(0o444)
    ran = keyscan(".", "--format", "json", cwd=tmp_path, before=unprivileged)
    denied = "cannot be read: Permission denied"
    assert gaps(ran) == [
        ("closed", "unreadable", denied, False),
        ("listed/file.txt", "unreadable", denied, False),
        ("secret.txt", "unreadable", denied, False),
    ]
    assert (ran.code, ran.errors, ran.report["scan"]["receipt"]["files"]) == (ExitCode.INCOMPLETE, "", 1)
    ran = keyscan("secret.txt", "--format", "json", cwd=tmp_path, before=unprivileged)
    assert (ran.code, gaps(ran)) == (ExitCode.INCOMPLETE, [("secret.txt", "unreadable", denied, False)])


def test_a_folder_deeper_than_a_path_can_tell(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    (top / "key.txt").write_text(KEY)
    here = os.open(top, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=here)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    deepest = fake_key(seed="deep down")
    file = os.open("key.txt", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(file, deepest.encode())
    os.close(file)
    os.close(here)
    ran = keyscan(top, "--format", "json")
    assert gaps(ran) == []
    assert (ran.code, set(found(ran))) == (ExitCode.BLOCKING, {fingerprint(KEY), fingerprint(deepest)})


# -- things that are not files -------------------------------------------------------------


@contextmanager
def listening(path: Path) -> Iterator[None]:
    # The name of a socket is short; the folder it is in may not be.
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
            yield
    finally:
        os.chdir(here)


def test_what_is_no_file_is_left_out_by_design(tmp_path: Path) -> None:
    (tmp_path / "clean.txt").write_text("clean\n")
    os.mkfifo(tmp_path / "fifo")
    expected = [
        ("fifo", "special-file", "a FIFO is not read", True),
        ("socket", "special-file", "a socket is not read", True),
    ]
    if os.geteuid() == 0:
        os.mknod(tmp_path / "device", 0o600 | 0o020000, os.makedev(1, 5))
        expected.insert(0, ("device", "special-file", "a device is not read", True))
    with listening(tmp_path / "socket"):
        ran = keyscan(tmp_path, "--format", "json")
        strict = keyscan(tmp_path, "--require-complete")
    assert (ran.code, gaps(ran), strict.code) == (ExitCode.CLEAN, expected, ExitCode.INCOMPLETE)


def test_a_folder_with_nothing_to_read_in_it_is_not_clean(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    ran = keyscan(tmp_path, "--format", "json")
    assert ("nothing-scanned" in {reason for _, reason, _, _ in gaps(ran)}, ran.code) == (
        True,
        ExitCode.INCOMPLETE,
    )


def test_a_pipe_that_is_named_is_read(tmp_path: Path) -> None:
    script = f"{sys.executable} -m boltz_keyscan --format json <(printf %s {KEY})"
    ran = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, check=False, timeout=60)
    told = Ran(ran.returncode, ran.stdout, ran.stderr)
    ((path,),) = found(told).values()
    assert (told.code, told.errors, Path(path).parent) == (ExitCode.BLOCKING, "", Path("/dev/fd"))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    feeding = threading.Thread(target=fifo.write_text, args=(KEY,), daemon=True)
    feeding.start()
    told = keyscan(fifo, "--format", "json")
    assert (told.code, found(told)) == (ExitCode.BLOCKING, {fingerprint(KEY): [str(fifo)]})


def test_standard_input_by_its_names(tmp_path: Path) -> None:
    for name, shown in (("-", "<stdin>"), ("/dev/stdin", "/dev/stdin"), ("/dev/fd/0", "/dev/fd/0")):
        ran = keyscan(name, "--format", "json", stdin=KEY.encode())
        assert (ran.code, found(ran)) == (ExitCode.BLOCKING, {fingerprint(KEY): [shown]})
    file = tmp_path / "file"
    file.write_text(KEY)
    with file.open("rb") as stream:
        command = [sys.executable, "-m", "boltz_keyscan", "/dev/stdin", "-q"]
        assert (
            subprocess.run(command, cwd=ROOT, stdin=stream, capture_output=True, check=False).returncode == 1
        )


needs_proc = pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="there is no /proc here")


@needs_proc
def test_a_file_of_the_kernel_says_nothing_of_its_size() -> None:
    # It tells what a process was started with.
    ran = keyscan("/proc/self/environ", "--format", "json", env={"LEAKED": KEY}, started=True)
    assert (ran.code, gaps(ran), list(found(ran))) == (ExitCode.BLOCKING, [], [fingerprint(KEY)])
    ran = keyscan("/proc/self/status", "--format", "json")
    assert (ran.code, gaps(ran)) == (ExitCode.CLEAN, [])
    assert ran.report["scan"]["receipt"]["bytes"] > 100


@needs_proc
def test_a_file_that_breaks_while_it_is_read() -> None:
    """Reading the memory of a process at address 0 is an input/output error."""
    ran = keyscan("/proc/self/mem", "--format", "json")
    assert gaps(ran) == [("/proc/self/mem", "unreadable", f"cannot be read: {os.strerror(errno.EIO)}", False)]
    assert ran.code == ExitCode.INCOMPLETE


@pytest.mark.parametrize("change", ["grows", "shrinks"])
def test_a_file_that_changes_all_the_time(tmp_path: Path, change: str) -> None:
    path = tmp_path / "log"
    path.write_text(f"{KEY}\n")
    size = 64 << 20
    os.truncate(path, size)
    over = threading.Event()

    def meddle() -> None:
        now = size
        while not over.wait(0.001):
            now += 1 if change == "grows" else -1
            os.truncate(path, now)

    meddling = threading.Thread(target=meddle)
    meddling.start()
    try:
        ran = keyscan("log", "--format", "json", "--fail-on", "never", cwd=tmp_path)
    finally:
        over.set()
        meddling.join()
    assert gaps(ran) == [("log", "changed", "it changed while it was read; scan again", False)]
    assert (ran.code, list(found(ran))) == (ExitCode.INCOMPLETE, [fingerprint(KEY)])


def test_an_empty_file_is_scanned(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert keyscan(tmp_path / "empty").code == ExitCode.CLEAN
    assert keyscan("-").code == ExitCode.CLEAN


# -- names ---------------------------------------------------------------------------------

NAMES = {
    b"\xff\xfe.txt": r"\xff\xfe.txt",
    b"line\nfeed": r"line\x0afeed",
    b"\x1b[31mred": r"\x1b[31mred",
    "right\u202eleft".encode(): r"right\u202eleft",
    "\u00e9".encode(): "\u00e9",
    b"::error::x": r"\x3a:error::x",
}

LOCALES: list[dict[str, str]] = [
    {},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "ascii:strict"},
]


@pytest.mark.parametrize("locale", LOCALES, ids=str)
@pytest.mark.sampled(count=2)
def test_names_that_are_no_text_in_any_locale(tmp_path: Path, locale: dict[str, str]) -> None:
    folder = os.fsencode(tmp_path)
    expected = {}
    for name, shown in NAMES.items():
        key = fake_key("ws", "live", name)
        expected[fingerprint(key)] = [shown]
        Path(os.fsdecode(os.path.join(folder, name))).write_text(key)  # noqa: PTH118 - bytes
    ran = keyscan(".", "--format", "json", cwd=tmp_path, env=locale)
    assert (ran.code, ran.errors, found(ran)) == (ExitCode.BLOCKING, "", expected)
    ran = keyscan(".", cwd=tmp_path, env=locale)
    assert (ran.code, ran.errors) == (ExitCode.BLOCKING, "")
    assert all(shown in ran.out.decode("latin-1") for shown in NAMES.values() if shown.isascii())
    assert not set(ran.out) & set(b"\x1b\xff")
    ran = keyscan(*NAMES, "--format", "json", cwd=tmp_path, env=locale)
    assert (ran.code, found(ran)) == (ExitCode.BLOCKING, expected)


# -- reports -------------------------------------------------------------------------------


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    (tmp_path / "clean.txt").write_text("clean\n")
    return tmp_path


@pytest.mark.parametrize(
    ("target", "why", "hint"),
    [
        (".", "it is a folder", "Name another file."),
        ("nowhere/x", "No such file or directory", "Make the folder first; it is not made for you."),
        ("/dev/full", "No space left on device", "Free some space, or name a file on another disk."),
        ("clean.txt/x", "Not a directory", "Part of the path is a file, not a folder."),
    ],
)
def test_a_report_that_cannot_be_written(clean: Path, target: str, why: str, hint: str) -> None:
    told = f"error: cannot write the json report to {target}: {why}\nhelp: {hint}\n"
    ran = keyscan(".", "--format", "json", "--output", target, cwd=clean)
    assert (ran.code, ran.out, ran.errors) == (ExitCode.USAGE, b"", told)
    # One report that cannot be written costs none of the others.
    ran = keyscan(".", "--report", f"json={target}", "--report", "sarif=good.sarif", cwd=clean)
    assert (ran.code, ran.errors) == (ExitCode.USAGE, told)
    assert ran.text.endswith("CLEAN   no Boltz key (exit 0)\n")
    assert (clean / "good.sarif").read_text().startswith("{")
    assert not list(clean.glob(".boltz-keyscan*"))


def test_auto_in_a_file_that_cannot_be_written(clean: Path) -> None:
    """It is the text report that goes there, and inside GitHub Actions the rest comes all the same."""
    (clean / "link").symlink_to("clean.txt")
    for target, why in (
        (".", "it is a folder"),
        ("/dev/full", "No space left on device"),
        ("link", "it is a symbolic link, and what it points at would be overwritten"),
    ):
        ran = keyscan(".", "--output", target, cwd=clean)
        assert (ran.code, ran.out) == (ExitCode.USAGE, b"")
        assert ran.errors.startswith(f"error: cannot write the text report to {target}: {why}\n")
        summary = clean.parent / "summary"
        summary.write_bytes(b"")
        env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
        ran = keyscan(".", "--output", target, cwd=clean, env=env)
        assert ran.code == ExitCode.USAGE
        assert "Clean: no Boltz key" in summary.read_text()
    assert (clean / "clean.txt").read_text() == "clean\n"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a", "./a"),
        ("a", "folder/../a"),
        ("folder/a", "door/a"),
        ("there", "hard"),
        ("there", "soft"),
        ("dangling", "dangling"),
        ("/dev/fd/2", "/dev/stderr"),
        ("pipe", "./pipe"),
    ],
)
def test_two_reports_for_one_file_however_it_is_spelt(clean: Path, first: str, second: str) -> None:
    (clean / "folder").mkdir()
    (clean / "door").symlink_to("folder")
    (clean / "there").write_text("there")
    (clean / "hard").hardlink_to(clean / "there")
    (clean / "soft").symlink_to("there")
    (clean / "dangling").symlink_to("nowhere")
    os.mkfifo(clean / "pipe")
    before = sorted(clean.rglob("*"))
    told = f"two reports would be written to {second}"
    for arguments in (
        ("--report", f"json={first}", "--report", f"json={second}"),
        ("--report", f"json={second}", "--format", "sarif", "--output", second),
    ):
        refused(keyscan(".", *arguments, cwd=clean), told, "Name a file for each.")
    assert sorted(clean.rglob("*")) == before
    assert (clean / "there").read_text() == "there"


def test_a_report_for_the_file_that_standard_output_goes_to(clean: Path) -> None:
    for redirection, target in ((">out", "out"), (">>out", "./out"), ("| cat", "/dev/stdout")):
        ran = redirected(redirection, ".", "--report", f"json={target}", cwd=clean)
        assert ran.errors == f"error: two reports would be written to {target}\nhelp: Name a file for each.\n"
    assert not (clean / "out").read_bytes()
    # One report is one report, and what keeps nothing takes any number.
    assert redirected("| cat >out", ".", "--format", "json", "--output", "/dev/stdout", cwd=clean).code == 0
    assert (clean / "out").read_bytes().startswith(b"{")
    null = ("--report", "json=/dev/null", "--report", "sarif=/dev/null")
    assert redirected(">/dev/null", ".", *null, cwd=clean) == Ran(ExitCode.CLEAN, b"", b"")


def test_a_report_where_nothing_may_be_written(clean: Path, unprivileged: tuple[str, ...]) -> None:
    (clean / "closed").mkdir(mode=0o555)
    ran = keyscan(".", "--format", "json", "--output", "closed/x", cwd=clean, before=unprivileged)
    told = "cannot write the json report to closed/x: Permission denied"
    refused(ran, told, "Name a file in a folder you may write to.")


def test_standard_output_that_is_full_or_closed(clean: Path) -> None:
    (clean / "leak").mkdir()
    (clean / "leak/leak.txt").write_text(KEY)
    full = "error: cannot write the report to standard output: No space left on device\n"
    closed = "error: cannot write the report: standard output is closed\nhelp: Give --output FILE.\n"
    formats = ("auto", *REPORTERS)
    ways = itertools.product(
        ((">/dev/full", full), (">&-", closed)), (("clean.txt", ExitCode.USAGE), ("leak", ExitCode.BLOCKING))
    )
    for number, ((redirection, told), (path, code)) in enumerate(ways):
        for format_ in formats if NIGHTLY else formats[number::4]:
            ran = redirected(redirection, path, "--format", format_, cwd=clean)
            assert (ran.code, ran.errors) == (code, told)
        # What is said of it inside GitHub Actions is said once, too.
        ran = redirected(redirection, path, cwd=clean, env={"GITHUB_ACTIONS": "true"})
        assert (ran.code, ran.errors) == (code, told)
    ran = redirected(">/dev/full", "--help", cwd=clean)
    assert (ran.code, ran.errors) == (
        ExitCode.USAGE,
        "error: stopped by a system error: No space left on device\n",
    )


def test_standard_error_that_is_full_or_closed(clean: Path) -> None:
    for redirection in ("2>/dev/full", "2>&-"):
        assert redirected(redirection, "--bogus", cwd=clean) == Ran(ExitCode.USAGE, b"", b"")
        assert redirected(redirection, ".", cwd=clean).code == ExitCode.CLEAN


def test_standard_input_that_is_closed_or_a_folder(clean: Path) -> None:
    ran = redirected("<&-", "-", "--format", "json", cwd=clean)
    assert gaps(ran) == [("<stdin>", "unreadable", "standard input is closed", False)]
    assert (ran.code, ran.errors) == (ExitCode.INCOMPLETE, "")
    assert redirected("<&- >/dev/null 2>&-", ".", cwd=clean).code == ExitCode.CLEAN


def redirected(redirection: str, *arguments: str, cwd: Path, env: dict[str, str] | None = None) -> Ran:
    script: list[str | Path] = ["sh", "-c", f'"$@" {redirection}', "sh", program(), *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    ran = subprocess.run(
        script, cwd=cwd, env=env, input=b"", capture_output=True, check=False, timeout=PATIENCE
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize("format_", ["auto", *REPORTERS])
@pytest.mark.sampled(count=3)
def test_a_reader_that_goes_away_hears_the_verdict(clean: Path, format_: str) -> None:
    """A report that is larger than any pipe, and `head` that has seen enough of it."""
    for number in range(20):
        (clean / f"{number}{'-' * 200}.env").write_text(
            "".join(f"{fake_key('ws', 'live', (number, n))}\n" for n in range(16))
        )
    words = f"{program()} . --format {format_} -v --no-cache"
    for inside in ("false", "true"):
        script = f"{words} | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}"
        env = {**os.environ, "PYTHONPATH": str(ROOT), "GITHUB_ACTIONS": inside}
        ran = subprocess.run(
            ["bash", "-c", script], cwd=clean, env=env, capture_output=True, check=True, timeout=60
        )
        assert (ran.stdout, ran.stderr) == (b"1\n", b"")


@pytest.mark.parametrize("format_", ["auto", *REPORTERS])
def test_names_that_are_no_text_in_any_format(tmp_path: Path, format_: str) -> None:
    folder = os.fsencode(tmp_path)
    for name in NAMES:
        Path(os.fsdecode(os.path.join(folder, name))).write_text(KEY)  # noqa: PTH118 - bytes
    ran = keyscan(".", "--format", format_, "-v", cwd=tmp_path)
    assert (ran.code, ran.errors) == (ExitCode.BLOCKING, "")
    assert ran.text.endswith("\n")
    assert not set(ran.out) & {*range(10), *range(11, 32), 0x7F}
    to_file = keyscan(".", "--format", format_, "-v", "--output", "../told", cwd=tmp_path)
    assert (to_file.code, to_file.out) == (ExitCode.BLOCKING, b"")
    assert not set((tmp_path.parent / "told").read_bytes()) & {*range(10), *range(11, 32), 0x7F}


@pytest.mark.parametrize("most", [5, 8, 11, 14])
@pytest.mark.sampled(count=2)
def test_a_system_that_is_out_of_everything(clean: Path, most: int) -> None:
    """Too few file descriptors for git: what could not be done is a gap, and what was found is told."""
    repo = Repo(clean / "repo")
    repo.leak("key.txt", KEY)
    ran = keyscan("repo", cwd=clean, before=("sh", "-c", f'ulimit -n {most}; exec "$@"', "sh"))
    assert ran.code == ExitCode.BLOCKING
    assert "Traceback" not in ran.errors
    repo.run("rm", "--quiet", "key.txt")
    ran = keyscan("repo", cwd=clean, before=("sh", "-c", f'ulimit -n {most}; exec "$@"', "sh"))
    assert ran.code in {ExitCode.BLOCKING, ExitCode.INCOMPLETE}
    assert (ran.code == ExitCode.BLOCKING) is ("FAILED" in ran.text)


# -- options -------------------------------------------------------------------------------

HELP = "See 'boltz-keyscan --help'."


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (
            ["--format", "xml"],
            f"Invalid value for '--format': 'xml' is not a format. Formats: auto, {', '.join(REPORTERS)}.",
            HELP,
        ),
        (["--jobs", "0"], "Invalid value for '--jobs': 0 is not in the range 1<=x<=256.", HELP),
        (["--jobs", "many"], "Invalid value for '--jobs': 'many' is not a valid integer range.", HELP),
        (["--quiet", "--verbose"], "--quiet and --verbose contradict each other", "Give one of them."),
        (
            ["--no-history", "--history-only"],
            "--no-history and --history-only leave nothing to scan",
            "Give one of them.",
        ),
        (
            ["--format", "sarfi"],
            "Invalid value for '--format': 'sarfi' is not a format. Did you mean sarif?",
            HELP,
        ),
        (
            ["--report", "xml=x"],
            f"Invalid value for '--report': 'xml' is not a format. Formats: {', '.join(REPORTERS)}.",
            HELP,
        ),
        (
            ["--report", "Jsonl=x"],
            "Invalid value for '--report': 'Jsonl' is not a format. Did you mean jsonl?",
            HELP,
        ),
        (
            ["--report", "json"],
            f"Invalid value for '--report': expected FORMAT=FILE with FORMAT one of {', '.join(REPORTERS)}",
            HELP,
        ),
        (
            ["--report", "json=a", "--report", "sarif=./a"],
            "two reports would be written to ./a",
            "Name a file for each.",
        ),
        (
            ["--report", "json=a", "--output", "a"],
            "two reports would be written to a",
            "Name a file for each.",
        ),
        (
            ["keys", "audit", "--local", "--format", "txt"],
            "Invalid value for '--format': 'txt' is not a format. Did you mean text?",
            "See 'boltz-keyscan keys audit --help'.",
        ),
        (["fleet", "scan"], "Missing option '--state'.", "See 'boltz-keyscan fleet scan --help'."),
        (["scan", "--output"], "Option '--output' requires an argument.", HELP),
        (["--output"], "Option '--output' requires an argument.", HELP),
        (
            ["hook", "pre-commit", "--bogus"],
            "No such option '--bogus'.",
            "See 'boltz-keyscan hook pre-commit --help'.",
        ),
    ],
)
def test_options_that_make_no_sense(clean: Path, arguments: list[str], message: str, hint: str) -> None:
    refused(keyscan(*arguments, cwd=clean), message, hint)
    assert [path.name for path in clean.iterdir()] == ["clean.txt"]
