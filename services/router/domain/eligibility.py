"""Who may get a lead of a queue, and why each of the others may not. Whose turn it is: see `rotation`."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from services.router.domain.state import AwayRepRow, RepQueueRow
from services.router.policy import RoutingPolicy
from shared.lead.events.routing import Skipped
from shared.storage.change_set import ChangeSet


class Candidate(Struct, frozen=True, gc=False):
    """A rep of a queue. `skipped` is the reason why the rep may get no lead now, None if there is none.

    A rep of weight 0 has no turns and gets leads only by name. `credits` are the leads of the queue that the
    rep got; they do not matter to the choice.
    """

    rep: str
    weight: int
    balance: int = 0
    skipped: Skipped | None = None
    credits: int = 0

    @property
    def shares(self) -> bool:
        """Whether the rep has a share in the next lead."""
        return self.weight > 0 and self.skipped is None


def candidates_of(changes: ChangeSet, policy: RoutingPolicy, queue: str, at: datetime) -> list[Candidate]:
    """Return the reps of a queue, each with the reason why the rep may get no lead now.

    Called for each lead, with up to hundreds of reps.
    """
    rows, away = changes.by_key(RepQueueRow), changes.by_key(AwayRepRow)
    open_leads: dict[str, int] = {}
    if queue in policy.capped_queues:
        # Over all queues, including those that the rep has left.
        for row in rows.values():
            if row.open_leads:
                open_leads[row.rep] = open_leads.get(row.rep, 0) + row.open_leads
    candidates: list[Candidate] = []
    for id_, weight, max_open, hours in policy.teams.get(queue, ()):
        own = rows.get((queue, id_))
        skipped: Skipped | None = None
        if away and (id_,) in away:
            skipped = "unavailable"
        elif hours is not None and not hours.is_open(at):
            skipped = "off_hours"
        elif max_open is not None and open_leads.get(id_, 0) >= max_open:
            skipped = "at_cap"
        if own is None:
            candidates.append(Candidate(id_, weight, 0, skipped))
        else:
            candidates.append(Candidate(id_, weight, own.balance, skipped, own.credits))
    return candidates
