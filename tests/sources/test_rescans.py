"""What a scan takes over from an earlier one: the report is that of a scan without a cache."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boltz_keyscan import pipeline, rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.finding import Gap, ScanResult, ShardResult
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.sources.git.attribution import commit_search, current_places
from boltz_keyscan.sources.git.attribution.history_walk import Walks
from boltz_keyscan.sources.git.objects import flags, listing
from boltz_keyscan.sources.git.packs import earlier_reach
from boltz_keyscan.sources.git.repo import missing_objects
from boltz_keyscan.sources.git.run import command as git
from tests.depth import examples
from tests.keys import fake_key, fingerprint
from tests.repos import Repo


def scan(path: Path, cache: Path | None) -> ScanResult:
    options = Options(paths=(str(path),), files=False, cache=str(cache) if cache else None, jobs=1)
    return pipeline.run(make_plan(options))


def counts(result: ScanResult) -> tuple[int, int, int]:
    return result.tally.objects_missing, result.tally.commits_reached, result.tally.stores_uncounted


def assert_same(path: Path, cache: Path) -> ScanResult:
    """A scan with the cache reports what one without reports; the first of the two."""
    cached, whole = scan(path, cache), scan(path, None)
    assert cached.findings == whole.findings
    assert cached.gaps == whole.gaps
    assert counts(cached) == counts(whole)
    return cached


@pytest.fixture(params=[True, False], ids=["small", "large"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores in which commits are counted, and those that count as too large for it."""
    if not request.param:
        monkeypatch.setattr(listing, "_MAX_COUNTED_OBJECTS", 0)


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The input of each walk for missing objects."""
    inputs: list[bytes] = []
    run = git.run

    def spy(view: git.RepoView, *arguments: Any, lines: list[bytes] | None = None, **rest: Any) -> Any:
        if "--missing=print" in arguments:
            inputs.append(b"".join(lines or ()))
        return run(view, *arguments, lines=lines, **rest)

    monkeypatch.setattr("boltz_keyscan.sources.git.repo.missing_objects.git.run", spy)
    return inputs


BIG = "big\n" * 1000
"""A file that the partial clones leave out."""


class Pair:
    """A repository and a partial clone of it without the large files."""

    def __init__(self, folder: Path, left_out: str = "blob:limit=1k", *options: str) -> None:
        self.origin = Repo(folder / "origin")
        self.origin.run("config", "uploadpack.allowFilter", "true")
        self.origin.run("config", "uploadpack.allowAnySHA1InWant", "true")
        self.origin.leak("small.txt", f"{fake_key(seed='small')}\n")
        self.origin.leak("d/big.txt", BIG)
        self.origin.run("checkout", "-q", "-b", "side")
        self.origin.leak("d/side.txt", BIG + "side\n")
        self.origin.run("checkout", "-q", "main")
        self.cache = folder / "cache"
        self.path = folder / "clone"
        self.origin.run(
            "clone", "-q", "--no-checkout", f"--filter={left_out}", *options, self.url, str(self.path)
        )
        self.clone = Repo.there(self.path)

    @property
    def url(self) -> str:
        return f"file://{self.origin.path}"

    def fetch(self, *options: str) -> None:
        self.clone.run("fetch", "-q", "--prune", *options)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


@pytest.mark.usefixtures("size")
def test_new_commits_of_a_partial_clone_are_all_that_is_walked(pair: Pair, walks: list[bytes]) -> None:
    first = scan(pair.path, pair.cache)
    old = pair.origin.run("rev-parse", "main")
    pair.origin.leak("d/more.txt", BIG + "more\n")
    pair.fetch()
    walks.clear()

    scan(pair.path, pair.cache)

    assert walks
    assert all(f"^{old}\n".encode() in given or f"\n{old}\n".encode() in b"\n" + given for given in walks)
    assert all(b"^" in given for given in walks)
    assert assert_same(pair.path, pair.cache).tally.objects_missing == first.tally.objects_missing + 1 == 3
    walks.clear()
    scan(pair.path, pair.cache)
    assert walks == []


def grown(pair: Pair) -> None:
    pair.origin.leak("d/big.txt", BIG + "again\n")
    pair.fetch()


def restored(pair: Pair) -> None:
    """A commit that names again what was left out before."""
    pair.origin.run("rm", "-q", "d/big.txt")
    pair.origin.commit("gone")
    pair.origin.leak("d/other.txt", BIG)
    pair.fetch()


def deleted(pair: Pair) -> None:
    """Only the branch named one of the objects."""
    pair.origin.run("branch", "-q", "-D", "side")
    pair.fetch()


def deleted_and_merged(pair: Pair) -> None:
    pair.origin.run("merge", "-q", "--no-edit", "side")
    deleted(pair)


def rewritten(pair: Pair) -> None:
    """The commits of the branch are others, with the same files."""
    pair.origin.run("checkout", "-q", "side")
    pair.origin.commit("another message", "--amend")
    pair.origin.run("checkout", "-q", "main")
    pair.fetch()


def came(pair: Pair) -> None:
    """git fetches an object that was left out when somebody looks at it."""
    pair.clone.run("cat-file", "-p", "origin/side:d/side.txt")


def came_and_grown(pair: Pair) -> None:
    came(pair)
    grown(pair)


def repacked(pair: Pair) -> None:
    grown(pair)
    pair.clone.run("repack", "-q", "-a", "-d")


def loose_packed(pair: Pair) -> None:
    """Loose objects that were scanned move into a new pack."""
    pair.clone.run("reset", "-q", "--hard", "origin/main")
    pair.clone.leak("local.txt", "local\n")
    scan(pair.path, pair.cache)
    pair.clone.leak("local.txt", "more\n")
    pair.clone.run("repack", "-q", "-d")


CHANGES = [
    grown,
    restored,
    deleted,
    deleted_and_merged,
    rewritten,
    came,
    came_and_grown,
    repacked,
    loose_packed,
]


@pytest.mark.parametrize(
    ("left_out", "most"), [("blob:limit=1k", 0), ("blob:none", 50_000), ("tree:0", 0), ("tree:0", 50_000)]
)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_changed_partial_clone_is_reported_as_without_a_cache(
    tmp_path: Path,
    change: Callable[[Pair], None],
    left_out: str,
    most: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "_MAX_COUNTED_OBJECTS", most)
    pair = Pair(tmp_path, left_out)
    scan(pair.path, pair.cache)
    change(pair)
    found = assert_same(pair.path, pair.cache)
    assert counts(scan(pair.path, pair.cache)) == counts(found)


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("left_out", ["blob:limit=1k", "tree:0"])
def test_a_boundary_that_moves_brings_older_commits(tmp_path: Path, left_out: str) -> None:
    pair = Pair(tmp_path, left_out, "--depth=1", "--no-single-branch")
    scan(pair.path, pair.cache)
    scan(pair.path, pair.cache)
    pair.fetch("--unshallow")
    assert assert_same(pair.path, pair.cache).tally.objects_missing >= 2
    assert_same(pair.path, pair.cache)


def test_a_tree_that_came_names_objects_that_did_not(tmp_path: Path) -> None:
    pair = Pair(tmp_path, "tree:0")
    before = scan(pair.path, pair.cache)
    tree = pair.origin.run("rev-parse", "main^{tree}")
    pair.clone.run("-c", "fetch.negotiationAlgorithm=noop", "fetch", "-q", "--filter=tree:1", "origin", tree)
    after = assert_same(pair.path, pair.cache)
    # The tree is there, its file and its folder are not.
    assert after.tally.objects_missing != before.tally.objects_missing


def test_too_many_left_out_objects_are_counted_by_each_scan(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, walks: list[bytes]
) -> None:
    monkeypatch.setattr(missing_objects, "_MAX_LEFT_OUT", 1)
    assert scan(pair.path, pair.cache).tally.objects_missing == 2
    walks.clear()
    assert scan(pair.path, pair.cache).tally.objects_missing == 2
    assert walks == []
    grown(pair)
    assert scan(pair.path, pair.cache).tally.objects_missing == 3
    assert any(b"^" not in given for given in walks)


def test_too_many_new_objects_are_not_compared(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earlier_reach, "_MAX_NEW_OBJECTS", 1)
    scan(pair.path, pair.cache)
    came_and_grown(pair)
    assert assert_same(pair.path, pair.cache).tally.objects_missing == 2


_STEPS = st.lists(
    st.sampled_from(["leak", "big", "branch", "delete", "merge", "amend", "fetch", "look", "repack", "scan"]),
    min_size=2,
    max_size=9,
)


def _step(pair: Pair, what: str, number: int) -> None:  # noqa: C901 - a table of what git can do
    match what:
        case "leak":
            pair.origin.leak("leak.txt", f"{number} {fake_key(seed=number)}\n")
        case "big":
            pair.origin.leak(f"d/{number}.txt", f"{BIG}{number}")
        case "branch":
            pair.origin.run("checkout", "-q", "-B", f"b{number % 2}")
        case "delete":
            pair.origin.run("checkout", "-q", "main")
            pair.origin.run("branch", "-D", "b0", "b1", with_exceptions=False)
        case "merge":
            pair.origin.run("merge", "-q", "-X", "ours", "--no-edit", "side", with_exceptions=False)
        case "amend":
            pair.origin.commit(f"amended {number}", "--amend")
        case "fetch":
            pair.fetch()
        case "look":
            pair.clone.run("rev-list", "--objects", "--max-count=1", "--all")
            pair.clone.run("cat-file", "-p", "origin/main:d/big.txt", with_exceptions=False)
        case "repack":
            pair.clone.run("repack", "-q", "-d", *(["-a"] if number % 2 else []))
        case "scan":
            scan(pair.path, pair.cache)


@settings(
    max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)
@given(steps=_STEPS)
def test_a_partial_clone_with_any_past(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    pair = Pair(tmp_path_factory.mktemp("partial"))
    scan(pair.path, pair.cache)
    for number, what in enumerate(steps):
        _step(pair, what, number)
    pair.fetch()
    assert_same(pair.path, pair.cache)


# -- whole clones --------------------------------------------------------------------------


@pytest.fixture
def packed(repo: Repo) -> Repo:
    """A repository with two packs, of which the first has a file that the newest commit has not."""
    repo.leak("old.txt", "old\n")
    repo.run("repack", "-q", "-d")
    repo.leak("old.txt", "new\n")
    repo.run("repack", "-q", "-d")
    return repo


def lost_pack(repo: Repo) -> None:
    """The pack is gone that has the file of the first commit."""
    oid = repo.run("rev-parse", "HEAD~3:old.txt")
    for index in (repo.path / ".git/objects/pack").glob("*.idx"):
        if bytes.fromhex(oid) in index.read_bytes():
            for path in index.parent.glob(f"{index.stem}.*"):
                path.unlink()


def lost_loose(repo: Repo) -> None:
    oid = repo.run("rev-parse", "HEAD~:loose.txt")
    (repo.path / ".git/objects" / oid[:2] / oid[2:]).unlink()


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("lose", [lost_pack, lost_loose])
def test_what_was_lost_since_is_a_gap(packed: Repo, tmp_path: Path, lose: Callable[[Repo], None]) -> None:
    packed.leak("loose.txt", "loose\n")
    assert scan(packed.path, tmp_path / "cache").gaps == ()
    packed.leak("newer.txt", "newer\n")
    lose(packed)

    found = assert_same(packed.path, tmp_path / "cache")

    assert {gap.reason for gap in found.gaps} >= {"corrupt-object"}
    assert_same(packed.path, tmp_path / "cache")


def pack_apart(repo: Repo, oid: str) -> None:
    """Pack everything but one object into ``pack-0-…``, and that one into ``pack-1-…``."""
    oids = [line.split()[0] for line in repo.run("rev-list", "--objects", "--all").splitlines()]
    for number, part in enumerate(([name for name in oids if name != oid], [oid])):
        listed = repo.write(".git/listed", "\n".join(part) + "\n")
        with listed.open("rb") as stream:
            repo.run("pack-objects", "-q", f".git/objects/pack/pack-{number}", istream=stream)
    repo.run("prune-packed", "-q")


def lose_second_pack(repo: Repo) -> None:
    for path in (repo.path / ".git/objects/pack").glob("pack-1-*"):
        path.unlink()


def test_one_pack_left_of_two_is_no_untouched_clone(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_MAX_COUNTED_OBJECTS", 0)
    repo.leak("old.txt", "old\n")
    repo.leak("old.txt", "new\n")
    lost = repo.run("rev-parse", "HEAD~:old.txt")
    pack_apart(repo, lost)
    assert scan(repo.path, tmp_path / "cache").gaps == ()
    lose_second_pack(repo)
    [gap] = scan(repo.path, tmp_path / "cache").gaps
    assert (gap.reason, gap.oid) == ("corrupt-object", lost)


@pytest.mark.usefixtures("size")
def test_commits_are_counted_from_those_that_were_counted(
    packed: Repo, tmp_path: Path, walks: list[bytes]
) -> None:
    cache = tmp_path / "cache"
    packed.run("branch", "side", "HEAD~")
    scan(packed.path, cache)
    packed.run("checkout", "-q", "side")
    packed.leak("side.txt", "side\n")
    packed.run("branch", "-q", "-D", "main")
    walks.clear()
    scan(packed.path, cache)
    assert all(b"^" in given for given in walks)
    # One is gone with its branch, one is new.
    assert counts(assert_same(packed.path, cache))[1] in {0, 2}


def test_a_store_of_an_alternate_that_is_gone(packed: Repo, tmp_path: Path) -> None:
    packed.run("clone", "-q", "--shared", "--bare", str(packed.path), str(tmp_path / "tree" / "borrower"))
    shutil.move(packed.path, tmp_path / "tree" / "lender")
    borrower = tmp_path / "tree" / "borrower"
    (borrower / "objects/info/alternates").write_text("../../lender/.git/objects\n")
    cache = tmp_path / "cache"
    assert scan(tmp_path / "tree", cache).gaps == ()
    (tmp_path / "tree" / "lender").rename(tmp_path / "elsewhere")
    found = assert_same(tmp_path / "tree", cache)
    assert "alternate-missing" in {gap.reason for gap in found.gaps}


# -- damaged containers --------------------------------------------------------------------


def damaged(name: str = "member.txt", *texts: str) -> bytes:
    """A zip with members, the last of which is damaged."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member, text in (
            *((f"{number}.txt", text) for number, text in enumerate(texts)),
            (name, "text" * 99),
        ):
            archive.writestr(zipfile.ZipInfo(member), text, zipfile.ZIP_DEFLATED)
    raw = bytearray(file.getvalue())
    at = raw.rindex(name.encode(), 0, raw.index(b"PK\1\2")) + len(name)
    raw[at : at + 8] = b"\xff" * 8
    return bytes(raw)


def test_a_damaged_container_is_not_opened_again(repo: Repo, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    repo.leak("a.zip", damaged())
    first = scan(repo.path, cache)
    [gap] = first.gaps
    assert gap.reason == "corrupt-container"
    again = scan(repo.path, cache)
    assert (again.gaps, again.tally.blobs) == (first.gaps, 0)
    # It keeps its name in another scan, gets a path that came since, and is gone with its object.
    repo.leak("b.zip", damaged())
    assert [gap.paths for gap in assert_same(repo.path, cache).gaps] == [("a.zip", "b.zip")]
    (tmp_path / "above").mkdir()
    repo.path.rename(tmp_path / "above" / "below")
    scan(tmp_path / "above", cache)
    assert [gap.where for gap in assert_same(tmp_path / "above", cache).gaps] == [
        gap.where.replace(".:", "below:", 1) for gap in first.gaps
    ]


def test_a_damaged_container_that_is_gone_is_no_gap(repo: Repo, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    repo.leak("a.txt", "text\n")
    repo.leak("a.zip", damaged())
    scan(repo.path, cache)
    repo.run("reset", "-q", "--hard", "HEAD~")
    repo.run("reflog", "expire", "--expire=now", "--all")
    repo.run("prune", "--expire=now")
    assert assert_same(repo.path, cache).gaps == ()


def test_a_damaged_container_with_a_key_is_opened_again(repo: Repo, tmp_path: Path) -> None:
    key = fake_key()
    repo.leak("a.zip", damaged("member.txt", f"key={key}\n"))
    scan(repo.path, tmp_path / "cache")
    again = assert_same(repo.path, tmp_path / "cache")
    assert [finding.fingerprint for finding in again.findings] == [fingerprint(key)]
    assert again.tally.blobs == 1
    assert len(again.gaps) == 1


def kept(cache: Path) -> dict[str, Any]:
    [path] = cache.iterdir()
    document: dict[str, Any] = json.loads(path.read_text().partition("\n")[2])
    return document


def test_the_name_of_a_member_that_could_be_a_key_is_not_kept(repo: Repo, tmp_path: Path) -> None:
    key, cache = fake_key(), tmp_path / "cache"
    repo.leak("a.zip", damaged(f"in-{key}.txt"))
    repo.leak("b.zip", damaged("plain.txt"))
    scan(repo.path, cache)
    assert key[20:34] not in json.dumps(kept(cache))
    assert list(kept(cache)["damages"]) == [repo.run("rev-parse", "HEAD:b.zip")]
    assert_same(repo.path, cache)


@pytest.mark.parametrize(
    ("place", "reason", "is_kept"),
    [
        ("!member.txt", "corrupt-container", True),
        (f"!{fake_key()}.txt", "corrupt-container", False),
        ("!\udcff.txt", "corrupt-container", True),
        ("!member.txt", "timed-out", False),
    ],
)
def test_damages_are_kept_if_no_text_of_them_could_be_a_key(
    place: str, reason: str, *, is_kept: bool
) -> None:
    oid = "1" * 40
    gap = Gap(f"repo: blob {oid}{place}", reason, "detail", oid=oid)
    suspects, damages = flags.flag_objects(ShardResult(gaps=(gap,)), "repo", {}, KeyDetector.of(rules.load()))
    assert (bool(damages), bool(suspects)) == (is_kept, not is_kept)
    assert flags.take_damaged(f"{oid} blob 1\n".encode(), damages, "repo")[0] == ((gap,) if is_kept else ())


def test_too_many_damages_are_not_kept(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flags, "_MAX_DAMAGES", 1)
    for name in "ab":
        repo.leak(f"{name}.zip", damaged(f"{name}.txt"))
    scan(repo.path, tmp_path / "cache")
    assert (kept(tmp_path / "cache")["damages"], len(kept(tmp_path / "cache")["suspects"])) == ({}, 2)
    assert_same(repo.path, tmp_path / "cache")


# -- attribution ---------------------------------------------------------------------------


def test_where_a_damaged_container_is_now_is_not_asked(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[set[bytes]] = []
    find = current_places.find_current

    def spy(view: Any, refs: Any, places: Any) -> Any:
        asked.append({path for _, path in places})
        return find(view, refs, places)

    monkeypatch.setattr(commit_search, "find_current", spy)
    repo.leak("a.zip", damaged())
    repo.leak("key.txt", fake_key())
    repo.run("branch", "old")
    repo.run("rm", "-q", "a.zip", "key.txt")
    repo.commit("gone")
    scan(repo.path, tmp_path / "cache")
    assert asked == [{b"key.txt"}]


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[list[bytes]]:
    """The input of each search for commits."""
    inputs: list[list[bytes]] = []
    find_introductions = Walks.find_introductions

    def spy(self: Walks, wanted: Any, lines: list[bytes], last: Any) -> Any:
        if wanted:
            inputs.append(lines)
        return find_introductions(self, wanted, lines, last)

    monkeypatch.setattr(Walks, "find_introductions", spy)
    # Of two commits in one second the order is unclear.
    clock = iter(range(2_000_000_000, 2_100_000_000, 60))
    commit = Repo.commit

    def later(self: Repo, *arguments: str) -> str:
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"{next(clock)} +0000")
        return commit(self, *arguments)

    monkeypatch.setattr(Repo, "commit", later)
    return inputs


def is_short(lines: list[bytes]) -> bool:
    return any(line.startswith(b"^") for line in lines)


def test_commits_of_a_partial_clone_are_searched_from_where_they_were(
    searches: list[list[bytes]], pair: Pair
) -> None:
    scan(pair.path, pair.cache)
    pair.origin.leak("small.txt", "no key\n")
    pair.fetch()
    searches.clear()
    scan(pair.path, pair.cache)
    assert searches
    assert all(map(is_short, searches))
    [finding] = assert_same(pair.path, pair.cache).findings
    assert finding.locations[0].commit == pair.origin.run("rev-list", "--max-parents=0", "main")


def test_the_commit_of_a_new_key_is_searched_among_the_new_ones(
    searches: list[list[bytes]], packed: Repo, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    scan(packed.path, cache)
    commit = packed.leak("key.txt", fake_key())
    packed.leak("key.txt", "gone\n")
    scan(packed.path, cache)
    assert searches
    assert all(map(is_short, searches))
    [finding] = assert_same(packed.path, cache).findings
    assert finding.locations[0].commit == commit


def named_again(repo: Repo) -> None:
    """A file that had a name with a key gets one again, in another folder."""
    repo.leak(f"b/{fake_key(seed='name')}.txt", "clean\n")


def unreachable(repo: Repo) -> None:
    repo.leak("key.txt", fake_key(seed="dropped"))
    repo.run("reset", "-q", "--hard", "HEAD~")


def in_two_packs(repo: Repo) -> None:
    """What was scanned is stored a second time, and only there from now on."""
    repo.leak("c.txt", fake_key(seed="first"))
    repo.run("repack", "-q", "-a", "-d")


@pytest.mark.parametrize("change", [named_again, unreachable, in_two_packs])
def test_places_of_before_are_kept(repo: Repo, tmp_path: Path, change: Callable[[Repo], None]) -> None:
    repo.leak(f"a/{fake_key(seed='name')}.txt", "clean\n")
    repo.leak("key.txt", fake_key(seed="first"))
    repo.leak("key.txt", "gone\n")
    scan(repo.path, tmp_path / "cache")
    change(repo)
    assert_same(repo.path, tmp_path / "cache")


def test_a_key_that_an_untouched_clone_lacked_is_of_an_old_commit(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_MAX_COUNTED_OBJECTS", 0)
    repo.leak("key.txt", fake_key())
    repo.leak("key.txt", "gone\n")
    pack_apart(repo, repo.run("rev-parse", "HEAD~:key.txt"))
    lose_second_pack(repo)
    assert scan(repo.path, tmp_path / "cache").gaps == ()
    repo.run("hash-object", "-w", str(repo.write("came.txt", fake_key())))
    [finding] = assert_same(repo.path, tmp_path / "cache").findings
    assert finding.locations[0].commit == repo.run("rev-parse", "HEAD~")


def test_a_key_that_came_to_a_partial_clone_is_of_an_old_commit(pair: Pair) -> None:
    commit = pair.origin.leak("d/key.txt", BIG + fake_key(seed="big"))
    pair.origin.leak("d/key.txt", "gone\n")
    pair.fetch()
    scan(pair.path, pair.cache)
    pair.origin.leak("d/again.txt", BIG + fake_key(seed="big"))
    pair.fetch()
    pair.clone.run("cat-file", "-p", "origin/main:d/again.txt")
    found = assert_same(pair.path, pair.cache).findings
    assert commit in {place.commit for finding in found for place in finding.locations}
