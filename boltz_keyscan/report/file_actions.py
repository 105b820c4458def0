"""Instructions of a remediation, as ``remediation.toml`` has them, and those for files that have a key."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from boltz_keyscan.advice import Verb
from boltz_keyscan.model.finding import Location
from boltz_keyscan.package_data import read_table
from boltz_keyscan.records import dataclass, replace


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


def quote_paths(found: Sequence[Location]) -> str:
    """Return the paths of locations, quoted for a shell."""
    return shlex.join(distinct_paths(found))


def spots(found: Sequence[Location]) -> str:
    """Return paths with their lines: ``a.py line 3``."""
    if any(map(is_object, found)):
        return "the message"
    lines: dict[str, dict[str, None]] = {}
    for each in sorted(found, key=lambda each: (each.path, each.line)):
        lines.setdefault(each.path, {})[str(each.line)] = None
    return ", ".join(
        f"{path} line{'' if len(numbers) == 1 else 's'} {', '.join(numbers)}"
        for path, numbers in lines.items()
    )


def instruct(name: str, commands: Sequence[str] = (), **values: str) -> Instruction:
    """Return an instruction of ``remediation.toml``.

    Args:
        name: its name.
        commands: its commands, if the file has none.
        values: the values of the words in braces.
    """

    def fill(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(text.format_map(values) for text in texts)

    row = read_table("report/remediation.toml")[name]
    others = tuple((each["condition"], fill(each["commands"])) for each in row.get("others", ()))
    return Instruction(row["text"].format_map(values), (*fill(row.get("commands", ())), *commands), others)


def act(verb: Verb, found: Sequence[Location], *, is_link: bool = False) -> Instruction:
    """Return the instruction of a verb for files; a share link is not read from elsewhere, as a key is."""
    names = distinct_paths(found)
    left = ", if it is still there" if found and all(each.blob is not None for each in found) else ""
    made = instruct(
        verb,
        spots=spots(found),
        paths=shlex.join(names),
        listed=", ".join(names),
        patterns=" ".join(shlex.quote(f"/{name}") for name in names),
        left=left,
        instead="" if is_link else "; read it from a variable such as BOLTZ_API_KEY",
    )
    if verb is not Verb.CLEAR:
        return made
    commands = tuple(f"{CLEAR} {shlex.quote(name)}" for name in names)
    return replace(made, others=(*made.others, ("with Python alone", commands)))


CLEAR = (
    """python3 -c 'import json, sys; p = sys.argv[1]; n = json.load(open(p)); """
    """[c.update(outputs=[], execution_count=None) for c in n["cells"] if "outputs" in c]; """
    """json.dump(n, open(p, "w"), indent=1, ensure_ascii=False)'"""
)
"""Command that clears the output of a notebook; its path follows."""

FILE_VERBS = frozenset(Verb) - {Verb.KEEP, Verb.REWRITE, Verb.DROP, Verb.EXPIRE}
"""Verbs with an instruction for files; those for the history have steps of their own."""
