"""Containers made to do harm: each costs itself a gap, in bounded time and memory, and nothing else."""

from __future__ import annotations

import gzip
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.finding import Origin, Shard, ShardResult
from boltz_keyscan.sources import blob
from boltz_keyscan.sources.archives.limits import RUN_LIMITS, Limits
from boltz_keyscan.sources.archives.shard import ContainerShard, InBuffer
from boltz_keyscan.system.processes import own_limits
from boltz_keyscan.workers.scan_pool import ScanPool
from conformance.containers import CORPUS, key_of, seven, tarred, text, zipped, zipped_to_a_pipe
from tests.hostile import FOUND, HOSTILE, MIB, overlapping, pyramid
from tests.keys import fake_key, fingerprint
from tests.misbehaving import Misbehaving
from tests.running import ROOT, keyscan


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All of them in one scan, beside a file with a key of its own."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, (build, _) in HOSTILE.items():
        (folder / name).write_bytes(build())
    (folder / "beside.env").write_bytes(text(fake_key(seed="beside")))
    ran = keyscan(folder, "--format", "json", "--jobs", "2")
    assert ran.errors == ""
    return ran.report


@pytest.mark.parametrize("name", HOSTILE)
def test_each_is_a_gap_and_no_more(report: Any, name: str) -> None:
    reasons = {gap["reason"] for gap in report["gaps"] if gap["where"].partition("!")[0] == name}
    if name == "damaged.tar":
        reasons -= {"corrupt-container"}
    assert reasons == HOSTILE[name][1]


def test_everything_else_is_found(report: Any) -> None:
    found = {finding["fingerprint"]: finding for finding in report["findings"]}
    assert fingerprint(fake_key(seed="beside")) in found
    assert {place["path"] for place in found[fingerprint(fake_key())]["locations"]} >= FOUND
    assert not report["scan"]["complete"]


def test_a_gap_names_the_container_and_the_member(report: Any) -> None:
    told = {gap["where"]: gap for gap in report["gaps"]}
    assert told["crc.zip!a"]["detail"].startswith("its checksum does not match")
    assert "header.tar!a.bundle" in told
    assert "pyramid.zip!0.zip!0.zip!0.zip!15.zip!0" in told
    assert all(not gap["by_design"] for gap in report["gaps"])


UNTOLD = {
    "self-extracting",
    "picture.png",
    "trailing.zip",
    "trailing.gz",
    "behind.tar.gz",
    "concatenated.tar",
}
"""Where what is cut off is nothing that anything before announces."""


@pytest.mark.parametrize("name", sorted(set(CORPUS) - UNTOLD))
def test_no_end_that_is_missing_is_passed_over(name: str) -> None:
    """Cut anywhere: its key is found, or a gap says why not."""
    content = CORPUS[name][0](key_of(name))
    detector = KeyDetector.of(rules.load())
    for share in (0.3, 0.6, 0.9, 0.99):
        cut = content[: int(len(content) * share)]
        result = scanned(cut)
        own = {match.fingerprint for match in detector.find([cut])}
        found = {hit.match.fingerprint for hit in result.hits} | own
        assert result.gaps or fingerprint(key_of(name)) in found, share


def scanned(content: bytes, **limits: Any) -> ShardResult:
    """One container, in this process."""
    named = ((Origin(b"x"), "x"),)
    work = ContainerShard(InBuffer(content), len(content), named, limits=Limits(**limits))
    return work.scan(KeyDetector.of(rules.load()))


BUDGETS: dict[str, tuple[dict[str, Any], bytes]] = {
    "too-deep": ({"depth": 2}, gzip.compress(gzip.compress(gzip.compress(b"x")))),
    "too-many-members": ({"members": 3}, zipped({str(number): b"x" for number in range(5)})),
    "output-limit": ({"output": MIB}, gzip.compress(os.urandom(2 * MIB))),
    "ratio-limit": ({"ratio": 10, "slack": MIB}, gzip.compress(bytes(2 * MIB))),
    "timed-out": ({"seconds": 0.0}, gzip.compress(b"x")),
}


@pytest.mark.parametrize("reason", BUDGETS)
def test_each_budget_is_one_gap(reason: str) -> None:
    limits, content = BUDGETS[reason]
    (gap,) = scanned(content, **limits).gaps
    assert (gap.reason, gap.by_design) == (reason, False)
    assert scanned(content).gaps == ()


def test_what_came_before_a_budget_was_used_up_is_told() -> None:
    members = {"first": text(fake_key()), "bomb": bytes(8 * MIB), "last": text(fake_key(seed=2))}
    result = scanned(zipped(members), ratio=10, slack=MIB)
    assert [(hit.origin.members, hit.match.fingerprint) for hit in result.hits] == [
        ((b"first",), fingerprint(fake_key()))
    ]
    assert [(gap.where, gap.reason) for gap in result.gaps] == [("x!bomb", "ratio-limit")]


def test_a_flood_of_keys_is_one_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob, "MAX_KEYS_PER_RULE", 100)
    result = scanned(gzip.compress(b"\n".join(fake_key(seed=number).encode() for number in range(101))))
    assert len(result.hits) == 100
    assert [gap.reason for gap in result.gaps] == ["too-many-matches"]


def test_members_that_overlap_are_each_read() -> None:
    result = scanned(overlapping(text(fake_key()), 50))
    assert len(result.hits) == 50
    assert result.gaps == ()


STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


@pytest.mark.parametrize("build", [zipped, zipped_to_a_pipe])
@pytest.mark.parametrize("method", [STORED, DEFLATED])
def test_a_large_zip_in_another_is_read_from_its_beginning(build: Any, method: int) -> None:
    """Too large to be held: found by its local headers, without its directory."""
    members = {
        "filler": os.urandom(2 * MIB),
        "a.env": text(fake_key()),
        "b.gz": gzip.compress(text(fake_key())),
        # What looks like the end of a member that tells its size behind it, and like a header.
        "c": b"c" + b"PK\7\x08" * 9 + text(fake_key()),
    }
    result = scanned(gzip.compress(tarred({"in.zip": build(members, method)})), spool=MIB)
    assert [hit.origin.members[1:] for hit in result.hits] == [(b"a.env",), (b"b.gz", b"content"), (b"c",)]
    assert result.gaps == ()


def test_the_own_bytes_of_a_7z_in_another_container() -> None:
    inner = seven({"x": b"x"}) + text(fake_key())
    (hit,) = scanned(tarred({"in.7z": inner})).hits
    assert (hit.origin.members, hit.match.offset) == ((b"in.7z",), inner.index(b"=") + 1)


@given(st.data())
def test_no_damage_does_more_than_a_gap(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(set(CORPUS) - {"large.zip"})))
    content = bytearray(CORPUS[name][0](key_of(name)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    for gap in scanned(bytes(content), output=64 * MIB).gaps:
        assert re.fullmatch("[a-z-]+", gap.reason)
        # What a reader trips over is its own mistake, and told as one.
        assert not re.search(r"\((?!MemoryError)\w+Error\)|\(error\)", gap.detail), gap


@given(st.sampled_from([CORPUS[name][0](key_of(name))[:40] for name in CORPUS]), st.binary(max_size=300))
def test_nor_do_bytes_without_sense(head: bytes, rest: bytes) -> None:
    for cut in (4, 8, 40):
        for gap in scanned(head[:cut] + rest).gaps:
            assert not re.search(r"\((?!MemoryError)\w+Error\)|\(error\)", gap.detail), gap


# -- workers -------------------------------------------------------------------------------


def opened_by_workers(
    work: Iterable[tuple[int, Shard]], jobs: int, limits: Limits = RUN_LIMITS
) -> list[tuple[int, ShardResult]]:
    with ScanPool(KeyDetector.of(rules.load()), jobs, limits) as pool:
        for number, found in work:
            pool.add(number, [found])
            pool.advance()
        return list(pool.open_archives())


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("way", "reason"), [("dies", "worker-died"), ("hangs", "timed-out")])
@pytest.mark.sampled
def test_a_worker_is_lost_for_one_container_only(way: str, reason: str, jobs: int) -> None:
    shards = [Misbehaving(way, n, 1.0) if n == 3 else Misbehaving("fine", n) for n in range(12)]
    results = opened_by_workers(enumerate(shards), jobs)
    assert sorted(number for number, _ in results) == list(range(12))
    for number, result in results:
        (gap,) = result.gaps
        assert (gap.where, gap.reason) == (str(number), reason if number == 3 else "fine")


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("reason", "limits"),
    [
        ("output-limit", Limits(output=3 * MIB)),
        ("ratio-limit", Limits(ratio=1, slack=3 * MIB)),
        ("too-many-members", Limits(members=3)),
        ("timed-out", Limits(seconds=-1)),
    ],
)
@pytest.mark.sampled
def test_what_all_may_cost_together(reason: str, limits: Limits, jobs: int) -> None:
    """The first ones are scanned, the others are gaps, whoever of them is done first."""
    contents = [gzip.compress(bytes(MIB) + text(fake_key(seed=number))) for number in range(8)]
    work = [
        (0, ContainerShard(InBuffer(content), len(content), ((Origin(b"%d" % number), str(number)),)))
        for number, content in reversed(list(enumerate(contents)))
    ]
    results = [result for _, result in opened_by_workers(work, jobs, limits)]
    opened = 1 if reason == "timed-out" else 3 if reason != "too-many-members" else 4
    assert [len(result.hits) for result in results] == [1] * opened + [0] * (8 - opened)
    told = [(gap.where, gap.reason) for result in results for gap in result.gaps]
    assert told == [(str(number), reason) for number in range(opened, 8)]


def test_while_a_container_is_open_no_more_is_written_than_the_bytecode_of_a_module(tmp_path: Path) -> None:
    content = bytes(16 << 20)
    with own_limits(60, 1 << 30):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(OSError, match="too large"):
            (tmp_path / "y").write_bytes(content + b"x")
    (tmp_path / "y").write_bytes(content + b"x")


def test_the_readers_of_containers_are_compiled_once(tmp_path: Path) -> None:
    """A worker that imports one keeps its bytecode, as Python does for every module."""
    package = tmp_path / "copy" / "boltz_keyscan"
    for name in ("boltz_keyscan", "rules"):
        shutil.copytree(ROOT / name, package.parent / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tree").mkdir()
    with zipfile.ZipFile(tmp_path / "tree" / "a.zip", "w") as file:
        file.writestr("a.txt", "nothing")
    command = [sys.executable, "-m", "boltz_keyscan", str(tmp_path / "tree")]
    environment = os.environ | {"PYTHONPATH": str(package.parent)}
    subprocess.run(command, cwd=os.sep, env=environment, check=True, capture_output=True)
    compiled = package / "sources" / "archives" / "__pycache__" / f"zip.{sys.implementation.cache_tag}.pyc"
    assert compiled.exists()


def test_a_large_module_that_a_reader_imports_can_be_imported_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytecode of numpy.ma of numpy 1 has 319 kB; h5py and pyarrow import it."""
    (tmp_path / "large_module.py").write_text(f"CONTENT = b'{'x' * (1 << 20)}'\n")
    command = [sys.executable, "-c", "import large_module"]
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    with own_limits(60, 1 << 30):
        importlib.import_module("large_module")
    assert list((tmp_path / "__pycache__").iterdir())
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": str(tmp_path)})


# -- memory --------------------------------------------------------------------------------


def test_memory_is_flat(tmp_path: Path) -> None:
    """A bomb of many gigabytes, and a file that is large and all zeros: no process takes 200 MB."""
    (tmp_path / "42.zip").write_bytes(pyramid(5, 16))
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    # Started by a small process: a child's peak begins at the size of the one that started it.
    launcher = (
        "import resource, subprocess, sys\n"
        "told = subprocess.run([sys.executable, '-m', 'boltz_keyscan', '--format', 'json', sys.argv[1]],"
        " stdout=subprocess.PIPE).stdout\n"
        "sys.stdout.buffer.write(told)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)\n"
    )
    argv = [sys.executable, "-c", launcher, str(tmp_path)]
    ran = subprocess.run(argv, cwd=ROOT, capture_output=True, check=True)
    report = json.loads(ran.stdout)
    assert [gap["reason"] for gap in report["gaps"]] == ["ratio-limit"]
    assert report["scan"]["receipt"]["bytes"] > 1 << 30
    assert int(ran.stderr) < 200 << 10
