"""Filters of streams in a PDF, and chains of them.

Deflate alone is undone in pieces, as everywhere; all else by pypdf. Pictures stay as they
are: they hold no text, and for one kind pypdf would start a program of the machine.

Boundary: ISO 32000-2, 7.4; the bytes of a stream to its content.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator

from pypdf.errors import LimitReachedError
from pypdf.filters import ASCII85Decode, ASCIIHexDecode, FlateDecode, LZWDecode, RunLengthDecode
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NullObject, StreamObject

from boltz_keyscan.sources.archives.compression import inflate_stream
from boltz_keyscan.sources.archives.limits import ContainerError, Meter, corrupt_error
from boltz_keyscan.sources.archives.reader import Reader
from boltz_keyscan.sources.blob import CHUNK

_FLATE = frozenset({"/FlateDecode", "/Fl"})
_LZW = frozenset({"/LZWDecode", "/LZW"})
_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "/ASCII85Decode": ASCII85Decode.decode,
    "/A85": ASCII85Decode.decode,
    "/ASCIIHexDecode": ASCIIHexDecode.decode,
    "/AHx": ASCIIHexDecode.decode,
    "/LZWDecode": LZWDecode.decode,
    "/LZW": LZWDecode.decode,
    "/RunLengthDecode": RunLengthDecode.decode,
    "/RL": RunLengthDecode.decode,
}
_PICTURES = frozenset(
    {"/DCTDecode", "/DCT", "/JPXDecode", "/JBIG2Decode", "/CCITTFaxDecode", "/CCF"}
)  # fmt: skip

_NAME = re.compile(r"/[A-Za-z0-9]{1,20}")
_MOST_FILTERS = 32
"""Filters of one stream; people use two."""

_MOST_REFERENCES = 8
"""References to references that are followed."""

_MOST_WHOLE = 64 << 20
"""Bytes of a stream that go through a filter that takes them all at once."""

_MOST_LZW = 2 << 20
"""The same for LZW, of which pypdf decodes some 70 KB a second."""


def is_plain(dictionary: DictionaryObject) -> bool:
    """Return whether a stream is not encrypted in an encrypted document."""
    if dictionary.get("/Type") == "/XRef":
        return True
    for name, options in _filters(dictionary):
        if name == "/Crypt":
            return bool(options.get("/Name", "/Identity") == "/Identity")
    return False


def decode_stream(stream: StreamObject, raw: bytes, meter: Meter) -> Iterator[bytes] | None:
    """Return the content of a stream; None when its bytes are its content.

    Args:
        stream: its dictionary.
        raw: its bytes, not encrypted any more.
        meter: the budget of the container.

    Raises:
        Trouble: it cannot be decoded.
    """
    filters = _filters(stream)
    if len(filters) > _MOST_FILTERS:
        raise ContainerError("too-deep", f"not decoded: it has more than {_MOST_FILTERS} filters")
    chunks: Iterator[bytes] | None = None
    for name, options in filters:
        if name in _PICTURES:
            break
        if name != "/Crypt":
            picture = stream.get("/Subtype") == "/Image"
            chunks = _undone(name, options, chunks or iter([raw] if raw else []), meter, picture=picture)
    return chunks


def _filters(dictionary: DictionaryObject) -> list[tuple[str, DictionaryObject]]:
    """Return the names of its filters, each with its options."""
    names = _listed(dictionary.get("/Filter"))
    options = _listed(dictionary.get("/DecodeParms"))
    options += [None] * (len(names) - len(options))
    return [
        (str(name), each if isinstance(each, DictionaryObject) else DictionaryObject())
        for name, each in zip(names, options, strict=False)
    ]


def _listed(value: object) -> list[object]:
    value = resolve(value)
    if value is None:
        return []
    return [resolve(each) for each in value] if isinstance(value, ArrayObject) else [value]


def resolve(value: object) -> object:
    """Return what a reference refers to; None for nothing, and for what leads in circles."""
    for _ in range(_MOST_REFERENCES):
        if not isinstance(value, IndirectObject):
            return None if isinstance(value, NullObject) else value
        value = value.pdf.get_object(value)
    return None


def _undone(
    name: str, options: DictionaryObject, chunks: Iterator[bytes], meter: Meter, *, picture: bool
) -> Iterator[bytes]:
    """Undo one filter."""
    # The samples of a picture hold no text whether they are differences or not.
    predicted = name in _FLATE | _LZW and not picture and resolve(options.get("/Predictor")) not in {None, 1}
    if name in _FLATE:
        chunks = inflate_stream(Reader(chunks), meter, 15)
    elif name not in _DECODERS:
        # What is no name of a filter is not repeated: it may be anything.
        called = f" {name[1:]}" if _NAME.fullmatch(name) else ""
        raise ContainerError("unsupported-container", f"its filter{called} is not read here")
    elif name in _LZW and resolve(options.get("/EarlyChange")) == 0:
        raise ContainerError("unsupported-container", "its filter LZW without early change is not read here")
    else:
        chunks = _applied(_DECODERS[name], chunks, meter, _MOST_LZW if name in _LZW else _MOST_WHOLE)
    if predicted:
        plain = DictionaryObject({key: resolve(value) for key, value in options.items()})
        chunks = _applied(lambda whole: FlateDecode.decode(zlib.compress(whole, 0), plain), chunks, meter)
    return chunks


def _applied(
    decode: Callable[[bytes], bytes], chunks: Iterable[bytes], meter: Meter, most: int = _MOST_WHOLE
) -> Iterator[bytes]:
    """Undo a filter that takes all bytes at once."""
    whole = bytearray()
    trouble: ContainerError | None = None
    try:
        for chunk in chunks:
            whole += chunk
            if len(whole) > most:
                detail = f"not decoded: its filters take more than {most >> 20} MiB"
                raise ContainerError("too-large", detail)  # noqa: TRY301 - raised again below
    except ContainerError as error:
        if error.reason != "corrupt-container":
            raise
        # What came before the damage is read.
        trouble = error
    try:
        content = decode(bytes(whole)) if whole else b""
    except LimitReachedError as error:
        raise ContainerError(
            "output-limit", "not decoded: more comes out of one of its filters than is read"
        ) from error
    except Exception as error:
        raise corrupt_error("its bytes are not those of its filter") from error
    meter.add_output(len(content))
    for at in range(0, len(content), CHUNK):
        yield content[at : at + CHUNK]
    if trouble is not None:
        raise trouble
