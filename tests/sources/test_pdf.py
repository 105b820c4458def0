"""PDF: what readers show, and what is in the file beside it, is found or a gap."""

from __future__ import annotations

import base64
import gc
import gzip
import io
import random
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pypdf
import pytest
import zstandard
from pypdf import PageObject
from pypdf.generic import DictionaryObject, NameObject, StreamObject, TextStringObject

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.model.enums import Part
from boltz_keyscan.model.finding import Origin, ShardResult
from boltz_keyscan.sources import signatures
from boltz_keyscan.sources.archives.shard import ContainerShard, InBuffer
from conformance.containers import tarred, text, zipped
from tests.keys import fake_key, fake_link, fingerprint
from tests.mutants import scanned

KEY = fake_key()
LINK = fake_link()
SHOWN = b"BT /F1 9 Tf 10 700 Td (" + KEY.encode() + b") Tj ET\n"
FLATE = zlib.compress(SHOWN)


def pdf(*objects: bytes, tail: bytes = b"trailer <</Root 1 0 R>>\n%%EOF\n") -> bytes:
    """A document of these objects, numbered from 4 on."""
    numbered = (b"%d 0 obj\n%s\nendobj\n" % (number, each) for number, each in enumerate(objects, 4))
    return b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n" + b"".join(numbered) + tail


def stream(content: bytes, entries: bytes = b"/Filter/FlateDecode") -> bytes:
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(content), content)


def scan(content: bytes) -> ShardResult:
    shard = ContainerShard(InBuffer(content), len(content), ((Origin(b"a.pdf"), "a.pdf"),))
    return shard.scan(KeyDetector.of(rules.load()))


def members(result: ShardResult) -> list[tuple[bytes, ...]]:
    wanted = {fingerprint(KEY), fingerprint(LINK)}
    return [hit.origin.members for hit in result.hits if hit.match.fingerprint in wanted]


def reasons(result: ShardResult) -> list[tuple[str, str]]:
    return [(gap.where, gap.reason) for gap in result.gaps]


def png_rows(content: bytes, columns: int) -> bytes:
    """Rows of differences from the row above."""
    content += b" " * (-len(content) % columns)
    rows, above = [], bytes(columns)
    for at in range(0, len(content), columns):
        row = content[at : at + columns]
        rows.append(b"\2" + bytes((new - old) & 255 for new, old in zip(row, above, strict=True)))
        above = row
    return b"".join(rows)


def lzw(content: bytes) -> bytes:
    """Nine bits for each byte, and a fresh table before each 200."""
    codes: list[int] = []
    for at in range(0, len(content), 200):
        codes += [256, *content[at : at + 200]]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def run_length(content: bytes) -> bytes:
    parts = (content[at : at + 100] for at in range(0, len(content), 100))
    return b"".join(bytes([len(part) - 1]) + part for part in parts) + b"\x80"


A85 = base64.a85encode(FLATE) + b"~>"
TWICE = FLATE.hex().encode() + b">"

SPELLINGS = {
    "name in hex": pdf(stream(FLATE, b"/Fi#6cter/Fl#61teDecode")),
    "filter elsewhere": pdf(stream(FLATE, b"/Filter 5 0 R"), b"/FlateDecode"),
    "filter in a list elsewhere": pdf(stream(FLATE, b"/Filter 5 0 R"), b"[6 0 R]", b"/FlateDecode"),
    "length elsewhere": pdf(b"<</Filter/FlateDecode/Length 5 0 R>>\nstream\n%s\nendstream" % FLATE, b"9"),
    "no length": pdf(b"<</Filter/FlateDecode>>\nstream\n%s\nendstream" % FLATE),
    "wrong length": pdf(b"<</Filter/FlateDecode/Length 3>>\nstream\n%s\nendstream" % FLATE),
    "wrong checksum": pdf(stream(FLATE[:-4] + bytes(4))),
    "no checksum": pdf(stream(FLATE[:-4])),
    "no end": pdf(b"<</Filter/FlateDecode/Length 3>>\nstream\n%s" % FLATE),
    "comment before stream": pdf(b"<</Filter/FlateDecode>>%% >> stream\n stream\n%s\nendstream" % FLATE),
    "comment before dictionary": pdf(b"% <<\n" + stream(FLATE)),
    "comment in the header": pdf().replace(b"1 0 obj", b"4 %x\n0\0obj" + stream(FLATE) + b"\nendobj 1 0 obj"),
    "white space": pdf(b"<</Filter/FlateDecode>>" + b" " * 3000 + b"stream\r\n%s\nendstream" % FLATE),
    "wide dictionary": pdf(stream(FLATE, b"/X(%s)/Filter/FlateDecode" % (b"y" * 60_000))),
    "a header in a string": pdf(stream(FLATE, b"/X(9 0 obj)/Filter/FlateDecode")),
    "a stream in a string": pdf(stream(FLATE, b"/X(<<>>stream\n)/Filter/FlateDecode")),
    "twice deflated": pdf(stream(zlib.compress(FLATE), b"/Filter[/FlateDecode/FlateDecode]")),
    "hex twice": pdf(
        stream(TWICE.hex().encode() + b">", b"/Filter[/ASCIIHexDecode/ASCIIHexDecode/FlateDecode]")
    ),
    "ascii85": pdf(stream(A85, b"/Filter [/ASCII85Decode /FlateDecode]")),
    "short names": pdf(stream(A85, b"/Filter[/A85/Fl]")),
    "lzw": pdf(stream(lzw(SHOWN), b"/Filter/LZWDecode")),
    "run length": pdf(stream(run_length(FLATE), b"/Filter[/RunLengthDecode/FlateDecode]")),
    "no encryption of its own": pdf(stream(FLATE, b"/Filter[/Crypt/FlateDecode]")),
    "predictor": pdf(
        stream(
            zlib.compress(png_rows(SHOWN, 40)),
            b"/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 40>>",
        )
    ),
    "predictor elsewhere": pdf(
        stream(zlib.compress(png_rows(SHOWN, 40)), b"/Filter[/FlateDecode]/DecodeParms[5 0 R]"),
        b"<</Predictor 15/Columns 6 0 R>>",
        b"40",
    ),
    "behind a mark of byte order": b"\xef\xbb\xbf" + pdf(stream(FLATE)),
    "behind a line": b"\n" + pdf(stream(FLATE)),
    "behind a kilobyte": b"x" * 1024 + pdf(stream(FLATE)),
    "no references at all": pdf(stream(FLATE), tail=b"%%EOF\n"),
    "references that lead astray": pdf(
        stream(FLATE), tail=b"xref\n0 1\n0000000000 65535 f \ntrailer <</Size 1>>\nstartxref\n9\n%%EOF\n"
    ),
    "an earlier revision": pdf(stream(FLATE)) + b"4 0 obj\n%s\nendobj\n%%%%EOF\n" % stream(b"", b""),
    "a later revision": pdf(stream(b"", b"")) + b"4 0 obj\n%s\nendobj\n%%%%EOF\n" % stream(FLATE),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_stream_is_found_however_it_is_spelled(name: str) -> None:
    content = SPELLINGS[name]
    assert signatures.is_container(content, 0, len(content))
    result = scan(content)
    assert (members(result), reasons(result)) == ([(b"object 4",)], [])


STRINGS = {
    "escapes": b"(" + KEY[:9].encode() + b"\\\n" + KEY[9:].encode() + b")",
    "hex in lines": b"<" + b"\n".join(b"%02X" % byte for byte in KEY.encode()) + b">",
    "utf-16 with escapes": b"(\\376\\377" + b"".join(b"\\000%c" % byte for byte in KEY.encode()) + b")",
}


@pytest.mark.parametrize("where", ["object", "packed"])
@pytest.mark.parametrize("name", STRINGS)
def test_strings_are_read(name: str, where: str) -> None:
    object_ = b"<</A[<</JS %s>>]>>" % STRINGS[name]
    if where == "packed":
        packed = zlib.compress(b"7 0 8 3 " + b"12 " + object_)
        object_ = stream(packed, b"/Type/ObjStm/N 2/First 8/Filter/FlateDecode")
    result = scan(pdf(object_))
    assert members(result)[-1:] == [(b"object 4",)]
    assert reasons(result) == []


def test_a_filter_in_a_stream_of_objects_is_found() -> None:
    packed = stream(zlib.compress(b"9 0 /FlateDecode"), b"/Type/ObjStm/N 1/First 4/Filter/FlateDecode")
    assert members(scan(pdf(stream(FLATE, b"/Filter 9 0 R"), packed))) == [(b"object 4",)]


def written(writer: pypdf.PdfWriter) -> bytes:
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def with_attachments(*files: tuple[str, bytes]) -> pypdf.PdfWriter:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    for name, content in files:
        writer.add_attachment(name, content)
    return writer


FILES = {
    "a.env": (text(KEY), (b"a.env",)),
    "a.zip": (zipped({"in.env": text(KEY)}), (b"a.zip", b"in.env")),
    "a.tgz": (gzip.compress(tarred({"in.env": text(KEY)})), (b"a.tgz", b"in.env")),
    "inner.pdf": (pdf(stream(FLATE)), (b"inner.pdf", b"object 4")),
}


@pytest.mark.parametrize("algorithm", [None, "RC4-40", "RC4-128", "AES-128", "AES-256"])
@pytest.mark.parametrize("name", FILES)
def test_attachments_are_members(name: str, algorithm: str | None) -> None:
    content, wanted = FILES[name]
    writer = with_attachments((name, content))
    if algorithm:
        writer.encrypt("", "owner", algorithm=algorithm)
    result = scan(written(writer))
    assert (members(result), reasons(result)) == ([wanted], [])


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_strings_of_an_encrypted_document_are_read(algorithm: str) -> None:
    writer = with_attachments()
    writer.add_metadata({"/Keywords": KEY})
    writer.encrypt("", "owner", algorithm=algorithm)
    result = scan(written(writer))
    assert (len(members(result)), reasons(result)) == (1, [])


def test_a_password_is_a_gap() -> None:
    writer = with_attachments(("a.env", text(KEY)))
    writer.encrypt("user", "owner", algorithm="AES-256")
    result = scan(written(writer))
    assert (members(result), reasons(result)) == ([], [("a.pdf", "encrypted")])


def test_a_blank_page_is_no_gap() -> None:
    empty = (b"<</Length 0%s>>stream\n\nendstream" % each for each in (b"/Filter/FlateDecode", b""))
    blank = written(with_attachments())
    assert [reasons(scan(each)) for each in (blank, pdf(*empty))] == [[], []]


def test_a_picture_is_no_gap() -> None:
    pictures = (
        stream(b"\xff\xd8\xff", b"/Subtype/Image/Filter/DCTDecode"),
        stream(b"anything", b"/Subtype/Image/Filter/JBIG2Decode"),
        stream(zlib.compress(b"samples"), b"/Subtype/Image/Filter/FlateDecode/DecodeParms<</Predictor 15>>"),
    )
    assert reasons(scan(pdf(*pictures))) == []


DAMAGE = {
    "unknown": (stream(FLATE, b"/Filter/FooDecode"), "unsupported-container"),
    "unknown in hex": (stream(FLATE.hex().encode(), b"/Filter[/AHx/Bar]"), "unsupported-container"),
    "brotli": (stream(b"anything", b"/Filter/BrotliDecode"), "unsupported-container"),
    "lzw without early change": (
        stream(b"x", b"/Filter/LZWDecode/DecodeParms<</EarlyChange 0>>"),
        "unsupported-container",
    ),
    "no deflate": (stream(b"no deflate"), "corrupt-container"),
    "no rows": (
        stream(zlib.compress(b"\x09" * 99), b"/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns 5>>"),
        "corrupt-container",
    ),
    "many filters": (stream(FLATE, b"/Filter[%s]" % (b"/FlateDecode" * 99)), "too-deep"),
    "no dictionary": (b"<</A(>>stream\n%s\nendstream" % FLATE, "corrupt-container"),
    "filter of itself": (stream(FLATE, b"/Filter 4 0 R"), "unsupported-container"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_stream_that_cannot_be_decoded_is_a_gap(name: str) -> None:
    content, reason = DAMAGE[name]
    assert reasons(scan(pdf(content))) == [("a.pdf", reason)]


@pytest.mark.parametrize("cut", [0, 1])
def test_a_stream_that_was_flushed_and_not_ended_is_whole(cut: int) -> None:
    engine = zlib.compressobj()
    written = engine.compress(SHOWN) + engine.flush(zlib.Z_SYNC_FLUSH)
    result = scan(pdf(stream(written[: len(written) - cut])))
    assert members(result) == [(b"object 4",)]
    assert [reason for _, reason in reasons(result)] == ["corrupt-container"] * cut


def test_circles_cost_nothing_else() -> None:
    """References to one another, for a filter, a length, a page and what is above it."""
    round_ = (
        b"<</Filter 5 0 R/Length 5 0 R>>stream\nx\nendstream",
        b"6 0 R",
        b"5 0 R",
        b"<</Type/Page/Parent 7 0 R/Contents 5 0 R/Resources 5 0 R>>",
        b"<</Type/ObjStm/N 1/First 8 0 R/Filter 8 0 R>>stream\n8 0\nendstream",
        stream(FLATE),
    )
    result = scan(pdf(*round_))
    assert members(result) == [(b"object 9",)]
    assert not {reason for _, reason in reasons(result)} - {"unsupported-container", "corrupt-container"}


def test_a_gap_quotes_nothing_of_the_document() -> None:
    """Names, strings and attachments may be keys."""
    hidden = KEY.encode()
    attached = with_attachments((f"{KEY}.zip", b"PK\3\4"))
    for content in (
        pdf(stream(b"x", b"/Filter/" + hidden)),
        pdf(stream(b"x", b"/Filter(" + hidden + b")")),
        pdf(b"<</A(" + hidden + b">>stream\n(\nendstream"),
        written(attached),
    ):
        assert all(KEY not in gap.detail for gap in scan(content).gaps)


def test_nothing_of_the_document_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    scan(pdf(b"<</A(" + KEY.encode() + b">>stream\n(\nendstream", b"<</A 1/A 2/" + KEY.encode() + b"\\>>"))
    assert not caplog.records


def pieces(size: int) -> Iterable[bytes]:
    return (KEY[at : at + size].encode() for at in range(0, len(KEY), size))


SETTINGS = {
    "kerning": b"[" + b"-20 ".join(b"(%s)" % each for each in pieces(3)) + b"] TJ",
    "operators": b" ".join(b"(%s) Tj 5.2 0 Td" % each for each in pieces(1)),
    "hex": b"[" + b"3".join(b"<%s>" % each.hex().encode() for each in pieces(5)) + b"] TJ",
}


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_key_that_is_set_in_pieces_is_found(name: str, compressed: bool) -> None:  # noqa: FBT001 - a parameter
    content = b"BT /F1 9 Tf " + SETTINGS[name] + b" ET"
    object_ = stream(zlib.compress(content)) if compressed else stream(content, b"")
    assert members(scan(pdf(object_))) == [(b"object 4",)]


DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GLYPHS = {"_": "underscore", "-": "hyphen", **{str(digit): name for digit, name in enumerate(DIGITS)}}
"""Names of the glyphs that are not called by their characters."""


def with_codes(
    shown: str, mapping: str = "bfchar", *, literal: bool = False, size: int = 200, form: bool = False
) -> bytes:
    """A page in a font that has a code of its own for each character, as word processors embed them.

    Args:
        shown: its text.
        mapping: the way in which the font names the characters of its codes.
        literal: strings are literal and not in hex.
        size: characters in a piece.
        form: the page shows it by a form.
    """
    letters = sorted(set(shown))
    width = 1 if mapping == "differences" else 2
    kind = mapping.partition(" ")[0].encode()
    table = b"begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange %d begin%s\n" % (
        len(letters),
        kind,
    )
    for code, letter in enumerate(letters, 1):
        row = {
            "bfchar": b"<%04X> <%04X>\n" % (code, ord(letter)),
            "bfrange": b"<%04X> <%04X> <%04X>\n" % (code, code, ord(letter)),
            "bfrange list": b"<%04X> <%04X> [<%04X>]\n" % (code, code, ord(letter)),
        }
        table += row.get(mapping, b"")
    table += b"end%s endcmap" % kind
    codes = [(letters.index(letter) + 1).to_bytes(width, "big") for letter in shown]
    strings = [b"".join(codes[at : at + size]) for at in range(0, len(codes), size)]
    pieces = [
        b"(%s)" % b"".join(b"\\%03o" % code for code in piece) if literal else b"<%s>" % piece.hex().encode()
        for piece in strings
    ]
    text = stream(zlib.compress(b"BT /F1 9 Tf 10 700 Td [%s] TJ ET" % b"-20 ".join(pieces)))
    font = b"/Subtype/Type0/BaseFont/A/Encoding/Identity-H/ToUnicode 8 0 R/DescendantFonts[9 0 R]"
    if mapping == "differences":
        names = "".join(f"/{GLYPHS.get(letter, letter)}" for letter in letters)
        font = b"/Subtype/Type1/BaseFont/A/Encoding<</Differences[1%s]>>" % names.encode()
    fonts = b"/Resources<</Font<</F1 7 0 R>>/XObject<</X1 10 0 R>>>>"
    return pdf(
        b"<</Type/Page/Parent 5 0 R/Contents 6 0 R>>",
        b"<</Type/Pages/Kids[4 0 R]/Count 1%s>>"
        % (b"/Resources<</XObject<</X1 10 0 R>>>>" if form else fonts),
        stream(b"q /X1 Do Q", b"") if form else text,
        b"<</Type/Font%s>>" % font,
        stream(zlib.compress(table)),
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/A/CIDSystemInfo<<>>>>",
        text.replace(b"<<", b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]" + fonts, 1) if form else b"null",
    )


@pytest.mark.parametrize("shown", [KEY, LINK], ids=["key", "share link"])
@pytest.mark.parametrize("size", [200, 1])
@pytest.mark.parametrize("literal", [False, True])
@pytest.mark.parametrize("mapping", ["bfchar", "bfrange", "bfrange list", "differences"])
def test_a_font_with_codes_of_its_own_is_read(mapping: str, *, literal: bool, size: int, shown: str) -> None:
    result = scan(with_codes(shown, mapping, literal=literal, size=size))
    assert (members(result), reasons(result)) == ([(b"object 4",)], [])


def test_a_form_in_such_a_font_is_read() -> None:
    assert members(scan(with_codes(KEY, form=True))) == [(b"object 4",)]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[PageObject]:
    """The pages whose text is decoded."""
    pages: list[PageObject] = []

    def extract(page: PageObject) -> str:
        pages.append(page)
        return ""

    monkeypatch.setattr(PageObject, "extract_text", extract)
    return pages


@pytest.mark.parametrize(
    ("shown", "pages"),
    [
        ("a_page of_some_words", 0),
        ("sky_high a_b_c", 0),
        ("a beginning: sk_bc_", 1),
        ("as in Markdown: sk\\_bc\\_", 1),
        ("of a link: shr_", 1),
    ],
)
def test_only_a_page_that_can_show_a_prefix_is_decoded(
    decoded: list[PageObject], shown: str, pages: int
) -> None:
    scan(with_codes(shown))
    assert len(decoded) == pages


FONT = b"<</Type/Font/Subtype/Type0/Encoding/Identity-H/ToUnicode 8 0 R>>"


@pytest.mark.parametrize(
    "table",
    [
        b"beginbfchar <01> <0073006B> endbfchar",
        b"beginbfchar <01> <0062005F> endbfchar",
        b"/Adobe-Identity-UCS usecmap",
        b"beginbfchar " + b"".join(b"<%04X> <0073>" % code for code in range(100)) + b" endbfchar",
    ],
    ids=["a ligature of a prefix", "a ligature with an underscore", "another table", "too many codes"],
)
def test_where_the_codes_are_not_known_a_page_is_decoded(decoded: list[PageObject], table: bytes) -> None:
    scan(
        pdf(
            b"<</Type/Page/Contents 6 0 R/Resources<</Font<</F1 7 0 R>>>>>>",
            b"null",
            stream(b"BT /F1 9 Tf <0001> Tj ET", b""),
            FONT,
            stream(table, b""),
        )
    )
    assert len(decoded) == 1


@pytest.mark.parametrize("shown", [KEY, LINK], ids=["key", "share link"])
def test_the_text_of_the_next_line_is_not_joined_to_a_key(shown: str) -> None:
    lines = [f"https://example.org/{shown}", "see above"]
    content = b" T* ".join(
        b"[" + b"-3".join(b"(%c)" % each for each in line.encode()) + b"] TJ" for line in lines
    )
    assert (b"object 4", b"text") in members(scan(pdf(stream(b"BT " + content + b" ET", b""))))


def test_the_name_of_an_attachment_is_looked_at() -> None:
    result = scan(written(with_attachments((f"{KEY}.txt", b"x"))))
    assert [hit.origin.part for hit in result.hits if hit.origin.part is Part.NAME] == [Part.NAME]


def test_text_that_quotes_a_header_is_no_document() -> None:
    assert reasons(scan(b"A PDF begins with %PDF-1.4, and objects with 1 0 obj.\n")) == []


def test_a_form_field_of_an_annotation_is_read() -> None:
    writer = with_attachments()
    note = DictionaryObject({NameObject("/Contents"): TextStringObject(f"ключ {KEY}")})
    writer._add_object(note)
    form = StreamObject()
    form.set_data(SHOWN)
    writer._add_object(form)
    assert reasons(scan(written(writer))) == []
    assert members(scan(written(writer)))


# -- the file of Adobe Illustrator, in pieces ----------------------------------------------


def illustrated(file: bytes, entries: bytes = b"", size: int = 70) -> bytes:
    """A document with the file in streams of ``size`` bytes each, more than nine of them."""
    pieces = [file[at : at + size] for at in range(0, len(file), size)]
    assert len(pieces) > 9
    names = b"".join(b"/AIPrivateData%d %d 0 R" % (n, n + 4) for n in range(1, len(pieces) + 1))
    written = [zlib.compress(piece) if entries else piece for piece in pieces]
    return pdf(b"<<%s/NumBlock %d>>" % (names, len(pieces)), *(stream(each, entries) for each in written))


NOISE = random.Random(3).randbytes(900)
HEAD = b"%%BoundingBox: 1 2 3 4\r" * 3
DRAWN = b"%!PS-Adobe-3.0\r" + NOISE + b"\r" + SHOWN


@pytest.mark.parametrize("entries", [b"", b"/Filter/FlateDecode"], ids=["plain", "filtered"])
@pytest.mark.parametrize(
    ("mark", "compress"),
    [(b"%AI12_CompressedData", zlib.compress), (b"%AI24_ZStandard_Data", zstandard.compress)],
    ids=["zlib", "zstd"],
)
def test_the_file_of_illustrator_is_read_over_its_pieces(
    mark: bytes, compress: Callable[[bytes], bytes], entries: bytes
) -> None:
    result = scan(illustrated(HEAD + mark + compress(DRAWN), entries))
    assert members(result) == [(b"AIPrivateData", b"content")]
    assert reasons(result) == []


def test_what_precedes_the_compressed_part_is_found_once(tmp_path: Path) -> None:
    file = SHOWN + HEAD + b"%AI12_CompressedData" + zlib.compress(NOISE)
    path = tmp_path / "a.ai"
    path.write_bytes(illustrated(file, size=len(SHOWN)))
    result = scanned(path)
    assert (members(result), result.gaps) == ([()], ())


def test_an_archive_that_is_called_a_piece_is_opened() -> None:
    archive = zipped({"a.txt": SHOWN})
    for content in (archive, archive + b"%AI12_CompressedData" + zlib.compress(NOISE)):
        result = scan(pdf(b"<</AIPrivateData1 5 0 R/AIPrivateData2 5 0 R>>", stream(content, b"")))
        assert [names[-1] for names in members(result)] == [b"a.txt"]


def test_a_piece_that_is_gone_is_a_gap() -> None:
    document = illustrated(HEAD + b"%AI12_CompressedData" + zlib.compress(DRAWN))
    result = scan(document.replace(b"/AIPrivateData7 ", b"/AIPrivateDate7 "))
    assert [reason for _, reason in reasons(result)] == ["corrupt-container"]


def test_the_objects_of_a_document_are_freed_with_it() -> None:
    """Python looks for garbage seldom, and a worker reads many documents."""
    count = 400
    packed = zlib.compress(b"no key")
    streams = [
        stream(packed, b"/Filter/FlateDecode/DecodeParms %d 0 R" % number)
        for number in range(4 + count, 4 + 2 * count)
    ]
    content = pdf(*streams, *[b"<</Predictor 1/Parent 1 0 R>>"] * count)
    scan(content)
    gc.collect()
    gc.disable()
    try:
        scan(content)
        assert gc.collect() < count
    finally:
        gc.enable()
