"""A service for each test, and a connection to it that does not wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from boltz_keyscan.api.address import Endpoint, api_base
from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.deadline import Clock, Deadline
from boltz_keyscan.api.secret import Secret
from tests.boltz_api import Patience, Running, Service, running


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def up(service: Service) -> Iterator[Running]:
    with running(service) as found:
        yield found


@pytest.fixture
def patience() -> Patience:
    return Patience()


Connect = Callable[..., Connection]


@pytest.fixture
def connect(up: Running, patience: Patience) -> Iterator[Connect]:
    """Connects to the service, with its admin key unless told otherwise."""
    with ExitStack() as stack:

        def connected(
            key: str | None = None, *, seconds: float = 60.0, base: str | None = None
        ) -> Connection:
            deadline = Deadline(seconds, Clock(patience.now, patience.sleep))
            reach = Endpoint(api_base(base or up.url))
            return stack.enter_context(Connection(reach, Secret(key or up.service.admin.raw), deadline))

        yield connected
