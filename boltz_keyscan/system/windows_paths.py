r"""Names and paths of Windows, as pure functions on ``ntpath``.

Facts from https://learn.microsoft.com/windows/win32/fileio/naming-a-file: device names, forms of paths,
and the prefix ``\\?\``, with which a path is taken literally: it may be long, and ``NUL`` in it is a file.
"""

from __future__ import annotations

import ntpath
from typing import Final

_DEVICES: Final = frozenset(
    name.encode()
    for name in (
        *("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"),
        *(kind + port for kind in ("COM", "LPT") for port in "0123456789\xb9\xb2\xb3"),
    )
)

_LITERAL: Final = b"\\\\?\\"
_LITERAL_SHARE: Final = b"\\\\?\\UNC\\"
_DEVICE_FOLDERS: Final = (b"\\\\.\\", b"\\\\?\\GLOBALROOT\\")


def is_device(path: bytes) -> bool:
    r"""Return True if opening a path opens a device: ``NUL``, ``C:\x\con.txt``, ``\\.\PhysicalDrive0``."""
    native = path.replace(b"/", b"\\")
    if native.upper().startswith(_DEVICE_FOLDERS):
        return True
    if native.startswith(_LITERAL):
        return False
    name = ntpath.basename(ntpath.splitdrive(native)[1].rstrip(b"\\"))
    # What follows a dot, a colon or spaces does not count.
    return name.partition(b".")[0].partition(b":")[0].rstrip(b" ").upper() in _DEVICES


def literal(path: bytes) -> bytes:
    r"""Return an absolute path with the prefix ``\\?\``; others unchanged."""
    native = path.replace(b"/", b"\\")
    if native.startswith((_LITERAL, *_DEVICE_FOLDERS)):
        return native
    if native.startswith(b"\\\\"):
        return _LITERAL_SHARE + ntpath.normpath(native)[2:]
    drive, rest = ntpath.splitdrive(native)
    return _LITERAL + ntpath.normpath(native) if drive and rest.startswith(b"\\") else path


def is_name(name: bytes) -> bool:
    """Return True if a relative path with slashes names an entry below its folder.

    A repository may have names that Windows takes for another drive, another folder or a stream.
    """
    parts = name.split(b"/")
    return not any(part == b".." or b"\\" in part or b":" in part or b"\0" in part for part in parts)


def share(path: bytes) -> bytes:
    r"""Return the share of a network path, in a form to compare; empty for a path of this machine.

    A device path (``\\.\...``) counts as one: no file of a tree has it.
    """
    native = path.replace(b"/", b"\\")
    if native.upper().startswith(_LITERAL_SHARE):
        native = b"\\\\" + native[len(_LITERAL_SHARE) :]
    elif native.startswith(_LITERAL) and not native.upper().startswith(_DEVICE_FOLDERS):
        return b""
    return ntpath.normcase(ntpath.splitdrive(native)[0]) if native.startswith(b"\\\\") else b""


def leads_away(path: bytes, origin: bytes) -> bool:
    """Return True if a path that a file at ``origin`` names is on the network, and ``origin`` is not there.

    Opening it would send the user's credentials to a machine that the author of the file chose.
    """
    return share(path) not in (b"", share(origin))
