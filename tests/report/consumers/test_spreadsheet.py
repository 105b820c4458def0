"""A spreadsheet, SheetJS, opens the CSV reports: the same table, and in no cell a formula."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from boltz_keyscan.model.finding import Gap
from tests.report import samples
from tests.report.consumers.installed import node

READ = """
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
const XLSX = createRequire(process.cwd() + '/')('xlsx');
const books = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(books.map(text => {
  const book = XLSX.read(text, { type: 'string' });
  const sheet = book.Sheets[book.SheetNames[0]];
  const cells = Object.keys(sheet).filter(name => !name.startsWith('!'));
  return {
    rows: XLSX.utils.sheet_to_json(sheet, { defval: '' }),
    formulas: cells.filter(name => sheet[name].f !== undefined || sheet[name].l !== undefined),
  };
})));
"""
FORMULAS = ("=1+1", "@SUM(1)", "-2+3", "+1", '=HYPERLINK("http://example.invalid")', '"=1+1"', "a;=1+1")
TEXTS = ("record", "severity", "fails_run", "key", "fingerprint", "shape", "status", "exposure")


def opened(*texts: str) -> Any:
    return json.loads(node("xlsx", READ, json.dumps(texts)))


def test_it_reads_the_same_rows_and_no_formula() -> None:
    results = [sample() for sample in samples.RESULTS.values()]
    results.append(samples.make_result(gaps=tuple(Gap(name, name, name) for name in FORMULAS)))
    texts = [samples.told("csv", result, show_placeholders=True) for result in results]
    for text, book in zip(texts, opened(*texts), strict=True):
        assert book["formulas"] == []
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
        assert [{name: row[name] for name in TEXTS} for row in book["rows"]] == [
            {name: row[name] for name in TEXTS} for row in rows
        ]
        assert [str(row["line"]) for row in book["rows"]] == [row["line"] for row in rows]


def test_the_gate_closes() -> None:
    """A control: it does take such cells for formulas when nothing stands in front of them."""
    quoted = "".join(f'"{name}"\n' for name in ("head", "=1+1", '=HYPERLINK(""http://example.invalid"")'))
    assert opened(quoted)[0]["formulas"] == ["A2", "A3"]
