"""From a scored lead to its owner: the route, whose turn it is, and whether there is anything to say.

A revision is always answered. A re-score is answered only when it changes something; what has ended (won,
lost) is opened again by a new revision, or by news that lead to another queue, not by time passing.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.emit import say_of_owner, say_routed, say_suppressed
from services.router.domain.ownership import (
    Holder,
    account_holder,
    active_assignment,
    end_assignment,
    excluded_reps,
    open_assignment,
)
from services.router.domain.policy import RoutingPolicy
from services.router.domain.rotation import Pick, pick_from
from services.router.domain.route import Route, decide_route
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from shared.lead.events.lead_alerted import LeadAlertedV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.routing import Change, Considered, Decision
from shared.lead.facts import ActiveOwner, facts_of
from shared.storage.change_set import ChangeSet

_NO_NEWS: Final = frozenset({"decay", "enrichment", "outcome", "policy"})


class Scored(Struct, frozen=True):
    """A scored lead in hand: `raw` is the data as it came, `cause` what ids are derived from."""

    data: LeadScoredV1
    raw: bytes
    cause: str
    at: datetime


class _Case(Struct, frozen=True):
    """What is known when a scored lead is decided on. `holder` owns the account of a lead without owner."""

    plan: RoutingPolicy
    scored: Scored
    before: RoutedLeadRow | None
    own: AssignmentRow | None
    holder: Holder | None
    route: Route

    @property
    def fresh(self) -> bool:
        """Whether this is a revision that was not decided on so far."""
        return self.before is None or self.scored.data.revision > self.before.revision

    @property
    def rests(self) -> bool:
        """Whether the lead has ended, and this re-score is no reason to open it again."""
        before, route = self.before, self.route
        if before is None or self.fresh or before.status != "routed" or self.own is not None:
            return False
        no_news = self.scored.data.trigger.kind in _NO_NEWS
        return no_news or route.keep or route.queue == before.queue

    @property
    def risen(self) -> bool:
        """Whether the lead has become one to look at since its owner was last told."""
        return self.before is not None and self.route.alert and not self.before.high_intent

    @property
    def orphaned(self) -> bool:
        """Whether the lead's owner has left the team."""
        return self.own is not None and self.plan.rep_of(self.own.rep) is None


class _Placement(Struct, frozen=True):
    """Where the lead is now, and who was passed over."""

    change: Change
    queue: str
    assignment: AssignmentRow | None
    considered: tuple[Considered, ...] = ()


def route_scored(draft: ChangeSet, plan: RoutingPolicy, scored: Scored) -> bool:
    """Decide on a scored lead; tell whether more than its fence changed."""
    case = _case(draft, plan, scored)
    lead = _lead_of(case)
    if case.rests and case.before is not None:
        before = case.before
        draft.put(replace(lead, queue=before.queue, motion=before.motion, rule=before.rule))
        return False
    if case.route.suppressed is not None:
        return _suppress(draft, case, lead, case.route.suppressed)
    if case.own is not None and case.own.account != scored.data.account:
        case = replace(case, own=replace(case.own, account=scored.data.account))
        draft.put(case.own)  # type: ignore[arg-type]  # it is there: it was just replaced
    placed = _place(draft, case, lead)
    return _tell(draft, case, _settled(case, lead, placed), placed)


def choose(
    draft: ChangeSet,
    plan: RoutingPolicy,
    queue: str,
    at: datetime,
    excluded: Collection[str],
    *,
    helped: bool,
) -> tuple[Pick, str]:
    """Return whose turn it is in the queue or, when nobody there may and it is `helped`, in its fallback.

    Every rep of the team who is not picked has a reason.
    """
    pick = pick_from(draft, plan, queue, at, excluded)
    outside, terms = plan.outside.get(queue, ()), plan.queues.get(queue)
    if pick.rep is not None or not helped or terms is None or terms.fallback is None:
        return Pick(pick.rep, pick.considered + outside), queue
    other = pick_from(draft, plan, terms.fallback, at, excluded)
    # Who is in both queues has had a reason already.
    seen: set[object] = {each.rep for each in pick.considered}
    added = [each for each in other.considered if each.rep not in seen]
    seen |= {other.rep, *(each.rep for each in added)}
    considered = (*pick.considered, *added, *(each for each in outside if each.rep not in seen))
    return Pick(other.rep, considered), queue if other.rep is None else terms.fallback


def _case(draft: ChangeSet, plan: RoutingPolicy, scored: Scored) -> _Case:
    data = scored.data
    own = active_assignment(draft, data.lead_id)
    owner, holder = None, None
    if own is not None and plan.rep_of(own.rep) is not None:
        owner = ActiveOwner(own.queue, accepted=own.state == "accepted")
    else:
        excluded = excluded_reps(draft, data.lead_id)
        named = data.account_view.owner
        holder = account_holder(draft, plan, data.account, named=named, excluded=excluded)
        owner = ActiveOwner(holder.queue, accepted=False) if holder else None
    route = decide_route(plan, facts_of(data, data.account_view, plan.readers, owner), scored.at)
    return _Case(plan, scored, draft.get(RoutedLeadRow, data.lead_id), own, holder, route)


def _lead_of(case: _Case) -> RoutedLeadRow:
    data, before, route = case.scored.data, case.before, case.route
    return RoutedLeadRow(
        lead_id=data.lead_id,
        account=data.account,
        revision=data.revision,
        scored_sequence=data.sequence,
        sequence=before.sequence if before else 0,
        status="routed",
        queue=route.queue,
        motion=route.motion,
        rule=route.rule,
        high_intent=route.alert,
    )


def _suppress(draft: ChangeSet, case: _Case, lead: RoutedLeadRow, reason: str) -> bool:
    before, scored = case.before, case.scored
    lead = replace(lead, status="suppressed")
    known = before is not None and before.status == "suppressed" and before.rule == reason
    if known and not case.fresh:
        draft.put(lead)
        return False
    if case.own is not None:
        end_assignment(draft, case.own, "withdrawn", scored.at)
    draft.put(say_suppressed(draft, lead, scored.data, reason, policy=case.plan.version, at=scored.at))
    return True


def _place(draft: ChangeSet, case: _Case, lead: RoutedLeadRow) -> _Placement:
    own, route, plan = case.own, case.route, case.plan
    if own is not None and not case.orphaned and (route.keep or route.queue == own.queue):
        return _Placement("kept", own.queue, own, route.considered)
    if route.keep and case.holder is not None:
        pick, queue = Pick(case.holder.rep.id, ()), case.holder.queue
    else:
        excluded = excluded_reps(draft, lead.lead_id)
        helped = own is None or case.orphaned
        pick, queue = choose(draft, plan, route.queue, case.scored.at, excluded, helped=helped)
    considered = (*route.considered, *pick.considered)
    rep = plan.rep_of(pick.rep)
    if rep is None:
        if own is not None:
            return _Placement("kept", own.queue, own, considered)
        return _Placement("waiting", route.queue, None, considered)
    if own is not None:
        end_assignment(draft, own, "moved", case.scored.at)
    assignment = open_assignment(
        draft,
        plan,
        lead_id=lead.lead_id,
        account=lead.account,
        queue=queue,
        rep=rep,
        sequence=lead.sequence + 1,
        cause=case.scored.cause,
        at=case.scored.at,
    )
    return _Placement("assigned" if own is None else "moved", queue, assignment, considered)


def _settled(case: _Case, lead: RoutedLeadRow, placed: _Placement) -> RoutedLeadRow:
    """Return the lead's row as it stands after being placed."""
    before = case.before
    if placed.change == "waiting":
        since = before.waiting_since if before is not None else None
        return replace(lead, status="waiting", waiting_since=since or case.scored.at, scored=case.scored.raw)
    if placed.change == "kept" and before is not None and not case.fresh:
        return replace(lead, queue=placed.queue, motion=before.motion, rule=before.rule)
    return replace(lead, queue=placed.queue)


def _tell(draft: ChangeSet, case: _Case, lead: RoutedLeadRow, placed: _Placement) -> bool:
    """Say what there is to say, and keep the lead's row; tell whether anything was said."""
    at, data, own = case.scored.at, case.scored.data, case.own
    decision = _decision(case.route, placed)
    silent = lead.sequence
    if case.fresh or _changed(case, placed):
        lead = say_routed(
            draft, case.plan, lead, data, decision=decision, assignment=placed.assignment, at=at
        )
    if placed.change == "moved" and own is not None:
        lead = say_of_owner(
            draft, LeadReassignedV1, lead, decision, previous_owner=own.rep, reason=case.route.rule, at=at
        )
    if placed.change == "kept" and case.risen:
        lead = say_of_owner(draft, LeadAlertedV1, lead, decision, reason=case.plan.alert_reason, at=at)
    draft.put(lead)
    return lead.sequence > silent


def _changed(case: _Case, placed: _Placement) -> bool:
    before = case.before
    if placed.change == "kept":
        return False
    waits_as_before = before is not None and before.status == "waiting" and before.queue == placed.queue
    return placed.change != "waiting" or not waits_as_before


def _decision(route: Route, placed: _Placement) -> Decision:
    return Decision(
        change=placed.change,
        queue=placed.queue,
        motion=route.motion,
        owner=placed.assignment.rep if placed.assignment else None,
        rule=route.rule,
        reasons=list(route.reasons),
        considered=list(placed.considered),
    )
