"""Objects that one repository has been read for are not read again in its forks, and no key is missed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from boltz_keyscan.fleet.outcome import Outcome
from boltz_keyscan.fleet.sources import list_sources
from boltz_keyscan.fleet.unit import Settings, Unit, scan_unit
from boltz_keyscan.records import replace
from boltz_keyscan.sources.git.objects import listing
from boltz_keyscan.sources.git.packs import shared_objects
from tests.keys import fake_key, fingerprint
from tests.repos import Repo

OLD, NEW = fake_key("ws", "live", "before the fork"), fake_key("admin", "live", "after the fork")


def outcome(url: str, shared: Path | None) -> Outcome:
    """Scan a repository by its address."""
    settings = Settings(shared_dir="" if shared is None else str(shared))
    (repository,) = list_sources([url]).repositories
    done = scan_unit(Unit(repository, settings))
    assert done.status in {"scanned", "partial"}, done
    return done


def content(done: Outcome) -> Outcome:
    """What may not depend on the order of the scans."""
    return replace(done, objects_read=0, bytes_read=0, seconds=0.0)


@pytest.mark.parametrize("least", [4 << 20, 1], ids=["small packs", "packs read without git"])
def test_a_fork_reads_its_own_objects(least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_objects, "MIN_OBJECTS", 10)
    monkeypatch.setattr(listing, "MIN_DIRECT_PACK_BYTES", least)
    origin = Repo(tmp_path / "origin")
    for number in range(60):
        origin.add(f"src/{number}.py", f"value = {number}\n" * 50)
    origin.commit("begin")
    origin.leak("old.env", f"KEY={OLD}\n")
    if least > 1:
        # A gap of an object is reported for each repository that has it.
        origin.leak("broken.zip", b"PK\x03\x04" + os.urandom(300))
    shutil.copytree(origin.path, tmp_path / "fork")
    fork = Repo.there(tmp_path / "fork")
    fork.leak("new.env", f"KEY={NEW}\n")
    urls = [f"file://{tmp_path}/{name}" for name in ("origin", "fork")]
    alone = [outcome(url, None) for url in urls]
    first, second = (outcome(url, tmp_path / "shared") for url in urls)
    assert [content(first), content(second)] == list(map(content, alone))
    assert {key.fingerprint for key in second.keys} == {fingerprint(OLD), fingerprint(NEW)}
    assert first.objects_read == first.objects
    assert second.objects_read <= 10 < second.objects
    # A set of other rules, or a damaged one, is not used.
    for path in (tmp_path / "shared").iterdir():
        path.write_bytes(path.read_bytes().replace(b"value", b"").replace(b'"form"', b'"from"'))
    assert outcome(urls[1], tmp_path / "shared").objects_read == second.objects
