"""Outcomes of leads that are not routed yet: they wait a while, and count once the lead is routed.

Outcomes and leads take different ways through Baton, so that an outcome may overtake its lead, as when a file
of leads is imported and at once one of their deals.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar, Final

from msgspec.structs import replace

from services.router.domain.lead_ref import LeadAliasRow
from services.router.domain.outcomes import apply_outcome
from services.router.domain.ownership import ROLE
from services.router.domain.ownership_changes import DecisionContext
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.storage.change_set import ChangeSet
from shared.storage.rows import Row
from shared.worker.rows import TimerRow

PARKED: Final = "parked"
"""The kind of the timer that removes parked outcomes."""
PARKED_FOR: Final = timedelta(hours=1)
"""How long an outcome waits for its lead. A form that comes later is news, and is not closed by it."""
PARKED_MAX: Final = 20
"""How many outcomes wait for one lead; further ones are recorded, and that is all."""


class ParkedOutcomesRow(Row, frozen=True):
    """The reported outcomes of a lead that is not routed yet."""

    lead_id: str
    outcomes: tuple[OutcomeReceivedV1, ...]
    table: ClassVar[str] = "parked_outcomes"
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id",)


def park_outcome(changes: ChangeSet, lead_id: str, outcome: OutcomeReceivedV1, at: datetime) -> bool:
    """Let an outcome wait for its lead; False when too many wait."""
    parked = changes.get(ParkedOutcomesRow, lead_id)
    outcomes = parked.outcomes if parked is not None else ()
    if len(outcomes) >= PARKED_MAX:
        return False
    changes.put(ParkedOutcomesRow(lead_id, (*outcomes, outcome)))
    changes.put(TimerRow(subject=lead_id, role=ROLE, kind=PARKED, due_at=at + PARKED_FOR))
    return True


def apply_parked_outcomes(
    changes: ChangeSet, context: DecisionContext, lead_id: str, merged: Iterable[str]
) -> bool:
    """Apply what waits for a lead that was routed just now, in order of time; return whether anything did.

    It may wait under another id of the lead: of a lead that is `merged` into it, or an alias that was not
    known to be one when the outcome arrived.
    """
    aliases = (alias.alias_id for alias in changes.find(LeadAliasRow, "lead_id", lead_id))
    found = [changes.get(ParkedOutcomesRow, id_) for id_ in {lead_id, *merged, *aliases}]
    parked = [row for row in found if row is not None]
    for row in parked:
        remove_parked_outcomes(changes, row.lead_id)
    outcomes = [outcome for row in sorted(parked, key=lambda row: row.lead_id) for outcome in row.outcomes]
    for outcome in sorted(outcomes, key=lambda one: one.at):
        apply_outcome(changes, replace(context, actor=outcome.actor), lead_id, outcome)
    return bool(parked)


def remove_parked_outcomes(changes: ChangeSet, lead_id: str) -> bool:
    """Remove what waits for a lead, and its timer; return whether anything did."""
    is_parked = changes.get(ParkedOutcomesRow, lead_id) is not None
    if is_parked:
        changes.remove(ParkedOutcomesRow, lead_id)
        changes.remove(TimerRow, lead_id, ROLE, PARKED)
    return is_parked
