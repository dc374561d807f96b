"""The calls of those who sell: reps, queues, and what they do with leads."""

from __future__ import annotations

from typing import Final

from services.gateway.handlers import paging, team
from services.gateway.handlers.routing import Endpoint

_TEAM: Final = (
    Endpoint("GET", "/v1/reps", team.list_reps, "List the reps", scope="read", response=(team.Reps,)),
    Endpoint("GET", "/v1/reps/{id}", team.get_rep, "See a rep", scope="read", response=(team.RepView,)),
    Endpoint(
        "PATCH",
        "/v1/reps/{id}",
        team.change_rep,
        "Let a rep take new leads, or not; a rep's key changes its own rep only",
        scope="rep",
        request=team.RepChange,
        response=(team.RepView,),
    ),
    Endpoint("GET", "/v1/queues", team.list_queues, "List the queues", scope="read", response=(team.Queues,)),
    Endpoint(
        "GET",
        "/v1/queues/{q}/leads",
        team.list_queue_leads,
        "List the leads that are owned in a queue or wait there, the newest first",
        scope="read",
        response=(paging.Page[team.QueueLead],),
        query=(team.OWNER, *paging.PARAMETERS),
    ),
)

SALES: Final = _TEAM
