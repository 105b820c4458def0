"""Guards for every test: no ambient git settings, no home folder, no network, no keys from outside."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import settings

from boltz_keyscan.ci_detection import VARIABLES
from tests.repos import Repo

# Laws are not timed: a busy machine is no counter-example.
settings.register_profile("boltz-keyscan", deadline=None)
settings.load_profile("boltz-keyscan")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background by a shell without job control: what is started here would not hear Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Thousands of processes start here: none of them should have to compile the program anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def _alone(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine is set up like, tests see an empty home and a plain environment."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "GITHUB_", "BOLTZ_", "PRE_COMMIT")) or name in {
            "FORCE_COLOR",
            "NO_COLOR",
            "CLICOLOR",
            "CLICOLOR_FORCE",
            *VARIABLES,
        }:
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
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
