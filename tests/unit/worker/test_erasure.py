"""One erasure mechanism for every role: redaction, tombstones, and dropping of older events."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.person_erased import PersonErasedV1
from shared.storage.rows import IdentityMap, Remove
from shared.worker.decision import Outcome
from shared.worker.erasure import KeyedHash, Redaction, erase, is_erased
from shared.worker.rows import TimerRow, TombstoneRow

AT = datetime(2026, 3, 2, tzinfo=UTC)


def hashed(lead_id: str) -> str:
    return f"hash of {lead_id}"


class Role:
    """Forgets the timers of a lead, and knows the lead under other ids too."""

    role = "toy"

    def __init__(self, aliases: Collection[str] = ()) -> None:
        self._aliases = aliases

    def redact(
        self, rows: IdentityMap, erased: Event[PersonErasedV1], at: datetime, keyed_hash: KeyedHash
    ) -> Redaction:
        removed = [Remove(TimerRow, (lead_id, "toy", "wake")) for lead_id in erased.data.lead_ids]
        return Redaction(removed, lead_ids=self._aliases)


def erasure(*lead_ids: str) -> Event[PersonErasedV1]:
    data = PersonErasedV1(lead_ids=list(lead_ids), email_hash="9f", at=AT)
    return Event(id="1", source="/t", type="baton.person.erased.v1", subject="", time=AT, data=data)


def event_at(time: datetime, subject: str) -> Event[Any]:
    data = ActionReceivedV1(lead_id=subject, type="accept")
    return Event(id="2", source="/t", type="baton.action.received.v1", subject=subject, time=time, data=data)


def test_every_named_id_and_every_alias_gets_one_tombstone() -> None:
    rows = IdentityMap([TimerRow("a", "toy", "wake", AT)])
    step = erase(Role(["a", "alias"]), rows, erasure("b", "a"), AT, hashed)
    rows.apply(step.changes)
    assert step.outcome == Outcome.APPLIED
    assert rows.all(TombstoneRow) == [TombstoneRow(hashed(lead), "toy", AT) for lead in ("a", "alias", "b")]
    assert rows.all(TimerRow) == []


@pytest.mark.parametrize(
    ("time", "dropped"),
    [(AT - timedelta(days=1), True), (AT, True), (AT + timedelta(microseconds=1), False)],
)
def test_events_up_to_the_erasure_are_dropped_and_later_ones_are_a_new_contact(
    time: datetime, dropped: bool
) -> None:
    rows = IdentityMap([TombstoneRow(hashed("a"), "toy", AT)])
    assert is_erased("toy", rows, event_at(time, "a"), hashed) is dropped


def test_a_tombstone_applies_to_its_lead_and_role_only() -> None:
    rows = IdentityMap([TombstoneRow(hashed("a"), "toy", AT), TombstoneRow(hashed(""), "toy", AT)])
    assert not is_erased("toy", rows, event_at(AT, "b"), hashed)
    assert not is_erased("other", rows, event_at(AT, "a"), hashed)
    assert not is_erased("toy", rows, event_at(AT, ""), hashed)
