"""Addresses of the API and of a proxy, checked.

They come from the command line only: a variable of the environment must not redirect a key.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.records import dataclass

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Address:
    """Scheme, host and port of the API or of a proxy."""

    scheme: str
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Return True if data sent there stays on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def text(self) -> str:
        """Return the address as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


OFFICIAL = Address("https", "api.boltz.bio", 443)
"""Address in the SDK (``boltz_api.Boltz``) and in the documentation of the API."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Address of the API, proxy and certificate authorities."""

    base: Address = OFFICIAL
    proxy: Address | None = None
    authorities: str | None = None
    """File of certificate authorities that replaces the default ones; used by tests."""


def api_base(text: str | None) -> Address:
    """Return the address given with ``--api-base``; the official one by default.

    Raises:
        KeyscanError: neither https nor a loopback address, or more than an address.
    """
    if text is None:
        return OFFICIAL
    address = _address(text, "--api-base")
    if address.scheme == "http" and not address.loopback:
        raise KeyscanError(
            "--api-base without TLS would send the key in the clear", "Give an https:// address."
        )
    return address


def proxy(text: str | None, base: Address) -> Address | None:
    """Return the proxy given with ``--proxy``.

    Raises:
        KeyscanError: not a plain HTTP proxy, or one that would see the key.
    """
    if text is None:
        return None
    address = _address(text, "--proxy")
    if address.scheme != "http":
        raise KeyscanError(
            "--proxy takes http:// addresses", "The connection through it is encrypted anyway."
        )
    if base.scheme != "https":
        raise KeyscanError("a proxy would see the key", "Leave out --proxy for an address without TLS.")
    return address


def _address(text: str, option: str) -> Address:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise KeyscanError(f"{option} is not an address", "Give a URL such as https://example.org.") from None
    if parts.scheme not in _PORTS or not parts.hostname or _has_more_than_host(parts):
        raise KeyscanError(
            f"{option} is not an address",
            "Give a URL such as https://example.org, without name, password, path or query.",
        )
    return Address(parts.scheme, parts.hostname, port or _PORTS[parts.scheme])


def _has_more_than_host(parts: SplitResult) -> bool:
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
