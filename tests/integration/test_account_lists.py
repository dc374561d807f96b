"""The list of accounts, and who is known at one, on both databases."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert, text

from services.gateway.queries.account_people import AccountFilter, find_account_people, list_accounts
from services.ledger.tables import lead_views
from services.router.tables import assignments
from services.scorer.domain.state import AccountRow
from services.scorer.domain.stored_signals import stored_signal
from shared.lead.events.account_received import AccountReceivedV1, Relation
from shared.storage.rows import IdentityMap, Put
from tests.support.enriched_leads import AT, signal
from tests.support.scoring_policies import default_scoring
from tests.support.statements import statements
from tests.support.stored_leads import NOW, assignment, lead_id, plans, view

TOLD = AccountReceivedV1(
    "kestrel.example", name="Kestrel", relation="target", owner="ae-1", aliases=["labs.example"]
)


async def write(database, *rows):
    changes = IdentityMap()
    changes.apply([Put(row) for row in rows])
    async with database.begin() as tx:
        await tx.write(changes)


async def listed(database, *, limit=100, **filters):
    found, after = [], None
    while True:
        async with database.read() as tx:
            page = await list_accounts(tx, AccountFilter(**filters), SEEDS, after, limit)
        found += [account for account, _ in page]
        if len(page) < limit:
            return found
        after = page[-1][1]


SEEDS = {"seeded.example": AccountReceivedV1("seeded.example", relation="target")}


async def test_accounts_are_listed_by_their_leads_and_filtered_by_what_was_told(database):
    await write(
        database,
        AccountRow(
            "kestrel.example", knowledge=TOLD, leads=3, relation="target", grades={"B1": 1, "A2": 2, "A1": 0}
        ),
        AccountRow("labs.example", knowledge=TOLD),
        AccountRow("told.example", knowledge=AccountReceivedV1("told.example"), relation="none"),
        AccountRow("seeded.example", leads=1),
        AccountRow("open.example", leads=3, open_opportunity=True, qualified=True),
        AccountRow(lead_id(1), leads=1),
        AccountRow("name:wind company"),
    )
    everything = ["kestrel.example", "open.example", "seeded.example", "told.example"]
    for limit in (1, 2, 3, 100):
        assert [one.account for one in await listed(database, limit=limit)] == everything
    kestrel = (await listed(database))[0]
    assert (kestrel.name, kestrel.owner, kestrel.best_grade) == ("Kestrel", "ae-1", "B1")
    targets = await listed(database, relation="target")
    assert [one.account for one in targets] == ["kestrel.example", "seeded.example"]
    assert [one.account for one in await listed(database, qualified=True)] == ["open.example"]
    assert [one.account for one in await listed(database, open_opportunity=True)] == ["open.example"]
    assert [one.account for one in await listed(database, relation="customer")] == []


async def test_the_people_of_an_account_have_roles_owners_and_everything_they_were_given(database):
    funding = stored_signal(signal("funding_round", "kestrel.example"), "signal-1", AT)
    account = AccountRow("kestrel.example", knowledge=TOLD, signals={funding.content: funding})
    titles = ("Chief Financial Officer", "VP Marketing", "Software Engineer", None)
    people = [
        view(
            number,
            title=title,
            account="kestrel.example" if number else "labs.example",
            grade=f"A{4 - number}",
        )
        for number, title in enumerate(titles)
    ]
    async with database.begin() as tx:
        await tx.execute(insert(lead_views), people)
        moved = assignment(1, id="first", closed_at=NOW, state="moved", opened_at=NOW - timedelta(days=1))
        await tx.execute(insert(assignments), [moved, assignment(1)])
    async with database.read() as tx:
        keys = ["kestrel.example", "labs.example"]
        with statements() as ran:
            found = await find_account_people(tx, account, keys, default_scoring(), AT + timedelta(days=1))
    assert sum(statement.startswith("SELECT") for statement, _ in ran) == 3
    roles = [(one.grade, one.role) for one in found.committee]
    assert roles == [("A1", None), ("A2", "technical"), ("A3", "champion"), ("A4", "economic_buyer")]
    assert [one.state for one in found.assignments] == ["open", "moved"]
    [live] = found.signals
    assert (live.signal.type, live.signal.points > 0) == ("funding_round", True)
    assert live.ends_at is not None
    async with database.read() as tx:
        later = await find_account_people(tx, account, keys, default_scoring(), live.ends_at)
        just_before = live.ends_at - timedelta(microseconds=1)
        before = await find_account_people(tx, account, keys, default_scoring(), just_before)
    assert (len(before.signals), len(later.signals)) == (1, 0)


async def test_a_page_of_the_list_is_read_in_the_order_of_an_index(database):
    relations: tuple[Relation | None, ...] = (None, "target", "customer", "none")
    rows = [
        AccountRow(
            f"company{number}.example",
            leads=number % 50,
            relation=relations[number % 4],
            qualified=number % 20 == 0,
        )
        for number in range(5_000)
    ]
    await write(database, *rows)
    async with database.begin() as tx:
        await tx.execute(text("ANALYZE"))

    async def read(tx):
        page = await list_accounts(tx, AccountFilter(), {}, None, 51)
        await list_accounts(tx, AccountFilter(), {}, page[-1][1], 51)
        await list_accounts(tx, AccountFilter(relation="target"), {}, None, 51)
        await list_accounts(tx, AccountFilter(qualified=True), {}, None, 51)

    found = [*(await plans(database, read)).values()]
    for plan in found:
        assert "ix_accounts_" in plan
        assert "B-TREE" not in plan
    assert "ix_accounts_listed" in found[0]
