"""Leads that join an account by the name of their company, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from services.scorer.domain import rematch
from services.scorer.domain.account_names import NAMESAKES_MAX, blocks_of
from services.scorer.domain.state import AccountNameRow, AccountRow, ScoreRow
from services.scorer.tables import account_names, accounts, lead_company_names, rematches, scores
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_matched import LeadMatchedV1
from shared.lead.events.parts import Company, Person
from shared.storage.statements import first_of_each, members
from shared.worker.decision import Outcome
from shared.worker.timers import LEASE
from tests.integration.scorer.conftest import StoredScorer
from tests.integration.scorer.test_scorer import PowerCut, power_cut
from tests.support.enriched_leads import enriched_lead, event_of, lead_id

ACCOUNT = "brightloom.example"
TOLD = AccountReceivedV1(ACCOUNT, name="Brightloom GmbH", country="DE", city="Berlin")
ANA = lead_id("ana", "gmail.com")


def free_mail(name: str, company: str = "Brightloom", sequence: int = 1) -> Event[Any]:
    id_ = lead_id(name, "gmail.com")
    return event_of(
        enriched_lead(
            name,
            sequence=sequence,
            lead_id=id_,
            account=id_,
            person=Person(email=f"{name}@gmail.com"),
            company=Company(name=company, country="DE"),
            answers={"city": "Berlin"},
        )
    )


async def account_of(scorer: StoredScorer, id_: str) -> str:
    row = await scorer.row(ScoreRow, scores, id_)
    assert isinstance(row, ScoreRow)
    return row.account


async def leads_of(scorer: StoredScorer, key: str) -> int:
    row = await scorer.row(AccountRow, accounts, key)
    return row.leads if row else 0


async def test_a_lead_joins_is_split_and_returns(scorer: StoredScorer):
    await scorer.process(event_of(TOLD, "account-1"))
    [scored] = await scorer.emitted_by(free_mail("ana"))
    assert (scored.account, scored.account_match.by) == (ACCOUNT, "name")
    assert await leads_of(scorer, ACCOUNT) == 1
    await scorer.process(event_of(LeadMatchedV1(ANA), "split-1"))
    assert (await account_of(scorer, ANA), await leads_of(scorer, ACCOUNT)) == (ANA, 0)
    await scorer.process(event_of(LeadMatchedV1(ANA, ACCOUNT), "join-1"))
    assert (await account_of(scorer, ANA), await leads_of(scorer, ACCOUNT)) == (ACCOUNT, 1)


async def test_an_account_and_its_leads_may_come_in_one_unit_of_work(scorer: StoredScorer):
    await scorer.process(event_of(TOLD, "account-1"), free_mail("ana"), free_mail("bob", "Bright Loom"))
    assert await leads_of(scorer, ACCOUNT) == 2


async def test_a_matched_lead_moves_with_its_account_and_leaves_no_count_behind(scorer: StoredScorer):
    await scorer.process(event_of(TOLD, "account-1"))
    await scorer.process(free_mail("ana"))
    await scorer.process(event_of(AccountReceivedV1("group.example", aliases=[ACCOUNT]), "account-2"))
    assert (await account_of(scorer, ANA), await leads_of(scorer, "group.example")) == ("group.example", 1)
    assert await leads_of(scorer, ACCOUNT) == 0
    await scorer.process(event_of(AccountReceivedV1("group.example"), "account-3"))
    assert await account_of(scorer, ANA) == ACCOUNT
    await scorer.process(free_mail("ana", "Somebody Else", sequence=2))
    assert (await account_of(scorer, ANA), await leads_of(scorer, ACCOUNT)) == (ANA, 0)


async def test_what_an_outside_producer_says_of_nobody_is_rejected(scorer: StoredScorer):
    result = await scorer.process(event_of(LeadMatchedV1(ANA, ACCOUNT), "join-1"))
    assert [error.kind for _event, error in result.rejected] == ["nobody"]
    assert Outcome.APPLIED not in [outcome for _event, outcome in result.outcomes]


async def test_the_first_accounts_of_each_key_are_read(scorer: StoredScorer):
    """However many accounts have one name, a bounded number is read: the same ones in both databases."""
    names = [f"{letter}-{number:02}.example" for number in range(NAMESAKES_MAX) for letter in "ab"]
    told = [AccountReceivedV1(name, name="Brightloom", country="DE") for name in names]
    await scorer.process(*(event_of(one, f"account-{one.domain}") for one in told))
    blocks = blocks_of("Brightloom")
    async with scorer.database.read() as tx:
        stored = (await tx.execute(select(account_names.c.block))).scalars().all()
        by_block = first_of_each(account_names, tx.dialect, "block", "account", NAMESAKES_MAX)
        found = await tx.execute(by_block, {"members": members(tx.dialect, [*blocks, "told/none"])})
        rows = [AccountNameRow(**row) for row in found.mappings()]
    assert len(stored) == 2 * len(names)
    for block in blocks[:-1]:
        assert sorted(row.account for row in rows if row.block == block) == sorted(names)[:NAMESAKES_MAX]


async def test_a_lead_joins_the_one_of_many_that_is_a_customer(scorer: StoredScorer):
    """The accounts that a tie-break may take are loaded, not only those with the best scores."""
    others = [replace(TOLD, domain=f"a-{number}.example", name="Brightloom") for number in range(6)]
    customer = replace(TOLD, domain="z.example", name="Bright Loom", relation="customer")
    await scorer.process(*(event_of(one, f"account-{one.domain}") for one in (*others, customer)))
    [scored] = await scorer.emitted_by(free_mail("ana"))
    assert scored.account == "z.example"
    assert "z.example" in [one.account for one in scored.account_match.candidates]
    assert await leads_of(scorer, "z.example") == 1


async def test_a_lead_that_writes_again_while_an_alias_holds_returns_with_it(scorer: StoredScorer):
    await scorer.process(event_of(TOLD, "account-1"))
    await scorer.process(event_of(AccountReceivedV1("group.example", aliases=[ACCOUNT]), "account-2"))
    for sequence in (1, 2):
        await scorer.process(free_mail("ana", sequence=sequence))
        assert await account_of(scorer, ANA) == "group.example"
    await scorer.process(event_of(AccountReceivedV1("group.example"), "account-3"))
    assert await account_of(scorer, ANA) == ACCOUNT
    await scorer.process(free_mail("bob"))
    assert await leads_of(scorer, ACCOUNT) == 2


async def test_a_lead_leaves_an_alias_that_its_next_form_does_not_name(scorer: StoredScorer):
    await scorer.process(event_of(TOLD, "account-1"))
    await scorer.process(free_mail("ana"))
    await scorer.process(event_of(AccountReceivedV1("group.example", aliases=[ACCOUNT]), "account-2"))
    await scorer.process(free_mail("ana", "Somebody Else", sequence=2))
    assert (await account_of(scorer, ANA), await leads_of(scorer, "group.example")) == (ANA, 0)


async def test_leads_join_an_account_that_is_told_later_in_chunks(
    scorer: StoredScorer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rematch, "MATCHED_AT_ONCE_MAX", 2)
    await scorer.process(*(free_mail(f"person-{number}") for number in range(5)))
    await scorer.process(event_of(TOLD, "account-1"))
    assert await leads_of(scorer, ACCOUNT) == 0
    scorer.clock.advance(LEASE)
    with pytest.raises(PowerCut):
        await scorer.fire_due(failpoint=power_cut)
    joined = []
    while await scorer.count(rematches):
        scorer.clock.advance(LEASE)
        await scorer.fire_due()
        joined.append(await leads_of(scorer, ACCOUNT))
    assert (joined[:3], joined[-1]) == ([2, 4, 5], 5)
    await scorer.process(event_of(replace(TOLD, name="Somebody Else"), "account-2"))
    assert await scorer.count(rematches) == 1


async def test_a_lead_that_changed_before_its_chunk_is_matched_by_what_it_says_now(scorer: StoredScorer):
    await scorer.process(free_mail("ana"), free_mail("bob"))
    await scorer.process(event_of(TOLD, "account-1"))
    scorer.clock.advance(timedelta(seconds=1))
    [timer] = await scorer.timers.lease_due(10)
    await scorer.process(free_mail("ana", "Somebody Else", sequence=2), timer, free_mail("eve"))
    assert await account_of(scorer, ANA) == ANA
    assert (await leads_of(scorer, ACCOUNT), await scorer.count(rematches)) == (2, 0)


async def test_an_account_of_another_name_or_of_leads_with_a_known_domain_looks_at_no_lead(
    scorer: StoredScorer,
):
    known = enriched_lead("kim", account="kestrel.example", company=Company(name="Brightloom"))
    await scorer.process(event_of(AccountReceivedV1("kestrel.example"), "account-1"), event_of(known))
    assert await scorer.count(lead_company_names) == 0
    await scorer.process(free_mail("ana"))
    await scorer.process(event_of(replace(TOLD, name="Tarnwell"), "account-2"))
    assert (await scorer.count(lead_company_names), await scorer.count(rematches)) == (2, 0)
