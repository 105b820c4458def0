"""Office documents: text in runs, old formats, and macros."""

from __future__ import annotations

import base64
import io
import random
import struct
import zlib

import pytest

from boltz_keyscan.sources.archives.office import join_runs
from boltz_keyscan.sources.archives.ole import decompress
from conformance.containers import zipped
from conformance.databases import compound, ovba, word, workbook
from tests.keys import fake_key, fingerprint
from tests.sources.containers import reasons_of, scan_container

KEY = fake_key()
FONT = (
    f'<w:rPr><w:rFonts w:ascii="Courier New" w:hAnsi="Courier New" w:eastAsia="{"Courier New" * 5}"/></w:rPr>'
)
XLSX = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si>%b</si></sst>'
ODT = b'<document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"><text:p>%b</text:p>'


def halves(template: str, at: int) -> bytes:
    return (template.format(KEY[:at]) + template.format(KEY[at:])).encode()


PARTS = {
    f"{name} at {at}": content
    for at in (3, 14, 15, 40, 56)
    for name, content in (
        ("docx", word(f"<w:r>{FONT}<w:t>{KEY[:at]}</w:t></w:r><w:r>{FONT}{FONT}<w:t>{KEY[at:]}</w:t></w:r>")),
        ("xlsx", zipped({"xl/sharedStrings.xml": XLSX % halves("<r><rPr><b/></rPr><t>{}</t></r>", at)})),
        (
            "phonetic",
            zipped({"xl/sharedStrings.xml": XLSX % halves("<r><t>{}</t></r><rPh><t>か</t></rPh>", at)}),
        ),
        ("odt", zipped({"content.xml": ODT % halves('<text:span text:style-name="T1">{}</text:span>', at)})),
    )
}


@pytest.mark.parametrize("name", PARTS)
def test_runs_are_one_text(name: str) -> None:
    result = scan_container(PARTS[name])
    found = {hit.match.fingerprint for hit in result.hits}
    assert (found, reasons_of(result)) == ({fingerprint(KEY)}, [])


@pytest.mark.parametrize(
    "mark", ["</w:t><w:noBreakHyphen/><w:t>", "</w:t></w:r><w:r><w:noBreakHyphen/><w:t>"]
)
def test_a_hyphen_that_does_not_break_is_one(mark: str) -> None:
    key = next(key for seed in range(99) if "-" in (key := fake_key(seed=seed)))
    result = scan_container(word(f"<w:r><w:t>{key.replace('-', mark)}</w:t></w:r>"))
    assert {hit.match.fingerprint for hit in result.hits} == {fingerprint(key)}


@pytest.mark.parametrize(
    "text",
    [
        "<w:p><w:r><w:t>{}</w:t></w:r></w:p><w:p><w:r><w:t>{}</w:t></w:r></w:p>",
        "<w:r><w:t>{}</w:t><w:tab/><w:t>{}</w:t></w:r>",
        "<w:r><w:t>{}</w:t></w:r><w:br/><w:r><w:t>{}</w:t></w:r>",
    ],
)
def test_paragraphs_are_not_one_text(text: str) -> None:
    part = b'<x xmlns="http://schemas.openxmlformats.org/">' + text.format("one", "two").encode()
    assert join_runs(part).split() == [b"one", b"two"]


def test_other_xml_has_no_text_of_its_own() -> None:
    assert join_runs(b"<project><t>a</t><t>b</t></project>") == b""


MACRO = b'Attribute VB_Name = "Jobs"\r\nSub Submit()\r\n' + b"    ' queue of jobs, queue of jobs\r\n" * 40
SOURCE = MACRO + b'    key = "' + KEY.encode() + b'"\r\nEnd Sub\r\n'


def test_modules_of_macros_are_read() -> None:
    packed = ovba(SOURCE)
    assert KEY.encode() not in packed
    assert decompress(memoryview(packed)) == SOURCE
    document = zipped({"xl/vbaProject.bin": compound({"VBA/Jobs": b"\x16\1\0" * 50 + packed})})
    (hit,) = scan_container(document).hits
    assert (hit.match.fingerprint, hit.origin.members[0]) == (fingerprint(KEY), b"xl/vbaProject.bin")


def test_streams_in_sectors_anywhere() -> None:
    """Small ones in sectors of 64 bytes, large ones in 512, out of order."""
    for lead in (40, 5100):
        content = compound({"__substg1.0_1000001F": b"x" * lead + KEY.encode() + b"y" * lead}, scattered=True)
        assert KEY.encode() not in content
        result = scan_container(content)
        assert [hit.match.fingerprint for hit in result.hits] == [fingerprint(KEY)]
        assert reasons_of(result) == []


def test_strings_of_an_old_workbook_continue() -> None:
    content = compound({"Workbook": workbook(KEY, 30)})
    (hit,) = scan_container(content).hits
    assert (hit.match.fingerprint, hit.origin.members) == (fingerprint(KEY), (b"Workbook",))


def test_streams_of_a_compound_file_in_lines_of_base64() -> None:
    """A stream of zlib begins a line, and goes on in a sector elsewhere."""
    packed = zlib.compress(NUMBERS * 4 + KEY.encode())
    for lead in range(57):
        content = compound({"CONTENTS": bytes(lead) + packed + bytes(2000)}, scattered=True)
        result = scan_container(
            b'<w:binData w:name="oledata.mso">' + base64.encodebytes(content) + b"</w:binData>"
        )
        assert [hit.match.fingerprint for hit in result.hits] == [fingerprint(KEY)]
        assert reasons_of(result) == [], lead


NUMBERS = random.Random(1).randbytes(2500).hex().encode() + b" "


def test_pictures_of_an_old_workbook_continue() -> None:
    """In records of the same kind, and in those that continue any kind."""
    packed = zlib.compress(NUMBERS + KEY.encode())
    sizes = (1000, 1000, 500, len(packed))
    kinds = (0xEB, 0xEB, 0x3C, 0x3C)
    reader = io.BytesIO(packed)
    records = [(kind, reader.read(size)) for kind, size in zip(kinds, sizes, strict=True)]
    stream = b"".join(struct.pack("<HH", kind, len(body)) + body for kind, body in records)
    result = scan_container(compound({"Workbook": stream}))
    assert [hit.match.fingerprint for hit in result.hits] == [fingerprint(KEY)]
    assert reasons_of(result) == []


def test_objects_of_a_presentation_end_with_their_records() -> None:
    """PowerPoint for Mac flushes an object, and does not end it."""
    engine = zlib.compressobj()
    text = NUMBERS + KEY.encode()
    packed = engine.compress(text) + engine.flush(zlib.Z_SYNC_FLUSH)
    item = struct.pack("<HHII", 0x10, 0x1011, 4 + len(packed), len(text)) + packed
    stream = struct.pack("<HHI", 0xF, 1000, 5000) + bytes(5000) + item * 2
    result = scan_container(compound({"PowerPoint Document": stream}))
    assert {hit.match.fingerprint for hit in result.hits} == {fingerprint(KEY)}
    assert reasons_of(result) == []


@pytest.mark.parametrize("at", [24, 44, 48, 60, 76, 512, 1100])
def test_a_damaged_compound_file_is_a_gap_or_read(at: int) -> None:
    content = bytearray(compound({"Workbook": workbook(KEY, 30)}))
    content[at : at + 4] = struct.pack("<I", 0x7FFFFFF0)
    result = scan_container(bytes(content))
    assert reasons_of(result) in (["corrupt-container"], [])
    assert result.gaps or result.hits
