"""Whose turn it is in a queue, for each way to distribute, with a proven bound on unfairness.

With weights that add up to W, each lead is worth w/W of a turn to a rep of weight w. The rep's n-th turn
becomes eligible when that share has passed n - 1, and its deadline is when the share reaches n. Among the
eligible turns, the one with the earliest deadline gets the lead (earliest deadline first with eligibility
times, on one resource). This keeps every rep's count within one lead of the exact share for as long as the
set of candidates does not change (Baruah, Cohen, Plaxton, Varvel: "Proportionate progress", 1996).

When the set changes from lead to lead, no rule that does not know the future keeps everybody that close: what
can be held grows with the number of reps (the carpool problem; Ajtai and others: "Fairness in scheduling",
1998). So a rep who is owed a whole lead, which cannot happen while the set is the same, comes before all
deadlines, and if no turn is eligible, the rep who is owed most is next. Then nobody of n reps is ever more
than 1.5 (n - 1) leads from the share of the leads that the rep could have had; `fairness` has the proof.

The state per rep and queue is one integer, the `balance`: what is owed minus what was given, of which `LEAD`
are one lead.

The other distributions choose who shares a lead, and the same rotation decides among these: whoever has the
least `measure`, which is the place in the team, the number of open leads, or the room under the limits,
times -1. So nobody is owed anything for leads that went to somebody with a lesser measure, and a queue may
change its distribution at any time. So that a rep who is new or back, with few open leads, is not flooded
with the leads of all, `least_open` and `most_capacity` have a rep wait who got two of the last n // 3 leads
of the queue, where n reps may have the next one. These are at most n / 6 reps, so somebody else is always
there; among five reps or fewer nobody waits.

What a choice rests on is recorded with the decision (`recorded`), so that it can be repeated from there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from heapq import nsmallest
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.eligibility import Candidate, candidates_of
from services.router.domain.fairness import LEAD, noted
from services.router.domain.state import QueueRow, RepQueueRow
from services.router.policy import ANYBODY, Demands, RoutingPolicy
from shared.lead.events.routing import Considered, Distribution, RepShare, RotationTurn, Skipped
from shared.storage.change_set import ChangeSet

if TYPE_CHECKING:
    from shared.policy.models import Rep

SHARES_MAX: Final = 50
"""The reps whose shares are recorded with a decision, at most."""

PACED: Final = frozenset({"least_open", "most_capacity"})
"""The distributions under which a rep waits who got two of the latest leads."""


class Worth(NamedTuple):
    """What a lead is worth to those who share it.

    `weight` is the sum of their weights. The rep who gets the lead is charged `lead` units of balance, and
    everybody gets `part(weight)`. Releases before 0.9 counted in units of weight: then `is_scaled` is False.
    """

    weight: int
    lead: int
    is_scaled: bool = True

    def part(self, weight: int) -> int:
        return weight * LEAD // (self.weight or 1) if self.is_scaled else weight


class Selection(Struct, frozen=True):
    """The id of the rep who gets the lead, if anybody does, and for every other rep why not.

    `eligible` are the reps who may have it, and `sharing` those of them whose turns were compared, none where
    no rotation chose.
    """

    rep: str | None
    considered: tuple[Considered, ...]
    sharing: Sequence[Candidate] = ()
    preferred: str | None = None
    eligible: Sequence[Candidate] = ()
    distribute: Distribution = "weighted"


def select_rep(
    candidates: Sequence[Candidate],
    excluded: Collection[str] = (),
    preferred: str | None = None,
    distribute: Distribution = "weighted",
    worth: Worth | None = None,
) -> Selection:
    """Return whose turn it is among those who may have the lead; `preferred` if that is one of them.

    The order of `candidates` has no effect. `worth` is given where not all who share the lead are among them.
    """
    # Runs for each lead over up to hundreds of reps, so the fields are read directly.
    eligible = [
        candidate
        for candidate in candidates
        if candidate.weight and candidate.skipped is None and candidate.rep not in excluded
    ]
    reps = tuple(sorted([candidate.rep for candidate in candidates]))
    if len(eligible) == len(candidates):
        considered = _all_have_lower_share(reps)
    else:
        reasons: dict[str, tuple[Skipped, str | None]] = {
            candidate.rep: (candidate.skipped or "lower_share", candidate.detail) for candidate in candidates
        }
        reasons |= dict.fromkeys(reasons.keys() & excluded, ("excluded", None))
        considered = tuple([_considered(rep, *reasons[rep]) for rep in reps])
    if not eligible:
        return Selection(None, considered, distribute=distribute)
    sharing = eligible
    if distribute != "weighted":
        least = min([(one.is_paced, one.measure) for one in eligible])
        sharing = [one for one in eligible if (one.is_paced, one.measure) == least]
    chosen = min(_turns(sharing, worth or worth_of(sharing)))[-1]
    if preferred is not None and any(one.rep == preferred for one in eligible):
        chosen = preferred
    index = reps.index(chosen)
    considered = considered[:index] + considered[index + 1 :]
    return Selection(chosen, considered, sharing, preferred, eligible, distribute)


def worth_of(sharing: Sequence[Candidate]) -> Worth:
    """Return what a lead is worth to those who share it."""
    weights = [one.weight for one in sharing]
    total = sum(weights)
    return Worth(total, sum([weight * LEAD // (total or 1) for weight in weights]))


def worth_of_turn(turn: RotationTurn) -> Worth:
    """Return what a lead was worth to those who shared it, by the record of a decision."""
    return Worth(turn.weight, turn.lead or turn.weight, is_scaled=turn.lead is not None)


def _turns(sharing: Sequence[Candidate], worth: Worth) -> list[tuple[int, int, int, str]]:
    """Return the sort key of each one's turn, the id last; the least has the next turn.

    By eligibility of the turn, deadline of the turn, greatest balance, id. If somebody is owed a whole lead,
    or no turn is eligible, by the greatest balance and id.
    """
    lead = worth.lead
    parts = {weight: worth.part(weight) for weight in {one.weight for one in sharing}}
    turns: list[tuple[int, int, int, str]] = [
        (
            one.balance + parts[one.weight] <= 0,
            -((one.balance - lead) // (parts[one.weight] or 1)),
            -one.balance,
            one.rep,
        )
        for one in sharing
    ]
    if worth.is_scaled and (all(turn[0] for turn in turns) or -min([turn[2] for turn in turns]) >= lead):
        return [(0, 0, balance, rep) for _, _, balance, rep in turns]
    return turns


def recorded(selection: Selection) -> tuple[tuple[Considered, ...], RotationTurn | None]:
    """Return what a decision records of a choice: the reps who were not taken, and the turn of the owner.

    Reps with a lower share are recorded with it, in a large queue the `SHARES_MAX` who are next.
    """
    sharing, chosen, eligible = selection.sharing, selection.rep, selection.eligible
    if chosen is None or not sharing:
        return selection.considered, None
    worth = worth_of(sharing)
    nearest = eligible
    if len(eligible) > SHARES_MAX:
        # Only those who share the lead have turns; all others come after them, by their measure.
        order = {turn[-1]: turn for turn in _turns(sharing, worth)}
        nearest = nsmallest(
            SHARES_MAX,
            eligible,
            key=lambda one: (
                one.rep != selection.preferred,
                one.is_paced,
                one.measure,
                order.get(one.rep, (0, 0, 0, one.rep)),
            ),
        )
    measured = selection.distribute != "weighted"
    shares = {
        one.rep: RepShare(
            one.credits, one.weight, one.balance, one.measure if measured else None, one.is_paced
        )
        for one in nearest
    }
    considered = tuple(
        [
            Considered("lower_share", rep=entry.rep, share=share)
            if entry.skipped == "lower_share" and (share := shares.get(entry.rep)) is not None  # type: ignore[arg-type]
            else entry
            for entry in selection.considered
        ]
    )
    turn = RotationTurn(
        reps=len(sharing),
        weight=worth.weight,
        credits=sum([candidate.credits for candidate in sharing]),
        share=shares[chosen],
        preferred=selection.preferred,
        lead=worth.lead,
        distribute=selection.distribute,
    )
    return considered, turn


def leads_until_due(part: int, balance: int, lead: int) -> int:
    """Return within how many leads of a queue, the next one included, the rep's next turn is due.

    `part` is what a lead is worth to the rep, at least 1, and `lead` to all who share it, see `Worth`.
    """
    return -((balance - lead) // part)


def balances_after(candidates: Sequence[Candidate], chosen: str) -> dict[str, int]:
    """Return the balances that change, by rep, when `chosen` gets a lead that the candidates share.

    A rep who is unavailable or at the cap has no share in the lead, so is owed nothing on coming back.
    """
    sharing = [candidate for candidate in candidates if candidate.shares or candidate.rep == chosen]
    worth = worth_of(sharing)
    parts = {weight: worth.part(weight) for weight in {one.weight for one in sharing}}
    return {
        one.rep: one.balance + parts[one.weight] - (worth.lead if one.rep == chosen else 0) for one in sharing
    }


@lru_cache(maxsize=1_024)
def _all_have_lower_share(reps: tuple[str, ...]) -> tuple[Considered, ...]:
    return tuple(_considered(rep, "lower_share") for rep in reps)


@lru_cache(maxsize=20_000)
def _considered(rep: str, skipped: Skipped, detail: str | None = None) -> Considered:
    return Considered(skipped, rep=rep, detail=detail)


def select_from_queue(
    changes: ChangeSet,
    policy: RoutingPolicy,
    queue: str,
    at: datetime,
    excluded: Collection[str] = (),
    *,
    preferred: Sequence[str] = (),
    demands: Demands = ANYBODY,
) -> Selection:
    """Return whose turn it is in a queue, by the stored balances.

    The first of `preferred` who may have the lead comes before everybody's turn. `demands` are the lead's.
    """
    candidates = candidates_of(changes, policy, queue, at, demands)
    distribute = policy.distribution(queue)
    if distribute in PACED:
        count = sum([one.weight > 0 and not one.skipped and one.rep not in excluded for one in candidates])
        since = _latest_number(changes, queue) - count // 3
        candidates = [
            replace(one, is_paced=True) if one.number_before > max(since, 0) else one for one in candidates
        ]
    may = {one.rep for one in candidates if one.shares and one.rep not in excluded} if preferred else ()
    first = next((rep for rep in preferred if rep in may), None)
    return select_rep(candidates, excluded, first, distribute)


def charge(
    changes: ChangeSet,
    policy: RoutingPolicy,
    queue: str,
    rep: Rep,
    at: datetime,
    *,
    demands: Demands = ANYBODY,
    selection: Selection | None = None,
) -> None:
    """Charge the rep one credit of the queue for a new assignment, and count one more open lead.

    Those who shared the lead by `selection` pay for it. A lead that the rotation did not give, as it is by
    name or of an account, costs the rep a turn where the queue distributes by weight.
    """
    in_turn = selection is not None and bool(selection.sharing) and selection.preferred != rep.id
    sharing: Sequence[Candidate] = selection.sharing if selection is not None and in_turn else ()
    if not in_turn and policy.distribution(queue) == "weighted":
        sharing = _with_rep(candidates_of(changes, policy, queue, at, demands), rep.id, rep.weight)
    row = rep_queue_of(changes, queue, rep.id)
    number = _latest_number(changes, queue) + 1
    changes.put(
        replace(
            row,
            credits=row.credits + 1,
            open_leads=row.open_leads + 1,
            out_of_turn=row.out_of_turn + (not in_turn),
            number=number,
            number_before=row.number,
        )
    )
    if sharing:
        _share(changes, queue, sharing, rep.id, in_turn=in_turn)


def refund(
    changes: ChangeSet,
    policy: RoutingPolicy,
    queue: str,
    rep_id: str,
    at: datetime,
    *,
    demands: Demands = ANYBODY,
) -> None:
    """Give the rep back the credit of an assignment, as if the lead had not been shared in the queue.

    It undoes a charge for the candidates that there are now; the balances of the queue still add up to 0.
    Where the queue does not distribute by weight, the rep has one open lead less and is owed no more.
    """
    row = rep_queue_of(changes, queue, rep_id)
    changes.put(replace(row, credits=row.credits - 1))
    if policy.distribution(queue) == "weighted":
        rep = policy.rep_of(rep_id)
        sharing = _with_rep(
            candidates_of(changes, policy, queue, at, demands), rep_id, rep.weight if rep else 0
        )
        _share(changes, queue, sharing, rep_id, in_turn=False, sign=-1)


def _share(
    changes: ChangeSet,
    queue: str,
    sharing: Sequence[Candidate],
    rep: str,
    *,
    in_turn: bool,
    sign: Literal[1, -1] = 1,
) -> None:
    """Change the balances by a lead that was shared and went to one of the reps; undo it if `sign` is -1."""
    rows = changes.by_key(RepQueueRow)
    balances = {row.rep: row.balance for row in rows.values() if row.queue == queue}
    after_lead = balances_after(sharing, rep)
    for one in sharing:
        if one.rep in after_lead:
            row = rows.get((queue, one.rep)) or RepQueueRow(queue, one.rep)
            balances[one.rep] = row.balance + sign * (after_lead[one.rep] - one.balance)
            changes.put(replace(row, balance=balances[one.rep]))
    state = changes.get(QueueRow, queue) or QueueRow(queue)
    shares = [(one.rep, one.weight) for one in sharing] if in_turn else None
    after = noted(state, shares, [*balances.values()])
    if after != state:
        changes.put(after)


def _with_rep(candidates: Sequence[Candidate], rep: str, weight: int) -> list[Candidate]:
    """Return who may share a lead that the rotation does not give: the candidates, and its rep."""
    known = any(one.rep == rep for one in candidates)
    return [*candidates] if known else [*candidates, Candidate(rep, weight)]


def _latest_number(changes: ChangeSet, queue: str) -> int:
    """Return the number of the latest lead that the queue has given."""
    rows = changes.by_key(RepQueueRow).values()
    return max([row.number for row in rows if row.queue == queue], default=0)


def release(changes: ChangeSet, queue: str, rep_id: str) -> None:
    """Count one open lead less for the rep. The credit is not given back."""
    row = rep_queue_of(changes, queue, rep_id)
    changes.put(replace(row, open_leads=max(0, row.open_leads - 1)))


def rep_queue_of(changes: ChangeSet, queue: str, rep_id: str) -> RepQueueRow:
    """Return the rep's row of a queue, a new one if the rep had no lead of it yet."""
    return changes.get(RepQueueRow, queue, rep_id) or RepQueueRow(queue, rep_id)
