"""The line that the timeline says about each event."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.gateway.domain.event_words import describe_event
from shared.lead.events.registry import EVENT_TYPES
from shared.lead.events.schemas import EXAMPLES

DECISION: dict[str, Any] = {
    "change": "assigned",
    "queue": "sdr",
    "motion": "work",
    "owner": "ana",
    "rule": "fits",
}
DECISION |= {"reasons": ["fit grade is B"]}
NOBODY = DECISION | {"owner": None}
NOT_ACCEPTED = DECISION | {"change": "kept", "reasons": ["not accepted within 10m"]}


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.short)
def test_every_event_has_one_line_also_when_fields_are_missing(event_type):
    for file in sorted((EXAMPLES / event_type.name).glob("*.json")):
        line = describe_event(event_type.name, msgspec.json.decode(file.read_bytes()))
        assert line
        assert "\n" not in line
        assert "None" not in line
    assert isinstance(describe_event(event_type.name, {}), str)


@pytest.mark.parametrize(
    ("type_", "data", "line"),
    [
        (
            "lead.received",
            {"source": {"name": "website"}, "message": "We want\n a demo"},
            "received from website; “We want a demo”",
        ),
        (
            "lead.received",
            {"source": {"form_id": "Demo"}, "activities": [{"type": "demo_request"}]},
            "received from Demo; demo request",
        ),
        (
            "lead.enriched",
            {
                "revision": 1,
                "enrichment": {
                    "status": "complete",
                    "cost": 10,
                    "steps": [{"provider": "apollo", "outcome": "no_match"}],
                },
            },
            "revision 1, record complete; apollo: no match; 10 cents",
        ),
        (
            "lead.scored",
            {
                "score": {"grade": "A1", "band": "sql", "fit": 85, "intent": 90},
                "trigger": {"kind": "signal", "type": "funding_round"},
            },
            "grade A1, sql; fit 85, intent 90; trigger: funding round",
        ),
        (
            "lead.routed",
            {"decision": DECISION, "score": {"grade": "B2"}, "sla": {"accept_by": "2026-03-02T14:05:00Z"}},
            "assigned to ana (sdr); rule fits; fit grade is B; grade B2; accept by 2026-03-02 14:05",
        ),
        (
            "lead.routed",
            {"decision": DECISION | {"change": "kept", "motion": "nurture"}},
            "stays with ana (sdr, nurture); rule fits; fit grade is B",
        ),
        (
            "lead.routed",
            {"decision": NOBODY | {"change": "waiting", "reasons": []}},
            "waits in sdr without an owner; rule fits",
        ),
        (
            "lead.routed",
            {"decision": NOBODY | {"change": "listed", "motion": "nurture", "reasons": []}},
            "listed in sdr without an owner, nurture; rule fits",
        ),
        ("lead.suppressed", {"decision": {"reason": "opted_out"}}, "nobody gets it: opted out"),
        (
            "lead.reassigned",
            {
                "decision": DECISION | {"change": "moved"},
                "reason": "wrong_territory",
                "actor": {"key": "k", "rep": "bo"},
            },
            "moved to ana (sdr); wrong territory; by bo",
        ),
        (
            "lead.escalated",
            {"decision": DECISION | {"change": "kept", "reasons": []}, "reason": "sla"},
            "ana (sdr): not accepted in time",
        ),
        (
            "lead.escalated",
            {"decision": NOT_ACCEPTED, "reason": "sla", "step": "remind"},
            "reminds ana (sdr): not accepted within 10m",
        ),
        (
            "lead.escalated",
            {"decision": NOT_ACCEPTED, "reason": "sla", "step": "escalate", "to": "mona"},
            "tells mona of ana (sdr): not accepted within 10m",
        ),
        (
            "lead.escalated",
            {"decision": NOT_ACCEPTED, "reason": "sla", "step": "escalate"},
            "tells no manager of ana (sdr): not accepted within 10m",
        ),
        (
            "lead.escalated",
            {"decision": NOT_ACCEPTED, "reason": "sla", "step": "fallback"},
            "ana (sdr): not accepted within 10m",
        ),
        (
            "lead.handed_off",
            {"decision": DECISION | {"change": "moved"}, "reason": "handoff", "notes": {"need": "x"}},
            "handed on; moved to ana (sdr); handoff; with notes on need",
        ),
        (
            "lead.closed",
            {"status": "won", "amount": {"value": 48000, "currency": "USD"}, "reason": "won"},
            "won; 48000 USD",
        ),
        (
            "action.received",
            {"type": "reject", "rep": "ana", "reason": "not_icp"},
            "ana: reject; “not_icp”",
        ),
        ("outcome.received", {"type": "meeting_booked", "rep": "ana"}, "meeting booked; by ana"),
        (
            "outcome.received",
            {"type": "lost", "reason": "price", "actor": {"key": "crm"}},
            "lost; “price”; by crm",
        ),
        (
            "signal.received",
            {"type": "funding_round", "account": {"domain": "kestrel.example"}},
            "funding round; at kestrel.example",
        ),
        ("account.qualified", {"lead_ids": ["a"]}, "the account is qualified, by 1 person"),
        (
            "account.enriched",
            {
                "contacts": [{"name": "Ines", "title": "VP Finance", "known_from": "apollo"}],
                "enrichment": {"cost": 8, "steps": [{"provider": "apollo", "outcome": "match"}]},
            },
            "1 person known who are no leads: VP Finance (known from apollo); apollo: match; 8 cents",
        ),
        ("lead.unheard_of", {}, "lead unheard of"),
    ],
)
def test_each_line_says_what_happened_in_words(type_: str, data: dict[str, Any], line: str):
    assert describe_event(f"baton.{type_}.v1", data) == line


def test_a_long_message_is_cut():
    assert len(describe_event("baton.lead.received.v1", {"message": "x" * 5_000})) < 200
