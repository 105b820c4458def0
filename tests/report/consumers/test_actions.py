"""GitHub's own library, @actions/core, prints the same commands for the same annotations, byte for byte."""

from __future__ import annotations

import json

from boltz_keyscan.model.enums import KeyType, Mode
from boltz_keyscan.model.finding import ScanResult
from tests.report import samples
from tests.report.consumers.installed import node
from tests.report.samples import finding, location, make_result, told
from tests.report.test_github import Command, obeyed

PRINT = """
import * as core from '@actions/core';
import { readFileSync } from 'node:fs';
for (const { level, message, about } of JSON.parse(readFileSync(0, 'utf8')))
  core[level](message, about);
"""
NAMES = (
    "src/a, b: 100%.py", "%0A::error::x", "%250A", "a%3Ab%2C", "::set-output name=x::y", ",line=9",
    "a=b,c=d", "caf\u00e9 \U0001f600.py", "\u00a0::error::x", "##[error]x", "a\r\n::warning::x",
)  # fmt: skip


def hostile() -> ScanResult:
    return make_result(
        *(finding(KeyType.ADMIN, Mode.LIVE, location(name), seed=name) for name in NAMES[:10]),
        *(finding(KeyType.WORKSPACE, Mode.TEST, location(name), seed=name) for name in NAMES),
    )


def annotation(note: Command) -> dict[str, object]:
    """In the library's words."""
    about: dict[str, object] = {"title": note.properties["title"]}
    if "file" in note.properties:
        place = note.properties
        about |= {"file": place["file"], "startLine": int(place["line"]), "startColumn": int(place["col"])}
    return {"level": note.name, "message": note.message, "about": about}


def test_each_command_is_what_it_would_print() -> None:
    results = [hostile(), *(sample() for sample in samples.RESULTS.values())]
    lines = [
        line for result in results for line in told("github", result, show_placeholders=True).split("\n")
    ]
    pairs = [(line, note) for line in lines if (note := obeyed(line)) is not None]
    assert len(pairs) > 40
    asked = json.dumps([annotation(note) for _, note in pairs])
    assert node("@actions/core", PRINT, asked).split("\n")[:-1] == [line for line, _ in pairs]
