"""What becomes of a lead after it was routed: its owner's steps, its outcomes, its clock, its wait.

Each verb writes into a draft and tells whether it changed anything; a step that does not fit the lead's
state (somebody else's lead, one that has ended) changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.decide import Scored, choose, route_scored
from services.router.domain.emit import decision_of, say_of_owner
from services.router.domain.ownership import (
    accept_assignment,
    active_assignment,
    end_assignment,
    excluded_reps,
    open_assignment,
    put_off,
)
from services.router.domain.policy import RoutingPolicy
from services.router.domain.rotation import Pick
from services.router.domain.state import AssignmentRow, Ended, RoutedLeadRow
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.lead_escalated import LeadEscalatedV1
from shared.lead.events.lead_handed_off import LeadHandedOffV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.routing import Change
from shared.storage.change_set import ChangeSet

_decode = msgspec.json.Decoder(LeadScoredV1).decode
_WORKED: Final = frozenset({"accepted", "meeting_booked", "opportunity"})


class Moment(Struct, frozen=True):
    """When a step is taken, by which plan, and what ids are derived from."""

    plan: RoutingPolicy
    at: datetime
    cause: str


def take_action(draft: ChangeSet, moment: Moment, action: ActionReceivedV1) -> bool:
    """Let a rep's action on a lead hold. A rep acts on own leads only; a manager names no rep."""
    lead = draft.get(RoutedLeadRow, action.lead_id)
    own = active_assignment(draft, action.lead_id)
    if lead is None or (own is None and action.type != "reassign"):
        return False
    if own is None or action.type == "reassign":
        return _give(draft, moment, lead, own, action)
    return action.rep in (None, own.rep) and _act(draft, moment, lead, own, action)


def _act(
    draft: ChangeSet, moment: Moment, lead: RoutedLeadRow, own: AssignmentRow, action: ActionReceivedV1
) -> bool:
    match action.type:
        case "accept":
            return _accept(draft, own, moment.at)
        case "reject":
            return _give_back(draft, moment, lead, own, action.reason)
        case "snooze":
            return _snooze(draft, own, action.until, moment.at)
        case _:
            return _give(draft, moment, lead, own, action)


def take_outcome(draft: ChangeSet, moment: Moment, lead_id: str, outcome: OutcomeReceivedV1) -> bool:
    """Let what came of a lead hold."""
    lead = draft.get(RoutedLeadRow, lead_id)
    own = active_assignment(draft, lead_id)
    if lead is None or own is None:
        return False
    if outcome.type in _WORKED:
        return _accept(draft, own, moment.at)
    if outcome.type == "rejected":
        return _give_back(draft, moment, lead, own, outcome.reason)
    end_assignment(draft, own, "won" if outcome.type == "won" else "lost", moment.at)
    return True


def escalate(draft: ChangeSet, moment: Moment, lead_id: str) -> bool:
    """Say that the owner did not accept in time, and give the lead to the next of the queue.

    Each rep of the queue gets one chance: the one after whom there is nobody left keeps the lead.
    """
    lead = draft.get(RoutedLeadRow, lead_id)
    own = active_assignment(draft, lead_id)
    if lead is None or own is None or own.state != "open":
        return False
    decision = decision_of(lead, "kept", own, "not accepted in time")
    lead = say_of_owner(draft, LeadEscalatedV1, lead, decision, reason="sla", at=moment.at)
    draft.put(lead)
    excluded = {own.rep} | excluded_reps(draft, lead_id, ("rejected", "overdue"))
    pick, queue = choose(draft, moment.plan, own.queue, moment.at, excluded, helped=False)
    if pick.rep is not None:
        end_assignment(draft, own, "overdue", moment.at)
        _pass_on(draft, moment, lead, pick, queue, previous=own.rep, reason="sla")
    return True


def drain(draft: ChangeSet, moment: Moment, lead_id: str) -> bool:
    """Find an owner for a lead that waits, if by now there is one."""
    lead = draft.get(RoutedLeadRow, lead_id)
    if lead is None or lead.status != "waiting":
        return False
    if lead.scored is not None:
        scored = Scored(_decode(lead.scored), lead.scored, moment.cause, moment.at)
        return route_scored(draft, moment.plan, scored)
    excluded = excluded_reps(draft, lead_id)
    pick, queue = choose(draft, moment.plan, lead.queue, moment.at, excluded, helped=True)
    if pick.rep is None:
        return False
    _pass_on(draft, moment, lead, pick, queue, previous=None, reason="drained")
    return True


def erase(draft: ChangeSet, moment: Moment, lead_id: str, redacted: str) -> bool:
    """Forget the person; the credits that were spent stay, under the `redacted` name."""
    for each in draft.find(AssignmentRow, "lead_id", lead_id):
        if each.active:
            end_assignment(draft, each, "erased", moment.at)
        ended = draft.get(AssignmentRow, each.id) or each
        account = redacted if ended.account == lead_id else ended.account
        draft.put(replace(ended, lead_id=redacted, account=account))
    lead = draft.get(RoutedLeadRow, lead_id)
    if lead is not None:
        draft.remove(RoutedLeadRow, lead_id)
    return lead is not None


def _accept(draft: ChangeSet, own: AssignmentRow, at: datetime) -> bool:
    if own.state != "open":
        return False
    accept_assignment(draft, own, at)
    return True


def _snooze(draft: ChangeSet, own: AssignmentRow, until: datetime | None, at: datetime) -> bool:
    if own.state != "open" or until is None or until <= at:
        return False
    put_off(draft, own, until)
    return True


def _give_back(
    draft: ChangeSet, moment: Moment, lead: RoutedLeadRow, own: AssignmentRow, reason: str | None
) -> bool:
    """End the assignment and find another owner; the lead waits when there is none."""
    end_assignment(draft, own, "rejected", moment.at)
    excluded = excluded_reps(draft, lead.lead_id)
    pick, queue = choose(draft, moment.plan, own.queue, moment.at, excluded, helped=True)
    _pass_on(draft, moment, lead, pick, queue, previous=own.rep, reason=reason or "rejected")
    return True


def _give(
    draft: ChangeSet,
    moment: Moment,
    lead: RoutedLeadRow,
    own: AssignmentRow | None,
    action: ActionReceivedV1,
) -> bool:
    """Give the lead to the rep or queue that the action names; without a name, to the next of its queue.

    A hand-off has to say all that the policy wants known first.
    """
    if action.type == "handoff" and not _tells_enough(moment.plan, action):
        return False
    plan, before = moment.plan, own.rep if own else None
    rep = plan.rep_of(action.to)
    if rep is not None and rep.queues:
        queue = lead.queue if lead.queue in rep.queues else rep.queues[0]
        pick = Pick(rep.id, ())
    elif action.to in plan.queues or action.to is None:
        queue = action.to or lead.queue
        excluded = excluded_reps(draft, lead.lead_id) | ({before} if before else set())
        pick, queue = choose(draft, plan, queue, moment.at, excluded, helped=False)
    else:
        return False
    if pick.rep in (None, before):
        return False
    handed_on = action.type == "handoff"
    if own is not None:
        state: Ended = "handed_on" if handed_on else "moved"
        end_assignment(draft, own, state, moment.at)
    notes = action.notes if handed_on else None
    reason = action.reason or action.type
    _pass_on(draft, moment, lead, pick, queue, previous=before, reason=reason, notes=notes)
    return True


def _tells_enough(plan: RoutingPolicy, action: ActionReceivedV1) -> bool:
    told = {name for name, note in action.notes.items() if note not in (None, "", [], {})}
    return told.issuperset(plan.hand_off.known_first)


def _pass_on(
    draft: ChangeSet,
    moment: Moment,
    lead: RoutedLeadRow,
    pick: Pick,
    queue: str,
    *,
    previous: str | None,
    reason: str,
    notes: dict[str, Any] | None = None,
) -> None:
    """Open the assignment that follows, if anybody was picked, and say so. `notes` make it a hand-off."""
    rep = moment.plan.rep_of(pick.rep)
    assignment = None
    if rep is not None:
        assignment = open_assignment(
            draft,
            moment.plan,
            lead_id=lead.lead_id,
            account=lead.account,
            queue=queue,
            rep=rep,
            sequence=lead.sequence + 1,
            cause=moment.cause,
            at=moment.at,
        )
        lead = replace(lead, status="routed", queue=queue, waiting_since=None, scored=None)
    else:
        lead = replace(lead, status="waiting", waiting_since=moment.at)
    change: Change = "waiting" if assignment is None else "assigned" if previous is None else "moved"
    decision = replace(decision_of(lead, change, assignment, reason), considered=list(pick.considered))
    if notes is not None:
        lead = say_of_owner(
            draft,
            LeadHandedOffV1,
            lead,
            decision,
            previous_owner=previous,
            reason=reason,
            at=moment.at,
            notes=notes,
        )
    else:
        lead = say_of_owner(
            draft, LeadReassignedV1, lead, decision, previous_owner=previous, reason=reason, at=moment.at
        )
    draft.put(lead)
