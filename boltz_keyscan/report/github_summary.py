"""Step summary of GitHub Actions: Markdown, appended to the file that the runner names.

Other programs of the step write to the same file, so the report is only appended: all of it or
nothing, and no more than GitHub shows. The file is opened without following a link.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import TYPE_CHECKING, TextIO

from boltz_keyscan.fsutil import APPEND_FLAGS
from boltz_keyscan.report.markdown import MAX_BYTES, write_fitting

if TYPE_CHECKING:
    from boltz_keyscan.model.finding import ScanResult
    from boltz_keyscan.report.options import ReportOptions

MAX_SUMMARY_BYTES = 1024 * 1024
"""Limit in bytes of one step's file; GitHub shows nothing of a larger one (docs.github.com,
"Workflow commands for GitHub Actions", "Step isolation and limits")."""


def append(path: str, result: ScanResult, view: ReportOptions) -> None:
    """Append as much of the report as there is room for.

    Raises:
        OSError: nothing was appended.
    """
    try:
        descriptor = os.open(path, APPEND_FLAGS, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a symbolic link") from error
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        # Another program's last line may lack its newline.
        start = b"\n" if status.st_size else b""
        text = start + _fitting(result, view, MAX_SUMMARY_BYTES - status.st_size - len(start))
        if len(text) + status.st_size > MAX_SUMMARY_BYTES:
            raise OSError(errno.EFBIG, "it is as large as GitHub allows already")
        _add(descriptor, text, status.st_size)
    finally:
        os.close(descriptor)


def _fitting(result: ScanResult, view: ReportOptions, room: int) -> bytes:
    def report(found: ScanResult, output: TextIO, options: ReportOptions) -> None:
        write_fitting(found, output, options, min(MAX_BYTES, room))

    stream = io.StringIO()
    view.file_filter(report)(result, stream, view)
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _add(descriptor: int, text: bytes, before: int) -> None:
    written = 0
    try:
        while written < len(text):
            written += os.write(descriptor, text[written:])
    except BaseException:
        # Half a table would swallow text below it; text that others appended meanwhile stays.
        if os.fstat(descriptor).st_size == before + written:
            os.ftruncate(descriptor, before)
        raise
