"""Whose turn it is: weighted round robin whose fairness is a bound, not a hope.

With weights that add up to W, a rep of weight w is owed w/W of each lead. The rep's n-th turn is due when
that share reaches n, and may come as soon as the share has passed n - 1; of those whose turn may come,
the one whose turn is due first gets the lead. (This is earliest deadline first on one resource, which
keeps every rep's count within one lead of the exact share.) All of it is told by the `balance` of a rep:
W times what is owed minus what was given.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.plan import Plan
from services.router.domain.state import AwayRow, RepQueueRow
from shared.events.routing import Considered, Skipped
from shared.policy.models import Rep
from shared.runtime.draft import Draft


class Contender(Struct, frozen=True):
    """A rep of a queue, with what decides whether and when the turn comes.

    Without weight the rep has no turns, and gets leads by name only.
    """

    rep: str
    weight: int
    balance: int = 0
    available: bool = True
    at_work: bool = True
    open_leads: int = 0
    open_max: int | None = None


class Pick(Struct, frozen=True):
    """Who gets the lead, if anybody may, and why the others do not."""

    rep: str | None
    considered: tuple[Considered, ...]


def pick_rep(contenders: Sequence[Contender], excluded: Collection[str] = ()) -> Pick:
    """Return whose turn it is among those who may have the lead. The order of `contenders` is no matter."""
    barred = {each.rep: why for each in contenders if (why := _barred(each, excluded))}
    eligible = [each for each in contenders if each.rep not in barred]
    chosen = _first_due(eligible).rep if eligible else None
    considered = (
        Considered(barred.get(each.rep, "lower_share"), rep=each.rep)
        for each in sorted(contenders, key=lambda each: each.rep)
        if each.rep != chosen
    )
    return Pick(chosen, tuple(considered))


def charged(contenders: Sequence[Contender], chosen: str) -> dict[str, int]:
    """Return the balances that change when `chosen` gets a lead that these would have shared.

    Who is not available or holds enough has no share in it, so is owed nothing on coming back.
    """
    sharing = [each for each in contenders if each.rep == chosen or _barred(each, ()) is None]
    total = sum(each.weight for each in sharing)
    return {each.rep: each.balance + each.weight - (total if each.rep == chosen else 0) for each in sharing}


def _barred(contender: Contender, excluded: Collection[str]) -> Skipped | None:
    if contender.rep in excluded:
        return "excluded"
    if not contender.available:
        return "unavailable"
    if not contender.at_work:
        return "off_hours"
    if contender.open_max is not None and contender.open_leads >= contender.open_max:
        return "at_cap"
    return None if contender.weight else "lower_share"


def _first_due(eligible: Sequence[Contender]) -> Contender:
    total = sum(each.weight for each in eligible)
    ready = [each for each in eligible if each.balance + each.weight > 0]

    def due(each: Contender) -> tuple[int, int, str]:
        return (-((each.balance - total) // each.weight), -each.balance, each.rep)

    return min(ready or eligible, key=due)


# Over the stored rows


def pick_from(draft: Draft, plan: Plan, queue: str, at: datetime, excluded: Collection[str] = ()) -> Pick:
    """Return whose turn it is in a queue."""
    return pick_rep(_contenders(draft, plan, queue, at), excluded)


def charge(draft: Draft, plan: Plan, queue: str, rep: Rep, at: datetime) -> None:
    """Give the rep one credit of the queue and one more open lead."""
    contenders = _contenders(draft, plan, queue, at)
    if all(each.rep != rep.id for each in contenders):
        contenders.append(_contender(draft, plan, queue, rep, at))
    for rep_id, balance in charged(contenders, rep.id).items():
        row = place_of(draft, queue, rep_id)
        given = int(rep_id == rep.id)
        draft.put(
            replace(row, balance=balance, credits=row.credits + given, open_leads=row.open_leads + given)
        )


def relieve(draft: Draft, queue: str, rep_id: str) -> None:
    """Take one open lead off the rep; the credit stays."""
    row = place_of(draft, queue, rep_id)
    draft.put(replace(row, open_leads=max(0, row.open_leads - 1)))


def place_of(draft: Draft, queue: str, rep_id: str) -> RepQueueRow:
    """Return the rep's place in a queue; a new one when there is none so far."""
    return draft.get(RepQueueRow, queue, rep_id) or RepQueueRow(queue, rep_id)


def _contenders(draft: Draft, plan: Plan, queue: str, at: datetime) -> list[Contender]:
    return [_contender(draft, plan, queue, rep, at) for rep in plan.teams.get(queue, ())]


def _contender(draft: Draft, plan: Plan, queue: str, rep: Rep, at: datetime) -> Contender:
    return Contender(
        rep=rep.id,
        weight=rep.weight,
        balance=place_of(draft, queue, rep.id).balance,
        available=draft.get(AwayRow, rep.id) is None,
        at_work=plan.at_work(rep.id, at),
        open_leads=sum(place.open_leads for place in draft.find(RepQueueRow, "rep", rep.id)),
        open_max=rep.max_open,
    )
