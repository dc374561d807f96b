"""Whose turn it is: weighted round robin whose fairness is a bound, not a hope.

With weights that add up to W, a rep of weight w is owed w/W of each lead. The rep's n-th turn is due when
that share reaches n, and may come as soon as the share has passed n - 1; of those whose turn may come,
the one whose turn is due first gets the lead. (This is earliest deadline first on one resource, which
keeps every rep's count within one lead of the exact share.) All of it is told by the `balance` of a rep:
W times what is owed minus what was given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.policy import RoutingPolicy
from services.router.domain.state import AwayRow, RepQueueRow
from shared.lead.events.routing import Considered, Skipped
from shared.policy.models import Rep
from shared.storage.change_set import ChangeSet
from shared.storage.rows import Key


class Contender(Struct, frozen=True, gc=False):
    """A rep of a queue, with what decides whether and when the turn comes. `barred`: why it does not come.

    Without weight the rep has no turns, and gets leads by name only.
    """

    rep: str
    weight: int
    balance: int = 0
    barred: Skipped | None = None


class Pick(Struct, frozen=True):
    """Who gets the lead, if anybody may, and why the others do not."""

    rep: str | None
    considered: tuple[Considered, ...]


def pick_rep(contenders: Sequence[Contender], excluded: Collection[str] = ()) -> Pick:
    """Return whose turn it is among those who may have the lead. The order of `contenders` is no matter."""
    eligible = [
        each for each in contenders if each.weight and each.barred is None and each.rep not in excluded
    ]
    chosen = _first_due(eligible) if eligible else None
    reps = tuple(sorted([each.rep for each in contenders]))
    considered = _all_ahead(reps)
    if len(eligible) < len(contenders):
        barred = {each.rep: each.barred or "lower_share" for each in contenders}
        barred |= dict.fromkeys(barred.keys() & excluded, "excluded")
        considered = tuple([_passed(barred[rep], rep) for rep in reps])
    if chosen is None:
        return Pick(None, considered)
    place = reps.index(chosen)
    return Pick(chosen, considered[:place] + considered[place + 1 :])


def charged(contenders: Sequence[Contender], chosen: str) -> dict[str, int]:
    """Return the balances that change when `chosen` gets a lead that these would have shared.

    Who is not available or holds enough has no share in it, so is owed nothing on coming back.
    """
    sharing = [each for each in contenders if (each.weight and each.barred is None) or each.rep == chosen]
    total = sum(each.weight for each in sharing)
    return {each.rep: each.balance + each.weight - (total if each.rep == chosen else 0) for each in sharing}


@lru_cache(maxsize=1_024)
def _all_ahead(reps: tuple[str, ...]) -> tuple[Considered, ...]:
    return tuple(_passed("lower_share", rep) for rep in reps)


@lru_cache(maxsize=20_000)
def _passed(why: Skipped, rep: str) -> Considered:
    return Considered(why, rep=rep)


def _first_due(eligible: Sequence[Contender]) -> str:
    """Return the rep whose turn is due first of those whose turn may come; of all, when no turn may."""
    total = sum([each.weight for each in eligible])
    turns = [
        (each.balance + each.weight <= 0, -((each.balance - total) // each.weight), -each.balance, each.rep)
        for each in eligible
    ]
    return min(turns)[-1]


# Over the stored rows


def pick_from(
    draft: ChangeSet, plan: RoutingPolicy, queue: str, at: datetime, excluded: Collection[str] = ()
) -> Pick:
    """Return whose turn it is in a queue."""
    return pick_rep(_contenders(draft, plan, queue, at), excluded)


def charge(draft: ChangeSet, plan: RoutingPolicy, queue: str, rep: Rep, at: datetime) -> None:
    """Give the rep one credit of the queue and one more open lead."""
    contenders = _contenders(draft, plan, queue, at)
    if all(each.rep != rep.id for each in contenders):
        contenders.append(Contender(rep.id, rep.weight, place_of(draft, queue, rep.id).balance))
    for rep_id, balance in charged(contenders, rep.id).items():
        row = place_of(draft, queue, rep_id)
        given = int(rep_id == rep.id)
        draft.put(
            replace(row, balance=balance, credits=row.credits + given, open_leads=row.open_leads + given)
        )


def relieve(draft: ChangeSet, queue: str, rep_id: str) -> None:
    """Take one open lead off the rep; the credit stays."""
    row = place_of(draft, queue, rep_id)
    draft.put(replace(row, open_leads=max(0, row.open_leads - 1)))


def place_of(draft: ChangeSet, queue: str, rep_id: str) -> RepQueueRow:
    """Return the rep's place in a queue; a new one when there is none so far."""
    return draft.get(RepQueueRow, queue, rep_id) or RepQueueRow(queue, rep_id)


def _contenders(draft: ChangeSet, plan: RoutingPolicy, queue: str, at: datetime) -> list[Contender]:
    """Return the reps of a queue. This is asked for each lead, of up to hundreds of reps."""
    places, away, hours = draft.by_key(RepQueueRow), draft.by_key(AwayRow), plan.hours
    held = _open_leads(places) if queue in plan.limited else {}
    found: list[Contender] = []
    for rep in plan.teams.get(queue, ()):
        id_ = rep.id
        own = places.get((queue, id_))
        barred: Skipped | None = None
        if away and (id_,) in away:
            barred = "unavailable"
        elif id_ in hours and not plan.at_work(id_, at):
            barred = "off_hours"
        elif rep.max_open is not None and held.get(id_, 0) >= rep.max_open:
            barred = "at_cap"
        found.append(Contender(id_, rep.weight, 0 if own is None else own.balance, barred))
    return found


def _open_leads(places: Mapping[Key, RepQueueRow]) -> Mapping[str, int]:
    """Return what the reps hold of all queues, those included that they have left."""
    held: dict[str, int] = {}
    for place in places.values():
        if place.open_leads:
            held[place.rep] = held.get(place.rep, 0) + place.open_leads
    return held
