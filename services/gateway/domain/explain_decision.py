"""The explanation of one recorded decision: the result of every rule and, in words, of every rep. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from services.router.domain.eligibility import in_words
from services.router.domain.turns import leads_until_due, worth_of_turn
from services.router.policy import NO_LIMIT
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.routing import (
    Change,
    Considered,
    Decision,
    Motion,
    OwnerFacts,
    RepShare,
    RotationTurn,
    Skipped,
)
from shared.rules.explained import ExplainedComparison
from shared.rules.syntax import canonical

if TYPE_CHECKING:
    from shared.policy.compiled import CompiledPolicy

Decided = LeadRoutedV1 | LeadSuppressedV1 | OwnershipChange
"""The events with a decision."""
_WHY_OWNER: Final[Mapping[str, str]] = {
    "lead": "owned the lead before",
    "account": "owns another lead of the account",
    "crm": "owns the account",
}


class RuleExplained(Struct, frozen=True):
    """One rule of the routing table. `result` is `taken`, or why the rule was passed over.

    `when` is the condition of the rule and `because` the comparisons that suffice for its result, both only
    where the policy version is stored. A comparison of an unknown field has `holds` null. What a rule asks of
    the owner comes first, also where it does not decide.
    """

    rule: str
    result: Literal["taken"] | Skipped
    queue: str | None = None
    when: Any = None
    because: list[ExplainedComparison] = []


class ShareExplained(Struct, frozen=True):
    """A rep's part in the rotation of the queue before the lead was given.

    The rep had `credits` of the `of` leads of the reps who could have this one, and `due` is what the rep's
    weight gives, in tenths. The rep's next turn is due `within` so many leads, this one included.
    """

    credits: int
    of: int
    due: float
    weight: int
    within: int


class RepExplained(Struct, frozen=True):
    """One rep who was considered. `result` is `taken`, or why the rep was passed over.

    `says` is the reason in words. `share` is there where the rotation compared the rep's turn: in a queue
    that does not distribute by weight, only with the others who came first by its measure.
    """

    rep: str
    result: Literal["taken"] | Skipped
    says: str = ""
    share: ShareExplained | None = None


class DecisionExplained(Struct, frozen=True):
    """One decision. `suppressed` is the reason of a suppression; then there is no queue or owner.

    `owner_before` is who owned the lead or its account until then, `protected` whether only what is proven
    could suppress it; both are null for events of earlier releases. `reproduced` tells whether the stored
    policy gives this decision again from the recorded facts, null where it cannot be told. Only the reps of
    `territory` could have the lead, where it is not null.
    """

    event_id: str | None
    type: str
    at: datetime
    change: Change | None
    suppressed: str | None
    queue: str | None
    motion: Motion | None
    owner: str | None
    rule: str | None
    reasons: list[str]
    rules: list[RuleExplained]
    reps: list[RepExplained]
    owner_before: OwnerFacts | None = None
    protected: bool | None = None
    reproduced: bool | None = None
    territory: str | None = None


def explain_reps(decision: Decision) -> Iterator[RepExplained]:
    """Yield the reps of a decision with the reason of each, first the one who was taken."""
    turn = decision.turn
    if decision.owner is not None:
        share = (
            _share_explained(turn.share, turn) if turn is not None and _compared(turn.share, turn) else None
        )
        yield RepExplained(decision.owner, "taken", _why_taken(decision, share), share)
    for considered in decision.considered:
        if not isinstance(considered.rep, str):
            continue
        share = None
        if isinstance(considered.share, RepShare) and turn is not None and _compared(considered.share, turn):
            share = _share_explained(considered.share, turn)
        yield RepExplained(considered.rep, considered.skipped, _why_skipped(considered, turn, share), share)


def explain_rules(
    decision: Decision, policy: CompiledPolicy | None, because: Mapping[str, list[ExplainedComparison]]
) -> list[RuleExplained]:
    """Return the rules in the order of the policy.

    Without the policy, the event still says that order: it lists the rules before the matched one and the
    rules after it, which are all marked `earlier_match`.
    """
    skipped: dict[str, Skipped] = {
        considered.rule: considered.skipped
        for considered in decision.considered
        if isinstance(considered.rule, str)
    }
    if policy is not None:
        results: dict[str, Literal["taken"] | Skipped] = {**skipped, decision.rule: "taken"}
        return [
            RuleExplained(
                rule.name,
                results[rule.name],
                rule.queue,
                when=None if rule.when is None else canonical(rule.when),
                because=because.get(rule.name, []),
            )
            for rule in policy.policy.routing.rules
            if rule.name in results
        ]
    before = [RuleExplained(rule, why) for rule, why in skipped.items() if why != "earlier_match"]
    after = [RuleExplained(rule, why) for rule, why in skipped.items() if why == "earlier_match"]
    return [*before, RuleExplained(decision.rule, "taken", decision.queue), *after]


def _share_explained(share: RepShare, turn: RotationTurn) -> ShareExplained:
    worth = worth_of_turn(turn)
    owed = share.credits * worth.lead + share.balance
    tenths = (20 * owed + worth.lead) // (2 * worth.lead)
    within = leads_until_due(max(1, worth.part(share.weight)), share.balance, worth.lead)
    return ShareExplained(share.credits, turn.credits, tenths / 10, share.weight, max(1, within))


def _why_taken(decision: Decision, share: ShareExplained | None) -> str:
    """Return why the owner has the lead, in words."""
    turn, before = decision.turn, decision.owner_before
    if turn is not None and turn.preferred == decision.owner:
        return "has other leads of the account in this queue"
    if turn is not None and share is not None:
        return f"{_measured(turn.share, turn)}{_in_words(share)}: next in turn"
    if turn is not None and turn.distribute != "weighted":
        return _measured(turn.share, turn).rstrip(", ")
    if decision.owner == before.rep:
        return _WHY_OWNER.get(before.of, "")
    return ""


def _why_skipped(considered: Considered, turn: RotationTurn | None, share: ShareExplained | None) -> str:
    if considered.skipped != "lower_share":
        return in_words(considered)
    measured = ""
    if isinstance(considered.share, RepShare) and turn is not None:
        measured = _measured(considered.share, turn)
    if share is not None:
        within = f"next turn within {share.within} lead{'s' if share.within > 1 else ''}"
        return f"{measured}{_in_words(share)}, {within}"
    return measured.removesuffix(", ") or ("later in turn" if turn is not None else "")


def _compared(share: RepShare, turn: RotationTurn) -> bool:
    """Return whether the turn of a rep was compared with the owner's: by weight, or as both came first."""
    first = (turn.share.is_paced, turn.share.measure)
    return turn.distribute == "weighted" or (turn.reps > 1 and (share.is_paced, share.measure) == first)


def _measured(share: RepShare, turn: RotationTurn) -> str:
    """Return what decided before the turns did, in words that end with a comma; nothing by weight."""
    if share.measure is None:
        return ""
    if turn.distribute == "in_order":
        return f"number {share.measure + 1} of the team, "
    if turn.distribute == "least_open":
        measured = f"{share.measure} open lead{'' if share.measure == 1 else 's'}, "
    else:
        measured = f"room for {-share.measure}, " if share.measure > NO_LIMIT else "no limit, "
    return measured + ("waits after two of the latest leads, " if share.is_paced else "")


def _in_words(share: ShareExplained) -> str:
    return f"had {share.credits} of {share.of}, due {share.due:.1f}"
