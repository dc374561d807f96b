"""One erasure mechanism for every role: redaction, tombstones, and dropping of older events."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from shared.lead.events.account_qualified import AccountQualifiedV1
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Person
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.registry import BY_MODEL
from shared.lead.events.scoring import AccountView
from shared.lead.events.signal_received import SignalPerson, SignalReceivedV1
from shared.lead.ids import lead_id_of
from shared.storage.rows import IdentityMap, Put, Remove
from shared.worker.decision import Outcome
from shared.worker.erasure import Erasure, Redaction, erase, is_erased, unread_erasure
from shared.worker.rows import TimerRow, TombstoneRow

AT = datetime(2026, 3, 2, tzinfo=UTC)


def hashed(lead_id: str) -> str:
    return f"hash of {lead_id}"


class Role:
    """Forgets the timers of a lead, and knows the lead under other ids too."""

    role = "toy"

    def __init__(self, aliases: Collection[str] = ()) -> None:
        self._aliases = aliases

    def redact(self, rows: IdentityMap, erasure: Erasure, at: datetime) -> Redaction:
        removed = [Remove(TimerRow, (lead_id, "toy", "wake")) for lead_id in erasure.lead_ids]
        return Redaction(removed, lead_ids=self._aliases)


def erasure(*lead_ids: str) -> Event[PersonErasedV1]:
    data = PersonErasedV1(lead_ids=list(lead_ids), email_hash="9f", at=AT)
    return Event(id="1", source="/t", type="baton.person.erased.v1", subject="", time=AT, data=data)


def event_at(time: datetime, subject: str, data: Any = None) -> Event[Any]:
    data = data or ActionReceivedV1(lead_id=subject, type="accept")
    return Event("2", "/t", BY_MODEL[type(data)].name, subject, time, data)


def test_every_named_id_and_every_alias_gets_one_tombstone() -> None:
    rows = IdentityMap([TimerRow("a", "toy", "wake", AT)])
    step = erase(Role(["a", "alias"]), rows, erasure("b", "a"), AT, hashed)
    rows.apply(step.changes)
    assert step.outcome == Outcome.APPLIED
    assert rows.all(TombstoneRow) == [TombstoneRow(hashed(lead), "toy", AT) for lead in ("a", "alias", "b")]
    assert rows.all(TimerRow) == []


BEFORE, LATER = AT - timedelta(days=1), AT + timedelta(microseconds=1)
FORM = LeadReceivedV1(person=Person(email="ana@kestrel.example"))
OPT_OUT = SignalReceivedV1("opt_out", AT, person=SignalPerson("ana@kestrel.example"))
ACTIVITY = SignalReceivedV1("activity", AT, person=SignalPerson("ana@kestrel.example"))


@pytest.mark.parametrize(
    ("data", "time", "dropped", "dropped_of_returned"),
    [
        pytest.param(FORM, BEFORE, True, True, id="a form that was under way"),
        pytest.param(FORM, AT, True, True, id="a form of the same instant"),
        pytest.param(FORM, LATER, False, False, id="a new contact"),
        pytest.param(OPT_OUT, AT, True, True, id="an opt-out before the erasure"),
        pytest.param(OPT_OUT, LATER, False, False, id="an opt-out after it: nobody writes to the person"),
        pytest.param(ACTIVITY, LATER, True, False, id="an activity is no contact"),
        pytest.param(ActionReceivedV1("a", "accept"), LATER, True, False, id="an action is no contact"),
        pytest.param(AccountQualifiedV1("a", AccountView(), [], "v", AT), LATER, True, True, id="derived"),
        pytest.param(PersonErasedV1(["a"], "9f", AT), AT, False, False, id="erasures are decided"),
    ],
)
def test_what_is_later_than_an_erasure_counts_if_the_person_is_a_contact_again(
    data: Any, time: datetime, dropped: bool, dropped_of_returned: bool
) -> None:
    event = event_at(time, "a", data)
    for returned, expected in ((False, dropped), (True, dropped_of_returned)):
        rows = IdentityMap([TombstoneRow(hashed("a"), "toy", AT, returned)])
        assert is_erased("toy", rows, event, hashed) is expected


@pytest.mark.parametrize(("after", "dropped"), [(None, True), (BEFORE, True), (AT, False), (LATER, False)])
def test_what_a_role_emits_counts_if_the_role_knew_of_the_erasure(
    after: datetime | None, dropped: bool
) -> None:
    rows = IdentityMap([TombstoneRow(hashed("a"), "toy", AT)])
    emitted = event_at(LATER, "a", AccountQualifiedV1("a", AccountView(), [], "v", AT))
    assert is_erased("toy", rows, replace(emitted, after_erasure=after), hashed) is dropped


def test_an_outside_producer_s_record_without_a_subject_is_about_whom_its_data_names() -> None:
    lead_id = lead_id_of("email:ana@kestrel.example")
    rows = IdentityMap([TombstoneRow(hashed(lead_id), "toy", AT)])
    assert is_erased("toy", rows, event_at(AT, "", FORM), hashed)
    assert is_erased("toy", rows, event_at(LATER, "", ACTIVITY), hashed)
    assert not is_erased("toy", rows, event_at(LATER, "", FORM), hashed)


@pytest.mark.parametrize("known", [None, TombstoneRow(hashed("a"), "toy", BEFORE)])
def test_an_erasure_is_learned_from_an_event_that_follows_it(known: TombstoneRow | None) -> None:
    rows = IdentityMap([known] if known else [])
    emitted = event_at(LATER, "a", AccountQualifiedV1("a", AccountView(), [], "v", AT))
    unread = unread_erasure("toy", rows, replace(emitted, after_erasure=AT), hashed)
    assert unread is not None
    assert (unread.data.lead_ids, unread.data.at) == (["a"], AT)
    rows.apply(erase(Role(), rows, unread, LATER, hashed).changes)
    assert unread_erasure("toy", rows, replace(emitted, after_erasure=AT), hashed) is None
    # The erasure itself comes later, and spares what came meanwhile.
    rows.apply([Put(TimerRow("a", "toy", "wake", AT)), Put(TimerRow("b", "toy", "wake", AT))])
    rows.apply(erase(Role(), rows, erasure("a", "b"), LATER, hashed).changes)
    assert [row.subject for row in rows.all(TimerRow)] == ["a"]


def test_a_form_cannot_make_a_role_erase_anybody() -> None:
    assert (
        unread_erasure("toy", IdentityMap(), replace(event_at(LATER, "a", FORM), after_erasure=AT), hashed)
        is None
    )


def test_a_tombstone_applies_to_its_lead_and_role_only() -> None:
    rows = IdentityMap([TombstoneRow(hashed("a"), "toy", AT), TombstoneRow(hashed(""), "toy", AT)])
    assert not is_erased("toy", rows, event_at(AT, "b"), hashed)
    assert not is_erased("other", rows, event_at(AT, "a"), hashed)
    assert not is_erased("toy", rows, event_at(AT, ""), hashed)
