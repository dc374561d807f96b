"""What the router says: the events about a lead, each with the next number of the lead's sequence."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from services.router.domain.brief import write_brief
from services.router.domain.policy import RoutingPolicy
from services.router.domain.state import AcquaintanceRow, AssignmentRow, RoutedLeadRow
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.routing import Change, Decision, PolicyVersions, Sla, Suppression
from shared.storage.change_set import ChangeSet

C = TypeVar("C", bound=OwnershipChange)


def say_routed(
    draft: ChangeSet,
    plan: RoutingPolicy,
    lead: RoutedLeadRow,
    data: LeadScoredV1,
    *,
    decision: Decision,
    assignment: AssignmentRow | None,
    at: datetime,
) -> RoutedLeadRow:
    """Say where the lead is; return its row, counted on."""
    lead = _counted(lead)
    waited_for = assignment is not None and assignment.state == "open"
    rep = plan.rep_of(decision.owner)
    acquaintances = draft.find(AcquaintanceRow, "account", data.account)
    routed = LeadRoutedV1(
        lead_id=data.lead_id,
        revision=data.revision,
        sequence=lead.sequence,
        account=data.account,
        trigger=data.trigger,
        person=data.person,
        company=data.company,
        provenance=data.provenance,
        score=data.score,
        decision=decision,
        sla=Sla(assignment.accept_by if assignment is not None and waited_for else None),
        brief=write_brief(data, decision.queue, rep.name if rep else None, acquaintances),
        policy_versions=PolicyVersions(data.policy_version, plan.version),
        occurred_at=at,
    )
    draft.emit(routed, subject=lead.lead_id, key=lead.account)
    return lead


def say_suppressed(
    draft: ChangeSet, lead: RoutedLeadRow, data: LeadScoredV1, reason: str, *, policy: str, at: datetime
) -> RoutedLeadRow:
    """Say that nobody gets the lead; return its row, counted on."""
    lead = _counted(lead)
    suppressed = LeadSuppressedV1(
        lead_id=data.lead_id,
        revision=data.revision,
        sequence=lead.sequence,
        account=data.account,
        trigger=data.trigger,
        person=data.person,
        company=data.company,
        provenance=data.provenance,
        score=data.score,
        decision=Suppression(reason),
        policy_versions=PolicyVersions(data.policy_version, policy),
        occurred_at=at,
    )
    draft.emit(suppressed, subject=lead.lead_id, key=lead.account)
    return lead


def say_of_owner(
    draft: ChangeSet,
    kind: type[C],
    lead: RoutedLeadRow,
    decision: Decision,
    *,
    reason: str,
    at: datetime,
    previous_owner: str | None = None,
    **more: object,
) -> RoutedLeadRow:
    """Say what happened to the lead's owner; return the lead's row, counted on."""
    lead = _counted(lead)
    said = kind(
        lead_id=lead.lead_id,
        revision=lead.revision,
        sequence=lead.sequence,
        account=lead.account,
        decision=decision,
        previous_owner=previous_owner,
        reason=reason,
        occurred_at=at,
        **more,  # the fields of `kind` beyond the common ones
    )
    draft.emit(said, subject=lead.lead_id, key=lead.account)
    return lead


def decision_of(
    lead: RoutedLeadRow, change: Change, assignment: AssignmentRow | None, reason: str
) -> Decision:
    """Return the decision that an owner's step amounts to; the rule is the one that routed the lead."""
    return Decision(
        change=change,
        queue=assignment.queue if assignment else lead.queue,
        motion=lead.motion,
        owner=assignment.rep if assignment else None,
        rule=lead.rule,
        reasons=[reason],
        considered=[],
    )


def _counted(lead: RoutedLeadRow) -> RoutedLeadRow:
    return replace(lead, sequence=lead.sequence + 1)
