"""The ledger's decisions: record every event once, keep the view of each lead, forget who was erased."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from services.ledger.domain.counters import CounterDeltaRow
from services.ledger.domain.erasure import (
    ROLE,
    is_of_erased,
    names_somebody,
    strike_out,
    strike_out_of_views,
    tombstones_of_names,
)
from services.ledger.domain.lead_history import LeadHistory, LeadHistoryRow, counted_leads, with_event
from services.ledger.domain.lead_names import changed_words
from services.ledger.domain.lead_share import LeadTally, changed_milestones, deltas_of, tally_of
from services.ledger.domain.rows import AccountEventRow, BacktestMoveRow, DeadLetterRow, EventRow, ViewRow
from services.ledger.domain.view import StageEvent, updated_view
from shared.lead.events.dead_letter import DeadLetterV1
from shared.lead.events.envelope import Event
from shared.lead.events.registry import BY_NAME
from shared.storage.rows import Change, IdentityMap, Put, Remove
from shared.worker.decision import Outcome, Step
from shared.worker.erasure import CONTACT, MAY_NAME_OTHERS, Erasure, Redaction, subject_of
from shared.worker.handler import Handler
from shared.worker.rows import TombstoneRow


class LedgerHandler(Handler):
    """Claims nothing: the first row of an event stays; views and histories are folds that no repeat changes.

    `unit` is the id of the unit of work, under which its additions to the counters of reports are stored.
    """

    role = ROLE
    claimed: frozenset[str] = frozenset()

    def __init__(self, unit: str = "") -> None:
        self._unit = unit

    def for_unit(self) -> LedgerHandler:
        return LedgerHandler(str(uuid.uuid4()))

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        return event

    def decide(self, rows: IdentityMap, event: Event[Any], at: datetime) -> Step:
        data = event.data
        if isinstance(data, DeadLetterV1):
            erased = is_of_erased(rows, data)
            return Step(Outcome.SUPERSEDED) if erased else _record_dead_letter(rows, data)
        changes: list[Change] = [Put(_event_row(event, at))]
        if isinstance(data, StageEvent):
            before = rows.get(ViewRow, data.lead_id)
            view = updated_view(before, event)
            if view != before:
                changes += [Put(view), *changed_words(before, view)]
        changes += _changed_histories(rows, event)
        return Step(Outcome.APPLIED, [*changes, *_mark_replayed(rows, event, at)])

    def end_unit(self, rows: IdentityMap) -> Sequence[Change]:
        """Return what the unit's events made of the counters, and of the milestones of their leads."""
        changes: list[Change] = []
        counted: list[tuple[LeadTally, LeadTally]] = []
        for stored, present in rows.changed(LeadHistoryRow):
            old = stored.history if stored is not None else LeadHistory()
            new = present.history if present is not None else LeadHistory()
            if (row := present or stored) is None or not (old.counts or new.counts):
                continue
            before, after = tally_of(old), tally_of(new)
            changes += changed_milestones(row.lead_id, before, after)
            if present is not None:  # what was counted of an erased lead stays
                counted.append((before, after))
        if deltas := deltas_of(counted):
            changes.append(Put(CounterDeltaRow(self._unit, deltas)))
        return changes

    def redact(self, rows: IdentityMap, erasure: Erasure, at: datetime) -> Redaction:
        """Remove every event, view and dead letter of the leads; the erasure itself is recorded.

        The forms that led to a lead came without its id: they are the causes of its events. Forms that are
        later than the erasure stay. In events about the account and about colleagues, what names the person
        is struck out. What the leads have added to the counters of reports, which name nobody, stays.
        """
        leads, mentions, event = set(erasure.lead_ids), erasure.mentions, erasure.event
        events = rows.all(EventRow)
        causes = {row.causation_id for row in events if row.subject in leads} - {""}
        changes: list[Change] = []
        if event.id:  # an erasure that was learned of from a later event is recorded when it is read itself
            changes += [Put(_event_row(event, at)), *_mark_replayed(rows, event, at)]
        later = {row.key for row in events if row.type == CONTACT and row.at > erasure.at}
        changes += (
            Remove(EventRow, row.key)
            for row in events
            if row.key not in later and (row.subject in leads or (row.id in causes and row.type == CONTACT))
        )
        changes += (
            Remove(DeadLetterRow, row.key)
            for row in rows.all(DeadLetterRow)
            if row.subject in leads or row.event_id in causes or names_somebody(row, mentions)
        )
        # What came just before the erasure, in the same unit of work, was not loaded but put.
        written = (row for row in events if row.type in MAY_NAME_OTHERS)
        own = leads | erasure.spared
        others = (row for row in (*rows.all(AccountEventRow), *written) if row.subject not in own)
        changes += strike_out(others, mentions)
        colleagues = (row for row in rows.all(ViewRow) if row.account in event.data.accounts)
        changes += strike_out_of_views((row for row in colleagues if row.lead_id not in own), mentions)
        for lead in leads:
            changes += changed_words(rows.get(ViewRow, lead), None)
            changes += (Remove(kind, (lead,)) for kind in (ViewRow, LeadHistoryRow) if rows.get(kind, lead))
        changes += (Remove(BacktestMoveRow, row.key) for row in rows.all(BacktestMoveRow))
        changes += tombstones_of_names(rows, event.data.mentions, TombstoneRow("", ROLE, erasure.at))
        return Redaction(changes)


def _record_dead_letter(rows: IdentityMap, letter: DeadLetterV1) -> Step:
    """Record a dead letter once; its id is derived from the place of the original record."""
    if rows.get(DeadLetterRow, letter.id) is not None:
        return Step(Outcome.UNCHANGED)
    row = DeadLetterRow(
        letter.id,
        letter.topic,
        letter.partition,
        letter.offset,
        letter.key,
        letter.value,
        letter.headers,
        letter.stage,
        letter.kind,
        letter.message,
        letter.event_id,
        letter.event_type,
        letter.subject,
        letter.at,
    )
    return Step(Outcome.APPLIED, [Put(row)])


def _changed_histories(rows: IdentityMap, event: Event[Any]) -> Iterator[Change]:
    """Yield the changes to what reports count of the event's lead, and of leads that became part of it."""
    for lead_id in counted_leads(event):
        row = rows.get(LeadHistoryRow, lead_id)
        before = row.history if row is not None else LeadHistory()
        is_own = lead_id == subject_of(event)
        after = with_event(before, event) if is_own else replace(before, merged=True)
        if after != before:
            yield Put(LeadHistoryRow(lead_id, after))


def _mark_replayed(rows: IdentityMap, event: Event[Any], at: datetime) -> list[Change]:
    """Return the change to the dead letter that this event is the first replay of, if it is one."""
    letter = rows.get(DeadLetterRow, event.replay_of) if event.replay_of else None
    return [Put(replace(letter, replayed_at=at))] if letter and letter.replayed_at is None else []


def _event_row(event: Event[Any], at: datetime) -> EventRow:
    return EventRow(
        event.id,
        event.source,
        event.type,
        event.subject or BY_NAME[event.type].subject_of(event.data),
        event.key,
        event.time,
        at,
        event.causation_id,
        getattr(event.data, "revision", None),
        getattr(event.data, "sequence", None),
        event.raw.decode(),
    )
