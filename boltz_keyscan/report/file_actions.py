"""Instructions for files that have a key: take out, clear, delete, ignore, protect."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from boltz_keyscan.advice import Verb
from boltz_keyscan.model.finding import Location
from boltz_keyscan.records import dataclass


@dataclass(frozen=True, slots=True)
class Instruction:
    """Step of a remediation with its commands."""

    text: str
    commands: tuple[str, ...] = ()
    others: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Other ways to do the same: the condition, and the commands."""


def is_object(location: Location) -> bool:
    """Return True for an object of git without a path."""
    return re.match(r"(?:.*/)?\.git/(?:blob|commit|tag|tree)/", location.path) is not None


def distinct_paths(found: Sequence[Location]) -> list[str]:
    """Return the paths of locations, each once."""
    return sorted({each.path for each in found})


def paths(found: Sequence[Location]) -> str:
    """Return the paths of locations, quoted for a shell."""
    return shlex.join(distinct_paths(found))


def spots(found: Sequence[Location]) -> str:
    """Return paths with their lines: ``a.py line 3``."""
    if objects := [each for each in found if is_object(each)]:
        return ", ".join(dict.fromkeys("the message" for _ in objects))
    lines: dict[str, list[int]] = {}
    for each in sorted(found, key=lambda each: (each.path, each.line)):
        lines.setdefault(each.path, []).append(each.line)
    return ", ".join(
        f"{path} line{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"
        for path, numbers in ((path, list(dict.fromkeys(found))) for path, found in lines.items())
    )


def take_out(found: Sequence[Location], *, is_link: bool = False) -> Instruction:
    """Return the instruction to edit files, which may read a key from elsewhere but not a share link."""
    left = ", if it is still there" if found and all(each.blob is not None for each in found) else ""
    instead = "" if is_link else "; read it from a variable such as BOLTZ_API_KEY"
    return Instruction(f"Take it out of {spots(found)}{left}{instead}.")


def clear(found: Sequence[Location]) -> Instruction:
    """Return the instruction to clear the output of notebooks."""
    return Instruction(
        f"Clear the output of {spots(found)}; do not print the key again.",
        (f"jupyter nbconvert --clear-output --inplace {paths(found)}",),
        (
            ("without Jupyter (pip install nbstripout)", (f"nbstripout {paths(found)}",)),
            ("with Python alone", tuple(f"{CLEAR} {shlex.quote(path)}" for path in distinct_paths(found))),
        ),
    )


CLEAR = (
    """python3 -c 'import json, sys; p = sys.argv[1]; n = json.load(open(p)); """
    """[c.update(outputs=[], execution_count=None) for c in n["cells"] if "outputs" in c]; """
    """json.dump(n, open(p, "w"), indent=1, ensure_ascii=False)'"""
)
"""Command that clears the output of a notebook; its path follows."""


def _delete(found: Sequence[Location]) -> Instruction:
    return Instruction(
        f"Delete the log or cache file {', '.join(distinct_paths(found))}.", (f"rm -- {paths(found)}",)
    )


def _ignore(found: Sequence[Location]) -> Instruction:
    names = " ".join(shlex.quote(f"/{path}") for path in distinct_paths(found))
    return Instruction(f"Keep {spots(found)} out of git.", (f"printf '%s\\n' {names} >> .gitignore",))


def protect(found: Sequence[Location]) -> Instruction:
    """Return the instruction to keep other users from reading environment files."""
    return Instruction(f"Let only yourself read {spots(found)}.", (f"chmod 600 -- {paths(found)}",))


def _commit(found: Sequence[Location]) -> Instruction:
    return Instruction(f"Leave {', '.join(distinct_paths(found))} deleted; the deletion is to be committed.")


def _put(found: Sequence[Location]) -> Instruction:
    return Instruction(f"Put the new key into {spots(found)}; git ignores it.")


REMOVALS = {
    Verb.TAKE_OUT: take_out,
    Verb.CLEAR: clear,
    Verb.DELETE: _delete,
    Verb.IGNORE: _ignore,
    Verb.PROTECT: protect,
    Verb.REPLACE: _put,
    Verb.COMMIT: _commit,
}
