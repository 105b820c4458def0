"""Exposure of a key in the working file of a tracked path: by content, not by path."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from boltz_keyscan import pipeline
from boltz_keyscan.model.enums import ExitCode
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.plan import Options, make_plan
from boltz_keyscan.sources.git import blob_keys
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import ROOT, keyscan

KEY = fake_key("ws", "live", "committed")
OTHER = fake_key("ws", "live", "other")


def scanned(path: Path) -> ScanResult:
    plan = make_plan(Options(paths=(str(path),), history=False, jobs=1))
    return pipeline.run(plan)


def exposures(result: ScanResult, key: str = KEY) -> list[str]:
    """The exposures of a key's locations."""
    return [
        location.exposure.value
        for finding in result.findings
        if finding.fingerprint == fingerprint(key)
        for location in finding.locations
    ]


def zipped(text: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member.txt", f"{'x' * 200}{text}")
    return held.getvalue()


def in_head(repo: Repo) -> None:
    repo.leak("a.txt", f"{KEY}\n")


def in_head_with_more_beside_it(repo: Repo) -> None:
    repo.leak("a.txt", f"{KEY}\n")
    repo.write("a.txt", f"moved down\nand encoded? no\n{KEY}\n")


def in_head_with_other_line_ends(repo: Repo) -> None:
    repo.leak("a.txt", f"k = {KEY}\nx\n")
    repo.write("a.txt", f"k = {KEY}\r\nx\r\n")


def in_the_working_file_only(repo: Repo) -> None:
    repo.leak("a.txt", "a\n")
    repo.write("a.txt", f"a\n{KEY}\n")


def beside_another_key(repo: Repo) -> None:
    repo.leak("a.txt", f"{OTHER}\n")
    repo.write("a.txt", f"{OTHER}\n{KEY}\n")


def staged_at_the_path(repo: Repo) -> None:
    repo.leak("a.txt", "a\n")
    repo.add("a.txt", f"{KEY}\n")


def staged_and_changed_again(repo: Repo) -> None:
    staged_at_the_path(repo)
    repo.write("a.txt", f"{KEY}\nmore\n")


def staged_without_the_key(repo: Repo) -> None:
    repo.add("a.txt", "a\n")
    repo.write("a.txt", f"{KEY}\n")


def announced(repo: Repo) -> None:
    repo.write("a.txt", f"{KEY}\n")
    repo.run("add", "--intent-to-add", "a.txt")


def in_conflict(repo: Repo) -> None:
    repo.leak("a.txt", "a\n")
    repo.run("checkout", "--quiet", "-b", "side")
    repo.leak("a.txt", f"{KEY}\n")
    repo.run("checkout", "--quiet", "main")
    repo.leak("a.txt", "b\n")
    repo.run("merge", "side", with_exceptions=False)
    assert KEY in (repo.path / "a.txt").read_text()


def smudged(repo: Repo) -> None:
    """As git-crypt does it: HEAD has other bytes than the working file, which git calls unchanged."""
    repo.write(".gitattributes", "a.txt filter=other\n")
    repo.run("config", "filter.other.clean", "tr a-z b-za")
    repo.run("config", "filter.other.smudge", "tr b-za a-z")
    repo.leak("a.txt", f"{KEY}\n")
    assert not repo.run("status", "--porcelain", "a.txt")


def pointer(content: str) -> str:
    """As git-lfs writes it."""
    digest = hashlib.sha256(content.encode()).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"


def a_pointer(repo: Repo) -> None:
    """In git-lfs HEAD has a pointer, and the server the content."""
    repo.leak("a.txt", pointer(f"{KEY}\n"))
    repo.write("a.txt", f"{KEY}\n")


def a_staged_pointer(repo: Repo) -> None:
    repo.leak("a.txt", pointer("nothing\n"))
    repo.add("a.txt", pointer(f"{KEY}\n"))
    repo.write("a.txt", f"{KEY}\n")


def a_pointer_to_other_content(repo: Repo) -> None:
    repo.leak("a.txt", pointer("nothing\n"))
    repo.write("a.txt", f"{KEY}\n")


def an_archive(repo: Repo) -> None:
    repo.leak("a.zip", zipped(KEY))


def an_archive_in_place_of_text(repo: Repo) -> None:
    repo.leak("a.zip", "not yet\n")
    repo.write("a.zip", zipped(KEY))


def an_archive_that_was_staged(repo: Repo) -> None:
    repo.leak("a.zip", "not yet\n")
    repo.add("a.zip", zipped(KEY))


def a_changed_archive(repo: Repo) -> None:
    """Its members in HEAD are not looked at, so the key may be there."""
    repo.leak("a.zip", zipped("nothing"))
    repo.write("a.zip", zipped(KEY))


def a_link(repo: Repo) -> None:
    (repo.path / "link").symlink_to(f"to-{KEY}")
    repo.run("add", "link")
    repo.commit()


def a_changed_link(repo: Repo) -> None:
    (repo.path / "link").symlink_to("nowhere")
    repo.run("add", "link")
    repo.commit()
    (repo.path / "link").unlink()
    (repo.path / "link").symlink_to(f"to-{KEY}")


def a_name(repo: Repo) -> None:
    repo.leak(f"{KEY}.txt", "a\n")
    repo.write(f"{KEY}.txt", "b\n")


PLACES: list[tuple[Callable[[Repo], None], str]] = [
    (in_head, "tracked"),
    (in_head_with_more_beside_it, "tracked"),
    (in_head_with_other_line_ends, "tracked"),
    (in_the_working_file_only, "modified"),
    (beside_another_key, "modified"),
    (staged_at_the_path, "staged"),
    (staged_and_changed_again, "staged"),
    (staged_without_the_key, "modified"),
    (announced, "modified"),
    (in_conflict, "staged"),
    (smudged, "modified"),
    (a_pointer, "tracked"),
    (a_staged_pointer, "staged"),
    (a_pointer_to_other_content, "modified"),
    (an_archive, "tracked"),
    (an_archive_in_place_of_text, "modified"),
    (an_archive_that_was_staged, "staged"),
    (a_changed_archive, "tracked"),
    (a_link, "tracked"),
    (a_changed_link, "modified"),
    (a_name, "tracked"),
]


@pytest.mark.parametrize(("make", "exposure"), PLACES, ids=[make.__name__ for make, _ in PLACES])
def test_a_key_is_where_its_bytes_are(repo: Repo, make: Callable[[Repo], None], exposure: str) -> None:
    make(repo)

    result = scanned(repo.path)

    # A name is in the file of the index too.
    assert set(exposures(result)) - {"local"} == {exposure}
    assert result.gaps == ()
    assert result.exit_code == ExitCode.BLOCKING


def kept(repo: Repo, content: str) -> None:
    """As git-lfs keeps what it has sent or fetched."""
    digest = hashlib.sha256(content.encode()).hexdigest()
    repo.write(f".git/lfs/objects/{digest[:2]}/{digest[2:4]}/{digest}", content)


def kept_of_head(repo: Repo) -> None:
    repo.leak("a.txt", pointer(f"{KEY}\n"))


def kept_of_history(repo: Repo) -> None:
    kept_of_head(repo)
    repo.leak("a.txt", pointer("nothing\n"))


def kept_of_the_index(repo: Repo) -> None:
    repo.commit()
    repo.add("a.txt", pointer(f"{KEY}\n"))


def kept_of_no_reference(repo: Repo) -> None:
    repo.commit()
    kept_of_head(repo)
    repo.run("reset", "--quiet", "--hard", "HEAD~1")


def kept_of_nothing(repo: Repo) -> None:
    repo.leak("a.txt", pointer("nothing\n"))


KEPT: list[tuple[Callable[[Repo], None], str]] = [
    (kept_of_head, "tracked"),
    (kept_of_history, "history"),
    (kept_of_the_index, "staged"),
    (kept_of_no_reference, "local"),
    (kept_of_nothing, "local"),
]


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
@pytest.mark.parametrize(("make", "exposure"), KEPT, ids=[make.__name__ for make, _ in KEPT])
def test_a_key_that_git_lfs_keeps_is_where_its_pointer_is(
    tmp_path: Path, make: Callable[[Repo], None], exposure: str, object_format: str
) -> None:
    repo = Repo(tmp_path / "repo", object_format=object_format)
    make(repo)
    kept(repo, f"{KEY}\n")

    result = scanned(repo.path)

    assert exposures(result) == [exposure]
    assert result.gaps == ()
    assert result.exit_code == (ExitCode.CLEAN if exposure == "local" else ExitCode.BLOCKING)


def test_a_scan_of_what_is_staged_reads_pointers_only(repo: Repo) -> None:
    """As docs/limits.md says."""
    kept_of_the_index(repo)
    kept(repo, f"{KEY}\n")

    assert keyscan("--staged", cwd=repo.path).code == ExitCode.CLEAN
    assert keyscan(".", cwd=repo.path).code == ExitCode.BLOCKING
    assert "read the\n  pointer only" in (ROOT / "docs/limits.md").read_text(encoding="utf-8")


def test_keys_of_one_file_are_told_apart(repo: Repo) -> None:
    beside_another_key(repo)

    assert exposures(scanned(repo.path), OTHER) == ["tracked"]


def test_a_sha256_repository(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo", object_format="sha256")
    an_archive(repo)
    in_the_working_file_only(repo)

    assert sorted(exposures(scanned(repo.path))) == ["modified", "tracked"]


def _lose(repo: Repo, revision: str) -> None:
    oid = repo.run("rev-parse", revision)
    (repo.path / ".git/objects" / oid[:2] / oid[2:]).unlink()


def test_an_unchanged_file_is_known_by_its_hash(repo: Repo) -> None:
    in_head(repo)
    _lose(repo, "HEAD:a.txt")
    # git itself answers for HEAD's path only when it has the blob.
    assert set(exposures(scanned(repo.path))) <= {"tracked", "staged"}


def test_a_blob_that_cannot_be_read_counts_as_committed(repo: Repo) -> None:
    in_the_working_file_only(repo)
    oid = repo.run("rev-parse", "HEAD:a.txt")
    path = repo.path / ".git/objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-3] + b"\0\0\0")

    result = scanned(repo.path)

    assert exposures(result) == ["tracked"]
    assert [(gap.reason, gap.by_design) for gap in result.gaps] == [("untraced", False)]
    assert result.exit_code == ExitCode.BLOCKING


def test_blobs_are_read_within_a_bound(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob_keys, "_MAX_BYTES", -1)
    in_the_working_file_only(repo)

    result = scanned(repo.path)

    assert exposures(result) == ["tracked"]
    assert [gap.reason for gap in result.gaps] == ["untraced"]


def test_a_partial_clone_without_heads_blob(repo: Repo, tmp_path: Path) -> None:
    repo.leak("a.txt", "a\n")
    repo.run("config", "uploadpack.allowFilter", "true")
    path = tmp_path / "partial"
    repo.run("clone", "--quiet", "--no-checkout", "--filter=blob:none", repo.path.as_uri(), str(path))
    clone = Repo.there(path)
    clone.run("read-tree", "HEAD")
    clone.write("a.txt", f"{KEY}\n")
    clone.add("new.txt", f"{OTHER}\n")

    result = scanned(path)

    assert (exposures(result), exposures(result, OTHER)) == (["tracked"], ["staged"])
    assert [(gap.reason, gap.by_design) for gap in result.gaps] == [("untraced", True)]


def test_what_to_do_about_a_key_that_is_not_committed(repo: Repo) -> None:
    in_the_working_file_only(repo)

    told = keyscan("explain", fingerprint(KEY), cwd=repo.path)

    assert "a.txt:2:1" in told.text
    assert "changed, not committed" in told.text
    assert "Situation  not committed\n" in told.text
    assert "Take it out of a.txt line 2" in told.text
    assert "COMMIT" not in told.text
    assert "rebase" not in told.text
