"""The view of a lead is a fold that does not depend on the order or the number of its events."""

from __future__ import annotations

from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.ledger.domain.rows import ViewRow
from services.ledger.domain.view import updated_view
from shared.lead.events.envelope import Event
from shared.lead.events.parts import Message, Trigger
from tests.unit.ledger.conftest import event_from_example

STAGES = ["lead.enriched", "lead.scored", "lead.routed", "lead.suppressed"]
CHANGES = ["lead.reassigned", "lead.escalated", "lead.alerted", "lead.handed_off"]


def view_of(events: list[Event[Any]]) -> ViewRow:
    view: ViewRow | None = None
    view = reduce(updated_view, events, view)
    assert view is not None
    return view


def stage(short: str, sequence: int, revision: int = 1) -> Event[Any]:
    return event_from_example(short, f"{short}-{sequence}", sequence=sequence, revision=revision)


@st.composite
def histories(draw: st.DrawFn) -> list[Event[Any]]:
    """Draw events of one lead; a topic's sequence belongs to one event only, whatever its type."""
    topics = [
        ["lead.enriched"],
        ["lead.scored"],
        ["lead.routed", "lead.suppressed", "lead.updated", *CHANGES],
    ]
    events = []
    for types in topics:
        events += [
            stage(draw(st.sampled_from(types)), sequence, draw(st.integers(1, 3)))
            for sequence in range(1, draw(st.integers(0, 4)) + 1)
        ]
    return events or [stage("lead.enriched", 1)]


@given(histories(), st.data())
def test_order_and_repeats_make_no_difference(events: list[Event[Any]], data: st.DataObject) -> None:
    expected = view_of(events)
    repeated = events + data.draw(st.lists(st.sampled_from(events), max_size=4))
    # The account of a view without an enriched event is that of whichever event made it: all say the same.
    assert view_of(data.draw(st.permutations(repeated))) == expected


def test_the_status_is_the_stage_that_the_newest_form_has_reached() -> None:
    events = [stage("lead.enriched", 1)]
    assert view_of(events).status == "enriched"
    events.append(stage("lead.scored", 1))
    assert view_of(events).status == "scored"
    events.append(stage("lead.routed", 1))
    assert view_of(events).status == "routed"
    events.append(stage("lead.enriched", 2, revision=2))
    assert view_of(events).status == "enriched"
    events.append(stage("lead.suppressed", 2, revision=2))
    assert view_of(events).status == "suppressed"
    assert view_of(events).revision == 2


def test_a_suppressed_lead_has_neither_queue_nor_owner() -> None:
    routed = view_of([stage("lead.routed", 1)])
    assert routed.queue is not None
    suppressed = view_of([stage("lead.routed", 1), stage("lead.suppressed", 2)])
    assert (suppressed.queue, suppressed.owner) == (None, None)


def test_an_ownership_change_names_the_owner_and_leaves_the_routing_as_it_is() -> None:
    before = view_of([stage("lead.routed", 1)])
    for sequence, short in enumerate(CHANGES, start=2):
        change = stage(short, sequence)
        after = view_of([stage("lead.routed", 1), change])
        assert (after.owned_id, after.owner) == (change.id, change.data.decision.owner)
        assert (after.routed_id, after.routed_type) == (before.routed_id, before.routed_type)


def test_an_update_leaves_the_lead_with_the_rule_that_led_it_there() -> None:
    routed, updated = stage("lead.routed", 1), stage("lead.updated", 2)
    kept = replace(updated.data, decision=replace(updated.data.decision, rule="existing-owner"))
    view = view_of([routed, replace(updated, data=kept)])
    assert (view.rule, view.owned_sequence) == (routed.data.decision.rule, 2)


def test_an_older_event_of_a_stage_changes_nothing_of_it() -> None:
    newest = view_of([stage("lead.scored", 2), stage("lead.enriched", 2), stage("lead.routed", 2)])
    older = [stage("lead.scored", 1), stage("lead.enriched", 1), stage("lead.routed", 1)]
    assert reduce(updated_view, older, newest) == newest


@given(st.permutations(range(4)))
def test_the_account_is_the_scorers_word_once_it_has_scored_the_newest_form(order: list[int]) -> None:
    """The scorer knows which account is an alias of another; the enricher names the lead's own."""

    def in_account(short: str, sequence: int, revision: int, account: str) -> Event[Any]:
        event = stage(short, sequence, revision)
        return replace(event, data=replace(event.data, account=account))

    events = [
        in_account("lead.enriched", 1, 1, "kestrel-labs.example"),
        in_account("lead.scored", 1, 1, "kestrel.example"),
        in_account("lead.enriched", 2, 2, "elsewhere.example"),
        in_account("lead.scored", 2, 2, "group.example"),
    ]
    assert view_of(events[:2]).account == "kestrel.example"
    assert view_of(events[:3]).account == "elsewhere.example"
    assert view_of([events[index] for index in order]).account == "group.example"


def test_a_view_says_who_the_lead_is_what_it_is_worth_and_why_it_is_where_it_is() -> None:
    scored = stage("lead.scored", 1)
    data = replace(
        scored.data,
        person=replace(scored.data.person, first_name="Ana", last_name=None, title="VP Sales"),
        company=replace(scored.data.company, name="Kestrel"),
        source=replace(scored.data.source, name="website"),
        score=replace(scored.data.score, grade="B1", band="sql", total=77),
        message="  \n ",
        earlier_messages=[Message("one \n two " + "x" * 300, scored.data.occurred_at)],
        news=Trigger("lead", "1", "demo_request"),
    )
    routed = stage("lead.routed", 1)
    view = view_of([routed, replace(scored, data=data)])
    assert (view.name, view.title, view.company, view.source) == ("Ana", "VP Sales", "Kestrel", "website")
    assert (view.grade, view.band, view.total, view.trigger) == ("B1", "sql", 77, "demo_request")
    assert (view.rule, view.reason) == (routed.data.decision.rule, None)
    assert view.quote is not None
    assert view.quote.startswith("one two xxx")
    assert (len(view.quote), view.quote[-1]) == (200, "…")
    suppressed = stage("lead.suppressed", 2)
    assert view_of([routed, suppressed]).reason == suppressed.data.decision.reason
    assert view_of([suppressed, routed]).rule is None
