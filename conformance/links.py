"""Share links in representative places, and names that have their prefix.

A link is found only whole and between two boundaries. Each place is a file with one link in it.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Final

from conformance.encodings import each, notebook, wrapped
from conformance.keys import LINK_PREFIX, fake_link

CORPUS: Final[dict[str, Callable[[str], bytes]]] = {
    "plain.md": lambda link: f"Results: https://lab.boltz.bio/share/{link}\n".encode(),
    "quoted.py": lambda link: f'SHARE = "{link}"\n'.encode(),
    "record.json": lambda link: json.dumps({"id": link, "archived_at": None}).encode(),
    "line.jsonl": lambda link: json.dumps({"text": f"shared:\n{link}\nuntil May"}).encode(),
    "output.ipynb": lambda link: notebook(["client.share_links.create()\n"], [f"ShareLink(id='{link}')\n"]),
    "request.log": lambda link: f"GET /compute/v1/share/{link} HTTP/1.1 200\n".encode(),
    "link.url": lambda link: f"open?next=%2Fshare%2F{link}%3Fview%3D1\n".encode(),
    "comment.html": lambda link: f"<!--{link}-->".encode(),
    "escaped.html": lambda link: each("&#{};", link).encode(),
    "escaped.json": lambda link: f'"{each(chr(92) + "u{:04x}", link)}"'.encode(),
    "mail.eml": lambda link: f"link: {each('={:02X}', link, '_')}\n".encode(),
    "encoded.yaml": lambda link: b"link: " + base64.b64encode(link.encode()) + b"\n",
    "lines.pem": lambda link: wrapped(base64.b64encode(f"{'.' * 70}{link}".encode()).decode(), 64).encode(),
    "twice.b64": lambda link: base64.b64encode(base64.b64encode(f'"{link}"'.encode())),
    "dump.hex": lambda link: link.encode().hex(" ").encode(),
    "wide.txt": lambda link: f"link {link}\r\n".encode("utf-16"),
    "packed.gz": lambda link: gzip.compress(f"{link}\n".encode(), mtime=0),
    "joined.py": lambda link: f'LINK = "{link[:20]}" "{link[20:]}"\n'.encode(),
}

DECOYS: Final[dict[str, bytes]] = {
    "names.c": b"int x86_shr_imm8(int a) { return shr_u32(ashr_exact(a), lshr_i64); }\n",
    "prefix.py": f'if link.startswith("{LINK_PREFIX}"):\n'.encode(),
    "template.py": f'url = f"/share/{LINK_PREFIX}{{id}}"\n'.encode(),
    "name-with-link.c": f"x86_{fake_link('decoy')}();\n".encode(),
    "longer.txt": f"{fake_link('decoy')}A\n".encode(),
    "shorter.txt": f"{fake_link('decoy')[:-1]}\n".encode(),
    "filler.md": f"{LINK_PREFIX}{'x' * 43}\n".encode(),
}
"""Files without a share link."""
