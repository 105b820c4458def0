"""Making bytes fit to be shown: no key in them, in any common disguise.

Everything this program prints that came from outside (context lines, paths, reference
names, messages of git and of the operating system) passes through here. It removes
more than the matcher finds: a line that holds a key next to the base64 of that key
must show neither.
"""

from __future__ import annotations

import base64
import functools
import os
import re
from dataclasses import dataclass

from boltz_keyscan.harmless import harmless

REDACTED = "[REDACTED]"
WIDTH = 200
"""The longest context, in characters."""

_LEAD = 80
"""How many of them may stand before the key."""

_SHORT = 8
"""Bodies below this are fillers worth reading (``example``) and are left as they are."""

_TOKEN = rb"[A-Za-z0-9+/_=%\\;&#.-]"


@dataclass(frozen=True, slots=True)
class Redaction:
    """What to remove, compiled for a set of type prefixes."""

    plain: re.Pattern[bytes]
    disguised: re.Pattern[bytes]


@functools.cache
def compiled(prefixes: tuple[bytes, ...]) -> Redaction:
    """Patterns that find keys of these prefixes, plain and in common encodings."""
    any_prefix = b"|".join(re.escape(prefix) for prefix in prefixes)
    stem = os.path.commonprefix(prefixes)
    wide = (stem, stem.decode().encode("utf-16-le"), stem.decode().encode("utf-16-be"))
    once = {needle for text in wide for needle in _base64_needles(text)}
    twice = {needle for text in once for needle in _base64_needles(text)}
    base64_forms = b"|".join(re.escape(needle) for needle in sorted(once | twice))
    gap = rb"[^0-9A-Fa-f]{0,4}(?:0x|00)?"
    hex_forms = gap.join(b"%02x" % byte for byte in stem)
    separator = rb"(?:%5[fF]|\\+u005[fF]|\\+x5[fF]|\\+137|&#0*95;|&#[xX]0*5[fF];|&lowbar;|=5[fF])"
    escaped = rb"sk" + separator + rb"bc" + separator
    percent = b"".join(b"%%%02x" % byte for byte in stem)
    disguises = (
        rb"%s*(?:%s)%s*" % (_TOKEN, base64_forms, _TOKEN),
        rb"(?i:%s)(?:%s[0-9A-Fa-f]{2})*" % (hex_forms, gap),
        rb"(?:%s|(?i:%s))%s*" % (escaped, percent, _TOKEN),
    )
    return Redaction(
        plain=re.compile(rb"(%s)((?:(?!%s)[A-Za-z0-9_-])*)" % (any_prefix, any_prefix)),
        disguised=re.compile(b"|".join(disguises)),
    )


def _base64_needles(text: bytes) -> set[bytes]:
    """What ``text`` becomes inside base64, at each of the three phases, less the mixed ends."""
    needles = set()
    for phase in range(3):
        encoded = base64.b64encode(b"\0" * phase + text)
        first = (phase * 8 + 5) // 6
        last = (phase + len(text)) * 8 // 6
        needles.add(encoded[first:last])
    return needles


def redact(raw: bytes, redaction: Redaction) -> str:
    """``raw`` as text without keys and without characters that act on a terminal."""
    # UTF-16 text loses its NULs first, so that it is seen as the text it is.
    if b"\0" in raw:
        raw = raw.replace(b"\0", b"")
    raw = redaction.plain.sub(_shorten, raw)
    raw = redaction.disguised.sub(REDACTED.encode(), raw)
    return harmless(raw.decode("utf-8", "backslashreplace"))


def _shorten(found: re.Match[bytes]) -> bytes:
    prefix, body = found.groups()
    return found.group() if len(body) < _SHORT else prefix + REDACTED.encode()


def context(window: bytes, start: int, end: int, redaction: Redaction, around: int) -> str:
    """The line around ``window[start:end]``, redacted, at most ``WIDTH`` characters.

    The text is cut only after redaction, and a token cut by the edge of the window is
    dropped: it could be the second half of another key.
    """
    before = window[max(start - around, 0) : start]
    after = window[start : end + around]
    line_start = before.rfind(b"\n") + 1
    if line_start == 0 and start > around:
        before = re.sub(rb"\A%s+" % _TOKEN, b"", before)
    else:
        before = before[line_start:]
    line_end = after.find(b"\n", end - start)
    if line_end >= 0:
        after = after[:line_end].removesuffix(b"\r")
    elif end + around < len(window):
        after = re.sub(rb"%s+\Z" % _TOKEN, b"", after[end - start :]).join((after[: end - start], b""))
    # The whole line is redacted at once: a disguise may begin before the key.
    text = redact(before + after, redaction)
    lead = redact(before, redaction)
    first = max(len(lead) - _LEAD, 0) if len(text) > WIDTH and text.startswith(lead) else 0
    return text[first : first + WIDTH].strip()
