"""The one gate to the network: what may leave, where to, how long it may take, what may come back.

The SDK builds requests; here each is made anew from its method, path and body. It goes
to the one address, with our headers and no others, so that nothing in the environment
(``BOLTZ_BASE_URL``, ``BOLTZ_CUSTOM_HEADERS``, proxies, certificates, key logs) and no
redirect can divert or reveal a key. The key itself is put in here; the SDK has none.

Boundary: ``httpx`` transport over ``httpcore``; knows no endpoint and no retry.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import certifi
import httpcore
import httpx

from boltz_keyscan import __version__
from boltz_keyscan.api.address import Address
from boltz_keyscan.api.errors import DEADLINE, REFUSED, TOO_LARGE, ApiError
from boltz_keyscan.api.secret import Secret

CONNECT = 5.0
"""Seconds for a connection."""

READ = 10.0
"""Seconds without a byte."""

LARGEST = 8 << 20
"""Bytes of an answer: a page of 100 keys has some 50,000."""

_KEPT = {b"content-type", b"retry-after"}


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, which tests replace."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(slots=True)
class Deadline:
    """When all requests of a run together must be over."""

    seconds: float
    clock: Clock = field(default_factory=Clock)
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self._end = self.clock.now() + self.seconds

    def renew(self) -> None:
        """Begin anew: a person was asked in between, who may take as long as they like."""
        self._end = self.clock.now() + self.seconds

    def left(self) -> float:
        """Seconds that are left.

        Raises:
            ApiError: none.
        """
        left = self._end - self.clock.now()
        if left <= 0:
            raise ApiError(DEADLINE)
        return left


class _Stream(httpcore.NetworkStream):
    """A connection on which no wait outlasts the deadline, however slowly bytes drip in."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, min(timeout or READ, self._deadline.left()))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, min(timeout or READ, self._deadline.left()))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = min(timeout or CONNECT, self._deadline.left())
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's form
        return self._inner.get_extra_info(info)


class _Network(httpcore.NetworkBackend):
    """Sockets that know the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._inner = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = min(timeout or CONNECT, self._deadline.left())
        stream = self._inner.connect_tcp(host, port, left, local_address, socket_options)
        return _Stream(stream, self._deadline)


def trusted(authorities: str | None = None) -> ssl.SSLContext:
    """TLS that believes the usual authorities, or those in a file.

    Not ``ssl.create_default_context``: that one would take certificates from
    ``SSL_CERT_FILE`` and write the secrets of the connection to ``SSLKEYLOGFILE``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(authorities or certifi.where())
    return context


class Gate(httpx.BaseTransport):
    """One key's way to one address."""

    def __init__(
        self,
        base: Address,
        key: Secret,
        deadline: Deadline,
        *,
        proxy: Address | None = None,
        authorities: str | None = None,
    ) -> None:
        self._base = base
        self._key = key
        self._pool = httpcore.ConnectionPool(
            ssl_context=trusted(authorities) if base.scheme == "https" else None,
            proxy=httpcore.Proxy(proxy.text) if proxy else None,
            network_backend=_Network(deadline),
            max_connections=1,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request as it may be sent; the answer, whole, with the headers that are used.

        Raises:
            ApiError: it would go elsewhere, the time is over, or the answer is too large.
            httpcore.NetworkError: and its like, as they come.
        """
        url, base = request.url, self._base
        port = url.port or {"https": 443, "http": 80}.get(url.scheme)
        if (url.scheme, url.host, port) != (base.scheme, base.host, base.port) or url.userinfo:
            raise ApiError(REFUSED)
        body = request.read()
        headers = [
            (b"host", url.netloc),
            (b"accept", b"application/json"),
            # What is not compressed cannot be a bomb.
            (b"accept-encoding", b"identity"),
            (b"user-agent", f"boltz-keyscan/{__version__}".encode("ascii")),
            (b"x-api-key", self._key.reveal().encode("ascii")),
        ]
        if request.method != "GET":
            headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=base.scheme.encode(), host=url.raw_host, port=base.port, target=url.raw_path
            ),
            headers=headers,
            content=body,
            extensions={"timeout": {"connect": CONNECT, "read": READ, "write": READ, "pool": CONNECT}},
        )
        response = self._pool.handle_request(sent)
        try:
            content = _whole(response.iter_stream())
        finally:
            response.close()
        kept = [(name, value) for name, value in response.headers if name.lower() in _KEPT]
        return httpx.Response(response.status, headers=kept, content=content, request=request)

    def close(self) -> None:
        """Let the connection go."""
        self._pool.close()


def _whole(parts: Iterator[bytes]) -> bytes:
    content = bytearray()
    for part in parts:
        content += part
        if len(content) > LARGEST:
            raise ApiError(TOO_LARGE)
    return bytes(content)
