"""An organisation that changes while it is listed: keys are made, used, end and are revoked between pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from boltz_keyscan.api.address import Endpoint, api_base
from boltz_keyscan.api.client import Connection
from boltz_keyscan.api.deadline import Clock, Deadline
from boltz_keyscan.api.listing import fetch
from boltz_keyscan.api.revoke import revoke
from boltz_keyscan.api.secret import Secret
from boltz_keyscan.triage.key_record import parse_record
from tests.boltz_api import KEYS, NOW, Key, Patience, Request, Service, error, running
from tests.depth import examples
from tests.keys import fake_key

MOST = 330

Change = tuple[str, int]
CHANGES = st.lists(
    st.tuples(st.sampled_from(["make", "use", "expire", "revoke", "fail"]), st.integers(0, MOST)), max_size=6
)


class Organisation(RuleBasedStateMachine):
    """Others act between two requests of ours; what we say afterwards must hold."""

    @initialize(count=st.integers(0, MOST), newest_first=st.booleans())
    def found(self, count: int, newest_first: bool) -> None:  # noqa: FBT001 - hypothesis gives it
        self.service = Service()
        self.newest_first = newest_first
        self.made = 0
        for _ in range(count):
            self.make()
        self.up = running(self.service)
        self.url = self.up.__enter__().url

    def teardown(self) -> None:
        if hasattr(self, "up"):
            self.up.__exit__(None, None, None)

    def make(self) -> None:
        self.made += 1
        key = Key(f"key-{self.made}", fake_key("ws", "live", self.made))
        self.service.keys.insert(0 if self.newest_first else len(self.service.keys), key)

    def change(self, change: Change) -> None:
        what, which = change
        if what == "make":
            self.make()
            return
        others = [key for key in self.service.keys if key is not self.service.admin]
        if not others:
            return
        key = others[which % len(others)]
        if what == "use":
            key.last_used_at = NOW
        elif what == "expire":
            key.expires_at = NOW - timedelta(days=1)
        elif what == "revoke":
            key.is_active = False

    def connection(self) -> Connection:
        patience = Patience()
        return Connection(
            Endpoint(api_base(self.url)),
            Secret(self.service.admin.raw),
            Deadline(60, Clock(patience.now, patience.sleep)),
        )

    @rule(changes=CHANGES)
    def others_act(self, changes: list[Change]) -> None:
        for change in changes:
            self.change(change)

    @rule(between=st.lists(CHANGES, max_size=8))
    def list_while_others_act(self, between: list[list[Change]]) -> None:
        pending = list(between)
        failing: list[Request] = []

        def meanwhile(request: Request) -> None:
            if request.path == KEYS and pending:
                for change in pending.pop(0):
                    self.change(change)
                    if change[0] == "fail":
                        failing.append(request)

        there_all_along = {key.id for key in self.service.keys}
        dead_before = {key.id for key in self.service.keys if not key.is_active}
        self.service.between = meanwhile
        # A request that fails once is asked again; the cursor must not move.
        self.service.fault = lambda _, __: error(503, "unavailable") if failing and failing.pop() else None
        with self.connection() as connection:
            found = fetch(connection, str)
        self.service.between = lambda _: None
        self.service.fault = lambda _, __: None
        ids = [each.id for each in found.listing.records]
        assert len(ids) == len(set(ids))
        if found.listing.complete:
            assert there_all_along <= set(ids)
        states = {each.id: each.is_active for each in found.listing.records}
        assert not any(states.get(each) for each in dead_before)

    @rule(which=st.lists(st.integers(0, MOST), max_size=3), lost=st.booleans())
    def revoke_some(self, which: list[int], lost: bool) -> None:  # noqa: FBT001 - hypothesis gives it
        others = [key for key in self.service.keys if key is not self.service.admin]
        chosen = (
            list({key.id: key for key in (others[number % len(others)] for number in which)}.values())
            if others
            else []
        )
        before = {key.id: key.is_active for key in self.service.keys}
        records = [parse_record(key.record(12), str) for key in chosen]
        # The answer to a revocation may be lost on the way; whether it took place is another matter.
        self.service.fault = lambda request, _: (
            error(400, "bad_request") if lost and request.path.endswith("/revoke") else None
        )
        with self.connection() as connection:
            outcomes = revoke(connection, records, str)
        self.service.fault = lambda _, __: None
        assert [outcome.record.id for outcome in outcomes] == [key.id for key in chosen]
        for key, outcome in zip(chosen, outcomes, strict=True):
            assert outcome.succeeded == (not key.is_active)
        untouched = {key.id: key.is_active for key in self.service.keys if key not in chosen}
        assert untouched == {key: before[key] for key in untouched}

    @invariant()
    def nothing_is_revoked_but_what_was_chosen(self) -> None:
        if not hasattr(self, "service"):
            return
        asked = {
            request.path.split("/")[-2]
            for request in self.service.requests
            if request.path.endswith("/revoke")
        }
        known = {key.id for key in self.service.keys}
        assert asked <= known


TestOrganisation: Any = Organisation.TestCase
TestOrganisation.settings = settings(
    max_examples=examples(60),
    stateful_step_count=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
