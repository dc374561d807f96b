"""A router over rows in memory: events in, what it says out, with the invariants checked after each."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from services.router.domain.ownership import ROLE, SLA
from services.router.domain.state import AssignmentRow, AwayRepRow, RepQueueRow, RoutedLeadRow
from services.router.handlers import RouterHandler, assign_waiting_timer
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
    """One active owner per lead, one credit per assignment, and open counts that are true."""
    assignments = rows.all(AssignmentRow)
    owners = Counter(each.lead_id for each in assignments if each.active)
    assert not owners or max(owners.values()) == 1
    given = Counter((each.queue, each.rep) for each in assignments)
    held = Counter((each.queue, each.rep) for each in assignments if each.active)
    for place in rows.all(RepQueueRow):
        assert place.credits == given[place.key], place
        assert place.open_leads == held[place.key], place
    assert sum(place.credits for place in rows.all(RepQueueRow)) == len(assignments)


class Desk:
    def __init__(self, plan: RoutingPolicy | None = None) -> None:
        self.rows = IdentityMap()
        self.handler = RouterHandler(plan or default_routing_policy())
        self.at = AT
        self.said: list[tuple[str, Any]] = []
        self._count = 0

    def take(self, *events: Event[Any]) -> Outcome:
        """Decide; return the outcome of the last event. What was said is in `said`, decoded."""
        result = Result()
        fold(self.handler, self.rows, events, self.at, result=result, keyed_hash=_hashed)
        assert not result.rejected
        self.said = [_read(record) for record in result.outgoing]
        check_ownership(self.rows)
        return result.outcomes[-1][1]

    def score(self, name: str = "ana", **given: Any) -> Outcome:
        return self.take(scored_event(scored_lead(name, **given)))

    def act(self, type_: str, name: str = "ana", **given: Any) -> Outcome:
        return self.tell(ActionReceivedV1(lead_id(name), type_, **given))  # type: ignore[arg-type]

    def tell(self, data: Struct) -> Outcome:
        self._count += 1
        return self.take(event_of(data, id_=f"told-{self._count}", at=self.at))

    def wait(self, by: timedelta) -> None:
        """Let time pass and fire what falls due."""
        self.at += by
        due = [timer for timer in self.rows.all(TimerRow) if timer.due_at <= self.at]
        self.take(*(timer_event(timer, self.at) for timer in due)) if due else None

    def drain(self) -> Outcome:
        timer = assign_waiting_timer(self.at)
        self.rows.apply([Put(timer)])
        return self.take(timer_event(timer, self.at))

    def set_available(self, rep: str, *, available: bool) -> None:
        self.rows.apply([Remove(AwayRepRow, (rep,)) if available else Put(AwayRepRow(rep))])

    def follow(self, plan: RoutingPolicy) -> None:
        """Go on by another plan."""
        self.handler = RouterHandler(plan)

    def lead(self, name: str = "ana") -> RoutedLeadRow | None:
        return self.rows.get(RoutedLeadRow, lead_id(name))

    def owner(self, name: str = "ana") -> str | None:
        active = [each for each in self.assignments(name) if each.active]
        return active[0].rep if active else None

    def assignments(self, name: str = "ana") -> list[AssignmentRow]:
        found = self.rows.find(AssignmentRow, "lead_id", lead_id(name))
        return sorted(found, key=lambda each: each.sequence)

    def clock(self, name: str = "ana") -> datetime | None:
        timer = self.rows.get(TimerRow, lead_id(name), ROLE, SLA)
        return timer.due_at if timer else None

    def types(self) -> list[str]:
        return [type_ for type_, _data in self.said]

    def decision(self, at: int = 0) -> dict[str, Any]:
        decision: dict[str, Any] = self.said[at][1]["decision"]
        return decision


def _read(record: Any) -> tuple[str, Any]:
    type_ = dict(record.headers)["ce_type"].decode()
    return type_.removeprefix("baton.").removesuffix(".v1"), msgspec.json.decode(record.value)


def _hashed(lead: str) -> str:
    return f"hash of {lead}"
