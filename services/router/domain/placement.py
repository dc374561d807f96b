"""Where a routed lead goes, and the decision that records it with the facts that it rests on. Pure.

A lead stays with its owner, joins the owner of its account, goes to whose turn it is, is listed, or waits.
The router decides so on its rows, and `evaluate_again` on the facts of a recorded decision, with the same
result.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.eligibility import Candidate, considered_again, in_words
from services.router.domain.route import Route, decide_route, doubted_fields
from services.router.domain.turns import Selection, select_rep, worth_of_turn
from services.router.domain.unverified import UNVERIFIED, is_unverified
from services.router.policy import RoutingPolicy
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.routing import (
    Change,
    Considered,
    Decision,
    Motion,
    OwnerFacts,
    RepShare,
    RotationTurn,
)
from shared.lead.facts import ActiveOwner, facts_of

ChooseRep = Callable[[str], tuple[Selection, str]]
"""Chooses a rep of a queue, or of its fallback, by rotation and says of which queue."""


class Placement(Struct, frozen=True):
    """The queue, motion and owner that the lead has now, and the reps who were considered for it.

    `selection` is the choice of a rep, None where none was made.
    """

    change: Change
    queue: str
    motion: Motion
    owner: str | None = None
    considered: tuple[Considered, ...] = ()
    turn: RotationTurn | None = None
    reasons: tuple[str, ...] = ()
    selection: Selection | None = None


def active_owner(before: OwnerFacts) -> ActiveOwner | None:
    """Return the owner as conditions read it, None when nobody is active."""
    return ActiveOwner(before.queue or "", before.accepted) if before.active else None


def left_in_words(before: OwnerFacts) -> str:
    """Return that the owner of the lead left the team; an empty text if that is not so."""
    return f"{before.left} left the team" if before.left is not None else ""


def place(
    route: Route,
    before: OwnerFacts,
    choose: ChooseRep,
    why_passed: Callable[[], Considered | None],
    *,
    is_unproven: bool,
) -> Placement:
    """Return where a lead goes by its route. `before` is who owned it, `is_unproven`: see `unverified`.

    `why_passed` returns why the owner of the account gets no new leads of it now, None where nothing is in
    the way. If something is, the next rep of the owner's queue gets this one.
    """
    is_owned = before.of == "lead"
    had_owner = is_owned or before.left is not None
    # A rule that leaves a lead with its owner leaves it the motion, too.
    motion = before.motion if route.keep and had_owner and before.motion is not None else route.motion
    kept = Placement("kept", before.queue or "", motion, before.rep)
    if is_owned and (route.keep or route.queue == before.queue):
        return kept
    is_unproven = is_unproven and not had_owner
    left = () if before.left is None else (left_in_words(before),)
    if not route.keep and (motion == "nurture" or is_unproven):
        reasons = (*left, UNVERIFIED) if is_unproven else left
        return Placement("listed", route.queue, "nurture", reasons=reasons)
    change: Change = "moved" if had_owner else "assigned"
    wanted, reasons, passed = route.queue, left, None
    # A lead that nobody owns goes to the owner of its account, if that rep may have it.
    if route.keep and before.active:
        wanted, passed = before.queue or "", why_passed()
        if passed is None:
            return Placement(change, wanted, motion, before.rep, reasons=reasons)
        reasons = (
            *reasons,
            f"the account's owner {before.rep} is passed over: {in_words(passed)}",
        )
    selection, queue = choose(wanted)
    considered, turn = selection.recorded
    if passed is not None:
        considered = (passed, *(entry for entry in considered if entry.rep != passed.rep))
    nobody = f"nobody in {wanted} may have it now"
    if selection.rep is not None:
        if queue != wanted:
            reasons = (*reasons, f"{nobody}, so {queue} takes it")
        return Placement(change, queue, motion, selection.rep, considered, turn, reasons, selection)
    if not is_owned:
        return Placement("waiting", wanted, motion, None, considered, reasons=(*reasons, nobody))
    others = tuple(entry for entry in considered if entry.rep != kept.owner)
    return replace(kept, considered=others, reasons=(f"{nobody}, so its owner keeps it",))


def decision_on(
    route: Route, placement: Placement, before: OwnerFacts, *, is_protected: bool, scored_sequence: int
) -> Decision:
    """Return the decision that records a placement, with the facts from which it can be evaluated again."""
    return Decision(
        change=placement.change,
        queue=placement.queue,
        motion=placement.motion,
        owner=placement.owner,
        rule=route.rule,
        reasons=[*route.reasons, *placement.reasons],
        considered=[*route.considered, *placement.considered],
        owner_before=before,
        protected=is_protected,
        scored_sequence=scored_sequence,
        turn=placement.turn,
        territory=route.demands.territory,
    )


def route_by_facts(
    before: OwnerFacts, data: LeadScoredV1, policy: RoutingPolicy, at: datetime, *, is_protected: bool
) -> Route:
    """Return the route of a scored lead that was owned as `before` says."""
    facts = facts_of(data, data.account_view, policy.readers, active_owner(before))
    return decide_route(policy, facts, at, doubted_fields(data) if is_protected else None)


def evaluate_again(
    decision: Decision, data: LeadScoredV1, policy: RoutingPolicy, at: datetime
) -> Decision | None:
    """Return the decision that the policy makes of the recorded facts; it equals the recorded one.

    None when it would suppress the lead. What a decision records of the reps at its time is a fact: who was
    unavailable, at a cap or excluded, and their shares. Hours, membership of queues and whose turn it was are
    evaluated.
    """
    before = decision.owner_before
    route = route_by_facts(before, data, policy, at, is_protected=decision.protected)
    if route.suppressed is not None:
        return None
    reps = [entry for entry in decision.considered if isinstance(entry.rep, str)]

    def why_passed() -> Considered | None:
        # The account's owner is among them only if passed over.
        entry = next((entry for entry in reps if entry.rep == before.rep), None)
        owner_of = before.queue or ""
        if entry is None:
            return None
        return considered_again(entry, policy, at, route.demands, queues=(), owner_of=owner_of)

    def choose(queue: str) -> tuple[Selection, str]:
        turn, queues, settings = decision.turn, {queue}, policy.queues.get(queue)
        nobody_there = turn is None or decision.queue != queue
        if nobody_there and before.of != "lead" and settings is not None and settings.fallback is not None:
            queues.add(settings.fallback)
        considered = tuple(
            considered_again(entry, policy, at, route.demands, queues=queues) for entry in reps
        )
        if turn is None or decision.owner is None:
            return Selection(None, considered), queue
        return replace(choose_again(decision, turn), candidates=(), others=considered), decision.queue

    placement = place(route, before, choose, why_passed, is_unproven=is_unverified(data))
    if placement.turn is not None and decision.turn is not None:
        # Of a large queue only the nearest shares are recorded, so the sums are facts, too.
        turn = decision.turn
        sums = {"reps": turn.reps, "weight": turn.weight, "credits": turn.credits, "lead": turn.lead}
        placement = replace(placement, turn=replace(placement.turn, **sums))
    return decision_on(
        route, placement, before, is_protected=decision.protected, scored_sequence=data.sequence
    )


def choose_again(decision: Decision, turn: RotationTurn) -> Selection:
    """Return whose turn it was by the recorded shares, which `turn` is a part of."""
    shares = {str(decision.owner): turn.share}
    shares |= {
        str(entry.rep): entry.share for entry in decision.considered if isinstance(entry.share, RepShare)
    }
    sharing = [
        Candidate(
            rep,
            share.weight,
            share.balance,
            credits=share.credits,
            measure=share.measure or 0,
            is_paced=share.is_paced,
        )
        for rep, share in shares.items()
    ]
    return select_rep(sharing, (), turn.preferred, turn.distribute, worth_of_turn(turn))
