"""The ledger's decisions: what is recorded, what a replay marks, and what an erasure leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from services.ledger.domain.rows import DeadLetterRow, EventRow, LeadNameRow, ViewRow
from services.ledger.handlers import LedgerHandler
from shared.lead.events.dead_letter import DeadLetterV1
from shared.lead.events.envelope import Event
from shared.lead.events.person_erased import PersonErasedV1
from shared.storage.rows import IdentityMap
from shared.worker.decision import Outcome
from shared.worker.rows import TombstoneRow
from shared.worker.unit_of_work import Result, fold
from tests.unit.ledger.conftest import AT, MakeEvent


def decide(rows: IdentityMap, *events: Event[Any]) -> list[Outcome]:
    result = Result()
    fold(LedgerHandler(), rows, events, AT, result=result, keyed_hash=lambda lead: f"hash of {lead}")
    assert not result.rejected
    return [outcome for _event, outcome in result.outcomes]


def dead_letter(id_: str, *, subject: str = "", event_id: str = "") -> Event[DeadLetterV1]:
    data = DeadLetterV1(
        id=id_,
        topic="leads.received.v1",
        partition=0,
        offset=7,
        key=None,
        value=b"{",
        headers=[],
        stage="enricher",
        kind="json",
        message="no JSON",
        event_id=event_id,
        event_type="",
        subject=subject,
        at=AT,
    )
    return Event(
        id=id_, source="/baton/enricher", type="baton.dead_letter.v1", subject=subject, time=AT, data=data
    )


def erased(*lead_ids: str) -> Event[PersonErasedV1]:
    data = PersonErasedV1(lead_ids=list(lead_ids), email_hash="9f", at=AT)
    return Event(
        id="erasure", source="/t", type="baton.person.erased.v1", subject="", time=AT, data=data, raw=b"{}"
    )


def test_an_event_without_a_subject_is_recorded_under_the_lead_that_its_data_names(
    make_event: MakeEvent,
) -> None:
    rows = IdentityMap()
    decide(rows, make_event("action.received", subject="", lead_id="lead-9"))
    [row] = rows.all(EventRow)
    assert row.subject == "lead-9"


def test_a_view_is_written_only_when_it_changes(make_event: MakeEvent) -> None:
    routed = make_event("lead.routed")
    rows = IdentityMap()
    decide(rows, routed)
    stored = IdentityMap([*rows.all(ViewRow)])
    decide(stored, routed)
    assert ViewRow not in stored.pending_writes()


def test_a_dead_letter_is_recorded_once() -> None:
    rows = IdentityMap()
    assert decide(rows, dead_letter("d"), dead_letter("d")) == [Outcome.APPLIED, Outcome.UNCHANGED]
    assert [row.id for row in rows.all(DeadLetterRow)] == ["d"]


def test_the_first_replay_marks_its_dead_letter(make_event: MakeEvent) -> None:
    rows = IdentityMap()
    replay = replace(make_event("lead.received"), replay_of="d")
    decide(rows, dead_letter("d"), replay)
    letter = rows.get(DeadLetterRow, "d")
    assert letter is not None
    assert letter.replayed_at == AT
    decide(rows, replace(replay, id="again"), replace(replay, id="other", replay_of="unknown"))
    assert rows.get(DeadLetterRow, "d") == letter


def test_an_erasure_removes_events_forms_letters_and_view_and_leaves_itself_and_a_tombstone(
    make_event: MakeEvent,
) -> None:
    form = make_event("lead.received", "form", subject="")
    enriched = replace(make_event("lead.enriched", "enriched"), causation_id="form")
    other = make_event("lead.enriched", "other", subject="lead-2", lead_id="lead-2")
    rows = IdentityMap()
    decide(
        rows, form, enriched, other, dead_letter("d1", subject="lead-1"), dead_letter("d2", event_id="form")
    )
    decide(rows, dead_letter("d3", subject="lead-2"), erased("lead-1"))
    assert {row.id for row in rows.all(EventRow)} == {"other", "erasure"}
    assert {row.id for row in rows.all(DeadLetterRow)} == {"d3"}
    assert [row.lead_id for row in rows.all(ViewRow)] == ["lead-2"]
    assert rows.all(TombstoneRow) == [TombstoneRow("hash of lead-1", "ledger", AT)]


def test_an_event_of_before_the_erasure_is_not_recorded_again(make_event: MakeEvent) -> None:
    rows = IdentityMap()
    late = make_event("lead.enriched")
    assert decide(rows, erased("lead-1"), late) == [Outcome.APPLIED, Outcome.SUPERSEDED]
    assert {row.id for row in rows.all(EventRow)} == {"erasure"}


def test_a_cause_that_is_no_form_stays(make_event: MakeEvent) -> None:
    signal = make_event("signal.received", "signal", subject="kestrel.example")
    enriched = replace(make_event("lead.enriched", "enriched"), causation_id="signal")
    rows = IdentityMap()
    decide(rows, signal, enriched, erased("lead-1"))
    assert {row.id for row in rows.all(EventRow)} == {"signal", "erasure"}


def hashed(lead: str) -> str:
    return f"hash of {lead}"


def erased_ana() -> Event[PersonErasedV1]:
    event = erased("ana")
    names = [hashed("name:ana ruiz")]
    return replace(event, data=replace(event.data, accounts=["kestrel.example"], mentions=names))


def note(make_event: MakeEvent, id_: str, lead: str = "ben", account: str = "kestrel.example") -> Event[Any]:
    """Return a hand-off that names Ana, decided by a router that had not read her erasure yet."""
    notes = {"next": "Call Ana Ruiz"}
    event = make_event(
        "lead.handed_off", id_, subject=lead, lead_id=lead, account=account, notes=notes, reason="handoff"
    )
    return replace(event, key=account, time=AT + timedelta(minutes=1))


def recorded_notes(rows: IdentityMap) -> dict[str, str]:
    events = [row for row in rows.all(EventRow) if row.type == "baton.lead.handed_off.v1"]
    return {row.id: msgspec.json.decode(row.data)["notes"]["next"] for row in events}


def test_an_event_about_a_colleague_is_redacted_before_and_after_the_erasure(make_event: MakeEvent) -> None:
    rows = IdentityMap()
    decide(rows, note(make_event, "before"), erased_ana(), note(make_event, "after"))
    assert recorded_notes(rows) == {"before": "Call [erased]", "after": "Call [erased]"}


@pytest.mark.parametrize("is_first", [True, False])
def test_the_view_of_a_colleague_quotes_nothing_that_names_the_erased_person(
    make_event: MakeEvent, is_first: bool
) -> None:
    rows = IdentityMap()
    message = "My colleague Ana Ruiz told me of you"
    of_ben = {"subject": "ben", "lead_id": "ben", "account": "kestrel.example", "message": message}
    scored = replace(make_event("lead.scored", "scored", **of_ben), key="kestrel.example", time=AT)
    decide(rows, *([scored, erased_ana()] if is_first else [erased_ana(), scored]))
    view = rows.get(ViewRow, "ben")
    assert view is not None
    assert view.quote == "My colleague [erased] told me of you"


def test_somebody_of_the_same_name_elsewhere_stays_named(make_event: MakeEvent) -> None:
    rows = IdentityMap()
    decide(rows, erased_ana(), note(make_event, "other", account="other.example"))
    assert recorded_notes(rows) == {"other": "Call Ana Ruiz"}


def test_who_is_a_contact_again_may_be_named_again(make_event: MakeEvent) -> None:
    rows = IdentityMap()
    again = make_event("lead.enriched", "again", subject="ana", lead_id="ana", account="kestrel.example")
    again = replace(again, key="kestrel.example", time=AT + timedelta(days=1), after_erasure=AT)
    own, colleague = note(make_event, "own", "ana"), note(make_event, "colleague")
    own = replace(own, after_erasure=AT)
    decide(rows, erased_ana(), own, note(make_event, "late"), again, colleague)
    expected = {"own": "Call Ana Ruiz", "late": "Call [erased]", "colleague": "Call Ana Ruiz"}
    assert recorded_notes(rows) == expected


def test_the_words_of_a_lead_are_those_of_its_name_until_it_is_erased(make_event: MakeEvent) -> None:
    def named(id_: str, sequence: int, first: str, last: str | None) -> Event[Any]:
        event = make_event("lead.scored", id_, sequence=sequence)
        person = replace(event.data.person, first_name=first, last_name=last)
        return replace(event, data=replace(event.data, person=person))

    rows = IdentityMap()
    decide(rows, named("one", 1, "Zoë", "O'Brien-Ruiz"))
    assert [row.word for row in rows.all(LeadNameRow)] == ["brien", "o", "ruiz", "zoe"]
    decide(rows, named("two", 2, "Zoë", "Ruiz"), named("old", 1, "Ana", None))
    assert [row.word for row in rows.all(LeadNameRow)] == ["ruiz", "zoe"]
    decide(rows, erased("lead-1"))
    assert rows.all(LeadNameRow) == []
