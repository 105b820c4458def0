"""A server on loopback that behaves like the Boltz API: organisations, keys, pages, and every fault.

It keeps a log of what it was asked, headers included, so that a test can say where a key
went. With ``tls`` it proves itself with a certificate made for the occasion.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme

from tests.boltz_usage import CLI, JOBS, LIMIT, USAGE, Ledger
from tests.keys import fake_key

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

KEYS = "/compute/v1/admin/api-keys"
WORKSPACES = "/compute/v1/admin/workspaces"
ME = "/compute/v1/auth/me"
SHARE = "/compute/v1/share"
SHARE_LINKS = "/compute/v1/share-links"


def stamp(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Key:
    """A key as the service knows it: also what it is."""

    id: str
    raw: str
    name: str = "a key"
    workspace_id: str | None = "ws_1"
    is_active: bool = True
    allowed_ips: list[str] = field(default_factory=list)
    created_at: datetime = NOW - timedelta(days=30)
    expires_at: datetime | None = None
    last_used_at: datetime | None = None

    @property
    def key_type(self) -> str:
        return "admin" if self.raw.startswith("sk_bc_admin_") else "workspace"

    @property
    def mode(self) -> str:
        return "live" if "_live_" in self.raw[:20] else "test"

    def record(self, prefix_length: int) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "key_prefix": self.raw[:prefix_length],
            "key_type": self.key_type,
            "livemode": self.mode == "live",
            "is_active": self.is_active,
            "workspace_id": self.workspace_id,
            "allowed_ips": self.allowed_ips,
            "created_at": stamp(self.created_at),
            "expires_at": self.expires_at and stamp(self.expires_at),
            "last_used_at": self.last_used_at and stamp(self.last_used_at),
        }


@dataclass
class Link:
    """A share link as the service knows it."""

    id: str
    workspace_id: str = "ws_1"
    predictions: int = 1
    pipelines: int = 0
    expires_at: datetime = NOW + timedelta(days=300)
    archived_at: datetime | None = None
    emails: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "workspace_id": self.workspace_id,
            "created_at": stamp(NOW - timedelta(days=30)),
            "expires_at": stamp(self.expires_at),
        }

    def record(self) -> dict[str, Any]:
        access = {"access_mode": "email", "allowed_emails": [*self.emails]}
        return self.facts() | {
            "access_parameters": access if self.emails else {"access_mode": "public"},
            "archived_at": self.archived_at and stamp(self.archived_at),
            "prediction_ids": [f"pred_{number}" for number in range(self.predictions)],
            "pipeline_ids": [f"pipe_{number}" for number in range(self.pipelines)],
        }

    def content(self) -> dict[str, Any]:
        return self.facts() | {"predictions": [{}] * self.predictions, "pipelines": [{}] * self.pipelines}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is sent, or instead of it."""

    status: int = 200
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    raw: bytes | None = None
    """These bytes and nothing else, then the end of the connection."""
    drip: float = 0.0
    """Seconds between two bytes."""


def json_reply(document: object, status: int = 200, *headers: tuple[str, str]) -> Reply:
    return Reply(status, json.dumps(document).encode(), (("Content-Type", "application/json"), *headers))


def error(status: int, code: str, *headers: tuple[str, str]) -> Reply:
    return json_reply({"code": code, "message": "told by the server"}, status, *headers)


Fault = Callable[[Request, Reply], Reply | None]
"""What is sent in place of a reply; None for the reply itself."""


class Service:
    """The organisation. All of it may change between two requests."""

    def __init__(self, *keys: Key, prefix_length: int = 12, organisation: str = "org_1") -> None:
        self.admin = Key("key_admin", fake_key("admin", "live", "the one that asks"), "ops", None)
        self.keys = [self.admin, *keys]
        self.links: list[Link] = []
        self.workspaces = [("ws_1", "one", False), ("ws_2", "two", False), ("ws_old", "old", True)]
        self.prefix_length = prefix_length
        self.organisation = organisation
        self.requests: list[Request] = []
        self.fault: Fault = lambda _request, _reply: None
        self.between: Callable[[Request], None] = lambda _request: None
        """Runs before each reply, as other people do."""
        self.client = "127.0.0.1"
        """The address that requests seem to come from."""
        self.created = 0
        self.ledger = Ledger()
        self.lock = threading.Lock()

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def reply(self, request: Request) -> Reply:
        with self.lock:
            self.requests.append(request)
            self.between(request)
            is_open = request.path.startswith(f"{SHARE}/")
            right = self._open(request) if is_open else self._right(request)
            return self.fault(request, right) or right

    def find(self, key_id: str) -> Key | None:
        return next((key for key in self.keys if key.id == key_id), None)

    def _right(self, request: Request) -> Reply:  # noqa: PLR0911 - one for each answer
        given = request.headers.get("x-api-key", "")
        caller = next((key for key in self.keys if key.raw == given), None)
        if caller is None or not caller.is_active or (caller.expires_at and caller.expires_at <= NOW):
            return error(401, "unauthorized")
        if caller.allowed_ips and self.client not in caller.allowed_ips:
            return error(403, "forbidden")
        if request.path == ME:
            return json_reply(
                {
                    "principal_type": "api_key",
                    "api_key_id": caller.id,
                    "key_type": caller.key_type,
                    "mode": caller.mode,
                    "organization_id": self.organisation,
                    "selected_organization_id": self.organisation,
                    "workspace_id": caller.workspace_id,
                }
            )
        if caller.key_type != "admin" or request.path.startswith(f"{SHARE_LINKS}/"):
            return self._share_link(request, caller)
        if request.path == KEYS:
            return (
                self._create(request)
                if request.method == "POST"
                else self._page(request, [key.record(self.prefix_length) for key in self.keys])
            )
        if request.path == WORKSPACES:
            return self._page(request, [_workspace(*each) for each in self.workspaces])
        if (answer := self._spent(request)) is not None:
            return answer
        if found := re.fullmatch(re.escape(KEYS) + r"/([^/]+)/revoke", request.path):
            key = self.find(found[1])
            if key is None or request.method != "POST":
                return error(404, "not_found")
            key.is_active = False
            return json_reply(key.record(self.prefix_length))
        return error(404, "not_found")

    def _spent(self, request: Request) -> Reply | None:
        if request.path == USAGE:
            page = self.ledger.buckets(request.query)
            return error(400, "bad_request") if page is None else json_reply(page)
        if request.path in JOBS:
            workspace = request.query.get("workspace_id", ["ws_1"])[0]
            return self._page(request, self.ledger.jobs(JOBS[request.path], workspace))
        if request.path == CLI:
            return json_reply(self.ledger.cli())
        found = re.fullmatch(LIMIT, request.path)
        return json_reply(self.ledger.limit(found[1])) if found else None

    def archived(self, link_id: str) -> bool:
        """Whether a share link is archived."""
        return any(link.archived_at is not None for link in self.links if link.id == link_id)

    def _open(self, request: Request) -> Reply:
        """What a share link shows, to anyone."""
        link = next((link for link in self.links if request.path == f"{SHARE}/{link.id}"), None)
        if link is None or link.archived_at or link.expires_at <= NOW:
            return error(404, "not_found")
        return error(401, "unauthorized") if link.emails else json_reply(link.content())

    def _share_link(self, request: Request, caller: Key) -> Reply:
        if not request.path.startswith(f"{SHARE_LINKS}/"):
            return error(403, "forbidden")
        link_id, _, verb = request.path.removeprefix(f"{SHARE_LINKS}/").partition("/")
        link = next((link for link in self.links if link.id == link_id), None)
        if link is None or caller.workspace_id not in {None, link.workspace_id}:
            return error(404, "not_found")
        if verb == "archive" and request.method == "POST":
            link.archived_at = link.archived_at or NOW
            return json_reply({"id": link.id, "archived": True, "archived_at": stamp(link.archived_at)})
        return error(404, "not_found") if verb else json_reply(link.record())

    @staticmethod
    def _page(request: Request, items: list[dict[str, Any]]) -> Reply:
        limit = int(request.query.get("limit", ["20"])[0])
        if not 1 <= limit <= 100:
            return error(400, "bad_request")
        after = request.query.get("after_id", [None])[0]
        start = 0
        if after is not None:
            ids = [item["id"] for item in items]
            if after not in ids:
                return error(400, "bad_request")
            start = ids.index(after) + 1
        data = items[start : start + limit]
        return json_reply(
            {
                "data": data,
                "first_id": data[0]["id"] if data else None,
                "last_id": data[-1]["id"] if data else None,
                "has_more": start + limit < len(items),
            }
        )

    def _create(self, request: Request) -> Reply:
        asked = json.loads(request.body)
        self.created += 1
        days = asked.get("expires_in_days")
        key = Key(
            f"key_new_{self.created}",
            fake_key("ws", asked.get("mode", "live"), ("created", self.created)),
            asked["name"],
            asked.get("workspace_id", "ws_1"),
            allowed_ips=asked.get("allowed_ips", []),
            created_at=NOW,
            expires_at=NOW + timedelta(days=days) if days else None,
        )
        self.keys.append(key)
        return json_reply({"key": key.raw, "key_details": key.record(self.prefix_length)}, 201)


def _workspace(id_: str, name: str, archived: bool) -> dict[str, Any]:  # noqa: FBT001 - a row
    return {
        "id": id_,
        "name": name,
        "archived_at": stamp(NOW) if archived else None,
        "created_at": stamp(NOW),
        "updated_at": stamp(NOW),
        "is_default": id_ == "ws_1",
        "data_retention": {"unit": "days", "value": 7},
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are written apart: the body would wait 40 ms for the client's word on the head.
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            self.command,
            parts.path,
            parse_qs(parts.query),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )
        reply = self.server.service.reply(request)
        if reply.raw is not None:
            self._drip(reply.raw, reply.drip)
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self._drip(reply.body, reply.drip)

    do_GET = do_POST = do_CONNECT = _serve  # noqa: N815 - the library's names

    def _drip(self, content: bytes, pause: float) -> None:
        if not pause:
            self.wfile.write(content)
            return
        for number in range(len(content)):
            if self.server.stopping.wait(pause):
                return
            self.wfile.write(content[number : number + 1])
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    service: Service
    stopping: threading.Event

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of many tests."""


@dataclass(frozen=True)
class Running:
    """A service that can be reached."""

    service: Service
    url: str
    authorities: str | None = None


@contextmanager
def running(service: Service, tls: Path | None = None) -> Iterator[Running]:
    """The service on a port of its own; with ``tls``, a folder for its certificate, over TLS."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.service = service
    server.stopping = threading.Event()
    authorities = None
    if tls is not None:
        authority = trustme.CA()
        authorities = str(tls / "authority.pem")
        authority.cert_pem.write_to_path(authorities)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        scheme = "https" if tls is not None else "http"
        yield Running(service, f"{scheme}://127.0.0.1:{server.server_address[1]}", authorities)
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def tunnelling() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that does what it is asked (CONNECT), and all that it got to see before the tunnel."""
    seen: list[bytes] = []

    class Tunnel(BaseRequestHandler):
        def handle(self) -> None:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += self.request.recv(1)
            seen.append(head)
            host, _, port = head.split()[1].decode().rpartition(":")
            with socket.create_connection((host, int(port))) as far:
                self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_pumped, args=(far, self.request), daemon=True)
                back.start()
                _pumped(self.request, far)
                back.join()

    server = ThreadingTCPServer(("127.0.0.1", 0), Tunnel)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _pumped(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Patience:
    """A clock that does not wait: sleeping moves it, and it remembers for how long."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.start = time.monotonic()

    def now(self) -> float:
        return time.monotonic() + sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
