"""What each command loads: a commit hook pays for every module, on every commit."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.hooked import call
from tests.keys import fake_key
from tests.repos import Repo

_SPY = """
import sys
before = set(sys.modules)
from boltz_keyscan.cli import main
code = main(sys.argv[2:])
loaded = sorted(set(sys.modules) - before)
import json
with open(sys.argv[1], "w") as file:
    json.dump([code, loaded], file)
"""

HEAVY = frozenset(
    {
        "_hashlib",
        "asyncio",
        "attr",
        "click",
        "concurrent.futures",
        "dataclasses",
        "dulwich",
        "email",
        "git",
        "http",
        "inspect",
        "json",
        "logging",
        "multiprocessing",
        "pathlib",
        "regex",
        "sarif_om",
        "socket",
        "sqlite3",
        "ssl",
        "urllib.request",
    }
)

MOST_MODULES = 48
"""Modules of this package that a clean commit may load; more only for what a commit cannot do without."""


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "repo")
    repo.add("a.py", "key = os.environ\n")
    return repo


def _loaded(repo: Repo, code: int, *arguments: str) -> set[str]:
    """The modules a command line loads beyond those Python starts with."""
    found = repo.path.parent / "found.json"
    ran = call(repo.path, sys.executable, "-c", _SPY, str(found), *arguments)
    ended, loaded = json.loads(found.read_text(encoding="utf-8"))
    assert ended == code, ran
    return set(loaded)


def _own(loaded: set[str]) -> set[str]:
    return {name.removeprefix("boltz_keyscan.") for name in loaded if name.startswith("boltz_keyscan.")}


@pytest.mark.parametrize("names", [(), ("--", "a.py")])
def test_a_clean_commit(repo: Repo, names: tuple[str, ...]) -> None:
    loaded = _loaded(repo, 0, "hook", "pre-commit", *names)
    assert loaded & HEAVY == set()
    own = _own(loaded)
    assert len(own) <= MOST_MODULES, sorted(own)
    assert not {name for name in own if name.startswith(("report.", "sources.archives.", "workers."))}


def test_a_clean_event_of_an_agent(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    payload = repo.path / "event.json"
    sent = {"session_id": "s", "transcript_path": None, "hook_event_name": "UserPromptSubmit", "prompt": "x"}
    payload.write_text(json.dumps(sent))
    spy = _SPY.replace("code = main", f"sys.stdin = open({str(payload)!r})\ncode = main")
    monkeypatch.setattr("tests.test_imports._SPY", spy)
    loaded = _loaded(repo, 0, "hook", "agent")
    assert loaded & (HEAVY - {"json"}) == set()
    own = _own(loaded)
    assert {name for name in own if name.startswith("agents.")} == {
        *("agents.claude", "agents.event", "agents.fields", "agents.hook", "agents.inspection"),
        *("agents.registry", "agents.texts"),
    }
    assert not {name for name in own if name.startswith(("report.", "sources.", "workers.", "triage."))}


def test_a_clean_scan_of_files_loads_nothing_of_history_and_no_redaction(repo: Repo) -> None:
    repo.commit()
    own = _own(_loaded(repo, 0, ".", "--no-history"))
    assert not {
        name
        for name in own
        if name.startswith(("sources.git.attribution", "sources.git.history", "workers.", "detect.redact"))
    }


def test_a_commit_that_is_stopped(repo: Repo) -> None:
    repo.add("a.py", fake_key())
    loaded = _loaded(repo, 1, "hook", "pre-commit")
    assert loaded & HEAVY <= {"_hashlib", "click", "dataclasses", "inspect", "json", "logging", "regex"}
    assert {"report.text", "detect.matcher"} <= _own(loaded)


@pytest.mark.parametrize("form", ["text", "json", "jsonl", "csv", "markdown", "junit", "github", "gitlab"])
@pytest.mark.sampled(count=3)
def test_a_scan_that_is_told_in_another_format_loads_no_sarif(repo: Repo, form: str) -> None:
    repo.commit()
    loaded = _loaded(repo, 0, ".", "--no-cache", "--jobs", "1", "--format", form)
    unwanted = {"sarif_om", "attr", "git", "socket", "ssl", "http", "asyncio", "multiprocessing"}
    assert loaded & unwanted == set()
    assert not any(name.startswith("report.sarif") for name in _own(loaded))


def test_the_spy_does_see(repo: Repo) -> None:
    repo.commit()
    assert "sarif_om" in _loaded(repo, 0, ".", "--no-cache", "--format", "sarif")


def test_help_and_version_load_no_pipeline(repo: Repo) -> None:
    assert _own(_loaded(repo, 0, "--version")) == {
        "_version",
        "cli",
        "cli.error_handler",
        "cli.groups",
        "cli.root",
        "errors",
        "model",
        "model.enums",
        "module_search",
        "system",
    }


def test_the_package_alone_costs_nothing(repo: Repo) -> None:
    code = "import sys; before = set(sys.modules); import boltz_keyscan; print(*set(sys.modules) - before)"
    ran = call(repo.path, sys.executable, "-c", code)
    assert set(ran.text.split()) == {"boltz_keyscan", "boltz_keyscan._version"}, ran


def test_its_names_are_loaded_when_they_are_asked_for(repo: Repo) -> None:
    code = (
        "import sys; from boltz_keyscan import scan; assert callable(scan);"
        "print(*(name for name in ('click', 'boltz_keyscan.cli', 'sarif_om', 'multiprocessing', 'socket')"
        " if name in sys.modules))"
    )
    ran = call(repo.path, sys.executable, "-c", code)
    assert (ran.code, ran.text) == (0, "\n"), ran
