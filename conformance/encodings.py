"""Files that hide a key, and files that only look as if: what the scanner must and must not find.

Built when the suite or a test runs. A row is a file name, what makes its bytes of a key, and the
chain of decodings a report must show; a decoy has no chain, and there must be no alarm.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import html
import json
import marshal
import pickle
import quopri
import sqlite3
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import quote

from conformance.keys import PREFIXES, fake_body

Chain = tuple[str, ...]


@dataclass(frozen=True)
class Hiding:
    """A file with one key in it."""

    name: str
    build: Callable[[str], bytes]
    chain: Chain = ()
    opened: bool = False
    """Opened as a container, so that a scan of the file finds it, and the detector alone does not."""


def b64(text: str | bytes, *, safe: bool = False) -> str:
    """Base64 on one line."""
    raw = text.encode() if isinstance(text, str) else text
    return (base64.urlsafe_b64encode if safe else base64.b64encode)(raw).decode()


def wrapped(text: str, columns: int, between: str = "\n") -> str:
    """Text cut into lines."""
    return between.join(text[at : at + columns] for at in range(0, len(text), columns))


def each(form: str, text: str, only: str = "") -> str:
    """Each character (or each in ``only``) by its number."""
    return "".join(form.format(ord(char)) if not only or char in only else char for char in text)


def notebook(source: list[str], output: list[str], **more: object) -> bytes:
    """A notebook of two cells: the second has the source and prints the output."""
    first = {"cell_type": "markdown", "metadata": {}, "source": ["# Fold"]}
    second = {
        "cell_type": "code",
        "execution_count": 7,
        "metadata": {},
        "outputs": [{"name": "stdout", "output_type": "stream", "text": output}],
        "source": source,
        **more,
    }
    return json.dumps(
        {"cells": [first, second], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1
    ).encode()


def transcript(*events: object) -> bytes:
    """JSON lines."""
    return "".join(json.dumps(event) + "\n" for event in events).encode()


def database(key: str) -> bytes:
    """An SQLite file with the key in a row."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table settings (name text, value text)")
        connection.executemany("insert into settings values (?, ?)", [("other", "x" * 50), ("api_key", key)])
        connection.commit()
        return connection.serialize()


def compiled(source: str) -> bytes:
    """Return a compiled module, as in ``__pycache__``."""
    return b"\xa7\r\r\n" + b"\0" * 12 + marshal.dumps(compile(source, "settings.py", "exec"))


def mail(text: str, encoding: str) -> bytes:
    """A message with the text encoded."""
    message = EmailMessage()
    message["Subject"] = "your key"
    message.set_content(text, cte=encoding)
    return bytes(message)


def at(key: str, *places: int) -> list[str]:
    """The key cut at places."""
    edges = [0, *places, len(key)]
    return [key[edges[n] : edges[n + 1]] for n in range(len(edges) - 1)]


def in_columns(columns: int, lead: int) -> Callable[[str], bytes]:
    """Base64 in lines, with the key some way into the text."""
    return lambda key: wrapped(b64("." * lead + f" export KEY={key}\n" + "." * 40), columns).encode()


def base32(text: str | bytes, columns: int = 0) -> str:
    """Return base32, in lines as ``base32`` writes it."""
    raw = text.encode() if isinstance(text, str) else text
    letters = base64.b32encode(raw).decode()
    return wrapped(letters, columns) if columns else letters


def in_base32(columns: int, lead: int) -> Callable[[str], bytes]:
    """Return a function that builds base32 in lines, with the key some way into the text."""
    return lambda key: base32("." * lead + f" KEY={key}\nREGION=eu\n", columns).encode()


def _utf(name: str) -> Callable[[str], bytes]:
    return lambda key: f"BOLTZ_API_KEY = {key}\r\nnext = 1\r\n".encode(name)


def mixed_entities(first: int, key: str) -> bytes:
    """Return a key with numbers of both bases in turn, as Markdown hides addresses."""
    return "".join(
        f"&#{ord(char)};" if number % 2 == first else f"&#x{ord(char):x};" for number, char in enumerate(key)
    ).encode()


B = "base64"
J, W, Q = "joined", "wrapped", "quoted-printable"

BASE32 = ("base32",)

HIDINGS: tuple[Hiding, ...] = (
    *(Hiding(f"{lead}.b32", in_base32(0, lead), BASE32) for lead in range(5)),
    *(
        Hiding(f"{columns}-{lead}.b32", in_base32(columns, lead), BASE32)
        for columns, lead in ((76, 3), (64, 11), (40, 14), (24, 2))
    ),
    Hiding("unpadded.b32", lambda key: base32(f"KEY={key}").rstrip("=").encode(), BASE32),
    Hiding("lower.b32", lambda key: base32(f"a KEY={key}", 76).lower().encode(), BASE32),
    Hiding(
        "totp.yaml",
        lambda key: f"seed: |\n{textwrap.indent(base32(f'KEY={key}', 60), '    ')}\nn: 1\n".encode(),
        BASE32,
    ),
    Hiding("escaped.b32.json", lambda key: json.dumps({"seed": base32(f"KEY={key}", 76)}).encode(), BASE32),
    # As it is, in files that are no text.
    Hiding("plain.env", lambda key: f"BOLTZ_API_KEY={key}\n".encode()),
    Hiding("quoted.env", lambda key: f"export BOLTZ_API_KEY='{key}'\n".encode()),
    Hiding("settings.sqlite", database),
    Hiding("settings.pickle", lambda key: pickle.dumps({"api_key": key, "n": 1})),
    Hiding("settings-old.pickle", lambda key: pickle.dumps({"api_key": key}, protocol=0)),
    Hiding("settings.pyc", lambda key: compiled(f"API_KEY = {key!r}\n")),
    Hiding("settings.toml", lambda key: f'[boltz]\napi_key = "{key}"\n'.encode()),
    Hiding("table.csv", lambda key: f"name,key\nfold,{key}\nother,\n".encode()),
    Hiding("page.html", lambda key: f"<td>{key}</td>\n".encode()),
    Hiding("block.yaml", lambda key: f"key: |\n  {key}\nother: 1\n".encode()),
    Hiding("folded.yaml", lambda key: f"key: >-\n  {key}\nother: 1\n".encode()),
    Hiding("source.ipynb", lambda key: notebook([f'client = Boltz("{key}")\n', "client"], ["ok\n"])),
    Hiding("output.ipynb", lambda key: notebook(["client"], [f"Boltz(api_key='{key}')\n"])),
    Hiding("agent.jsonl", lambda key: transcript({"role": "user", "content": f"use {key} please"})),
    Hiding(
        "agent-nested.jsonl",
        lambda key: transcript({"tool": "Bash", "input": json.dumps({"command": f'export K="{key}"\nrun'})}),
    ),
    Hiding("colour.log", lambda key: f"\x1b[32m{key}\x1b[0m done\n".encode()),
    # Base64.
    Hiding("plain.b64", lambda key: b64(key).encode(), (B,)),
    Hiding("phase-two.b64", lambda key: b64("u" + key).encode(), (B,)),
    Hiding("phase-three.b64", lambda key: b64("u:" + key + "\n").encode(), (B,)),
    Hiding(
        "url-safe.b64",
        lambda key: b64(b"\xff\xfb\xef" + key.encode() + b"\xff\xff", safe=True).encode(),
        (B,),
    ),
    Hiding("standard.b64", lambda key: b64(b"\xff\xfb\xef" + key.encode() + b"\xff\xff").encode(), (B,)),
    Hiding("no-padding.b64", lambda key: b64(key + " x").rstrip("=").encode(), (B,)),
    *(
        Hiding(f"columns-{columns}-{lead}.b64", in_columns(columns, lead), (B,))
        for columns, lead in (
            (76, 30),
            (76, 46),
            (76, 50),
            (64, 37),
            (64, 41),
            (60, 35),
            (40, 20),
            (32, 9),
            (24, 0),
        )
    ),
    Hiding("crlf.b64", lambda key: wrapped(b64(f"{'.' * 44} KEY={key} and more"), 76, "\r\n").encode(), (B,)),
    Hiding(
        "indented.b64",
        lambda key: ("data: |\n    " + wrapped(b64(f"{'.' * 33}={key} and more"), 64, "\n    ")).encode(),
        (B,),
    ),
    Hiding(
        "quoted-mail.b64",
        lambda key: ("> " + wrapped(b64(f"{'.' * 44}={key} and more"), 76, "\n> ")).encode(),
        (B,),
    ),
    Hiding(
        "comment.b64.py",
        lambda key: ("# " + wrapped(b64(f"{'.' * 44}={key} and more"), 76, "\n# ")).encode(),
        (B,),
    ),
    Hiding(
        "basic.http",
        lambda key: f"GET / HTTP/1.1\r\nAuthorization: Basic {b64('user:' + key)}\r\n\r\n".encode(),
        (B,),
    ),
    Hiding("netrc.http", lambda key: f"proxy-authorization: basic {b64(key + ':')}\n".encode(), (B,)),
    Hiding(
        "secret.yaml",
        lambda key: f"kind: Secret\ndata:\n  api-key: {b64(key)}\n  other: Zm9v\n".encode(),
        (B,),
    ),
    Hiding(
        "secret-list.yaml",
        lambda key: (
            f"data:\n  a: YWJj\n  .env: {b64(f'A=1{chr(10)}KEY={key}{chr(10)}')}\ntype: Opaque\n".encode()
        ),
        (B,),
    ),
    Hiding(
        "docker-config.json",
        lambda key: json.dumps({"auths": {"r.invalid": {"auth": b64("token:" + key)}}}).encode(),
        (B,),
    ),
    Hiding(
        "part.jwt",
        lambda key: ".".join(
            [
                b64('{"alg":"none"}', safe=True).rstrip("="),
                b64(json.dumps({"sub": "me", "key": key}), safe=True).rstrip("="),
                "c2ln",
            ]
        ).encode(),
        (B,),
    ),
    Hiding(
        "image.css",
        lambda key: f"a{{background:url(data:text/plain;base64,{b64('k=' + key)})}}".encode(),
        (B,),
    ),
    Hiding(
        "escaped-break.json",
        lambda key: json.dumps({"pem": wrapped(b64(f"{'.' * 40}={key} and more"), 64)}).encode(),
        (B,),
    ),
    Hiding(
        "slashes.json",
        lambda key: (
            json.dumps({"d": b64(b"\xff\xff\xff" + key.encode() + b"\xff\xff\xff")})
            .replace("/", "\\/")
            .encode()
        ),
        (B,),
    ),
    Hiding(
        "url.txt",
        lambda key: f"?d={quote(b64(b'u:' + key.encode() + bytes([255] * 4)), safe='')}&x=1".encode(),
        (B,),
    ),
    Hiding(
        "output-b64.ipynb",
        lambda key: notebook(
            ["x"], [line + "\n" for line in wrapped(b64(f"{'.' * 44}={key} and"), 76).split("\n")]
        ),
        (B,),
    ),
    Hiding(
        "literals.py",
        lambda key: ('X = ("' + wrapped(b64(f"{'.' * 33}={key} and more"), 64, '"\n     "') + '")').encode(),
        (B,),
    ),
    Hiding(
        "plus.js",
        lambda key: ("x = '" + wrapped(b64(f"{'.' * 33}={key} and more"), 64, "' +\n  '") + "'").encode(),
        (B,),
    ),
    Hiding("twice.b64", lambda key: b64(b64("u:" + key)).encode(), (B, B)),
    Hiding(
        "twice-wrapped.b64", lambda key: wrapped(b64(b64("." * 30 + key + "." * 20)), 76).encode(), (B, B)
    ),
    Hiding("three-times.b64", lambda key: b64(b64(b64("key=" + key))).encode(), (B, B, B)),
    Hiding("wide.b64", lambda key: b64(key.encode("utf-16-le")).encode(), (B, "utf-16le")),
    Hiding(
        "powershell.cmd",
        lambda key: (
            f"powershell -enc {b64(f'$env:K={chr(39)}{key}{chr(39)}'.encode('utf-16-le'))}\r\n".encode()
        ),
        (B, "utf-16le"),
    ),
    Hiding(
        "wide-big.b64",
        lambda key: b64(b"\xfe\xff" + f"k={key}\n".encode("utf-16-be")).encode(),
        (B, "utf-16be"),
    ),
    Hiding("hex.b64", lambda key: b64(key.encode().hex()).encode(), (B, "hex")),
    Hiding(
        "json.b64",
        lambda key: b64(json.dumps({"k": key}).replace("_", "\\u005f")).encode(),
        (B, "unicode-escape"),
    ),
    Hiding("percent.b64", lambda key: b64("k=" + key.replace("_", "%5F")).encode(), (B, "percent")),
    # UTF-16 and UTF-32.
    Hiding("le.txt", _utf("utf-16-le"), ("utf-16le",)),
    Hiding("be.txt", _utf("utf-16-be"), ("utf-16be",)),
    Hiding("bom.txt", _utf("utf-16"), ("utf-16le",)),
    Hiding("bom-be.txt", lambda key: b"\xfe\xff" + _utf("utf-16-be")(key), ("utf-16be",)),
    Hiding("odd.bin", lambda key: b"\x01" + _utf("utf-16-le")(key) + b"\xff", ("utf-16le",)),
    Hiding("odd-be.bin", lambda key: b"\x01" + _utf("utf-16-be")(key) + b"\xff", ("utf-16be",)),
    Hiding("le32.txt", _utf("utf-32-le"), ("utf-32le",)),
    Hiding("be32.txt", _utf("utf-32-be"), ("utf-32be",)),
    Hiding("bom32.txt", _utf("utf-32"), ("utf-32le",)),
    Hiding("odd32.bin", lambda key: b"\x01" + _utf("utf-32-le")(key), ("utf-32le",)),
    Hiding("b64.utf16", lambda key: b64("user:" + key).encode("utf-16"), ("utf-16le", B)),
    # Numbers.
    Hiding("lower.hex", lambda key: key.encode().hex().encode(), ("hex",)),
    Hiding("upper.hex", lambda key: key.encode().hex().upper().encode(), ("hex",)),
    Hiding(
        "xxd-p.hex", lambda key: wrapped(f"{'.' * 22}={key} and more".encode().hex(), 60).encode(), ("hex",)
    ),
    Hiding("spaces.hex", lambda key: key.encode().hex(" ").encode(), ("hex",)),
    Hiding("colons.hex", lambda key: key.encode().hex(":").upper().encode(), ("hex",)),
    Hiding("lines.hex", lambda key: wrapped(f"......={key}".encode().hex(" "), 48, "\n").encode(), ("hex",)),
    Hiding("words.hex", lambda key: key.encode().hex(" ", -2).encode(), ("hex",)),
    Hiding(
        "array.c",
        lambda key: ("{" + ", ".join(f"0x{byte:02x}" for byte in key.encode()) + "}").encode(),
        ("hex",),
    ),
    Hiding(
        "array-lines.c",
        lambda key: (
            "{" + wrapped("".join(f"0x{byte:02X}, " for byte in key.encode()), 72, "\n  ") + "}"
        ).encode(),
        ("hex",),
    ),
    Hiding(
        "buffer.json",
        lambda key: json.dumps({"type": "Buffer", "data": list(key.encode())}).encode(),
        ("decimal",),
    ),
    Hiding("wide.hex", lambda key: key.encode("utf-16-le").hex().encode(), ("hex", "utf-16le")),
    Hiding("b64.hex", lambda key: b64("u:" + key).encode().hex().encode(), ("hex", B)),
    # Escapes.
    Hiding(
        "underscores.url",
        lambda key: f"https://x.invalid/?key={key.replace('_', '%5F')}&a=1".encode(),
        ("percent",),
    ),
    Hiding("lower.url", lambda key: f"?key={each('%{:02x}', key, '_-')}&a=1".encode(), ("percent",)),
    Hiding("all.url", lambda key: f"?key={each('%{:02X}', key)}&a=1".encode(), ("percent",)),
    Hiding("twice.url", lambda key: f"?key={key.replace('_', '%255F')}&a=1".encode(), ("percent", "percent")),
    Hiding("body-only.url", lambda key: (key[:20] + each("%{:02X}", key[20:])).encode(), ("percent",)),
    Hiding("b64-all.url", lambda key: each("%{:02X}", b64("u:" + key)).encode(), ("percent", B)),
    Hiding(
        "unicode.json",
        lambda key: json.dumps({"key": key}).replace("_", "\\u005f").encode(),
        ("unicode-escape",),
    ),
    Hiding(
        "all.json", lambda key: ('{"key": "' + each("\\u{:04X}", key) + '"}').encode(), ("unicode-escape",)
    ),
    Hiding(
        "json-in-json.json",
        lambda key: json.dumps({"a": json.dumps({"key": key}).replace("_", "\\u005f")}).encode(),
        ("backslash", "unicode-escape"),
    ),
    Hiding(
        "unicode.ipynb",
        lambda key: notebook(["x"], [f"{key}\n"]).replace(b"_bc_", b"\\u005fbc\\u005f"),
        ("unicode-escape",),
    ),
    Hiding("braces.js", lambda key: f"k = '{key}'".replace("_", "\\u{5f}").encode(), ("unicode-escape",)),
    Hiding("hex-escape.py", lambda key: f"k = '{key}'".replace("_", "\\x5f").encode(), ("hex-escape",)),
    Hiding(
        "all-hex-escape.c",
        lambda key: f'char k[] = "{each(chr(92) + "x{:02x}", key)}";'.encode(),
        ("hex-escape",),
    ),
    Hiding("octal.sh", lambda key: f"printf '{key}'".replace("_", "\\137").encode(), ("octal-escape",)),
    Hiding("octal-all.c", lambda key: f'"{each(chr(92) + "{:03o}", key)}"'.encode(), ("octal-escape",)),
    Hiding("repr.txt", lambda key: repr(key.encode("utf-16-le")).encode(), ("hex-escape", "utf-16le")),
    Hiding("entity.html", lambda key: f"<td>{key.replace('_', '&#95;')}</td>".encode(), ("html",)),
    Hiding("entity-hex.xml", lambda key: f"<k>{each('&#x{:X};', key, '_-')}</k>".encode(), ("html",)),
    Hiding("entity-all.xml", lambda key: f"<k>{each('&#{};', key)}</k>".encode(), ("html",)),
    *(
        Hiding(f"entity-mixed-{first}.html", functools.partial(mixed_entities, first), ("html",))
        for first in (0, 1)
    ),
    Hiding("entity-named.html", lambda key: f"<td>{key.replace('_', '&lowbar;')}</td>".encode(), ("html",)),
    Hiding(
        "entity-twice.html",
        lambda key: html.escape(f"<td>{key.replace('_', '&#95;')}</td>").encode(),
        ("html", "html"),
    ),
    Hiding("key.tex", lambda key: ("\\texttt{" + key.replace("_", "\\_") + "}").encode(), ("backslash",)),
    # Broken.
    Hiding("soft.eml", lambda key: f"The key is {key[:9]}=\n{key[9:]} for you".encode(), (Q,)),
    Hiding("soft-body.eml", lambda key: f"The key is {key[:33]}=\r\n{key[33:]} for you".encode(), (Q,)),
    Hiding(
        "quoted.eml",
        lambda key: quopri.encodestring((f"Schl\xfcssel {'. ' * 12}" + key + " bitte\n").encode()),
        (Q,),
    ),
    Hiding(
        "escaped.eml",
        lambda key: f"key{'.' * 20} {key.replace('_', '=5F')[:40]}=\n{key.replace('_', '=5F')[40:]}".encode(),
        (Q,),
    ),
    Hiding(
        "base64.eml",
        lambda key: mail(f"Dear all, the key of this week is\n\n    {key}\n\nPlease keep it.\n", "base64"),
        (B,),
    ),
    Hiding("plus.py", lambda key: "k = '{}' + '{}'\n".format(*at(key, 9)).encode(), (J,)),
    Hiding(
        "plus-prefix.java",
        lambda key: 'String k = "{}"\n    + "{}";\n'.format(*at(key, len(key) - 43)).encode(),
        (J,),
    ),
    Hiding("plus-thrice.js", lambda key: "k = '{}' + '{}' + \"{}\";".format(*at(key, 6, 30)).encode(), (J,)),
    Hiding("adjacent.c", lambda key: 'char *k = "{}" "{}";'.format(*at(key, 10)).encode(), (J,)),
    Hiding("adjacent.py", lambda key: 'k = ("{}"\n     "{}")'.format(*at(key, 25)).encode(), (J,)),
    Hiding("dot.php", lambda key: "$k = '{}' . '{}';".format(*at(key, 12)).encode(), (J,)),
    Hiding("template.js", lambda key: "k = `{}${{'{}'}}{}`".format(*at(key, 6, 9)).encode(), (J,)),
    Hiding("fstring.py", lambda key: "k = f\"{}{{'{}'}}{}\"".format(*at(key, 6, 20)).encode(), (J,)),
    Hiding("quotes.sh", lambda key: "k='{}'\"{}\"\n".format(*at(key, 2)).encode(), (J,)),
    Hiding("backslash.sh", lambda key: "k={}\\\n{}\n".format(*at(key, 31)).encode(), (J,)),
    Hiding("backslash.properties", lambda key: "key = {}\\\n    {}\n".format(*at(key, 8)).encode(), (J,)),
    Hiding("backtick.ps1", lambda key: '$k = "{}`\n{}"'.format(*at(key, 40)).encode(), (J,)),
    Hiding("caret.bat", lambda key: "set K={}^\r\n{}\r\n".format(*at(key, 40)).encode(), (J,)),
    Hiding("plus.ipynb", lambda key: notebook(['k = "{}" + "{}"'.format(*at(key, 9))], []), (J,)),
    Hiding(
        "plus-lines.ipynb",
        lambda key: notebook([f'k = ("{at(key, 9)[0]}"\n', f'     "{at(key, 9)[1]}")'], []),
        (J,),
    ),
    Hiding(
        "broken-folded.yaml",
        lambda key: "key: >-\n  {}\n  {}\nother: 1\n".format(*at(key, 40)).encode(),
        (W,),
    ),
    Hiding(
        "broken-folded-prefix.yaml",
        lambda key: "key: >-\n  {}\n  {}\nother: 1\n".format(*at(key, 9)).encode(),
        (W,),
    ),
    Hiding(
        "terminal.log", lambda key: ("\n".join(textwrap.wrap("x" * 50 + key, 80)) + "\nok\n").encode(), (W,)
    ),
    Hiding(
        "terminal-prefix.log",
        lambda key: ("\n".join(textwrap.wrap("x" * 74 + key, 80)) + "\nok\n").encode(),
        (W,),
    ),
    Hiding(
        "compose.log",
        lambda key: "web-1  | key is {}\nweb-1  | {}\nweb-1  | ok\n".format(*at(key, 33)).encode(),
        (W,),
    ),
    Hiding("comment.py", lambda key: "# the key: {}\n# {}\n".format(*at(key, 33)).encode(), (W,)),
    *(
        Hiding(
            f"state-{columns}.json",
            lambda key, columns=columns: json.dumps(  # type: ignore[misc]
                {"history": json.dumps({"text": "key:\r\n" + wrapped(key, columns, "\r\n") + "\r\nok"})}
            ).encode(),
            (W,),
        )
        for columns in (7, 20, 40)
    ),
    Hiding("wrapped.jsonl", lambda key: transcript({"stdout": "key: {}\n{}\nok".format(*at(key, 44))}), (W,)),
    Hiding(
        "grep.log",
        lambda key: f"a.env:KEY=\x1b[01;31m\x1b[K{key[:6]}\x1b[m\x1b[K{key[6:]}\n".encode(),
        ("ansi",),
    ),
    Hiding("highlighted.html", lambda key: f"<pre><b>{key[:6]}</b>{key[6:]}</pre>".encode(), ("markup",)),
)

_P = PREFIXES["ws", "live"]
_BODY = fake_body("decoys")

DECOYS: dict[str, bytes] = {
    "prefixes.py": f"PREFIXES = ({', '.join(map(repr, PREFIXES.values()))})\n".encode(),
    "prefix-lines.py": "\n".join(f'    "{prefix}",' for prefix in PREFIXES.values()).encode(),
    "adjacent-prefixes.c": " ".join(f'"{prefix}"' for prefix in PREFIXES.values()).encode(),
    "parts.py": b'prefix = "sk_bc_" + kind + "_live_" + body\n',
    "parts-f.py": b'prefix = f"sk_bc_{kind}_{mode}_{body}"\n',
    "parts.js": b"const k = `sk_bc_${kind}_live_${body}`;\n",
    "repeat.py": f'KEY = "{_P}" + "A" * 43\nKEY2 = "{_P}" + "x" + "y"\n'.encode(),
    "regex.py": f'KEY = re.compile(r"{_P}[A-Za-z0-9_-]{{43}}")\n'.encode(),
    "regex-parts.py": b'KEY = re.compile(r"sk_bc_(?:admin|ws)" r"_(?:live|test)_[A-Za-z0-9_-]{43}")\n',
    "docs.md": f"Keys start with `{_P}` or\n`{PREFIXES['admin', 'live']}` and go on.\n".encode(),
    "docs-crlf.json": json.dumps(
        {"text": f"A key begins with {_P}\r\nand then come 43 characters\r\n"}
    ).encode(),
    "docs-wrapped.md": f"A key begins with {_P}\nand then come 43 characters of base64url,\n".encode(),
    "docs-example.md": f"export BOLTZ_API_KEY={_P}example\n".encode(),
    "docs-masked.md": f"{_P}abcd...wxyz and {_P}****\n".encode(),
    "docs-joined.py": f'HELP = "Keys look like {_P}" "and are long."\n'.encode(),
    "filler.b64": base64.b64encode(f"KEY={_P}your-key-goes-here-please\n".encode()),
    "prefix.b32": base32(f"KEY={_P}\n").encode(),
    "filler.b32": base32(f"KEY={_P}your-key-goes-here-please\n", 76).encode(),
    "random.b32": "\n".join(base32(fake_body(n)) for n in range(200)).encode(),
    "other-vendor.b32": base32(b"KEY=sk_bc_admin_prod_" + _BODY.encode()).encode(),
    "prefix.b64": base64.b64encode(f"KEY={_P}\n".encode()),
    "prefixes.hex": " ".join(prefix.encode().hex() for prefix in PREFIXES.values()).encode(),
    "prefixes.utf16": " ".join(PREFIXES.values()).encode("utf-16"),
    "filler.utf16": f"{_P}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".encode("utf-16"),
    "escaped-prefix.json": json.dumps(list(PREFIXES.values())).replace("_", "\\u005f").encode(),
    "escaped.tex": b"\\texttt{sk\\_bc\\_ws\\_live\\_...}",
    "other-vendor.env": b"KEY=sk_bc_admin_prod_" + _BODY.encode().hex()[:32].encode(),
    "other-vendor.b64": base64.b64encode(b"KEY=sk_bc_admin_prod_" + _BODY.encode()),
    "similar.py": b"task_bc_checkpoint_dir = ask_bc_admins(news_test_data, aws_live_data)\n",
    "fixtures.py": b"def make_admin_test_user():\n    ws_test_server = 'sk_'\n    return 'bc_'\n",
    "test-names.py": b"admin_test_" + _BODY.encode() + b"\nws_live_" + _BODY.encode() + b"\n",
    "body.env": f"KEY={_BODY}\n".encode(),
    "random.b64": b"\n".join(base64.b64encode(fake_body(n).encode()) for n in range(200)),
    "hashes.json": json.dumps([fake_body(n).encode().hex() for n in range(200)]).encode(),
    "list.json": json.dumps({"prefix": "sk_bc_", "parts": ["ws", "live", _BODY]}).encode(),
    "cut.log": f"key is {_P}Qm9s\nnext line of the log is here\n".encode(),
    "table.md": b"| `sk_bc_` | `ws_live_` |\n|---|---|\n| a | b |\n",
    "empty.ipynb": notebook([f'assert key.startswith("{_P}")\n'], ["True\n"]),
}
"""Files without a key."""
