"""The pages of reference say what the program knows: no more and no less."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from boltz_keyscan import rules
from boltz_keyscan.cli.commands.scan import scan
from boltz_keyscan.cli.options import TABLE, SettableIn
from boltz_keyscan.detect import classify, literal_table, split_keys
from boltz_keyscan.detect.encodings import FORMS
from boltz_keyscan.model.enums import Shape
from boltz_keyscan.report import REPORTERS
from boltz_keyscan.sources import signatures
from boltz_keyscan.sources.archives.limits import DEFAULT_LIMITS
from tests.running import ROOT, keyscan
from tests.test_docs import section, table

PAGE = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
SCHEMA: Any = json.loads((ROOT / "boltz_keyscan/report/schema/report-v1.schema.json").read_bytes())
OBJECTS = {name: each for name, each in SCHEMA["$defs"].items() if "properties" in each}
OPTIONS = [param for param in scan.params if isinstance(param, click.Option)]


def test_every_format_is_told() -> None:
    assert [row[0] for row in table(section("## Formats", PAGE))] == list(REPORTERS)


# Options.


def _name(option: click.Option) -> str:
    return next(each for each in option.opts if each.startswith("--")).removeprefix("--")


def _type(option: click.Option) -> str:
    if option.is_flag:
        return "true or false"
    if option.multiple:
        return "list of texts"
    match option.type:
        case click.Choice():
            return "a [format](#formats)" if _name(option) == "format" else ", ".join(option.type.choices)
        case click.types.IntParamType():
            return "number"
        case click.Path():
            return "path"
        case _:
            return "text"


def _default(option: click.Option) -> str:
    """What it is when nobody says; in words where the help has words for it."""
    if option.is_flag:
        return "false"
    if isinstance(option.default, str | int):
        return str(option.default)
    told = re.search(r"\[default: (.*)\]", option.help or "")
    return told[1] if told else "-"


def _where(option: click.Option) -> str:
    words = {SettableIn.NONE: "no", SettableIn.NAMED: "with --config", SettableIn.ANY: "yes"}
    return words[TABLE[str(option.name)].config]


def test_every_option_is_told() -> None:
    wanted = [[_name(each), _type(each), _default(each), _where(each)] for each in OPTIONS if not each.hidden]
    assert table(section("## Options and configuration", PAGE)) == wanted


def test_the_configuration_shown_is_taken(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "boltz-keyscan.toml").write_text(block)
    shown = keyscan("config", "show", cwd=tmp_path)
    assert (shown.code, shown.errors) == (0, "")
    assert re.search(r"^fail-on +\"any\" +boltz-keyscan\.toml", shown.text, re.MULTILINE), shown.text


# Gaps.

REASON_FIRST = frozenset({"ContainerError", "BudgetExceededError", "lost", "_make_gap"})
"""Callables that take the reason of a gap as their first argument."""

REASON_SECOND = frozenset({"Gap", "_gap"})
"""Callables that take it as their second argument."""

HANDED_ON = frozenset({"more-gaps", "more-places", "not-decoded", "alternate-missing", "alternate-outside"})
"""Reasons that pass through a constant or a tuple before a gap is made of them."""

FETCHES = frozenset(
    failure["reason"]
    for failure in tomllib.loads((ROOT / "boltz_keyscan/fleet/fetch_errors.toml").read_text())["failure"]
)
"""Reasons of fetches that failed, which are data."""

REASON = re.compile(r"[a-z]+(-[a-z]+)*")


def _name_called(call: ast.Call) -> str:
    """Return the name of the function or method in a call."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _reasons() -> set[str]:
    """Return the reasons of gaps in the code."""
    found: set[str] = set()
    for path in (ROOT / "boltz_keyscan").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = _name_called(node)
            if name not in REASON_FIRST | REASON_SECOND:
                continue
            first = 0 if name in REASON_FIRST else 1
            given = [
                *node.args[first : first + 1],
                *(key.value for key in node.keywords if key.arg == "reason"),
            ]
            found.update(
                each.value
                for argument in given
                for each in ast.walk(argument)
                if isinstance(each, ast.Constant)
                and isinstance(each.value, str)
                and REASON.fullmatch(each.value)
            )
    return found


def test_every_gap_is_told() -> None:
    told = [row[0] for row in table_of_gaps()]
    assert len(set(told)) == len(told)
    assert set(told) == _reasons() | HANDED_ON | FETCHES
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "boltz_keyscan").rglob("*.py"))
    assert [reason for reason in HANDED_ON if f'"{reason}"' not in code] == []


def test_gaps_by_design_are_told_as_such() -> None:
    """Where the code says it in the same breath."""
    by_design = {row[0] for row in table_of_gaps() if row[1]}
    for path in (ROOT / "boltz_keyscan").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and _name_called(node) in {"Gap", "_make_gap"}
                and len(node.args) > 1
            ):
                reason = node.args[_name_called(node) == "Gap"]
                if isinstance(reason, ast.Constant) and any(key.arg == "by_design" for key in node.keywords):
                    assert reason.value in by_design


def table_of_gaps() -> list[list[str]]:
    """The rows of all its tables."""
    text = section("## Gaps", PAGE)
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w*) ?\| (.+) \|$", text, re.MULTILINE)
    return [list(row) for row in rows]


# The JSON report.


def _json_type(schema: Any) -> str:  # noqa: PLR0911 - one for each kind
    """A type in the page's words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})" if name in OBJECTS else name.replace("_", " ")
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return ", ".join("null" if each is None else str(each) for each in schema["enum"])
    if "oneOf" in schema:
        nothing, something = schema["oneOf"]
        assert nothing == {"type": "null"}
        return f"{_json_type(something)} or null"
    match schema["type"]:
        case [kind, "null"]:
            return f"{_json_type({**schema, 'type': kind})} or null"
        case "array":
            items = schema["items"]
            fields = ", ".join(items.get("properties", ()))
            return f"list of objects: {fields}" if fields else f"list of {_json_type(items)}"
        case "string":
            return "time" if schema.get("format") == "date-time" else "text"
        case kind:
            return {"boolean": "true or false", "integer": "integer", "number": "seconds"}[kind]


@pytest.mark.parametrize("name", OBJECTS)
def test_the_schema_is_told_field_by_field(name: str) -> None:
    told = table(section(f"### `{name}`", PAGE))
    assert [row[:2] for row in told] == [
        [field, _json_type(schema)] for field, schema in OBJECTS[name]["properties"].items()
    ]
    assert all(row[2] for row in told)


def test_every_object_is_told() -> None:
    assert re.findall(r"^### `(\w+)`", PAGE, re.MULTILINE) == list(OBJECTS)


# How detection works.

HOW = (ROOT / "docs/how-it-works.md").read_text(encoding="utf-8")


def _first_column(title: str, heading: str) -> list[str]:
    """The names in the first column of the table with this heading, in a section."""
    text = section(f"## {title}", HOW)
    (rows,) = re.findall(rf"^\| {re.escape(heading)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [name.strip("` ") for row in rows.splitlines() for name in row.split("|")[1].split(", ")]


def test_the_literals_are_as_many_as_it_says() -> None:
    prefixes = tuple(rule.prefix.encode() for rule in rules.load())
    count = len(literal_table.make_table(prefixes).literals)
    (told,) = re.findall(r"about ([\d,]+) literals", HOW)
    assert round(count, -2) == int(told.replace(",", ""))


def test_the_shapes_and_fillers_are_told() -> None:
    assert _first_column("What counts as a key", "shape") == [str(shape) for shape in Shape]
    assert _first_column("What counts as a key", "filler") == [reason for reason, _ in classify.FILLERS]


def test_the_encodings_are_told() -> None:
    for column, is_layout in (("encoding", False), ("layout", True)):
        names = sorted(form.name for form in FORMS if form.is_layout is is_layout)
        assert sorted(_first_column("Encodings", column)) == names
    assert set(_first_column("Encodings", "broken")) == {kind.name for kind in split_keys.KINDS}


def test_the_containers_and_their_limits_are_told() -> None:
    text = section("## Containers", HOW)
    words = {
        "old-tar": "tar",
        "pdf": "PDF",
        "git-bundle": "git bundles",
        "git-pack": "packs",
        "warc": "WARC",
        "sqlite": "SQLite",
        "sqlite-log": "logs and journals of SQLite",
        "sqlite-journal": "logs and journals of SQLite",
        "ole": "Office and Outlook",
        "journal": "systemd journals",
        "parquet": "Parquet",
        "arrow": "Arrow",
        "orc": "ORC",
        "hdf5": "HDF5",
        "mat": "MATLAB",
        "avro": "Avro",
        "leveldb-log": "LevelDB",
        "leveldb": "tables of LevelDB",
        "redis": "dumps of Redis",
        "duckdb": "DuckDB",
        "an installer made by NSIS": "NSIS",
        "gzip's older form or pack (.z)": "pack,",
        "compress (.Z)": "compress",
    }
    for format_ in signatures.FORMATS:
        assert words.get(format_.name, format_.name) in text
    limits = dict(row[:2] for row in table(text[text.index("| limit of one container") :]))
    assert limits == {
        "depth": f"{DEFAULT_LIMITS.depth}",
        "members": f"{DEFAULT_LIMITS.members:,}",
        "output": f"{DEFAULT_LIMITS.output >> 30} GiB",
        "ratio": f"{DEFAULT_LIMITS.ratio:,}, from {DEFAULT_LIMITS.slack >> 20} MiB on",
        "seconds": f"{DEFAULT_LIMITS.seconds:.0f}",
        "memory": f"{DEFAULT_LIMITS.memory >> 30} GiB",
    }
