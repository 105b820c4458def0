"""HTTP transport: the only way to the network.

Each request of the SDK is rebuilt from its method, path and body, and sent to the one address with a
fixed set of headers. So no redirect and nothing in the environment (``BOLTZ_BASE_URL``,
``BOLTZ_CUSTOM_HEADERS``, proxies, certificates, key logs) can divert or reveal a key. The key is added
here; the SDK has none.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from typing import Any

import certifi
import httpcore
import httpx

from boltz_keyscan._version import __version__
from boltz_keyscan.api.address import Endpoint
from boltz_keyscan.api.deadline import Deadline
from boltz_keyscan.api.errors import REFUSED, TOO_LARGE, ApiError
from boltz_keyscan.api.secret import Secret

CONNECT_TIMEOUT_S = 5.0
"""Seconds to open a connection."""

READ_TIMEOUT_S = 10.0
"""Seconds without a byte received or sent."""

MAX_ANSWER_BYTES = 8 << 20
"""Limit of a response; a page of 100 keys has about 50,000 bytes."""

_RESPONSE_HEADERS = {b"content-type", b"retry-after"}


class _Stream(httpcore.NetworkStream):
    """A connection on which no wait outlasts the deadline, even when bytes arrive one by one.

    The timeouts of httpcore apply to each read, so a header sent byte by byte would never end.
    """

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        received = self._inner.read(max_bytes, self._deadline.limit(timeout or READ_TIMEOUT_S))
        self._deadline.remaining_s()  # an answer read in one piece gets no other check
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.limit(timeout or READ_TIMEOUT_S))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        seconds = self._deadline.limit(timeout or CONNECT_TIMEOUT_S)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, seconds), self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's form
        return self._inner.get_extra_info(info)


class _Network(httpcore.NetworkBackend):
    """Network backend that applies the deadline to each connection."""

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
        seconds = self._deadline.limit(timeout or CONNECT_TIMEOUT_S)
        stream = self._inner.connect_tcp(host, port, seconds, local_address, socket_options)
        return _Stream(stream, self._deadline)


def tls_context(authorities: str | None = None) -> ssl.SSLContext:
    """Return a TLS context that trusts the authorities of certifi, or those in a file.

    Not ``ssl.create_default_context``, which reads certificates from ``SSL_CERT_FILE`` and writes the
    secrets of the connection to ``SSLKEYLOGFILE``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(authorities or certifi.where())
    return context


class Gate(httpx.BaseTransport):
    """Transport for one key, or none, and one address."""

    def __init__(self, endpoint: Endpoint, key: Secret | None, deadline: Deadline) -> None:
        self._base = endpoint.base
        self._key = key
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls_context(endpoint.authorities) if self._base.scheme == "https" else None,
            proxy=httpcore.Proxy(endpoint.proxy.text) if endpoint.proxy else None,
            network_backend=_Network(deadline),
            max_connections=1,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Rebuild and send a request; return the whole response with the headers that are used.

        Raises:
            ApiError: the request has another address, the time is over, or the response is too large.
            httpcore.NetworkError: the connection failed, as do the other errors of httpcore.
        """
        url, base = request.url, self._base
        port = url.port or {"https": 443, "http": 80}.get(url.scheme)
        if (url.scheme, url.host, port) != (base.scheme, base.host, base.port) or url.userinfo:
            raise ApiError(REFUSED)
        body = request.read()
        headers = [
            (b"host", url.netloc),
            (b"accept", b"application/json"),
            # Without compression there are no decompression bombs.
            (b"accept-encoding", b"identity"),
            (b"user-agent", f"boltz-keyscan/{__version__}".encode("ascii")),
        ]
        if self._key is not None:
            headers.append((b"x-api-key", self._key.reveal().encode("ascii")))
        if request.method != "GET":
            headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=base.scheme.encode(), host=url.raw_host, port=base.port, target=url.raw_path
            ),
            headers=headers,
            content=body,
        )
        response = self._pool.handle_request(sent)
        try:
            content = _read_bounded(response.iter_stream())
        finally:
            response.close()
        used = [(name, value) for name, value in response.headers if name.lower() in _RESPONSE_HEADERS]
        return httpx.Response(response.status, headers=used, content=content, request=request)

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


def _read_bounded(parts: Iterator[bytes]) -> bytes:
    content = bytearray()
    for part in parts:
        content += part
        if len(content) > MAX_ANSWER_BYTES:
            raise ApiError(TOO_LARGE)
    return bytes(content)
