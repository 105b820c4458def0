"""Reports of this program in a scanned tree: nothing of them is reported, and a key in one is found."""

from __future__ import annotations

from pathlib import Path

from boltz_keyscan import report
from tests.keys import fake_key, fingerprint, short_fingerprint
from tests.repos import Repo
from tests.running import keyscan, scan_json

KEY, OTHER = fake_key("ws", "live", "reported"), fake_key("admin", "live", "pasted")


def test_reports_of_every_format(repo: Repo, tmp_path: Path) -> None:
    repo.leak("a.py", f"K = '{KEY}'\n")
    repo.write("b.py", "K = 'sk_bc_ws_live_...'\n")
    names = sorted(report.REPORTERS)
    out = tmp_path / "out"
    out.mkdir()
    files = [option for name in names for option in ("--report", f"{name}={out}/{name}")]
    assert keyscan(".", "--show-placeholders", "--verbose", *files, cwd=repo.path).code == 1
    (out / "explained").write_text(keyscan("explain", fingerprint(KEY), cwd=repo.path).text)
    assert scan_json(".", cwd=out)["findings"] == []
    assert short_fingerprint(KEY) in (out / "text").read_text()
    for path in out.iterdir():
        path.write_text(f"{path.read_text()}\n{OTHER}\n")
    (found,) = scan_json(".", cwd=out)["findings"]
    assert {each["path"] for each in found["locations"]} == {*names, "explained"}
