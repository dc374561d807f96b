"""The decision on a scored lead: its route, its owner, and which events to emit.

A new revision of a lead always emits `lead.routed`, and so does a new score of the same revision that
changes its queue, owner, motion or band. One that changes what the owner should know besides (grade, news,
the facts of the brief) emits `lead.updated`, and any other emits nothing. A lead that was closed is opened
again by a new revision, or by news that route it to another queue, but not by the passing of time.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.eligibility import passed_over
from services.router.domain.emit import emit_ownership_change, emit_routed, emit_suppressed
from services.router.domain.found_contacts import found_in_words
from services.router.domain.ownership import (
    account_owner,
    active_assignment,
    end_assignment,
    end_joined,
    excluded_reps,
    holders_in_queue,
    open_assignment,
    set_clock,
)
from services.router.domain.placement import Placement, decision_on, left_in_words, place, route_by_facts
from services.router.domain.rejections import REJECTIONS_MAX
from services.router.domain.rotation import choose_rep
from services.router.domain.route import Route
from services.router.domain.state import (
    CLOSED,
    AssignmentRow,
    ClosedState,
    Rejection,
    RoutedLeadRow,
    scored_lead_of,
)
from services.router.domain.trigger_words import account_news
from services.router.domain.turns import Selection
from services.router.domain.unverified import is_unverified
from services.router.policy import RoutingPolicy
from shared.lead.events.lead_alerted import LeadAlertedV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.routing import OwnerFacts, Suppression
from shared.storage.change_set import ChangeSet


class ScoredLead(Struct, frozen=True):
    """A `lead.scored` event: its data, decoded and as JSON, and the cause from which ids are derived."""

    data: LeadScoredV1
    raw: bytes
    cause: str
    at: datetime


class _RoutingContext(Struct, frozen=True):
    """Everything that the decision depends on.

    `previous` is the last decision on the lead, `before` the last score, and `assignment` the lead's active
    assignment. `owner` is who owns the lead or, if nobody does, its account.
    """

    policy: RoutingPolicy
    scored: ScoredLead
    previous: RoutedLeadRow | None
    before: LeadScoredV1 | None
    assignment: AssignmentRow | None
    owner: OwnerFacts
    is_protected: bool
    route: Route
    rejected_by: tuple[str, ...]
    rejections: tuple[Rejection, ...]
    demanding_rule: str

    @classmethod
    def load(cls, changes: ChangeSet, policy: RoutingPolicy, scored: ScoredLead) -> _RoutingContext:
        """Read the lead's rows and decide its route."""
        data = scored.data
        previous = changes.get(RoutedLeadRow, data.lead_id)
        rows = (previous, *(changes.get(RoutedLeadRow, lead_id) for lead_id in data.merged))
        rejected_by = tuple(dict.fromkeys(rep for row in rows if row for rep in row.rejected_by))
        rejections = dict.fromkeys(one for row in rows if row for one in row.rejections)
        assignment = active_assignment(changes, data.lead_id)
        before = scored_lead_of(previous) if previous is not None else None
        owner = _owner_before(
            changes, policy, data, assignment=assignment, previous=previous, rejected_by=rejected_by
        )
        is_worked = assignment is not None and assignment.state == "accepted"
        is_protected = is_worked or data.account_view.open_opportunity is True
        route = route_by_facts(owner, data, policy, scored.at, is_protected=is_protected)
        demanding_rule = route.rule
        if route.keep and owner.of == "lead":
            # The queue was chosen for this lead, or for one that is merged into it.
            chosen = (row for row in rows if row is not None and row.queue == owner.queue)
            demanding_rule = next((row.demanding_rule or row.rule for row in chosen), route.rule)
        return cls(
            policy=policy,
            scored=scored,
            previous=previous,
            before=before,
            assignment=assignment,
            owner=owner,
            is_protected=is_protected,
            route=route,
            rejected_by=rejected_by,
            rejections=tuple(sorted(rejections, key=lambda one: one.at, reverse=True)[:REJECTIONS_MAX]),
            demanding_rule=demanding_rule,
        )

    @property
    def is_new_revision(self) -> bool:
        return self.previous is None or self.scored.data.revision > self.previous.revision

    @property
    def stays_closed(self) -> bool:
        """Whether the lead is closed, or nurtured for a while, and this score is no reason to route it.

        Only a new revision opens a lead again that a rep disqualified.
        """
        previous, route = self.previous, self.route
        if previous is None or self.is_new_revision or self.assignment is not None:
            return False
        if previous.status == "disqualified" and route.suppressed is None:
            return True
        # An earlier release left a lead `routed` when it was won or lost.
        is_closed = previous.status in CLOSED or previous.status == "routed"
        if not is_closed and (previous.recycle_at is None or previous.recycle_at <= self.scored.at):
            return False
        return not self.scored.data.trigger.is_news or route.keep or route.queue == previous.queue

    @property
    def queue_before(self) -> str | None:
        """The queue that the lead is in until this decision, None if it is in none."""
        previous = self.previous
        is_queued = previous is not None and previous.status in ("routed", "waiting", "listed")
        return previous.queue if is_queued and previous is not None else None

    def what_is_new(self) -> str | None:
        """Return in words what the owner should know, besides what `lead.routed` says; None if nothing."""
        before, data = self.before, self.scored.data
        if before is None:
            return None
        if data.score.grade != before.score.grade:
            return f"grade {before.score.grade} is now {data.score.grade}"
        news = data.last_news
        if news.is_news and news.event_id != before.last_news.event_id:
            return f"news: {account_news(news.type) if news.kind == 'account' else news.type or news.kind}"
        if (data.person, data.company, data.provenance) != (before.person, before.company, before.provenance):
            return "more is known of the person or the company"
        if data.stakeholders_found != before.stakeholders_found:
            return found_in_words(before.stakeholders_found, data.stakeholders_found)
        return None

    @property
    def became_high_intent(self) -> bool:
        """Whether the owner should look now, and the previous decision did not say so."""
        return self.previous is not None and self.route.alert and not self.previous.high_intent

    @property
    def was_spared(self) -> bool:
        """Whether the lead was spared from a suppression, and the previous decision did not say so."""
        spared, previous = self.route.spared, self.previous
        return spared is not None and (previous is None or self.is_new_revision or previous.spared != spared)

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
            scored=self.scored.raw,
            spared=route.spared,
            hand_off=self.previous.hand_off if self.previous else None,
            rejected_by=self.rejected_by,
            rejections=self.rejections,
            territory=route.demands.territory,
            deal=self.previous.deal if self.previous else None,
        )


def _owner_before(
    changes: ChangeSet,
    policy: RoutingPolicy,
    data: LeadScoredV1,
    *,
    assignment: AssignmentRow | None,
    previous: RoutedLeadRow | None,
    rejected_by: Collection[str],
) -> OwnerFacts:
    """Return who owns the lead now; for a lead without an active owner of its own, who owns its account."""
    motion = previous.motion if previous is not None and assignment is not None else None
    if assignment is not None and policy.owner_of(assignment.rep) is not None:
        is_accepted = assignment.state == "accepted"
        return OwnerFacts(
            active=True,
            queue=assignment.queue,
            accepted=is_accepted,
            rep=assignment.rep,
            of="lead",
            motion=motion,
        )
    left = OwnerFacts(motion=motion)
    if assignment is not None:
        left = replace(left, left=assignment.rep, left_queue=assignment.queue)
    excluded, crm_owner = excluded_reps(changes, data.lead_id).union(rejected_by), data.account_view.owner
    of_account = account_owner(changes, policy, data.account, crm_owner=crm_owner, excluded=excluded)
    if of_account is None:
        return left
    return replace(left, active=True, queue=of_account.queue, rep=of_account.rep.id, of=of_account.of)


def route_scored(changes: ChangeSet, policy: RoutingPolicy, scored: ScoredLead) -> bool:
    """Decide on a scored lead. Return whether an event was emitted."""
    context = _RoutingContext.load(changes, policy, scored)
    previous, assignment, lead = context.previous, context.assignment, context.lead_row()
    if context.stays_closed and previous is not None:
        names = ("status", "queue", "motion", "rule", "recycle_at", "territory", "demanding_rule")
        as_before = {name: getattr(previous, name) for name in names}
        changes.put(replace(lead, **as_before))
        return False
    if context.route.suppressed is not None:
        return _suppress(changes, context, lead, context.route.suppressed)
    if assignment is not None and assignment.account != scored.data.account:
        assignment = replace(assignment, account=scored.data.account)
        context = replace(context, assignment=assignment)
        changes.put(assignment)
    placement, assignment = _place(changes, context, lead)
    return _emit(changes, context, lead, placement, assignment)


def _suppress(changes: ChangeSet, context: _RoutingContext, lead: RoutedLeadRow, reason: str) -> bool:
    previous, scored, assignment = context.previous, context.scored, context.assignment
    lead = replace(lead, status="suppressed")
    already = previous is not None and previous.status == "suppressed" and previous.rule == reason
    if already and not context.is_new_revision:
        changes.put(lead)
        return False
    if assignment is not None:
        end_assignment(changes, assignment, "withdrawn", scored.at)
    end_joined(changes, lead.lead_id, "withdrawn", scored.at)
    lead = emit_suppressed(
        changes,
        lead,
        scored.data,
        Suppression(reason, context.owner, context.is_protected, scored.data.sequence),
        policy_version=context.policy.version,
        at=scored.at,
        previous_owner=assignment.rep if assignment else None,
        previous_queue=context.queue_before,
    )
    changes.put(lead)
    return True


def _place(
    changes: ChangeSet, context: _RoutingContext, lead: RoutedLeadRow
) -> tuple[Placement, AssignmentRow | None]:
    """Place the lead; return where it is now, and the assignment of its owner."""
    current, policy, at = context.assignment, context.policy, context.scored.at
    owner, demands = context.owner, context.route.demands

    def choose(queue: str) -> tuple[Selection, str]:
        return choose_rep(
            changes,
            policy,
            queue,
            at,
            excluded_reps(changes, lead.lead_id).union(lead.rejected_by),
            # A lead with an owner moves only to the queue of its route.
            use_fallback=owner.of != "lead",
            demands=demands,
            # One rep of a queue for all leads of an account: a buyer talks to one person.
            preferred=holders_in_queue(changes, lead.account, queue),
        )

    is_unproven = current is None and is_unverified(context.scored.data)
    placement = place(
        context.route,
        owner,
        choose,
        lambda: passed_over(changes, policy, owner, at, demands),
        is_unproven=is_unproven,
    )
    if current is not None and placement.change == "kept":
        return placement, set_clock(changes, policy, current, placement.motion, at)
    is_listed = placement.change == "listed"
    if current is not None:
        ended: ClosedState = "withdrawn" if is_listed else "moved"
        end_assignment(changes, current, "left" if owner.left is not None else ended, at)
    if is_listed:
        end_joined(changes, lead.lead_id, "withdrawn", at)
    rep = policy.rep_of(placement.owner)
    if rep is None:
        return placement, None
    assignment = open_assignment(
        changes,
        policy,
        lead_id=lead.lead_id,
        account=lead.account,
        queue=placement.queue,
        rep=rep,
        sequence=lead.sequence + 1,
        cause=context.scored.cause,
        at=at,
        demands=demands,
        selection=placement.selection,
    )
    return placement, assignment


def _placed_lead(
    context: _RoutingContext, lead: RoutedLeadRow, placement: Placement, *, is_routed: bool
) -> RoutedLeadRow:
    """Return the lead's row after its placement. Unless it was routed anew, it keeps the rule that did."""
    previous = context.previous
    lead = replace(lead, queue=placement.queue, motion=placement.motion)
    if not is_routed and previous is not None:
        lead = replace(lead, rule=previous.rule)
    if context.demanding_rule != lead.rule:
        lead = replace(lead, demanding_rule=context.demanding_rule)
    if placement.change == "waiting":
        since = previous.waiting_since if previous is not None else None
        return replace(lead, status="waiting", waiting_since=since or context.scored.at)
    return replace(lead, status="listed") if placement.change == "listed" else lead


def _emit(
    changes: ChangeSet,
    context: _RoutingContext,
    lead: RoutedLeadRow,
    placement: Placement,
    assignment: AssignmentRow | None,
) -> bool:
    """Emit the events of the placement and store the lead's row. Return whether there were events."""
    at, current, route = context.scored.at, context.assignment, context.route
    change, first, policy = placement.change, lead.sequence, context.policy
    decision = decision_on(
        route,
        placement,
        context.owner,
        is_protected=context.is_protected,
        scored_sequence=context.scored.data.sequence,
    )
    is_routed = context.is_new_revision or _is_routed_anew(context, placement)
    reason = None if is_routed else context.what_is_new()
    lead = _placed_lead(context, lead, placement, is_routed=is_routed)
    if is_routed or reason is not None:
        lead = emit_routed(
            changes,
            policy,
            lead,
            context.scored.data,
            decision=decision,
            assignment=assignment,
            at=at,
            previous_queue=context.queue_before if context.queue_before != placement.queue else None,
            updated_because=reason,
        )
    if current is not None and change != "kept":
        lead = emit_ownership_change(
            changes,
            policy,
            LeadReassignedV1,
            lead,
            decision,
            previous_owner=current.rep,
            previous_queue=current.queue,
            reason=left_in_words(context.owner) or route.rule,
            at=at,
        )
    alerts = [policy.alert_reason] if change == "kept" and context.became_high_intent else []
    if context.was_spared and assignment is not None:
        alerts.append(route.spared or "")
    for alert in alerts:
        lead = emit_ownership_change(changes, policy, LeadAlertedV1, lead, decision, reason=alert, at=at)
    changes.put(lead)
    return lead.sequence > first


def _is_routed_anew(context: _RoutingContext, placement: Placement) -> bool:
    """Tell whether a score of the same revision changes queue, owner, motion or band."""
    previous, before = context.previous, context.before
    if previous is None or (placement.queue, placement.motion) != (previous.queue, previous.motion):
        return True
    if before is not None and before.score.band != context.scored.data.score.band:
        return True
    return placement.change not in ("kept", previous.status)
