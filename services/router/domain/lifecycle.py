"""What happens to a lead after it was routed: actions of reps, outcomes, waiting, erasure.

Those that decide an input return whether it changed anything. An input that does not fit the lead's state
(another rep's lead, a lead that has ended) changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from services.router.domain.eligibility import demands_of
from services.router.domain.hand_off import leave, pass_on
from services.router.domain.ownership import (
    ROLE,
    accept_assignment,
    end_assignment,
    end_snooze,
    excluded_reps,
    extend_deadline,
)
from services.router.domain.ownership_changes import DecisionContext, assign_next
from services.router.domain.parked_outcomes import remove_parked_outcomes
from services.router.domain.refusals import LeadState, why_refused
from services.router.domain.rejects import RECYCLE, reject, route_again
from services.router.domain.rotation import choose_rep
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from services.router.domain.turns import Selection
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.mentions import Mentions
from shared.storage.change_set import ChangeSet
from shared.worker.rows import TimerRow


def apply_action(changes: ChangeSet, context: DecisionContext, action: ActionReceivedV1) -> bool:
    """Apply an action. A rep may act on own leads only; an action that names no rep is a manager's."""
    lead = changes.get(RoutedLeadRow, action.lead_id)
    state = LeadState(lead, list(changes.find(AssignmentRow, "lead_id", action.lead_id)))
    owned = state.owned
    if lead is None or why_refused(context.policy.compiled.policy, state, action, context.at) is not None:
        return False
    if action.type in ("reassign", "handoff"):
        return pass_on(changes, context, state, action)
    if action.type == "reject" and (joined := state.joined_by(action.rep)) is not None:
        leave(changes, context, state, joined, action.reason)
        return True
    if owned is None:
        return _take(changes, context, lead, action.rep)
    if action.type == "reject":
        return reject(changes, context, lead, owned, action.reason)
    if action.type == "accept":
        accept_assignment(changes, owned, context.at)
    elif action.until is not None:
        extend_deadline(changes, context.policy, owned, action.until)
    elif owned.snoozed is not None:
        end_snooze(changes, context.policy, owned, owned.snoozed)
    return True


def assign_waiting(changes: ChangeSet, context: DecisionContext, lead_id: str) -> bool:
    """Assign a waiting lead if somebody may have it by now.

    A lead that waits for its first owner is routed again, by its stored score and the present policy.
    """
    lead = changes.get(RoutedLeadRow, lead_id)
    if lead is None or lead.status != "waiting":
        return False
    is_queue_gone = lead.queue not in context.policy.queues
    if (lead.released_by is None or is_queue_gone) and lead.scored is not None:
        return route_again(changes, context, lead_id)
    excluded = excluded_reps(changes, lead_id)
    selection, queue = choose_rep(
        changes,
        context.policy,
        lead.queue,
        context.at,
        excluded,
        use_fallback=True,
        demands=demands_of(context.policy, lead),
    )
    if selection.rep is None:
        return False
    assign_next(changes, context, lead, selection, queue, previous=None, reason="drained")
    return True


def erase(changes: ChangeSet, context: DecisionContext, lead_id: str, pseudonym: str) -> None:
    """Remove the lead. Its assignments stay under `pseudonym`, because the credits count for fairness."""
    for assignment in changes.find(AssignmentRow, "lead_id", lead_id):
        if assignment.active:
            end_assignment(changes, assignment, "erased", context.at)
        ended = changes.get(AssignmentRow, assignment.id) or assignment
        account = pseudonym if ended.account == lead_id else ended.account
        changes.put(replace(ended, lead_id=pseudonym, account=account))
    changes.remove(TimerRow, lead_id, ROLE, RECYCLE)
    remove_parked_outcomes(changes, lead_id)
    if changes.get(RoutedLeadRow, lead_id) is not None:
        changes.remove(RoutedLeadRow, lead_id)


def strike_out(changes: ChangeSet, colleagues: Iterable[RoutedLeadRow], mentions: Mentions) -> None:
    """Remove what names erased people from what the briefs of their colleagues are made of."""
    for lead in colleagues:
        scored = msgspec.json.decode(lead.scored) if lead.scored is not None else None
        kept = mentions.removed_from(scored)
        hand_off = lead.hand_off
        if hand_off is not None:
            notes, noted_by = map(mentions.removed_from, (hand_off.notes, hand_off.noted_by))
            hand_off = replace(hand_off, notes=notes, noted_by=noted_by)
        json = lead.scored if kept is scored else msgspec.json.encode(kept)
        rejections = tuple(replace(one, reason=mentions.struck_out(one.reason)) for one in lead.rejections)
        cleaned = replace(lead, scored=json, hand_off=hand_off, rejections=rejections)
        if cleaned != lead:
            changes.put(cleaned)


def _take(changes: ChangeSet, context: DecisionContext, lead: RoutedLeadRow, rep_id: str | None) -> bool:
    """Give a listed lead, as work, to the rep of its queue who accepts it."""
    rep = context.policy.rep_of(rep_id)
    if rep is None or lead.queue not in rep.queues:
        return False
    lead = replace(lead, motion="work")
    assign_next(
        changes,
        context,
        lead,
        Selection(rep.id, ()),
        lead.queue,
        previous=None,
        reason="accepted",
        is_accepted=True,
    )
    return True
