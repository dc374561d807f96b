"""Ends what the router keeps of leads that became part of another lead: one person has one owner."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.emit import decision_of, emit_ownership_change
from services.router.domain.ownership import ROLE, SLA, active_assignment, end_assignment, start_timer
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from services.router.policy import RoutingPolicy
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.storage.change_set import ChangeSet
from shared.worker.rows import TimerRow

MERGED: Final = "merged"
MERGED_SEQUENCE: Final = 2**31 - 1
"""The `scored_sequence` of a merged lead: whatever of its own scores still arrives is superseded."""


class EndedOwnership(Struct, frozen=True):
    """A merged lead that had an owner, as it was last scored, and the rep who was it."""

    lead: RoutedLeadRow
    rep: str


def take_merged_leads(
    changes: ChangeSet, policy: RoutingPolicy, data: LeadScoredV1, at: datetime
) -> list[EndedOwnership]:
    """Move the assignments of merged leads to the lead that they are part of; return those that had an owner.

    The lead keeps its owner. Without one it takes over the oldest active assignment of a merged lead, as it
    is: that costs no second credit. The rows of merged leads stay, so that scores of theirs that arrive later
    begin no lead anew.
    """
    ended: list[EndedOwnership] = []
    for lead_id in _unmerged(changes, data.merged):
        row = changes.get(RoutedLeadRow, lead_id) or RoutedLeadRow(
            lead_id, lead_id, 0, 0, 0, MERGED, "", "work", "", high_intent=False
        )
        row = replace(row, status=MERGED, scored_sequence=MERGED_SEQUENCE, waiting_since=None)
        changes.put(replace(row, scored=None))
        active = active_assignment(changes, lead_id)
        if active is not None:
            ended.append(EndedOwnership(row, active.rep))
            if active_assignment(changes, data.lead_id) is None:
                taken = replace(active, lead_id=data.lead_id, account=data.account)
                changes.put(taken)
                changes.remove(TimerRow, lead_id, ROLE, SLA)
                if taken.state == "open":
                    start_timer(changes, policy, taken)
            else:
                end_assignment(changes, active, MERGED, at)
        for assignment in changes.find(AssignmentRow, "lead_id", lead_id):
            changes.put(replace(assignment, lead_id=data.lead_id))
    return ended


def emit_merged(
    changes: ChangeSet, policy: RoutingPolicy, ended: Iterable[EndedOwnership], lead_id: str, at: datetime
) -> None:
    """Emit for each merged lead that its ownership ended, with the owner of the lead that it is part of."""
    owner = active_assignment(changes, lead_id)
    for one in ended:
        decision = decision_of(one.lead, "moved", owner, f"merged into lead {lead_id}")
        row = emit_ownership_change(
            changes,
            policy,
            LeadReassignedV1,
            one.lead,
            decision,
            reason=MERGED,
            at=at,
            previous_owner=one.rep,
            previous_queue=one.lead.queue,
        )
        changes.put(replace(row, scored=None))


def _unmerged(changes: ChangeSet, lead_ids: Iterable[str]) -> list[str]:
    """Return the leads whose merge was not processed yet, the one that has had its owner longest first."""

    def since(lead_id: str) -> tuple[bool, tuple[datetime, str] | tuple[()], str]:
        active = active_assignment(changes, lead_id)
        return active is None, active.age if active else (), lead_id

    rows = {lead_id: changes.get(RoutedLeadRow, lead_id) for lead_id in lead_ids}
    unmerged = [lead_id for lead_id, row in rows.items() if row is None or row.status != MERGED]
    return sorted(unmerged, key=since)
