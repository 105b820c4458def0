"""Where the API is, and by which proxy it may be reached.

Boundary: what was typed to checked values. The environment is not asked: whoever can set
a variable must not be able to say where a key goes.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from boltz_keyscan.errors import KeyscanError

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Address:
    """Scheme, host and port; nothing else belongs to an address of the API or a proxy."""

    scheme: str
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether what is sent there stays on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def text(self) -> str:
        """As a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


OFFICIAL = Address("https", "api.boltz.bio", 443)
"""The one in the SDK (``boltz_api.Boltz``) and in the API's documentation."""


def api_base(text: str | None) -> Address:
    """The address that ``--api-base`` names; the official one when it names none.

    Raises:
        KeyscanError: neither https nor a loopback address, or more than an address.
    """
    if text is None:
        return OFFICIAL
    found = _address(text, "--api-base")
    if found.scheme == "http" and not found.loopback:
        raise KeyscanError(
            "--api-base without TLS would send the key in the clear", "Give an https:// address."
        )
    return found


def proxy(text: str | None, base: Address) -> Address | None:
    """The proxy that ``--proxy`` names.

    Raises:
        KeyscanError: not a plain HTTP proxy, or one that would see the key.
    """
    if text is None:
        return None
    found = _address(text, "--proxy")
    if found.scheme != "http":
        raise KeyscanError(
            "--proxy takes http:// addresses", "The connection through it is encrypted anyway."
        )
    if base.scheme != "https":
        raise KeyscanError("a proxy would see the key", "Leave out --proxy for an address without TLS.")
    return found


def _address(text: str, option: str) -> Address:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise KeyscanError(f"{option} is not an address", "Give a URL such as https://example.org.") from None
    if parts.scheme not in _PORTS or not parts.hostname or _more(parts):
        raise KeyscanError(
            f"{option} is not an address",
            "Give a URL such as https://example.org, without name, password, path or query.",
        )
    return Address(parts.scheme, parts.hostname, port or _PORTS[parts.scheme])


def _more(parts: SplitResult) -> bool:
    return bool(
        parts.username is not None
        or parts.password is not None
        or parts.path not in {"", "/"}
        or parts.query
        or parts.fragment
        or not parts.netloc.isascii()
        or not parts.netloc.isprintable()
        or " " in parts.netloc
    )
