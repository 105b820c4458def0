"""What other scanners are shown: keys in plain sight, whatever stands around them, and what is no key.

Boundary: files and what is in them; running scanners is the tests'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boltz_keyscan.model.enums import Shape
from conformance import encodings
from tests.detect.fillers import FILLERS, KEYS, SHORT
from tests.keys import PREFIXES, fake_body, fake_key, fake_link

if TYPE_CHECKING:
    from pathlib import Path

CONTEXTS = (
    'key = "{}"',
    "key: {}",
    '"source": ["K = \\"{}\\"\\n"]',
    "output\\n{}",
    "https://x.invalid/?key%3D{}",
    "KEY_{}",
    "glued{}",
    "9{}",
    "({}, 1)",
    "a,{},b",
    "<td>{}</td>",
    "**{}**",
    "?key={}&a=1",
    "It is {}.",
    "`{}`",
    "\x1b[0m{}\x1b[0m",
)
"""What stands around a key in public files; a scanner that wants a boundary on the left misses some."""


@dataclass(frozen=True)
class Corpus:
    """File names, and what is in them."""

    plain: dict[str, str]
    """Files with one key, and the key."""
    fillers: dict[str, str]
    """Files with a placeholder of 20 characters or more, and why it is one."""
    lookalikes: dict[str, str]
    """Files with a key that looks like a placeholder, and its template."""
    decoys: frozenset[str]
    """Files with nothing."""


def _run(text: str) -> int:
    found = re.match(r"[A-Za-z0-9_-]*", text)
    return len(found[0]) if found else 0


def _filled(template: str, seed: int) -> str:
    """A template with so many characters of a random body, of its own, for each ``{43}`` and the like."""
    return re.sub(r"\{(\d+)\}", lambda found: fake_body(("like", seed))[: int(found[1])], template)


def _links() -> dict[str, tuple[str, str]]:
    """Files with a share link, and the link; after a letter it is a part of a name."""
    links = [(context, fake_link(context)) for context in CONTEXTS]
    return {
        f"link/context-{place}.txt": (f"{context}\n".replace("{}", link), link)
        for place, (context, link) in enumerate(links)
        if not context.partition("{}")[0][-1:].isalnum() and not context.startswith(("KEY_", "\x1b"))
    }


def _names() -> dict[str, bytes]:
    """Files with a name that has the prefix of share links."""
    names = ("x86_{}", "l{}", "{}A", "shr_imm8", "shr_{{id}}")
    return {
        f"name-{number}.c": f"{name.format(fake_link(name))}(a, b)\n".encode()
        for number, name in enumerate(names)
    }


def build(folder: Path) -> Corpus:
    """Write the corpus into a folder."""
    plain: dict[str, str] = {}

    def put(name: str, content: bytes) -> str:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return name

    for number, (kind, mode) in enumerate(PREFIXES):
        for hiding in encodings.HIDINGS:
            if not hiding.chain:
                key = fake_key(kind, mode, hiding.name)
                plain[put(f"{number}/{hiding.name}", hiding.build(key))] = key
        for place, context in enumerate(CONTEXTS):
            key = fake_key(kind, mode, context)
            plain[put(f"{number}/context-{place}.txt", f"{context}\n".replace("{}", key).encode())] = key
        # A body of a length not seen yet.
        longer = PREFIXES[kind, mode] + fake_body("longer")[:20]
        plain[put(f"{number}/suspected.txt", f"key = {longer} \n".encode())] = longer
    plain |= {put(name, text.encode()): link for name, (text, link) in _links().items()}
    fillers: dict[str, str] = {}
    for number, (body, after, shape, reason) in enumerate(FILLERS):
        if shape is Shape.PLACEHOLDER and reason != SHORT and _run(body + after) >= 20:
            text = f'KEY = "{PREFIXES["ws", "live"]}{body}{after}\n'
            fillers[put(f"fillers/{number}.txt", text.encode())] = reason
    lookalikes = {}
    for number, (template, after, shape, _) in enumerate(KEYS):
        if shape is not Shape.PLACEHOLDER:
            body = _filled(template, number)
            text = f'KEY = "{PREFIXES["ws", "live"]}{body}{after}\n'
            lookalikes[put(f"lookalikes/{number}.txt", text.encode())] = template
    decoys = {put(f"decoys/{name}", content) for name, content in (encodings.DECOYS | _names()).items()}
    return Corpus(plain, fillers, lookalikes, frozenset(decoys))
