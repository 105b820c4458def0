"""Comparison with a report that a person has read; ``UPDATE_GOLDEN=1`` writes them anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

from boltz_keyscan import __version__

FOLDER = Path(__file__).parent / "golden"

ENDINGS = {
    "text": "txt",
    "json": "json",
    "sarif": "sarif",
    "jsonl": "jsonl",
    "csv": "csv",
    "markdown": "md",
    "junit": "junit.xml",
    "github": "github.txt",
    "gitlab": "gitlab.json",
    "html": "html",
}
"""How the golden files of each format end."""


_ASSETS = re.compile(r"(<(style|script)>).*?(</\2>)|'sha256-[^']+'", re.DOTALL)


def check(name: str, text: str) -> None:
    path = FOLDER / name
    if name.endswith(".html"):
        # The same in every page, and looked at in a browser.
        text = _ASSETS.sub(lambda found: f"{found[1]}{found[3]}" if found[1] else "HASH", text)
        text = text.replace(f"boltz-keyscan {__version__}", "boltz-keyscan VERSION")
    # A release must not change every golden file.
    text = text.replace(f'"{__version__}"', '"VERSION"')
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_bytes().decode(), f"{name} changed; if that is meant, run with UPDATE_GOLDEN=1"
