"""Building the places: files, containers and a family of repositories, each key in one place only.

The places are defined in the tables of ``encodings``, ``layouts``, ``containers``, ``chains``,
``fields`` and ``gitplaces``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path

from conformance import chains, containers, encodings, fields, layouts, links
from conformance.gitplaces import family
from conformance.keys import LINK_PREFIX, PREFIXES, fingerprint

LEDGER = "ledger.json"


class Keys:
    """Random keys, one for each place."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret: it can be built again by its seed
        self._kinds = sorted(PREFIXES)
        self._known: dict[str, str] = {}

    def __call__(self, place: str, *, kind: tuple[str, str] | None = None, prefix: str = "") -> str:
        """The key of a place, with a dash and underscores, so that escapes have something to do."""
        while place not in self._known:
            body = base64.urlsafe_b64encode(self._random.randbytes(32)).decode().rstrip("=")
            if "-" in body and body.count("_") > 1:
                prefix = prefix or PREFIXES[kind or self._random.choice(self._kinds)]
                self._known[place] = prefix + body
        return self._known[place]


def make(folder: Path, seed: int) -> int:
    """Build all places in a new folder, and the ledger; how many keys there are.

    The ledger has no key: for each place its group, its path below ``folder``, the key's
    fingerprint, and its SHA-1, by which detect-secrets names what it found.
    """
    # git takes a relative path of a submodule for one beside the remote.
    folder = folder.absolute()
    keys = Keys(seed)
    rows: list[dict[str, str]] = []

    def plant(group: str, name: str, build: Callable[[str], bytes], prefix: str = "") -> None:
        key = keys(f"{group}/{name}", prefix=prefix)
        _write(folder / group / name, build(key))
        rows.append(_row(group, name, f"{group}/{name}", key))

    for group, table in (("encodings", encodings), ("layouts", layouts)):
        for hiding in table.HIDINGS:
            plant(group, hiding.name, hiding.build)
    for name, (build, _) in containers.CORPUS.items():
        plant("containers", name, build)
    for chain in chains.CHAINS:
        plant("chains", chain.name, chain.build)
    for name, build in fields.CORPUS.items():
        plant("files", name, build)
    for name, build in links.CORPUS.items():
        plant("links", name, build, LINK_PREFIX)
    decoys = {f"encodings/{name}": content for name, content in encodings.DECOYS.items()}
    decoys |= {f"chains/{name}": content for name, content in chains.DECOYS.items()}
    decoys |= {f"layouts/{name}": content for name, content in layouts.DECOYS.items()}
    decoys |= {f"containers/{name}": content for name, content in containers.DECOYS.items()}
    decoys |= {f"files/{name}": content for name, content in fields.DECOYS.items()}
    decoys |= {f"links/{name}": content for name, content in links.DECOYS.items()}
    for path, content in decoys.items():
        _write(folder / path, content)
    planted = family(folder / "git", lambda place: keys(f"git/{place}", kind=("ws", "live")))
    rows += [_row("git", place, f"git/{each.path}", keys(f"git/{place}")) for place, each in planted.items()]
    document = {"version": 1, "seed": seed, "places": rows, "decoys": sorted(decoys)}
    (folder / LEDGER).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return len(rows)


def _row(group: str, place: str, path: str, key: str) -> dict[str, str]:
    sha1 = hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()
    return {"group": group, "place": place, "path": path, "fingerprint": fingerprint(key), "sha1": sha1}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
