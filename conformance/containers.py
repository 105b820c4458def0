"""Containers, built when the suite or a test runs: one row for each, with the key that is in it.

A row is a function from a key to the bytes of a file, with the members that a report must name.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping

import zstandard

from conformance.keys import fake_key

Build = Callable[[str], bytes]

FILLER = b"".join(hashlib.sha256(b"%d" % number).hexdigest().encode() + b"\n" for number in range(200))


def text(key: str) -> bytes:
    """A small file with a key in it."""
    return f"# settings\nBOLTZ_API_KEY={key}\n".encode()


# -- the formats, from what is in them ------------------------------------------------------


def zipped(
    members: Mapping[str, bytes] | Iterable[tuple[str, bytes]],
    method: int = zipfile.ZIP_DEFLATED,
    comment: bytes = b"",
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items() if isinstance(members, Mapping) else members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
        archive.comment = comment
    return out.getvalue()


class _Pipe(io.BytesIO):
    """A stream that cannot seek, for which zipfile writes sizes after the content."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise io.UnsupportedOperation

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation


def zipped_to_a_pipe(members: Mapping[str, bytes], method: int) -> bytes:
    out = _Pipe()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def zip_of(entries: Iterable[tuple[bytes, int, bytes, int, int]], flags: int = 0) -> bytes:
    """A zip by hand: name, method, compressed bytes, crc, size."""
    body, directory, count = b"", b"", 0
    for name, method, data, crc, size in entries:
        fixed = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, crc, len(data), size, len(name), 0)
        directory += (
            b"PK\1\2" + struct.pack("<H", 20) + fixed + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name
        )
        body += b"PK\3\4" + fixed + name + data
        count += 1
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + end


def deflated(data: bytes) -> bytes:
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return engine.compress(data) + engine.flush()


def tarred(
    members: Mapping[str, bytes] | Iterable[tuple[str, bytes]], form: int = tarfile.PAX_FORMAT
) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in members.items() if isinstance(members, Mapping) else members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def old_tar(name: bytes, content: bytes) -> bytes:
    """As before 1988: no magic, only a checksum."""
    header = bytearray(512)
    header[: len(name)] = name
    header[100:108], header[108:116], header[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    header[124:136], header[136:148] = b"%011o\0" % len(content), b"%011o\0" % 0
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content + bytes(-len(content) % 512) + bytes(1024)


def zstd(data: bytes, *, size: bool = True) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True, write_content_size=size).compress(data)


def _number(value: int) -> bytes:
    return b"\xff" + struct.pack("<Q", value) if value > 127 else bytes([value])


def _packed(data: bytes, position: int, coders: list[tuple[bytes, bytes]], size: int) -> bytes:
    """Return the header of a 7z with one folder, up to its checksums."""
    described = b"".join(
        bytes([len(method) | 0x20]) + method + _number(len(properties)) + properties
        for method, properties in coders
    )
    # Each coder takes what the next one in the list gives.
    bound = b"".join(_number(n) + _number(n + 1) for n in range(len(coders) - 1))
    return (
        b"\x06" + _number(position) + b"\1\x09" + _number(len(data)) + b"\0"
        + b"\x07\x0b\1\0" + _number(len(coders)) + described + bound
        + b"\x0c" + _number(size) * len(coders) + b"\0"
    )  # fmt: skip


def seven(members: Mapping[str, bytes], *, filtered: bool = False, encoded: bool = False) -> bytes:
    """A 7z with one folder, of LZMA2 or of LZMA behind a filter for programs."""
    raw = b"".join(members.values())
    if filtered:
        filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20}]
        coders = [(b"\3\3\1\3", b""), (b"\3\1\1", b"\x5d" + struct.pack("<I", 1 << 20))]
    else:
        filters, coders = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}], [(b"\x21", b"\x10")]
    data = lzma.compress(raw, lzma.FORMAT_RAW, filters=filters)
    names = "".join(f"{name}\0" for name in members).encode("utf-16-le")
    sizes = b"".join(_number(len(content)) for content in list(members.values())[:-1])
    header = b"\1\4" + _packed(data, 0, coders, len(raw))
    header += b"\x08\x0d" + _number(len(members)) + (b"\x09" + sizes if sizes else b"") + b"\0\0"
    header += b"\5" + _number(len(members)) + b"\x11" + _number(len(names) + 1) + b"\0" + names + b"\0\0"
    if encoded:
        plain = header
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}]
        squeezed = lzma.compress(plain, lzma.FORMAT_RAW, filters=filters)
        coders = [(b"\3\1\1", b"\x5d" + struct.pack("<I", 1 << 16))]
        header = b"\x17" + _packed(squeezed, len(data), coders, len(plain)) + b"\0"
        data += squeezed
    start = struct.pack("<QQI", len(data), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + data + header


def ar(members: Mapping[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, content in members.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        out += b"\n" * (len(content) % 2)
    return out


def deb(members: Mapping[str, bytes], press: Callable[[bytes], bytes], suffix: str) -> bytes:
    control = gzip.compress(tarred({"./control": b"Package: x\n"}))
    data = press(tarred({f"./{name}": content for name, content in members.items()}))
    return ar({"debian-binary": b"2.0\n", "control.tar.gz": control, f"data.tar{suffix}": data})


def cpio(members: Mapping[str, bytes]) -> bytes:
    out = b""
    for name, content in {**members, "TRAILER!!!": b""}.items():
        raw = name.encode() + b"\0"
        fields = (1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + raw
        out += bytes(-len(out) % 4)
        out += content + bytes(-len(content) % 4)
    return out


def rpm(payload: bytes) -> bytes:
    lead = b"\xed\xab\xee\xdb" + bytes(92)
    signature = (
        b"\x8e\xad\xe8\1"
        + bytes(4)
        + struct.pack(">II", 1, 12)
        + struct.pack(">IIII", 62, 7, 0, 12)
        + bytes(12)
    )
    header = (
        b"\x8e\xad\xe8\1"
        + bytes(4)
        + struct.pack(">II", 1, 5)
        + struct.pack(">IIII", 1000, 6, 0, 1)
        + b"name\0"
    )
    return lead + signature + bytes(-len(signature) % 8) + header + payload


def pdf(content: bytes, filters: bytes = b"/FlateDecode", extra: bytes = b"") -> bytes:
    return (
        b"%PDF-1.5\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"
        b"4 0 obj\n<< /Length " + b"%d" % len(content) + b" /Filter " + filters + extra + b" >>\nstream\r\n"
        + content + b"\nendstream\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
    )  # fmt: skip


def image(layers: Iterable[bytes], environment: str = "") -> bytes:
    """Return an image as ``docker save`` writes it: an OCI layout with a manifest, in a tar."""
    blobs = {}

    def add(content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return digest

    digests = [add(layer) for layer in layers]
    config = {
        "config": {"Env": ["PATH=/bin", environment]},
        "history": [{"created_by": f"ENV {environment}"}],
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
    }
    named = add(json.dumps(config).encode())
    manifest = [
        {"Config": f"blobs/sha256/{named}", "Layers": [f"blobs/sha256/{digest}" for digest in digests]}
    ]
    return tarred({**blobs, "manifest.json": json.dumps(manifest).encode(), "oci-layout": b"{}"})


def bundle(key: str) -> bytes:
    """Return a git bundle of two commits, with a key in a delta against the newer one."""
    new, old, cut = FILLER, FILLER[:650] + text(key) + FILLER[650:], struct.pack("<H", 650)
    difference = _seven_bits(len(new)) + _seven_bits(len(old))
    difference += b"\xb0" + cut + bytes([len(text(key))]) + text(key)
    difference += b"\xb3" + cut + struct.pack("<H", len(new) - 650)
    trees, commits, parent = [], [], b""
    for content in (old, new):
        inner = b"100644 a.env\0" + _object_id(b"blob", content)
        outer = b"40000 conf\0" + _object_id(b"tree", inner)
        trees += [outer, inner]
        who = b"A. Thor <author@example.invalid> 1700000000 +0000"
        commits.append(
            b"tree " + _object_id(b"tree", outer).hex().encode() + parent
            + b"\nauthor " + who + b"\ncommitter " + who + b"\n\nsettings\n"
        )  # fmt: skip
        tip = _object_id(b"commit", commits[-1]).hex().encode()
        parent = b"\nparent " + tip
    whole = [(1, commit) for commit in commits] + [(2, tree) for tree in trees] + [(3, new)]
    objects: list[tuple[int, int, int | bytes, bytes]] = [
        (kind, len(content), b"", content) for kind, content in whole
    ]
    objects.append((6, len(difference), len(objects) - 1, difference))
    return b"# v2 git bundle\n" + tip + b" refs/heads/main\n\n" + pack(*objects)


def _object_id(kind: bytes, content: bytes) -> bytes:
    return hashlib.sha1(b"%s %d\0" % (kind, len(content)) + content, usedforsecurity=False).digest()


def _seven_bits(number: int) -> bytes:
    """A number as a pack has it, lowest bits first."""
    return bytes([number & 0x7F | 0x80]) + _seven_bits(number >> 7) if number > 0x7F else bytes([number])


def pack(*objects: tuple[int, int, int | bytes, bytes], count: int | None = None) -> bytes:
    """A git pack by hand: kind and size of each object, what it differs from, what is compressed.

    What it differs from is the number of another object, or bytes as they are put there.
    """
    body, places = b"", []
    for kind, size, base, data in objects:
        places.append(len(body))
        head = kind << 4 | size & 15
        long = bytes([head | 0x80]) + _seven_bits(size >> 4) if size > 15 else bytes([head])
        back = _back(len(body) - places[base]) if isinstance(base, int) else base
        body += long + back + zlib.compress(data)
    raw = b"PACK" + struct.pack(">II", 2, len(objects) if count is None else count) + body
    return raw + hashlib.sha1(raw, usedforsecurity=False).digest()


def _back(distance: int) -> bytes:
    """Encode the negative offset of a base object (gitformat-pack): each byte but the last adds one."""
    out = bytes([distance & 0x7F])
    while distance := distance >> 7:
        distance -= 1
        out = bytes([distance & 0x7F | 0x80]) + out
    return out


def npy(content: bytes) -> bytes:
    """An array of bytes, as numpy saves it."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({len(content)},), }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content


def layer_name(layer: bytes) -> str:
    return "layer " + hashlib.sha256(layer).hexdigest()[:12]


# -- the corpus -------------------------------------------------------------------------------

_LAYERS = {
    "kept": lambda key: tarred({"app/.env": text(key)}),
    "deleted": lambda key: tarred({"root/.netrc": text(key)}),
}

CORPUS: dict[str, tuple[Build, tuple[str, ...]]] = {
    "a.zip": (lambda k: zipped({"readme": FILLER, "conf/a.env": text(k)}), ("conf/a.env",)),
    "stored.zip": (lambda k: zipped({"a.env": text(k)}, zipfile.ZIP_STORED), ("a.env",)),
    "stored-tight.zip": (lambda k: zipped({"a": k.encode(), "b": b"b"}, zipfile.ZIP_STORED), ("a",)),
    "bzip2.zip": (lambda k: zipped({"a.env": text(k)}, zipfile.ZIP_BZIP2), ("a.env",)),
    "lzma.zip": (lambda k: zipped({"a.env": text(k)}, zipfile.ZIP_LZMA), ("a.env",)),
    "zstd.zip": (
        lambda k: zip_of([(b"a.env", 93, zstd(text(k)), zlib.crc32(text(k)), len(text(k)))]),
        ("a.env",),
    ),
    "xz.zip": (
        lambda k: zip_of([(b"a.env", 95, lzma.compress(text(k)), zlib.crc32(text(k)), len(text(k)))]),
        ("a.env",),
    ),
    "piped.zip": (lambda k: zipped_to_a_pipe({"a.env": text(k)}, zipfile.ZIP_DEFLATED), ("a.env",)),
    "commented.zip": (lambda k: zipped({"a.env": text(k)}, comment=b"hello " * 50), ("a.env",)),
    "comment.zip": (lambda k: zipped({"a": b"a"}, comment=text(k)), ()),
    "self-extracting": (
        lambda k: b"#!/bin/sh\nexec unzip $0\n" + FILLER + zipped({"a.env": text(k)}, comment=b"x"),
        ("a.env",),
    ),
    "picture.png": (lambda k: b"\x89PNG\r\n\x1a\n" + FILLER + zipped({"a.env": text(k)}), ("a.env",)),
    "trailing.zip": (lambda k: zipped({"a": FILLER}) + b"\n" + text(k), ()),
    "hidden.zip": (lambda k: _hidden(zipped({"seen": b"x"}), b"hidden.env", text(k)), ("hidden.env",)),
    "cut.zip": (lambda k: zipped({"a.env": text(k), "b": FILLER})[:-400], ("a.env",)),
    "wheel-0.1-py3-none-any.whl": (
        lambda k: zipped({"pkg/__init__.py": text(k), "pkg-0.1.dist-info/RECORD": b""}),
        ("pkg/__init__.py",),
    ),
    "lib.jar": (
        lambda k: zipped({"META-INF/MANIFEST.MF": b"M", "app.properties": text(k)}),
        ("app.properties",),
    ),
    "notes.docx": (
        lambda k: zipped(
            {"[Content_Types].xml": b"<x/>", "word/document.xml": b"<w:t>" + k.encode() + b"</w:t>"}
        ),
        ("word/document.xml",),
    ),
    "plates.xlsx": (
        lambda k: zipped({"xl/sharedStrings.xml": b"<t>" + k.encode() + b"</t>"}),
        ("xl/sharedStrings.xml",),
    ),
    "talk.pptx": (
        lambda k: zipped({"ppt/slides/slide1.xml": b"<a:t>" + k.encode() + b"</a:t>"}),
        ("ppt/slides/slide1.xml",),
    ),
    "arrays.npz": (lambda k: zipped({"x.npy": npy(FILLER), "meta.npy": npy(text(k))}), ("meta.npy",)),
    "pkg-0.1.conda": (
        lambda k: zipped(
            {"metadata.json": b"{}", "pkg-0.1.tar.zst": zstd(tarred({"etc/conf": text(k)}))},
            zipfile.ZIP_STORED,
        ),
        ("pkg-0.1.tar.zst", "etc/conf"),
    ),
    "a.tar": (lambda k: tarred({"x": FILLER, "run/a.env": text(k)}), ("run/a.env",)),
    "gnu.tar": (lambda k: tarred({"d/" * 80 + "a.env": text(k)}, tarfile.GNU_FORMAT), ("d/" * 80 + "a.env",)),
    "pax.tar": (lambda k: tarred({"é/" * 80 + "a.env": text(k)}), ("é/" * 80 + "a.env",)),
    "ustar.tar": (
        lambda k: tarred({"d/" * 60 + "a.env": text(k)}, tarfile.USTAR_FORMAT),
        ("d/" * 60 + "a.env",),
    ),
    "old.tar": (lambda k: old_tar(b"a.env", text(k)), ("a.env",)),
    "concatenated.tar": (
        lambda k: tarred({"x": b"x"}) + tarred({"a.env.gz": gzip.compress(text(k))}),
        ("a.env.gz", "content"),
    ),
    "a.tar.gz": (lambda k: gzip.compress(tarred({"a.env": text(k)})), ("a.env",)),
    "a.tgz.txt": (lambda k: gzip.compress(tarred({"a.env": text(k)})), ("a.env",)),
    "a.tar.bz2": (lambda k: bz2.compress(tarred({"a.env": text(k)})), ("a.env",)),
    "a.tar.xz": (lambda k: lzma.compress(tarred({"a.env": text(k)})), ("a.env",)),
    "a.tar.zst": (lambda k: zstd(tarred({"a.env": text(k)})), ("a.env",)),
    "behind.tar.gz": (lambda k: gzip.compress(tarred({"x": b"x"}) + b"junk " + text(k)), ("content",)),
    "job.log.gz": (lambda k: gzip.compress(text(k)), ("content",)),
    "job.log": (lambda k: gzip.compress(text(k)), ("content",)),
    "two.gz": (lambda k: gzip.compress(FILLER) + gzip.compress(text(k)), ("content",)),
    "padded.gz": (lambda k: gzip.compress(text(k)) + bytes(300), ("content",)),
    "trailing.gz": (lambda k: gzip.compress(FILLER) + b"\n" + text(k), ()),
    "job.bz2": (lambda k: bz2.compress(FILLER) + bz2.compress(text(k)), ("content",)),
    "job.xz": (lambda k: lzma.compress(FILLER) + bytes(8) + lzma.compress(text(k)), ("content",)),
    "job.lzma": (lambda k: lzma.compress(text(k), lzma.FORMAT_ALONE), ("content",)),
    "job.zst": (lambda k: zstd(FILLER) + zstd(text(k), size=False), ("content",)),
    "skippable.zst": (lambda k: b"\x50\x2a\x4d\x18\3\0\0\0abc" + zstd(text(k)), ("content",)),
    "page.pdf": (lambda k: pdf(zlib.compress(b"BT (" + k.encode() + b") Tj ET")), ("object 4",)),
    "objects.pdf": (
        lambda k: pdf(zlib.compress(b"5 0 << /URI (" + k.encode() + b") >>"), extra=b" /Type /ObjStm /N 1"),
        ("object 4",),
    ),
    "ascii85.pdf": (
        lambda k: pdf(base64.a85encode(zlib.compress(text(k))) + b"~>", b"[/ASCII85Decode /FlateDecode]"),
        ("object 4",),
    ),
    "hex.pdf": (lambda k: pdf(text(k).hex().encode() + b">", b"/ASCIIHexDecode"), ("object 4",)),
    "xz.deb": (lambda k: deb({"etc/a.env": text(k)}, lzma.compress, ".xz"), ("data.tar.xz", "./etc/a.env")),
    "zst.deb": (lambda k: deb({"etc/a.env": text(k)}, zstd, ".zst"), ("data.tar.zst", "./etc/a.env")),
    "lib.a": (lambda k: ar({"a.o/": text(k)}), ("a.o",)),
    "gz.rpm": (lambda k: rpm(gzip.compress(cpio({"./etc/a.env": text(k)}))), ("./etc/a.env",)),
    "zst.rpm": (lambda k: rpm(zstd(cpio({"./etc/a.env": text(k)}))), ("./etc/a.env",)),
    "a.7z": (lambda k: seven({"x": FILLER, "a.env": text(k)}), ("a.env",)),
    "encoded.7z": (lambda k: seven({"a.env": text(k), "x": FILLER}, encoded=True), ("a.env",)),
    "filtered.7z": (lambda k: seven({"a.env": text(k), "x": FILLER}, filtered=True), ("a.env",)),
    "disk.cpio": (lambda k: cpio({"a": b"a", "etc/a.env": text(k)}), ("etc/a.env",)),
    "backup.bundle": (bundle, ("conf/a.env",)),
    "stray.pack": (lambda k: bundle(k).partition(b"\n\n")[2], ("conf/a.env",)),
    "image.tar": (
        lambda k: image([tarred({"etc/os": b"x"}), _LAYERS["kept"](k)]),
        ("layer *", "app/.env"),
    ),
    "image-gzip.tar": (
        lambda k: image([gzip.compress(_LAYERS["kept"](k), mtime=0)]),
        ("layer *", "app/.env"),
    ),
    "image-deleted.tar": (
        lambda k: image([_LAYERS["deleted"](k), tarred({"root/.wh..netrc": b""})]),
        ("layer *", "root/.netrc"),
    ),
    "image-env.tar": (lambda k: image([tarred({"x": b"x"})], f"BOLTZ_API_KEY={k}"), ("blobs/sha256/*",)),
    "nested.zip": (
        lambda k: zipped({"inner.tar": tarred({"deep.tar.gz": gzip.compress(tarred({"a.env": text(k)}))})}),
        ("inner.tar", "deep.tar.gz", "a.env"),
    ),
    "project.tar": (
        lambda k: tarred({"p/.git/objects/ab/cdef": zlib.compress(b"blob 99\0" + text(k))}),
        ("p/.git/objects/ab/cdef", "content"),
    ),
    "nested-stored.zip": (
        lambda k: zipped({"in.zip": zipped({"a.env": text(k)}, zipfile.ZIP_STORED)}, zipfile.ZIP_STORED),
        ("in.zip", "a.env"),
    ),
    "eight.gz": (lambda k: _times(gzip.compress, text(k), 8), ("content",)),
    "large.zip": (
        lambda k: zipped({"large.log": FILLER * 400 + text(k) + FILLER * 10}),
        ("large.log",),
    ),
    "named.zip": (lambda k: zipped({f"results-{k}.json": b"{}"}), ("results-*",)),
    "named.tar.gz": (lambda k: gzip.compress(tarred({f"results-{k}.json": b"{}"})), ("results-*",)),
}
"""File name: how it is built, and the members that lead to its key; ``*`` matches what depends on the key."""


def key_of(name: str) -> str:
    """The key that is in a row's file, and nowhere else."""
    return fake_key("ws", "live", name)


def _times(press: Callable[[bytes], bytes], data: bytes, count: int) -> bytes:
    for _ in range(count):
        data = press(data)
    return data


def _hidden(archive: bytes, name: bytes, content: bytes) -> bytes:
    """A zip with a member that its directory does not list, put before all others."""
    data = deflated(content)
    fixed = struct.pack(
        "<HHHHHIIIHH", 20, 0, 8, 0, 33, zlib.crc32(content), len(data), len(content), len(name), 0
    )
    return b"PK\3\4" + fixed + name + data + archive


DECOYS: dict[str, bytes] = {
    "clean.zip": zipped({"a": FILLER, "b/c": FILLER}),
    "clean.tar.gz": gzip.compress(tarred({"a": FILLER})),
    "placeholder.zip": zipped({"readme": b"BOLTZ_API_KEY=sk_bc_" + b"ws_live_your-key-here\n"}),
    "other-vendor.tar": tarred({"a": b"sk_bc_" + b"admin_prod_0123456789abcdef0123456789abcdef\n"}),
    # Cut in two by the end of a member, and by its directory: no key in either.
    "halves.tar": tarred(
        {"a": fake_key(seed="halves").encode()[:12], "b": fake_key(seed="halves").encode()[12:]}
    ),
    "empty.zip": zipped({}),
    "empty.tar": tarred({}),
    "empty.gz": gzip.compress(b""),
    "empty.bz2": bz2.compress(b""),
    "empty.xz": lzma.compress(b""),
    "empty.zst": zstd(b""),
    "empty.pdf": b"%PDF-1.4\n%%EOF\n",
}
"""Files with no key in them and nothing wrong with them."""
