"""Packs and the tables beside them, damaged or made up: what can be read is read, and the rest is told."""

from __future__ import annotations

import hashlib
import shutil
import struct
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

from boltz_keyscan import pipeline
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.sources.git.objects import listing
from boltz_keyscan.sources.git.packs import index as pack_index
from tests.keys import fake_key, fingerprint
from tests.repos import Repo

KEY = fake_key(seed="in a pack")
LOST = fake_key(seed="in an unreachable object")


def scanned(path: Path, cache: Path | None = None) -> ScanResult:
    plan = make_plan(Options(paths=(str(path),), files=False, cache=str(cache) if cache else None, jobs=1))
    return pipeline.run(plan)


def exposures(result: ScanResult) -> dict[str, str]:
    return {finding.fingerprint: finding.exposure for finding in result.findings}


def reasons(result: ScanResult) -> set[str]:
    return {gap.reason for gap in result.gaps if not gap.by_design}


@pytest.fixture(autouse=True, params=["git", "us"])
def _read_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large packs are read without git; here all are, or none."""
    monkeypatch.setattr(listing, "MIN_DIRECT_PACK_BYTES", 0 if request.param == "us" else 1 << 40)


class Packed(Repo):
    """A repository with one pack; a key stands in an old version of ``k.txt``."""

    @property
    def packs(self) -> Path:
        return self.path / ".git/objects/pack"

    def file(self, ending: str) -> Path:
        (path,) = self.packs.glob(f"pack-*.{ending}")
        path.chmod(0o644)
        return path

    @property
    def blob(self) -> str:
        return self.run("rev-parse", "HEAD~1:k.txt")


_templates: list[Path] = []


@pytest.fixture
def packed(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Packed:
    if not _templates:
        repo = Repo(tmp_path_factory.mktemp("template"))
        # The oldest object is the last in the pack, and the one that is lost when that is cut short.
        monkeypatch.setenv("GIT_COMMITTER_DATE", "2024-01-01T00:00:00Z")
        repo.leak("oldest.txt", "".join(map(str, range(900))), "oldest")
        repo.run("rm", "--quiet", "oldest.txt")
        for number in range(20):
            repo.add(f"{number}.txt", b"".join(b"%d %d\n" % (number, line) for line in range(200)))
        monkeypatch.setenv("GIT_COMMITTER_DATE", "2024-01-02T00:00:00Z")
        repo.leak("k.txt", f"{KEY}\n")
        monkeypatch.setenv("GIT_COMMITTER_DATE", "2024-01-03T00:00:00Z")
        repo.leak("k.txt", "gone\n", "gone")
        repo.run("gc", "--quiet")
        _templates.append(repo.path)
    shutil.copytree(_templates[0], tmp_path / "repo", symlinks=True)
    return Packed(tmp_path / "repo")


# -- what is done to it ------------------------------------------------------------------------

Damage = Callable[[Packed], object]


def changed(path: Path, change: Callable[[bytearray], object]) -> None:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)


def signed(path: Path, change: Callable[[bytearray], object]) -> None:
    """Change a file that ends in a checksum of itself, and make that right again."""

    def all_of_it(content: bytearray) -> None:
        change(content)
        content[-20:] = hashlib.sha1(content[:-20], usedforsecurity=False).digest()

    changed(path, all_of_it)


def entry(index: bytes | bytearray, oid: str) -> int:
    """The number of an object in an index of version 2."""
    count = int.from_bytes(index[1028:1032], "big")
    names = [index[1032 + 20 * number : 1052 + 20 * number].hex() for number in range(count)]
    return names.index(oid)


def offset_of(index: bytes | bytearray, number: int) -> int:
    """Where the place of an object stands in an index of version 2."""
    return 1032 + 24 * int.from_bytes(index[1028:1032], "big") + 4 * number


def two_in_one_place(packed: Packed) -> None:
    def point_elsewhere(index: bytearray) -> None:
        at = offset_of(index, entry(index, packed.blob))
        other = offset_of(index, 0 if entry(index, packed.blob) else 1)
        index[at : at + 4] = index[other : other + 4]

    signed(packed.file("idx"), point_elsewhere)


def another_name(packed: Packed) -> None:
    def rename(index: bytearray) -> None:
        index[1032 + 20 * entry(index, packed.blob) + 19] ^= 1

    signed(packed.file("idx"), rename)


def another_crc(packed: Packed) -> None:
    def change(index: bytearray) -> None:
        index[1032 + 20 * int.from_bytes(index[1028:1032], "big")] ^= 1

    signed(packed.file("idx"), change)


def the_same_name_twice(packed: Packed) -> None:
    def repeat(index: bytearray) -> None:
        at = 1032 + 20 * entry(index, packed.blob)
        before = max(at - 20, 1032)
        index[at : at + 20] = index[before : before + 20] if before != at else index[at + 20 : at + 40]

    signed(packed.file("idx"), repeat)


def another_index(packed: Packed) -> None:
    other = Repo(packed.path.parent / "other")
    other.leak("a.txt", "other\n")
    other.run("gc", "--quiet")
    (index,) = (other.path / ".git/objects/pack").glob("*.idx")
    packed.file("idx").write_bytes(index.read_bytes())


def version_one(packed: Packed) -> None:
    index = packed.file("idx")
    index.unlink()
    packed.run("index-pack", "--index-version=1", str(packed.file("pack")))
    assert not packed.file("idx").read_bytes().startswith(b"\xfftOc")


def more_in_its_header(packed: Packed) -> None:
    changed(packed.file("pack"), lambda pack: pack.__setitem__(11, pack[11] + 1))


def cut(packed: Packed) -> None:
    """The last object is half there; the key's is before it."""
    changed(packed.file("pack"), lambda pack: pack.__delitem__(slice(len(pack) - 30, None)))


def reverse_index(packed: Packed) -> None:
    """git lists objects by it where it is there: here one object again and again."""
    packed.run("index-pack", "--rev-index", str(packed.file("pack")))
    signed(packed.file("rev"), lambda rev: rev.__setitem__(slice(12, -40), bytes(len(rev) - 52)))


def forged_graph(packed: Packed) -> None:
    """A commit-graph in which no commit has a parent: history ends at each tip."""
    packed.run("commit-graph", "write", "--reachable")
    graph = packed.path / ".git/objects/info/commit-graph"
    graph.chmod(0o644)
    content = graph.read_bytes()
    at = content.index(b"CDAT") + 4
    start, end = (struct.unpack(">Q", content[place : place + 8])[0] for place in (at, at + 12))

    def orphan(graph: bytearray) -> None:
        for record in range(start, end, 36):
            graph[record + 20 : record + 24] = b"\x70\0\0\0"

    signed(graph, orphan)
    # git itself is taken in, which is what makes this a test.
    assert packed.run("rev-list", "--count", "HEAD") == "1"


def stale_midx(packed: Packed) -> None:
    """It names a pack that is gone, and not the one that is there."""
    packed.run("multi-pack-index", "write")
    table = packed.packs / "multi-pack-index"
    kept = table.read_bytes()
    packed.run("commit", "--quiet", "--allow-empty", "-m", "more")
    packed.run("repack", "-a", "-d", "-q")
    table.write_bytes(kept)


def unreachable_in_a_cruft_pack(packed: Packed) -> None:
    path = packed.path / "lost.txt"
    path.write_text(LOST)
    packed.run("hash-object", "-w", str(path))
    path.unlink()
    packed.run("repack", "--cruft", "-d", "-q")
    assert list(packed.packs.glob("*.mtimes"))


def beside(ending: str, content: bytes = b"") -> Damage:
    return lambda packed: packed.file("pack").with_suffix(f".{ending}").write_bytes(content)


# -- what is said of it ------------------------------------------------------------------------

WHOLE: frozenset[str] = frozenset()
DAMAGED = {"pack-damaged"}


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        # The pack itself is whole: with an index of ours nothing is lost, and nothing is said.
        (lambda packed: packed.file("idx").unlink(), WHOLE),
        (lambda packed: packed.file("idx").write_bytes(b"garbage"), WHOLE),
        (lambda packed: changed(packed.file("idx"), lambda index: index.__setitem__(1040, 0)), WHOLE),
        (
            lambda packed: changed(packed.file("idx"), lambda index: index.__delitem__(slice(2000, 2024))),
            WHOLE,
        ),
        (two_in_one_place, WHOLE),
        (the_same_name_twice, WHOLE),
        (another_index, WHOLE),
        (another_crc, WHOLE),
        (version_one, WHOLE),
        (reverse_index, WHOLE),
        (forged_graph, WHOLE),
        (stale_midx, WHOLE),
        (lambda packed: (packed.packs / "multi-pack-index").write_bytes(b"garbage"), WHOLE),
        (beside("bitmap", b"garbage"), WHOLE),
        (beside("rev", b"garbage"), WHOLE),
        (beside("mtimes", b"garbage"), WHOLE),
        (beside("keep"), WHOLE),
        # Bytes of the pack are wrong.
        (
            lambda packed: changed(packed.file("pack"), lambda pack: pack.__setitem__(-1, pack[-1] ^ 1)),
            DAMAGED,
        ),
        (more_in_its_header, DAMAGED),
        (cut, {*DAMAGED, "corrupt-object"}),
    ],
    ids=[
        "no index",
        "garbage for an index",
        "index with a changed byte",
        "index cut",
        "two objects in one place",
        "one name twice",
        "index of another pack",
        "wrong crc",
        "version 1",
        "reverse index that lies",
        "forged commit-graph",
        "stale multi-pack-index",
        "garbage for a multi-pack-index",
        "garbage for a bitmap",
        "garbage for a reverse index",
        "garbage for mtimes",
        "kept",
        "bad checksum",
        "more objects in its header",
        "cut short",
    ],
)
@pytest.mark.sampled
def test_the_key_is_found_in_history(packed: Packed, damage: Damage, told: set[str]) -> None:
    damage(packed)
    result = scanned(packed.path)
    assert reasons(result) == told
    assert exposures(result) == {fingerprint(KEY): "history"}
    assert result.complete is not bool(told)


def test_damage_names_the_pack_and_what_was_lost(packed: Packed) -> None:
    name, count = packed.file("pack").name, packed.run("rev-list", "--all", "--objects", "--count")
    more_in_its_header(packed)
    (gap,) = scanned(packed.path).gaps
    fault = f"its index lists {count} objects, the pack has {int(count) + 1}"
    assert gap.detail.startswith(f"{name}: {fault}; {count} of its {int(count) + 1} objects could be read: ")


def test_a_pack_that_is_none_is_told(packed: Packed) -> None:
    packed.file("pack").write_bytes(b"no pack at all, but as long as a pack has to be")
    result = scanned(packed.path)
    assert {"pack-damaged", "reference-broken"} <= reasons(result)


def test_an_object_under_a_false_name_is_read_and_told(packed: Packed) -> None:
    another_name(packed)
    result = scanned(packed.path)
    # Nothing leads to the name, so it seems unreachable; that must not end in a clean exit.
    assert exposures(result) == {fingerprint(KEY): "unreachable"}
    assert reasons(result) == {"corrupt-object"}


def test_a_loose_object_under_a_false_name_is_read_and_told(repo: Repo) -> None:
    repo.leak("k.txt", KEY)
    repo.leak("a.txt", "a\n")
    names = [repo.run("rev-parse", f"HEAD:{name}") for name in ("k.txt", "a.txt")]
    key, other = (repo.path / ".git/objects" / name[:2] / name[2:] for name in names)
    other.unlink()
    shutil.move(key, other)
    result = scanned(repo.path)
    assert exposures(result) == {fingerprint(KEY): "tracked"}
    assert "corrupt-object" in reasons(result)


def test_objects_of_a_cruft_pack_are_read(packed: Packed) -> None:
    unreachable_in_a_cruft_pack(packed)
    result = scanned(packed.path)
    assert exposures(result) == {fingerprint(KEY): "history", fingerprint(LOST): "unreachable"}
    assert result.complete


def test_a_mended_pack_is_mended_again_in_the_next_scan(packed: Packed, tmp_path: Path) -> None:
    two_in_one_place(packed)
    first, second = (scanned(packed.path, tmp_path / "cache") for _ in range(2))
    assert (exposures(first), exposures(second)) == ({fingerprint(KEY): "history"},) * 2


def test_nothing_is_written_into_the_repository(packed: Packed) -> None:
    more_in_its_header(packed)

    def everything() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in packed.path.rglob("*") if path.is_file()}

    before = everything()
    scanned(packed.path)
    assert everything() == before


def test_sha256_packs_are_checked_as_well(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo", object_format="sha256")
    repo.leak("k.txt", KEY)
    repo.run("gc", "--quiet")
    assert scanned(repo.path).complete
    (pack,) = (repo.path / ".git/objects/pack").glob("*.pack")
    pack.chmod(0o644)
    changed(pack, lambda content: content.__setitem__(-1, content[-1] ^ 1))
    result = scanned(repo.path)
    assert (exposures(result), reasons(result)) == ({fingerprint(KEY): "tracked"}, DAMAGED)


@pytest.mark.parametrize(
    ("near", "far", "distinct"),
    [
        ([12, 30, 40], (), True),
        ([12, 30, 12], (), False),
        ([12, 1 << 31, (1 << 31) + 1], (5 << 32, 6 << 32), True),
        ([12, 1 << 31, (1 << 31) + 1], (5 << 32, 5 << 32), False),
        ([12, 1 << 31], (12,), False),
        ([12, (1 << 31) + 7], (5 << 32,), False),
    ],
)
@pytest.mark.parametrize("together", [1 << 20, 1])
def test_places_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
    together: int,
    near: list[int],
    far: tuple[int, ...],
    distinct: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr(pack_index, "_SORT_OFFSETS", together)
    assert pack_index._are_distinct(array("I", near), far) is distinct
