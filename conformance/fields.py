"""The group ``files``: databases, office documents, logs and arrays, each with one key in it."""

from __future__ import annotations

import functools
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import brotli

from conformance import databases
from conformance.containers import FILLER, Build, pdf, tarred, zipped
from conformance.databases import rows, word
from conformance.keys import fake_key

_LONG = FILLER.decode()


def _at(place: int, size: int = 9000) -> Callable[[str], str]:
    """Return a function that puts a key into a text of ``size`` characters."""
    return lambda key: f"{_LONG[:place]}{key} {_LONG[: size - place]}"


def cut(key: str, part: int, size: int, **options: Any) -> bytes:  # noqa: ANN401 - those of ``rows``
    """Return a database in which the end of a page comes behind ``part`` characters of the key, or near.

    The size of the text decides which bytes of it are on which page.
    """
    spelled = key.encode(
        {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}.get(options.get("encoding", ""), "utf-8")
    )
    for place in range(200 - part, size, 5):
        content = rows(("a", "b"), ("c", _at(place, size)(key)), **options)
        if spelled not in content and spelled[: len(spelled) * part // 60] in content:
            return content
    raise ValueError(f"no page ends there: {part}, {size}, {options}")


def _databases() -> Iterator[tuple[str, Build]]:
    """A key at the ends of pages, after parts of it of all lengths, in databases of several kinds."""
    kinds: dict[str, dict[str, Any]] = {
        "page-512": {"page": 512, "size": 2000},
        "page-1024": {"page": 1024, "size": 3000},
        "page-4096": {"size": 9000},
        # The last page is not full; then the first one holds less.
        "page-4096-rest": {"size": 12_500},
        "page-65536": {"page": 65536, "size": 12_000},
        "utf-16le": {"encoding": "UTF-16le", "size": 5000},
        "utf-16be": {"encoding": "UTF-16be", "size": 5000},
        "without-rowid": {"schema": "CREATE TABLE t(k PRIMARY KEY, v) WITHOUT ROWID", "size": 9000},
    }
    for name, options in kinds.items():
        for part in (5, 25, 45):
            yield f"{name}-{part}.sqlite", functools.partial(_build, part=part, options=options)
    for name, is_journal in (("wal", False), ("journal", True)):
        for page, at in ((512, 3), (1024, 19), (4096, 30), (4096, 56)):
            yield (
                f"{page}-{at}.db-{name}",
                lambda k, at=at, page=page, is_journal=is_journal: databases.row_in_log(  # type: ignore[misc]
                    k, at, page, is_journal=is_journal
                ),
            )
    for page, at, lead in (
        (512, 9, 1),
        (512, 50, 3),
        (1024, 30, 2),
        (4096, 18, 0),
        (4096, 40, 1),
        (4096, 5, 2),
    ):
        yield (
            f"deleted-{page}-{at}.sqlite",
            lambda k, page=page, at=at, lead=lead: databases.deleted(k, at, page, lead=lead),  # type: ignore[misc]
        )
    yield "dropped.sqlite", lambda k: databases.deleted(k, 30, 1024, "DROP TABLE t", lead=2)
    yield "deleted.tar", lambda k: tarred({"state.vscdb": databases.deleted(k, 30, 4096, "DELETE FROM t")})
    yield "text-search.sqlite", lambda k: rows((_at(4050)(k),), schema="CREATE VIRTUAL TABLE t USING fts5(a)")
    yield "blob.sqlite", lambda k: rows(("a", _at(4050)(k).encode()))
    yield "gzip.sqlite", lambda k: rows(("a", gzip.compress(_at(12_000)(k).encode(), 1)))
    yield "zip.sqlite", lambda k: rows(("a", zipped({"a.env": _at(9000)(k).encode()})))
    yield "nested.sqlite", lambda k: rows(("a", rows(("b", _at(4050)(k)))))
    yield "archived.tar", lambda k: tarred({"state.vscdb": rows(("a", _at(4050)(k)))})


def _documents() -> Iterator[tuple[str, Build]]:
    """A key in runs of several lengths, and in old formats."""
    font = f'<w:rPr><w:rFonts w:ascii="Courier New" w:cs="{"Courier New" * 8}"/><w:b/></w:rPr>'
    sheet = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si>%b</si></sst>'
    slide = b'<p:sld xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:p>%b</a:p></p:sld>'
    odf = b'<document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"><text:p>%b</text:p>'

    def runs(form: str, key: str, width: int) -> str:
        return "".join(form.format(key[at : at + width]) for at in range(0, len(key), width))

    forms: dict[str, tuple[str, Callable[[str], bytes]]] = {
        "docx": (f"<w:r>{font}<w:t>{{}}</w:t></w:r>", word),
        "xlsx": (
            "<r><rPr><b/></rPr><t>{}</t></r>",
            lambda x: zipped({"xl/sharedStrings.xml": sheet % x.encode()}),
        ),
        "pptx": (
            f'<a:r><a:rPr lang="en"><a:latin typeface="{"Courier " * 12}"/></a:rPr><a:t>{{}}</a:t></a:r>',
            lambda x: zipped({"ppt/slides/slide1.xml": slide % x.encode()}),
        ),
        "odt": (
            '<text:span text:style-name="T1">{}</text:span>',
            lambda x: zipped({"content.xml": odf % x.encode()}),
        ),
    }
    for suffix, (form, build) in forms.items():
        for width in (1, 5, 14, 33, 50):
            yield (
                f"runs-{width}.{suffix}",
                lambda k, form=form, build=build, width=width: build(runs(form, k, width)),  # type: ignore[misc]
            )
    for at in (2, 14, 30, 56):
        yield (
            f"string-{at}.xls",
            lambda k, at=at: databases.compound({"Workbook": databases.workbook(k, at)}),  # type: ignore[misc]
        )
    for lead in (30, 5100):
        yield (
            f"stream-{lead}.msg",
            lambda k, lead=lead: databases.compound(  # type: ignore[misc]
                {"__substg1.0_1000001E": (" " * lead + k + " " * lead).encode()}, scattered=True
            ),
        )
    yield (
        "macro.xlsm",
        lambda k: zipped(
            {"xl/vbaProject.bin": databases.compound({"VBA/Jobs": bytes(80) + databases.ovba(_macro(k))})}
        ),
    )
    for width in (1, 2, 7):
        yield f"glyphs-{width}.pdf", lambda k, width=width: glyphs(k, width)  # type: ignore[misc]
    for width in (2, 11, 22, 40):
        for in_glyphs in (False, True):
            yield (
                f"cell-{width}{'-glyphs' * in_glyphs}.pdf",
                lambda k, width=width, in_glyphs=in_glyphs: wrapped_text(  # type: ignore[misc]
                    k, width, "workspace", in_glyphs=in_glyphs
                ),
            )


def wrapped_text(text: str, width: int, after: str, *, in_glyphs: bool) -> bytes:
    """Return a PDF with a text in lines of a width, and another right behind it, as cells of a table."""
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    if in_glyphs:
        return glyphs(text + after, width, " 0 -12 Td ", lines=[*lines, after])
    shown = " T* ".join(f"({line}) Tj" for line in lines)
    return pdf(zlib.compress(f"BT /F1 9 Tf 12 TL 10 700 Td {shown} ET BT 90 700 Td ({after}) Tj ET".encode()))


def redis_dump(value: bytes, lead: int = 0) -> bytes:
    """Return a dump of Redis with a compressed value: LZF has a byte before at most 32 others."""
    pieces = [value[:lead], *(value[at : at + 32] for at in range(lead, len(value), 32))]
    # Copies of 264 bytes, of those before them.
    packed = b"".join(bytes([len(piece) - 1]) + piece for piece in pieces if piece) + b"\xe0\xff\x1f" * 8
    lengths = b"".join(b"\x80" + size.to_bytes(4, "big") for size in (len(packed), len(value) + 8 * 264))
    return b"REDIS0011\xfa\x09redis-ver\x057.0.1\xfe\0\0\3key\xc3" + lengths + packed + b"\xff" + bytes(8)


def _macro(key: str) -> bytes:
    body = "\r\n".join(f"    ' {key[at : at + 30]}" for at in range(20, 26))
    return f'Attribute VB_Name = "Jobs"\r\nSub Submit()\r\n{body}\r\n    k = "{key}"\r\nEnd Sub\r\n'.encode()


def _build(key: str, *, part: int, options: dict[str, Any]) -> bytes:
    if options.get("page") == 65536:
        # No text of the suite is so long.
        return rows(("a", _at(part * 100)(key)), page=65536)
    return cut(key, part, **options)


def glyphs(text: str, width: int, move: str = "", *, lines: Sequence[str] = ()) -> bytes:
    """Return a PDF with a text as numbers of glyphs, moved after so many letters, as browsers print.

    With ``lines`` each is shown by itself, after ``move``.
    """
    letters = sorted(set(text))
    numbers = {letter: f"{number:04X}" for number, letter in enumerate(letters, 3)}
    table = "".join(f"<{numbers[letter]}> <{ord(letter):04X}>\n" for letter in letters)
    cmap = "begincmap\n1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
    cmap += f"{len(letters)} beginbfchar\n{table}endbfchar\nendcmap"
    shown = "".join(
        f"<{''.join(numbers[letter] for letter in text[at : at + width])}> -12 "
        for at in range(0, len(text), width)
    )
    shown = f"[{shown}] TJ"
    if lines:
        shown = move.join(f"<{''.join(map(numbers.__getitem__, line))}> Tj" for line in lines)
    page = zlib.compress(f"BT /F1 9 Tf 10 700 Td {shown} ET".encode())
    unicode = zlib.compress(cmap.encode())
    parts = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Filter/FlateDecode/Length %d>>stream\n%b\nendstream" % (len(page), page),
        b"<</Type/Font/Subtype/Type0/BaseFont/A/Encoding/Identity-H/DescendantFonts[6 0 R]/ToUnicode 7 0 R>>",
        (
            b"<</Type/Font/Subtype/CIDFontType2/BaseFont/A"
            b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>"
        ),
        b"<</Filter/FlateDecode/Length %d>>stream\n%b\nendstream" % (len(unicode), unicode),
    )
    out = io.BytesIO(b"%PDF-1.5\n")
    out.seek(0, io.SEEK_END)
    for number, part in enumerate(parts, 1):
        out.write(b"%d 0 obj\n%b\nendobj\n" % (number, part))
    out.write(b"trailer\n<</Root 1 0 R>>\n%%EOF\n")
    return out.getvalue()


def _noted(key: str) -> bytes:
    return (_LONG[:900] + key[20:50] + " " + key + " " + _LONG).encode()


def _logs() -> Iterator[tuple[str, Build]]:
    """A key in what logs and arrays compress; a part of it comes before, so that it is copied."""
    for codec in ("deflate", "snappy", "xz", "zstandard"):
        yield f"{codec}.avro", lambda k, codec=codec: databases.avro(_noted(k), codec)  # type: ignore[misc]
    for order in "<>":
        name = "little" if order == "<" else "big"
        yield f"{name}.mat", lambda k, order=order: databases.mat(_noted(k), order)  # type: ignore[misc]
    for kind, name in ((1, "xz"), (2, "lz4"), (4, "zstd")):
        yield f"{name}.journal", lambda k, kind=kind: databases.journal(_noted(k), kind)  # type: ignore[misc]
    yield "compact.journal", lambda k: databases.journal(_noted(k), 4, compact=True)
    for before in (1, 12, 30, 56):
        yield (
            f"{before}.leveldb.log",
            lambda k, before=before: databases.level_log(k.encode() + b" ", before),  # type: ignore[misc]
        )
    for packing, name in ((0, "stored"), (1, "snappy"), (2, "zstd")):
        for before in (0, 7, 40):
            yield (
                f"{before}.{name}.ldb",
                lambda k, packing=packing, before=before: databases.level_table(  # type: ignore[misc]
                    b"filler " * 90, _noted(k)[before:], b"end", packing=packing
                ),
            )
    for packing, name in ((0, "stored"), (1, "snappy"), (2, "zstd")):
        yield (
            f"profile.{name}.tar",
            lambda k, packing=packing: tarred(  # type: ignore[misc]
                {"a.txt": b"a", "000005.ldb": databases.level_table(b"filler", _noted(k), packing=packing)}
            ),
        )
    for before in (9, 33):
        yield (
            f"{before}.wandb",
            lambda k, before=before: databases.level_log(k.encode() + b" ", before, b":W&B\xe1\xbe\0"),  # type: ignore[misc]
        )
    yield "kafka.snappy", lambda k: databases.java_snappy(b"filler " * 90, _noted(k))
    yield "job.log.sz", lambda k: databases.snappy_stream(_noted(k))
    yield "job.log.lz4", lambda k: databases.lz4_frames(_noted(k))


def _values() -> Iterator[tuple[str, Build]]:
    """A key in values that Redis compresses, and in files that only their name identifies."""
    for lead in (0, 5, 13, 27):
        yield f"{lead}.rdb", lambda k, lead=lead: redis_dump(_noted(k), lead)  # type: ignore[misc]
    yield "dump.tar", lambda k: tarred({"data/dump.rdb": redis_dump(_noted(k), 3)})
    yield "page.js.br", lambda k: brotli.compress(_noted(k))
    yield "site.tar", lambda k: tarred({"static/page.js.br": brotli.compress(_noted(k))})


CORPUS: dict[str, Build] = {
    **dict(_databases()),
    **dict(_documents()),
    **dict(_logs()),
    **dict(_values()),
}
"""File name: how it is built."""

_HALF = fake_key(seed="half of a field")
DECOYS: dict[str, bytes] = {
    # A key that is cut by the end of a value, a paragraph or a stream is none.
    "halves.sqlite": rows(("a", _LONG + _HALF[:10]), (_HALF[10:] + _LONG, "b")),
    "columns.sqlite": rows(
        (_LONG + _HALF[:10], "", " " + _HALF[10:] + _LONG), schema="CREATE TABLE t(a, b, c)"
    ),
    "clean.sqlite": rows(("a", _LONG), ("b", gzip.compress(FILLER))),
    "empty.sqlite": rows(),
    **{
        f"clean.db-{name}": databases.row_in_log(_HALF[:10] + "-" * 47, 12, 512, is_journal=name == "journal")
        for name in ("wal", "journal")
    },
    "view.sqlite": rows(("a", _LONG), more=[f"CREATE VIEW w AS SELECT '{_HALF[:10]}' || '{_HALF[30:]}'"]),
    "clean.docx": word("<w:r><w:t>sk_bc_</w:t></w:r><w:r><w:t>ws_live_your-key</w:t></w:r>"),
    "halves.doc": databases.compound({"WordDocument": _HALF[:10].encode(), "1Table": _HALF[10:].encode()}),
    "clean.xls": databases.compound({"Workbook": databases.workbook("a text", 3)}),
    "clean.pdf": glyphs("sk_bc_" + "ws_live_your-key", 1),
    "clean.avro": databases.avro(FILLER, "deflate"),
    "clean.mat": databases.mat(FILLER),
    "clean.journal": databases.journal(FILLER, 4),
    "clean.leveldb.log": databases.level_log(FILLER * 9, 30),
    "clean.ldb": databases.level_table(FILLER, _HALF[:10].encode(), _HALF[10:].encode()),
    "stored.ldb": databases.level_table(FILLER, packing=0),
    "reader.so": b"\x7fELF" + bytes(900) + bytes.fromhex("57fb808b247547db") + FILLER,
    "clean.rdb": redis_dump(FILLER),
    "halves.rdb": redis_dump(_HALF[:10].encode() + b" " * 40 + _HALF[10:].encode()),
    "marks.rdb": b"REDIS0011" + b"\xc3" * 900,
    "clean.js.br": brotli.compress(FILLER),
    "leia-me.br": "a text for Brazil: não há nada aqui\n".encode() * 9,
    "halves.pdf": wrapped_text(_HALF[:30], 15, "of the whole group of people", in_glyphs=False),
    "masked.pdf": wrapped_text("sk_bc_" + "ws_live_" + "*" * 20, 15, "workspace", in_glyphs=True),
    "clean.snappy": databases.java_snappy(FILLER),
    "clean.sz": databases.snappy_stream(FILLER),
    "clean.lz4": databases.lz4_frames(FILLER),
    "table.parquet.txt": b"PAR1 and ORC are formats of tables\n",
}
"""Files with no key in them and nothing wrong with them."""
