"""The order of a timeline, and what became of each form: once decided, for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.timeline import form_outcomes, in_order

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
LEAD = "L"


def form(id_: str) -> dict[str, Any]:
    return event(id_, "lead.received", "", None, None, "")


def event(id_: str, short: str, cause: str, sequence: int | None, *of: Any) -> dict[str, Any]:
    revision, subject = [*of, None, LEAD][:1] + [*of[1:], LEAD][:1]
    row = {"id": id_, "type": f"baton.{short}.v1", "causation_id": cause, "sequence": sequence}
    return row | {"subject": subject, "revision": revision, "at": AT, "recorded_at": AT}


HISTORY = [
    form("first"),
    event("e1", "lead.enriched", "first", 1, 1),
    form("second"),
    event("e2", "lead.enriched", "second", 2, 2),
    event("r2", "lead.routed", "s2", 1, 2),
    form("third"),
    event("e3", "lead.enriched", "third", 3, 3),
    form("fourth"),
]


def test_a_form_is_decided_with_its_revision_merged_into_a_later_one_or_open():
    assert form_outcomes(HISTORY, LEAD) == {"first": "merged", "second": "routed"}
    suppressed = event("x3", "lead.suppressed", "s3", 2, 3)
    assert form_outcomes([*HISTORY, suppressed], LEAD) == {
        "first": "merged",
        "second": "routed",
        "third": "suppressed",
    }


def test_the_outcomes_do_not_depend_on_the_order_of_the_events():
    assert {tuple(sorted(form_outcomes(rows, LEAD).items())) for rows in permutations(HISTORY[:6])} == {
        (("first", "merged"), ("second", "routed"))
    }


def test_the_forms_of_a_merged_lead_are_decided_by_its_own_revisions_or_merged_with_it():
    merged = [
        form("call"),
        event("m1", "lead.enriched", "call", 1, 1, "other"),
        event("mr1", "lead.routed", "ms1", 1, 1, "other"),
        form("late"),
        event("m2", "lead.enriched", "late", 2, 2, "other"),
    ]
    merging = {**event("e2", "lead.enriched", "second", 2, 2), "data": {"merged": ["other"]}}
    rows = [*HISTORY[:3], merging, *merged]
    first = event("r1", "lead.routed", "s1", 1, 1)
    assert form_outcomes([*rows, first], LEAD) == {"call": "routed", "first": "routed"}, "not merged yet"
    decided = {"call": "routed", "late": "merged", "first": "routed", "second": "routed"}
    assert form_outcomes([*rows, first, event("r2", "lead.routed", "s2", 2, 2)], LEAD) == decided


def test_a_form_is_not_merged_while_an_earlier_decision_may_still_be_recorded():
    """Decisions of one lead may lie in two partitions, after its account became another."""
    second = event("r2", "lead.routed", "s2", 2, 2)
    seen = [*HISTORY[:4], second]
    assert form_outcomes(seen, LEAD) == {}
    assert form_outcomes([*seen, event("r1", "lead.routed", "s1", 1, 1)], LEAD) == {
        "first": "routed",
        "second": "routed",
    }


def test_a_form_is_dead_lettered_as_long_as_a_dead_letter_of_its_revision_keeps_it_undecided():
    assert form_outcomes(HISTORY[:2], LEAD, {"e1"}) == {"first": "dead_lettered"}
    assert form_outcomes(HISTORY[:1], LEAD, {"first"}) == {"first": "dead_lettered"}
    decided = [*HISTORY[:2], event("r1", "lead.routed", "s1", 1, 1)]
    assert form_outcomes(decided, LEAD, {"e1", "first"}) == {"first": "routed"}


LATER = ["lead.routed", "lead.suppressed", "lead.updated", "lead.reassigned", "lead.closed", "lead.alerted"]


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw the events of a lead as they happened: forms, decisions on them, and whatever came later."""
    rows: list[dict[str, Any]] = []
    revision = sequence = 0
    for step in draw(st.lists(st.sampled_from(["form", "decide", *LATER]), min_size=1, max_size=14)):
        if step == "form":
            revision += 1
            rows += [
                form(f"f{revision}"),
                event(f"e{revision}", "lead.enriched", f"f{revision}", revision, revision),
            ]
        elif revision:
            sequence += 1
            short = draw(st.sampled_from(LATER[:2])) if step == "decide" else step
            rows.append(event(f"r{sequence}", short, "", sequence, revision))
    return rows


@given(histories(), st.data())
def test_an_outcome_never_changes_whatever_is_recorded_later(rows: list[dict[str, Any]], data: st.DataObject):
    """Events are recorded in any order, as partitions are read independently; none is taken away again."""
    told: dict[str, str] = {}
    arrived: list[dict[str, Any]] = []
    for row in data.draw(st.permutations(rows)):
        arrived.append(row)
        outcomes = form_outcomes(arrived, LEAD)
        assert outcomes | told == outcomes, "an outcome was taken back"
        told = outcomes


@given(st.permutations(range(1, 7)), st.lists(st.integers(-3, 3), min_size=12, max_size=12))
def test_events_of_a_stage_are_in_sequence_and_none_comes_before_its_cause(order, skews):
    """Whatever the clocks of the roles say, and in whatever order the events were recorded."""
    rows = [form("f1")]
    for number in range(1, 7):
        rows.append(event(f"s{number}", "lead.scored", "f1", number, 1))
        rows.append(event(f"r{number}", "lead.routed", f"s{number}", number, 1))
    skewed = [
        {**row, "at": AT + timedelta(seconds=skew)} for row, skew in zip(rows, [0, *skews], strict=True)
    ]
    ids = [row["id"] for row in in_order([skewed[0], *(skewed[i * 2 - 1] for i in order), *skewed[2::2]])]
    assert [id_ for id_ in ids if id_[0] == "s"] == [f"s{number}" for number in range(1, 7)]
    assert [id_ for id_ in ids if id_[0] == "r"] == [f"r{number}" for number in range(1, 7)]
    assert ids[0] == "f1"
    assert all(ids.index(f"s{number}") < ids.index(f"r{number}") for number in range(1, 7))


def test_an_action_stands_before_the_event_that_it_caused_at_the_same_instant():
    rows = [event("moved", "lead.reassigned", "act", 2, 1), event("act", "action.received", "", None)]
    assert [row["id"] for row in in_order(rows)] == ["act", "moved"]
