"""Formats are found by name and cost nothing until used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from boltz_keyscan import report, rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.model.finding import Gap, Origin
from boltz_keyscan.model.suppression import Suppression
from boltz_keyscan.records import replace
from boltz_keyscan.sources.blob import scan_blob
from tests.keys import fake_key, fingerprint
from tests.report import goldens, samples

HEAVY = ("json", "jinja2", "difflib", "sarif_om", "attr", "tomllib", "textwrap", "boltz_keyscan.rules")


@pytest.mark.parametrize("name", report.REPORTERS)
def test_every_format_loads(name: str) -> None:
    assert callable(report.load(name))


@pytest.mark.parametrize("name", report.REPORTERS)
def test_every_format_has_golden_files(name: str) -> None:
    """What a person has read: keys, none, too little seen, suppressed ones, hostile names."""
    for sample in ("tree", "empty", "incomplete", "suppressed", "hostile"):
        assert (goldens.FOLDER / f"{sample}.{goldens.ENDINGS[name]}").is_file()


def test_every_golden_file_is_of_a_sample_and_a_format() -> None:
    known = {f"{sample}.{ending}" for sample in samples.RESULTS for ending in goldens.ENDINGS.values()}
    known |= {"small_project.txt", "stopped_commit.txt", "stopped_push.txt"}
    assert {path.name for path in goldens.FOLDER.iterdir()} <= known
    assert goldens.ENDINGS.keys() == report.REPORTERS.keys()


def test_an_unknown_format_is_named_with_the_known_ones() -> None:
    with pytest.raises(KeyscanError) as caught:
        report.load("yaml")
    assert caught.value.message == "no report format is called 'yaml'"
    assert (
        caught.value.hint == "Formats: text, json, sarif, jsonl, csv, markdown, junit, github, gitlab, html."
    )


@pytest.mark.parametrize(
    ("typed", "meant"), [("jsn", "json"), ("JSON", "json"), ("sarfi", "sarif"), ("gihub", "github")]
)
def test_a_near_miss_is_told_what_was_meant(typed: str, meant: str) -> None:
    with pytest.raises(KeyscanError) as caught:
        report.load(typed)
    assert caught.value.hint == f"Did you mean {meant}?"


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_alone_loads_no_format() -> None:
    assert loaded_by("import boltz_keyscan.report") == set()


def test_text_loads_neither_json_nor_sarif() -> None:
    assert not loaded_by("import boltz_keyscan.report.text") & {"json", "sarif_om", "attr"}


@pytest.mark.parametrize("name", report.REPORTERS)
def test_an_accepted_gap_is_in_every_format(name: str) -> None:
    accepted = Suppression("ignore", "password with the lab", "ignore:1")
    result = samples.make_result(gaps=(Gap("enc.zip", "encrypted", accepted=accepted),))
    text = samples.told(name, replace(result, complete=True, exit_code=0))
    assert ("1 gap accepted" if name == "github" else "password with the lab") in text


@pytest.mark.parametrize("name", report.REPORTERS)
def test_a_report_is_searched_for_keys_only(name: str) -> None:
    detector = KeyDetector.of(rules.load())
    text = samples.told(name, samples.suppressed()) + samples.told(name, samples.tree())

    def found(content: str) -> list[str]:
        hits, _ = scan_blob(Origin(b"report"), [content.encode()], detector, "report")
        return [hit.match.fingerprint for hit in hits]

    assert found(text) == []
    assert found(f"{text}\n{fake_key()}\n") == [fingerprint(fake_key())]
