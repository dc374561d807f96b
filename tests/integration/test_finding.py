"""Lists and searches find leads and accounts, at many leads, on both databases, by an index."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy import insert

from services.gateway.queries.leads import NO_NAME, LeadFilter, Reached, list_leads
from services.gateway.queries.search import find_accounts, find_leads
from services.ledger.domain.lead_names import words_of
from services.ledger.domain.milestones import MilestoneRow
from services.ledger.tables import lead_names, lead_views
from services.scorer.domain.state import AccountRow
from shared.lead.events.account_received import AccountReceivedV1
from shared.storage.rows import IdentityMap, Put
from tests.support.stored_leads import NOW, lead_id, plans, scans, store_leads, view


async def store(database, *views):
    async with database.begin() as tx:
        await tx.execute(insert(lead_views), views)
        words = [(word, row["lead_id"]) for row in views for word in words_of(row["name"])]
        await tx.execute(insert(lead_names), [{"word": word, "lead_id": lead} for word, lead in words])


async def find(database, text, limit=5):
    async with database.read() as tx:
        return [int(row["lead_id"][:8], 16) for row in await find_leads(tx, text, limit)]


FOUND = [
    ("zoe", {1}),
    ("ZOË å", {1}),
    ("ruiz", {2, 3}),
    ("ruiz an", {2, 3}),
    ("ana r", {2, 3}),
    ("ana m", {3}),
    ("uiz", set()),
    ("ana-maria", {3}),
    ("ana.ruiz@", {2}),
    ("ANA.RUIZ@KESTREL.example", {2}),
    ("00000002-0000", {2}),
    ("000000", {1, 2, 3, 4}),
    ("00000002-0001", set()),
    ("%", set()),
    ("x\ud7ff", set()),
    ("\U0010ffff", set()),
]


async def test_a_lead_is_found_by_what_its_name_address_or_id_begins_with(database):
    await store(
        database,
        view(1, name="Zoë Ångström", email="z@kestrel.example"),
        view(2, name="Ana Ruiz", email="ana.ruiz@kestrel.example"),
        view(3, name="Ana-Maria Luz Ruiz", email=None),
        view(4, name=None, email="info@kestrel.example"),
    )
    found = {text: set(await find(database, text)) for text, _ in FOUND}
    assert found == dict(FOUND)
    assert len(await find(database, "ana", 1)) == 1


async def test_an_account_is_found_by_its_domain_or_its_name(database):
    told = AccountReceivedV1("kestrel.example", name="The Wind Company Ltd", aliases=["labs.example"])
    rows = IdentityMap()
    kestrel = AccountRow("kestrel.example", "name:wind company", told, leads=2, relation="target")
    alias, other = AccountRow("labs.example", knowledge=told), AccountRow("kes.example", leads=1)
    rows.apply(Put(row) for row in (kestrel, alias, other))
    async with database.begin() as tx:
        await tx.write(rows)
    async with database.read() as tx:
        found = {
            text: [one.account for one in await find_accounts(tx, text, 5)]
            for text in ("kes", "KESTREL.", "wind", "The Wind company", "labs", "company")
        }
        [one] = await find_accounts(tx, "wind", 1)
    assert found == {
        "kes": ["kes.example", "kestrel.example"],
        "KESTREL.": ["kestrel.example"],
        "wind": ["kestrel.example"],
        "The Wind company": ["kestrel.example"],
        "labs": [],
        "company": [],
    }
    assert (one.name, one.relation, one.leads) == ("The Wind Company Ltd", "target", 2)


FILTERS: dict[str, Any] = {
    "rule": "fits",
    "reason": "spam",
    "grade": "B2",
    "band": "sql",
    "source": "webinar",
    "owner": "sdr-1",
    "queue": "sdr",
    "account": "company7.example",
}


async def test_each_filter_leaves_the_leads_that_have_its_value(database):
    views = [view(number) for number in range(60)]
    await store(database, *views)
    async with database.read() as tx:
        for name, value in FILTERS.items():
            found = await list_leads(tx, LeadFilter(**{name: value}), None, 100)
            expected = [row["lead_id"] for row in views if row[name] == value]
            assert expected
            assert [row["lead_id"] for row in found] == expected
        minute = timedelta(minutes=1)
        period = LeadFilter(since=NOW - 5 * minute, until=NOW - 2 * minute, rule="fits")
        found = await list_leads(tx, period, None, 100)
    assert [row["lead_id"] for row in found] == [lead_id(number) for number in (7,)]


def milestone(lead: int, stage: str, hour: int | None, **given: Any) -> MilestoneRow:
    row = MilestoneRow(lead_id(lead), stage, 0, hour, 10, "A1", "sdr", "")
    return replace(row, **given)


async def test_leads_are_listed_by_what_they_have_reached_and_when(database):
    await store(database, *(view(number) for number in range(6)))
    rows = IdentityMap()
    reached = [
        milestone(0, "routed", 11),
        milestone(1, "suppressed", None),
        milestone(2, "undecided", None, captured_hour=None, grade=""),
        milestone(3, "given_back", 11, reason="no_budget"),
        milestone(3, "given_back", 13, reason="no_budget", number=1),
        milestone(4, "given_back", 12, reason="spam", queue="", grade=""),
        milestone(5, "meeting_held", 20, captured_hour=12),
    ]
    rows.apply(Put(row) for row in reached)
    async with database.begin() as tx:
        await tx.write(rows)

    def hour(number: int) -> datetime:
        return datetime.fromtimestamp(number * 3_600, UTC)

    expected: list[tuple[Reached, set[int]]] = [
        (Reached("received"), {0, 1}),
        (Reached("received", since=hour(10), until=hour(11)), {0, 1}),
        (Reached("received", since=hour(11)), set()),
        (Reached("first_routed"), {0}),
        (Reached("routed", until=hour(11)), {0}),
        (Reached("given_back"), {3, 4}),
        (Reached("given_back", since=hour(12), until=hour(13)), {4}),
        (Reached("given_back", since=hour(12), until=hour(13) - timedelta(minutes=30)), {4}),
        (Reached("given_back", since=hour(10), until=hour(11), cohort=True), {3, 4}),
        (Reached("given_back", reason="no_budget", queue="sdr"), {3}),
        (Reached("given_back", queue=NO_NAME), {4}),
        (Reached("given_back", grade="A1"), {3}),
        (Reached("given_back", grade=NO_NAME, cohort=True), {4}),
        (Reached("meeting", since=hour(12), until=hour(13), cohort=True), {5}),
        (Reached("meeting_booked"), set()),
    ]
    async with database.read() as tx:
        for filters, leads in expected:
            found = await list_leads(tx, LeadFilter(reached=filters), None, 100)
            assert {int(row["lead_id"][:8], 16) for row in found} == leads, filters


async def test_no_list_and_no_search_reads_all_leads(database):
    await store_leads(database, 10_000)

    async def read(tx):
        for name, value in FILTERS.items():
            await list_leads(tx, LeadFilter(**{name: value}), None, 51)
        await list_leads(tx, LeadFilter(since=NOW - timedelta(hours=1)), None, 51)
        for cohort in (False, True):
            reached = Reached("won", NOW - timedelta(days=1), NOW, cohort, "A1" if cohort else None)
            await list_leads(tx, LeadFilter(reached=reached), None, 51)
        await find_leads(tx, "00000002", 5)
        await find_leads(tx, "ana17 ruiz", 5)
        await find_accounts(tx, "company7", 5)

    for statement, plan in (await plans(database, read)).items():
        assert not scans(plan), f"{statement}\n{plan}"
