"""The events that the router emits about a lead. Each takes the next number of the lead's sequence.

Every function adds one event to the change set and returns the lead's row with its new sequence number;
the caller stores the row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeVar

from msgspec import UNSET
from msgspec.structs import replace

from services.router.domain.brief import build_brief
from services.router.domain.ownership import active_assignment
from services.router.domain.state import (
    AccountContactRow,
    AssignmentRow,
    RoutedLeadRow,
    score_outline_of,
    scored_lead_of,
)
from services.router.policy import RoutingPolicy
from shared.lead.events.lead_handed_off import LeadHandedOffV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.lead_updated import LeadUpdatedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.parts import Actor, Company
from shared.lead.events.routing import (
    Brief,
    BriefTrigger,
    Change,
    Decision,
    PolicyVersions,
    Qualification,
    Sla,
    Suppression,
)
from shared.storage.change_set import ChangeSet

E = TypeVar("E", bound=OwnershipChange)

_WITH_BRIEF: Final = (LeadReassignedV1, LeadHandedOffV1)
_EMPTY_BRIEF: Final = Brief(
    company=Company(),
    pain=[],
    stakeholders=[],
    trigger=BriefTrigger("lead"),
    qualification=Qualification("bant", []),
    score_lines=[],
    ask_next=[],
    warm_intro="",
    markdown="",
)


def emit_routed(
    changes: ChangeSet,
    policy: RoutingPolicy,
    lead: RoutedLeadRow,
    data: LeadScoredV1,
    *,
    decision: Decision,
    assignment: AssignmentRow | None,
    at: datetime,
    previous_queue: str | None = None,
    updated_because: str | None = None,
) -> RoutedLeadRow:
    """Emit `lead.routed`: the decision on a scored lead, with the brief for its owner.

    With `updated_because`, a reason in words, emit `lead.updated`, which says the same of a lead that stays.
    """
    lead = _with_next_sequence(lead)
    kind = LeadRoutedV1 if updated_because is None else LeadUpdatedV1
    routed = kind(
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
        sla=_sla_of(assignment),
        brief=brief_for_owner(changes, policy, lead, data, owner=decision.owner, queue=decision.queue, at=at),
        policy_versions=PolicyVersions(data.policy_version, policy.version),
        occurred_at=at,
        previous_queue=previous_queue or UNSET,
        **({} if updated_because is None else {"reason": updated_because}),
    )
    changes.emit(routed, subject=lead.lead_id, key=lead.account)
    return lead


def brief_for_owner(
    changes: ChangeSet,
    policy: RoutingPolicy,
    lead: RoutedLeadRow,
    data: LeadScoredV1,
    *,
    queue: str,
    owner: str | None,
    at: datetime,
) -> Brief:
    """Return the brief on a scored lead for its present owner; `owner` is a rep's id, or None.

    It speaks of the last news about the buyer, whatever led to the decision.
    """
    if not policy.explains:
        return _EMPTY_BRIEF

    def name_of(rep_id: str) -> str:
        rep = policy.owner_of(rep_id)
        return rep.name if rep else rep_id

    contacts = changes.find(AccountContactRow, "account", data.account)
    signed_by = name_of(owner) if owner is not None else None
    assignment = active_assignment(changes, lead.lead_id)
    handed_by = lead.hand_off.by if lead.hand_off is not None else None
    data = replace(data, trigger=data.last_news)
    return build_brief(
        data,
        policy.hand_off.frame_of(queue),
        at=at,
        owner=signed_by,
        contacts=contacts,
        hand_off=lead.hand_off,
        rejections=lead.rejections,
        is_by_key=handed_by is not None and all(rep.name != handed_by for rep in policy.owners.values()),
        owned_since=assignment.opened_at if assignment else None,
        name_of=name_of,
    )


def emit_suppressed(
    changes: ChangeSet,
    lead: RoutedLeadRow,
    data: LeadScoredV1,
    decision: Suppression,
    *,
    policy_version: str,
    at: datetime,
    previous_owner: str | None = None,
    previous_queue: str | None = None,
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
        decision=decision,
        policy_versions=PolicyVersions(data.policy_version, policy_version),
        occurred_at=at,
        previous_owner=previous_owner,
        previous_queue=previous_queue,
    )
    changes.emit(suppressed, subject=lead.lead_id, key=lead.account)
    return lead


def emit_ownership_change(
    changes: ChangeSet,
    policy: RoutingPolicy,
    kind: type[E],
    lead: RoutedLeadRow,
    decision: Decision,
    *,
    reason: str,
    at: datetime,
    previous_owner: str | None = None,
    previous_queue: str | None = None,
    actor: Actor | None = None,
    **fields: Any,
) -> RoutedLeadRow:
    """Emit an event of type `kind` about the lead's owner. `fields` are those that only `kind` has.

    It describes the lead as it was last scored, and has a new brief when the lead has another owner. A lead
    that was routed by the same decision is described as its `lead.routed` does. Where decisions are not
    explained, it has only the score.
    """
    lead = _with_next_sequence(lead)
    queue, owner, versions = decision.queue, decision.owner, None
    routings = [emit.data for emit in changes.emits if isinstance(emit.data, LeadRoutedV1)]
    same = (data for data in routings if (data.decision.queue, data.decision.owner) == (queue, owner))
    routed = next((data for data in same if data.lead_id == lead.lead_id), None)
    scored = scored_lead_of(lead) if routed is None and policy.explains else None
    needs_brief = issubclass(kind, _WITH_BRIEF)
    if routed is not None:
        versions = routed.policy_versions
        fields |= {name: getattr(routed, name) for name in ("person", "company", "score", "trigger")}
        fields["brief"] = routed.brief if needs_brief else None
    elif scored is not None:
        versions = PolicyVersions(scored.policy_version, policy.version)
        fields |= {name: getattr(scored, name) for name in ("person", "company", "score")}
        fields["trigger"] = scored.last_news
        if needs_brief:
            fields["brief"] = brief_for_owner(changes, policy, lead, scored, queue=queue, owner=owner, at=at)
    elif (outline := score_outline_of(lead)) is not None:
        versions = PolicyVersions(outline.policy_version, policy.version)
        fields["score"] = outline.score
    if decision.scored_sequence is not None:
        fields["policy_versions"] = versions
    change = kind(
        lead_id=lead.lead_id,
        revision=lead.revision,
        sequence=lead.sequence,
        account=lead.account,
        decision=decision,
        previous_owner=previous_owner,
        reason=reason,
        occurred_at=at,
        previous_queue=previous_queue,
        actor=actor,
        sla=_sla_of(active_assignment(changes, lead.lead_id) if policy.explains else None),
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


def _sla_of(assignment: AssignmentRow | None) -> Sla:
    """Return the clock: it runs until the owner has accepted the lead."""
    must_accept = assignment is not None and assignment.state == "open"
    return Sla(assignment.accept_by if assignment is not None and must_accept else None)


def _with_next_sequence(lead: RoutedLeadRow) -> RoutedLeadRow:
    return replace(lead, sequence=lead.sequence + 1)
