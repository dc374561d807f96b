"""What happened to a lead, as its page tells it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.gateway.console.views.lead_story import history_view

AT = datetime(2026, 12, 5, 9, tzinfo=UTC)
NAMES = {"ae-1": "Farah Haddad", "sdr-1": "Ana Ruiz"}


def happened(type_: str, **data: Any) -> str:
    """Return the line of an event."""
    event = {"id": "1", "type": type_, "at": AT, "source": "/baton/router", "says": "as ids", "data": data}
    [entry] = history_view([event], NAMES, [], opens_deliveries=False)
    return entry.detail


def test_reps_are_called_by_their_names():
    decision = {"owner": "ae-1", "queue": "senior-ae", "change": "moved", "rule": "high-intent"}
    told = happened(
        "baton.lead.reassigned.v1",
        decision=decision,
        previous_owner="sdr-1",
        actor={"key": "k", "rep": "sdr-1"},
    )
    assert told == "moved to Farah Haddad (senior-ae); Ana Ruiz had it; by Ana Ruiz"


def test_who_left_the_team_is_called_by_their_id():
    decision = {"owner": "ae-9", "queue": "senior-ae", "change": "kept", "rule": "existing-owner"}
    assert happened("baton.lead.routed.v1", decision=decision).startswith("stays with ae-9 (senior-ae)")
