"""What a company says of an account replaces what was known, and scores its leads when that shows in a score."""

from __future__ import annotations

import pytest

from services.scorer.domain.state import AccountRow
from shared.errors import DataError
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.parts import Company, Trigger
from shared.worker.decision import Outcome
from tests.support.enriched_leads import DAY, lead_id

CUSTOMER = AccountReceivedV1("kestrel.example", relation="customer", owner="ae-1", open_opportunity=True)


def test_what_is_said_of_an_account_reaches_its_leads(scorer):
    scorer.enrich()
    assert scorer.receive(CUSTOMER, "account-1") is Outcome.APPLIED
    [scored] = scorer.scored()
    view = scored.account_view
    assert (view.relation, view.owner, view.open_opportunity) == ("customer", "ae-1", True)
    assert scored.trigger == Trigger("account", "account-1", "customer")


def test_what_is_said_again_changes_nothing(scorer):
    scorer.enrich()
    scorer.receive(CUSTOMER, "account-1")
    assert scorer.receive(CUSTOMER, "account-2") is Outcome.UNCHANGED
    assert scorer.emitted == []


@pytest.mark.parametrize(
    "changed",
    [
        AccountReceivedV1("kestrel.example", relation="partner", owner="ae-1", open_opportunity=True),
        AccountReceivedV1("kestrel.example", relation="customer", owner="ae-2", open_opportunity=True),
        AccountReceivedV1("kestrel.example", relation="customer", owner="ae-1"),
    ],
    ids=["relation", "owner", "open opportunity"],
)
def test_each_field_that_a_score_carries_scores_the_leads_again(scorer, changed):
    scorer.enrich()
    scorer.receive(CUSTOMER)
    assert scorer.receive(changed) is Outcome.APPLIED
    assert len(scorer.scored()) == 1


def test_a_field_that_no_score_carries_is_stored_and_emits_nothing(scorer):
    scorer.enrich()
    scorer.receive(AccountReceivedV1("kestrel.example", relation="customer"))
    segment = AccountReceivedV1("kestrel.example", relation="customer", segment="enterprise")
    assert scorer.receive(segment) is Outcome.APPLIED
    assert scorer.emitted == []
    assert scorer.account().knowledge.segment == "enterprise"


def test_the_last_word_on_an_account_is_the_whole_of_it(scorer):
    scorer.enrich()
    scorer.receive(CUSTOMER)
    scorer.receive(AccountReceivedV1("kestrel.example", relation="customer"))
    [scored] = scorer.scored()
    assert (scored.account_view.owner, scored.account_view.open_opportunity) == (None, False)


def test_without_a_word_on_an_account_its_open_opportunity_is_unknown_and_not_false(scorer):
    scorer.enrich()
    assert scorer.scored()[0].account_view.open_opportunity is None
    scorer.receive(AccountReceivedV1("kestrel.example"))
    assert scorer.scored()[0].account_view.open_opportunity is False


def test_an_account_without_leads_is_stored_for_later(scorer):
    assert scorer.receive(CUSTOMER) is Outcome.APPLIED
    assert scorer.emitted == []
    scorer.enrich()
    assert scorer.scored()[0].account_view.owner == "ae-1"


@pytest.mark.parametrize("domain", ["", "gmail.com", "mailinator.com", "no domain", "10.0.0.1"])
def test_an_account_needs_the_domain_of_a_company(scorer, domain):
    with pytest.raises(DataError, match="domain of a company"):
        scorer.receive(AccountReceivedV1(domain, relation="customer"))
    assert scorer.rows.all(AccountRow) == []


def test_an_account_of_the_policy_files_is_known_until_more_is_said(scorer):
    scorer.enrich(account="rivalworks.example")
    assert scorer.scored()[0].account_view.relation == "competitor"
    scorer.receive(AccountReceivedV1("rivalworks.example", relation="competitor"))
    assert scorer.emitted == []
    scorer.receive(AccountReceivedV1("rivalworks.example", relation="partner"))
    assert scorer.scored()[0].account_view.relation == "partner"


# Signals that waited


def test_signals_ask_for_an_account_lead_once_the_account_becomes_a_target(scorer):
    scorer.signal("news", ago=3 * DAY, id_="signal-1")
    scorer.signal("funding_round", ago=DAY, id_="signal-2")
    assert scorer.receive(AccountReceivedV1("kestrel.example", relation="target")) is Outcome.APPLIED
    [event] = scorer.emitted
    assert event.data.trigger == Trigger("signal", "signal-2", "funding_round")
    assert scorer.account().asked
    scorer.receive(AccountReceivedV1("kestrel.example", relation="target", owner="ae-1"))
    assert scorer.emitted == []


def test_a_target_without_signals_asks_for_nothing(scorer):
    scorer.receive(AccountReceivedV1("kestrel.example", relation="target"))
    assert scorer.emitted == []


def test_a_name_brings_the_signals_that_were_kept_under_it(scorer):
    scorer.enrich(company=Company(domain="kestrel.example"))
    scorer.signal(domain=None, name="Kestrel Inc", id_="signal-1")
    assert scorer.receive(AccountReceivedV1("kestrel.example", name="Kestrel")) is Outcome.APPLIED
    [scored] = scorer.scored()
    assert scored.signals.types == ["funding_round"]
    assert scorer.account("name:kestrel") is None


def test_a_name_without_waiting_signals_only_names_the_account(scorer):
    scorer.enrich(company=Company(domain="kestrel.example"))
    scorer.receive(AccountReceivedV1("kestrel.example"))
    scorer.receive(AccountReceivedV1("kestrel.example", name="Kestrel"))
    assert scorer.emitted == []
    assert scorer.account().name_key == "name:kestrel"


def test_the_signals_of_the_name_go_to_the_domain_and_not_to_its_aliases(scorer):
    scorer.signal(domain=None, name="Kestrel", id_="signal-1")
    scorer.receive(AccountReceivedV1("kestrel.example", name="Kestrel", aliases=["kestrel-labs.example"]))
    assert [stored.event_id for stored in scorer.account().signals.values()] == ["signal-1"]
    assert scorer.account("kestrel-labs.example").signals == {}


# Aliases


def aliased(*aliases: str, relation: str = "customer") -> AccountReceivedV1:
    return AccountReceivedV1("kestrel.example", relation=relation, aliases=list(aliases))  # type: ignore[arg-type]


def test_a_lead_of_an_alias_is_scored_by_what_is_known_of_the_account(scorer):
    scorer.enrich(account="kestrel-labs.example")
    scorer.receive(aliased("kestrel-labs.example"))
    assert [scored.account_view.relation for scored in scorer.scored()] == ["customer"]


def test_an_alias_that_is_named_no_more_loses_what_was_known(scorer):
    scorer.enrich(account="kestrel-labs.example")
    scorer.receive(aliased("kestrel-labs.example"))
    assert scorer.receive(aliased()) is Outcome.APPLIED
    assert [scored.account_view.relation for scored in scorer.scored()] == ["none"]
    assert scorer.account("kestrel-labs.example").knowledge is None


def test_an_account_and_its_aliases_emit_one_score_a_lead(scorer):
    scorer.enrich("ana")
    scorer.enrich("bob", account="labs.example")
    scorer.receive(aliased("labs.example"))
    ids = [scored.lead_id for scored in scorer.scored()]
    assert sorted(ids) == sorted([lead_id("ana"), lead_id("bob", "labs.example")])


def test_only_signals_that_a_name_brings_score_the_leads_again(scorer):
    """The account itself is as it was, so the name decides."""
    scorer.enrich(company=Company(domain="kestrel.example"))
    scorer.receive(AccountReceivedV1("kestrel.example", aliases=["kestrel-labs.example"]))
    scorer.signal(domain=None, name="Kestrel Inc", id_="signal-1")
    named = AccountReceivedV1("kestrel.example", name="Kestrel", aliases=["kestrel-labs.example"])
    assert scorer.receive(named) is Outcome.APPLIED
    assert [scored.signals.types for scored in scorer.scored()] == [["funding_round"]]
    assert scorer.receive(named) is Outcome.UNCHANGED
