from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from shared.worker.rows import TimerRow
from shared.worker.timers import TIMER_TYPE, fired_timer, timer_event

DUE = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TIMER = TimerRow("lead", "router", "sla", DUE)


def test_a_due_timer_is_an_event_about_its_subject() -> None:
    event = timer_event(TIMER, DUE + timedelta(minutes=5))
    assert (event.type, event.subject, event.time) == (TIMER_TYPE, "lead", DUE + timedelta(minutes=5))
    assert fired_timer(event) == TIMER


def test_the_cause_of_a_timer_event_is_its_due_time_not_when_it_fired() -> None:
    early, late = timer_event(TIMER, DUE), timer_event(TIMER, DUE + timedelta(hours=1))
    assert early.cause == late.cause == "timer:sla:2026-03-02T09:30:00Z"


def test_the_time_zone_of_the_due_time_does_not_change_the_cause() -> None:
    there = DUE.astimezone(timezone(timedelta(hours=5)))
    assert timer_event(TimerRow("lead", "router", "sla", there), DUE).cause == timer_event(TIMER, DUE).cause


def test_other_events_are_no_timer_events() -> None:
    other = timer_event(TIMER, DUE).__class__("1", "/x", "baton.lead.scored.v1", "lead", DUE, TIMER)
    assert fired_timer(other) is None
