"""A new user's afternoon: the README's recipes one after the other, in one project, and then a leak.

Each recipe is tested by itself elsewhere. Here each begins where the one before it ended,
with what people do in between, and in CI on a clone of its own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests import docstages
from tests.docstages import IN_USE, LEAKED, OTHER, PAST, Place
from tests.keys import fingerprint
from tests.test_docs import RECIPES

Done = subprocess.CompletedProcess[str]


def ci(at: Place, folder: Path) -> Done:
    """The step of the README's other CI, as a service runs it: on a clone of what was pushed."""
    ran = at.run(f"git clone --quiet ../origin.git '{folder}'")
    assert ran.returncode == 0, ran
    clone = replace(at, here=folder, environment={**at.environment, "CI": "true"})
    (command,) = RECIPES["In CI"]
    return clone.run(command)


def test_from_the_first_scan_to_a_leak_that_is_stopped(tmp_path: Path) -> None:
    with docstages.old_leaks(tmp_path) as at:

        def run(command: str, code: int = 0) -> str:
            done = at.run(command)
            said = done.stdout + done.stderr
            assert done.returncode == code, (command, said)
            assert not any(key in said for key in at.keys)
            return said

        the_afternoon(at, run, tmp_path)


def the_afternoon(at: Place, run: Callable[..., str], folder: Path) -> None:
    # The first scan: what is there, and what to do about one of them.
    said = run(RECIPES["An audit"][0], 1)
    for key in (LEAKED, PAST, OTHER):
        assert fingerprint(key)[:12] in said
    assert "What to do, in this order" in run(f"boltz-keyscan explain {fingerprint(PAST)}")

    # In CI everything is red, and the report says why nothing is excused.
    assert ci(at, folder / "before").returncode == 1

    # The hook, and the baseline; the commit that brings it passes the hook.
    run(RECIPES["Before every commit"][0])
    for command in RECIPES["On a repository with old leaks"]:
        said = run(command)
    assert "3 keys suppressed" in said
    run("git commit -m 'Accept what is known'")
    run("git push")
    green = ci(at, folder / "after")
    assert green.returncode == 0, green
    assert (folder / "after/keys.sarif").is_file()

    # Work as usual passes; a leak does not get into a commit.
    run("echo 'x = 1' > work.py && git add work.py && git commit -m work && git push")
    run('printf \'KEY = "%s"\\n\' "$BOLTZ_API_KEY" > settings.py && git add settings.py')
    assert fingerprint(IN_USE)[:12] in run("git commit -m leak", 1)

    # Past the hook: the push is stopped.
    run("git commit --no-verify -m leak")
    assert fingerprint(IN_USE)[:12] in run("git push --quiet origin HEAD:refs/heads/change", 1)

    # With an excuse in the same breath: one's own machine believes it, and CI does not.
    run("boltz-keyscan baseline update --add --reason 'it is urgent' && git add .boltz-keyscan-baseline")
    run("git commit --amend --no-edit")
    run("git push --quiet origin HEAD:refs/heads/change")
    red = ci(at, folder / "red")
    assert red.returncode == 1
    assert fingerprint(IN_USE)[:12] in red.stdout

    # What explain says of a commit that is on no remote branch known here, done: nothing of it is left.
    run("git push --quiet --no-verify origin :refs/heads/change && git fetch --prune --quiet")
    said = run(f"boltz-keyscan explain {fingerprint(IN_USE)}")
    assert "git commit --amend --no-edit" in said
    run("printf 'import os\\n\\nKEY = os.environ[\"BOLTZ_API_KEY\"]\\n' > settings.py")
    run("git checkout --quiet origin/main -- .boltz-keyscan-baseline && git add -- settings.py")
    run("git commit --amend --no-edit && git push")
    run("git reflog expire --expire=now --all && git gc --quiet --prune=now")
    assert fingerprint(IN_USE)[:12] not in run("boltz-keyscan . --verbose")
    assert ci(at, folder / "end").returncode == 0
