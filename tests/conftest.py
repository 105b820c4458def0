"""Guards for every test: no ambient git settings, no home folder, no network, no keys from outside."""

from __future__ import annotations

import gc
import itertools
import marshal
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings

from boltz_keyscan import errors
from boltz_keyscan.ci_detection import VARIABLES
from boltz_keyscan.fsutil import cpu_count
from tests import depth
from tests.repos import Repo
from tests.running import saved_engine

# Laws are not timed: a busy machine is no counter-example.
settings.register_profile(
    "ci", deadline=None, max_examples=depth.EXAMPLES, derandomize=True, database=None, print_blob=True
)
settings.register_profile("nightly", deadline=None, print_blob=True)
settings.load_profile("nightly" if depth.NIGHTLY else "ci")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background by a shell without job control: what is started here would not hear Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Thousands of processes start here, and each worker loads all tests: none of them should compile again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

SAMPLED = (
    "sampled(count, strength): cases left to 'make nightly', but for count or those that have every value"
)

PACKED: Final = "packed"
"""Name under which a report is sent."""

MEMORY: Final = "/dev/shm"
"""Folder in memory, where the many small files of the tests take less time than on a disk."""

MEMORY_BYTES: Final = 4 << 30
"""Free space from which on it is used; in a container it is often 64 MB."""

AMBIENT: Final = {"FORCE_COLOR", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", *VARIABLES}
"""Variables of this machine that tests do not see."""

LOOPBACK = ("127.", "::1", "localhost")


def _use_memory() -> None:
    """Put temporary files into memory, unless a folder is set, or it is small or runs no programs."""
    if sys.platform != "linux" or "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    found = os.statvfs(MEMORY)
    if not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize >= MEMORY_BYTES:
        os.environ["TMPDIR"] = MEMORY
        # What was looked up before.
        tempfile.tempdir = None


_use_memory()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers; look for no garbage among tests that are collected, which are many and stay."""
    config.addinivalue_line("markers", SAMPLED)
    gc.disable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores, as some always wait: for children, sockets, timeouts."""
    return cpu_count() + 1


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Send each report as bytes: xdist writes and reads anything else value by value, in Python."""
    data = yield
    return {PACKED: marshal.dumps(data)} if data and "PYTEST_XDIST_WORKER" in os.environ else data


@pytest.hookimpl(tryfirst=True)
def pytest_report_from_serializable(config: pytest.Config, data: dict[str, Any]) -> Any:
    """Read such a report, which comes from a process of this Python."""
    if PACKED not in data:
        return None
    return config.hook.pytest_report_from_serializable(config=config, data=marshal.loads(data[PACKED]))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the cases that only ``make nightly`` runs, unless they are named on the command line."""
    if depth.NIGHTLY or any("[" in argument for argument in config.args):
        return
    cases: defaultdict[str, list[pytest.Function]] = defaultdict(list)
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("sampled"):
            cases[item.nodeid.partition("[")[0]].append(item)
    left_out = {item for name, group in cases.items() for item in _left_out(name, group)}
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish() -> None:
    """Leave the tests out of all later searches for garbage."""
    gc.freeze()
    gc.enable()


def _left_out(name: str, cases: list[pytest.Function]) -> set[pytest.Function]:
    marker = cases[0].get_closest_marker("sampled")
    assert marker is not None
    if (count := marker.kwargs.get("count")) is not None:
        chosen = depth.drawn(count, len(cases), name)
    else:
        # The same value of a parameter is the same object in every case.
        values = [{name: id(value) for name, value in case.callspec.params.items()} for case in cases]
        chosen = depth.covering(values, marker.kwargs.get("strength", 1), name)
    return set(cases) - {cases[position] for position in chosen}


class _Homes:
    """Homes of users who have scanned before: a program that a test starts compiles no engine.

    One that a test has left as it was is given to the next: thousands would take seconds to make and remove.
    """

    def __init__(self, folder: Path) -> None:
        self._numbers = itertools.count()
        self._folder = folder
        self._unused: list[Path] = []
        self._new: object = None

    def take(self) -> Path:
        if self._unused:
            return self._unused.pop()
        home = self._folder / str(next(self._numbers))
        engine, cache = saved_engine(), home / "cache/boltz-keyscan"
        home.mkdir()
        cache.mkdir(mode=0o700, parents=True)
        try:
            os.link(engine, cache / engine.name)
        except OSError:
            shutil.copy2(engine, cache)
        self._new = self._new or _state(home)
        return home

    def give_back(self, home: Path) -> None:
        if _state(home) == self._new:
            self._unused.append(home)


def _state(home: Path) -> object:
    """What is in a home, which is little in a new one; nothing where it cannot be read."""
    try:
        return [
            (folder[len(str(home)) :], os.lstat(folder).st_mode, folders, names)
            for folder, folders, names in os.walk(home)
        ]
    except OSError:
        return None


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> _Homes:
    return _Homes(tmp_path_factory.mktemp("homes"))


@pytest.fixture(autouse=True)
def _alone(_homes: _Homes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever this machine is set up like, tests see an empty home and a plain environment."""
    # Of a command that ran in this process.
    errors.__dict__["_reporters"].clear()
    for name in list(os.environ):
        if name.startswith(("GIT_", "GITHUB_", "BOLTZ_", "PRE_COMMIT")) or name in AMBIENT:
            monkeypatch.delenv(name)
    home = _homes.take()
    settings = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A. Thor",
        "GIT_AUTHOR_EMAIL": "author@example.invalid",
        "GIT_COMMITTER_NAME": "C. Mitter",
        "GIT_COMMITTER_EMAIL": "committer@example.invalid",
        "COLUMNS": "80",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield
    _homes.give_back(home)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection beyond loopback is a failed test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)  # type: ignore[arg-type]  # whatever the caller gave

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A new, empty repository."""
    return Repo(tmp_path / "repo")


@pytest.fixture
def unprivileged() -> tuple[str, ...]:
    """What to put in front of a command so that file permissions count for it, even for root."""
    if os.geteuid() != 0:
        return ()
    program = shutil.which("setpriv")
    if program is None:
        pytest.skip("root reads everything, and setpriv is not here to make it read less")
    dropped = (program, "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
    if subprocess.run([*dropped, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("root reads everything, and setpriv may not drop capabilities here")
    return dropped
