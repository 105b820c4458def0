"""The examples are run, as they are."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import docstages
from tests.docstages import LEAKED, OTHER, PAST
from tests.keys import fingerprint
from tests.leaks import leaks
from tests.running import ROOT

EXAMPLES = ROOT / "examples"
NOTEBOOK: Any = json.loads((EXAMPLES / "audit.ipynb").read_text(encoding="utf-8"))


def quiet(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """What a process said, with no key and no complaint in it."""
    assert done.stderr == ""
    assert leaks(done.stdout.encode(), LEAKED, PAST, OTHER) == []
    return done


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == {
        "audit.ipynb",
        "many_repositories.py",
    }


def test_many_repositories(tmp_path: Path) -> None:
    script = EXAMPLES / "many_repositories.py"
    with docstages.leaky(tmp_path) as at:
        done = quiet(at.run(f"python '{script}' .. --reports reports"))
        assert done.returncode == 1
        head, bare, own = done.stdout.splitlines()
        assert head.split()[0] == "BLOCKING"
        # The other project is no repository.
        assert re.fullmatch(r" +2 +2 +0 +4  \.\./origin\.git  critical: fold\.ipynb", bare), bare
        assert re.fullmatch(r" +2 +2 +0 +4  \.\./project  critical: fold\.ipynb", own), own
        reports = sorted((at.here / "reports").iterdir())
        assert [path.name for path in reports] == ["0000-origin.git.json", "0001-project.json"]
        assert json.loads(reports[0].read_bytes())["scan"]["exit_code"] == 1


def test_many_repositories_without_keys(tmp_path: Path) -> None:
    script = EXAMPLES / "many_repositories.py"
    with docstages.clean(tmp_path) as at:
        assert quiet(at.run(f"python '{script}' .")).returncode == 0
        (at.here / ".git/refs/heads/broken").write_text("no id\n")
        assert quiet(at.run(f"python '{script}' .")).returncode == 3
        (at.here.parent / "empty").mkdir()
        refused = at.run(f"python '{script}' ../empty")
        assert refused.returncode == 2
        assert "there is no repository in these folders" in refused.stderr


@pytest.mark.parametrize("stage", [docstages.leaky, docstages.clean])
def test_the_notebook_from_top_to_bottom(stage: Any, tmp_path: Path) -> None:
    """Each cell in order, in one namespace; the last expression of a cell is shown, as a notebook does."""
    cells = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 4
    runner = tmp_path / "runner.py"
    runner.write_text(
        "import ast, json, sys\n"
        "names = {'__name__': '__main__'}\n"
        "for cell in json.loads(sys.argv[1]):\n"
        "    body = ast.parse(cell).body\n"
        "    shown = body.pop() if isinstance(body[-1], ast.Expr) else None\n"
        "    exec(compile(ast.Module(body, []), 'cell', 'exec'), names)\n"
        "    if shown is not None:\n"
        "        value = eval(compile(ast.Expression(shown.value), 'cell', 'eval'), names)\n"
        "        if value is not None:\n"
        "            print(repr(value))\n",
        encoding="utf-8",
    )
    with stage(tmp_path / "stage") as at:
        at.environment["CELLS"] = json.dumps(cells)
        done = quiet(at.run(f"python '{runner}' \"$CELLS\""))
        assert done.returncode == 0, done
        assert "complete" in done.stdout
        assert "NOT" not in done.stdout
        found = {
            each["fingerprint"] for each in json.loads((at.here / "boltz-keys.json").read_bytes())["findings"]
        }
    assert found == ({fingerprint(LEAKED), fingerprint(PAST)} if stage is docstages.leaky else set())
    assert all(each in done.stdout for each in found)


def test_the_notebook_is_one_and_its_outputs_are_cleared() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in NOTEBOOK["cells"]:
        assert re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", cell["id"])
        wanted = {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            wanted |= {"execution_count", "outputs"}
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
        assert set(cell) == wanted
        assert all(isinstance(line, str) for line in cell["source"])
