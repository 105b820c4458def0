"""The table of formats: a row for each, with what opens it.

Boundary: which reader a format has; its first bytes are in ``sources.magic``, for a scan
that has not loaded this yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from boltz_keyscan.sources.containers import (
    cpios,
    gitpacks,
    packages,
    pdfs,
    sevenz,
    streams,
    tars,
    zipheads,
    zips,
)
from boltz_keyscan.sources.containers.limits import Trouble
from boltz_keyscan.sources.containers.walk import Content, Format, Member, Members
from boltz_keyscan.sources.magic import BEGINNINGS, has_pdf_header


def _row(name: str, members: Members) -> Format:
    pattern = re.compile(BEGINNINGS[name], re.DOTALL)
    return Format(name, lambda head: pattern.match(head) is not None, members)


def _closed(name: str, what: str) -> Format:
    """A format that is known and not read."""

    def members(content: Content) -> Iterator[Member]:
        content.tell(
            Trouble("unsupported-container", f"{what} is not read here; unpack it and scan the files")
        )
        return iter(())

    return _row(name, members)


FORMATS: tuple[Format, ...] = (
    replace(_row("zip", zips.members), ends=zipheads.ends),
    _row("gzip", streams.stream(streams.gunzip)),
    _row("bzip2", streams.stream(streams.bunzip)),
    _row("xz", streams.stream(streams.unxz)),
    _row("lzma", streams.stream(streams.unlzma)),
    _row("zstd", streams.stream(streams.unzstd)),
    _row("pdf", pdfs.members),
    _row("ar", packages.ar_members),
    _row("rpm", packages.rpm_members),
    _row("cpio", cpios.members),
    _row("7z", sevenz.members),
    _row("git-bundle", gitpacks.bundle_members),
    _row("git-pack", gitpacks.pack_members),
    _closed("rar", "rar"),
    _closed("lz4", "lz4"),
    _closed("lzip", "lzip"),
    _closed("compress", "compress (.Z)"),
    _closed("cab", "cab"),
    _row("tar", tars.members),
    # Their first bytes are not enough; and git's loose objects are looked for in containers only.
    Format("old-tar", tars.is_header, tars.members),
    # Behind all others: a tar may begin with a document.
    Format("pdf-behind", has_pdf_header, pdfs.members),
    Format("git-object", streams.is_object, streams.stream(streams.object_content)),
)
