"""Mirrors that are kept, and what suppresses keys in a fleet."""

from __future__ import annotations

import subprocess
from pathlib import Path

from boltz_keyscan.fleet.addresses import parse_address
from boltz_keyscan.fleet.mirror import FetchLimits, TokenSource, fetch, mirror_name
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import keyscan

EARLY, LATE = fake_key("ws", "live", "in a mirror"), fake_key("admin", "live", "on a branch that went")


def branches(mirror: Path) -> list[str]:
    """Return the names of the branches of a mirror."""
    command = ["git", "-C", str(mirror), "for-each-ref", "--format=%(refname:short)", "refs/heads"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_a_kept_mirror_loses_a_branch_only_after_it_was_scanned(tmp_path: Path) -> None:
    origin = Repo(tmp_path / "origin")
    origin.leak("a.env", f"KEY={EARLY}\n")
    origin.run("checkout", "--quiet", "-b", "late")
    origin.leak("b.env", f"KEY={LATE}\n")
    origin.run("checkout", "--quiet", "main")
    url = f"file://{origin.path}"
    address, kept = parse_address(url), tmp_path / "kept"
    kept.mkdir()
    mirror = kept / mirror_name(address)
    # A fetch whose scan was killed; then the branch goes on the server.
    assert fetch(address, "origin", str(kept), token=TokenSource(), limits=FetchLimits()).gap is None
    origin.run("branch", "--quiet", "-D", "late")
    arguments = ("fleet", "scan", url, "--state", "state", "--mirror-dir", "kept", "--keep-mirrors")
    assert keyscan(*arguments, cwd=tmp_path).code == 1
    report = ("fleet", "report", "--state", "state", "--format", "json")
    found = [each["fingerprint"] for each in keyscan(*report, cwd=tmp_path).report["findings"]]
    assert found == [fingerprint(LATE), fingerprint(EARLY)]
    assert branches(mirror) == ["late", "main"]
    origin.leak("c.txt", "new\n")
    assert keyscan(*arguments, cwd=tmp_path).code == 1
    assert branches(mirror) == ["main"]


def test_only_what_is_named_suppresses_a_key(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "clones/one")
    repo.leak("a.env", f"KEY={EARLY}\n")
    made = keyscan(
        *["baseline", "create", "clones/one", "--baseline", "known.txt", "--reason", "known"], cwd=tmp_path
    )
    assert made.code == 0, made
    repo.leak(".boltz-keyscanignore", f"{fingerprint(EARLY)}  # revoked\n")
    for number, (options, code) in enumerate(
        (
            ((), 1),
            (("--trust", "none"), 1),
            (("--trust", "tree"), 0),
            (("--trust", "base:HEAD"), 0),
            (("--baseline", "known.txt"), 0),
        )
    ):
        # One state for all: other options are another scan.
        ran = keyscan("fleet", "scan", "clones", "--state", "state", *options, cwd=tmp_path)
        assert (ran.code, ran.errors) == (code, ""), (number, ran)
        assert ("; accepted" in ran.text) == (code == 0)
