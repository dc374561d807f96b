"""Passing a lead on: to another owner, or to a rep who joins the owner, with what was learnt."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from services.router.domain.eligibility import demands_of
from services.router.domain.emit import decision_of, emit_ownership_change
from services.router.domain.ownership import (
    end_assignment,
    excluded_reps,
    holders_in_queue,
    joined_assignments,
    open_assignment,
)
from services.router.domain.ownership_changes import (
    DecisionContext,
    assign_next,
)
from services.router.domain.refusals import LeadState, is_noted, recipient_of
from services.router.domain.rejections import REJECTED, noted_since, with_rejection
from services.router.domain.rotation import choose_rep
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from services.router.domain.turns import Selection
from shared.lead.bounds import ACTION_BYTES_MAX
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.lead_handed_off import JoiningRep, LeadHandedOffV1
from shared.lead.events.routing import BriefHandOff
from shared.storage.change_set import ChangeSet

_NOTES_MAX: Final = 100


def pass_on(changes: ChangeSet, context: DecisionContext, state: LeadState, action: ActionReceivedV1) -> bool:
    """Reassign the lead or hand it off, to the rep or queue in `action.to`; without one, to the next rep.

    Returns False when nobody may take it. A lead that was won is handed off by its last owner.
    """
    policy, lead, owned = context.policy, state.lead, state.owned
    if lead is None:
        return False
    before = owned or (state.last_owned if state.closed_as else None)
    queue = before.queue if before is not None else lead.queue
    recipient = recipient_of(policy.compiled.policy, action, queue)
    if recipient is None:
        return False
    excluded = excluded_reps(changes, lead.lead_id) | ({owned.rep} if owned else set())
    excluded |= {assignment.rep for assignment in joined_assignments(changes, lead.lead_id)}
    if recipient.rep is not None:
        selection = Selection(recipient.rep, ())
    else:
        selection, _ = choose_rep(
            changes,
            policy,
            recipient.queue,
            context.at,
            excluded,
            use_fallback=False,
            # One rep of a queue for all leads of an account, whether as owner or beside one.
            preferred=holders_in_queue(changes, lead.account, recipient.queue),
            demands=demands_of(policy, lead),
        )
    if selection.rep is None:
        return False
    is_hand_off = action.type == "handoff"
    if is_hand_off:
        lead = noted_since(replace(lead, hand_off=hand_off_of(context, lead, before, action)), action.notes)
    if recipient.joins and owned is not None:
        selected = JoiningRep(selection.rep, recipient.queue)
        join(changes, context, lead, owned, action, joining=selected, selection=selection)
        return True
    if owned is not None:
        end_assignment(changes, owned, "handed_on" if is_hand_off else "moved", context.at)
    assign_next(
        changes,
        context,
        lead if owned is not None else replace(lead, motion="work"),
        selection,
        recipient.queue,
        previous=before.rep if before is not None else None,
        reason=action.reason or action.type,
        notes=action.notes if is_hand_off else None,
    )
    return True


def join(
    changes: ChangeSet,
    context: DecisionContext,
    lead: RoutedLeadRow,
    owned: AssignmentRow,
    action: ActionReceivedV1,
    *,
    joining: JoiningRep,
    selection: Selection,
) -> None:
    """Have the rep join the owner, who stays; the brief has what the owner noted.

    The rep is charged a credit of the queue, as for every assignment, and has nothing to accept.
    """
    rep = context.policy.reps[joining.rep]
    open_assignment(
        changes,
        context.policy,
        lead_id=lead.lead_id,
        account=lead.account,
        queue=joining.queue,
        rep=rep,
        sequence=lead.sequence + 1,
        cause=context.cause,
        at=context.at,
        demands=demands_of(context.policy, lead),
        selection=selection,
        joined=True,
    )
    reason = action.reason or f"{rep.id} of {joining.queue} joins"
    decision = decision_of(lead, "kept", owned, reason)
    lead = emit_ownership_change(
        changes,
        context.policy,
        LeadHandedOffV1,
        lead,
        replace(decision, considered=list(selection.considered)),
        reason=action.reason or action.type,
        at=context.at,
        actor=context.actor,
        notes=action.notes,
        joined=joining,
    )
    changes.put(lead)


def leave(
    changes: ChangeSet,
    context: DecisionContext,
    state: LeadState,
    joined: AssignmentRow,
    reason: str | None,
) -> None:
    """End the assignment of a joined rep who rejects the lead; the next rep of the queue joins."""
    lead, owned = state.lead, state.owned
    reason = (reason or REJECTED)[:200]
    end_assignment(changes, replace(joined, reason=reason), "rejected", context.at)
    if lead is None:
        return
    lead = with_rejection(lead, joined, reason, at=context.at, actor=context.actor)
    changes.put(lead)
    if owned is not None:
        join_next(changes, context, lead, owned, joined)


def join_next(
    changes: ChangeSet,
    context: DecisionContext,
    lead: RoutedLeadRow,
    owned: AssignmentRow,
    joined: AssignmentRow,
) -> None:
    """Have the next rep of the queue join the owner, in the place of one whose assignment ended."""
    excluded = excluded_reps(changes, lead.lead_id) | {owned.rep}
    excluded |= {one.rep for one in joined_assignments(changes, lead.lead_id)}
    selection, queue = choose_rep(
        changes,
        context.policy,
        joined.queue,
        context.at,
        excluded,
        use_fallback=False,
        demands=demands_of(context.policy, lead),
    )
    if selection.rep is not None:
        joining = JoiningRep(selection.rep, queue)
        action = ActionReceivedV1(lead.lead_id, "handoff", reason=f"{joined.rep} left")
        join(changes, context, lead, owned, action, joining=joining, selection=selection)


def hand_off_of(
    context: DecisionContext, lead: RoutedLeadRow, before: AssignmentRow | None, action: ActionReceivedV1
) -> BriefHandOff:
    """Return all that owners have noted, the newest notes first, by whoever passes the lead on now.

    Earlier notes stay, as far as there is room, unless a newer one has the same name; their authors too.
    """
    rep = context.policy.rep_of(action.rep or (before.rep if before and context.actor is None else None))
    by = rep.name if rep else context.actor.key if context.actor else None
    notes: dict[str, Any] = {name: note for name, note in action.notes.items() if is_noted(note)}
    earlier = lead.hand_off or BriefHandOff(by, {})
    merged = dict(
        [*notes.items(), *((name, note) for name, note in earlier.notes.items() if name not in notes)][
            :_NOTES_MAX
        ]
    )
    if len(msgspec.json.encode(merged)) > ACTION_BYTES_MAX:
        return BriefHandOff(by, notes)
    authors = {name: earlier.noted_by.get(name, earlier.by) for name in merged if name not in notes}
    return BriefHandOff(
        by, merged, {name: author for name, author in authors.items() if author not in (None, by)}
    )
