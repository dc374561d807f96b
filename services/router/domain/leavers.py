"""What becomes of the leads of reps who left the team, when a version of the policy has them no more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from services.router.domain.eligibility import demands_of
from services.router.domain.hand_off import join_next
from services.router.domain.ownership import (
    active_assignment,
    end_assignment,
    excluded_reps,
    holders_in_queue,
    joined_assignments,
)
from services.router.domain.ownership_changes import DecisionContext, assign_next
from services.router.domain.rejects import route_again
from services.router.domain.rotation import choose_rep
from services.router.domain.state import ActivePolicyRow, AssignmentRow, RepRow, RoutedLeadRow
from services.router.domain.turns import Selection
from services.router.policy import RoutingPolicy
from shared.storage.change_set import ChangeSet

LEAVERS_LEADS_MAX: Final = 100
"""The most leads of leavers that one unit of work takes."""


def is_active(changes: ChangeSet, policy: RoutingPolicy) -> bool:
    """Return whether no newer version of the policy is known, which may have whom this one lacks."""
    return all(row.version == policy.version for row in changes.by_key(ActivePolicyRow).values())


def update_rep_rows(changes: ChangeSet, context: DecisionContext) -> None:
    """Store what the policy says of reps that a later version may not say any more.

    That is who a rep's manager was, for leavers, and that a rep has no caps: nothing is counted meanwhile, so
    caps of a later version are counted by the assignments again.
    """
    rows = changes.by_key(RepRow)
    for rep in context.policy.reps.values():
        row = rows.get((rep.id,)) or RepRow(rep.id)
        if row.depth and not rep.caps:
            row = replace(row, depth=0, assigned=())
            changes.put(row)
        if row.manager != rep.manager:
            changes.put(replace(row, manager=rep.manager))


def take_worked_lead(changes: ChangeSet, context: DecisionContext, lead_id: str) -> bool:
    """Give a lead to others that a rep who left had accepted; return whether that was so.

    It comes before whatever else is decided on a lead, so that it makes no difference whether a new score of
    the lead is processed before or after the recurring timer.
    """
    owned = active_assignment(changes, lead_id)
    is_worked = owned is not None and owned.state == "accepted" and owned.queue in context.policy.queues
    return is_worked and bool(take_from_leavers(changes, context, [lead_id]))


def take_from_leavers(changes: ChangeSet, context: DecisionContext, lead_ids: Iterable[str]) -> list[str]:
    """Give those of these leads to others that are in the hands of a rep who left; return their ids."""
    policy, taken = context.policy, list[str]()
    if not is_active(changes, policy):
        return taken
    for lead_id in lead_ids:
        lead, owned = changes.get(RoutedLeadRow, lead_id), active_assignment(changes, lead_id)
        joined = joined_assignments(changes, lead_id)
        gone = [one for one in joined if policy.owner_of(one.rep) is None]
        for one in gone:
            end_assignment(changes, one, "left", context.at)
        has_left = owned is not None and policy.owner_of(owned.rep) is None
        if lead is not None and owned is not None and has_left:
            give_up(changes, context, lead, owned)
            lead, owned = changes.get(RoutedLeadRow, lead_id), active_assignment(changes, lead_id)
        for one in gone:
            if lead is not None and owned is not None:
                join_next(changes, context, lead, owned, one)
        taken += [lead_id] if gone or has_left else []
    return taken


def give_up(changes: ChangeSet, context: DecisionContext, lead: RoutedLeadRow, owned: AssignmentRow) -> None:
    """Take the lead from its owner, who left.

    One that was not accepted is routed anew. One that was goes to the rep's manager or the next rep of its
    queue, as `leaver` says: its score may have faded long ago, so that the rules would put it aside.
    """
    policy, was_accepted = context.policy, owned.state == "accepted"
    if (not was_accepted or owned.queue not in policy.queues) and lead.scored is not None:
        route_again(changes, context, lead.lead_id)
        return
    former = changes.get(RepRow, owned.rep)
    manager = former.manager if former is not None and was_accepted else None
    if policy.compiled.policy.team.leaver == "reassign" or policy.owner_of(manager) is None:
        manager = None
    selection, queue = Selection(manager, ()), owned.queue
    if manager is None:
        selection, queue = choose_rep(
            changes,
            policy,
            owned.queue,
            context.at,
            excluded_reps(changes, lead.lead_id),
            use_fallback=True,
            demands=demands_of(policy, lead),
            preferred=holders_in_queue(changes, lead.account, owned.queue),
        )
    end_assignment(changes, owned, "left", context.at)
    assign_next(
        changes,
        context,
        lead,
        selection,
        queue,
        previous=owned.rep,
        reason=f"{owned.rep} left the team",
        # A manager answers for it at once: no clock runs that would give it to somebody else.
        is_accepted=manager is not None,
    )
