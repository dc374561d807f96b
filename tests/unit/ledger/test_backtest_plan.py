"""The order in which a backtest decides again what was decided at one instant."""

from __future__ import annotations

from datetime import timedelta

from services.ledger.backtest.work_file import RecordedEvent, WorkFile
from shared.lead.ids import derive_id, event_cause, timer_cause
from tests.support.enriched_leads import AT

_SECOND = timedelta(seconds=1)


def recorded(id_: str, type_: str, subject: str, *, role: str, cause: str, sequence: int) -> RecordedEvent:
    return RecordedEvent(id_, f"/baton/{role}", f"baton.lead.{type_}.v1", subject, AT, AT, cause, sequence)


def subjects_in_order(events: list[RecordedEvent], kind: str) -> list[str]:
    file = WorkFile(":memory:")
    file.add_recorded(events)
    file.plan(with_scores=False)
    steps = file.steps(0, 100)
    file.close()
    return [step.subject for step in steps if step.kind == kind]


def test_leads_that_one_event_scored_again_are_routed_in_the_order_of_their_ids():
    """The scorer emits them so; how often each was scored before says nothing."""
    sequences = {"lead-a": 7, "lead-b": 2, "lead-c": 4}
    events = [
        recorded(f"{number}", "scored", lead, role="scorer", cause="account", sequence=sequence)
        for number, (lead, sequence) in enumerate(sequences.items())
    ]
    assert subjects_in_order([*reversed(events)], "route") == [*sequences]


def test_scores_of_one_lead_are_routed_in_their_sequence():
    events = [
        recorded(id_, "scored", "lead-a", role="scorer", cause=id_, sequence=sequence)
        for id_, sequence in (("x", 2), ("y", 1))
    ]
    file = WorkFile(":memory:")
    file.add_recorded(events)
    file.plan(with_scores=False)
    assert [step.id for step in file.steps(0, 10)] == ["y", "x"]
    file.close()


def test_timers_that_fired_together_fire_in_the_order_in_which_they_were_due():
    due = {"lead-c": AT - 2 * _SECOND, "lead-a": AT - _SECOND, "lead-b": AT - _SECOND / 2}
    events = [
        recorded(lead, "escalated", lead, role="router", cause=timer_cause("sla", at), sequence=number)
        for number, (lead, at) in enumerate(due.items())
    ]
    assert subjects_in_order([*reversed(events)], "fire") == [*due]


def test_an_event_is_the_effect_of_the_one_that_it_was_emitted_for_not_of_one_with_the_same_id():
    """Two senders may choose the same id; an effect names its cause by the id alone."""
    outcome, routed = "baton.outcome.received.v1", "baton.lead.closed.v1"
    early, late = AT, AT + _SECOND
    file = WorkFile(":memory:")
    events: list[RecordedEvent] = []
    for source, lead, at in (("/outside/crm", "lead-a", late), ("/baton/gateway", "lead-b", early)):
        events.append(RecordedEvent("1", source, outcome, lead, AT, AT, "", None))
        id_ = derive_id(routed, lead, event_cause(source, "1"), 0)
        events.append(RecordedEvent(id_, "/baton/router", routed, lead, at, at, "1", 1))
    file.add_recorded(events)
    file.plan(with_scores=False)
    steps = file.steps(0, 10)
    file.close()
    assert [(step.source, step.at, step.effect) for step in steps] == [
        ("/baton/gateway", early, events[3].id),
        ("/outside/crm", late, events[1].id),
    ]
