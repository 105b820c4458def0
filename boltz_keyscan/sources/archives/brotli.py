"""Brotli, which has no mark: a file is identified by its name and by what comes out of it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from boltz_keyscan.sources.archives.compression import decompress_message
from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import TRUNCATED, ContainerError, Meter, corrupt_error
from boltz_keyscan.sources.archives.reader import Reader
from boltz_keyscan.sources.blob import CHUNK


def unbrotli(reader: Reader, meter: Meter) -> Iterator[bytes]:
    """Yield the content of brotli (RFC 7932)."""
    import brotli  # noqa: PLC0415 - the standard library has no brotli

    engine = brotli.Decompressor()
    while not engine.is_finished():
        data = reader.take() if engine.can_accept_more_data() else b""
        try:
            # At the end of the input the engine may still hold output.
            output = engine.process(data, output_buffer_limit=CHUNK)
        except brotli.error as error:
            raise corrupt_error(decompress_message(error)) from error
        if output:
            meter.add_output(len(output))
            yield output
        elif not data:
            raise corrupt_error(TRUNCATED)


def brotli_members(content: Content) -> Iterator[Member]:
    """Yield the content of brotli; only what comes out of it shows that it is no other file of that name."""
    reader = content.reader
    start = reader.position
    if not _CONTROL.search(reader.peek(_HEAD_BYTES)):
        return
    chunks, first = unbrotli(reader, content.meter), b""
    try:
        while len(first) < _BROTLI_BYTES and (chunk := next(chunks, b"")):
            first += chunk
    except ContainerError as error:
        if error.reason == "corrupt-container" and len(first) < _BROTLI_BYTES:
            return
        raise
    if first:
        yield Member(b"", itertools.chain((first,), chunks), implied=True)
        content.cover(start, reader.position)


_BROTLI_BYTES = 64
"""Bytes out of a file that prove that it is brotli."""

_CONTROL = re.compile(rb"[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_HEAD_BYTES = 512
"""Bytes without a control character in which a file is text: compressed bytes have one in nine."""
