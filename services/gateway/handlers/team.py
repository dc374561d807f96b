"""Who sells: the reps of the active policy with what they hold, and the queues that they work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import RowMapping

from services.gateway.domain.leads import Status
from services.gateway.handlers import paging
from services.gateway.handlers.bodies import json_body
from services.gateway.handlers.exchange import Answer, Call, json_answer
from services.gateway.handlers.leads import is_storable
from services.gateway.handlers.routing import Parameter
from services.gateway.queries.reps import (
    Load,
    RepAvailability,
    away_reps,
    loads_by_rep,
    open_by_queue,
    queue_leads,
    waiting_by_queue,
)
from shared.errors import Reject
from shared.policy.models import Policy, Rep
from shared.storage.database import Tx
from shared.storage.rows import IdentityMap, Put

OWNER: Final = Parameter("owner", "Only leads of this rep")


class RepView(Struct, frozen=True):
    """A rep. `open_leads` are owned now; `credits` counts every assignment ever given."""

    id: str
    name: str
    queues: tuple[str, ...]
    weight: int
    available: bool
    open_leads: int
    credits: int


class Reps(Struct, frozen=True):
    """The whole team, in the policy's order; `next` is always null."""

    data: list[RepView]
    next: None = None


class RepChange(Struct, frozen=True, forbid_unknown_fields=True):
    """`available: false`: the rep gets no new leads until it is true again, and keeps those there are."""

    available: bool


class QueueView(Struct, frozen=True):
    """A queue. `accept_within` is the time to accept; `waiting` leads have nobody who is eligible yet."""

    name: str
    accept_within: str
    fallback: str | None
    reps: list[str]
    available_reps: list[str]
    open_leads: int
    waiting: int


class Queues(Struct, frozen=True):
    """Every queue of the policy; `next` is always null."""

    data: list[QueueView]
    next: None = None


class QueueLead(Struct, frozen=True):
    """A lead in a queue. Without an `owner` it waits, since `waiting_since`."""

    lead_id: str
    status: Status
    revision: int
    account: str
    email: str | None
    queue: str
    owner: str | None
    first_at: datetime
    name: str | None
    title: str | None
    company: str | None
    grade: str | None
    total: int | None
    assigned_at: datetime | None
    accept_by: datetime | None
    accepted_at: datetime | None
    waiting_since: datetime | None


_change = msgspec.json.Decoder(RepChange)


async def list_reps(call: Call) -> Answer:
    """Answer with the whole team."""
    policy = await _policy(call)
    async with call.gateway.database.read() as tx:
        away, loads = await away_reps(tx), await loads_by_rep(tx)
    return json_answer(200, Reps([_rep_view(rep, away, loads) for rep in policy.team.reps]))


async def get_rep(call: Call) -> Answer:
    """Answer with one rep."""
    rep = _rep(await _policy(call), call.param("id"))
    async with call.gateway.database.read() as tx:
        view = await _seen(tx, rep)
    return json_answer(200, view)


async def change_rep(call: Call) -> Answer:
    """Let a rep take new leads, or not."""
    rep_id = call.param("id")
    wanted = await json_body(call, _change)
    own = call.principal is not None and call.principal.rep == rep_id
    if not own and (call.principal is None or not call.principal.may("manager")):
        raise Reject(403, "forbidden", "This key does not allow that", "It speaks for another rep")
    rep = _rep(await _policy(call), rep_id)
    rows = IdentityMap()
    rows.apply((Put(RepAvailability(rep.id, wanted.available, call.gateway.clock.now())),))
    async with call.gateway.database.begin() as tx:
        await tx.write(rows)
        view = await _seen(tx, rep)
    return json_answer(200, view)


async def list_queues(call: Call) -> Answer:
    """Answer with every queue."""
    policy = await _policy(call)
    async with call.gateway.database.read() as tx:
        away, held, waiting = await away_reps(tx), await open_by_queue(tx), await waiting_by_queue(tx)
    views: list[QueueView] = []
    for name, queue in policy.routing.queues.items():
        reps = [rep.id for rep in policy.team.reps if name in rep.queues]
        views.append(
            QueueView(
                name=name,
                accept_within=str(queue.accept_within),
                fallback=queue.fallback,
                reps=reps,
                available_reps=[rep for rep in reps if rep not in away],
                open_leads=held.get(name, 0),
                waiting=waiting.get(name, 0),
            )
        )
    return json_answer(200, Queues(views))


async def list_queue_leads(call: Call) -> Answer:
    """Answer with a page of the leads in a queue, the newest first."""
    size, after, queue = paging.limit(call), paging.after(call), call.param("q")
    owner = call.query.get("owner")
    if owner is not None and not is_storable(owner):
        raise Reject(422, "invalid-filter", "A filter holds a control character")
    if queue not in (await _policy(call)).routing.queues:
        raise Reject(404, "unknown-queue", "There is no such queue")
    async with call.gateway.database.read() as tx:
        rows = await queue_leads(tx, queue, owner, after, size + 1)
    places = [paging.Place(row["first_at"], row["lead_id"]) for row in rows]
    return json_answer(200, paging.page([_queue_lead(row) for row in rows], places, size))


async def _policy(call: Call) -> Policy:
    return (await call.gateway.policies.start()).policy


def _rep(policy: Policy, rep_id: str) -> Rep:
    found = next((rep for rep in policy.team.reps if rep.id == rep_id), None)
    if found is None:
        raise Reject(404, "unknown-rep", "There is no such rep")
    return found


async def _seen(tx: Tx, rep: Rep) -> RepView:
    return _rep_view(rep, await away_reps(tx), await loads_by_rep(tx))


def _rep_view(rep: Rep, away: frozenset[str], loads: Mapping[str, Load]) -> RepView:
    load = loads.get(rep.id, Load())
    return RepView(
        rep.id, rep.name, rep.queues, rep.weight, rep.id not in away, load.open_leads, load.credits
    )


def _queue_lead(row: RowMapping) -> QueueLead:
    person, company, score = row["person"], row["company"], row["score"]
    names = (person.first_name, person.last_name) if person else ()
    return QueueLead(
        lead_id=row["lead_id"],
        status=row["status"],
        revision=row["revision"],
        account=row["account"],
        email=row["email"],
        queue=row["queue"],
        owner=row["rep"],
        first_at=row["first_at"],
        name=" ".join(name for name in names if name) or None,
        title=person.title if person else None,
        company=company.name if company else None,
        grade=score.grade if score else None,
        total=score.total if score else None,
        assigned_at=row["opened_at"],
        accept_by=row["accept_by"],
        accepted_at=row["accepted_at"],
        waiting_since=row["waiting_since"],
    )
