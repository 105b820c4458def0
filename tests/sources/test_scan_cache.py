"""The cache changes how long a scan takes, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boltz_keyscan import pipeline
from boltz_keyscan.model.finding import ScanResult
from boltz_keyscan.plan import Options, make_plan
from tests.depth import examples
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import keyscan


def _scan(repo: Repo, cache: Path | None) -> ScanResult:
    plan = make_plan(
        Options(paths=(str(repo.path),), files=False, cache=str(cache) if cache else None, jobs=1)
    )
    return pipeline.run(plan)


def _file(cache: Path) -> Path:
    [path] = cache.iterdir()
    return path


def test_the_second_scan_reads_only_what_is_new(repo: Repo, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    repo.leak("a.txt", fake_key(seed="old"))
    for number in range(20):
        repo.leak("b.txt", str(number), "more")
    first = _scan(repo, cache)
    repo.leak("c.txt", fake_key(seed="new"))

    second = _scan(repo, cache)

    assert {finding.fingerprint for finding in second.findings} == {
        fingerprint(fake_key(seed=seed)) for seed in ("old", "new")
    }
    # A blob, a tree and a commit are new; the old key's blob is read again: seen, not believed.
    assert second.tally.blobs == 4
    assert second.tally.cached == first.tally.blobs


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "leak",
                "clean",
                "branch",
                "merge",
                "delete",
                "gc",
                "repack",
                "amend",
                "tag",
                "prune",
                "rename",
                "revert",
            ]
        ),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=7,
)


def _step(repo: Repo, what: str, number: int, clock: list[int]) -> None:  # noqa: C901 - a table of what git can do
    clock[0] += 60
    os.environ["GIT_COMMITTER_DATE"] = os.environ["GIT_AUTHOR_DATE"] = f"{clock[0]} +0000"
    match what:
        case "leak":
            repo.leak(f"f{number}.txt", f"{number} {fake_key(seed=number)}\n")
        case "clean":
            repo.leak(f"f{number}.txt", f"clean {clock[0]}\n")
        case "branch":
            repo.run("checkout", "-q", "-B", f"b{number}")
        case "merge":
            repo.run("merge", "-q", "-X", "ours", "--no-edit", "main", with_exceptions=False)
            repo.run("merge", "--abort", with_exceptions=False)
        case "delete":
            repo.run("checkout", "-q", "-f", "main")
            repo.run("branch", "-D", f"b{number}", with_exceptions=False)
        case "gc":
            repo.run("gc", "-q", "--prune=now")
        case "repack":
            repo.run("repack", "-q", "-a", "-d")
        case "amend":
            repo.add("amended.txt", f"{fake_key(seed='amended')} {clock[0]}\n")
            repo.commit("amended", "--amend")
        case "tag":
            repo.run("tag", "-f", "-a", f"t{number}", "-m", f"tag {fake_key(seed=('tag', number))}")
        case "prune":
            repo.run("reflog", "expire", "--expire=now", "--all")
            repo.run("prune", "--expire=now")
        case "rename":
            repo.run("mv", "-f", f"f{number}.txt", f"g{number}.txt", with_exceptions=False)
            repo.commit("renamed")
        case "revert":
            repo.run("reset", "-q", "--hard", "HEAD~1", with_exceptions=False)


@settings(
    max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)
@given(steps=_STEPS, scans=st.sets(st.integers(0, 6), max_size=4))
def test_findings_are_the_same_with_and_without(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], scans: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("history")
    repo, cache = Repo(folder / "repo"), folder / "cache"
    clock = [1_700_000_000]
    _step(repo, "clean", 0, clock)
    _scan(repo, cache)
    for number, (what, which) in enumerate(steps):
        _step(repo, what, which, clock)
        if number in scans:
            _scan(repo, cache)

    remembered, anew = _scan(repo, cache), _scan(repo, None)

    assert remembered.findings == anew.findings
    assert remembered.gaps == anew.gaps


def test_no_key_and_no_disguise_of_one_is_kept(repo: Repo, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    key = fake_key()
    repo.leak(f"in-{key}.txt", f"x={key}\n", f"about {key}")
    repo.run("branch", f"b-{key}")

    _scan(repo, cache)

    kept = _file(cache).read_text()
    assert key not in kept
    assert key[20:34] not in kept


def _poison(document: dict[str, Any]) -> None:
    document["suspects"] = []


def _raw(path: Path) -> tuple[str, dict[str, Any]]:
    digest, _, body = path.read_text().partition("\n")
    return digest, json.loads(body)


def _edited(path: Path) -> None:
    digest, document = _raw(path)
    _poison(document)
    path.write_text(digest + "\n" + json.dumps(document))


def _torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _shared(path: Path) -> None:
    path.chmod(0o666)


def _linked(path: Path) -> None:
    other = path.with_suffix(".other")
    path.rename(other)
    path.symlink_to(other)


def _foreign(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 65534, 65534)


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _wrong_form(path: Path) -> None:
    body = json.dumps({"form": 1}).encode()
    path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (_edited, "it is damaged"),
        (_torn, "it is damaged"),
        (_empty, "it is damaged"),
        (_shared, "others may write to it"),
        (_linked, "Too many levels of symbolic links"),
        (_foreign, "it belongs to another user"),
        (_fifo, "not a regular file"),
        (_wrong_form, "not in the form this version writes"),
    ],
)
def test_a_bad_cache_is_ignored_with_a_warning(repo: Repo, tmp_path: Path, harm: Any, told: str) -> None:
    cache = tmp_path / "cache"
    repo.leak("a.txt", fake_key())
    _scan(repo, cache)
    harm(_file(cache))

    ran = keyscan("--history-only", "--cache-dir", cache, "--format", "json", ".", cwd=repo.path)

    assert [finding["fingerprint"] for finding in ran.report["findings"]] == [fingerprint(fake_key())]
    assert ran.errors.startswith("warning: cache ignored: ")
    assert ran.errors.endswith(f": {told}\n")
    assert ran.code == 1


def test_other_rules_or_another_version_start_anew(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    repo.leak("a.txt", fake_key())
    _scan(repo, cache)
    monkeypatch.setattr("boltz_keyscan.sources.git.objects.scan_cache.__version__", "0.0.0")

    again = _scan(repo, cache)

    assert again.tally.cached == 0
    assert len(again.findings) == 1


def test_a_scan_with_gaps_is_not_remembered(repo: Repo, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    repo.leak("a.txt", "something\n")
    oid = repo.run("rev-parse", "HEAD:a.txt")
    loose = repo.path / ".git" / "objects" / oid[:2] / oid[2:]
    loose.chmod(0o644)
    loose.write_bytes(loose.read_bytes()[:-3])

    assert not _scan(repo, cache).complete
    assert not cache.exists()


def test_without_a_cache_nothing_is_kept(repo: Repo, tmp_path: Path) -> None:
    repo.leak("a.txt", "something\n")

    keyscan("--no-cache", ".", cwd=repo.path, env={"XDG_CACHE_HOME": str(tmp_path / "cache")})

    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_costs_a_warning(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    repo.leak("a.txt", "something\n")

    ran = keyscan("--cache-dir", tmp_path / "file" / "cache", ".", cwd=repo.path)

    assert ran.code == 0
    assert "warning: cache not written: " in ran.errors
