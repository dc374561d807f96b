"""The view of a lead from the latest event of each stage, and the outcomes of its forms."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.lead_view import (
    assemble_view,
    current_sla,
    form_outcomes,
    view_before_enrichment,
)

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
LEAD = "L"
ROW = {
    "lead_id": "L",
    "account": "kestrel.example",
    "status": "routed",
    "owner": "ana",
    "revision": 2,
    "routed_sequence": 3,
    "owned_sequence": 1,
}
ENRICHED = {
    "account": "old.example",
    "person": {"email": "dana@kestrel.example"},
    "company": {"name": "Kestrel"},
    "provenance": {},
    "enrichment": {"status": "complete"},
    "trigger": {"kind": "lead"},
}
SCORED = {
    "person": {"email": "scored"},
    "score": {"total": 60},
    "policy_version": "p1",
    "trigger": {"kind": "decay"},
}
ROUTED = {
    "person": {"email": "routed"},
    "score": {"total": 50},
    "decision": {"queue": "sdr"},
    "sla": {"accept_by": "2026-03-01T13:00:00Z"},
    "brief": {"markdown": "text"},
    "trigger": {"kind": "signal"},
    "policy_versions": {"scored": "p1", "routed": "p1"},
}
FIELDS = {
    "lead_id", "status", "revision", "sequence", "account", "person", "company", "provenance", "enrichment",
    "score", "decision", "owner", "sla", "brief", "trigger", "policy_versions", "outcomes",
}  # fmt: skip


def test_each_field_is_from_the_stage_that_gives_it():
    view = assemble_view(ROW, {"enriched": ENRICHED, "scored": SCORED, "routed": ROUTED}, [{"type": "won"}])
    assert view["person"] == {"email": "dana@kestrel.example"}
    assert view["account"] == "kestrel.example", "a merge moves the lead, and the row knows first"
    assert (view["score"], view["decision"]) == ({"total": 60}, {"queue": "sdr"})
    assert (view["trigger"], view["brief"]) == ({"kind": "signal"}, {"markdown": "text"})
    assert (view["sequence"], view["outcomes"]) == (3, [{"type": "won"}])


def test_a_change_of_owner_after_the_routing_gives_the_decision():
    row = {**ROW, "owned_sequence": 4}
    view = assemble_view(row, {"routed": ROUTED, "owned": {"decision": {"queue": "ae"}}}, [])
    assert (view["decision"], view["sequence"]) == ({"queue": "ae"}, 4)


def test_until_it_is_routed_the_trigger_and_the_version_are_those_of_the_score():
    view = assemble_view(ROW, {"enriched": ENRICHED, "scored": SCORED}, [])
    assert view["trigger"] == {"kind": "decay"}
    assert view["policy_versions"] == {"scored": "p1", "routed": None}
    assert assemble_view(ROW, {"enriched": ENRICHED}, [])["trigger"] == {"kind": "lead"}


@given(st.sets(st.sampled_from(["enriched", "scored", "routed", "owned"])))
def test_every_view_has_every_field_whatever_stages_are_recorded(stages: set[str]):
    data: dict[str, Any] = {
        "enriched": ENRICHED,
        "scored": SCORED,
        "routed": ROUTED,
        "owned": {"decision": {"queue": "ae"}},
    }
    view = assemble_view(ROW, {stage: data[stage] for stage in stages}, [])
    assert set(view) == FIELDS == set(view_before_enrichment("L", "received", None))
    assert view["policy_versions"] is not None


def test_the_clock_is_the_routers_as_soon_as_it_knows_the_lead():
    recorded = {"accept_by": "2026-03-01T13:00:00Z"}
    assert current_sla(recorded, (None, AT)) == {"accept_by": None, "accepted_at": AT}
    assert current_sla(None, (AT, None)) == {"accept_by": AT, "accepted_at": None}
    assert current_sla(recorded, None) == {"accept_by": "2026-03-01T13:00:00Z", "accepted_at": None}
    assert current_sla(None, None) is None


def form(id_: str) -> dict[str, Any]:
    return {"id": id_, "type": "baton.lead.received.v1", "causation_id": "", "revision": 0} | {"subject": ""}


def stage(name: str, id_: str, cause: str, revision: int, of: str = LEAD) -> dict[str, Any]:
    row = {"id": id_, "type": f"baton.lead.{name}.v1", "causation_id": cause, "revision": revision}
    return row | {"subject": of}


HISTORY = [
    form("first"),
    stage("enriched", "e1", "first", 1),
    form("second"),
    stage("enriched", "e2", "second", 2),
    stage("routed", "r2", "s2", 2),
    form("third"),
    stage("enriched", "e3", "third", 3),
    form("fourth"),
]


def test_a_form_is_decided_with_its_revision_merged_into_a_later_one_or_open():
    assert form_outcomes(HISTORY, LEAD) == {"first": "merged", "second": "routed"}
    suppressed = stage("suppressed", "x3", "s3", 3)
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
        stage("enriched", "m1", "call", 1, "other"),
        stage("routed", "mr1", "ms1", 1, "other"),
        form("late"),
        stage("enriched", "m2", "late", 2, "other"),
    ]
    assert form_outcomes([*HISTORY[:2], *merged], LEAD) == {"call": "routed", "late": "merged"}
