"""Files of tables and arrays: Parquet, Arrow (Feather), ORC, HDF5 (also MATLAB 7.3 and netCDF 4).

What they store as it is, the search of their bytes finds. What they compress is read by their own
libraries, of the extra ``science``: text, bytes, and small integers that may be codes of characters.
Without that extra, such a file is a gap by design. No link, virtual dataset or external storage is
followed, and no plug-in is loaded.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

from boltz_keyscan.sources.archives.content import Content, Member
from boltz_keyscan.sources.archives.limits import (
    NOT_DECODED,
    BudgetExceededError,
    ContainerError,
    Meter,
    corrupt_error,
)
from boltz_keyscan.sources.archives.reader import SpaceFile

_BATCH_ROWS = 64 << 10
_SLICE_BYTES = 1 << 20
_MAX_ROW_BYTES = 64 << 20
"""Bytes of an array for one index of its first dimension, at most: so many are read at once."""

_MIN_TEXT_BYTES = 20
"""Bytes of the shortest text that is separated from the next one: the body of a key has at least as many."""

_MAX_CHUNK_BYTES = 256 << 20
"""Bytes of a chunk at most, which is decompressed as a whole, in several steps."""


def parquet_members(content: Content) -> Iterator[Member]:
    """Yield the texts of each column of a Parquet file, a batch of rows at a time."""
    yield from _table(content, b"PAR1", "pyarrow.parquet", _parquet_batches)


def arrow_members(content: Content) -> Iterator[Member]:
    """Yield the texts of each column of an Arrow file."""
    yield from _table(content, b"ARROW1", "pyarrow.ipc", _arrow_batches)


def orc_members(content: Content) -> Iterator[Member]:
    """Yield the texts of each column of an ORC file, whose last byte is a length."""
    yield from _table(content, b"ORC", "pyarrow.orc", _orc_batches)


def _file(content: Content) -> tuple[SpaceFile, int]:
    detail = "only its bytes were searched, not what it compresses: it is read only as a file"
    space = content.require_space(NOT_DECODED, detail)
    return SpaceFile(space), space.size


def _import(module: str) -> Any:  # noqa: ANN401 - they have no types
    """Import a library of the extra.

    Raises:
        ContainerError: it is not installed.
    """
    import importlib  # noqa: PLC0415 - few scans meet such a file

    # One thread for each worker, memory as it is needed (others reserve more than a worker may have), and no
    # code from other places.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", HDF5_PLUGIN_PRELOAD="::")
    os.environ.update(ARROW_IO_THREADS="1", ARROW_DEFAULT_MEMORY_POOL="system")
    try:
        return importlib.import_module(module)
    except ImportError as error:
        detail = (
            "only its bytes were searched, not what it compresses; 'pip install boltz-keyscan[science]' "
            f"installs what reads it ({module.partition('.')[0]})"
        )
        raise ContainerError(NOT_DECODED, detail) from error


def _table(
    content: Content, end: bytes, module: str, batches: Callable[[Any, io.RawIOBase], Iterator[Any]]
) -> Iterator[Member]:
    """Yield the texts of the batches of a table."""
    file, size = _file(content)
    file.seek(max(size - len(end) - 1, 0))
    if end not in file.read():
        raise corrupt_error("it ends before its end")
    library = _import(module)
    arrow = _import("pyarrow")
    arrow.set_cpu_count(1)
    try:
        for batch in batches(library, file):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                for text in _texts(arrow, column):
                    yield Member(name.encode("utf-8", "replace"), (text,), is_record=True)
    except arrow.ArrowNotImplementedError as error:
        raise ContainerError(NOT_DECODED, "only its bytes were searched: it uses what is not read") from error
    except arrow.ArrowMemoryError as error:
        raise MemoryError from error
    except (arrow.ArrowException, OSError, ValueError) as error:
        content.meter.check_time()
        raise corrupt_error(f"its tables cannot be read ({type(error).__name__})") from error


def _parquet_batches(library: Any, file: io.RawIOBase) -> Iterator[Any]:  # noqa: ANN401 - as above
    table = library.ParquetFile(file)
    # Column by column: one is held in memory at a time.
    for name in dict.fromkeys(table.schema_arrow.names):
        yield from table.iter_batches(_BATCH_ROWS, columns=[name], use_threads=False)


def _arrow_batches(library: Any, file: io.RawIOBase) -> Iterator[Any]:  # noqa: ANN401 - as above
    table = library.open_file(file)
    for number in range(table.num_record_batches):
        yield table.get_batch(number)


def _orc_batches(library: Any, file: io.RawIOBase) -> Iterator[Any]:  # noqa: ANN401 - as above
    table = library.ORCFile(file)
    for number in range(table.nstripes):
        yield table.read_stripe(number)


def _texts(arrow: Any, array: Any) -> Iterator[bytes]:  # noqa: ANN401 - as above
    """Yield the texts, bytes and small integers in an array, however deep."""
    kind, types = array.type, arrow.types
    if isinstance(array, arrow.ExtensionArray):
        yield from _texts(arrow, array.storage)
    elif types.is_dictionary(kind):
        yield from _texts(arrow, array.dictionary)
    elif types.is_struct(kind):
        for inner in array.flatten():
            yield from _texts(arrow, inner)
    elif types.is_map(kind):
        yield from _texts(arrow, array.keys)
        yield from _texts(arrow, array.items)
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        yield from _texts(arrow, array.flatten())
    elif types.is_integer(kind) and kind.bit_width <= 32:
        yield from _buffers(array, 1)
    elif any(name in str(kind) for name in ("string", "binary")):
        import pyarrow.compute as pc  # noqa: PLC0415 - as above

        # A line for each value.
        end, mark = (arrow.scalar(text, arrow.large_binary()) for text in (b"", b"\n"))
        ended = pc.binary_join_element_wise(array.cast(arrow.large_binary()), end, mark)
        yield from _buffers(ended, 2)


def _buffers(array: Any, number: int) -> Iterator[bytes]:  # noqa: ANN401 - as above
    held = array.buffers()[number]
    if held is not None and held.size:
        yield held.to_pybytes()


def hdf5_members(content: Content) -> Iterator[Member]:
    """Yield the arrays that filters compress, by their paths."""
    file, _ = _file(content)
    library = _import("h5py")
    try:
        opened = library.File(file, "r")
    except OSError as error:
        content.meter.check_time()
        raise corrupt_error("it cannot be opened as HDF5") from error
    failures: dict[str, None] = {}
    with opened:
        for name, array in _arrays(library, opened, content.meter):
            try:
                is_read = _is_read(array)
            except (OSError, RuntimeError, ValueError, TypeError, KeyError):
                failures["the type of an array in it is not known"] = None
                continue
            if is_read:
                yield Member(name.encode("utf-8", "replace"), _slices(array, content.meter), is_record=True)
    for detail in failures:
        content.report(ContainerError(NOT_DECODED, detail))


def _arrays(library: Any, root: Any, meter: Meter) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - as above
    """Yield all arrays that hard links lead to, each once."""
    stack = [("", root)]
    known: set[int] = set()
    while stack:
        path, group = stack.pop()
        for name in group:
            meter.add_members()
            if not isinstance(group.get(name, getlink=True), library.HardLink):
                continue
            found = group[name]
            address = library.h5o.get_info(found.id).addr
            if address in known:
                continue
            known.add(address)
            inner = f"{path}/{name}" if path else name
            if isinstance(found, library.Group):
                stack.append((inner, found))
            elif isinstance(found, library.Dataset):
                yield inner, found


def _is_read(array: Any) -> bool:  # noqa: ANN401 - as above
    """Return True for an array that the bytes of the file do not show, and that may have text."""
    kind = array.dtype
    has_text = kind.kind in "SUV" or (kind.kind in "iu" and kind.itemsize <= 4)
    is_own = not array.is_virtual and not array.external
    return bool(has_text and is_own and array.shape and array.id.get_create_plist().get_nfilters())


def _values(array: Any) -> Iterator[bytes]:  # noqa: ANN401 - as above
    """Yield the bytes of an array, field by field, with a line for each text that may have a key."""
    if array.dtype.names:
        for name in array.dtype.names:
            yield from _values(array[name])
    elif array.dtype.kind == "S" and array.dtype.itemsize >= _MIN_TEXT_BYTES:
        yield b"\n".join(array.ravel().tolist()) + b"\n"
    else:
        yield array.tobytes()


def _slices(array: Any, meter: Meter) -> Iterator[bytes]:  # noqa: ANN401 - as above
    """Yield an array in order, some indexes of its first dimension at a time.

    Raises:
        ContainerError: it is damaged, too large, or needs a plug-in.
    """
    row_bytes = max(array.dtype.itemsize * math.prod(array.shape[1:]), 1)
    chunk_rows = array.chunks[0] if array.chunks else 1
    step = max(_SLICE_BYTES // row_bytes, 1)
    step = min(-(-step // chunk_rows) * chunk_rows, max(_MAX_ROW_BYTES // row_bytes, 1))
    if row_bytes > _MAX_ROW_BYTES:
        raise ContainerError(NOT_DECODED, "one row of this array is too large to be decompressed")
    if array.chunks and array.dtype.itemsize * math.prod(array.chunks) > _MAX_CHUNK_BYTES:
        raise ContainerError(
            "memory-limit", "a chunk of this array takes more memory than a container may have"
        )
    try:
        for start in range(0, array.shape[0], step):
            for piece in _values(array[start : start + step]):
                meter.add_output(len(piece))
                if piece:
                    yield piece
    except BudgetExceededError:
        raise
    except OSError as error:
        meter.check_time()
        if "registered" in str(error) or "plugin" in str(error):
            raise ContainerError(
                NOT_DECODED, "it is compressed with a filter that is not read here"
            ) from error
        raise corrupt_error("its data cannot be decompressed") from error
