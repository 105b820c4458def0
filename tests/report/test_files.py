"""A report under a name: whole, or not at all."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import pytest

from boltz_keyscan import report
from boltz_keyscan.errors import KeyscanError, OutputError
from boltz_keyscan.report import REPORTERS, ReportOptions, writer
from tests.keys import fake_key, fingerprint
from tests.report import samples
from tests.running import keyscan

if TYPE_CHECKING:
    from boltz_keyscan.model.finding import ScanResult

RESULT = samples.tree()


def write(path: str | Path, name: str = "json") -> None:
    writer.write_report(name, path, RESULT, ReportOptions())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("name", report.REPORTERS)
def test_the_file_holds_what_the_reporter_wrote(name: str, tmp_path: Path) -> None:
    path = tmp_path / "report"
    write(path, name)
    assert path.read_bytes().decode() == samples.told(name, RESULT)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_follows_the_umask(mask: int, expected: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write(tmp_path / "report")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert mode(tmp_path / "report") == expected


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("old")
    path.chmod(0o640)
    write(path)
    assert mode(path) == 0o640
    assert json.loads(path.read_text())["schema_version"] == "1"


def test_a_name_without_a_folder_is_in_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write("report.json")
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def failed(path: str | Path, name: str = "json") -> OutputError:
    with pytest.raises(OutputError) as caught:
        write(path, name)
    return caught.value


@pytest.mark.parametrize("name", report.REPORTERS)
def test_what_cannot_be_written_is_said_with_a_way_out(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    link = "it is a symbolic link, and what it points at would be overwritten"
    cases = {
        tmp_path: ("it is a folder", "Name another file."),
        tmp_path / "none" / "x": (
            "No such file or directory",
            "Make the folder first; it is not made for you.",
        ),
        tmp_path / "file" / "x": ("Not a directory", "Part of the path is a file, not a folder."),
        tmp_path / "link": (link, "Name another file."),
        tmp_path / "dangling": (link, "Name another file."),
        tmp_path / ("x" * 256): ("File name too long", "Choose a shorter name."),
        Path("/dev/full"): ("No space left on device", "Free some space, or name a file on another disk."),
    }
    for path, (why, hint) in cases.items():
        error = failed(path, name)
        assert error.message == f"cannot write the {name} report to {path}: {why}"
        assert error.hint == hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "file", "link"]
    assert (tmp_path / "file").read_text() == ""


READ_ONLY = """
import sys
from boltz_keyscan.errors import OutputError
from boltz_keyscan.report import ReportOptions, writer
from tests.report import samples
try:
    writer.write_report("json", sys.argv[1], samples.tree(), ReportOptions())
except OutputError as error:
    print(error.message, error.hint, sep="\\n")
"""


def test_a_file_that_is_read_only_is_not_replaced(tmp_path: Path, unprivileged: tuple[str, ...]) -> None:
    path = tmp_path / "report"
    path.write_text("precious")
    path.chmod(0o444)
    command = [*unprivileged, sys.executable, "-c", READ_ONLY, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.splitlines() == [
        f"cannot write the json report to {path}: it is read-only",
        "Name a file in a folder you may write to.",
    ]
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


def test_paths_that_are_none(tmp_path: Path) -> None:
    assert failed("").message == "cannot write the json report to : No such file or directory"
    assert (
        failed(f"{tmp_path}/a\0b").message
        == f"cannot write the json report to {tmp_path}/a\\x00b: not a path"
    )
    assert failed("/dev/fd/999").message == "cannot write the json report to /dev/fd/999: Bad file descriptor"


def test_a_socket_is_no_place_for_a_report(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        assert failed(tmp_path / "s").message.endswith("it is neither a file nor a pipe")


def test_an_unknown_format_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(KeyscanError, match="no report format is called 'yaml'"):
        write(tmp_path / "x", "yaml")
    assert list(tmp_path.iterdir()) == []


class Torn:
    """A reporter that writes half a report and then fails as told."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, _result: ScanResult, stream: TextIO, _view: ReportOptions) -> None:
        stream.write("half")
        stream.flush()
        raise self.error


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(28, "No space left on device"), OutputError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (ValueError("a bug"), ValueError),
        (TypeError("a bug"), TypeError),
    ],
    ids=repr,
)
def test_a_torn_report_leaves_what_was_there(
    error: BaseException, raised: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report"
    path.write_text("old")
    monkeypatch.setattr(writer, "load", lambda _name: Torn(error))
    with pytest.raises(raised):
        write(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


KILLED = """
import sys, time
from boltz_keyscan.report import ReportOptions, writer
def slow(result, stream, view):
    stream.write("half"); stream.flush(); print("writing", flush=True); time.sleep(60)
writer.load = lambda name: slow
writer.write_report("json", sys.argv[1], None, ReportOptions())
"""


def test_a_killed_run_leaves_no_half_report(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("old")
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
    assert path.read_text() == "old"
    (left,) = (entry for entry in tmp_path.iterdir() if entry != path)
    assert left.name.startswith(".boltz-keyscan-")
    assert mode(left) == 0o600


def test_a_device_is_written_to_as_it_is() -> None:
    null = Path("/dev/null")
    before = null.stat()
    write(null)
    assert (null.stat().st_ino, null.stat().st_mode) == (before.st_ino, before.st_mode)


def test_a_fifo_is_written_to_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    read: list[Any] = []
    reader = threading.Thread(target=lambda: read.append(path.read_text(encoding="utf-8")))
    reader.start()
    write(path)
    reader.join()
    assert read == [samples.told("json", RESULT)]
    assert stat.S_ISFIFO(path.lstat().st_mode)


STREAMED = """
import sys
from tests.report import samples
from boltz_keyscan.report import ReportOptions, writer
print("before")
writer.write_report("json", sys.argv[1], samples.tree(), ReportOptions())
print("after")
"""


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("to_file", [False, True], ids=["pipe", "file"])
def test_standard_output_by_name_keeps_its_order(name: str, to_file: bool, tmp_path: Path) -> None:  # noqa: FBT001
    command = [sys.executable, "-c", STREAMED, name]
    expected = f"before\n{samples.told('json', RESULT)}after\n"
    root = Path(__file__).parents[2]
    if to_file:
        with (tmp_path / "out").open("w") as out:
            subprocess.run(command, stdout=out, check=True, cwd=root)
        assert (tmp_path / "out").read_text(encoding="utf-8") == expected
    else:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
        assert done.stdout == expected


@pytest.mark.parametrize("name", REPORTERS)
def test_quiet_is_for_standard_output_alone(tmp_path: Path, name: str) -> None:
    """A file is read later, and by others: it holds what blocks nothing as well."""
    (tmp_path / "a.py").write_text(f"{fake_key('ws', 'test', 'quiet')}\n{fake_key('ws', 'live', 'quiet')}\n")

    def written(*arguments: str) -> list[str]:
        ran = keyscan("a.py", "--report", f"{name}=report", *arguments, cwd=tmp_path)
        assert ran.code == 1
        times = r"\d\d:\d\d UTC|\d+\.\d+|\d{4}-\d\d-\d\dT[\d:.]+Z?|[0-9a-f]{8}-[0-9a-f-]{27}"
        return re.sub(times, "", (tmp_path / "report").read_text()).splitlines()

    assert written("-q") == written()
    assert fingerprint(fake_key("ws", "test", "quiet"))[:12] in "".join(written("-q"))
