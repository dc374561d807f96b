"""The view of a lead from the latest event of each stage, and the outcomes of its forms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.lead_view import (
    assemble_view,
    current_sla,
    view_before_enrichment,
)

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
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
    "score", "decision", "owner", "sla", "brief", "clock", "trigger", "policy_versions", "joined",
    "outcomes",
}  # fmt: skip


def test_each_field_is_from_the_stage_that_gives_it():
    view = assemble_view(ROW, {"enriched": ENRICHED, "scored": SCORED, "routed": ROUTED}, [{"type": "won"}])
    assert view["person"] == {"email": "dana@kestrel.example"}
    assert view["account"] == "kestrel.example", "a merge moves the lead, and the row knows first"
    assert (view["score"], view["decision"]) == ({"total": 60}, {"queue": "sdr"})
    assert view["trigger"] == {"kind": "signal", "event_id": None, "type": None}
    assert view["brief"] == {"markdown": "text"}
    assert (view["sequence"], view["outcomes"]) == (3, [{"type": "won"}])


def test_a_change_of_owner_after_the_routing_gives_the_decision():
    row = {**ROW, "owned_sequence": 4}
    view = assemble_view(row, {"routed": ROUTED, "owned": {"decision": {"queue": "ae"}}}, [])
    assert (view["decision"], view["sequence"]) == ({"queue": "ae"}, 4)


def test_until_it_is_routed_the_trigger_and_the_version_are_those_of_the_score():
    view = assemble_view(ROW, {"enriched": ENRICHED, "scored": SCORED}, [])
    assert view["trigger"] == {"kind": "decay", "event_id": None, "type": None}
    assert view["policy_versions"] == {"scored": "p1", "routed": None}
    untold = {**ENRICHED, "trigger": None}
    view = assemble_view({**ROW, "cause_id": "form-1"}, {"enriched": untold}, [])
    assert view["trigger"] == {"kind": "lead", "event_id": "form-1", "type": None}
    before = view_before_enrichment("L", "received", None, "form-1")
    assert before["trigger"] == {"kind": "lead", "event_id": "form-1", "type": None}


def test_brief_and_trigger_are_those_of_the_newest_event_with_a_brief():
    reassigned = {"brief": {"markdown": "newer"}, "trigger": {"kind": "lead"}, "decision": {"queue": "ae"}}
    stages: dict[str, Any] = {"routed": ROUTED, "briefed": reassigned, "owned": reassigned}
    newer, older = {**ROW, "briefed_sequence": 4}, {**ROW, "briefed_sequence": 2}
    assert assemble_view(newer, stages, [])["brief"] == {"markdown": "newer"}
    assert assemble_view(newer, stages, [])["trigger"]["kind"] == "lead"
    assert assemble_view(older, stages, [])["brief"] == {"markdown": "text"}, "written by an earlier release"
    suppressed = {"decision": {"reason": "spam"}, "trigger": {"kind": "signal"}}
    ended = assemble_view(newer, {"routed": suppressed, "briefed": suppressed}, [])
    assert (ended["brief"], ended["trigger"]["kind"]) == (None, "signal")


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
