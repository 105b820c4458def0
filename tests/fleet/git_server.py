"""A server of git repositories over smart HTTP on loopback: ``git http-backend`` behind Python's server.

The first part of a path chooses how it behaves: see ``Behaviour``.
"""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

TOKEN = "canary" + "-token-" + "5f0e1d2c3b4a"


@dataclass
class Behaviour:
    """What the server does, and what it has been asked."""

    root: Path
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Path and Authorization header of each request."""
    down: bool = False
    """It closes every connection without an answer."""
    hold: threading.Event = field(default_factory=threading.Event)
    """What requests below ``/slow/`` wait for."""
    waiting: bool = False
    """All requests wait for it."""

    @property
    def tokens(self) -> set[str]:
        """The passwords it was sent."""
        basic = (header.removeprefix("Basic ") for _, header in self.requests if header)
        return {base64.b64decode(each).decode().partition(":")[2] for each in basic}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are written apart: the body would wait 40 ms for the client's word on the head.
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)

    def _answer(self, body: bytes) -> None:
        behaviour = self.server.behaviour
        path, _, query = self.path.partition("?")
        behaviour.requests.append((path, self.headers.get("Authorization", "")))
        if behaviour.down:
            self.close_connection = True
            return
        match path.split("/")[1]:
            case "moved":
                self._send(301, {"Location": self.path.replace("/moved/", "/open/")}, b"")
                return
            case "private" if not self.headers.get("Authorization", ""):
                self._send(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
                return
            case place if place == "slow" or behaviour.waiting:
                behaviour.hold.wait(30)
        self._send(*self._backend(path, query, body))

    def _backend(self, path: str, query: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME")},
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": str(self.server.behaviour.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": unquote(path),
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        ran = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, env=environment, check=False
        )
        head, _, content = ran.stdout.partition(b"\r\n\r\n")
        lines = (line.partition(": ") for line in head.decode().splitlines())
        headers = {name: value for name, _, value in lines}
        return int(headers.pop("Status", "200").split()[0]), headers, content

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    behaviour: Behaviour

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no error."""


@contextmanager
def serving(root: Path) -> Iterator[tuple[str, Behaviour]]:
    """Serve the repositories below a folder; the address of the server, and its behaviour."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.behaviour = Behaviour(root)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.behaviour
    finally:
        server.behaviour.hold.set()
        server.shutdown()
        server.server_close()
