"""The decision on a scored lead: its route, its owner, and which events to emit.

A new revision of a lead always emits `lead.routed`. A new score of the same revision emits only when it
changes something. A lead that was won or lost is reopened by a new revision, or by new facts that route it
to another queue, but not by the passing of time.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.emit import emit_ownership_change, emit_routed, emit_suppressed
from services.router.domain.ownership import (
    AccountOwner,
    account_owner,
    active_assignment,
    end_assignment,
    excluded_reps,
    holder_in_queue,
    open_assignment,
)
from services.router.domain.rotation import Selection, select_from_queue
from services.router.domain.route import Route, decide_route, doubted_fields
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from services.router.domain.unverified import UNVERIFIED, is_unverified
from services.router.policy import RoutingPolicy
from shared.lead.events.lead_alerted import LeadAlertedV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.routing import Change, Considered, Decision
from shared.lead.facts import ActiveOwner, facts_of
from shared.storage.change_set import ChangeSet

_TRIGGERS_WITHOUT_NEWS: Final = frozenset({"decay", "enrichment", "outcome", "policy"})
"""Triggers of a new score that say nothing new about the buyer."""


class ScoredLead(Struct, frozen=True):
    """A `lead.scored` event: its data, decoded and as JSON, and the cause from which ids are derived."""

    data: LeadScoredV1
    raw: bytes
    cause: str
    at: datetime


class _RoutingContext(Struct, frozen=True):
    """Everything that the decision depends on.

    `previous` is the last decision on the lead and `assignment` its active assignment. `account_owner` is
    set only for a lead without an owner of its own.
    """

    policy: RoutingPolicy
    scored: ScoredLead
    previous: RoutedLeadRow | None
    assignment: AssignmentRow | None
    account_owner: AccountOwner | None
    route: Route

    @classmethod
    def load(cls, changes: ChangeSet, policy: RoutingPolicy, scored: ScoredLead) -> _RoutingContext:
        """Read the lead's rows and decide its route."""
        data, of_account = scored.data, None
        assignment = active_assignment(changes, data.lead_id)
        if assignment is not None and policy.rep_of(assignment.rep) is not None:
            owner: ActiveOwner | None = ActiveOwner(assignment.queue, accepted=assignment.state == "accepted")
        else:
            of_account = account_owner(
                changes,
                policy,
                data.account,
                crm_owner=data.account_view.owner,
                excluded=excluded_reps(changes, data.lead_id),
            )
            owner = ActiveOwner(of_account.queue, accepted=False) if of_account else None
        is_worked = assignment is not None and assignment.state == "accepted"
        is_protected = is_worked or data.account_view.open_opportunity is True
        route = decide_route(
            policy,
            facts_of(data, data.account_view, policy.readers, owner),
            scored.at,
            doubted_fields(data) if is_protected else None,
        )
        previous = changes.get(RoutedLeadRow, data.lead_id)
        return cls(policy, scored, previous, assignment, of_account, route)

    @property
    def is_new_revision(self) -> bool:
        return self.previous is None or self.scored.data.revision > self.previous.revision

    @property
    def stays_closed(self) -> bool:
        """Whether the lead was won or lost and this score is no reason to reopen it."""
        previous, route = self.previous, self.route
        if (
            previous is None
            or self.is_new_revision
            or previous.status != "routed"
            or self.assignment is not None
        ):
            return False
        no_news = self.scored.data.trigger.kind in _TRIGGERS_WITHOUT_NEWS
        return no_news or route.keep or route.queue == previous.queue

    @property
    def became_high_intent(self) -> bool:
        """Whether the owner should look now, and the previous decision did not say so."""
        return self.previous is not None and self.route.alert and not self.previous.high_intent

    @property
    def was_spared(self) -> bool:
        """Whether the lead was spared from a suppression, and the previous decision did not say so."""
        spared, previous = self.route.spared, self.previous
        return spared is not None and (previous is None or self.is_new_revision or previous.spared != spared)

    @property
    def owner_left(self) -> bool:
        """Whether the lead's owner is no longer in the team."""
        return self.assignment is not None and self.policy.rep_of(self.assignment.rep) is None

    def lead_row(self) -> RoutedLeadRow:
        """Return the lead's row by the new route, before the lead is assigned."""
        data, route = self.scored.data, self.route
        return RoutedLeadRow(
            lead_id=data.lead_id,
            account=data.account,
            revision=data.revision,
            scored_sequence=data.sequence,
            sequence=self.previous.sequence if self.previous else 0,
            status="routed",
            queue=route.queue,
            motion=route.motion,
            rule=route.rule,
            high_intent=route.alert,
            spared=route.spared,
        )


class _Placement(Struct, frozen=True):
    """The queue and assignment that the lead has now, and the rules and reps that were not taken."""

    change: Change
    queue: str
    assignment: AssignmentRow | None
    considered: tuple[Considered, ...] = ()


def route_scored(changes: ChangeSet, policy: RoutingPolicy, scored: ScoredLead) -> bool:
    """Decide on a scored lead. Return whether an event was emitted."""
    context = _RoutingContext.load(changes, policy, scored)
    previous, assignment, lead = context.previous, context.assignment, context.lead_row()
    if context.stays_closed and previous is not None:
        changes.put(replace(lead, queue=previous.queue, motion=previous.motion, rule=previous.rule))
        return False
    if context.route.suppressed is not None:
        return _suppress(changes, context, lead, context.route.suppressed)
    if assignment is not None and assignment.account != scored.data.account:
        assignment = replace(assignment, account=scored.data.account)
        context = replace(context, assignment=assignment)
        changes.put(assignment)
    placement = _place(changes, context, lead)
    return _emit(changes, context, _placed_lead(context, lead, placement), placement)


def choose_rep(
    changes: ChangeSet,
    policy: RoutingPolicy,
    queue: str,
    at: datetime,
    excluded: Collection[str],
    *,
    use_fallback: bool,
    preferred: str | None = None,
) -> tuple[Selection, str]:
    """Return whose turn it is and in which queue: the given one, or its fallback if nobody is eligible.

    In the given queue `preferred` comes first. Every other rep of the team has a reason in the selection.
    """
    selection = select_from_queue(changes, policy, queue, at, excluded, preferred=preferred)
    not_in_queue, settings = policy.not_in_queue.get(queue, ()), policy.queues.get(queue)
    if selection.rep is not None or not use_fallback or settings is None or settings.fallback is None:
        return Selection(selection.rep, selection.considered + not_in_queue), queue
    fallback = select_from_queue(changes, policy, settings.fallback, at, excluded)
    # A rep of both queues is listed once, with the reason of the first queue.
    listed: set[object] = {entry.rep for entry in selection.considered}
    added = [entry for entry in fallback.considered if entry.rep not in listed]
    listed |= {fallback.rep, *(entry.rep for entry in added)}
    outside = (entry for entry in not_in_queue if entry.rep not in listed)
    considered = (*selection.considered, *added, *outside)
    return Selection(fallback.rep, considered), queue if fallback.rep is None else settings.fallback


def _suppress(changes: ChangeSet, context: _RoutingContext, lead: RoutedLeadRow, reason: str) -> bool:
    previous, scored = context.previous, context.scored
    lead = replace(lead, status="suppressed")
    already = previous is not None and previous.status == "suppressed" and previous.rule == reason
    if already and not context.is_new_revision:
        changes.put(lead)
        return False
    if context.assignment is not None:
        end_assignment(changes, context.assignment, "withdrawn", scored.at)
    version = context.policy.version
    changes.put(emit_suppressed(changes, lead, scored.data, reason, policy_version=version, at=scored.at))
    return True


def _place(changes: ChangeSet, context: _RoutingContext, lead: RoutedLeadRow) -> _Placement:
    """Keep the lead with its owner, or assign it by the route; without an eligible rep it waits."""
    current, route, policy = context.assignment, context.route, context.policy
    if current is not None and not context.owner_left and (route.keep or route.queue == current.queue):
        return _Placement("kept", current.queue, current, route.considered)
    if current is None and not route.keep and is_unverified(context.scored.data):
        return _Placement("listed", route.queue, None, route.considered)
    if route.keep and context.account_owner is not None:
        selection, queue = Selection(context.account_owner.rep.id, ()), context.account_owner.queue
    else:
        excluded = excluded_reps(changes, lead.lead_id)
        # A lead with an owner moves only to the queue of its route; with nobody there, the owner keeps it.
        use_fallback = current is None or context.owner_left
        selection, queue = choose_rep(
            changes,
            policy,
            route.queue,
            context.scored.at,
            excluded,
            use_fallback=use_fallback,
            # One rep of a queue for all leads of an account: a buyer talks to one person.
            preferred=holder_in_queue(changes, lead.account, route.queue),
        )
    considered = (*route.considered, *selection.considered)
    rep = policy.rep_of(selection.rep)
    if rep is None:
        if current is not None:
            return _Placement("kept", current.queue, current, considered)
        return _Placement("waiting", route.queue, None, considered)
    if current is not None:
        end_assignment(changes, current, "moved", context.scored.at)
    assignment = open_assignment(
        changes,
        policy,
        lead_id=lead.lead_id,
        account=lead.account,
        queue=queue,
        rep=rep,
        sequence=lead.sequence + 1,
        cause=context.scored.cause,
        at=context.scored.at,
    )
    return _Placement("assigned" if current is None else "moved", queue, assignment, considered)


def _placed_lead(context: _RoutingContext, lead: RoutedLeadRow, placement: _Placement) -> RoutedLeadRow:
    """Return the lead's row after its placement."""
    previous = context.previous
    if placement.change == "waiting":
        since = previous.waiting_since if previous is not None else None
        scored = context.scored
        return replace(lead, status="waiting", waiting_since=since or scored.at, scored=scored.raw)
    if placement.change == "listed":
        return replace(lead, status="listed")
    if placement.change == "kept" and previous is not None and not context.is_new_revision:
        return replace(lead, queue=placement.queue, motion=previous.motion, rule=previous.rule)
    return replace(lead, queue=placement.queue)


def _emit(changes: ChangeSet, context: _RoutingContext, lead: RoutedLeadRow, placement: _Placement) -> bool:
    """Emit the events of the placement and store the lead's row. Return whether there were events."""
    at, previous, current, route = context.scored.at, context.previous, context.assignment, context.route
    change, first = placement.change, lead.sequence
    decision = Decision(
        change=change,
        queue=placement.queue,
        motion=route.motion,
        owner=placement.assignment.rep if placement.assignment else None,
        rule=route.rule,
        reasons=[*route.reasons, *((UNVERIFIED,) if change == "listed" else ())],
        considered=list(placement.considered),
    )
    is_as_before = change == "kept" or (
        change in ("waiting", "listed")
        and previous is not None
        and previous.status == change
        and previous.queue == placement.queue
    )
    if context.is_new_revision or not is_as_before:
        lead = emit_routed(
            changes,
            context.policy,
            lead,
            context.scored.data,
            decision=decision,
            assignment=placement.assignment,
            at=at,
        )
    if change == "moved" and current is not None:
        lead = emit_ownership_change(
            changes, LeadReassignedV1, lead, decision, previous_owner=current.rep, reason=route.rule, at=at
        )
    if change == "kept" and context.became_high_intent:
        reason = context.policy.alert_reason
        lead = emit_ownership_change(changes, LeadAlertedV1, lead, decision, reason=reason, at=at)
    if context.was_spared and placement.assignment is not None:
        spared = route.spared or ""
        lead = emit_ownership_change(changes, LeadAlertedV1, lead, decision, reason=spared, at=at)
    changes.put(lead)
    return lead.sequence > first
