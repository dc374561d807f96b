"""Fixtures: a router over rows in memory, which checks the ownership invariants after every event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from services.router.domain.dispatch import assign_waiting_timer
from services.router.domain.ownership import ROLE, SLA
from services.router.domain.state import AssignmentRow, AwayRepRow, RepQueueRow, RoutedLeadRow
from services.router.handlers import RouterHandler
from services.router.policy import RoutingPolicy
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event
from shared.storage.rows import IdentityMap, Put, Remove
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow
from shared.worker.timers import timer_event
from shared.worker.unit_of_work import Result, fold
from tests.support.routing_policies import default_routing_policy
from tests.support.scored_leads import AT, event_of, lead_id, scored_event, scored_lead


def check_ownership(rows: IdentityMap) -> None:
    """One owner per lead, one credit per assignment but for those given back, and open counts that are true."""
    assignments = rows.all(AssignmentRow)
    owners = Counter(row.lead_id for row in assignments if row.active and not row.joined)
    assert not owners or max(owners.values()) == 1
    charged = Counter((row.queue, row.rep) for row in assignments if not row.credited_back)
    held = Counter((row.queue, row.rep) for row in assignments if row.active)
    for row in rows.all(RepQueueRow):
        assert row.credits == charged[row.key], row
        assert row.open_leads == held[row.key], row
    assert sum(row.credits for row in rows.all(RepQueueRow)) == charged.total()
    balances: Counter[str] = Counter()
    for row in rows.all(RepQueueRow):
        balances[row.queue] += row.balance
    assert not any(balances.values()), balances


class SimulatedRouter:
    def __init__(self, policy: RoutingPolicy | None = None) -> None:
        self.rows = IdentityMap()
        self.handler = RouterHandler(policy or default_routing_policy())
        self.at = AT
        self.emitted: list[tuple[str, Any]] = []
        self.history: list[tuple[str, Any]] = []
        self._count = 0

    def process(self, *events: Event[Any]) -> Outcome:
        """Process events in one unit; return the outcome of the last. `emitted` has the decoded events."""
        result = Result()
        fold(self.handler, self.rows, events, self.at, result=result, keyed_hash=_hashed)
        assert not result.rejected
        self.emitted = [_read(record) for record in result.outgoing]
        self.history += self.emitted
        check_ownership(self.rows)
        return result.outcomes[-1][1]

    def score(self, name: str = "ana", **given: Any) -> Outcome:
        return self.process(scored_event(scored_lead(name, **given)))

    def act(self, type_: str, name: str = "ana", **given: Any) -> Outcome:
        return self.receive(ActionReceivedV1(lead_id(name), type_, **given))  # type: ignore[arg-type]

    def receive(self, data: Struct) -> Outcome:
        self._count += 1
        return self.process(event_of(data, id_=f"received-{self._count}", at=self.at))

    def advance(self, by: timedelta) -> None:
        """Advance the time and fire the timers that are due."""
        self.at += by
        due = [timer for timer in self.rows.all(TimerRow) if timer.due_at <= self.at]
        self.process(*(timer_event(timer, self.at) for timer in due)) if due else None

    def assign_waiting(self) -> Outcome:
        timer = assign_waiting_timer(self.at)
        self.rows.apply([Put(timer)])
        return self.process(timer_event(timer, self.at))

    def set_available(self, rep: str, *, available: bool) -> None:
        self.rows.apply([Remove(AwayRepRow, (rep,)) if available else Put(AwayRepRow(rep))])

    def use_policy(self, policy: RoutingPolicy) -> None:
        """Continue with another policy."""
        self.handler = RouterHandler(policy)

    def lead(self, name: str = "ana") -> RoutedLeadRow | None:
        return self.rows.get(RoutedLeadRow, lead_id(name))

    def owner(self, name: str = "ana") -> str | None:
        active = [row for row in self.assignments(name) if row.active and not row.joined]
        return active[0].rep if active else None

    def assignments(self, name: str = "ana") -> list[AssignmentRow]:
        found = self.rows.find(AssignmentRow, "lead_id", lead_id(name))
        return sorted(found, key=lambda row: row.sequence)

    def sla_due_at(self, name: str = "ana") -> datetime | None:
        timer = self.rows.get(TimerRow, lead_id(name), ROLE, SLA)
        return timer.due_at if timer else None

    def timers(self) -> list[TimerRow]:
        return list(self.rows.all(TimerRow))

    def event_types(self) -> list[str]:
        return [type_ for type_, _data in self.emitted]

    def decision(self, at: int = 0) -> dict[str, Any]:
        decision: dict[str, Any] = self.emitted[at][1]["decision"]
        return decision


def _read(record: Any) -> tuple[str, Any]:
    type_ = dict(record.headers)["ce_type"].decode()
    return type_.removeprefix("baton.").removesuffix(".v1"), msgspec.json.decode(record.value)


def _hashed(lead: str) -> str:
    return f"hash of {lead}"


@pytest.fixture
def router() -> SimulatedRouter:
    """A router with the default policy."""
    return SimulatedRouter()


@pytest.fixture
def simulate() -> Callable[[RoutingPolicy], SimulatedRouter]:
    """Make a router with the given policy."""
    return SimulatedRouter
