"""Four router processes on one PostgreSQL, two of which are killed on the way; and what must hold after it.

Each process gets a share of the leads, some of them also given to its neighbour, as a broker may. One that
dies is started again and gets its share from the beginning: nothing of it was acknowledged. Run as a program
this module is one of the processes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import Any, Final

from sqlalchemy import func, select

from services.router.domain.state import AssignmentRow, RepQueueRow
from services.router.handlers import LiveRouterHandler
from services.router.policy import RoutingPolicy, routing_policy_of
from services.router.storage import RouterStore
from services.router.tables import assignments, rep_queues, routed_leads
from shared.errors import Retry
from shared.lead.events.envelope import Event
from shared.policy.per_version import PerVersion
from shared.storage.database import Database
from shared.worker.failpoints import VARIABLE, from_environ
from shared.worker.outbox import Outbox
from shared.worker.unit_of_work import Result, UnitOfWork
from tests.support.fixed_clock import FixedClock
from tests.support.routing_policies import rep, routing_policy_with
from tests.support.scored_leads import AT, lead_id, scored_event, scored_lead

PROCESSES: Final = 4
_BATCH: Final = 50
_DEATHS: Final = {1: "after_claim", 2: "after_commit"}
"""Which processes die, and where."""


def plan() -> RoutingPolicy:
    """A team without caps, with weights that do not divide each other."""
    sdrs = [rep(f"sdr-{weight}", weight=weight) for weight in (100, 70, 30)]
    bdrs = [rep(f"bdr-{weight}", "bdr", weight=weight) for weight in (50, 90)]
    return routing_policy_with((*sdrs, *bdrs, rep("ae-1", "senior-ae"), rep("ae-2", "senior-ae", weight=37)))


def share_of(number: int, leads: int) -> Iterator[Event[Any]]:
    """Yield the events of one process: every fourth lead, and every tenth of its neighbour's."""
    for index in range(leads):
        turn = index % PROCESSES
        if turn == number or (turn == (number + 1) % PROCESSES and index % 10 == 0):
            yield scored_event(_lead(index))


def _lead(index: int) -> Any:
    """Most leads are alone, for the SDRs or the senior AEs; those of large accounts share an owner."""
    name = f"lead-{index}"
    if index % 5 == 0:
        return scored_lead(name, account=f"account-{index % 35}.example", employees=5_000)
    return scored_lead(name, account=lead_id(name), grade="A1" if index % 7 == 0 else "B3")


async def check_four_routers(url: str, leads: int) -> None:
    """Let four processes route the leads, then check the owners, the credits and the shares."""
    async with asyncio.timeout(600 + leads / 5):
        deaths = await asyncio.gather(*(_restarted(number, url, leads) for number in range(PROCESSES)))
    assert sum(deaths) == len(_DEATHS)
    database = Database(url)
    try:
        async with database.read() as tx:
            given = [AssignmentRow(*tuple(row)) for row in await tx.execute(select(assignments))]
            places = [RepQueueRow(*tuple(row)) for row in await tx.execute(select(rep_queues))]
            decided = (await tx.execute(select(func.count()).select_from(routed_leads))).scalar_one()
    finally:
        await database.close()
    assert decided == leads
    _check_owners(given, leads)
    _check_credits(given, places)
    _check_shares(places)


async def _restarted(number: int, url: str, leads: int) -> int:
    """Run one process until it has done its share; return how often it died."""
    deaths = 0
    while True:
        environ = dict(os.environ)
        if not deaths and number in _DEATHS:
            environ[VARIABLE] = f"{_DEATHS[number]}:{max(2, leads // PROCESSES // _BATCH // 2)}"
        arguments = ("-m", "tests.support.four_routers", url, str(number), str(leads))
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=environ)
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        if code == 0:
            return deaths
        assert code == -signal.SIGKILL, f"router {number} failed"
        deaths += 1
        assert deaths == 1


def _check_owners(given: list[AssignmentRow], leads: int) -> None:
    """Nobody was ever taken off a lead here, so that each has one assignment, and each account one owner."""
    assert len(given) == len({assignment.lead_id for assignment in given}) == leads
    assert all(assignment.active for assignment in given)
    owners: dict[str, set[str]] = {}
    for assignment in given:
        owners.setdefault(assignment.account, set()).add(assignment.rep)
    assert {len(reps) for reps in owners.values()} == {1}


def _check_credits(given: list[AssignmentRow], places: list[RepQueueRow]) -> None:
    counted = Counter((assignment.queue, assignment.rep) for assignment in given)
    assert {place.key: place.credits for place in places} == {
        place.key: counted[place.key] for place in places
    }
    assert sum(place.credits for place in places) == len(given)
    assert [place.open_leads for place in places] == [place.credits for place in places]


def _check_shares(places: list[RepQueueRow]) -> None:
    """Where leads come one by one everybody is within one lead of the weighted share."""
    team = plan()
    for queue in ("sdr", "senior-ae"):
        own = [place for place in places if place.queue == queue]
        total = sum(team.reps[place.rep].weight for place in own)
        leads = sum(place.credits for place in own)
        for place in own:
            share = Fraction(team.reps[place.rep].weight * leads, total)
            assert abs(place.credits - share) <= 1, place


async def _route(url: str, number: int, leads: int) -> None:
    """Be one of the processes."""
    database, clock, team = Database(url), FixedClock(AT), plan()
    plans = PerVersion(lambda: team.compiled, routing_policy_of)
    work = UnitOfWork(
        LiveRouterHandler(plans),
        RouterStore(lambda: plans.current),
        database,
        Outbox("router", database, _NoSink(), clock, partitions=6),  # type: ignore[arg-type]
        clock,
        keyed_hash=_hashed,
        failpoint=from_environ(os.environ),
    )
    for batch in _batches(share_of(number, leads)):
        assert not (await _insisted(work, batch)).rejected
    await database.close()


async def _insisted(work: UnitOfWork, batch: list[Event[Any]]) -> Result:
    """Run a unit until it is known to be durable, as a drive does."""
    while True:
        try:
            return await work.run(batch)
        except Retry:
            await asyncio.sleep(0.1)


def _batches(events: Iterator[Event[Any]]) -> Iterator[list[Event[Any]]]:
    while batch := [*islice(events, _BATCH)]:
        yield batch


def _hashed(subject: str) -> str:
    return f"hash of {subject}"[:64]


class _NoSink:
    """Nothing is published: what matters is in the tables."""


if __name__ == "__main__":
    asyncio.run(_route(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
