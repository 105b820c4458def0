"""Filters of PDF streams, and chains of them (ISO 32000-2, 7.4).

Only deflate is decoded in pieces; all others by pypdf. Pictures are not decoded: they hold no text,
and for JBIG2 pypdf would start an external program.
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
_MAX_FILTERS = 32
"""Filters of one stream at most; real documents use two."""

_MAX_REFERENCES = 8
"""Chained references at most."""

_MAX_DECODED_WHOLE_BYTES = 64 << 20
"""Bytes of a stream at most for a filter that decodes all at once."""

_MAX_LZW_BYTES = 2 << 20
"""Bytes of an LZW stream at most; pypdf decodes about 70 KB of it a second."""


def is_plain(dictionary: DictionaryObject) -> bool:
    """Return True if a stream is not encrypted in an encrypted document."""
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
        raw: its bytes, decrypted.
        meter: the budget of the container.

    Raises:
        ContainerError: it cannot be decoded.
    """
    filters = _filters(stream)
    if len(filters) > _MAX_FILTERS:
        raise ContainerError("too-deep", f"not decoded: it has more than {_MAX_FILTERS} filters")
    chunks: Iterator[bytes] | None = None
    for name, options in filters:
        if name in _PICTURES:
            break
        if name != "/Crypt":
            picture = stream.get("/Subtype") == "/Image"
            chunks = _undo_filter(name, options, chunks or iter([raw] if raw else []), meter, picture=picture)
    return chunks


def _filters(dictionary: DictionaryObject) -> list[tuple[str, DictionaryObject]]:
    """Return the names of its filters, each with its options."""
    names = _as_list(dictionary.get("/Filter"))
    options = _as_list(dictionary.get("/DecodeParms"))
    options += [None] * (len(names) - len(options))
    return [
        (str(name), value if isinstance(value, DictionaryObject) else DictionaryObject())
        for name, value in zip(names, options, strict=False)
    ]


def _as_list(value: object) -> list[object]:
    value = resolve(value)
    if value is None:
        return []
    return [resolve(item) for item in value] if isinstance(value, ArrayObject) else [value]


def resolve(value: object) -> object:
    """Return the object of a reference; None for a null object or a cycle."""
    for _ in range(_MAX_REFERENCES):
        if not isinstance(value, IndirectObject):
            return None if isinstance(value, NullObject) else value
        value = value.pdf.get_object(value)
    return None


def _undo_filter(
    name: str, options: DictionaryObject, chunks: Iterator[bytes], meter: Meter, *, picture: bool
) -> Iterator[bytes]:
    """Undo one filter."""
    # The samples of a picture hold no text, so its predictor is ignored.
    has_predictor = (
        name in _FLATE | _LZW and not picture and resolve(options.get("/Predictor")) not in {None, 1}
    )
    if name in _FLATE:
        chunks = _inflate(Reader(chunks), meter)
    elif name not in _DECODERS:
        # An invalid filter name is not repeated in the message: it may be a secret.
        label = f" {name[1:]}" if _NAME.fullmatch(name) else ""
        raise ContainerError("unsupported-container", f"its filter{label} is not read here")
    elif name in _LZW and resolve(options.get("/EarlyChange")) == 0:
        raise ContainerError("unsupported-container", "its filter LZW without early change is not read here")
    else:
        chunks = _decode_whole(
            _DECODERS[name], chunks, meter, _MAX_LZW_BYTES if name in _LZW else _MAX_DECODED_WHOLE_BYTES
        )
    if has_predictor:
        plain = DictionaryObject({key: resolve(value) for key, value in options.items()})
        chunks = _decode_whole(
            lambda whole: FlateDecode.decode(zlib.compress(whole, 0), plain), chunks, meter
        )
    return chunks


def _inflate(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Yield the content of deflate; its checksum may be wrong or cut off, as all readers of PDF ignore it."""
    head = reader.peek(2)
    has_header = len(head) == 2 and head[0] & 15 == 8 and not head[1] & 32 and not int.from_bytes(head) % 31
    if has_header:
        reader.skip(2)
    yield from inflate_stream(reader, meter, -15 if has_header else 15)


def _decode_whole(
    decode: Callable[[bytes], bytes],
    chunks: Iterable[bytes],
    meter: Meter,
    most: int = _MAX_DECODED_WHOLE_BYTES,
) -> Iterator[bytes]:
    """Undo a filter that decodes all bytes at once."""
    whole = bytearray()
    damage: ContainerError | None = None
    try:
        for chunk in chunks:
            whole += chunk
            if len(whole) > most:
                detail = f"not decoded: its filters take more than {most >> 20} MiB"
                raise ContainerError("too-large", detail)  # noqa: TRY301 - raised again below
    except ContainerError as error:
        if error.reason != "corrupt-container":
            raise
        # The bytes before the damage are decoded.
        damage = error
    try:
        content = decode(bytes(whole)) if whole else b""
    except LimitReachedError as error:
        raise ContainerError(
            "output-limit", "not decoded: one of its filters produces more than the limit"
        ) from error
    except Exception as error:
        raise corrupt_error("its data is not valid for its filter") from error
    meter.add_output(len(content))
    for at in range(0, len(content), CHUNK):
        yield content[at : at + CHUNK]
    if damage is not None:
        raise damage
