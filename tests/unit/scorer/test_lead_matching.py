"""Leads that are put into an account by a name or by a person: counts, memory, aliases, erasure."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.scorer.domain.account_names import SEEN_MAX
from services.scorer.domain.state import AccountNameRow, AccountRow, ScoreRow
from shared.errors import DataError
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_matched import LeadMatchedV1
from shared.lead.events.parts import Company, Origin, Person
from shared.worker.decision import Outcome
from tests.support.enriched_leads import FITTING, lead_id

ANA = lead_id("ana", "gmail.com")
TOLD = AccountReceivedV1("brightloom.example", name="Brightloom GmbH", country="DE", city="Berlin")


def free_mail(
    scorer: Any, name: str = "ana", company: str = "Brightloom", country: str = "DE", **more: Any
) -> ScoreRow:
    """Process a lead with a free mailbox; return its row."""
    id_ = lead_id(name, "gmail.com")
    parts: dict[str, Any] = {
        "account": id_,
        "lead_id": id_,
        "person": Person(email=f"{name}@gmail.com", email_kind="free"),
        "company": Company(name=company, country=country),
        "answers": {"city": "Berlin"},
    }
    scorer.enrich(name, **(parts | more))
    row: ScoreRow = scorer.rows.get(ScoreRow, id_)
    return row


def names_of(scorer: Any, account: str = "brightloom.example") -> list[AccountNameRow]:
    return [row for row in scorer.rows.all(AccountNameRow) if row.account == account]


def test_a_lead_without_a_domain_joins_the_account_of_its_company(scorer):
    scorer.receive(TOLD)
    row = free_mail(scorer)
    assert row.account == "brightloom.example"
    assert row.account_match is not None
    assert (row.account_match.by, row.account_match.score) == ("name", 93)
    [scored] = scorer.scored()
    assert (scored.account, scored.account_match) == ("brightloom.example", row.account_match)
    assert scorer.account("brightloom.example").leads == 1


def test_an_account_that_only_leads_are_known_of_is_a_candidate(scorer):
    scorer.enrich("bob", account="kestrel.example", company=FITTING)
    row = free_mail(
        scorer, company="Kestrel Inc", answers={}, person=Person(email="ana@gmail.com", country="US")
    )
    assert row.account == row.lead_id
    match = row.account_match
    assert match is not None
    assert (match.by, match.candidates[0].rejected) == ("none", "another country")
    american = Person(email="eve@gmail.com", country="US")
    same = free_mail(scorer, "eve", company="Kestrel", country="US", answers={}, person=american)
    assert same.account == "kestrel.example"


def test_a_domain_goes_before_a_name(scorer):
    scorer.receive(TOLD)
    scorer.receive(AccountReceivedV1("other.example", relation="customer"))
    known = free_mail(scorer, account="other.example")
    assert (known.account, known.account_match) == ("other.example", None)
    unknown = free_mail(scorer, "eve", account="elsewhere.example")
    assert unknown.account == "brightloom.example"


def test_a_form_of_a_machine_matches_nobody(scorer):
    scorer.receive(TOLD)
    assert free_mail(scorer, source=Origin(honeypot=True)).account == ANA


def test_a_later_form_moves_the_lead_to_the_account_that_it_names(scorer):
    scorer.receive(TOLD)
    free_mail(scorer)
    row = free_mail(scorer, company="Somebody Else", revision=2, sequence=2)
    assert (row.account, row.account_match) == (ANA, None)
    assert scorer.account("brightloom.example").leads == 0


def test_a_matched_lead_goes_where_its_account_goes(scorer):
    scorer.receive(TOLD)
    free_mail(scorer)
    scorer.receive(AccountReceivedV1("group.example", aliases=["brightloom.example"]))
    row = scorer.rows.get(ScoreRow, ANA)
    assert (row.account, row.own_account) == ("group.example", "brightloom.example")
    scorer.receive(AccountReceivedV1("group.example"))
    row = scorer.rows.get(ScoreRow, ANA)
    assert (row.account, row.own_account) == ("brightloom.example", None)


def test_an_alias_is_found_by_its_own_name_and_is_again_what_it_was(scorer):
    scorer.receive(TOLD)
    scorer.receive(AccountReceivedV1("group.example", relation="customer", aliases=["brightloom.example"]))
    renamed = replace(TOLD, name="Brightloom Werke", relation="partner")
    assert scorer.receive(renamed) is Outcome.SUPERSEDED
    row = free_mail(scorer, company="Brightloom Werke")
    assert (row.account, row.own_account) == ("group.example", "brightloom.example")
    assert row.account_match is not None
    assert row.account_match.candidates[0].rank == 0
    row = free_mail(scorer, company="Brightloom Werke", revision=2, sequence=2)
    assert row.account == "group.example"
    scorer.receive(AccountReceivedV1("group.example", relation="customer"))
    assert scorer.rows.get(ScoreRow, ANA).account == "brightloom.example"
    alias = scorer.account("brightloom.example")
    assert (alias.knowledge, alias.own_knowledge, alias.relation) == (renamed, None, "partner")
    assert free_mail(scorer, "bob", company="Brightloom Werke").account == "brightloom.example"


def test_an_account_and_its_alias_of_one_name_are_one_candidate(scorer):
    scorer.receive(TOLD)
    scorer.receive(replace(TOLD, domain="group.example", aliases=["brightloom.example"]))
    row = free_mail(scorer)
    assert row.account == "group.example"
    assert row.account_match is not None
    assert (row.account_match.tie_break, len(row.account_match.candidates)) == (None, 1)


def test_what_a_person_decides_holds_until_somebody_decides_otherwise(scorer):
    scorer.receive(TOLD)
    free_mail(scorer)
    assert scorer.receive(LeadMatchedV1(ANA)) is Outcome.APPLIED
    assert scorer.rows.get(ScoreRow, ANA).account == ANA
    row = free_mail(scorer, revision=2, sequence=2)
    assert row.account_match is not None
    assert (row.account, row.account_match.by) == (ANA, "manual")
    other = free_mail(scorer, "eve")
    assert other.account == other.lead_id
    scorer.receive(LeadMatchedV1(ANA, "brightloom.example"))
    assert scorer.rows.get(ScoreRow, ANA).account == "brightloom.example"
    assert free_mail(scorer, "joe").account == "brightloom.example"
    assert free_mail(scorer, company="Brightloom", revision=3, sequence=3).account == "brightloom.example"


def test_a_lead_may_be_split_from_the_account_of_its_own_domain(scorer):
    scorer.enrich("ana")
    scorer.receive(LeadMatchedV1(lead_id("ana")))
    assert scorer.lead().account == lead_id("ana")
    scorer.receive(LeadMatchedV1(lead_id("ana"), "kestrel.example"))
    assert scorer.lead().account == "kestrel.example"
    assert scorer.account(lead_id("ana")).leads == 0


@pytest.mark.parametrize("told", [LeadMatchedV1(ANA), LeadMatchedV1(lead_id("ana"), "gmail.com")])
def test_who_is_nobody_is_put_nowhere(scorer, told):
    scorer.enrich("ana")
    with pytest.raises(DataError):
        scorer.receive(told)


def test_a_new_name_replaces_the_rows_of_the_old_one(scorer):
    scorer.receive(TOLD)
    before = {row.block for row in names_of(scorer)}
    scorer.receive(AccountReceivedV1("brightloom.example", name="Tarnwell"))
    after = {row.block for row in names_of(scorer)}
    assert before
    assert after
    assert before.isdisjoint(after)
    scorer.receive(AccountReceivedV1("brightloom.example"))
    assert names_of(scorer) == []


def test_what_leads_say_of_a_company_is_bounded_and_goes_with_them(scorer):
    for number in range(SEEN_MAX + 2):
        scorer.enrich(f"p{number}", company=Company(name=f"Kestrel {number}0", country="US"))
    memory = scorer.account().company
    assert len(memory.seen) == SEEN_MAX
    scorer.erase(lead_id("p0"))
    assert lead_id("p0") not in scorer.account().company.seen
    assert all(
        "Kestrel 00" not in [one.name for one in row.seen] for row in names_of(scorer, "kestrel.example")
    )


def test_nothing_of_a_person_is_remembered_but_the_company(scorer):
    scorer.receive(TOLD)
    free_mail(scorer, person=Person(email="ana@gmail.com", email_kind="free", phone="+493012345678"))
    scorer.receive(LeadMatchedV1(ANA, "brightloom.example"))
    scorer.enrich(
        "bob", account="brightloom.example", person=Person(email="b@x.example", phone="+493012345679")
    )
    for row in names_of(scorer):
        assert all(profile.phone is None for profile in (*row.profiles, *row.seen))


def test_the_word_of_a_lead_gives_no_account_the_name_of_another_one(scorer):
    """Anybody may type the address of somebody at a customer, with the name of another company."""
    scorer.receive(TOLD)
    scorer.receive(
        AccountReceivedV1("customer.example", name="Customer Ltd", relation="customer", country="DE")
    )
    scorer.receive(AccountReceivedV1("nameless.example", relation="customer"))
    for account in ("customer.example", "nameless.example"):
        company = Company(name="Brightloom", country="DE")
        scorer.enrich("eve", account=account, company=company, answers={"city": "Berlin"})
    row = free_mail(scorer)
    assert row.account == "brightloom.example"
    assert row.account_match is not None
    assert [one.account for one in row.account_match.candidates] == ["brightloom.example", "nameless.example"]


def test_an_account_of_an_earlier_release_is_found_once_it_is_told_again(scorer):
    scorer.rows.add([AccountRow("brightloom.example", knowledge=TOLD)])
    assert free_mail(scorer).account == ANA
    scorer.receive(TOLD)
    assert free_mail(scorer, sequence=2).account == "brightloom.example"
