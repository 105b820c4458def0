"""Lists, states and options that are wrong: an error or a gap for each, and never a quiet pass."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from boltz_keyscan.fleet.addresses import parse_address
from boltz_keyscan.fleet.mirror import FetchLimits, describe_failure
from boltz_keyscan.fleet.outcome import Outcome
from boltz_keyscan.fleet.result import StoredResult
from boltz_keyscan.fleet.run import run_fleet
from boltz_keyscan.fleet.sources import Listed, Listing, list_sources
from boltz_keyscan.fleet.store import Store, merge
from boltz_keyscan.fleet.unit import Settings, Unit, scan_unit
from boltz_keyscan.model.finding import Gap
from boltz_keyscan.model.fleet import RepositoryStatus
from tests.keys import fake_key
from tests.leaks import leaks
from tests.repos import Repo
from tests.running import COMMAND, ROOT, keyscan

KEY = fake_key("ws", "live", "in an address")

REFUSED = (
    "https://user:secret@host.invalid/a",
    "https://host.invalid/a?private_token=secret",
    "https://host.invalid/a#secret",
    f"https://host.invalid/{KEY}",
    "http://host.invalid/a",
    "ftp://host.invalid/a",
    "ext::sh -c id",
    "fd::17",
    "ssh://-oProxyCommand=id/a",
    "-oProxyCommand=id@host:a",
    "https://host.invalid/a\nb",
    "https://host.invalid/\x1b[2J",
    "https://h\u00f6st.invalid/a",
    "https://host.invalid:port/a",
    "https://",
    "file://elsewhere/a",
    "--upload-pack=id",
    "../../etc/passwd",
    "no/such/folder",
    "nul\0byte",
    "\ud800",
)
"""Entries of a list that git must not get, or that are nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names that differ in case only, hostile names, a hostile submodule, a pointer of LFS, an empty one."""
    folder = tmp_path_factory.mktemp("bad")
    for name in ("Same", "same", "-o", "new\nline", "\u202eevil", "'; id; '", "%2e%2e"):
        repo = Repo(folder / "clones" / name)
        repo.leak("model.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
        repo.leak(".gitmodules", '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch pwned"\n')
    Repo(folder / "clones/empty")
    broken = folder / "clones/broken/.git"
    broken.parent.mkdir()
    broken.write_text("gitdir: /nowhere\n")
    return folder


def test_each_entry_is_a_repository_that_failed(folder: Path) -> None:
    entries = json.dumps(REFUSED).encode("utf-8", "surrogatepass")
    ran = keyscan("fleet", "scan", "--repos", "-", "--state", "refused", cwd=folder, stdin=entries)
    assert (ran.code, ran.errors) == (3, "")
    document = keyscan("fleet", "report", "--state", "refused", "--format", "json", cwd=folder).report
    rows = document["repositories"]
    assert len(rows) == len(REFUSED)
    assert {gap["reason"] for row in rows for gap in row["gaps"]} == {"address-refused"}
    written = b"".join(path.read_bytes() for path in (folder / "refused").iterdir()) + ran.out
    assert b"secret" not in written
    assert leaks(written, KEY) == []
    assert b"\x1b" not in ran.out


def test_an_address_with_a_slash_at_its_end_is_the_same_one() -> None:
    for text in ("https://host.invalid/a", "ssh://git@host.invalid/a", "git@host.invalid:a", "file:///a"):
        assert parse_address(f"{text}/") == parse_address(text)
        assert len(list_sources([text, f"{text}/"]).repositories) == 1


def test_names_are_only_names(folder: Path) -> None:
    ran = keyscan("fleet", "scan", "clones", "--state", "names", cwd=folder)
    assert (ran.code, ran.errors) == (3, "")
    document = keyscan("fleet", "report", "--state", "names", "--format", "json", cwd=folder).report
    statuses = {row["name"]: row["status"] for row in document["repositories"]}
    assert len(statuses) == 9
    assert [name for name, status in statuses.items() if status != "scanned"] == ["clones/broken"]
    assert not list(folder.rglob("pwned"))
    # Nothing changed: each is confirmed, also the one without a commit.
    assert keyscan("fleet", "scan", "clones", "--state", "names", cwd=folder).out == ran.out
    (folder / "clones/same/new.env").write_text(f"KEY={KEY}\n")
    assert keyscan("fleet", "scan", "clones", "--state", "names", cwd=folder).code == 1
    sarif = keyscan(
        *["fleet", "report", "--state", "names", "--format", "sarif", "--output", "sarif"], cwd=folder
    )
    assert sarif.code == 1
    assert len(list((folder / "sarif").glob("*.sarif"))) == len(statuses)


@pytest.mark.parametrize(
    ("arguments", "stdin", "error"),
    [
        ("scan --state s", b"", "there is no repository to scan"),
        ("scan --state s --repos -", b"# none\n", "there is no repository to scan"),
        ("scan --state s --repos -", b"[{]", "- is not JSON"),
        ("scan --state s --repos -", b'[{"id": 1}]', "an entry names no repository"),
        ("scan --state s --repos -", b"\xff\xfe", "- is no text"),
        ("scan --state s --repos nowhere", b"", "nowhere"),
        ("scan --state s nowhere", b"", "no such folder or address: nowhere"),
        ("scan --state s refused", b"", "no repository in refused"),
        ("scan --state s https://u:p@h.invalid/x", b"", "an address that is not used: https://h.invalid/x"),
        ("scan --state s clones --shard 0/3", b"", "not a shard: 0/3"),
        ("scan --state s clones --shard 4/3", b"", "not a shard: 4/3"),
        ("scan --state s clones --trust mine", b"", "not a trust setting: mine"),
        ("scan --state s clones --token-file nowhere", b"", "cannot read the token file"),
        ("scan --state clones/empty/.git/HEAD clones", b"", "cannot use the state"),
        ("scan --state old clones", b"", "the state in old is of another version"),
        ("scan --state text clones", b"", "cannot use the state in text"),
        ("report --state nowhere", b"", "no state of a fleet: nowhere"),
        ("report --state old", b"", "the state in old is of another version"),
        ("status --state text", b"", "cannot use the state in text"),
        ("merge --state s2 nowhere", b"", "no state of a fleet: nowhere"),
        *(
            (words, b"", "Missing option '--state'")
            for words in ("scan clones", "report", "status", "merge s2")
        ),
    ],
)
def test_what_cannot_be_used_is_an_error(folder: Path, arguments: str, stdin: bytes, error: str) -> None:
    (folder / "refused").mkdir(exist_ok=True)
    for name in ("old", "text"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "fleet.sqlite").unlink(missing_ok=True)
    with sqlite3.connect(folder / "old/fleet.sqlite") as connection:
        connection.execute("CREATE TABLE repositories (id)")
    (folder / "text/fleet.sqlite").write_text("no database\n" * 100)
    ran = keyscan("fleet", *arguments.split(), cwd=folder, stdin=stdin)
    assert (ran.code, ran.out) == (2, b"")
    assert error in ran.errors


def test_one_token_is_for_one_server(folder: Path) -> None:
    (folder / "token").write_text("abc\n")
    urls = b"https://one.invalid/a\nhttps://two.invalid/a\n"
    arguments = ["fleet", "scan", "--state", "s3", "--repos", "-", "--token-file", "token"]
    ran = keyscan(*arguments, cwd=folder, stdin=urls)
    assert ran.code == 2
    assert "on 2 servers" in ran.errors


def test_a_full_disk_stops_the_scan_and_keeps_what_was_recorded(folder: Path) -> None:
    """A file that may not grow fails as a full disk does."""
    arguments = ("fleet", "scan", "clones", "--state", "full")
    full = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    for limit in (20_000, 50_000):
        lines = f"{full}resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
        ran = keyscan(*arguments, cwd=folder, changed=lines, started=True)
        assert ran.code in {1, 2, 3}, ran
        assert limit > 20_000 or "cannot use the state in full" in ran.errors
    assert keyscan(*arguments, cwd=folder).code in {1, 3}


def test_a_report_that_nobody_reads_holds_up_no_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in ``fleet report | less`` beside a scan."""
    monkeypatch.setattr("boltz_keyscan.fleet.store._BUSY_TIMEOUT_S", 0.2)
    listed = [(f"{number:032}", f"https://host.invalid/{number}") for number in range(5_000)]
    with Store.create(str(tmp_path / "state")) as store:
        store.list_repositories(listed, (), (1, 1), len(listed))
        arguments = ("fleet", "report", "--state", "state", "--format", "json")
        with subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as reading:
            assert reading.stdout is not None
            begin = reading.stdout.read(10_000)
            store.confirm(id_ for id_, _ in listed)
            document = json.loads(begin + reading.stdout.read())
    assert document["fleet"]["coverage"]["pending"] == len(listed)
    assert {each["status"] for each in document["repositories"]} == {"pending"}


@pytest.mark.parametrize("failed_last", [True, False])
@pytest.mark.parametrize("merged_last", ["found", "failed"])
def test_a_merge_loses_no_key_to_a_fetch_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merged_last: str, *, failed_last: bool
) -> None:
    Repo(tmp_path / "repo").leak("settings.env", f"KEY={KEY}\n")
    (listed,) = list_sources([str(tmp_path / "repo")]).repositories
    found = scan_unit(Unit(listed, Settings()))
    failure = Outcome.failure(listed.id, Gap(listed.name, "fetch-failed", "gone"))
    for name, outcome, when in (("found", found, 10), ("failed", failure, 20 if failed_last else 5)):
        monkeypatch.setattr("time.time", lambda when=when: 2e9 + when)
        with Store.create(str(tmp_path / name)) as store:
            store.list_repositories([(listed.id, listed.name)], (), (1, 1), 1)
            store.record(outcome)
    first = next(each for each in ("found", "failed") if each != merged_last)
    merge(str(tmp_path / "merged"), [str(tmp_path / first), str(tmp_path / merged_last)])
    with Store.open(str(tmp_path / "merged")) as store:
        result = StoredResult(store)
        (entry,), (key,) = result.repositories(), result.findings()
        assert [each.path for each in next(result.occurrences(key.finding.fingerprint)).locations]
    assert entry.status is (RepositoryStatus.FAILED if failed_last else RepositoryStatus.SCANNED)
    assert [gap.reason for gap in entry.gaps] == (["fetch-failed"] if failed_last else [])


def test_limits_of_a_fetch(folder: Path) -> None:
    big = Repo(folder / "big")
    big.leak("noise.bin", os.urandom(3 << 20))
    arguments = ["fleet", "scan", f"file://{folder}/big", "--state", "limits"]
    ran = keyscan(*arguments, "--max-mirror-size", "0.002", cwd=folder)
    assert (ran.code, "fetch-too-large" in ran.text) == (3, True)
    assert keyscan(*arguments, cwd=folder).code == 0


def test_a_repository_that_is_damaged_on_the_server_is_not_called_too_large(folder: Path) -> None:
    damaged = Repo(folder / "damaged")
    damaged.leak("a.txt", "a\n")
    blob = damaged.run("rev-parse", "HEAD:a.txt").strip()
    (folder / f"damaged/.git/objects/{blob[:2]}/{blob[2:]}").unlink()
    ran = keyscan("fleet", "scan", f"file://{folder}/damaged", "--state", "damage", cwd=folder)
    assert (ran.code, "the repository is damaged" in ran.text) == (3, True)
    cut = describe_failure(
        "name", "fetch-pack: early EOF\nfatal: fetch-pack: invalid index-pack output", FetchLimits()
    )
    assert "the connection ended" in cut.detail


def test_a_clock_that_jumps_changes_nothing(folder: Path) -> None:
    plain = keyscan("fleet", "scan", "clones", "--state", "plain", cwd=folder)
    jumps = "import itertools, time\nreal, by = time.time, itertools.cycle([0, 3e8, -3e8])\n"
    for _ in range(2):
        ran = keyscan(
            *["fleet", "scan", "clones", "--state", "jumps"],
            cwd=folder,
            changed=f"{jumps}time.time = lambda: real() + next(by)",
        )
        assert (ran.code, ran.out, ran.errors) == (plain.code, plain.out, "")


def test_the_rate_is_of_a_clock_that_nobody_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``fleet status`` shows in the middle of a scan, after the clock was set back and forth."""
    monkeypatch.setattr("boltz_keyscan.fleet.run._CONFIRM_INTERVAL_S", 0.0)
    shown: list[str] = []

    class Engine:
        def outcomes(self, units: Iterator[Unit]) -> Iterator[Outcome]:
            for jump, unit in zip((3e8, -3e8, 0.0), units, strict=True):
                monkeypatch.setattr("time.time", lambda jump=jump: 2e9 + jump)
                yield Outcome(unit.repository.id, RepositoryStatus.SCANNED)
                shown.append(keyscan("fleet", "status", "--state", "state", cwd=tmp_path).text)

    listed = tuple(Listed(name, name) for name in "abc")
    with Store.create(str(tmp_path / "state")) as store:
        run_fleet(store, Listing(listed, ()), Settings(), Engine())
    for done, text in enumerate(shown, 1):
        rate = re.search(rf"{done} of 3 done, (\d+\.\d) a second, about [01] min left", text)
        assert rate is not None, text
