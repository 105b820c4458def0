"""Files under a path: everything is looked at, nothing is followed, and how far each file has spread."""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan import pipeline, rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.enums import ExitCode, Part
from boltz_keyscan.model.finding import (
    Detector,
    Discovered,
    Gap,
    Located,
    ScanResult,
    Shard,
    ShardResult,
    Source,
)
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.policy import FailPolicy
from boltz_keyscan.sources import blob
from boltz_keyscan.sources.blob import Window, locate_outside_git
from boltz_keyscan.sources.files.batch import LARGE_FILE_BYTES
from boltz_keyscan.sources.files.shard import FILES_PER_SHARD, FileShard, walk_tree
from boltz_keyscan.sources.tree import TreeReader, TreeSource
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import scan_json

DETECTOR = KeyDetector.of(rules.load())


def key(place: str) -> str:
    return fake_key("ws", "live", place)


def scanned(path: Path, prefix: bytes = b"", *, files: bool = True, history: bool = True) -> ScanResult:
    """A scan in this process."""
    source = TreeSource(os.fsencode(path), prefix, files=files, history=history)
    return pipeline.run(pipeline.Plan((str(path),), (source,), FailPolicy()))


def places(result: ScanResult) -> dict[str, set[tuple[str, str]]]:
    """Fingerprints with paths and exposures."""
    return {
        finding.fingerprint: {(location.path, location.exposure.value) for location in finding.locations}
        for finding in result.findings
    }


# -- what is looked at ---------------------------------------------------------------------


def test_hidden_files_deep_files_and_files_of_any_name(tmp_path: Path) -> None:
    names = [
        ".env",
        ".hidden/.deeper/x",
        "a/b/c/d/e/f.txt",
        "name with space",
        "-",
        "--help",
        "~",
        "*",
        "a\\b",
        "'\"",
    ]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(key(name))
    result = scanned(tmp_path)
    assert places(result) == {fingerprint(key(name)): {(name, "file")} for name in names}
    assert (result.tally.files, result.tally.bytes) == (len(names), sum(len(key(name)) for name in names))


def test_more_files_than_a_slice(tmp_path: Path) -> None:
    count = 2 * FILES_PER_SHARD + 7
    for number in range(count):
        (tmp_path / f"{number}").write_text(key(str(number)))
    shards = [
        shard for shard in shards_of(TreeSource(os.fsencode(tmp_path), b"")) if isinstance(shard, FileShard)
    ]
    assert [len(shard.files) for shard in shards] == [FILES_PER_SHARD, FILES_PER_SHARD, 7]
    assert shards[-1].where.endswith(" and 6 more")
    assert len(scanned(tmp_path).findings) == count


def test_names_are_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / f"folder-{key('folder')}").mkdir()
    (tmp_path / f"folder-{key('folder')}" / f"{key('file')}.txt").touch()
    (tmp_path / key("link")).symlink_to("nowhere")
    os.mkfifo(tmp_path / key("fifo"))
    result = scanned(tmp_path)
    assert set(places(result)) == {fingerprint(key(place)) for place in ("folder", "file", "link", "fifo")}
    told = repr(result)
    assert not any(key(place) in told for place in ("folder", "file", "link", "fifo"))
    result = scanned(next(tmp_path.glob("folder-*")) / f"{key('file')}.txt")
    assert fingerprint(key("file")) in places(result)


def test_offsets_and_paths_are_exact(tmp_path: Path) -> None:
    lines = "".join(f"line {number}\n" for number in range(200_000))
    (tmp_path / "big.txt").write_text(f"{lines}x = {key('big')}\n{lines}", encoding="utf-8")
    (location,) = scanned(tmp_path, b"given/").findings[0].locations
    assert (location.path, location.line, location.column, location.offset) == (
        "given/big.txt",
        200_001,
        5,
        len(lines) + 4,
    )


@pytest.mark.parametrize("shift", [*range(-60, 61, 6), 0, 1, -1])
def test_a_key_across_the_edge_of_a_read(tmp_path: Path, shift: int) -> None:
    (tmp_path / "edge").write_bytes(b"." * (blob.CHUNK + shift) + key("edge").encode() + b"." * blob.CHUNK)
    (finding,) = scanned(tmp_path).findings
    assert [location.offset for location in finding.locations] == [blob.CHUNK + shift]


def test_too_many_keys_in_a_file_are_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob, "MAX_KEYS_PER_RULE", 5)
    (tmp_path / "flood").write_text("\n".join(key(str(number)) for number in range(6)))
    result = scanned(tmp_path)
    assert result.gaps == (
        Gap("flood", "too-many-matches", "only the first 5 keys of it are reported", paths=("flood",)),
    )
    assert len(result.findings) == 5


# -- links ---------------------------------------------------------------------------------


def test_links_are_not_followed_and_their_text_is_scanned(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(key("outside"))
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "file").symlink_to(outside / "secret.txt")
    (inside / "folder").symlink_to(outside)
    (inside / "loop").symlink_to("loop")
    (inside / "up").symlink_to("..")
    (inside / "text").symlink_to(f"https://example.invalid/?key={key('target')}")
    result = scanned(inside)
    assert places(result) == {fingerprint(key("target")): {("text", "file")}}
    assert (result.gaps, result.tally.files) == ((), 5)


def test_a_link_that_is_named_is_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file.txt").write_text(key("file"))
    (tmp_path / "to-file").symlink_to("folder/file.txt")
    (tmp_path / "to-folder").symlink_to("folder")
    assert set(places(scanned(tmp_path / "to-file"))) == {fingerprint(key("file"))}
    assert places(scanned(tmp_path / "to-folder")) == {fingerprint(key("file")): {("file.txt", "file")}}


def test_a_file_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    """Between the listing and the reading somebody put a link in its place."""
    (tmp_path / "file").symlink_to("/etc/passwd")
    result = FileShard(os.fsencode(tmp_path), b"", (b"file",)).scan(DETECTOR)
    told = f"cannot be read: {os.strerror(40)}"
    assert (result.gaps, result.tally.files) == ((Gap("file", "unreadable", told, paths=("file",)),), 0)


def test_a_file_that_became_a_fifo_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file")
    result = FileShard(os.fsencode(tmp_path), b"", (b"file",)).scan(DETECTOR)
    assert result.gaps == (
        Gap("file", "special-file", "a FIFO is not read", by_design=True, paths=("file",)),
    )


# -- what changes --------------------------------------------------------------------------


@dataclass(frozen=True)
class Meddling:
    """The detector, with somebody at the file while it is read."""

    meddle: Callable[[int], object]
    passes: list[int] = field(default_factory=list)

    @property
    def overlap(self) -> int:
        return DETECTOR.overlap

    def candidate_offsets(
        self, buffer: bytes | bytearray | memoryview, end: int, marks: list[int] | None = None
    ) -> list[int]:
        self.passes.append(end)
        self.meddle(len(self.passes))
        return DETECTOR.candidate_offsets(buffer, end, marks)

    def __getattr__(self, name: str) -> Any:
        return getattr(DETECTOR, name)


CHANGED = Gap("log", "changed", "it changed while it was read; scan again", paths=("log",))


def appends(path: Path, times: int) -> Callable[[int], object]:
    def meddle(number: int) -> None:
        if number <= times:
            with path.open("ab") as file:
                file.write(key(f"appended {number}").encode() + b"\n")

    return meddle


@pytest.mark.parametrize("times", [0, 1])
def test_a_file_that_grew_once_is_read_again(tmp_path: Path, times: int) -> None:
    path = tmp_path / "log"
    path.write_text(key("first") + "\n" * LARGE_FILE_BYTES)
    shard = FileShard(os.fsencode(tmp_path), b"", (b"log",))
    result = shard.scan(Meddling(appends(path, times)))
    assert (result.gaps, result.tally.files, result.tally.bytes) == ((), 1, path.stat().st_size)
    assert len(result.hits) == 1 + times


def test_a_file_that_keeps_growing_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(key("first") + "\n" * LARGE_FILE_BYTES)
    result = FileShard(os.fsencode(tmp_path), b"", (b"log",)).scan(Meddling(appends(path, 99)))
    assert (result.gaps, result.tally.files) == ((CHANGED,), 0)
    # What was seen of it is told all the same.
    assert result.hits[0].match.fingerprint == fingerprint(key("first"))


def test_a_file_that_is_cut_short_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"." * (3 * blob.CHUNK))
    sizes = iter(range(3 * blob.CHUNK, 0, -1000))
    meddling = Meddling(lambda _: os.truncate(path, next(sizes)))
    result = FileShard(os.fsencode(tmp_path), b"", (b"log",)).scan(meddling)
    assert (result.gaps, result.tally.files) == ((CHANGED,), 0)


def test_a_file_that_is_rewritten_in_place_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"." * LARGE_FILE_BYTES)
    stamps = iter(range(1_000_000_000, 2_000_000_000, 1000))

    def rewrite(_: int) -> None:
        path.write_bytes(b"-" * LARGE_FILE_BYTES)
        os.utime(path, ns=(0, next(stamps)))

    result = FileShard(os.fsencode(tmp_path), b"", (b"log",)).scan(Meddling(rewrite))
    assert (result.gaps, result.tally.files) == ((CHANGED,), 0)


def test_a_plan_can_be_run_again(repo: Repo) -> None:
    repo.leak("a.txt", key("committed"))
    repo.write("b.txt", key("untracked"))
    plan = make_plan(Options(paths=(str(repo.path),)))
    first, second = (pipeline.run(plan) for _ in range(2))
    assert len(first.findings) == 2
    assert (first.findings, first.gaps, first.tally) == (second.findings, second.gaps, second.tally)


def shards_of(source: Source) -> Iterator[Shard]:
    """The shards of a source, without those of sources in it."""
    yield from (item for item in source.open().work() if not isinstance(item, Discovered))


@dataclass
class Between:
    """A tree, with something done after the listing and before the reading."""

    tree: TreeReader
    act: Callable[[], object]

    def open(self) -> Between:
        return self

    def work(self) -> Iterator[Shard | Discovered]:
        for item in self.tree.work():
            if isinstance(item, FileShard):
                self.act()
            yield item

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        return self.tree.locate(gathered, detector)


@pytest.mark.parametrize("name", ["file", "link"])
def test_a_file_that_vanished_is_a_gap(tmp_path: Path, name: str) -> None:
    (tmp_path / "stays").write_text("clean\n")
    path = tmp_path / name
    if name == "link":
        path.symlink_to("anywhere")
    else:
        path.write_text(key("gone"))
    source = Between(TreeSource(os.fsencode(tmp_path), b"").open(), lambda: path.unlink(missing_ok=True))
    result = pipeline.run(pipeline.Plan((".",), (source,), FailPolicy()))
    told = "it was listed and was gone before it was read; scan again"
    assert (result.gaps, result.exit_code) == (
        (Gap(name, "vanished", told, paths=(name,)),),
        ExitCode.INCOMPLETE,
    )
    assert (result.tally.files, result.complete) == (1, False)


def test_a_folder_that_vanished_is_a_gap(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    steps = walk_tree(os.fsencode(tmp_path))
    next(steps)
    (tmp_path / "a/file").unlink()
    (tmp_path / "a").rmdir()
    first, second = steps
    ((where, error),) = first.errors
    assert (where, isinstance(error, FileNotFoundError)) == (b"a", True)
    assert second.files == [b"b/file"]


def test_what_would_make_us_wait_is_not_the_end() -> None:
    class Busy(io.RawIOBase):
        def readinto(self, buffer: Any) -> None:
            del buffer

    with pytest.raises(BlockingIOError, match="Resource temporarily unavailable"):
        Window(DETECTOR.overlap).candidate_offsets(Busy(), DETECTOR)
    with pytest.raises(BlockingIOError, match="Resource temporarily unavailable"):
        list(blob.read_chunks(Busy()))


def test_the_files_of_the_kernel_are_left_out() -> None:
    top = next(walk_tree(b"/"))
    present = [name for name in (b"proc", b"sys") if os.path.ismount(b"/" + name)]
    if not present:
        pytest.skip("/proc and /sys are not mounted here")
    assert sorted(top.kernel_folders) == present
    # Named as the root they are entered.
    assert b"self" in next(walk_tree(b"/proc")).links


# -- trouble of the system -----------------------------------------------------------------


@dataclass
class Failing:
    """A source in which the operating system gives up at one of three places."""

    at: str

    def open(self) -> Failing:
        return self

    def work(self) -> Iterator[Shard]:
        yield FileShard(os.fsencode(os.environ["HOME"]), b"", (b"leak.txt",))
        if self.at == "shard":
            yield FailingShard()
        if self.at == "shards":
            raise OSError(24, os.strerror(24))

    def locate(self, gathered: ShardResult, detector: Detector) -> Located:
        if self.at == "locate":
            raise OSError(12, os.strerror(12))
        return locate_outside_git(gathered, detector)


@dataclass(frozen=True)
class FailingShard:
    weight: int = 0

    def scan(self, detector: Detector) -> ShardResult:
        del detector
        raise OSError(11, os.strerror(11))


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("shard", "Resource temporarily unavailable"),
        ("shards", "Too many open files"),
        ("locate", "Cannot allocate memory"),
    ],
)
def test_what_the_system_refuses_is_a_gap_and_no_finding_is_lost(at: str, told: str) -> None:
    Path(os.environ["HOME"], "leak.txt").write_text(key("leak"))
    result = pipeline.run(pipeline.Plan((".",), (Failing(at),), FailPolicy()))
    assert result.gaps == (Gap("part of the scan", "failed", f"given up: {told}"),)
    assert set(places(result)) == {fingerprint(key("leak"))}
    assert (result.exit_code, result.complete) == (ExitCode.BLOCKING, False)


# -- exposure ------------------------------------------------------------------------------


def test_the_exposure_of_every_kind_of_file(repo: Repo) -> None:
    repo.write(".gitignore", "*.log\n/build/\n!kept.log\n")
    repo.write("sub/.gitignore", "local.txt\n")
    repo.run("add", ".gitignore", "sub/.gitignore")
    (repo.path / ".git/info/exclude").write_text("excluded.txt\n")
    expected = {
        "tracked.txt": "tracked",
        "tracked.log": "tracked",
        "staged.txt": "staged",
        "untracked.txt": "untracked",
        "kept.log": "untracked",
        "x.log": "local",
        "build/deep/er/file": "local",
        "sub/local.txt": "local",
        "sub/other.txt": "untracked",
        "excluded.txt": "local",
        ":(top)magic.txt": "untracked",
        "sub/\u00e9\n.log": "local",
        ".git/COMMIT_EDITMSG": "local",
        ".git/hooks/pre-commit": "local",
    }
    for name in expected:
        repo.write(name, key(name))
    repo.run("add", "--force", "tracked.txt", "tracked.log")
    repo.commit()
    repo.run("add", "staged.txt")
    repo.write(".git/COMMIT_EDITMSG", key(".git/COMMIT_EDITMSG"))
    result = scanned(repo.path, history=False)
    assert places(result) == {
        fingerprint(key(name)): {(name.replace("\n", r"\x0a"), exposure)}
        for name, exposure in expected.items()
    }
    assert result.gaps == ()


def test_part_of_a_repository_knows_the_whole(repo: Repo) -> None:
    repo.leak(".gitignore", "*.log\n")
    repo.leak("folder/tracked.txt", key("tracked"))
    repo.write("folder/x.log", key("ignored"))
    repo.write("folder/new.txt", key("new"))
    nested = Repo(repo.path / "folder/nested")
    nested.leak("a.txt", key("nested"))
    nested.write("x.log", key("in nested"))
    result = scanned(repo.path / "folder", b"folder/", history=False)
    assert places(result) == {
        fingerprint(key("tracked")): {("folder/tracked.txt", "tracked")},
        fingerprint(key("ignored")): {("folder/x.log", "local")},
        fingerprint(key("new")): {("folder/new.txt", "untracked")},
        fingerprint(key("nested")): {("folder/nested/a.txt", "tracked")},
        # What the outer repository ignores says nothing of files in the inner one.
        fingerprint(key("in nested")): {("folder/nested/x.log", "untracked")},
    }
    result = scanned(repo.path / "folder/x.log", b"folder/")
    assert places(result) == {fingerprint(key("ignored")): {("folder/x.log", "local")}}


def test_a_linked_worktree_and_a_submodule_know_theirs(repo: Repo, tmp_path: Path) -> None:
    repo.leak(".gitignore", "*.log\n")
    repo.run("worktree", "add", "--quiet", "../linked")
    linked = Repo.__new__(Repo)
    linked.path = tmp_path / "linked"
    linked.write("x.log", key("ignored"))
    linked.write("new.txt", key("new"))
    result = scanned(linked.path)
    assert places(result) == {
        fingerprint(key("ignored")): {("x.log", "local")},
        fingerprint(key("new")): {("new.txt", "untracked")},
    }
    other = Repo(tmp_path / "other")
    other.leak("a.txt", key("submodule"))
    repo.run("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../other", "module")
    result = scanned(repo.path)
    assert places(result)[fingerprint(key("submodule"))] == {("module/a.txt", "tracked")}
    assert result.gaps == ()


def test_a_link_in_a_repository_has_an_exposure(repo: Repo) -> None:
    (repo.path / "link").symlink_to(key("target"))
    repo.run("add", "link")
    repo.commit()
    result = scanned(repo.path, history=False)
    assert places(result) == {fingerprint(key("target")): {("link", "tracked")}}


# -- object stores -------------------------------------------------------------------------


def test_objects_are_left_to_git_and_what_else_lies_there_is_not(repo: Repo) -> None:
    repo.leak("a.txt", "clean\n")
    repo.run("gc", "--quiet")
    repo.leak("b.txt", "clean too\n")
    store = repo.path / ".git/objects"
    folder = next(path for path in store.iterdir() if re.fullmatch("[0-9a-f]{2}", path.name))
    planted = {
        "objects/notes.txt",
        f"objects/{folder.name}/notes.txt",
        "objects/pack/notes.pack",
        "objects/odd/x",
    }
    for name in planted:
        path = repo.path / ".git" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(key(name))
    result = scanned(repo.path)
    assert places(result) == {fingerprint(key(name)): {(f".git/{name}", "local")} for name in planted}
    names = {
        name
        for shard in shards_of(TreeSource(os.fsencode(repo.path), b""))
        if isinstance(shard, FileShard)
        for name in shard.files
    }
    assert not [
        name for name in names if re.search(rb"objects/(?:[0-9a-f]{2}/[0-9a-f]{38}|pack/pack-)", name)
    ]


def test_a_folder_that_only_looks_like_a_repository(tmp_path: Path) -> None:
    for name in ("HEAD/x", "refs/x", "objects/ab/x", "objects/data/x", "objects/x"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(key(name))
    result = scanned(tmp_path)
    assert len(result.findings) == 5


def test_without_history_no_object_is_read(repo: Repo) -> None:
    repo.leak("a.txt", key("gone"))
    repo.leak("a.txt", "clean\n")
    result = scanned(repo.path, history=False)
    assert (result.findings, result.tally.blobs, result.gaps) == ((), 0, ())
    result = scanned(repo.path, files=False)
    assert (set(places(result)), result.tally.files) == ({fingerprint(key("gone"))}, 0)


# -- targets -------------------------------------------------------------------------------


def test_paths_can_be_opened_from_where_the_program_ran(tmp_path: Path) -> None:
    for name in ("one/a/x.txt", "two/y.txt", "z.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(key(name))

    def paths(*targets: str) -> list[str]:
        report = scan_json(*targets, cwd=tmp_path)
        return sorted(location["path"] for finding in report["findings"] for location in finding["locations"])

    assert paths() == ["one/a/x.txt", "two/y.txt", "z.txt"]
    assert paths("one") == ["a/x.txt"]
    assert paths("one", "two/", "z.txt") == ["one/a/x.txt", "two/y.txt", "z.txt"]
    assert paths("one/a/x.txt") == ["one/a/x.txt"]
    assert paths("one", "one") == ["a/x.txt"]
    assert paths("./one/../two", "z.txt") == ["./one/../two/y.txt", "z.txt"]


def test_names_are_told_apart_from_content(tmp_path: Path) -> None:
    (tmp_path / f"{key('both')}.txt").write_text(key("both"))
    shards = shards_of(TreeSource(os.fsencode(tmp_path), b""))
    parts = {hit.origin.part for shard in shards for hit in shard.scan(DETECTOR).hits}
    assert parts == {Part.NAME, Part.CONTENT}


# -- holes -----------------------------------------------------------------------------------


def _has_holes(path: Path) -> bool:
    """Whether the file system tells where a file has nothing."""
    with path.open("rb") as file:
        try:
            os.lseek(file.fileno(), 0, os.SEEK_DATA)
        except OSError as error:
            return error.errno == errno.ENXIO
    return False


def test_terabytes_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.touch()
    os.truncate(path, 4 << 40)
    if not _has_holes(path):
        pytest.skip("this file system does not tell where a file has nothing")
    report = scan_json(tmp_path)
    assert (report["gaps"], report["scan"]["receipt"]["bytes"]) == ([], 4 << 40)


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le", "utf-16-be", "utf-32-be"])
def test_what_stands_around_holes_is_found(tmp_path: Path, encoding: str) -> None:
    """At the beginning, at the end, and on both sides of where something else stands."""
    size = 24 << 20
    key = [fake_key(seed=number).encode(encoding) for number in range(5)]
    places = (0, (3 << 20) - len(key[1]), 3 << 20, (9 << 20) - 8, size - len(key[4]))
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        for at, content in zip(places, key, strict=True):
            file.seek(at)
            file.write(content)
    report = scan_json(path)
    found = {
        (finding["fingerprint"], place["offset"])
        for finding in report["findings"]
        for place in finding["locations"]
    }
    assert found == {(fingerprint(fake_key(seed=n)), at) for n, at in enumerate(places)}
