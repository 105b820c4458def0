"""Packs read without git: every object whole and under its name, and the same as git says."""

from __future__ import annotations

import base64
import itertools
import os
import random
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from boltz_keyscan import pipeline, rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.finding import Admits, Detector, Match, ScanResult, Shard, ShardResult, Tally
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.sources import git_delta
from boltz_keyscan.sources.git.objects import listing, stream
from boltz_keyscan.sources.git.packs import delta_trees, reader
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run.output import object_info
from boltz_keyscan.workers import scan_pool
from conformance.gitplaces import family
from tests.keys import fake_key, fingerprint
from tests.packer import BY_NAME, ORDER, Packer, difference, distance, header, named
from tests.repos import Repo

DETECTOR = KeyDetector.of(rules.load())
KEY = fake_key(seed="in a difference").encode()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Packs of any size are read here."""
    monkeypatch.setattr(listing, "MIN_DIRECT_PACK_BYTES", 0)
    yield
    stream.release()


class Suspicious:
    """Takes every object for one with a key, so that each is held against its name; and finds nothing."""

    @property
    def overlap(self) -> int:
        return DETECTOR.overlap

    def candidate_offsets(
        self, buffer: bytes | bytearray | memoryview, end: int, marks: list[int] | None = None
    ) -> list[int]:
        del buffer, marks
        return list(range(end))

    def find(self, chunks: Iterable[bytes], admits: Admits | None = None) -> Iterator[Match]:
        del chunks, admits
        return iter(())

    def redact(self, raw: bytes) -> str:
        return repr(raw)


def view_of(pack: Path) -> git.RepoView:
    sha256 = len(pack.stem) - len("pack-") == 64
    form = "sha256" if sha256 else "sha1"
    return git.RepoView(git.skeleton(form), bytes(pack.parent.parent), id_bytes=32 if sha256 else 20)


def cut(pack: Path) -> list[reader.PackShard]:
    shards = reader.shards(view_of(pack), ".", bytes(pack.with_suffix("")))
    assert all(isinstance(shard, reader.PackShard) for shard in shards)
    return shards  # type: ignore[return-value]  # as asserted


def read(pack: Path, detector: Detector = DETECTOR) -> ShardResult:
    """What all shards of a pack give, which must have some."""
    results = [shard.scan(detector) for shard in cut(pack)]
    assert results
    return ShardResult(
        tuple(itertools.chain.from_iterable(each.hits for each in results)),
        tuple(itertools.chain.from_iterable(each.gaps for each in results)),
        sum((each.tally for each in results), Tally()),
        more=tuple(itertools.chain.from_iterable(each.more for each in results)),
    )


def keys(result: ShardResult) -> set[tuple[str | None, str, int]]:
    return {(hit.origin.oid, hit.match.fingerprint, hit.match.offset) for hit in result.hits}


# -- packs that git makes ----------------------------------------------------------------------


def grown(path: Path, object_format: str = "sha1") -> Repo:
    """Many versions of a few files, which git packs as differences from one another."""
    repo = Repo(path, object_format=object_format)
    drawn = random.Random(7)
    lines = [b"%032x\n" % drawn.getrandbits(128) for _ in range(600)]
    for version in range(25):
        lines[drawn.randrange(len(lines))] = b"%032x\n" % drawn.getrandbits(128)
        lines.insert(drawn.randrange(len(lines)), b"version %d\n" % version)
        if version == 12:
            lines.insert(300, KEY + b"\n")
        if version == 18:
            lines.remove(KEY + b"\n")
        repo.write("a/b/changing.txt", b"".join(lines))
        repo.write(f"a/{version}.bin", drawn.randbytes(300))
        repo.write("empty", b"")
        if version % 5 == 0:
            repo.write("large.bin", bytes(100_000) + drawn.randbytes(70_000 + version))
        repo.run("add", ".")
        repo.run("commit", "--quiet", "--message", f"version {version}")
    repo.run("tag", "-m", "a tag", "v1")
    return repo


REPACK: dict[str, tuple[str, ...]] = {
    "as git does": ("repack", "-adfq"),
    "long chains": ("repack", "-adfq", "--depth=200", "--window=200"),
    "one difference from each": ("repack", "-adfq", "--depth=1"),
    "no differences": ("repack", "-adfq", "--depth=0"),
    "not compressed": ("-c", "pack.compression=0", "repack", "-adfq"),
}

_grown: dict[tuple[str, str], Path] = {}
"""Repositories by object format and by the way they were packed; those not packed have no way."""


def copied(factory: pytest.TempPathFactory, object_format: str = "sha1") -> Repo:
    """A copy of the repository that has grown, not packed."""
    if (loose := (object_format, "")) not in _grown:
        _grown[loose] = grown(factory.mktemp("grown"), object_format).path
    return Repo.there(shutil.copytree(_grown[loose], factory.mktemp("copied") / "repo"))


@pytest.fixture(params=["sha1", "sha256"])
def object_format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=REPACK)
def repo(
    object_format: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Repo:
    if (kind := (object_format, request.param)) not in _grown:
        repo = copied(tmp_path_factory, object_format)
        repo.run(*REPACK[request.param])
        _grown[kind] = repo.path
    # To be read only.
    return Repo.there(_grown[kind])


def pack_of(repo: Repo) -> Path:
    (pack,) = (repo.path / ".git/objects/pack").glob("*.pack")
    return pack


def count(repo: Repo) -> int:
    return len(repo.run("cat-file", "--batch-all-objects", "--batch-check").splitlines())


@pytest.mark.sampled
def test_every_object_is_read_whole_under_its_name(repo: Repo) -> None:
    result = read(pack_of(repo), Suspicious())
    assert (result.gaps, result.tally.blobs) == ((), count(repo))


@pytest.mark.sampled
def test_the_key_is_in_each_version_that_has_it(repo: Repo) -> None:
    holding = repo.run("log", "--format=", "--raw", "--no-abbrev", "--reverse", "--", "a/b/changing.txt")
    blobs = [line.split()[3] for line in holding.splitlines()]
    assert {oid for oid, _, _ in keys(read(pack_of(repo)))} == set(blobs[12:18])


LIMITS: dict[str, tuple[tuple[object, str, int], ...]] = {
    "each family a shard": ((delta_trees, "_SHARD_OBJECTS", 1),),
    "most are large": ((delta_trees, "MAX_OBJECT_BYTES", 900), (reader, "MAX_OBJECT_BYTES", 900)),
    "nothing is held": ((reader, "_MAX_BASE_BYTES", 0),),
    "each is looked at by itself": ((reader, "_MAX_BATCH_BYTES", 0),),
    "the pack is read in small pieces": ((delta_trees, "CHUNK", 64),),
}


@pytest.mark.sampled
@pytest.mark.parametrize("limit", LIMITS)
def test_limits_change_nothing(repo: Repo, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    expected = read(pack_of(repo))
    for module, name, value in LIMITS[limit]:
        monkeypatch.setattr(module, name, value)
    result = read(pack_of(repo))
    assert (keys(result), result.gaps, result.tally) == (keys(expected), (), expected.tally)


@pytest.mark.sampled
def test_places_beyond_two_gigabytes(repo: Repo, tmp_path: Path) -> None:
    """An index may use the table for those for any place."""
    copy = tmp_path / "objects/pack" / pack_of(repo).name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(pack_of(repo).read_bytes())
    repo.run("index-pack", "--index-version=2,0x40", str(copy))
    assert copy.with_suffix(".idx").stat().st_size > pack_of(repo).with_suffix(".idx").stat().st_size
    assert keys(read(copy)) == keys(read(pack_of(repo)))


@pytest.mark.parametrize(
    "repack",
    [
        ("-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq"),
        ("-c", "pack.indexVersion=1", "repack", "-adfq"),
    ],
    ids=["differences by name", "index of version 1"],
)
def test_other_packs_are_left_to_git(
    tmp_path_factory: pytest.TempPathFactory, repack: tuple[str, ...]
) -> None:
    repo = copied(tmp_path_factory)
    repo.run(*repack)
    assert cut(pack_of(repo)) == []
    assert {finding.fingerprint for finding in scanned(repo.path).findings} == {fingerprint(KEY.decode())}


@pytest.mark.sampled
def test_a_pack_of_too_many_objects_is_left_to_git(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta_trees, "MAX_OBJECTS", count(repo) - 1)
    assert cut(pack_of(repo)) == []


# -- whole scans -------------------------------------------------------------------------------


def scanned(path: Path, jobs: int = 1) -> ScanResult:
    plan = make_plan(Options(paths=(str(path),), files=False, jobs=jobs))
    return pipeline.run(plan)


def told(result: ScanResult) -> tuple[object, ...]:
    return result.findings, result.gaps, result.tally


@pytest.mark.parametrize("packed_too", [True, False], ids=["packed", "packed in part"])
def test_git_and_we_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed_too: bool) -> None:  # noqa: FBT001
    """Of every place in a family of repositories where a key can stand."""
    family(tmp_path / "family", object_format="sha1", packed=packed_too)
    for each in (tmp_path / "family").rglob("objects"):
        if not packed_too and each.parent.name == ".git":
            # Packed, and loose as well.
            Repo(each.parent.parent).run("repack", "-aq")
    read_here: list[bool] = []
    cutting = reader.shards

    def cut_here(view: git.RepoView, where: str, stem: bytes) -> list[Shard]:
        shards = cutting(view, where, stem)
        read_here.append(bool(shards))
        return shards

    monkeypatch.setattr(reader, "shards", cut_here)
    ours = told(scanned(tmp_path / "family"))
    assert any(read_here)
    monkeypatch.setattr(git_delta, "IS_COMPILED", False)
    read_here.clear()
    gits = told(scanned(tmp_path / "family"))
    assert not any(read_here)
    # What is loose as well is looked at twice here, and git lists it once.
    assert ours[:2] == gits[:2]
    assert not packed_too or ours == gits


@pytest.mark.sampled(count=2)
def test_workers_and_we_say_the_same(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = told(scanned(repo.path))
    monkeypatch.setattr(pipeline, "MAX_INLINE_BYTES", -1)
    monkeypatch.setattr(scan_pool, "is_worthwhile", lambda _: True)
    monkeypatch.setattr(delta_trees, "_SHARD_OBJECTS", 5)
    assert told(scanned(repo.path, jobs=2)) == alone


def test_containers_in_a_pack_are_opened(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.leak("a.gz", zlib.compress(KEY, wbits=31))
    repo.leak("#!.bin", b"#!/bin/sh\n" + bytes(1000) + zlib.compress(b"nothing", wbits=31))
    repo.leak("not.bin", b"#!/bin/sh\n" + bytes(1000) + b"\x1f\x8b\x08nothing")
    repo.run("repack", "-adq")
    # Also the one behind a script; not what has no more of it than its signature.
    assert len(read(pack_of(repo)).more) == 2
    (finding,) = scanned(repo.path).findings
    assert finding.fingerprint == fingerprint(KEY.decode())


@pytest.mark.sampled
def test_small_packs_are_left_to_git(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = told(scanned(repo.path))
    monkeypatch.setattr(listing, "MIN_DIRECT_PACK_BYTES", pack_of(repo).stat().st_size + 1)
    monkeypatch.setattr(reader, "shards", None)
    assert told(scanned(repo.path)) == ours


def test_the_compiled_code_is_there() -> None:
    """Without it git is faster, and reads; then the benchmarks would have to be made again."""
    assert git_delta.IS_COMPILED


# -- differences -------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [KEY, KEY[:9], KEY[9:], KEY[:30], KEY[30:], b"\n", b"x" * 40, b"y" * 300, b"z" * 70_000]
)
CONTENTS = st.lists(PIECES, max_size=6).map(b"".join)


@st.composite
def chains(draw: st.DrawFn) -> list[tuple[bytes, tuple[ORDER, ...]]]:
    """Objects, each but the first with the orders that make it of the one before."""
    chain: list[tuple[bytes, tuple[ORDER, ...]]] = [(draw(CONTENTS), ())]
    for _ in range(draw(st.integers(1, 4))):
        base = chain[-1][0]
        orders: list[ORDER] = []
        made = b""
        if base and draw(st.booleans()):
            # As nearly all begin.
            orders.append((0, draw(st.integers(1, len(base)))))
        for _ in range(draw(st.integers(0, 4))):
            if base and draw(st.booleans()):
                start = draw(st.integers(0, len(base) - 1))
                orders.append((start, draw(st.integers(1, len(base) - start))))
            else:
                orders.append(draw(PIECES))
        for order in orders:
            made += order if isinstance(order, bytes) else base[order[0] : sum(order)]
        chain.append((made, tuple(orders)))
    return chain


@given(chain=chains())
def test_nothing_is_lost_where_pieces_meet(tmp_path_factory: pytest.TempPathFactory, chain: list) -> None:  # type: ignore[type-arg]  # as chains() says
    # One name, one object.
    assume(len({content for content, _ in chain}) == len(chain))
    packer = Packer()
    expected = set()
    place, before = 0, b""
    for content, orders in chain:
        if not packer.entries:
            place = packer.whole(content)
        else:
            place = packer.made(content, place, difference(len(before), len(content), *orders))
        before = content
        expected |= {(named(content), match.fingerprint, match.offset) for match in DETECTOR.find([content])}
    pack = packer.write(tmp_path_factory.mktemp("objects") / "pack")
    result = read(pack)
    assert (keys(result), result.gaps) == (expected, ())
    assert result.tally == Tally(blobs=len(packer.entries), bytes=result.tally.bytes)


SPELT = {
    "plain": KEY,
    "hex": KEY.hex().encode(),
    "base64": base64.b64encode(KEY),
    "utf-16": KEY.decode().encode("utf-16-le"),
    "base64 twice": base64.b64encode(base64.b64encode(KEY)),
}


@pytest.mark.parametrize("copied", [False, True], ids=["then inserted", "then copied from further on"])
@pytest.mark.parametrize("spelling", SPELT)
@pytest.mark.sampled
def test_a_key_that_comes_together_where_pieces_meet(tmp_path: Path, spelling: str, copied: bool) -> None:  # noqa: FBT001
    """Wherever it is cut: what is the same as in a base without a key is not looked at again."""
    spelt = SPELT[spelling]
    packer = Packer()
    expected = set()
    for at in range(1, len(spelt)):
        first, second = b"%d\n" % at + b"." * 500 + spelt[:at], spelt[at:] + b"\n" + b"." * 500
        base = first + b"\n" + b"." * 200 + second if copied else first
        made = first + second
        orders: tuple[ORDER, ...] = ((0, len(first)), second)
        if copied:
            orders = ((0, len(first)), (len(base) - len(second), len(second)))
        packer.made(made, packer.whole(base), difference(len(base), len(made), *orders))
        expected.add((named(made), fingerprint(KEY.decode())))
    result = read(packer.write(tmp_path / "pack"))
    assert expected <= {(oid, mark) for oid, mark, _ in keys(result)}


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of differences that branch, each branch holds what it is made from; git makes the rest."""
    packer = Packer()
    row = [(packer.whole(b"." * 10_000), b"." * 10_000)]
    for depth in range(6):
        below = []
        for number, (place, base) in enumerate(row):
            for twin in range(2):
                made = base + b"%d %d %d\n" % (depth, number, twin)
                change = difference(len(base), len(made), (0, len(base)), made[len(base) :])
                below.append((packer.made(made, place, change), made))
        row = below
    monkeypatch.setattr(reader, "_MAX_BASE_BYTES", 25_000)
    asked: list[str] = []

    def noted(view: git.RepoView, oids: list[str]) -> tuple[list[list[bytes]], str]:
        asked.extend(oids)
        return object_info(view, oids)

    monkeypatch.setattr(reader, "object_info", noted)
    result = read(packer.write(tmp_path / "pack"))
    assert 0 < len(asked) < len(packer.entries)
    assert (result.gaps, result.tally.blobs) == ((), len(packer.entries))


def test_what_was_found_in_a_base_is_found_in_what_is_made_from_it(tmp_path: Path) -> None:
    """Also when the two are looked at together, and of the second only the end would be."""
    base = KEY + b"\n" + b"x" * 1000
    packer = Packer()
    place = packer.whole(base)
    for number in range(3):
        change = difference(len(base), len(base) + 1, (0, len(base)), b"%d" % number)
        base += b"%d" % number
        place = packer.made(base, place, change)
    assert len(keys(read(packer.write(tmp_path / "pack")))) == 4


# -- packs that nobody makes in good faith -----------------------------------------------------

BASE = b"base " * 100
MADE = BASE + b"more"
GOOD = difference(len(BASE), len(MADE), (0, len(BASE)), b"more")


def by_hand(
    change: bytes, *, size: int | None = None, oid: str = named(MADE)
) -> Callable[[Packer, int], object]:
    """A difference as an entry says it is, of a size that may be another."""

    def add(packer: Packer, base: int) -> None:
        head = header(6, len(change) if size is None else size) + distance(packer.end - base)
        packer.add(oid, head + zlib.compress(change))

    return add


BROKEN: dict[str, Callable[[Packer, int], object]] = {
    "makes a terabyte": by_hand(difference(len(BASE), 1 << 40, (0, len(BASE)))),
    "makes less than it says": by_hand(difference(len(BASE), len(MADE) + 1, (0, len(BASE)), b"more")),
    "makes more than it says": by_hand(difference(len(BASE), len(MADE) - 1, (0, len(BASE)), b"more")),
    "is from something else": by_hand(difference(len(BASE) + 1, len(MADE), (0, len(BASE)), b"more")),
    "copies from beyond the end": by_hand(difference(len(BASE), len(MADE), (len(BASE) - 2, 100), b"more")),
    "a number without an end": by_hand(b"\xff" * 5000),
    "sizes and nothing more": by_hand(difference(len(BASE), len(MADE))),
    "nothing": by_hand(b""),
    "an order of no kind": by_hand(GOOD + b"\0"),
    "an order cut short": by_hand(GOOD[:-2]),
    "inflates to more than it says": by_hand(GOOD, size=len(GOOD) - 1),
    "inflates to less than it says": by_hand(GOOD, size=len(GOOD) + 1),
    "is not compressed": lambda packer, base: packer.add(
        named(MADE), header(6, len(GOOD)) + distance(packer.end - base) + GOOD
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_broken_is_gits_to_judge(tmp_path: Path, broken: str) -> None:
    packer = Packer()
    base = packer.whole(BASE)
    BROKEN[broken](packer, base)
    fourth = packer.end
    packer.made(MADE + b"!", base, difference(len(BASE), len(MADE) + 1, (0, len(BASE)), b"more!"))
    packer.whole(b"a key: " + KEY)
    assert fourth
    result = read(packer.write(tmp_path / "pack"))
    assert [hit.match.fingerprint for hit in result.hits] == [fingerprint(KEY.decode())]
    assert {(gap.where.split()[-1], gap.reason) for gap in result.gaps} == {(named(MADE), "corrupt-object")}
    assert result.tally.blobs == 3


UNREADABLE: dict[str, Callable[[Packer, int], object]] = {
    "of no type": lambda packer, _: packer.add(named(MADE), header(5, 4) + zlib.compress(b"abcd")),
    "from itself": lambda packer, _: packer.add(
        named(MADE), header(6, len(GOOD)) + distance(0) + zlib.compress(GOOD)
    ),
    "from before the pack": lambda packer, _: packer.add(
        named(MADE), header(6, len(GOOD)) + distance(1 << 20) + zlib.compress(GOOD)
    ),
    "from the middle of another": lambda packer, base: packer.add(
        named(MADE), header(6, len(GOOD)) + distance(packer.end - base - 1) + zlib.compress(GOOD)
    ),
    "by name": lambda packer, _: packer.add(
        named(MADE), header(BY_NAME, len(GOOD)) + bytes.fromhex(named(BASE)) + zlib.compress(GOOD)
    ),
    "a size without an end": lambda packer, _: packer.add(named(MADE), b"\xb0" + b"\xff" * 5000),
    "a distance without an end": lambda packer, _: packer.add(named(MADE), b"\x64" + b"\xff" * 5000),
    "cut within its header": lambda packer, _: packer.add(named(MADE), b"\xb0"),
}


@pytest.mark.parametrize("entry", UNREADABLE)
def test_a_pack_with_an_odd_entry_is_left_to_git(tmp_path: Path, entry: str) -> None:
    packer = Packer()
    base = packer.whole(BASE)
    packer.whole(b"a key: " + KEY)
    UNREADABLE[entry](packer, base)
    assert cut(packer.write(tmp_path / "pack")) == []


@pytest.mark.parametrize("place", [1 << 30, 1 << 39, 1 << 62], ids=hex)
def test_an_index_that_points_beyond_the_pack(tmp_path: Path, place: int) -> None:
    packer = Packer()
    packer.whole(KEY)
    packer.far[named(b"far away")] = place
    assert cut(packer.write(tmp_path / "pack")) == []


@pytest.mark.parametrize("by_one", [True, False], ids=["a chain", "a star"])
def test_thousands_from_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_one: bool) -> None:  # noqa: FBT001
    """A chain is as long as a number of calls would not be; and what waits is no more than one object."""
    monkeypatch.setattr(reader, "_MAX_BASE_BYTES", 2000)
    packer = Packer()
    content = b"%05d" % 0 + b"x" * 500
    place = first = packer.whole(content)
    for each in range(1, 3000):
        content = b"%05d" % each + content[5:]
        change = difference(len(content), len(content), content[:5], (5, 500))
        place = packer.made(content, place if by_one else first, change)
    result = read(packer.write(tmp_path / "pack"), Suspicious())
    assert (result.gaps, result.tally.blobs) == ((), 3000)


def test_a_bomb_is_no_larger_than_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What inflates beyond its size is not inflated to the end."""
    monkeypatch.setattr(reader, "_MAX_INFLATE_RATIO", 1 << 40)
    packer = Packer()
    packer.add(named(MADE), header(3, 10) + zlib.compress(bytes(50 << 20)))
    packer.whole(KEY)
    result = read(packer.write(tmp_path / "pack"))
    assert [gap.reason for gap in result.gaps] == ["corrupt-object"]
    assert len(result.hits) == 1


@pytest.mark.parametrize("ending", [".pack", ".idx"])
def test_a_pack_that_goes_away_is_told(tmp_path: Path, ending: str) -> None:
    packer = Packer()
    packer.whole(KEY)
    pack = packer.write(tmp_path / "pack")
    (shard,) = cut(pack)
    pack.with_suffix(ending).unlink()
    (gap,) = shard.scan(DETECTOR).gaps
    assert gap.reason == "object-store"
    assert "scan again" in gap.detail
    assert cut(pack) == []


def test_a_pack_that_is_cut_meanwhile_is_told(tmp_path: Path) -> None:
    packer = Packer()
    packer.whole(KEY)
    pack = packer.write(tmp_path / "pack")
    (shard,) = cut(pack)
    os.truncate(pack, 20)
    assert [gap.reason for gap in shard.scan(DETECTOR).gaps] != []


def test_an_object_under_a_false_name_is_read_and_told(tmp_path: Path) -> None:
    packer = Packer()
    packer.add(named(b"another"), header(3, len(KEY)) + zlib.compress(KEY))
    result = read(packer.write(tmp_path / "pack"))
    assert [hit.origin.oid for hit in result.hits] == [named(b"another")]
    assert [gap.reason for gap in result.gaps] == ["corrupt-object"]
