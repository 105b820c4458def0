"""What the service on loopback answers has the form of the SDK's models, and what we send and read is there.

So a field that changes in another version of the SDK fails here, and not at a user's. ``.ci/sdk`` runs these
tests with the oldest allowed version and with the newest.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any, get_args

import pydantic
import pytest

from boltz_keyscan.api import usage
from boltz_keyscan.api.client import Connection
from tests.api.conftest import Connect
from tests.boltz_api import NOW, Key, Service
from tests.boltz_usage import JOBS, Work
from tests.keys import fake_key

KINDS = sorted(usage.JOB_KINDS)
SINCE = NOW - timedelta(days=1)


@pytest.fixture
def sdk() -> Any:
    """A client of the SDK, which takes seconds to load: not where tests are only collected."""
    return import_module("boltz_api").Boltz(api_key="none", base_url="http://127.0.0.1:1")


@pytest.fixture
def service() -> Service:
    service = Service(Key("key-1", fake_key("ws", "live", 1), "one", last_used_at=NOW, expires_at=NOW))
    service.ledger.work = [Work(SINCE, 3, "ws_1", application) for application in JOBS.values()]
    service.ledger.limits = {"ws_1": (1000, 10)}
    return service


def _usage(connection: Connection) -> Any:
    groups = ["workspace_id", "application"]
    return connection.usage(None, starting_at=SINCE, ending_at=NOW, window_size="DAY", group_by=groups)


def first(page: Any) -> dict[str, Any]:
    """The first item of a page."""
    return dict(page["data"][0])


Ask = Callable[[Connection], Any]
ANSWERS: dict[str, tuple[str, Ask, str]] = {
    "a key": ("admin.api_key_list_response:APIKeyListResponse", lambda each: first(each.keys(None)), ""),
    "a new key": (
        "admin.api_key_create_response:APIKeyCreateResponse",
        lambda each: each.create(
            name="x", mode="live", allowed_ips=[], workspace_id="ws_1", expires_in_days=3
        ),
        "key key_details",
    ),
    "a revoked key": (
        "admin.api_key_revoke_response:APIKeyRevokeResponse",
        lambda each: each.revoke("key-1"),
        "",
    ),
    "a workspace": (
        "admin.workspace_list_response:WorkspaceListResponse",
        lambda each: first(each.workspaces(None)),
        "id name archived_at",
    ),
    "an identity": (
        "auth_me_response:AuthMeAPIKeyResponse",
        lambda each: each.me(),
        "principal_type api_key_id key_type mode organization_id workspace_id",
    ),
    "usage": (
        "admin.usage_list_response:UsageListResponse",
        lambda each: first(_usage(each)),
        "start_time end_time quantity workspace_id application",
    ),
    "a spending limit": (
        "admin.workspace_retrieve_spending_limit_response:WorkspaceRetrieveSpendingLimitResponse",
        lambda each: each.spending_limit("ws_1"),
        "limit accrued_usage",
    ),
    "the CLI's version": (
        "cli_version_response:CliVersionResponse",
        lambda each: each.cli_version(),
        "minimum_supported",
    ),
}
"""Model, request, and the fields that we read; all of a key's are."""

RECORD = (
    "id name key_prefix key_type livemode is_active workspace_id allowed_ips "
    "created_at expires_at last_used_at"
)


def model(path: str) -> type[pydantic.BaseModel]:
    module, _, name = path.partition(":")
    found: type[pydantic.BaseModel] = getattr(import_module(f"boltz_api.types.{module}"), name)
    return found


def check(kind: type[pydantic.BaseModel], answer: dict[str, Any], read: str) -> None:
    """Check an answer: it has what the model requires, nothing that it lacks, and its values fit."""
    fields = kind.model_fields
    required = {name for name, each in fields.items() if each.is_required()}
    assert required <= set(answer) <= set(fields), kind.__name__
    assert set(read.split()) <= set(fields), kind.__name__
    pydantic.TypeAdapter(kind).validate_json(json.dumps(answer))


@pytest.mark.parametrize("name", ANSWERS)
def test_the_answers_on_loopback_are_those_of_the_models(name: str, connect: Connect) -> None:
    path, ask, read = ANSWERS[name]
    check(model(path), dict(ask(connect())), read or RECORD)


@pytest.mark.parametrize("kind", KINDS)
def test_jobs_are_those_of_the_models(kind: str, connect: Connect) -> None:
    answer = first(connect().jobs(kind, "ws_1", None))
    family, _, resource = kind.partition(".")
    found = model(f"{family}.{resource}_list_response:{_camel(resource)}ListResponse")
    check(found, answer, "id created_at status livemode workspace_id")


def _camel(words: str) -> str:
    return "".join(word.capitalize() for word in words.split("_"))


def test_every_list_of_jobs_is_asked_for(sdk: Any) -> None:
    """Each application of the usage has its list, and each resource of the SDK that lists jobs is asked."""
    field = model("admin.usage_list_response:UsageListResponse").model_fields["application"]
    literal = next(each for each in get_args(field.annotation) if each is not type(None))
    assert set(get_args(literal)) == set(usage.JOB_KINDS.values())
    listing: set[str] = set()
    others: set[str] = set()
    for family in ("predictions", "protein", "small_molecule"):
        for name in dir(getattr(sdk, family)):
            resource = getattr(getattr(sdk, family), name)
            if (
                not name.startswith("_")
                and name not in {"with_raw_response", "with_streaming_response"}
                and hasattr(resource, "start")
            ):
                (listing if hasattr(resource, "list") else others).add(f"{family}.{name}")
    assert listing == set(usage.JOB_KINDS)
    assert {each.replace(".", "_") for each in others} == set(usage.UNLISTED)


def test_what_we_send_is_known_to_the_sdk(sdk: Any) -> None:
    sent: dict[Callable[..., Any], str] = {
        sdk.admin.api_keys.list: "limit after_id",
        sdk.admin.api_keys.create: "name mode allowed_ips workspace_id expires_in_days",
        sdk.admin.workspaces.list: "limit after_id",
        sdk.admin.workspaces.retrieve_spending_limit: "workspace_id",
        sdk.admin.usage.list: "starting_at ending_at window_size group_by workspace_ids limit page",
        sdk.protein.design.list: "limit after_id workspace_id",
    }
    for method, names in sent.items():
        assert set(names.split()) <= set(inspect.signature(method).parameters), method


@pytest.mark.parametrize(
    ("change", "read"),
    [
        (lambda answer: answer.pop("quantity"), "quantity"),
        (lambda answer: answer.update(amount=1), "quantity"),
        (lambda answer: answer.update(quantity="many"), "quantity"),
        (lambda answer: answer.copy(), "total"),
    ],
)
def test_a_field_that_changed_is_noticed(
    change: Callable[[dict[str, Any]], object], read: str, connect: Connect
) -> None:
    answer = first(_usage(connect()))
    kind = model("admin.usage_list_response:UsageListResponse")
    check(kind, answer, "quantity")
    change(answer)
    with pytest.raises((AssertionError, pydantic.ValidationError)):
        check(kind, answer, read)
