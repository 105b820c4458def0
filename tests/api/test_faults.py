"""Whatever the API does: a listing is complete, or says why not; and nothing hangs, leaks or lies."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from boltz_keyscan.api import transport
from boltz_keyscan.api.address import Endpoint, api_base
from boltz_keyscan.api.client import MAX_TRIES, Connection
from boltz_keyscan.api.deadline import Clock, Deadline
from boltz_keyscan.api.errors import ApiError
from boltz_keyscan.api.listing import fetch
from boltz_keyscan.api.secret import Secret
from tests.boltz_api import (
    KEYS,
    ME,
    Fault,
    Key,
    Patience,
    Reply,
    Request,
    Running,
    Service,
    closed_port,
    error,
    json_reply,
    running,
)
from tests.keys import fake_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Connect

HTML = Reply(200, b"<html><title>Sign in</title></html>", (("Content-Type", "text/html"),))


def many(count: int) -> list[Key]:
    return [Key(f"key-{number}", fake_key("ws", "live", number)) for number in range(count)]


@pytest.fixture
def service() -> Service:
    return Service(*many(250))


def on_page(number: int, change: Callable[[dict[str, Any]], object]) -> Fault:
    """A fault of one page of the listing, counted from 1; ``change`` changes it or gives another."""

    def fault(request: Request, right: Reply) -> Reply | None:
        if request.path != KEYS:
            return None
        after = request.query.get("after_id", [""])[0]
        if {"": 1, "key-98": 2, "key-198": 3}.get(after) != number:
            return None
        page = json.loads(right.body)
        changed = change(page)
        return json_reply(page if changed is None else changed)

    return fault


def setting(**values: object) -> Callable[[dict[str, Any]], None]:
    return lambda page: page.update(values)


def dropping(name: str) -> Callable[[dict[str, Any]], None]:
    def drop(page: dict[str, Any]) -> None:
        del page[name]

    return drop


def in_item(number: int, **values: object) -> Callable[[dict[str, Any]], None]:
    return lambda page: page["data"][number].update(values)


WRONG: dict[str, tuple[int, Callable[[dict[str, Any]], object]]] = {
    "an empty page that says there is more": (2, setting(data=[], last_id=None)),
    "an empty page with an old cursor": (2, setting(data=[], last_id="key-98")),
    "no last_id": (1, dropping("last_id")),
    "last_id null": (1, setting(last_id=None)),
    "last_id of another item": (1, setting(last_id="key-3")),
    "last_id of another page": (2, setting(last_id="key-98")),
    "last_id of the last page wrong": (3, setting(last_id="key-98")),
    "has_more missing": (1, dropping("has_more")),
    "has_more null": (1, setting(has_more=None)),
    "has_more a text": (1, setting(has_more="false")),
    "has_more a number": (1, setting(has_more=0)),
    "data missing": (1, dropping("data")),
    "data null": (2, setting(data=None)),
    "data an object": (2, setting(data={})),
    "data a text": (2, setting(data="keys")),
    "other names": (1, lambda page: {"items": page["data"], "next": None}),
    "a list": (1, lambda page: page["data"]),
    "a number": (1, lambda _: 7),
    "null": (1, lambda _: "null"),
    "the first page again": (2, lambda _: None),
    "an item that is a text": (1, lambda page: page["data"].__setitem__(5, "key")),
    "an item without an id": (1, lambda page: page["data"][5].pop("id")),
    "an id with a slash": (2, in_item(5, id="../../other")),
    "an id that is a number": (2, in_item(5, id=5)),
    "the same item twice": (2, in_item(5, id="key-3")),
    "a page larger than asked for": (1, lambda page: page["data"].extend(page["data"])),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_page_of_another_form_is_no_end(name: str, service: Service, connect: Connect) -> None:
    number, change = WRONG[name]
    service.fault = on_page(number, change)
    if name == "the first page again":
        service.fault = lambda request, _: (
            first if request.path == KEYS and "after_id" in request.query else None
        )
        items = [key.record(12) for key in service.keys[:100]]
        first = json_reply(
            {"data": items, "first_id": items[0]["id"], "last_id": items[-1]["id"], "has_more": True}
        )
    found = fetch(connect(), str)
    assert not found.listing.complete
    assert found.failure is not None
    assert found.failure.reason in {"wrong-shape", "not-json"}
    assert found.listing.trouble == found.failure.detail
    assert len(found.listing.records) == {1: 0, 2: 100, 3: 200}[number]
    assert len(service.asked(KEYS)) == number


ITEMS: dict[str, dict[str, object]] = {
    "key_prefix missing": {"key_prefix": None},
    "key_type unknown": {"key_type": "robot"},
    "livemode a text": {"livemode": "true"},
    "is_active a number": {"is_active": 1},
    "allowed_ips null": {"allowed_ips": None},
    "allowed_ips a text": {"allowed_ips": "127.0.0.1"},
    "allowed_ips of something else": {"allowed_ips": ["localhost; rm"]},
    "created_at missing": {"created_at": None},
    "created_at without offset": {"created_at": "2026-01-01T00:00:00"},
    "expires_at a number": {"expires_at": 1767225600},
    "last_used_at a word": {"last_used_at": "yesterday"},
    "workspace_id with a slash": {"workspace_id": "a/b"},
    "name a list": {"name": []},
    "a name without end": {"name": "n" * 5000},
}


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_of_another_form_is_left_out_and_said(name: str, service: Service, connect: Connect) -> None:
    service.fault = on_page(2, in_item(7, **ITEMS[name]))
    found = fetch(connect(), str)
    assert found.failure is not None
    assert found.failure.reason == "wrong-shape"
    assert len(found.listing.records) == 250
    assert not found.listing.complete


def test_fields_that_are_not_known_change_nothing(service: Service, connect: Connect) -> None:
    def more(request: Request, right: Reply) -> Reply | None:
        if request.path != KEYS:
            return None
        page = json.loads(right.body) | {"total": 9}
        for item in page["data"]:
            item["scopes"] = ["jobs"]
        return json_reply(page)

    service.fault = more
    assert fetch(connect(), str).listing.complete


@dataclass(frozen=True)
class Broken:
    reply: Reply
    reason: str
    retried: bool = False


BROKEN = {
    "HTML": Broken(HTML, "not-json"),
    "nothing": Broken(Reply(200, b""), "not-json"),
    "no content": Broken(Reply(204, b"", ()), "not-json"),
    "JSON cut short": Broken(Reply(200, b'{"data": [{"id": "ke'), "not-json"),
    "not UTF-8": Broken(Reply(200, b'{"data": "\xff"}'), "not-json"),
    "nested without end": Broken(Reply(200, b"[" * 200_000), "not-json"),
    "a body that ends too early": Broken(
        Reply(
            raw=b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"data": ['
        ),
        "truncated",
        retried=True,
    ),
    "chunks that end too early": Broken(
        Reply(raw=b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"dat'),
        "truncated",
        retried=True,
    ),
    "no HTTP": Broken(Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n"), "truncated", retried=True),
    "a closed connection": Broken(Reply(raw=b""), "truncated", retried=True),
    "500": Broken(error(500, "internal_error"), "server-error", retried=True),
    "502 in HTML": Broken(
        Reply(502, b"<html>Bad gateway", (("Content-Type", "text/html"),)), "server-error", retried=True
    ),
    "503": Broken(error(503, "unavailable", ("Retry-After", "1")), "server-error", retried=True),
    "429": Broken(error(429, "rate_limited"), "rate-limited", retried=True),
    "409": Broken(error(409, "conflict"), "conflict", retried=True),
    "400": Broken(error(400, "bad_request"), "unexpected-status"),
    "402": Broken(error(402, "payment_required"), "unexpected-status"),
    "403": Broken(error(403, "forbidden"), "forbidden"),
    "404": Broken(error(404, "not_found"), "not-found"),
    "418 in words": Broken(
        Reply(418, b"short and stout", (("Content-Type", "text/plain"),)), "unexpected-status"
    ),
    "401 in HTML": Broken(Reply(401, b"<html>Who are you", (("Content-Type", "text/html"),)), "not-json"),
    "401 without a code": Broken(json_reply({"error": "no"}, 401), "not-json"),
    "a body larger than any": Broken(Reply(200, b" " * (transport.MAX_ANSWER_BYTES + 1)), "too-large"),
    "a bomb that was not asked for": Broken(
        Reply(200, b"\x1f\x8b\x08", (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))),
        "not-json",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_answer_that_is_none(name: str, service: Service, connect: Connect) -> None:
    broken = BROKEN[name]
    service.fault = lambda request, _: broken.reply if "after_id" in request.query else None
    found = fetch(connect(), str)
    assert found.failure is not None
    assert found.failure.reason == broken.reason
    assert len(found.listing.records) == 100
    assert not found.listing.complete
    assert len(service.asked(KEYS)) == 1 + (MAX_TRIES if broken.retried else 1)


@pytest.mark.parametrize("name", [name for name, broken in BROKEN.items() if broken.retried])
def test_trouble_that_passes_leaves_no_trace(name: str, service: Service, connect: Connect) -> None:
    troubled: list[Request] = []

    def fault(request: Request, _: Reply) -> Reply | None:
        if "after_id" in request.query and len(troubled) < MAX_TRIES - 1:
            troubled.append(request)
            return BROKEN[name].reply
        return None

    service.fault = fault
    assert fetch(connect(), str).listing.complete


def dated(value: str) -> str:
    """``in N s`` as the date that it is when the test runs."""
    seconds = re.fullmatch(r"in (-?\d+) s", value)
    return formatdate(time.time() + int(seconds[1]), usegmt=True) if seconds else value


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "least", "most"),
        [
            ("0", 0.5, 0.5),
            ("3", 3, 3),
            ("2.5", 2.5, 2.5),
            ("-5", 0.5, 0.5),
            ("", 0.5, 0.5),
            ("soon", 0.5, 0.5),
            ("nan", 0.5, 0.5),
            ("1e1", 10, 10),
            ("in 50 s", 20, 50),
            ("in -2000 s", 0.5, 0.5),
            ("Mon, 99 Foo 2026 99:99:99 GMT", 0.5, 0.5),
        ],
    )
    def test_is_obeyed_within_reason(  # noqa: PLR0917 - a table and its fixtures
        self, value: str, least: float, most: float, service: Service, connect: Connect, patience: Patience
    ) -> None:
        value = dated(value)
        service.fault = lambda request, _: (
            error(429, "rate_limited", ("Retry-After", value))
            if request.path == KEYS and len(service.asked(KEYS)) == 1
            else None
        )
        assert fetch(connect(), str).listing.complete
        assert len(patience.slept) == 1
        assert least <= patience.slept[0] <= most

    @pytest.mark.parametrize("value", ["3600", "1e300", "inf", "in 9000 s"])
    def test_is_not_waited_for_when_there_is_no_time(
        self, value: str, service: Service, connect: Connect, patience: Patience
    ) -> None:
        value = dated(value)
        service.fault = lambda _, __: error(429, "rate_limited", ("Retry-After", value))
        with pytest.raises(ApiError, match="no time is left") as raised:
            connect().me()
        assert raised.value.failure.reason == "rate-limited"
        assert patience.slept == []
        assert len(service.requests) == 1

    def test_pauses_double(self, service: Service, connect: Connect, patience: Patience) -> None:
        service.fault = lambda _, __: error(500, "internal_error")
        with pytest.raises(ApiError):
            connect().me()
        assert patience.slept == [0.5, 1.0]


class TestTime:
    def test_all_requests_together_have_a_deadline(
        self, service: Service, connect: Connect, patience: Patience
    ) -> None:
        # A page takes 100 seconds of a clock that gives three pages; to import the SDK takes real ones.
        service.between = lambda _: patience.slept.append(100.0)
        found = fetch(connect(seconds=350), str)
        assert found.failure is not None
        assert found.failure.reason == "deadline"
        assert len(found.listing.records) == 200

    @pytest.mark.parametrize(
        "headers", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n"]
    )
    def test_an_answer_that_drips_ends_with_the_deadline(
        self, headers: bytes, service: Service, connect: Connect, patience: Patience
    ) -> None:
        """No single wait is long; what ends it is the time of all of them together."""
        service.fault = lambda _, __: Reply(raw=headers + b"H" * 100_000, drip=0.001)
        connection = connect(seconds=30)
        ticks = [0.0]
        patience.now = lambda: ticks.__setitem__(0, ticks[0] + 0.5) or ticks[0]  # type: ignore[method-assign]
        connection._deadline.clock = Clock(patience.now, patience.sleep)
        connection._deadline._end = 30.0
        with pytest.raises(ApiError) as raised:
            connection.me()
        assert raised.value.failure.reason == "deadline"

    def test_a_deadline_that_is_over_sends_nothing(
        self, service: Service, connect: Connect, patience: Patience
    ) -> None:
        connection = connect(seconds=60)
        patience.sleep(61)
        with pytest.raises(ApiError, match="over"):
            connection.me()
        assert service.requests == []


def test_a_person_may_take_their_time(service: Service, connect: Connect, patience: Patience) -> None:
    connection = connect(seconds=60)
    patience.sleep(61)
    connection.renew()
    assert connection.me()
    assert len(service.requests) == 1


class TestNobodyThere:
    def test_nobody_listens(self, connect: Connect) -> None:
        with pytest.raises(ApiError) as raised:
            connect(base=f"http://127.0.0.1:{closed_port()}").me()
        assert raised.value.failure.reason == "unreachable"

    def test_a_name_that_is_none(self, connect: Connect) -> None:
        with pytest.raises(ApiError) as raised:
            connect(base="https://boltz.invalid").me()
        assert raised.value.failure.reason == "unreachable"

    def test_one_who_cannot_prove_it(self, service: Service, tmp_path: Path) -> None:
        with (
            running(service, tls=tmp_path) as up,
            Connection(Endpoint(api_base(up.url)), Secret(service.admin.raw), Deadline(30)) as connection,
        ):
            with pytest.raises(ApiError) as raised:
                connection.me()
            assert raised.value.failure.reason == "untrusted"
            assert service.requests == []

    def test_one_who_can(self, service: Service, tmp_path: Path) -> None:
        with (
            running(service, tls=tmp_path) as up,
            Connection(
                Endpoint(api_base(up.url), authorities=up.authorities),
                Secret(service.admin.raw),
                Deadline(30),
            ) as connection,
        ):
            assert fetch(connection, str).listing.complete

    def test_one_with_the_name_of_another(self, service: Service, tmp_path: Path) -> None:
        with (
            running(service, tls=tmp_path) as up,
            Connection(
                Endpoint(api_base(up.url.replace("127.0.0.1", "127.0.0.2")), authorities=up.authorities),
                Secret(service.admin.raw),
                Deadline(30),
            ) as connection,
        ):
            with pytest.raises(ApiError) as raised:
                connection.me()
            # Either nobody listens on that address, or somebody does who is not it.
            assert raised.value.failure.reason in {"untrusted", "unreachable"}
            assert service.requests == []


def test_the_key_in_an_error_of_the_api_is_not_passed_on(service: Service, connect: Connect) -> None:
    key = service.admin.raw
    service.fault = lambda _, __: json_reply({"code": key, "message": f"bad key {key}"}, 400)
    with pytest.raises(ApiError) as raised:
        connect().me()
    assert key not in repr(raised.value)
    assert key not in str(raised.getrepr(style="long", showlocals=False))
    assert raised.value.__cause__ is None


def test_who_asks_is_told_apart_when_it_is_not_let_in(service: Service, connect: Connect) -> None:
    service.admin.is_active = False
    found = fetch(connect(), str)
    assert found.failure is not None
    assert found.failure.reason == "unauthorized"
    assert [request.path for request in service.requests] == [ME]


def test_a_workspace_key_cannot_list(service: Service, connect: Connect) -> None:
    found = fetch(connect(service.keys[1].raw), str)
    assert found.failure is not None
    assert found.failure.reason == "forbidden"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"principal_type": "user", "user_id": "u"},
        {
            "principal_type": "api_key",
            "api_key_id": "a/b",
            "key_type": "admin",
            "mode": "live",
            "organization_id": "o",
        },
        {
            "principal_type": "api_key",
            "api_key_id": "k",
            "key_type": "root",
            "mode": "live",
            "organization_id": "o",
        },
        {"principal_type": "api_key", "api_key_id": "k", "key_type": "admin", "mode": "live"},
    ],
)
def test_a_listing_does_not_need_to_know_who_asks(
    answer: dict[str, object], service: Service, connect: Connect
) -> None:
    service.fault = lambda request, _: json_reply(answer) if request.path == ME else None
    found = fetch(connect(), str)
    assert found.listing.complete
    assert found.own is None
    assert found.listing.organisation is None


def test_running_gives_a_port_of_its_own(up: Running) -> None:
    assert up.url.startswith("http://127.0.0.1:")
