"""The events that the router emits about a lead. Each takes the next number of the lead's sequence.

Every function adds one event to the change set and returns the lead's row with its new sequence number;
the caller stores the row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from msgspec.structs import replace

from services.router.domain.brief import build_brief
from services.router.domain.state import AccountContactRow, AssignmentRow, RoutedLeadRow
from services.router.policy import RoutingPolicy
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.routing import (
    Brief,
    BriefHandOff,
    Change,
    Decision,
    PolicyVersions,
    Sla,
    Suppression,
)
from shared.storage.change_set import ChangeSet

E = TypeVar("E", bound=OwnershipChange)


def emit_routed(
    changes: ChangeSet,
    policy: RoutingPolicy,
    lead: RoutedLeadRow,
    data: LeadScoredV1,
    *,
    decision: Decision,
    assignment: AssignmentRow | None,
    at: datetime,
) -> RoutedLeadRow:
    """Emit `lead.routed`: the decision on a scored lead, with the brief for its owner."""
    lead = _with_next_sequence(lead)
    must_accept = assignment is not None and assignment.state == "open"
    routed = LeadRoutedV1(
        lead_id=data.lead_id,
        revision=data.revision,
        sequence=lead.sequence,
        account=data.account,
        trigger=data.last_news,
        person=data.person,
        company=data.company,
        provenance=data.provenance,
        score=data.score,
        decision=decision,
        sla=Sla(assignment.accept_by if assignment is not None and must_accept else None),
        brief=brief_for_owner(changes, policy, data, queue=decision.queue, owner=decision.owner, at=at),
        policy_versions=PolicyVersions(data.policy_version, policy.version),
        occurred_at=at,
    )
    changes.emit(routed, subject=lead.lead_id, key=lead.account)
    return lead


def brief_for_owner(
    changes: ChangeSet,
    policy: RoutingPolicy,
    data: LeadScoredV1,
    *,
    queue: str,
    owner: str | None,
    at: datetime,
    hand_off: BriefHandOff | None = None,
) -> Brief:
    """Return the brief on a scored lead for its present owner; `owner` is a rep's id.

    It speaks of the last news about the buyer, whatever led to the decision.
    """

    def name_of(rep_id: str) -> str:
        rep = policy.rep_of(rep_id)
        return rep.name if rep else rep_id

    contacts = changes.find(AccountContactRow, "account", data.account)
    signed_by = name_of(owner) if owner is not None else None
    data = replace(data, trigger=data.last_news)
    return build_brief(
        data, queue, at=at, owner=signed_by, contacts=contacts, hand_off=hand_off, name_of=name_of
    )


def emit_suppressed(
    changes: ChangeSet,
    lead: RoutedLeadRow,
    data: LeadScoredV1,
    reason: str,
    *,
    policy_version: str,
    at: datetime,
) -> RoutedLeadRow:
    """Emit `lead.suppressed`: nobody gets the lead."""
    lead = _with_next_sequence(lead)
    suppressed = LeadSuppressedV1(
        lead_id=data.lead_id,
        revision=data.revision,
        sequence=lead.sequence,
        account=data.account,
        trigger=data.last_news,
        person=data.person,
        company=data.company,
        provenance=data.provenance,
        score=data.score,
        decision=Suppression(reason),
        policy_versions=PolicyVersions(data.policy_version, policy_version),
        occurred_at=at,
    )
    changes.emit(suppressed, subject=lead.lead_id, key=lead.account)
    return lead


def emit_ownership_change(
    changes: ChangeSet,
    kind: type[E],
    lead: RoutedLeadRow,
    decision: Decision,
    *,
    reason: str,
    at: datetime,
    previous_owner: str | None = None,
    **fields: Any,
) -> RoutedLeadRow:
    """Emit an event of type `kind` about the lead's owner. `fields` are those that only `kind` has."""
    lead = _with_next_sequence(lead)
    change = kind(
        lead_id=lead.lead_id,
        revision=lead.revision,
        sequence=lead.sequence,
        account=lead.account,
        decision=decision,
        previous_owner=previous_owner,
        reason=reason,
        occurred_at=at,
        **fields,
    )
    changes.emit(change, subject=lead.lead_id, key=lead.account)
    return lead


def decision_of(
    lead: RoutedLeadRow, change: Change, assignment: AssignmentRow | None, reason: str
) -> Decision:
    """Return the decision after an action on a lead. Its rule is the rule that routed the lead."""
    return Decision(
        change=change,
        queue=assignment.queue if assignment else lead.queue,
        motion=lead.motion,
        owner=assignment.rep if assignment else None,
        rule=lead.rule,
        reasons=[reason],
        considered=[],
    )


def _with_next_sequence(lead: RoutedLeadRow) -> RoutedLeadRow:
    return replace(lead, sequence=lead.sequence + 1)
