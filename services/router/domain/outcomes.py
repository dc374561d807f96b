"""What an outcome does to a lead: it accepts, rejects, closes or opens it, by its own time.

Outcomes arrive in any order. Each counts at its `at`: a late one changes nothing that a later one settled.
"""

from __future__ import annotations

from msgspec.structs import replace

from services.router.domain.deal import DealStanding
from services.router.domain.ownership import accept_assignment, active_assignment
from services.router.domain.ownership_changes import DecisionContext, assign_next, close
from services.router.domain.rejects import noted_reason, reject
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from services.router.domain.turns import Selection
from services.router.policy import RoutingPolicy
from shared.lead.events.outcome_received import ACCEPTING_OUTCOMES, OutcomeReceivedV1
from shared.storage.change_set import ChangeSet


def apply_outcome(
    changes: ChangeSet, context: DecisionContext, lead_id: str, outcome: OutcomeReceivedV1
) -> bool:
    """Apply an outcome; return whether it changed who has the lead or whether that was accepted.

    Nobody accepts or rejects a lead of somebody else. Of the ends of the deal the latest counts, and a later
    opportunity opens one that was lost.
    """
    lead = changes.get(RoutedLeadRow, lead_id)
    if lead is None:
        return False
    type_ = outcome.type
    if type_ in ("opportunity", "won", "lost"):
        before = lead.deal or DealStanding()
        deal = before.after(type_, outcome.at)
        if deal != before:
            lead = replace(lead, deal=deal)
            changes.put(lead)
        is_known_loss = before.ended is not None and lead.status in ("won", "lost")
        if deal.is_open and not before.is_open and is_known_loss:
            _reopen(changes, context, lead)
            return True
        if type_ != "opportunity":
            is_latest = not deal.is_open and (deal.ended, deal.ended_at) == (type_, outcome.at)
            return is_latest and close(
                changes, context, lead, type_, reason=outcome.reason, amount=outcome.amount
            )
    assignment = active_assignment(changes, lead_id)
    if assignment is None or _is_of_former_owner(changes, context.policy, lead, outcome, assignment):
        return False
    if type_ == "rejected":
        return reject(changes, context, lead, assignment, outcome.reason, told_at=outcome.at)
    is_accepted = type_ in ACCEPTING_OUTCOMES and assignment.state == "open"
    if is_accepted:
        accepted_at = min(max(outcome.at, assignment.opened_at), context.at)
        accept_assignment(changes, assignment, accepted_at)
    return is_accepted


def _is_of_former_owner(
    changes: ChangeSet,
    policy: RoutingPolicy,
    lead: RoutedLeadRow,
    outcome: OutcomeReceivedV1,
    present: AssignmentRow,
) -> bool:
    """Return whether an outcome is about an owner before the present one: it names one, or is as old.

    A rejection that is recorded with the same time and reason is repeated. What is older than all owners is
    about the first of them: it overtook the lead.
    """
    recorded = outcome.at, noted_reason(policy, outcome.reason)
    if outcome.type == "rejected" and recorded in [(one.told_at, one.reason) for one in lead.rejections]:
        return True
    if outcome.type in ("accepted", "rejected") and outcome.rep not in (None, present.rep):
        return True
    if outcome.rep == present.rep or outcome.at >= present.opened_at:
        return False
    owners = changes.find(AssignmentRow, "lead_id", present.lead_id)
    return any(one.closed_at is not None and not one.joined for one in owners)


def _reopen(changes: ChangeSet, context: DecisionContext, lead: RoutedLeadRow) -> None:
    """Give a lead with a new opportunity back to the rep who had it, as accepted work, else let it wait."""
    ended = [
        one
        for one in changes.find(AssignmentRow, "lead_id", lead.lead_id)
        if one.state in ("won", "lost") and not one.joined
    ]
    last = max(ended, key=lambda one: one.age, default=None)
    rep = context.policy.rep_of(last.rep) if last is not None else None
    assign_next(
        changes,
        context,
        replace(lead, motion="work"),
        Selection(rep.id if rep else None, ()),
        last.queue if last is not None else lead.queue,
        previous=None,
        reason="opportunity",
        is_accepted=rep is not None,
    )
