"""The table of formats, with the reader of each.

Their first bytes are in ``sources.signatures``, which is loaded before any container is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from boltz_keyscan.sources import signature_checks
from boltz_keyscan.sources.archives import ar_rpm, compression, cpio, git_pack, pdf, sevenzip, tar, warc
from boltz_keyscan.sources.archives import zip as zip_archive
from boltz_keyscan.sources.archives.extract import Content, Format, Member, Members
from boltz_keyscan.sources.archives.limits import ContainerError
from boltz_keyscan.sources.signatures import BEGINNINGS, CHECKED, has_pdf_header


def _row(name: str, members: Members) -> Format:
    pattern = re.compile(BEGINNINGS[name], re.DOTALL)
    return Format(name, lambda head: pattern.match(head) is not None, members)


def _checked(name: str, members: Members) -> Format:
    """Return the row of a format that needs a check beyond its first bytes."""
    pattern = re.compile(CHECKED[name], re.DOTALL)
    check = signature_checks.CHECKED[name]
    return Format(name, lambda head: pattern.match(head) is not None and check(head), members)


def _unsupported(label: str) -> Members:
    """Return the reader of a format that is recognised but not supported."""

    def members(content: Content) -> Iterator[Member]:
        content.report(
            ContainerError("unsupported-container", f"{label} is not read here; unpack it and scan the files")
        )
        return iter(())

    return members


_UNSUPPORTED = {
    "rar": "rar",
    "lz4": "lz4",
    "lzip": "lzip",
    "pack": "gzip's older form or pack (.z)",
    "compress": "compress (.Z)",
    "cab": "cab",
    "xar": "xar",
    "lzop": "lzop",
    "lrzip": "lrzip",
    "squashfs": "squashfs",
    "wim": "wim",
    "chm": "chm",
    "zoo": "zoo",
    "dmg": "dmg",
    "nsis": "an installer made by NSIS",
}

FORMATS: tuple[Format, ...] = (
    _row("zip", zip_archive.members),
    _row("gzip", compression.stream(compression.gunzip)),
    _row("bzip2", compression.stream(compression.bunzip)),
    _row("xz", compression.stream(compression.unxz)),
    _row("zstd", compression.stream(compression.unzstd)),
    _row("pdf", pdf.members),
    _row("ar", ar_rpm.ar_members),
    _row("rpm", ar_rpm.rpm_members),
    _row("7z", sevenzip.members),
    _row("git-bundle", git_pack.bundle_members),
    _row("git-pack", git_pack.pack_members),
    *(_row(name, _unsupported(label)) for name, label in _UNSUPPORTED.items()),
    _row("tar", tar.members),
    # Formats that need a check; git's loose objects are searched for in containers only.
    _checked("old-tar", tar.members),
    _checked("cpio", cpio.members),
    _checked("lzma", compression.stream(compression.unlzma)),
    _row("warc", warc.members),
    _checked("arj", _unsupported("arj")),
    _checked("lha", _unsupported("LHA")),
    # After all others, because a tar may begin with a document.
    Format("pdf-behind", has_pdf_header, pdf.members),
    Format("git-object", compression.is_object, compression.stream(compression.object_content)),
)
