"""Addresses of repositories that git fetches: the protocols that are allowed, and their safe form."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.late_pattern import late_pattern
from boltz_keyscan.records import dataclass

_SCHEMES = ("https", "ssh", "file", "http")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LONGEST = 4096

_URL = late_pattern(r"(?i)[a-z][a-z0-9+.-]*://")
_SCP = late_pattern(r"(?:[A-Za-z0-9][\w.-]*@)[A-Za-z0-9][A-Za-z0-9.-]*:[^:].*")
"""``user@host:path``; without a user it could be a path on this machine."""
_HELPER = late_pattern(r"[A-Za-z0-9+.-]*::")
"""``helper::address``: git would start a program of this name (gitremote-helpers(7))."""
_HOST = late_pattern(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]+")
_USER = late_pattern(r"[A-Za-z0-9][\w.+-]*@")
_CONTROL = late_pattern(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Address:
    """An address that is safe to pass to git."""

    url: str
    scheme: str
    """The only protocol that git may use for it."""
    host: str


def is_address(text: str) -> bool:
    """Return True for an address of a repository, also for one that is refused; False for a path."""
    return bool(_URL.match(text) or _HELPER.match(text)) or (
        _SCP.fullmatch(text) is not None and not os.path.lexists(text)
    )


def parse_address(text: str) -> Address:
    """Return a checked address.

    Raises:
        KeyscanError: git must not get it; the message shows neither user nor password.
    """
    if _CONTROL.search(text) or len(text) > _LONGEST or not text.isascii():
        raise _refused(text, "it has blanks, control characters or letters that addresses do not have")
    if (scp := _SCP.fullmatch(text)) is not None and not _URL.match(text):
        return Address(scp[0].rstrip("/"), "ssh", text.partition("@")[2].partition(":")[0].lower())
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), f":{parts.port}" if parts.port else ""
    except ValueError:
        raise _refused(text, "it is malformed") from None
    # With a slash at its end an address is the same one.
    scheme, path = parts.scheme.lower(), parts.path.rstrip("/")
    if scheme not in _SCHEMES or _HELPER.match(text) or (scheme == "http" and host not in _LOOPBACK):
        raise _refused(text, "only https, ssh and file are used, and http on this machine")
    if parts.password is not None or parts.query or parts.fragment:
        hint = "Leave it out, and use --token-file or the variable BOLTZ_KEYSCAN_GIT_TOKEN."
        raise _refused(text, "it may have a password or a token in it", hint)
    if scheme == "file":
        if host not in {"", "localhost"} or not path:
            raise _refused(text, "a file address has an absolute path")
        return Address(f"file://{path}", scheme, "")
    user = f"{parts.username}@" if parts.username is not None else ""
    if not _HOST.fullmatch(host) or (user and not _USER.fullmatch(user)) or not path:
        raise _refused(text, "its user, host or path is malformed")
    place = f"[{host}]" if ":" in host else host
    return Address(f"{scheme}://{user}{place}{port}{path}", scheme, host)


def display_address(text: str) -> str:
    """Return an address without its user, password, query and fragment; ``user@host:path`` as ssh."""
    if not _URL.match(text) and _SCP.fullmatch(text):
        host, _, path = text.partition("@")[2].partition(":")
        text = f"ssh://{host}/{path.lstrip('/')}"
    head, sign, rest = text.partition("://")
    if not sign:
        return text
    authority, slash, path = rest.partition("/")
    path = path.partition("?")[0].partition("#")[0]
    return f"{head}://{authority.rpartition('@')[2]}{slash}{path}"


def _refused(text: str, reason: str, hint: str = "") -> KeyscanError:
    return KeyscanError(
        f"an address that is not used: {display_address(text)[:200]}: {reason}",
        hint or "Give an https or ssh address, or a folder.",
    )
