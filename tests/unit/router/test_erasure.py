"""What the router keeps for later briefs of colleagues says nothing of an erased person."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from services.router.domain.signal_words import executive_of
from services.router.domain.state import Rejection, RoutedLeadRow
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.routing import BriefHandOff
from shared.lead.events.scoring import LiveSignal
from shared.storage.rows import Put
from tests.support.scored_leads import AT, lead_id, scored_event, scored_lead

HIRE = LiveSignal("s1", "executive_hire", AT, 40, True, "Ana Ruiz", {"text": "Ana Ruiz joins", "role": "CFO"})
NEWS = LiveSignal("s2", "news", AT, 10, details={"headline": "Ben Berg is CTO"})


def about(name: str):
    lead = scored_lead(name, account="kestrel.example")
    return scored_event(replace(lead, signals=replace(lead.signals, live=[HIRE, NEWS])))


def erasure() -> PersonErasedV1:
    return PersonErasedV1([lead_id("ana")], "hash", AT, ["kestrel.example"], ["hash of name:ana ruiz"])


def signals_of(lead: RoutedLeadRow) -> list[dict[str, Any]]:
    return msgspec.json.decode(lead.scored or b"")["signals"]["live"]


@pytest.mark.parametrize("late", [False, True], ids=["before the erasure", "after the erasure"])
def test_signals_and_notes_of_colleagues_name_the_person_no_more(router, late: bool):
    if late:
        router.receive(erasure())
    router.process(about("ben"))
    if not late:
        notes = BriefHandOff("Sam", {"next": "Call Ana Ruiz", "need": "reports"})
        rejection = Rejection("sam", "Ana Ruiz does not answer", AT, 1)
        router.rows.apply([Put(replace(router.lead("ben"), hand_off=notes, rejections=(rejection,)))])
        router.receive(erasure())
        assert router.lead("ben").rejections == (replace(rejection, reason="[erased] does not answer"),)
        assert router.lead("ben").hand_off.notes == {"next": "Call [erased]", "need": "reports"}
    hire, news = signals_of(router.lead("ben"))
    assert (hire["person"], hire["details"]) == ("[erased]", {"text": "[erased] joins", "role": "CFO"})
    assert news["details"] == {"headline": "Ben Berg is CTO"}


@pytest.mark.parametrize("person", ["Ana Ruiz", None])
def test_a_brief_speaks_of_nobody_where_somebody_was_erased(person: str | None):
    details: dict[str, Any] = {"name": "Ana Ruiz", "title": "CFO"}
    hire = LiveSignal("s1", "executive_hire", AT, 40, True, person, details)
    struck = replace(hire, person=person and "[erased]", details={**details, "name": "[erased]"})
    assert executive_of(hire) == ("Ana Ruiz", "CFO")
    assert executive_of(struck) == (None, "CFO")
