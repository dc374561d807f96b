"""The inbox of a rep and of everybody, at many leads, on both databases; each statement uses an index."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import insert

from services.gateway.queries.inbox import InboxFilter, inbox_of_queues, inbox_of_rep
from services.ledger.tables import lead_views
from services.router.domain.state import Snooze
from services.router.tables import assignments, routed_leads
from tests.support.stored_leads import (
    NOW,
    assignment,
    lead_id,
    plans,
    routed_lead,
    scans,
    store_leads,
    view,
)

HOUR = timedelta(hours=1)


async def store(database, table, *rows):
    async with database.begin() as tx:
        await tx.execute(insert(table), rows)


async def pages(database, filters, limit):
    """Return the lead ids of an inbox, read page by page."""
    found, after = [], None
    while True:
        async with database.read() as tx:
            rows, cursors = await inbox_of_queues(tx, filters, after, limit, NOW)
        found += [row.lead_id for row in rows]
        if len(rows) < limit:
            return found
        after = cursors[-1]


WORKED: dict[str, tuple[int, dict[str, Any], int]] = {
    "late": (1, {"accept_by": NOW - HOUR, "opened_at": NOW - 5 * HOUR}, 10),
    "short": (2, {"accept_by": NOW + HOUR / 2, "opened_at": NOW - 4 * HOUR}, 20),
    "good": (3, {"accept_by": NOW + 3 * HOUR, "opened_at": NOW - HOUR}, 90),
    "poor": (4, {"accept_by": NOW + 2 * HOUR, "opened_at": NOW - HOUR}, 30),
    "accepted": (6, {"accepted_at": NOW - HOUR}, 99),
    "joined": (7, {"accepted_at": NOW - HOUR, "joined": True}, 98),
    "closed": (8, {"closed_at": NOW}, 97),
    "other's": (10, {"rep": "sdr-2"}, 96),
}
"""Number, what is special of the assignment, and score of leads."""


async def test_a_rep_sees_own_and_waiting_leads_by_urgency_and_score(database):
    for number, times, total in WORKED.values():
        values = {"queue": "sdr", "rep": "sdr-1", "accepted_at": None, **times}
        await store(database, lead_views, view(number, queue="sdr", owner="ae-1", total=total))
        await store(database, assignments, assignment(number, **values))
    for number, queue in ((11, "sdr"), (12, "bdr")):
        await store(database, lead_views, view(number, queue=queue, owner=None, total=50))
        waiting = routed_lead(number, queue=queue, waiting_since=NOW - HOUR)
        await store(database, routed_leads, waiting)

    async def of_rep(**filters):
        async with database.read() as tx:
            rows = await inbox_of_rep(tx, InboxFilter(owner="sdr-1", **filters), ["sdr"], NOW)
        names = {lead_id(number): name for name, (number, *_) in WORKED.items()} | {lead_id(11): "waits"}
        return {names[row.lead_id]: row for row in rows}

    assert [*await of_rep()] == ["late", "short", "good", "poor"]
    assert [*await of_rep(tab="accepted")] == ["accepted", "joined"]
    assert [*await of_rep(tab="waiting")] == ["waits"]
    everything = await of_rep(tab="all")
    assert [*everything] == ["late", "short", "good", "waits", "poor", "accepted", "joined"]
    assert (everything["joined"].owner, everything["late"].owner, everything["waits"].owner) == (
        "ae-1", "sdr-1", None,
    )  # fmt: skip
    assert [*await of_rep(text="ANA3 r")] == ["good"]
    assert [*await of_rep(queue="bdr")] == []


async def test_a_row_says_who_it_is_why_it_is_here_and_until_when_it_is_snoozed(database):
    until = NOW + HOUR
    snooze = Snooze(until, NOW, None)
    await store(database, lead_views, view(1, queue="sdr", owner="sdr-1"))
    await store(
        database, assignments, assignment(1, queue="sdr", rep="sdr-1", accept_by=until, snoozed=snooze)
    )
    async with database.read() as tx:
        [row] = await inbox_of_rep(tx, InboxFilter(owner="sdr-1"), ["sdr"], NOW)
    assert (row.name, row.title, row.company, row.email) == (
        "Ana1 Ruiz", "VP Sales", "Company 0", "person1@company0.example",
    )  # fmt: skip
    assert (row.rule, row.trigger, row.quote) == ("strategic", "demo_request", "We lose two days a month.")
    assert (row.grade, row.band, row.total, row.accept_by, row.snoozed) == ("A2", "mql", 1, until, until)


async def test_everybodys_leads_come_in_pages_by_their_clocks(database):
    for number in range(30):
        await store(database, lead_views, view(number))
        times = {"accept_by": NOW + (number % 7) * HOUR, "accepted_at": None}
        if number % 5 == 0:
            times = {"accept_by": None, "accepted_at": None}
        if number % 5 == 1:
            times = {"accepted_at": NOW - (number % 3) * HOUR}
        if number % 5 == 2:
            await store(database, routed_leads, routed_lead(number, waiting_since=NOW - (number % 4) * HOUR))
        else:
            await store(database, assignments, assignment(number, **times))
    everything = InboxFilter("all")
    whole = await pages(database, everything, 100)
    assert len(whole) == len(set(whole)) == 30
    clocks = sorted((number % 7, number) for number in range(30) if number % 5 in (3, 4))
    assert whole[:12] == [lead_id(number) for _, number in clocks]
    assert [int(one[:8]) % 5 for one in whole[12:]] == [0] * 6 + [2] * 6 + [1] * 6
    for limit in (1, 4, 12, 13):
        assert await pages(database, everything, limit) == whole
    parts = [await pages(database, InboxFilter(tab), 4) for tab in ("to_accept", "waiting", "accepted")]
    assert [one for part in parts for one in part] == whole
    of_queues = [await pages(database, InboxFilter("all", queue=queue), 5) for queue in ("bdr", "sdr")]
    assert of_queues[0] == [one for one in whole if int(one[:8]) % 3 == 0]
    assert of_queues[1] == [one for one in whole if int(one[:8]) % 3 == 1]
    assert await pages(database, InboxFilter("all", text="aNa17 r"), 3) == [lead_id(17)]
    assert await pages(database, InboxFilter("all", text="%"), 3) == []


async def test_no_statement_of_an_inbox_reads_all_leads(database):
    await store_leads(database, 10_000)

    async def read(tx):
        for tab in ("to_accept", "accepted", "waiting", "all"):
            await inbox_of_rep(tx, InboxFilter(tab, owner="sdr-1"), ["sdr"], NOW)
            _, cursors = await inbox_of_queues(tx, InboxFilter(tab), None, 51, NOW)
            await inbox_of_queues(tx, InboxFilter(tab), cursors[2], 51, NOW)
            await inbox_of_queues(tx, InboxFilter(tab, queue="sdr"), None, 51, NOW)

    found = await plans(database, read)
    for statement, plan in found.items():
        assert not scans(plan), f"{statement}\n{plan}"
    for clock in ("clock", "queue_clock", "rep_clock"):
        assert f"ix_assignments_{clock}" in str(found)
