"""Whose turn it is in a queue: weighted round robin with a proven bound on unfairness.

With weights that add up to W, each lead is worth w/W of a turn to a rep of weight w. The rep's n-th turn
becomes eligible when that share has passed n - 1, and its deadline is when the share reaches n. Among the
eligible turns, the one with the earliest deadline gets the lead (earliest deadline first with eligibility
times, on one resource). This keeps every rep's count within one lead of the exact share for as long as the
set of candidates does not change (Baruah, Cohen, Plaxton, Varvel: "Proportionate progress", 1996).

The state per rep and queue is one integer, the `balance`: W times what is owed minus what was given.

What a choice rests on is recorded with the decision (`recorded`), so that it can be repeated from there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from heapq import nsmallest
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.eligibility import Candidate, candidates_of
from services.router.domain.state import RepQueueRow
from services.router.policy import ANYBODY, Demands, RoutingPolicy
from shared.lead.events.routing import Considered, RepShare, RotationTurn, Skipped
from shared.storage.change_set import ChangeSet

if TYPE_CHECKING:
    from shared.policy.models import Rep

SHARES_MAX: Final = 50
"""The reps whose shares are recorded with a decision, at most."""


class Selection(Struct, frozen=True):
    """The id of the rep who gets the lead, if anybody does, and for every other rep why not.

    `sharing` are the reps whose turns were compared, none where no rotation chose.
    """

    rep: str | None
    considered: tuple[Considered, ...]
    sharing: Sequence[Candidate] = ()
    preferred: str | None = None


def select_rep(
    candidates: Sequence[Candidate],
    excluded: Collection[str] = (),
    preferred: str | None = None,
    total: int | None = None,
) -> Selection:
    """Return whose turn it is among those who may have the lead; `preferred` if that is one of them.

    The order of `candidates` has no effect. `total` is the sum of the weights of those who may have the lead;
    it is given where not all of them are among the candidates.
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
        return Selection(None, considered)
    if total is None:
        total = sum([candidate.weight for candidate in eligible])
    # By eligibility of the turn, deadline of the turn, greatest balance, id. When no turn is eligible, the
    # earliest deadline of all decides.
    chosen = min(
        [
            (
                candidate.rep != preferred,
                candidate.balance + candidate.weight <= 0,
                -((candidate.balance - total) // candidate.weight),
                -candidate.balance,
                candidate.rep,
            )
            for candidate in eligible
        ]
    )[-1]
    index = reps.index(chosen)
    return Selection(chosen, considered[:index] + considered[index + 1 :], eligible, preferred)


def recorded(selection: Selection) -> tuple[tuple[Considered, ...], RotationTurn | None]:
    """Return what a decision records of a choice: the reps who were not taken, and the turn of the owner.

    Reps with a lower share are recorded with it, in a large queue the `SHARES_MAX` whose turns are next.
    """
    sharing, chosen = selection.sharing, selection.rep
    if chosen is None or not sharing:
        return selection.considered, None
    total = sum([candidate.weight for candidate in sharing])
    nearest = sharing
    if len(sharing) > SHARES_MAX:
        nearest = nsmallest(
            SHARES_MAX,
            sharing,
            key=lambda one: (
                one.rep != selection.preferred,
                one.balance + one.weight <= 0,
                leads_until_due(one.weight, one.balance, total),
                -one.balance,
                one.rep,
            ),
        )
    shares = {one.rep: RepShare(one.credits, one.weight, one.balance) for one in nearest}
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
        weight=total,
        credits=sum([candidate.credits for candidate in sharing]),
        share=shares[chosen],
        preferred=selection.preferred,
    )
    return considered, turn


def leads_until_due(weight: int, balance: int, total: int) -> int:
    """Return within how many leads of a queue, the next one included, the rep's next turn is due.

    `total` is the sum of the weights of the reps who share the leads; `weight` is at least 1.
    """
    return -((balance - total) // weight)


def balances_after(candidates: Sequence[Candidate], chosen: str) -> dict[str, int]:
    """Return the balances that change, by rep, when `chosen` gets a lead that the candidates share.

    A rep who is unavailable or at the cap has no share in the lead, so is owed nothing on coming back.
    """
    sharing = [candidate for candidate in candidates if candidate.shares or candidate.rep == chosen]
    total = sum(candidate.weight for candidate in sharing)
    return {
        candidate.rep: candidate.balance + candidate.weight - (total if candidate.rep == chosen else 0)
        for candidate in sharing
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
    may = {one.rep for one in candidates if one.shares and one.rep not in excluded} if preferred else ()
    return select_rep(candidates, excluded, next((rep for rep in preferred if rep in may), None))


def charge(
    changes: ChangeSet,
    policy: RoutingPolicy,
    queue: str,
    rep: Rep,
    at: datetime,
    *,
    demands: Demands = ANYBODY,
) -> None:
    """Charge the rep one credit of the queue for a new assignment, and count one more open lead.

    The reps who could have a lead with these demands share it, and the rep who gets it.
    """
    candidates = candidates_of(changes, policy, queue, at, demands)
    if all(candidate.rep != rep.id for candidate in candidates):
        candidates.append(Candidate(rep.id, rep.weight, rep_queue_of(changes, queue, rep.id).balance))
    for rep_id, balance in balances_after(candidates, rep.id).items():
        row = rep_queue_of(changes, queue, rep_id)
        added = int(rep_id == rep.id)
        changes.put(
            replace(row, balance=balance, credits=row.credits + added, open_leads=row.open_leads + added)
        )


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
    """
    candidates = candidates_of(changes, policy, queue, at, demands)
    if all(candidate.rep != rep_id for candidate in candidates):
        rep = policy.rep_of(rep_id)
        balance = rep_queue_of(changes, queue, rep_id).balance
        candidates.append(Candidate(rep_id, rep.weight if rep else 0, balance))
    before = {candidate.rep: candidate.balance for candidate in candidates}
    for sharing, charged in balances_after(candidates, rep_id).items():
        row = rep_queue_of(changes, queue, sharing)
        left = row.credits - int(sharing == rep_id)
        changes.put(replace(row, balance=row.balance + before[sharing] - charged, credits=left))


def release(changes: ChangeSet, queue: str, rep_id: str) -> None:
    """Count one open lead less for the rep. The credit is not given back."""
    row = rep_queue_of(changes, queue, rep_id)
    changes.put(replace(row, open_leads=max(0, row.open_leads - 1)))


def rep_queue_of(changes: ChangeSet, queue: str, rep_id: str) -> RepQueueRow:
    """Return the rep's row of a queue, a new one if the rep had no lead of it yet."""
    return changes.get(RepQueueRow, queue, rep_id) or RepQueueRow(queue, rep_id)
