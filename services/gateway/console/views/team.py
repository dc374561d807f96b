"""The team: who has what, who gets the next lead, and whether it is fair. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from services.gateway.api.reps import RepView
from services.gateway.console import words
from services.gateway.domain.team import QueueTeam, QueueTurn
from shared.lead.events.routing import Distribution

_DISTRIBUTIONS: Final[Mapping[Distribution, str]] = {
    "weighted": "by weight",
    "in_order": "the first who may, in the order of the team",
    "least_open": "whoever has the fewest open leads",
    "most_capacity": "whoever has the most room",
}


class ShareBar(Struct, frozen=True):
    """What a rep got of a queue beside the exact share, in percent of the most that anybody has."""

    got: float
    share: float
    words: str
    is_off: bool


class TeamRow(Struct, frozen=True):
    """One rep in one queue."""

    rep: str
    name: str
    weight: int
    bar: ShareBar
    open_leads: int
    max_open: int | None
    over: int
    unaccepted: int
    late: int
    credits: int
    available: bool
    is_next: bool
    state: str
    path: str


class TeamQueue(Struct, frozen=True):
    """One queue with its reps."""

    name: str
    distributes: str
    bound: str
    waiting: int
    rows: Sequence[TeamRow]


class TeamView(Struct, frozen=True):
    """The page."""

    queues: Sequence[TeamQueue]


class AwayForm(Struct, frozen=True):
    """The question before a rep is taken out: what becomes of the leads that the rep has not accepted."""

    rep: str
    name: str
    unaccepted: int


def team_view(teams: Sequence[QueueTeam], reps: Sequence[RepView], waiting: Mapping[str, int]) -> TeamView:
    """Return the view of the team, a queue after the other in the order of the policy."""
    by_id = {rep.id: rep for rep in reps}
    return TeamView(
        [
            TeamQueue(
                name=team.queue,
                distributes=_DISTRIBUTIONS[team.distribute],
                bound=f"nobody is more than {words.number(team.bound)} from the share",
                waiting=waiting.get(team.queue, 0),
                rows=[_row(turn, by_id[turn.rep], team) for turn in team.turns if turn.rep in by_id],
            )
            for team in teams
        ]
    )


def _row(turn: QueueTurn, rep: RepView, team: QueueTeam) -> TeamRow:
    most = max([1.0, *(max(one.assigned, one.share) for one in team.turns)])
    state = turn.why_not
    if rep.no_new_leads is not None and rep.no_new_leads.until is not None and rep.no_new_leads.detail:
        state = rep.no_new_leads.detail
    return TeamRow(
        rep=rep.id,
        name=rep.name,
        weight=turn.weight,
        bar=ShareBar(
            got=100 * turn.assigned / most,
            share=100 * turn.share / most,
            words=f"{turn.assigned} of a share of {words.number(turn.share)}",
            is_off=abs(turn.deviation) > team.bound,
        ),
        open_leads=rep.open_leads,
        max_open=rep.max_open,
        over=max(0, rep.open_leads - rep.max_open) if rep.max_open is not None else 0,
        unaccepted=rep.unaccepted,
        late=rep.late,
        credits=turn.assigned,
        available=rep.available,
        is_next=turn.is_next,
        state=state,
        path=f"/?owner={rep.id}",
    )
