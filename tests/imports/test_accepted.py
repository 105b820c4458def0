"""Keys accepted for other scanners, taken over with their reasons, and only where all places are accepted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.keys import fake_key, fingerprint
from tests.leaks import leaks
from tests.repos import Repo
from tests.running import Ran, keyscan

ONE, TWO, BOTH = (fake_key("ws", "live", seed) for seed in ("one", "two", "both"))


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    repo = Repo(tmp_path_factory.mktemp("accepted") / "repo")
    repo.leak("a.py", f"x\nkey = '{ONE}'\nkey = '{BOTH}'\n")
    repo.leak("b.py", f"key = '{TWO}'\nkey = '{BOTH}'\n")
    return repo


def create(repo: Repo, source: str, content: str, *options: str) -> tuple[Ran, dict[str, str]]:
    """Return the run, and the lines of the baseline by fingerprint."""
    (repo.path / source).write_text(content)
    out = Path(repo.path).parent / "known"
    out.unlink(missing_ok=True)
    arguments = ("baseline", "create", "--from", source, "--by", "me", "--baseline", str(out), *options)
    ran = keyscan(*arguments, cwd=repo.path)
    (repo.path / source).unlink()
    text = out.read_text() if out.exists() else ""
    assert leaks(ran.out + ran.err + text.encode(), ONE, TWO, BOTH) == []
    return ran, {line.split()[0]: line for line in text.splitlines() if line.startswith("bk1:")}


def audited(*secrets: tuple[str, str, bool | None]) -> str:
    results: dict[str, list[dict[str, object]]] = {}
    for path, secret, verdict in secrets:
        digest = hashlib.sha1(secret.encode()).hexdigest()
        entry = {"type": "x", "filename": path, "hashed_secret": digest, "line_number": 1}
        results.setdefault(path, []).append(entry | ({} if verdict is None else {"is_secret": verdict}))
    return json.dumps({"version": "1.5.0", "plugins_used": [], "results": results})


def test_gitleaksignore(repo: Repo) -> None:
    commit = repo.git.rev_parse("HEAD~1")
    lines = f"# ticket 12:\n#  test data\na.py:boltz:2\n\n{commit}:a.py:boltz:3\nb.py:boltz:9\n"
    ran, entries = create(repo, ".gitleaksignore", lines)
    assert ran.code == 0, ran
    assert list(entries) == [fingerprint(ONE)]
    assert '"ticket 12: test data" "me" forever' in entries[fingerprint(ONE)]
    assert f"not taken over: {fingerprint(BOTH)} is also in b.py" in ran.text
    assert "1 key not accepted in .gitleaksignore" in ran.text
    wrong = "0" * 40
    ran, entries = create(repo, ".gitleaksignore", f"{wrong}:a.py:boltz:2\n")
    assert (ran.code, entries) == (2, {})
    assert "accepts none of the 3 keys found" in ran.errors


def test_audited_baselines_of_detect_secrets(repo: Repo) -> None:
    accepted = audited(
        ("a.py", ONE, False), ("b.py", TWO, True), ("a.py", BOTH, False), ("b.py", BOTH, False)
    )
    ran, entries = create(repo, ".secrets.baseline", accepted)
    assert ran.code == 0, ran
    assert set(entries) == {fingerprint(ONE), fingerprint(BOTH)}
    assert all('"marked as no secret in .secrets.baseline"' in line for line in entries.values())
    ran, entries = create(repo, ".secrets.baseline", audited(("a.py", ONE, False)), "--reason", "ticket 9")
    assert '"ticket 9"' in entries[fingerprint(ONE)]
    # The hash decides, not the line: TWO is on line 1, and was not audited.
    ran, _ = create(repo, ".secrets.baseline", audited(("b.py", "another", False), ("b.py", TWO, None)))
    assert "accepts none" in ran.errors


BROKEN = {
    f"{ONE}": ":1: not an entry of .gitleaksignore",
    "[]": "accepts nothing",
    "{": "it ends early",
    "\0": "NUL bytes",
}


def test_broken_files(repo: Repo) -> None:
    for content, why in BROKEN.items():
        ran, _ = create(repo, "accepted", content)
        assert (ran.code, why in ran.errors) == (2, True), ran
    assert keyscan("baseline", "create", cwd=repo.path).code == 2
