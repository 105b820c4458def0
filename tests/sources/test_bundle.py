"""Git bundles: a history in a file, found by its first line, and gone from the disk afterwards."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import BundleFile, Location, ScanResult
from boltz_keyscan.pipeline import run
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.sources.git import bundle
from boltz_keyscan.sources.git.bundle import read_header
from boltz_keyscan.sources.git.run import tempdir
from tests.depth import examples
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import keyscan, scan_json

KEY = fake_key(seed="in a bundle")
NEWER = fake_key(seed="in a later bundle")


def scanned(path: Path, **options: Any) -> ScanResult:
    plan = make_plan(Options(paths=(str(path),), **{"jobs": 1, **options}))
    return run(plan)


def locations(result: ScanResult) -> dict[str, list[Location]]:
    return {finding.fingerprint: list(finding.locations) for finding in result.findings}


def reasons(result: ScanResult) -> list[tuple[str, bool]]:
    return [(gap.reason, gap.by_design) for gap in result.gaps]


def leftovers() -> set[str]:
    """What lies in the temporary folder of this run."""
    return {path.name for path in Path(tempdir._process_folder()).iterdir()}


@pytest.fixture
def source(tmp_path: Path) -> Repo:
    """Four commits; the second brings a key and the third removes it."""
    repo = Repo(tmp_path / "source")
    return _filled(repo)


def _filled(repo: Repo) -> Repo:
    repo.leak("a.txt", "".join(f"{line}\n" for line in range(500)), "first")
    repo.leak("src/deep/key.txt", f"x = {KEY}\n")
    repo.run("rm", "--quiet", "src/deep/key.txt")
    repo.commit("gone")
    repo.leak("src/other.txt", "other\n", "last")
    return repo


def bundled(repo: Repo, name: str, *revisions: str, version: int = 2) -> Path:
    path = repo.path.parent / "out" / name
    path.parent.mkdir(exist_ok=True)
    repo.run("bundle", "create", "--quiet", f"--version={version}", str(path), *(revisions or ("--all",)))
    return path


@pytest.mark.parametrize(("object_format", "version"), [("sha1", 2), ("sha1", 3), ("sha256", 3)])
@pytest.mark.parametrize("name", ["backup.bundle", "a file of any name"])
@pytest.mark.sampled
def test_a_bundle_is_scanned_and_explained(
    tmp_path: Path, object_format: str, version: int, name: str
) -> None:
    repo = _filled(Repo(tmp_path / "source", object_format=object_format))
    path = bundled(repo, name, version=version)
    before = leftovers()
    for target in (path, path.parent):
        result = scanned(target)
        [(mark, [where])] = locations(result).items()
        shown = f"{path.parent}/{name}" if target == path else name
        assert (mark, where.path, where.members) == (fingerprint(KEY), shown, ("src/deep/key.txt",))
        assert (where.commit, where.exposure) == (repo.run("rev-parse", "HEAD~2"), "file")
        assert where.blob == repo.run("rev-parse", "HEAD~2:src/deep/key.txt")
        assert where.author_date is not None
        assert (result.gaps, result.tally.commits, result.tally.files) == ((), 4, 1)
    assert leftovers() == before


def test_all_of_it_is_told_in_a_report(source: Repo) -> None:
    source.run("branch", f"b/{NEWER}")
    path = bundled(source, "x.bundle")
    ran = keyscan(path.name, cwd=path.parent)
    assert "x.bundle!src/deep/key.txt:1  outside git" in ran.text
    assert "x.bundle!.git/refs/heads/b/sk_bc_ws_live_[REDACTED]:1 " in ran.text
    assert (ran.code, ran.errors) == (ExitCode.BLOCKING, "")
    report = scan_json(".", cwd=path.parent)
    assert {
        (where["path"], *where["members"]) for each in report["findings"] for where in each["locations"]
    } == {
        # The header is plain text, so the file as such holds the name too.
        ("x.bundle",),
        ("x.bundle", "src/deep/key.txt"),
        ("x.bundle", ".git/refs/heads/b/sk_bc_ws_live_[REDACTED]"),
    }


def test_a_large_bundle_and_many_workers(source: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    source.leak("large.bin", os.urandom(300_000))
    path = bundled(source, "large.bundle")
    for small in range(3):
        (path.parent / f"{small}.txt").write_text("nothing")
    monkeypatch.setattr("boltz_keyscan.pipeline.MAX_INLINE_BYTES", -1)
    monkeypatch.setattr("boltz_keyscan.workers.scan_pool.is_worthwhile", lambda _: True)
    result = scanned(path.parent, jobs=2)
    assert [where.members for where in locations(result)[fingerprint(KEY)]] == [("src/deep/key.txt",)]
    assert result.gaps == ()


@pytest.mark.parametrize("place", ["tracked", "untracked", "local"])
def test_a_key_is_as_exposed_as_the_bundle(source: Repo, tmp_path: Path, place: str) -> None:
    path = bundled(source, "x.bundle")
    repo = Repo(tmp_path / "repo")
    repo.leak(".gitignore", "ignored/\n")
    name = "ignored/x.bundle" if place == "local" else "x.bundle"
    repo.write(name, path.read_bytes())
    if place == "tracked":
        repo.run("add", name)
        repo.commit()
    for target in (repo.path, repo.path / name):
        # Tracked, it is also a blob of the repository around it.
        (found,) = locations(scanned(target)).values()
        assert {(where.exposure, where.members) for where in found} == {(place, ("src/deep/key.txt",))}


def test_no_history_leaves_bundles_closed_and_history_only_opens_the_one_named(source: Repo) -> None:
    path = bundled(source, "x.bundle")
    closed = scanned(path.parent, history=False)
    assert (closed.findings, closed.gaps, closed.tally.files) == ((), (), 1)
    only = scanned(path, files=False)
    assert (list(locations(only)), only.gaps, only.tally.files) == ([fingerprint(KEY)], (), 0)


def test_a_link_to_a_bundle_is_followed_only_when_named(source: Repo, tmp_path: Path) -> None:
    path = bundled(source, "x.bundle")
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "link").symlink_to(path)
    assert list(locations(scanned(folder / "link"))) == [fingerprint(KEY)]
    assert locations(scanned(folder)) == {}


def test_a_bundle_without_objects_for_its_references(source: Repo) -> None:
    path = bundled(source, "x.bundle")
    nobody = b"1" * 40
    path.write_bytes(path.read_bytes().replace(b"\n", b"\n" + nobody + b" refs/heads/lost\n", 1))
    result = scanned(path)
    assert reasons(result) == [("reference-broken", False)]
    assert list(locations(result)) == [fingerprint(KEY)]


# -- incremental bundles ---------------------------------------------------------------------


def test_an_incremental_bundle_has_keys_without_paths_and_commits(source: Repo) -> None:
    source.leak("src/deep/er/new.txt", f"{NEWER}\n")
    source.run("mv", "src/deep/er/new.txt", "src/deep/er/moved.txt")
    moved = source.commit(f"message {KEY}")
    path = bundled(source, "x.bundle", "main~2..main")
    result = scanned(path)
    assert reasons(result) == [("bundle-prerequisites", True), ("untraced", True)]
    assert result.exit_code == ExitCode.BLOCKING
    blob = source.run("rev-parse", "HEAD:src/deep/er/moved.txt")
    (content,) = locations(result)[fingerprint(NEWER)]
    assert (content.members, content.commit) == ((f".git/blob/{blob}",), None)
    assert (content.blob, content.exposure) == (blob, "file")
    (message,) = locations(result)[fingerprint(KEY)]
    assert (message.members, message.commit) == ((f".git/commit/{moved}",), moved)


def test_objects_that_are_differences_from_others_are_a_gap(source: Repo) -> None:
    # A small change to a file that is not new: git packs the difference only.
    source.add("a.txt", "".join(f"{line}\n" for line in range(1, 500)))
    source.leak("new.txt", NEWER)
    path = bundled(source, "x.bundle", "main~1..main")
    result = scanned(path)
    told = {gap.reason: (gap.detail, gap.by_design) for gap in result.gaps}
    detail = "3 of its 4 objects could be read: the others are differences from objects that it builds on"
    assert told["bundle-incomplete"] == (detail, False)
    assert told["bundle-prerequisites"][1] is True
    assert [where.path for where in locations(result)[fingerprint(NEWER)]] == [str(path)]
    assert not result.complete


# -- damage ----------------------------------------------------------------------------------

FIRST = b"# v2 git bundle\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (FIRST, "not opened: its header has no end"),
        (FIRST + b"no id refs/heads/x\n\nPACK", "not opened: a line of its header names no object"),
        (FIRST + b"1" * 41 + b" refs/heads/x\n\n", "not opened: a line of its header names no object"),
        (FIRST + b"@tree=green\n\n", "not opened: it asks for what is not known here: b'@tree=green'"),
        (FIRST + b"1" * (2 << 20), "not opened: its header has no end"),
    ],
)
def test_a_header_that_git_would_not_take(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    (gap,) = scanned(path).gaps
    assert (gap.reason, gap.detail, gap.where) == ("bundle-unreadable", told, str(path))


def _count(content: bytes, at: int, count: int) -> bytes:
    return content[: at + 8] + count.to_bytes(4, "big") + content[at + 12 :]


@pytest.mark.parametrize(
    ("damage", "told", "found"),
    [
        # Most of the objects are before the damage.
        (lambda content, _: content[:-5], "13 of its 13 objects could be read: ", True),
        (lambda content, at: content[:at], "0 of its 0 objects could be read: ", False),
        (lambda content, at: content[: at + 6], "0 of its 0 objects could be read: ", False),
        (lambda content, _: content + b"more", "13 of its 13 objects could be read: pack has junk at ", True),
        (lambda content, _: content[:-1] + bytes((content[-1] ^ 1,)), "13 of its 13 objects could be ", True),
        (lambda content, at: _count(content, at, 14), "13 of its 14 objects could be read: ", True),
        (lambda content, at: _count(content, at, 3), "3 of its 3 objects could be read: ", False),
        (lambda content, at: _count(content, at, 0xFFFFFFFF), "0 of its 4294967295 objects could be ", False),
        (lambda content, at: content[:at] + b"JUNK" + content[at + 4 :], "0 of its 0 objects could ", False),
    ],
    ids=[
        "cut",
        "no pack",
        "cut in its header",
        "more behind",
        "checksum",
        "more in its header",
        "fewer in its header",
        "billions in its header",
        "not a pack",
    ],
)
def test_a_pack_that_is_not_whole(source: Repo, damage: Any, told: str, *, found: bool) -> None:
    path = bundled(source, "x.bundle")
    content = path.read_bytes()
    path.write_bytes(damage(content, content.index(b"PACK")))
    before = leftovers()
    result = scanned(path)
    (detail,) = [gap.detail for gap in result.gaps if gap.reason == "bundle-incomplete"]
    assert detail.startswith(told)
    assert (fingerprint(KEY) in locations(result)) is found
    assert not result.complete
    assert leftovers() == before


def test_a_bundle_that_is_too_large_is_not_opened(source: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundled(source, "x.bundle")
    monkeypatch.setattr(bundle, "MAX_BUNDLE_BYTES", 100)
    result = scanned(path)
    assert reasons(result) == [("too-large", False)]
    assert result.exit_code == ExitCode.INCOMPLETE


def test_a_flood_of_bundles_is_cut_off(source: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundled(source, "1.bundle")
    for number in (2, 3):
        shutil.copy(path, path.with_name(f"{number}.bundle"))
    monkeypatch.setattr("boltz_keyscan.pipeline.MAX_DISCOVERED_SOURCES", 2)
    result = scanned(path.parent)
    (gap,) = result.gaps
    assert (gap.reason, gap.detail) == ("too-many-bundles", "of 3 git bundles only the first 2 were opened")
    assert len(locations(result)[fingerprint(KEY)]) == 2


def test_a_filtered_bundle_says_what_it_lacks(source: Repo) -> None:
    path = source.path.parent / "filtered.bundle"
    options = ("--version=3", "--quiet", str(path), "--all", "--filter=blob:none")
    source.run("bundle", "create", *options)
    result = scanned(path)
    assert (reasons(result), result.tally.objects_missing) == ([("partial-clone", True)], 3)


def test_a_bundle_that_takes_too_long_is_a_gap(source: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundled(source, "x.bundle")
    monkeypatch.setattr("boltz_keyscan.sources.git.packs.recover._MIN_SECONDS", 0.0)
    monkeypatch.setattr("boltz_keyscan.sources.git.packs.recover._SECONDS_PER_BYTE", 0.0)
    (gap,) = [gap for gap in scanned(path).gaps if gap.reason == "bundle-incomplete"]
    assert gap.detail.endswith("git took longer than 0 s")


def test_without_git_a_bundle_is_a_gap(source: Repo) -> None:
    path = bundled(source, "x.bundle")
    env = {"PATH": str(path.parent)}
    report = keyscan(path, "--format", "json", env=env).report
    assert [(gap["where"], gap["reason"]) for gap in report["gaps"]] == [(str(path), "git-unusable")]
    assert report["scan"]["exit_code"] == ExitCode.INCOMPLETE


def test_a_bundle_that_is_gone_when_it_is_opened(source: Repo) -> None:
    path = bundled(source, "x.bundle")
    vanished = bundle.BundleSource(BundleFile(b"x.bundle", b"x.bundle", bytes(path.parent)))
    shutil.rmtree(path.parent)
    (shard,) = vanished.open().work()
    (gap,) = shard.scan(None).gaps  # type: ignore[arg-type]  # a gap needs no detector
    assert (gap.where, gap.reason) == ("x.bundle", "unreadable")


@settings(max_examples=examples(200))
@given(st.binary(max_size=200), st.sampled_from((FIRST, b"# v3 git bundle\n")))
def test_any_header_is_read_or_refused(rest: bytes, first: bytes) -> None:
    try:
        header = read_header(io.BytesIO(first + rest))
    except ValueError:
        return
    assert (first + rest)[: header.end].endswith(b"\n\n")
