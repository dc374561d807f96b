"""How the enricher sees an account: as the scorer keeps it, else as the policy's files say."""

from __future__ import annotations

import pytest

from services.enricher.account_context import AccountContextReader
from services.enricher.domain.record import LeadRow
from services.scorer.domain.state import AccountRow
from services.scorer.domain.stored_signals import stored_signal
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.facts import ActiveOwner
from shared.storage.rows import IdentityMap, Put
from tests.support.enriched_leads import AT, signal
from tests.support.scoring_policies import default_scoring

TARGET, STRANGER = "targetworks.example", "brightloom.example"


async def keep(database, knowledge: AccountReceivedV1) -> None:
    rows = IdentityMap()
    rows.apply([Put(AccountRow(knowledge.domain, knowledge=knowledge))])
    async with database.begin() as tx:
        await tx.write(rows)


@pytest.mark.parametrize(("account", "relation"), [(TARGET, "target"), (STRANGER, "none")])
async def test_of_whom_nobody_has_told_the_files_say(database, account, relation):
    context = await AccountContextReader(database).read(LeadRow("lead", account), default_scoring())
    assert (context.relation, context.owners) == (relation, (None,))


async def test_what_was_told_of_an_account_takes_the_place_of_the_files(database):
    await keep(database, AccountReceivedV1(TARGET, relation="customer", open_opportunity=True, owner="ae-1"))
    context = await AccountContextReader(database).read(LeadRow("lead", TARGET), default_scoring())
    assert (context.relation, context.open_opportunity) == ("customer", True)
    assert set(context.owners) == {None, ActiveOwner("bdr"), ActiveOwner("sdr"), ActiveOwner("senior-ae")}


async def test_an_alias_is_seen_as_the_account_that_it_belongs_to(database):
    known = AccountReceivedV1(TARGET, relation="customer", aliases=["labs.example"])
    funding = stored_signal(signal("funding_round", TARGET), "signal-1", AT)
    rows = IdentityMap()
    account = AccountRow(TARGET, knowledge=known, signals={funding.content: funding})
    rows.apply([Put(account), Put(AccountRow("labs.example", knowledge=known))])
    async with database.begin() as tx:
        await tx.write(rows)
    context = await AccountContextReader(database).read(LeadRow("lead", "labs.example"), default_scoring())
    assert (context.relation, [one.type for one in context.signals]) == ("customer", ["funding_round"])
