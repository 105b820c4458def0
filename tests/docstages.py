"""Where the commands of the documents are run: folders, repositories and servers, built fresh for each story.

A stage is a function that builds a place in an empty folder; its name is what a document's
comment says, as in ``<!-- run: leaky exit=1 -->``. ``here`` is the project the reader stands
in, what lies beside it is reached with ``..``. To add one, write it and give it a line in
``STAGES``.
"""

from __future__ import annotations

import gzip
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.boltz_api import Key, Link, Service, running
from tests.keys import PREFIXES, fake_key, fake_link, fingerprint
from tests.repos import Repo
from tests.running import ROOT, program

LEAKED = fake_key("admin", "live", "recipes")
"""In a notebook at HEAD, and in a job log that is not committed."""
PAST = fake_key("ws", "live", "recipes")
"""In a file that was deleted, so in history only."""
OTHER = fake_key("ws", "test", "other project")
"""In the project beside it."""
IN_USE = fake_key("ws", "live", "in use")
"""In the environment of the reader."""
NEW = fake_key("ws", "live", "new")
"""Staged, committed or pushed just now."""

LINK = fake_link("recipes")
"""A share link."""

KEYS = (LEAKED, PAST, OTHER, IN_USE, NEW, LINK)


@dataclass
class Place:
    """A folder with an environment, in which commands run as a reader's shell would run them."""

    here: Path
    environment: dict[str, str]
    keys: tuple[str, ...] = KEYS
    """What nothing that is printed may hold."""
    ran: list[subprocess.CompletedProcess[str]] = field(default_factory=list)

    def run(self, command: str, *shell: str) -> subprocess.CompletedProcess[str]:
        """Run a piece of shell, with ``sh -c`` unless told."""
        done = subprocess.run(
            [*(shell or ("sh", "-c")), command],
            cwd=self.here,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        self.ran.append(done)
        return done


def place(folder: Path, more_arguments: str = "") -> Place:
    """An empty project folder, with ``boltz-keyscan`` and ``python`` of this checkout on the path.

    ``more_arguments`` is shell that may change the arguments of ``boltz-keyscan``.
    """
    here, programs = folder / "project", folder / "bin"
    here.mkdir(parents=True)
    programs.mkdir()
    python = shlex.quote(sys.executable)
    scripts = {
        "boltz-keyscan": f'#!/bin/sh\n{more_arguments}\nexec {program()} "$@"\n',
        # No links: the environment of an interpreter is found beside the name it is called by.
        "python": f'#!/bin/sh\nexec {python} "$@"\n',
        "python3": f'#!/bin/sh\nexec {python} "$@"\n',
    }
    for name, text in scripts.items():
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "BOLTZ_API_KEY": IN_USE,
    }
    return Place(here, environment)


def repository(at: Place) -> Repo:
    """A repository here whose ``origin`` is a server's, beside it, with all that is on main."""
    repo = Repo(at.here)
    repo.leak(".gitignore", "*.local\n__pycache__/\n", "begin")
    repo.leak("fold.py", "import os\n\nkey = os.environ['BOLTZ_API_KEY']\n", "fold")
    Repo(at.here.parent / "origin.git", bare=True)
    repo.run("remote", "add", "origin", "../origin.git")
    push(repo)
    return repo


def push(repo: Repo) -> None:
    repo.run("push", "--quiet", "--set-upstream", "origin", "main")


# The stages.


@contextmanager
def empty(folder: Path) -> Iterator[Place]:
    """An empty folder, which no git knows of."""
    yield place(folder)


@contextmanager
def clean(folder: Path) -> Iterator[Place]:
    """A repository without keys."""
    at = place(folder)
    repository(at)
    yield at


@contextmanager
def leaky(folder: Path) -> Iterator[Place]:
    """A live key at HEAD, and one in history; a log with a key beside them; another project next to it.

    ``$FINGERPRINT`` is that of the key at HEAD.
    """
    at = place(folder)
    _leak(at)
    yield at


def _leak(at: Place) -> Repo:
    repo = repository(at)
    repo.leak("old.py", f"key = '{PAST}'\n")
    repo.run("rm", "--quiet", "old.py")
    repo.leak("fold.ipynb", f'{{"source": ["api_key = \\"{LEAKED}\\"\\n"]}}\n')
    push(repo)
    (at.here / "job.log.gz").write_bytes(gzip.compress(f"x-api-key: {LEAKED}\n".encode(), mtime=0))
    other = at.here.parent / "other-project"
    other.mkdir()
    (other / ".env").write_text(f"BOLTZ_API_KEY={OTHER}\n", encoding="utf-8")
    at.environment["FINGERPRINT"] = fingerprint(LEAKED)
    return repo


@contextmanager
def staged(folder: Path) -> Iterator[Place]:
    """A repository without keys in which a file with one is staged."""
    at = place(folder)
    repository(at).add(".env", f"BOLTZ_API_KEY={NEW}\n")
    yield at


@contextmanager
def unpushed(folder: Path) -> Iterator[Place]:
    """The last commit brings a key, and ``origin`` has it not yet."""
    at = place(folder)
    repository(at).leak("settings.py", f"BOLTZ_API_KEY = '{NEW}'\n")
    yield at


@contextmanager
def pushed(folder: Path) -> Iterator[Place]:
    """A push has brought a key: ``$BEFORE`` and ``$AFTER`` are its commits, as a CI service tells them."""
    at = place(folder)
    repo = repository(at)
    at.environment["BEFORE"] = repo.run("rev-parse", "HEAD")
    at.environment["AFTER"] = repo.leak("settings.py", f"BOLTZ_API_KEY = '{NEW}'\n")
    push(repo)
    yield at


@contextmanager
def old_leaks(folder: Path) -> Iterator[Place]:
    """A repository that was leaked into long ago, and knows nothing of this program."""
    at = place(folder)
    repo = repository(at)
    repo.leak("old.py", f"key = '{PAST}'\n")
    repo.run("rm", "--quiet", "old.py")
    repo.leak("tests/data/answer.json", f'{{"headers": {{"x-api-key": "{OTHER}"}}}}\n')
    repo.leak("fold.ipynb", f'{{"source": ["api_key = \\"{LEAKED}\\"\\n"]}}\n')
    push(repo)
    at.environment["FINGERPRINT"] = fingerprint(PAST)
    yield at


@contextmanager
def api(folder: Path) -> Iterator[Place]:
    """As ``leaky``, with an admin key in the environment and the API, which knows the keys, on loopback.

    The only thing that is changed in the commands is where the API is. ``$KEY_ID`` is the id
    of the workspace key in history.
    """
    with _asked(folder, Key("key-past", PAST, "pipeline"), Key("key-leaked", LEAKED, "nightly", None)) as at:
        _leak(at)
        at.environment["KEY_ID"] = "key-past"
        yield at


@contextmanager
def _asked(folder: Path, *keys: Key, links: tuple[Link, ...] = ()) -> Iterator[Place]:
    service = Service(*keys)
    service.links = [*links]
    with running(service) as up:
        asks = '" keys "* | *" --check "* | *" --verify "*'
        at = place(folder, f'case " $* " in {asks}) set -- "$@" --api-base {up.url} ;; esac')
        at.environment["BOLTZ_API_KEY"] = service.admin.raw
        at.keys = (*KEYS, service.admin.raw)
        yield at


@contextmanager
def incident(folder: Path) -> Iterator[Place]:
    """One workspace key, in a notebook for two commits and in a tag; pushed, and the API knows it.

    ``$FINGERPRINT`` is that of the key, ``$KEY_ID`` its id, ``$FILE`` the notebook, ``$WORK`` a new folder.
    """
    with _asked(folder, Key("key-nightly", PAST, "nightly pipeline", "ws_2")) as at:
        repo = repository(at)
        cell = f"client = Boltz(api_key='{PAST}')"
        repo.leak("predict.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": [cell]}]}))
        repo.leak(
            "predict.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": ["# run\n", cell]}]})
        )
        repo.run("tag", "-m", "first", "v1")
        push(repo)
        repo.run("push", "--quiet", "origin", "v1")
        at.environment["FINGERPRINT"] = fingerprint(PAST)
        at.environment |= {"KEY_ID": "key-nightly", "FILE": "predict.ipynb"}
        # Each block has a shell of its own.
        at.environment |= {"WORK": str(folder / "work"), "TMPDIR": str(folder)}
        (folder / "work").mkdir()
        # An editor, and a person who takes the key out with it.
        editor = folder / "bin" / "editor"
        editor.write_text(f"#!/bin/sh\nexec sed -i 's/{PREFIXES['ws', 'live']}[A-Za-z0-9_-]*//' \"$1\"\n")
        editor.chmod(0o755)
        at.environment["EDITOR"] = "editor"
        yield at


@contextmanager
def shared(folder: Path) -> Iterator[Place]:
    """A share link in a note that was pushed; the API opens it. ``$FINGERPRINT`` is that of the link."""
    with _asked(folder, links=(Link(LINK, expires_at=datetime.now(UTC) + timedelta(days=300)),)) as at:
        repo = repository(at)
        repo.leak("notes.md", f"https://lab.boltz.bio/share/{LINK}\n")
        push(repo)
        at.environment["FINGERPRINT"] = fingerprint(LINK)
        yield at


@contextmanager
def mirrors(folder: Path) -> Iterator[Place]:
    """A folder ``mirrors`` with two mirrors, one of them with a live key; ``repos.txt`` lists them."""
    at = place(folder)
    for name, key in (("fold", PAST), ("screen", "")):
        repo = Repo(folder / "work" / name)
        repo.leak("old.py", f"key = '{key}'\n")
        repo.run("clone", "--quiet", "--mirror", str(repo.path), str(at.here / f"mirrors/{name}.git"))
    (at.here / "repos.txt").write_text("mirrors/fold.git\nmirrors/screen.git\n", encoding="utf-8")
    yield at


STAGES: dict[str, Callable[[Path], object]] = {
    "empty": empty,
    "clean": clean,
    "leaky": leaky,
    "staged": staged,
    "unpushed": unpushed,
    "pushed": pushed,
    "old-leaks": old_leaks,
    "api": api,
    "incident": incident,
    "shared": shared,
    "mirrors": mirrors,
}
