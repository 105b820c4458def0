"""Job objects of Windows: a child, all that it starts, and their limits.

A job whose last handle is closed ends its processes, so they end with this process too. Facts from
https://learn.microsoft.com/windows/win32/procthread/job-objects. Loaded on Windows only.

Boundary: a child is added right after its start. A process that it started before that is not in the job.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

_KILL_ON_JOB_CLOSE: Final = 0x2000
_PROCESS_MEMORY: Final = 0x0100
_DIE_ON_UNHANDLED_EXCEPTION: Final = 0x0400
"""No window of an error report, which would wait for a click."""

_EXTENDED_LIMIT_INFORMATION: Final = 9
_SYNCHRONIZE: Final = 0x0010_0000
_WAIT_TIMEOUT: Final = 0x0102
_ACCESS_DENIED: Final = 5

KILLED_STATUS: Final = 0xC000_013A
"""Exit status of processes that this program ends (STATUS_CONTROL_C_EXIT)."""


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("BasicLimitInformation", BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


def _kernel() -> Any:  # noqa: ANN401 - functions of a library
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    handle = ctypes.c_void_p
    kernel.CreateJobObjectW.restype = kernel.OpenProcess.restype = handle
    kernel.CreateJobObjectW.argtypes = (handle, ctypes.c_wchar_p)
    kernel.SetInformationJobObject.argtypes = (handle, ctypes.c_int, handle, ctypes.c_uint32)
    kernel.AssignProcessToJobObject.argtypes = (handle, handle)
    kernel.TerminateJobObject.argtypes = (handle, ctypes.c_uint32)
    kernel.OpenProcess.argtypes = (ctypes.c_uint32, ctypes.c_int, ctypes.c_uint32)
    kernel.WaitForSingleObject.argtypes = (handle, ctypes.c_uint32)
    kernel.CloseHandle.argtypes = (handle,)
    return kernel


class JobTree:
    """A job object; see ``PosixTree``."""

    inherited: tuple[int, ...] = ()

    def __init__(self) -> None:
        self._kernel = _kernel()
        self._job = self._kernel.CreateJobObjectW(None, None)

    def attach(self, process: object, memory: int | None = None, file_bytes: int | None = None) -> None:
        """As in ``PosixTree``; Windows has no limit of files."""
        del file_bytes
        limits = ExtendedLimits()
        limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE | _DIE_ON_UNHANDLED_EXCEPTION
        if memory is not None:
            limits.BasicLimitInformation.LimitFlags |= _PROCESS_MEMORY
            limits.ProcessMemoryLimit = memory
        self._kernel.SetInformationJobObject(
            self._job, _EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), ctypes.sizeof(limits)
        )
        # It may have ended already.
        self._kernel.AssignProcessToJobObject(self._job, int(getattr(process, "_handle", 0)))

    def kill(self) -> None:
        """As in ``PosixTree``."""
        if self._job:
            self._kernel.TerminateJobObject(self._job, KILLED_STATUS)

    def close(self) -> None:
        """As in ``PosixTree``."""
        if self._job:
            self._kernel.CloseHandle(self._job)
        self._job = None


def is_running(process: int) -> bool:
    """Return True if there is a process with this number, of any user."""
    kernel = _kernel()
    handle = kernel.OpenProcess(_SYNCHRONIZE, 0, process)
    if not handle:
        return bool(ctypes.get_last_error() == _ACCESS_DENIED)  # type: ignore[attr-defined,unused-ignore]
    try:
        return bool(kernel.WaitForSingleObject(handle, 0) == _WAIT_TIMEOUT)
    finally:
        kernel.CloseHandle(handle)
