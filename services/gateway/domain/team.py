"""Who of each queue gets the next lead, who does not and why, and how far all are from the share. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from services.router.domain.eligibility import Candidate, candidates_of, in_words
from services.router.domain.fairness import fairness_of
from services.router.domain.state import QueueRow, RepQueueRow
from services.router.domain.turns import select_rep
from services.router.policy import ANYBODY, RoutingPolicy
from shared.lead.events.routing import Considered, Distribution
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap, Row


class QueueTurn(Struct, frozen=True):
    """A rep's place in a queue, for a lead that demands neither skills nor a territory.

    `share` is how many leads the weight gives exactly, `assigned` how many the rep got; `is_next`: the next
    lead is this rep's. `why_not` says in words why the rep would not get it, empty where it is only somebody
    else's turn.
    """

    queue: str
    rep: str
    weight: int
    open_leads: int
    assigned: int
    share: float
    deviation: float
    is_next: bool
    why_not: str


class QueueTeam(Struct, frozen=True):
    """A queue: how it distributes, how far a rep may be from the share, and its reps."""

    queue: str
    distribute: Distribution
    bound: float
    turns: Sequence[QueueTurn]


def queue_teams(
    rows: Iterable[Row], policy: RoutingPolicy, queues: Iterable[str], at: datetime
) -> list[QueueTeam]:
    """Return each queue with its reps, from the rows of the rotation."""
    held = list(rows)
    changes = ChangeSet(IdentityMap(held))
    of_rotation = [row for row in held if isinstance(row, RepQueueRow)]
    fairness = {
        one.queue: one for one in fairness_of(of_rotation, [row for row in held if isinstance(row, QueueRow)])
    }
    by_key = {(row.queue, row.rep): row for row in of_rotation}
    teams: list[QueueTeam] = []
    for queue in queues:
        candidates = candidates_of(changes, policy, queue, at, ANYBODY)
        distribute = policy.distribution(queue)
        chosen = select_rep(candidates, distribute=distribute).rep
        fair = fairness.get(queue)
        shares = {one.rep: one for one in fair.reps} if fair else {}
        turns: list[QueueTurn] = []
        for one in candidates:
            row, share = by_key.get((queue, one.rep)), shares.get(one.rep)
            turns.append(
                QueueTurn(
                    queue=queue,
                    rep=one.rep,
                    weight=one.weight,
                    open_leads=row.open_leads if row else 0,
                    assigned=share.assigned if share else 0,
                    share=round(share.share, 2) if share else 0.0,
                    deviation=round(share.deviation, 2) if share else 0.0,
                    is_next=one.rep == chosen,
                    why_not=_why_not(one),
                )
            )
        teams.append(QueueTeam(queue, distribute, fair.bound if fair else 1.0, turns))
    return teams


def _why_not(candidate: Candidate) -> str:
    if candidate.skipped is not None:
        return in_words(Considered(candidate.skipped, rep=candidate.rep, detail=candidate.detail or None))
    return "" if candidate.weight else "gets leads by name only"
