"""The instants of a lead: the same in every order of its events and with repeats, and those that happened first."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.ledger.domain.instants import LeadInstants, instants_of
from services.ledger.domain.lead_history import LeadHistory, with_event
from shared.lead.events.envelope import Event
from tests.property.test_report_counters import AT, LIVES, REPS, Life, events_of

ACCEPTING = {"accepted", "reply", "meeting_booked", "opportunity"}
NOTIFIED = AT + timedelta(seconds=90, microseconds=1_500)


def history_of(events: list[Event[object]]) -> LeadHistory:
    history = LeadHistory()
    for event in events:
        history = with_event(history, event)
    return history


@settings(max_examples=200, deadline=None)
@given(LIVES, st.randoms(use_true_random=False))
def test_the_instants_are_those_that_came_first_in_whatever_order_they_are_told(life: Life, random: Random):
    happened = events_of("lead-1", life)
    arriving = [*happened, *random.choices(happened, k=3)]
    random.shuffle(arriving)
    found = instants_of([history_of(arriving)], NOTIFIED)
    assert found == instants_of([history_of(happened)], NOTIFIED)
    assert (found.captured, found.eligible) == (AT, AT)
    assert found.notified == NOTIFIED.replace(microsecond=1_000)
    steps = [(AT + timedelta(hours=hour), what) for hour, what, _amount in life[1]]
    assigned = min((at for at, what in steps if what in REPS), default=None)
    assert found.decided == found.assigned == assigned
    reports = [
        (at if assigned is None else max(at, assigned), what) for at, what in steps if what not in REPS
    ]
    first_report = min((at for at, _what in reports), default=None)
    accepted = min((at for at, what in reports if what in ACCEPTING), default=None)
    assert found.first_action == first_report
    assert found.accepted == (accepted if assigned is not None else None)


def test_a_lead_has_the_first_instants_of_the_leads_that_were_merged_into_it():
    def at(hours: int) -> datetime:
        return AT + timedelta(hours=hours)

    earlier = history_of(events_of("lead-1", (0, [(1, "sdr-1", 0), (9, "meeting_booked", 0)])))
    later = history_of(events_of("lead-2", (0, [(3, "sdr-2", 0), (4, "accepted", 0)])))
    expected = LeadInstants(AT, AT, at(1), at(1), None, at(4), at(4))
    assert instants_of([later, earlier]) == instants_of([earlier, later]) == expected


def test_nothing_is_said_of_a_lead_without_a_history():
    assert instants_of([]) == LeadInstants()
