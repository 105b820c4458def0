"""The table of formats: a row for each, with what opens it.

Boundary: which reader a format has; its first bytes are in ``sources.magic``, for a scan
that has not loaded this yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from boltz_keyscan.sources import signatures
from boltz_keyscan.sources.containers import (
    cpios,
    gitpacks,
    packages,
    pdfs,
    sevenz,
    streams,
    tars,
    warcs,
    zips,
)
from boltz_keyscan.sources.containers.limits import Trouble
from boltz_keyscan.sources.containers.walk import Content, Format, Member, Members
from boltz_keyscan.sources.magic import BEGINNINGS, CHECKED, has_pdf_header


def _row(name: str, members: Members) -> Format:
    pattern = re.compile(BEGINNINGS[name], re.DOTALL)
    return Format(name, lambda head: pattern.match(head) is not None, members)


def _checked(name: str, members: Members) -> Format:
    """Return the row of a format whose first bytes are not enough."""
    pattern = re.compile(CHECKED[name], re.DOTALL)
    check = signatures.CHECKED[name]
    return Format(name, lambda head: pattern.match(head) is not None and check(head), members)


def _unread(what: str) -> Members:
    """Return the reader of a format that is known and not read."""

    def members(content: Content) -> Iterator[Member]:
        content.tell(
            Trouble("unsupported-container", f"{what} is not read here; unpack it and scan the files")
        )
        return iter(())

    return members


_UNREAD = {
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
    _row("zip", zips.members),
    _row("gzip", streams.stream(streams.gunzip)),
    _row("bzip2", streams.stream(streams.bunzip)),
    _row("xz", streams.stream(streams.unxz)),
    _row("zstd", streams.stream(streams.unzstd)),
    _row("pdf", pdfs.members),
    _row("ar", packages.ar_members),
    _row("rpm", packages.rpm_members),
    _row("7z", sevenz.members),
    _row("git-bundle", gitpacks.bundle_members),
    _row("git-pack", gitpacks.pack_members),
    *(_row(name, _unread(what)) for name, what in _UNREAD.items()),
    _row("tar", tars.members),
    # Their first bytes are not enough; and git's loose objects are looked for in containers only.
    _checked("old-tar", tars.members),
    _checked("cpio", cpios.members),
    _checked("lzma", streams.stream(streams.unlzma)),
    _row("warc", warcs.members),
    _checked("arj", _unread("arj")),
    _checked("lha", _unread("LHA")),
    # Behind all others: a tar may begin with a document.
    Format("pdf-behind", has_pdf_header, pdfs.members),
    Format("git-object", streams.is_object, streams.stream(streams.object_content)),
)
