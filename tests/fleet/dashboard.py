"""Reads all pages of a scheduler and of its workers, with what bokeh sends for them; prints them as JSON.

python dashboard.py ADDRESS
"""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import sys
import time
import urllib.request
from typing import Any
from urllib.parse import urljoin

SCHEDULER = (
    *("/info/main/workers.html", "/info/main/logs.html", "/info/main/exceptions.html", "/json/counts.json"),
    *("/json/identity.json", "/json/index.html", "/metrics", "/health", "/status", "/tasks", "/graph"),
    "/profile",
)
"""Pages of a scheduler from which the others are linked."""

WORKER = ("/status", "/counters", "/metrics")

DRAWN = ("/status", "/tasks", "/graph", "/profile", "/counters")
"""Pages that bokeh fills, the slowest of which take seconds; the others have parts of them."""

MAX_BYTES = 5_000_000


def fetch(address: str) -> bytes:
    """Return a page; nothing for one that is not there."""
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=30) as answer:
        return bytes(answer.read(MAX_BYTES))
    return b""


def read_pages(base: str) -> dict[str, str]:
    """Return each page below an address, following the links."""
    read: dict[str, str] = {}
    waiting = [base + path for path in SCHEDULER]
    while waiting:
        page = waiting.pop(0)
        if page in read:
            continue
        read[page] = fetch(page).decode("utf-8", "replace")
        links = re.findall(r'href="([^"#]+)"', read[page]) if page.endswith(".html") else []
        waiting += [each for each in (urljoin(page, link) for link in links) if each.startswith(f"{base}/")]
        if page.endswith("/identity.json"):
            workers = json.loads(read[page])["workers"].values()
            ports = [each["services"]["dashboard"] for each in workers]
            waiting += [f"http://127.0.0.1:{port}{path}" for port in ports for path in WORKER]
    return {page: text for page, text in read.items() if text}


def read_document(page: str) -> str:
    """Return what bokeh sends for a page, as its script would get it; nothing if it sends nothing."""
    client: Any = importlib.import_module("bokeh.client")
    document: Any = importlib.import_module("bokeh.document").Document
    sent: list[object] = []
    # Taken as it comes: some of what Dask sends is none of bokeh's types.
    document.replace_with_json = lambda _, content: sent.append(content)
    try:
        session = client.pull_session(url=page)
    except OSError:
        return ""
    # By now the page was filled.
    time.sleep(0.3)
    session.pull()
    session.close()
    return json.dumps(sent, default=repr)


def main() -> None:
    """Read the pages."""
    pages = read_pages(sys.argv[1])
    drawn = [page for page in pages if page.endswith(DRAWN)]
    documents = {f"{page} (drawn)": read_document(page) for page in drawn}
    json.dump(pages | {page: text for page, text in documents.items() if text}, sys.stdout)


if __name__ == "__main__":
    main()
