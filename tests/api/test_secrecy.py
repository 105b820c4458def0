"""Where a key goes, and where it does not: other hosts, the environment, logs, errors, copies."""

from __future__ import annotations

import copy
import io
import logging
import os
import pickle
import sys
import traceback
from typing import TYPE_CHECKING

import httpx
import pytest

from boltz_keyscan.api import client, transport
from boltz_keyscan.api.address import OFFICIAL, Address, Endpoint, api_base, proxy
from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.deadline import Clock, Deadline
from boltz_keyscan.api.errors import ApiError
from boltz_keyscan.api.listing import fetch
from boltz_keyscan.api.secret import Secret, unsealed
from boltz_keyscan.api.transport import Gate, tls_context
from boltz_keyscan.api.whoami import Verifier
from boltz_keyscan.detect.lookup import Lookup, unseal
from boltz_keyscan.errors import KeyscanError
from tests.boltz_api import KEYS, ME, Reply, Service, running, tunnelling
from tests.keys import fake_key, fingerprint
from tests.leaks import leaks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.conftest import Connect
    from tests.boltz_api import Running

KEY = fake_key("admin", "live", "secret")


class TestOneHost:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("call", ["me", "keys", "revoke", "create"])
    def test_a_redirect_is_not_followed(self, status: int, call: str, up: Running, connect: Connect) -> None:
        other = Service()
        with running(other) as elsewhere:
            up.service.fault = lambda request, _: Reply(
                status, b"{}", (("Location", elsewhere.url + request.path),)
            )
            connection = connect()
            calls: dict[str, Callable[[], object]] = {
                "me": connection.me,
                "keys": lambda: connection.keys(None),
                "revoke": lambda: connection.revoke("key-1"),
                "create": lambda: connection.create(name="n"),
            }
            with pytest.raises(ApiError) as raised:
                calls[call]()
        assert raised.value.failure.reason == "redirected"
        assert other.requests == []
        assert len(up.service.requests) == 1

    def test_the_gate_lets_nothing_else_through(self, up: Running) -> None:
        other = Service()
        with running(other) as elsewhere:
            gate = Gate(Endpoint(api_base(up.url)), Secret(KEY), Deadline(30))
            with httpx.Client(transport=gate, trust_env=False) as open_:
                port = up.url.rpartition(":")[2]
                for url in (
                    elsewhere.url + ME,
                    up.url.replace("127.0.0.1", "localhost") + ME,
                    up.url.replace("http:", "https:") + ME,
                    f"http://user:word@127.0.0.1:{port}{ME}",
                ):
                    with pytest.raises(ApiError, match="another address"):
                        open_.get(url)
        assert other.requests == up.service.requests == []

    def test_no_header_but_ours_leaves(self, up: Running, connect: Connect) -> None:
        fetch(connect(), str)
        for request in up.service.requests:
            assert set(request.headers) == {"host", "accept", "accept-encoding", "user-agent", "x-api-key"}
            assert request.headers["user-agent"].startswith("boltz-keyscan/")


class TestAddress:
    def test_the_official_one_is_fixed(self) -> None:
        assert api_base(None) == OFFICIAL == Address("https", "api.boltz.bio", 443)

    @pytest.mark.parametrize(
        "text",
        [
            "https://api.example.org",
            "https://api.example.org:8443/",
            "http://127.0.0.1:8080",
            "http://127.8.9.1",
            "http://[::1]:9",
            "http://localhost:1",
        ],
    )
    def test_what_may_be_named(self, text: str) -> None:
        assert api_base(text)

    @pytest.mark.parametrize(
        "text",
        [
            "http://api.boltz.bio",
            "http://10.0.0.1",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "ftp://127.0.0.1",
            "//127.0.0.1",
            "api.boltz.bio",
            "https://",
            "https://user@api.boltz.bio",
            f"https://{KEY}:x@api.boltz.bio",
            "https://api.boltz.bio/path",
            "https://api.boltz.bio/?q",
            "https://api.boltz.bio/#f",
            "https://api.boltz.bio:port",
            "https://api.boltz.bio:99999",
            "https://api boltz bio",
            "https://аpi.boltz.bio",  # noqa: RUF001 - a Cyrillic letter is the point
            "https://api.boltz.bio\r\nx: y",
            "",
        ],
    )
    def test_what_may_not(self, text: str) -> None:
        with pytest.raises(KeyscanError) as raised:
            api_base(text)
        assert not leaks(f"{raised.value.message} {raised.value.hint}".encode(), KEY)

    @pytest.mark.parametrize(
        ("text", "base"),
        [
            ("https://proxy.example.org", OFFICIAL),
            ("socks5://proxy.example.org", OFFICIAL),
            ("http://user:word@proxy.example.org", OFFICIAL),
            ("http://proxy.example.org", Address("http", "127.0.0.1", 80)),
        ],
    )
    def test_proxies_that_would_see_a_key_or_tell_one(self, text: str, base: Address) -> None:
        with pytest.raises(KeyscanError):
            proxy(text, base)

    def test_a_proxy_is_used_only_when_it_is_named(self, tmp_path: Path) -> None:
        between, service = Service(), Service()
        with running(service, tls=tmp_path) as up, running(between) as proxied:
            reach = Endpoint(api_base(up.url), proxy(proxied.url, api_base(up.url)), up.authorities)
            connection = Connection(reach, Secret(service.admin.raw), Deadline(30))
            with connection, pytest.raises(ApiError) as raised:
                connection.me()
        # This one lets nothing through; what it was told has no key in it.
        assert raised.value.failure.reason in {"proxy", "unreachable", "truncated"}
        assert [request.method for request in between.requests] == ["CONNECT"] * len(between.requests)
        assert between.requests
        assert not any(leaks(repr(request).encode(), service.admin.raw) for request in between.requests)
        assert service.requests == []

    def test_through_a_proxy_goes_nothing_that_it_could_read(self, tmp_path: Path) -> None:
        service = Service()
        with running(service, tls=tmp_path) as up, tunnelling() as (url, seen):
            reach = Endpoint(api_base(up.url), proxy(url, api_base(up.url)), up.authorities)
            with Connection(reach, Secret(service.admin.raw), Deadline(30)) as connection:
                assert fetch(connection, str).listing.complete
        assert [head.split()[0] for head in seen] == [b"CONNECT"]
        assert not leaks(b"".join(seen), service.admin.raw)
        assert service.requests[0].headers["x-api-key"] == service.admin.raw


class TestEnvironment:
    @pytest.fixture
    def hostile(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        nowhere = "http://127.0.0.1:9"
        for name, value in {
            "BOLTZ_BASE_URL": nowhere,
            "BOLTZ_CUSTOM_HEADERS": "x-api-key: other\nHost: evil.example\nX-More: yes",
            "BOLTZ_API_KEY": "other",
            "BOLTZ_LOG": "debug",
            **{f"{kind}_PROXY": nowhere for kind in ("HTTP", "HTTPS", "ALL")},
            **{f"{kind}_proxy": nowhere for kind in ("http", "https", "all")},
            "SSL_CERT_FILE": str(tmp_path / "none.pem"),
            "SSL_CERT_DIR": str(tmp_path),
            "SSLKEYLOGFILE": str(tmp_path / "keylog"),
            "REQUESTS_CA_BUNDLE": str(tmp_path / "none.pem"),
            "NETRC": str(tmp_path / "netrc"),
        }.items():
            monkeypatch.setenv(name, value)
        return tmp_path

    def test_it_diverts_nothing(self, hostile: Path, tmp_path: Path) -> None:
        service = Service()
        before = dict(os.environ)
        with running(service, tls=tmp_path) as up:
            reach = Endpoint(api_base(up.url), authorities=up.authorities)
            with Connection(reach, Secret(service.admin.raw), Deadline(30)) as connection:
                assert fetch(connection, str).listing.complete
        assert dict(os.environ) == before
        assert not (hostile / "keylog").exists()
        for request in service.requests:
            assert request.headers["x-api-key"] == service.admin.raw
            assert "x-more" not in request.headers
            assert request.headers["host"] == up.url.removeprefix("https://")

    @pytest.mark.usefixtures("hostile")
    def test_certificates_are_not_taken_from_it(self) -> None:
        context = tls_context()
        assert getattr(context, "keylog_filename", None) is None
        assert context.check_hostname
        assert context.get_ca_certs()

    @pytest.mark.usefixtures("hostile")
    def test_nothing_is_logged(
        self, connect: Connect, up: Running, capfd: pytest.CaptureFixture[str]
    ) -> None:
        root = logging.getLogger()
        told = io.StringIO()
        handler = logging.StreamHandler(told)
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            up.service.fault = lambda request, _: Reply(raw=b"") if request.path == KEYS else None
            fetch(connect(), str)
        finally:
            root.removeHandler(handler)
            root.setLevel(level)
        captured = capfd.readouterr()
        assert told.getvalue() == captured.out == captured.err == ""


class TestSecret:
    @pytest.mark.parametrize("text", [KEY, f" {KEY}", f"{KEY}\n", f"{KEY}\r\n", f"\t{KEY} \n"])
    def test_white_space_around_a_key_is_taken_off(self, text: str, up: Running, connect: Connect) -> None:
        assert Secret(text).reveal() == KEY
        up.service.admin.raw = KEY
        connect(text).me()
        assert up.service.requests[0].headers["x-api-key"] == KEY

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            f"{KEY}\nx",
            f"{KEY}\r\nHost: evil",
            f"{KEY}\0",
            f"{KEY} {KEY}",
            f"{KEY}é",
            f'"{KEY}"',
            KEY * 30,
        ],
    )
    def test_what_is_no_key_is_not_sent_and_not_quoted(self, text: str) -> None:
        with pytest.raises(KeyscanError) as raised:
            Secret(text, "the environment variable X")
        told = f"{raised.value.message} {raised.value.hint} {raised.value!r}"
        assert not leaks(told.encode(), KEY)
        assert "the environment variable X" in told

    @pytest.mark.parametrize("holder", [Secret(KEY), Verifier(Endpoint(), b"s", 1, Clock())])
    def test_no_holder_shows_what_it_holds(self, holder: object) -> None:
        for shown in (repr(holder), str(holder), f"{holder}", f"{holder!s:>40}", "%s" % holder):  # noqa: UP031 - every way
            assert not leaks(shown.encode(), KEY)
            assert "b's'" not in shown

    def test_no_holder_is_copied_or_saved(self) -> None:
        for take in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="not copied"):
                take(Secret(KEY))

    def test_what_was_sealed_is_unsealed(self) -> None:
        lookup = Lookup.of((), b"of this run")
        keys = [fake_key(seed=number) for number in range(20)]
        sealed = {fingerprint(key): lookup.seal(key.encode(), fingerprint(key)) for key in keys}
        opened = [unsealed(raw, name, b"of this run").reveal() for name, raw in sealed.items()]
        assert opened == keys
        assert not leaks(b" ".join(sealed.values()), *keys)
        assert unseal(sealed[fingerprint(keys[0])], fingerprint(keys[0]), b"of another") != keys[0].encode()
        assert len(set(sealed.values())) == len(keys)

    def test_nothing_is_sealed_unless_verification_was_asked_for(self) -> None:
        assert Lookup.of(("sk_bc_ws_liv",)).seal(KEY.encode(), fingerprint(KEY)) == b""

    def test_the_secret_of_a_run_is_not_shown(self) -> None:
        assert "deadbeef" not in repr(Lookup.of((), b"deadbeef"))


def test_an_error_shows_no_key_in_any_frame(connect: Connect, up: Running) -> None:
    up.service.fault = lambda _, __: Reply(
        raw=b"HTTP/1.1 200 OK\r\nx-api-key: " + up.service.admin.raw.encode()
    )
    try:
        connect().me()
    except ApiError as raised:
        told = "".join(traceback.format_exception(raised))
    assert not leaks(told.encode(), up.service.admin.raw)


def test_the_sdk_holds_no_key(connect: Connect) -> None:
    assert connect()._sdk.api_key == "held-back"


def test_without_the_sdk_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boltz_api", None)
    with pytest.raises(KeyscanError) as raised:
        client.require_sdk()
    assert raised.value.hint == "Install its extra 'api'; in a checkout: pip install '.[api]'"


def test_the_limits_are_those_documented() -> None:
    assert (transport.CONNECT_TIMEOUT_S, transport.READ_TIMEOUT_S) == (5, 10)
