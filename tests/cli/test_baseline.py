"""A repository whose broken archives are accepted, and the paths that --exclude leaves out."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.hostile import HOSTILE
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import Ran, keyscan

BASELINE = ".boltz-keyscan-baseline"
KEY, OTHER = fake_key(seed="excluded"), fake_key(seed="elsewhere")
BROKEN = HOSTILE["encrypted.zip"][0]()


def scan(repo: Repo, *arguments: str, code: int) -> Ran:
    ran = keyscan(".", *arguments, cwd=repo.path)
    assert ran.code == code, ran.text + ran.errors
    return ran


def baseline(repo: Repo, *arguments: str, code: int = 0) -> str:
    ran = keyscan("baseline", *arguments, cwd=repo.path)
    assert ran.code == code, ran.text + ran.errors
    return ran.text


def test_one_command_adopts_a_repository_with_broken_archives(repo: Repo) -> None:
    Path(os.environ["HOME"], ".gitconfig").write_text("[user]\nname = Ana Lab\nemail = ana@example.org\n")
    repo.run("config", "user.name", "The Repository")
    repo.leak("a.py", KEY)
    repo.leak("old.zip", BROKEN)
    repo.run("mv", "old.zip", "enc.zip")
    repo.commit("rename")
    scan(repo, "--fail-on", "never", code=3)
    text = baseline(repo, "create", "--reason", "known", "--until", "2999-01-01", code=3)
    assert "1 gap not accepted, so a scan exits with 3; 'boltz-keyscan baseline update --add --gaps" in text
    (repo.path / BASELINE).unlink()
    text = baseline(repo, "create", "--gaps", "--reason", "known")
    assert "1 key and 1 gap accepted" in text
    assert "1 of them is a live key that was not checked" in text
    assert "To let the acceptance end: delete the file, and run this again with --until DATE." in text
    lines = (repo.path / BASELINE).read_text().splitlines()
    assert all('"Ana Lab <ana@example.org>" forever' in line for line in lines[2:])
    assert "1 gap accepted, none fails this run" in " ".join(scan(repo, code=0).text.split())
    scan(repo, "--trust", "none", "--fail-on", "never", code=3)
    # The file and the object in history are one content, so one line.
    assert "1 key and 1 gap, 0 expired, 0 not found" in baseline(repo, "show")
    oid = repo.run("rev-parse", "HEAD:enc.zip")
    assert [line for line in lines if line.startswith(f'object:{oid} encrypted "enc.zip" "known"')]
    # A new place of the key is reported, and a new archive is a new gap.
    repo.leak("b.py", KEY)
    repo.leak("new.zip", HOSTILE["many-encrypted.zip"][0]())
    ran = scan(repo, "--report", "json=out.json", code=3)
    told = " ".join(ran.text.split())
    assert f"Spread {fingerprint(KEY)} spread since it was accepted: b.py" in told
    report = json.loads((repo.path / "out.json").read_text())
    assert report["findings"][0]["suppression"]["spread"] == ["b.py"]
    assert {tuple(gap["paths"]) for gap in report["gaps"] if gap["accepted"] is None} == {("new.zip",)}
    (repo.path / "out.json").unlink()
    text = baseline(repo, "update", code=3)
    assert "not accepted, so a scan exits with 3; --add --gaps --reason TEXT accepts them." in text
    assert "1 key and 102 gaps in 3 lines: 2 kept, 0 dropped, 1 added." in baseline(
        repo, "update", "--add", "--gaps", "--reason", "again"
    )
    ran = scan(repo, code=0)
    assert "Spread" not in ran.text
    before = (repo.path / BASELINE).read_bytes()
    baseline(repo, "update")
    assert (repo.path / BASELINE).read_bytes() == before
    assert keyscan("baseline", "update", "--gaps", cwd=repo.path).code == 2
    # Another archive of an accepted name is a new gap, also where the file is not in git.
    repo.write("new.zip", BROKEN + b"\n")
    told = " ".join(scan(repo, code=3).text.split())
    assert "encrypted: unpack it with its password" in told.partition("Gaps")[2]
    repo.write("new.zip", BROKEN)
    scan(repo, code=0)


def test_ignore_entries_for_gaps(repo: Repo) -> None:
    repo.leak("old.zip", BROKEN)
    oid = repo.run("rev-parse", "HEAD:old.zip").strip()
    repo.run("rm", "--quiet", "old.zip")
    repo.commit("gone")
    for line in ("old.zip  # gap: test data", f"object:{oid}  # gap: test data"):
        repo.write(".boltz-keyscanignore", f"{line}\nnone.zip  # gap: not there\n")
        ran = scan(repo, "--require-complete", code=0)
        assert "accepted by ignore: test data" in " ".join(ran.text.split())
        assert ".boltz-keyscanignore:2 (in the tree): this entry matches no key or gap" in ran.text
        scan(repo, "--trust", "none", code=3)
    repo.write(".boltz-keyscanignore", "old.zip  # gap:\n")
    assert "no reason is given" in scan(repo, code=2).errors


def test_excluded_paths(repo: Repo) -> None:
    repo.leak("data/raw.py", KEY)
    repo.leak("data/copy.py", OTHER)
    repo.leak("src/copy.py", OTHER)
    repo.leak("data/enc.zip", BROKEN)
    ran = scan(repo, "--exclude", "data/", "--format", "json", code=1)
    assert [each["fingerprint"] for each in ran.report["findings"]] == [fingerprint(OTHER)]
    assert {(gap["where"], gap["reason"], gap["by_design"]) for gap in ran.report["gaps"]} == {
        ("data/", "excluded", True)
    }
    assert ran.report["scan"]["receipt"]["excluded"] == 1
    options = ("--exclude", "data/", "--exclude", "copy.py")
    assert "2 excluded" in " ".join(scan(repo, *options, code=0).text.split())
    scan(repo, *options, "--require-complete", code=3)
    # From a configuration only if its tree is trusted.
    repo.write("boltz-keyscan.toml", 'exclude = ["data/", "copy.py"]\n')
    assert "exclude" in scan(repo, code=0).text
    scan(repo, "--trust", "none", code=1)
    # Nothing is left: that is no clean scan.
    lone = keyscan("data/raw.py", "--no-history", cwd=repo.path)
    assert lone.code == 3
    assert "nothing-scanned" in lone.text
    assert "it names every path" in scan(repo, "--exclude", "**", code=2).errors
    repo.write("boltz-keyscan.toml", 'exclude = ["../x"]\n')
    assert "boltz-keyscan.toml:1: exclude: '../x'" in scan(repo, code=2).errors
