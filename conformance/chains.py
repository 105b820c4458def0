"""Containers that are written as text, and zlib: encodings and containers in any order.

A row is a file name, what makes its bytes of a key, and the chain and the members a report must show.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import hashlib
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from functools import partial
from urllib.parse import quote

from conformance.containers import FILLER, bundle, deflated, pdf, seven, tarred, text, zipped, zstd
from conformance.databases import lz4_frames, rows
from conformance.encodings import b64, wrapped

B, GZ, Z = "base64", "gzip", "zlib"
C = ("content",)
ENV = ("run/a.env",)


@dataclass(frozen=True)
class Chain:
    """A file with one key in it, behind encodings and containers."""

    name: str
    build: Callable[[str], bytes]
    links: tuple[str, ...] = ()
    members: tuple[str, ...] = C


def gz(key: str, filler: int = 100) -> bytes:
    """A gzip of a small file."""
    return gzip.compress(FILLER[:filler] + text(key), mtime=0)


def tgz(key: str) -> bytes:
    return gzip.compress(tarred({"x": FILLER[:50], "run/a.env": text(key)}), mtime=0)


def zlibbed(key: str, level: int = 6) -> bytes:
    return zlib.compress(FILLER[:200] + text(key), level)


def rcc(width: int, press: Callable[[str], bytes], key: str) -> bytes:
    """An array as rcc of Qt writes it, without leading zeros."""
    data = bytes((0, 0, 1, 7)) + press(key)
    lines = (",".join(f"{byte:#x}" for byte in data[at : at + width]) for at in range(0, len(data), width))
    return b"static const unsigned char data[] = {\n  " + ",\n  ".join(lines).encode() + b"};\n"


def gz_string(width: int, key: str) -> bytes:
    """A string of escapes in lines, as programs embed files."""
    data = [f"\\x{byte:02x}" for byte in gz(key)]
    lines = ("".join(data[at : at + width]) for at in range(0, len(data), width))
    return b'static const char data[] =\n  "' + '"\n  "'.join(lines).encode() + b'";\n'


def signed(key: str, filler: int = 200) -> bytes:
    """A signed message of OpenPGP (RFC 4880, 5.6 and 6.2) as gpg writes it: raw deflate, in armor."""
    data = base64.b64encode(b"\xa3\1" + deflated(FILLER[:filler] + text(key))).decode()
    armor = f"-----BEGIN PGP MESSAGE-----\n\n{wrapped(data, 64)}\n=abcd\n-----END PGP MESSAGE-----\n"
    return armor.encode()


def scene(key: str) -> bytes:
    """A compressed scene as Excalidraw writes it: each byte is a character."""
    data = zlibbed(key).decode("latin-1")
    document = {"version": "1", "encoding": "bstring", "compressed": True, "encoded": data}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def lined(columns: int, key: str) -> bytes:
    return wrapped(b64(gz(key, 400)), columns).encode()


def direnv(level: int, key: str) -> bytes:
    return f"DIFF={b64(zlibbed(key, level), safe=True)}\n".encode()


def zipped_env(key: str) -> bytes:
    return zipped({"run/a.env": text(key)})


def numbered(lines: list[str], form: str) -> str:
    """Lines with a beginning of their own."""
    return "".join(form.format(n, line) for n, line in enumerate(lines, 1))


def mail(key: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = "project"
    message.set_content("attached")
    message.add_attachment(zipped_env(key), maintype="application", subtype="zip", filename="p.zip")
    return bytes(message)


def mashup(key: str) -> bytes:
    """A workbook with a query, in UTF-16 as Excel writes it (MS-QDEFF 2.2)."""
    package = zipped({"Formulas/Section1.m": f'section Section1; shared J = "{key}";'.encode()})
    parts = struct.pack("<II", 0, len(package)) + package + bytes(12)
    item = f'<?xml version="1.0" encoding="utf-16"?><DataMashup>{b64(parts)}</DataMashup>'
    return zipped({"customXml/item1.xml": item.encode("utf-16")})


def diagram(key: str, form: str = "<mxfile><diagram name='1'>{}</diagram></mxfile>") -> bytes:
    page = quote(f'<mxGraphModel><mxCell value="K={key}"/></mxGraphModel>', safe="~()*!.'")
    return form.format(b64(deflated(page.encode()))).encode()


def patch(key: str, kind: str = "literal") -> bytes:
    """A binary patch as ``git diff --binary`` writes it."""
    content = bytes(range(256)) + text(key)
    if kind == "delta":
        # Sizes of base and result, 32 bytes copied, and the rest inserted (gitformat-pack).
        content = b"\x80\x02\xd0\x02\x90\x20" + bytes([len(text(key))]) + text(key)
    raw = zlib.compress(content)
    lines = []
    for at in range(0, len(raw), 52):
        part = raw[at : at + 52]
        size = chr(64 + len(part)) if len(part) <= 26 else chr(70 + len(part))
        lines.append(size + base64.b85encode(part, pad=True).decode())
    head = f"diff --git a/x b/x\nindex 1..2\nGIT binary patch\n{kind} {len(content)}\n"
    return (head + "\n".join(lines) + "\n\nliteral 0\nHcmV?d00001\n\n--\n2.40\n").encode()


def uu(raw: bytes, *, graves: bool = False) -> bytes:
    lines = [binascii.b2a_uu(raw[at : at + 45], backtick=graves) for at in range(0, len(raw), 45)]
    return b"begin 644 a.gz\n" + b"".join(lines) + b"`\nend\n"


def records(
    key: str, columns: int, filler: int, end: str = "\n", form: Callable[[bytes], str] = b64
) -> bytes:
    """Lines of an encoded text, each in a record of a container's log."""
    lines = wrapped(form(gz(key, filler)), columns).split("\n")
    return "".join(
        json.dumps({"log": line + end, "stream": "stdout", "time": f"2026-01-02T03:04:05.{n:09}Z"}) + "\n"
        for n, line in enumerate(["unpacking", *lines, "done"])
    ).encode()


def revlog(key: str) -> bytes:
    """Two revisions as Mercurial stores them, each behind 64 bytes of index."""
    return bytes(64) + zlibbed(key) + bytes(64) + zlib.compress(FILLER[:300])


CHAINS: tuple[Chain, ...] = (
    # Base64, in every form it has.
    Chain("gz.b64", lambda k: b64(gz(k)).encode(), (B, GZ)),
    Chain("gz-76.b64", lambda k: base64.encodebytes(gz(k, 900)), (B, GZ)),
    *(Chain(f"gz-{columns}.b64", partial(lined, columns), (B, GZ)) for columns in (16, 33, 64, 65, 100)),
    Chain("gz-crlf.b64", lambda k: wrapped(b64(gz(k, 400)), 76, "\r\n").encode(), (B, GZ)),
    Chain("gz-url-safe.b64", lambda k: b64(gz(k, 600), safe=True).rstrip("=").encode(), (B, GZ)),
    Chain("gz-percent.url", lambda k: f"?d={quote(b64(gz(k, 600)), safe='')}&x=1".encode(), (B, GZ)),
    Chain("gz-slashes.json", lambda k: json.dumps([b64(gz(k, 600))]).replace("/", "\\/").encode(), (B, GZ)),
    Chain(
        "gz-lines.json", lambda k: json.dumps({"a": wrapped(b64(tgz(k)), 76)}).encode(), (B, GZ, "tar"), ENV
    ),
    Chain(
        "gz-numbered.txt",
        lambda k: numbered(wrapped(b64(gz(k, 900)), 64).split("\n"), "{:6d}\u2192{}\n").encode(),
        (B, GZ),
    ),
    Chain(
        "gz-numbered.jsonl",
        lambda k: json.dumps(
            {"content": numbered(wrapped(b64(gz(k, 900)), 76).split("\n"), "{:6d}\u2192{}\n")}
        ).encode(),
        (B, GZ),
    ),
    Chain(
        "gz-times.log",
        lambda k: numbered(
            wrapped(b64(gz(k, 900)), 76).split("\n"), "2026-01-02T03:04:{:02d}.1Z app[7] {}\n"
        ).encode(),
        (B, GZ),
    ),
    Chain("gz-quoted.eml", lambda k: ("> " + wrapped(b64(gz(k, 400)), 76, "\n> ")).encode(), (B, GZ)),
    Chain(
        "gz-strings.py",
        lambda k: ('X = ("' + wrapped(b64(gz(k, 400)), 64, '"\n     "') + '")').encode(),
        (B, GZ),
    ),
    Chain("gz-twice.yaml", lambda k: f"data:\n  release: {b64(b64(gz(k, 400)))}\n".encode(), (B, B, GZ)),
    Chain("gz-twice-76.b64", lambda k: base64.encodebytes(b64(gz(k, 400)).encode()), (B, B, GZ)),
    Chain("gz-thrice.b64", lambda k: b64(b64(b64(gz(k)))).encode(), (B, B, B, GZ)),
    Chain("gz-in-text.b64", lambda k: b64(b"user:" + b64(gz(k)).encode()).encode(), (B, B, GZ)),
    Chain(
        "gz-name.b64",
        lambda k: b64(b"\x1f\x8b\x08\x08" + bytes(6) + b"a.env\0" + gz(k)[10:]).encode(),
        (B, GZ),
    ),
    Chain("gz-phase-one.b64", lambda k: b64(b"!" + gz(k)).encode(), (B, GZ)),
    Chain("gz-phase-two.b64", lambda k: b64(b"!!" + gz(k)).encode(), (B, GZ)),
    Chain("gz.utf16", lambda k: f'"{b64(gz(k))}"'.encode("utf-16-le"), ("utf-16", B, GZ)),
    Chain("gz-be.utf16", lambda k: f'"{b64(gz(k))}"'.encode("utf-16-be"), ("utf-16", B, GZ)),
    Chain(
        "powershell.cmd",
        lambda k: f"powershell -enc {b64(f'iex({b64(gz(k))})'.encode('utf-16-le'))}".encode(),
        (B, "utf-16", B, GZ),
    ),
    Chain("cloud-init.yaml", lambda k: f"- encoding: gz+b64\n  content: {b64(gz(k))}\n".encode(), (B, GZ)),
    Chain("response.har", lambda k: json.dumps({"encoding": "base64", "text": b64(gz(k))}).encode(), (B, GZ)),
    Chain(
        "cassette.yaml",
        lambda k: ("body: !!binary |\n  " + wrapped(b64(gz(k, 400)), 70, "\n  ")).encode(),
        (B, GZ),
    ),
    Chain("user-data.tf.json", lambda k: json.dumps({"user_data_base64": b64(gz(k))}).encode(), (B, GZ)),
    Chain(
        "installer.sh",
        lambda k: f"#!/bin/sh\nsed '1,3d' $0|base64 -d|tar xz\nexit\n{wrapped(b64(tgz(k)), 76)}\n".encode(),
        (B, GZ, "tar"),
        ENV,
    ),
    Chain("gz-cat-A.txt", lambda k: wrapped(b64(gz(k, 400)), 76, "$\n").encode() + b"$\n", (B, GZ)),
    *(
        Chain(
            f"gz-records-{columns}-{filler}.jsonl", partial(records, columns=columns, filler=filler), (B, GZ)
        )
        for columns, filler in ((76, 400), (64, 100), (57, 900), (180, 300))
    ),
    Chain("gz-messages.jsonl", lambda k: records(k, 76, 400, ""), (B, GZ)),
    Chain("gz-hex-records.jsonl", lambda k: records(k, 60, 100, form=bytes.hex), ("hex", GZ)),
    # Other containers in it.
    Chain("attachment.eml", mail, (B, "zip"), ENV),
    Chain("zip-phase-one.b64", lambda k: b64(b"!" + zipped_env(k)).encode(), (B, "zip"), ENV),
    Chain("zip-phase-two.b64", lambda k: b64(b"!!" + zipped_env(k)).encode(), (B, "zip"), ENV),
    Chain(
        "zip-stored.b64",
        lambda k: b64(zipped({"run/a.env": text(k)}, zipfile.ZIP_STORED)).encode(),
        (B, "zip"),
        ENV,
    ),
    Chain("zip-twice.b64", lambda k: b64(b64(zipped_env(k))).encode(), (B, B, "zip"), ENV),
    Chain("xz.b64", lambda k: b64(lzma.compress(text(k))).encode(), (B, "xz")),
    Chain("zst.b64", lambda k: b64(zstd(FILLER[:200] + text(k))).encode(), (B, "zstd")),
    Chain("bz2.b64", lambda k: b64(bz2.compress(text(k))).encode(), (B, "bzip2")),
    Chain("bz2-fast.b64", lambda k: b64(bz2.compress(text(k), 1)).encode(), (B, "bzip2")),
    Chain("7z.b64", lambda k: b64(seven({"run/a.env": text(k)})).encode(), (B, "7z"), ENV),
    Chain(
        "pdf.b64",
        lambda k: b64(pdf(zlib.compress(b"BT (" + k.encode() + b") Tj ET"))).encode(),
        (B, "pdf"),
        ("object 4",),
    ),
    Chain("repo.bundle.b64", lambda k: b64(bundle(k)).encode(), (B, "git-bundle"), ("conf/a.env",)),
    Chain(
        "repo.bundle.sh",
        lambda k: b"<<E\n" + base64.encodebytes(bundle(k)),
        (B, "git-bundle"),
        ("conf/a.env",),
    ),
    Chain("lz4.b64", lambda k: b64(lz4_frames(FILLER[:200] + text(k))).encode(), (B, "lz4")),
    Chain(
        "rows.b64",
        lambda k: b64(rows(("n", zlib.compress(b"x" * 6000 + text(k))))).encode(),
        (B, "zlib"),
    ),
    Chain("query.xlsx", mashup, ("utf-16", B, "zip"), ("customXml/item1.xml", "Formulas/Section1.m")),
    Chain("text-in-gz.gz", lambda k: gzip.compress(b"data: " + b64(gz(k)).encode() + b"\n"), (B, GZ)),
    Chain(
        "base64-in-gz-in-base64.b64",
        lambda k: b64(gzip.compress(b64(gz(k)).encode())).encode(),
        (B, GZ, B, GZ),
    ),
    # zlib and raw deflate in it.
    *(Chain(f"zlib-{level}.txt", partial(direnv, level), (B, Z)) for level in (1, 2, 6, 9)),
    Chain("zlib-at-0.b64", lambda k: b64(zlibbed(k, 9)).encode(), (B, Z)),
    Chain(
        "session.har",
        lambda k: json.dumps({"Cookie": f"session=.{b64(zlibbed(k, 6), safe=True)}.x"}).encode(),
        (B, Z),
    ),
    Chain("zlib-twice.yaml", lambda k: f"d: {b64(b64(zlibbed(k)))}\n".encode(), (B, B, Z)),
    Chain("arch.drawio", diagram, (B, "deflate")),
    Chain(
        "arch.html",
        lambda k: diagram(k, "&lt;diagram id=&quot;a&quot;&gt;{}&lt;/diagram&gt;"),
        (B, "deflate"),
    ),
    Chain(
        "saml.url",
        lambda k: b"GET /sso?SAMLRequest=" + quote(b64(deflated(FILLER[:99] + text(k))), safe="").encode(),
        (B, "deflate"),
    ),
    Chain(
        "deflate.ps1",
        lambda k: b"[Convert]::FromBase64String('" + b64(deflated(text(k))).encode() + b"')",
        (B, "deflate"),
    ),
    # Hex, numbers and escapes.
    Chain("gz.hex", lambda k: gz(k).hex().encode(), ("hex", GZ)),
    Chain("gz-upper.hex", lambda k: gz(k).hex().upper().encode(), ("hex", GZ)),
    Chain("gz-60.hex", lambda k: wrapped(gz(k, 400).hex(), 60).encode(), ("hex", GZ)),
    Chain("gz-spaces.hex", lambda k: gz(k).hex(" ").encode(), ("hex", GZ)),
    Chain("zlib.hex", lambda k: f'"{zlibbed(k).hex()}"'.encode(), ("hex", Z)),
    Chain(
        "blob.sql",
        lambda k: b"INSERT INTO t VALUES (X'" + zlibbed(k, 9).hex().upper().encode() + b"');\n",
        ("hex", Z),
    ),
    Chain("bytea.sql", lambda k: f"1\t\\\\x{gz(k).hex()}\n".encode(), ("hex", GZ)),
    Chain(
        "array.c",
        lambda k: (
            "{"
            + ",\n  ".join(
                ", ".join(f"0x{b:02x}" for b in gz(k)[at : at + 12]) for at in range(0, len(gz(k)), 12)
            )
            + "}"
        ).encode(),
        ("hex", GZ),
    ),
    *(Chain(f"rcc-{width}.cpp", partial(rcc, width, zlibbed), ("hex", Z)) for width in (4, 11, 16)),
    Chain("rcc-gz.cpp", partial(rcc, 16, gz), ("hex", GZ)),
    *(Chain(f"gz-{width}.c", partial(gz_string, width), ("escape", GZ)) for width in (8, 16, 21)),
    Chain("signed.asc", signed, (B, "deflate")),
    Chain("signed.eml", lambda k: b"Hi,\n\n> " + signed(k).replace(b"\n", b"\n> "), (B, "deflate")),
    Chain("scene.json", scene, ("escape", Z)),
    Chain(
        "scene.svg",
        lambda k: b"<metadata><!-- payload-start -->" + base64.b64encode(scene(k)) + b"<!-- payload-end -->",
        (B, "escape", Z),
    ),
    Chain(
        "buffer.json", lambda k: json.dumps({"type": "Buffer", "data": list(gz(k))}).encode(), ("decimal", GZ)
    ),
    Chain(
        "buffer-zlib.json",
        lambda k: json.dumps(list(zlibbed(k)), separators=(",", ":")).encode(),
        ("decimal", Z),
    ),
    Chain("bytes.py", lambda k: f"D = {gz(k)!r}\n".encode(), ("escape", GZ)),
    Chain("bytes-zlib.py", lambda k: f"D = {zlibbed(k)!r}\n".encode(), ("escape", Z)),
    Chain("latin.json", lambda k: json.dumps({"body": gz(k).decode("latin-1")}).encode(), ("escape", GZ)),
    Chain(
        "latin-raw.json",
        lambda k: json.dumps({"body": gz(k).decode("latin-1")}, ensure_ascii=False).encode(),
        ("escape", GZ),
    ),
    Chain("gz.url", lambda k: f"?d={quote(gz(k))}&x".encode(), ("percent", GZ)),
    Chain("gz.qp", lambda k: binascii.b2a_qp(gz(k), istext=False), ("quoted-printable", GZ)),
    # Base85 and uuencode.
    Chain("gz.b85", lambda k: base64.b85encode(gz(k)), ("base85", GZ)),
    Chain(
        "zlib.b85.py", lambda k: f"D = {base64.b85encode(zlibbed(k)).decode()!r}\n".encode(), ("base85", Z)
    ),
    Chain("zip.b85", lambda k: base64.b85encode(zipped_env(k)), ("base85", "zip"), ENV),
    Chain("gz.a85", lambda k: base64.a85encode(gz(k), adobe=True), ("ascii85", GZ)),
    Chain("zlib.a85", lambda k: base64.a85encode(zlibbed(k), adobe=True), ("ascii85", Z)),
    Chain("gz.uu", lambda k: uu(gz(k)), ("uuencode", GZ)),
    Chain("gz-graves.uu", lambda k: uu(gz(k), graves=True), ("uuencode", GZ)),
    Chain("literal.patch", patch, ("git-patch",)),
    Chain("delta.patch", lambda k: patch(k, "delta"), ("git-patch",)),
    # zlib as it is.
    *(Chain(f"level-{level}.z", partial(zlibbed, level=level), ()) for level in (0, 1, 3, 6, 9)),
    Chain("embedded.bin", lambda k: b"\x7fELF" + bytes(100) + zlibbed(k) + bytes(50), ()),
    Chain(
        "lazy.rdb",
        lambda k: struct.pack(">I", 999) + zlibbed(k) + struct.pack(">I", 99) + zlib.compress(FILLER[:99]),
        (),
    ),
    Chain("data.i", revlog, ()),
    Chain(
        "v7.mat",
        lambda k: (
            b"MATLAB 5.0 MAT-file".ljust(124)
            + b"\0\1IM"
            + struct.pack("<II", 15, len(zlibbed(k)))
            + zlibbed(k)
        ),
        (),
        members=("variable 1",),
    ),
    Chain("loose-object", lambda k: zlib.compress(b"blob %d\0" % len(text(k)) + text(k), 1), ()),
    Chain("text.png", lambda k: b"\x89PNG\r\n\x1a\n\0\0\0\x20zTXtmxfile\0\0" + zlibbed(k) + bytes(4), ()),
)

_RANDOM = b"".join(hashlib.sha512(b"%d" % number).digest() for number in range(300))

DECOYS: dict[str, bytes] = {
    "random.bin": _RANDOM,
    "random.b64": base64.encodebytes(_RANDOM),
    "random.hex": _RANDOM.hex().encode(),
    "clean-gz.b64": b64(gzip.compress(FILLER)).encode(),
    "clean-zip.b64": b64(zipped({"a": FILLER})).encode(),
    "clean-twice.yaml": f"release: {b64(b64(gzip.compress(FILLER)))}".encode(),
    "clean.drawio": b"<mxfile><diagram>" + b64(deflated(FILLER)).encode() + b"</diagram></mxfile>",
    "clean.patch": patch("nothing"),
    "clean-zlib.json": json.dumps([zlib.compress(FILLER).hex()]).encode(),
    "elided.md": b"`release: H4sIAAAAAAAAA...` and `eJyrVkrOz0nVUbJS...` and `UEsDBBQAAAAIA...`\n",
    "words.java": b"int lineNo = typeNode.eNot; // eAEa eFF4 eJwz\n" * 50,
    "codes.csv": b"".join(b"7801%07d,789c,78da%05d,120,1,2\n" % (n * 7919, n) for n in range(2000)),
    "magic.py": b"MAGIC = (b'\\x1f\\x8b\\x08', b'PK\\x03\\x04', b'x\\x9c', 'H4sI', 'UEsDB', '1f8b08')\n",
    "clean-rcc.cpp": rcc(16, lambda _: zlib.compress(FILLER), ""),
    "random-rcc.cpp": rcc(16, lambda _: b"\x78\x9c" + _RANDOM[:900], ""),
    "clean.asc": signed("nothing"),
    "encrypted.asc": b"-----BEGIN PGP MESSAGE-----\n\n" + base64.encodebytes(b"\x85\1\x0c" + _RANDOM[:900]),
    "clean-scene.json": json.dumps(
        {"version": "1", "encoding": "bstring", "encoded": "x\x9c of nothing " * 30}, ensure_ascii=False
    ).encode(),
    "clean-scene.b64": b64(b'{"version":"1","encoding":"none"}' * 9).encode(),
    "magic.c": b"static const unsigned char gz[] = {0x1f, 0x8b, 0x08, 0x00}; /* 31, 139, 8, 0 */\n",
    "ustar.js": b"var MAGIC = '".ljust(257) + b"ustar\\x00';\n" * 60,
    "dictionary.lzma": b"\0\0\0\0\x80\x16\xfe\xff" + bytes(9) + b"s\1" + _RANDOM[:500],
    "profile.png": b"\x89PNG\r\n\x1a\n\0\0\0\x20iCCPicc\0\0"
    + zlib.compress(bytes(36) + b"acsp" + bytes(200)),
    "pixels.png": b"\x89PNG\r\n\x1a\n\0\0\0\x20IDAT" + zlib.compress(_RANDOM)[:5000],
    "placeholder.b64": b64(gzip.compress(b"BOLTZ_API_KEY=sk_bc_" + b"ws_live_your-key-here\n")).encode(),
    "saml-post.html": b'<input name="SAMLResponse" value="' + b64(b"<saml:Response/>" * 9).encode() + b'">',
}
"""Files without a key that begin like one of these, and clean ones."""
