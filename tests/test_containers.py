"""Keys in archives, compressed files, packages, documents and images: found, each once, and where."""

from __future__ import annotations

import fnmatch
import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.sources import signature_checks, signatures, windows
from boltz_keyscan.sources.archives.content import find_reader
from conformance.containers import CORPUS, DECOYS, image, key_of, tarred, text, zipped, zstd
from conformance.encodings import b64, notebook
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import keyscan, scan_json

DAMAGED = {"cut.zip"}
"""Files of the corpus of which something is missing, which is told."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every container of the corpus, and the decoys."""
    folder = tmp_path_factory.mktemp("corpus")
    for name, (build, _) in CORPUS.items():
        (folder / name).write_bytes(build(key_of(name)))
    for name, content in DECOYS.items():
        (folder / name).write_bytes(content)
    return folder


def places(report: Any) -> dict[str, set[tuple[str, tuple[str, ...]]]]:
    """Path and members of every key, by fingerprint; placeholders left out."""
    return {
        finding["fingerprint"]: {(place["path"], tuple(place["members"])) for place in finding["locations"]}
        for finding in report["findings"]
        if finding["severity"] != "note"
    }


def check(report: Any) -> None:
    """Every key of the corpus is told, where it stands and nowhere else, and nothing but these."""
    found = places(report)
    assert set(found) == {fingerprint(key_of(name)) for name in CORPUS}
    for name, (_, wanted) in CORPUS.items():
        ((path, members),) = found[fingerprint(key_of(name))]
        assert path == name
        assert len(members) == len(wanted), name
        for member, pattern in zip(members, wanted, strict=True):
            assert fnmatch.fnmatchcase(member, pattern.replace("[", "[[]")), name


def gaps(report: Any) -> set[str]:
    """What the gaps are about, without repository, object or member."""
    return {re.sub("!.*", "", gap["where"]) for gap in report["gaps"]}


def test_in_a_tree_whatever_the_number_of_jobs(corpus: Path) -> None:
    told = set()
    for jobs in ("1", "4"):
        # Started each time, as the hashes of strings are others then.
        ran = keyscan(".", "--format", "json", "--jobs", jobs, cwd=corpus, started=True)
        check(ran.report)
        assert gaps(ran.report) == DAMAGED
        told.add(re.sub(r'"(started_at|duration_s)":("[^"]*"|[0-9.]+)', "", ran.text))
    assert len(told) == 1


def test_in_history_when_the_tree_has_them_no_more(corpus: Path, tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    shutil.copytree(corpus, repo.path, dirs_exist_ok=True)
    repo.run("add", ".")
    leak = repo.commit("all of them")
    repo.run("rm", "-rq", ".")
    repo.commit("none of them")
    repo.run("gc", "--quiet")
    for arguments in (["--history-only"], ["--history-only", "--jobs", "3"]):
        report = scan_json(repo.path, "--no-cache", *arguments)
        check(report)
        places_ = [place for finding in report["findings"] for place in finding["locations"]]
        assert {place["commit"] for place in places_} == {leak}
        assert {place["exposure"] for place in places_} == {"history"}
        assert len(gaps(report)) == len(DAMAGED)


def test_a_second_scan_of_a_history_tells_the_same(corpus: Path, tmp_path: Path) -> None:
    """What could not be read is no reason to forget what could, and is told again."""
    repo = Repo(tmp_path / "repo")
    for name in ("a.zip", "cut.zip", "clean.zip"):
        repo.leak(name, (corpus / name).read_bytes())
    (tmp_path / "cache").mkdir()
    first, second = (
        scan_json(repo.path, "--history-only", "--cache-dir", tmp_path / "cache") for _ in range(2)
    )
    assert first["findings"] == second["findings"]
    assert first["gaps"] == second["gaps"] != []
    assert second["scan"]["receipt"]["blobs"] == 2
    assert second["scan"]["receipt"]["objects_cached"] > 5


def test_archived_once_more(corpus: Path, tmp_path: Path) -> None:
    """The whole corpus in one archive in another: the same keys, two members deeper."""
    inner = tarred((path.name, path.read_bytes()) for path in sorted(corpus.iterdir()))
    (tmp_path / "all.zip").write_bytes(zipped({"all.tar": inner}))
    found = places(scan_json(tmp_path))
    deep = {"eight.gz"}
    assert set(found) == {fingerprint(key_of(name)) for name in CORPUS if name not in deep}
    for name, (_, wanted) in CORPUS.items():
        if name not in deep:
            ((path, members),) = found[fingerprint(key_of(name))]
            assert (path, *members[:2]) == ("all.zip", "all.tar", name)
            assert len(members) == 2 + len(wanted), name


def test_in_a_commit(corpus: Path, tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    shutil.copytree(corpus, repo.path, dirs_exist_ok=True)
    repo.run("add", ".")
    check(scan_json("--staged", cwd=repo.path))
    ran = keyscan("hook", "pre-commit", cwd=repo.path)
    assert ran.code == 1
    assert "zst.deb!data.tar.zst!./etc/a.env:2 " in ran.text
    assert "\n  +50 more keys\n" in ran.text
    assert ran.errors == ""


def test_in_a_range_and_in_a_push(corpus: Path, tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.leak("readme", "clean\n")
    repo.leak("a.tar.gz", (corpus / "a.tar.gz").read_bytes())
    report = scan_json(repo.path, "--since", "HEAD^")
    assert places(report) == {fingerprint(key_of("a.tar.gz")): {("a.tar.gz", ("a.env",))}}
    line = f"refs/heads/main {repo.run('rev-parse', 'HEAD')} refs/heads/main {'0' * 40}\n"
    assert keyscan("hook", "pre-push", "origin", "url", cwd=repo.path, stdin=line.encode()).code == 1


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "image.tar", "self-extracting", "trailing.gz"])
@pytest.mark.sampled(count=2)
def test_from_a_pipe(corpus: Path, name: str) -> None:
    content = (corpus / name).read_bytes()
    piped = places(scan_json("-", stdin=content))
    ((path, members),) = piped[fingerprint(key_of(name))]
    assert path == "<stdin>"
    assert len(members) == len(CORPUS[name][1])
    script = f'cat "{corpus / name}" | python -m boltz_keyscan /dev/fd/0 --format json'
    ran = subprocess.run(["sh", "-c", script], capture_output=True, check=False)
    assert set(places(json.loads(ran.stdout))) == set(piped)


def test_a_large_one_from_a_pipe_leaves_nothing_behind(tmp_path: Path) -> None:
    """More than is held in memory waits in a file of ours, and the file goes."""
    content = tarred({"filler": bytes(40 << 20), "a.env.gz": gzip.compress(text(fake_key()))})
    report = scan_json("-", stdin=content, env={"TMPDIR": str(tmp_path)})
    assert places(report) == {fingerprint(fake_key()): {("<stdin>", ("a.env.gz", "content"))}}
    assert report["gaps"] == []
    assert list(tmp_path.iterdir()) == []


def test_line_and_column_are_those_in_the_member(corpus: Path) -> None:
    report = scan_json(corpus / "large.zip")
    ((place,),) = (finding["locations"] for finding in report["findings"])
    assert (place["line"], place["column"]) == (200 * 400 + 2, 15)
    assert place["offset"] == 65 * 200 * 400 + len("# settings\nBOLTZ_API_KEY=")
    assert place["context"].startswith("BOLTZ_API_KEY=sk_bc_ws_live_[REDACTED]")


def test_sarif_points_at_the_file_and_tells_the_member(corpus: Path) -> None:
    (result,) = json.loads(keyscan("nested.zip", "--format", "sarif", cwd=corpus).out)["runs"][0]["results"]
    ((location),) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "nested.zip"
    # No line of the member is a line of the file.
    assert location["physicalLocation"]["region"] == {
        "startLine": 1,
        "startColumn": 1,
        "endLine": 1,
        "endColumn": 1,
    }
    assert "in archive member inner.tar!deep.tar.gz!a.env at 2:15" in result["message"]["text"]


def test_the_same_key_in_two_members_has_two_locations(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"one": text(fake_key()), "two": text(fake_key())}))
    assert places(scan_json(tmp_path)) == {
        fingerprint(fake_key()): {("a.zip", ("one",)), ("a.zip", ("two",))}
    }


def test_an_image_unpacked_into_a_folder(tmp_path: Path) -> None:
    """An OCI layout as tools keep it: layers and configuration are files called by their hash."""
    layers = [
        gzip.compress(tarred({"root/.netrc": text(fake_key(seed="deleted"))})),
        zstd(
            tarred({"root/.wh..netrc": b"", "app/.wh..wh..opq": b"", "app/.env": text(fake_key(seed="kept"))})
        ),
    ]
    with tarfile.open(fileobj=io.BytesIO(image(layers, f"BOLTZ_API_KEY={fake_key()}"))) as archive:
        for member in archive:
            path = tmp_path / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            extracted = archive.extractfile(member)
            assert extracted is not None
            path.write_bytes(extracted.read())
    found = places(scan_json(tmp_path))
    blobs = "blobs/sha256/"
    wanted = {
        fingerprint(fake_key(seed="deleted")): (
            blobs + hashlib.sha256(layers[0]).hexdigest(),
            ("root/.netrc",),
        ),
        fingerprint(fake_key(seed="kept")): (blobs + hashlib.sha256(layers[1]).hexdigest(), ("app/.env",)),
    }
    for key, place in wanted.items():
        assert found.pop(key) == {place}
    # Its environment and its history tell it, in the one file of its configuration.
    assert {members for _, members in found.pop(fingerprint(fake_key()))} == {()}
    assert not found


@pytest.mark.parametrize(("object_format", "version"), [("sha1", 2), ("sha256", 3)])
def test_bundles_as_git_makes_them(tmp_path: Path, object_format: str, version: int) -> None:
    """Of many versions of a file, each told as a difference, in an archive and from a pipe."""
    source = Repo(tmp_path / "source", object_format=object_format)
    lines = [f"{number:040}\n" for number in range(300)]
    for number in range(9):
        lines[number * 30] = f"{fake_key(seed=number)}\n"
        lines.append("more\n" * 9)
        source.leak("src/deep/settings", "".join(lines))
        lines[number * 30] = "gone\n"
    source.run("bundle", "create", "--quiet", f"--version={version}", "../all.bundle", "--all")
    bundle = (tmp_path / "all.bundle").read_bytes()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.zip").write_bytes(zipped({"all.bundle": bundle}))
    name = "src/deep/settings"
    for report, lead in (
        (scan_json("in", cwd=tmp_path), ("a.zip", "all.bundle", name)),
        (scan_json("-", stdin=bundle), ("<stdin>", name)),
    ):
        path, *members = lead
        wanted = {fingerprint(fake_key(seed=number)): {(path, tuple(members))} for number in range(9)}
        assert (places(report), report["gaps"]) == (wanted, [])


def test_every_reader_of_the_table_exists() -> None:
    for row in signatures.FORMATS:
        assert callable(find_reader(row)), row.name
        assert row.is_checked == (row.name in signature_checks.CHECKED), row.name


_BLOBS = [*DECOYS.values(), CORPUS["old.tar"][0](key_of("old.tar")), CORPUS["picture.png"][0]("x")]


@given(st.one_of(st.binary(max_size=600), st.sampled_from(_BLOBS)))
def test_the_first_bytes_exclude_no_container(head: bytes) -> None:
    matching = [row for row in signatures.FORMATS if re.match(row.pattern, head, re.DOTALL)]
    named = [row for row in matching if not row.is_checked or signature_checks.CHECKED[row.name](head[:512])]
    found = signatures.find_format(head, 0, len(head))
    assert found == (named[0] if named else signatures.PDF if b"%PDF-" in head[:1029] else None)


@given(st.lists(st.one_of(st.binary(max_size=400), st.sampled_from(_BLOBS)), min_size=1, max_size=30))
def test_among_many_blobs(blobs: list[bytes]) -> None:
    headers = [b"header of 22 bytes or more %d\n" % number for number in range(len(blobs))]
    stream = b"".join(header + blob + b"\n" for header, blob in zip(headers, blobs, strict=True)) + b"mark"
    sizes = list(map(len, blobs))
    starts = signatures.list_blob_starts(list(map(len, headers)), sizes)
    assert [stream[start : start + size] for start, size in zip(starts, sizes, strict=True)] == blobs
    wanted = [number for number, blob in enumerate(blobs) if signatures.is_container(blob, 0, len(blob))]
    assert signatures.find_containers(stream, len(stream), starts, sizes) == wanted


@given(st.data())
def test_long_blobs_in_pieces_are_as_if_whole(data: st.DataObject) -> None:
    """Cut anywhere: offsets, lines, columns and contexts are those of the whole."""
    keys = [fake_key(seed=0).encode(), *(b64(fake_key(seed=n)).encode() for n in (1, 2))]
    parts = st.sampled_from(["é" * 50, "\n", "𐐷\n", "x" * 900, "\ufeff", *(key.decode() for key in keys)])
    blob = "".join(data.draw(st.lists(parts, max_size=200))).encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(blob)), max_size=8)))
    detector = KeyDetector.of(rules.load())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "WINDOW_BYTES", data.draw(st.integers(4000, 20_000)))
        patch.setattr(windows, "MARGIN_BYTES", 8192)
        chunks = (blob[start:end] for start, end in zip([0, *cuts], [*cuts, len(blob)], strict=True))
        found = list(windows.find_matches(detector, chunks))
    assert found == list(detector.find([blob]))


def test_a_long_notebook_keeps_its_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = KeyDetector.of(rules.load())
    blob = notebook(["x\n"], ["y" * 70 + "\n"] * 1000 + [f"{fake_key()}\n"])
    monkeypatch.setattr(windows, "WINDOW_BYTES", 10_000)
    chunks = (blob[at : at + 3000] for at in range(0, len(blob), 3000))
    ((match,), whole) = (list(windows.find_matches(detector, chunks)), list(detector.find([blob])))
    assert [match] == whole
    assert (match.cell, match.cell_part) == (2, "output [7]")
