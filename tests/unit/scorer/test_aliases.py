"""The aliases of an account are one account: leads, signals, counts and knowledge join, whenever it is told."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.scorer.domain.account_updates import handle_account
from services.scorer.domain.rescore import AT_ONCE_MAX
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.domain.update_score import ScoringContext
from shared.lead.events.account_received import AccountReceivedV1, Relation
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap, Put
from shared.worker.decision import Outcome
from tests.support.enriched_leads import DAY, did, lead_id, signal
from tests.support.scoring_policies import default_scoring

ALIAS = "kestrel-labs.example"
SECOND = "kestrel.co.uk"


def aliased(
    *aliases: str, domain: str = "kestrel.example", relation: Relation = "customer"
) -> AccountReceivedV1:
    return AccountReceivedV1(domain, relation=relation, aliases=list(aliases))


def accounts_of(scorer) -> dict[str, str]:
    return {row.lead_id: row.account for row in scorer.rows.all(ScoreRow)}


def test_a_lead_of_an_alias_belongs_to_the_account(scorer):
    scorer.receive(aliased(ALIAS))
    scorer.enrich("ana")
    scorer.enrich("bob", account=ALIAS)
    [scored] = scorer.scored()
    assert (scored.account, scorer.emitted[0].key) == ("kestrel.example", "kestrel.example")
    assert (scored.account_view.relation, scored.account_view.people) == ("customer", 2)
    assert scorer.account().leads == 2
    assert scorer.account(ALIAS).leads == 0


def test_leads_join_when_the_alias_is_told_later(scorer):
    scorer.enrich("ana")
    scorer.enrich("bob", account=ALIAS, activities=[did("demo_request")])
    scorer.enrich("cyd", account=SECOND)
    scorer.signal("funding_round", ALIAS)
    assert scorer.receive(aliased(ALIAS, SECOND)) is Outcome.APPLIED
    assert {scored.account for scored in scorer.scored()} == {"kestrel.example"}
    assert {*accounts_of(scorer).values()} == {"kestrel.example"}
    account = scorer.account()
    assert (account.leads, len(account.signals), len(account.active)) == (3, 1, 3)
    assert all(scored.signals.types == ["funding_round"] for scored in scorer.scored()[-3:])
    assert scorer.receive(aliased(ALIAS, SECOND)) is Outcome.UNCHANGED


def test_a_large_alias_is_moved_chunk_by_chunk(scorer):
    names = [f"person-{number}" for number in range(AT_ONCE_MAX + 1)]
    for name in names:
        scorer.enrich(name, account=ALIAS)
    scorer.chunk = 20
    # As the store does for a large account, without its leads.
    changes = ChangeSet(IdentityMap(scorer.rows.all(AccountRow)))
    told = handle_account(changes, ScoringContext(default_scoring(), scorer.at), aliased(ALIAS), "account-1")
    assert (told, changes.emits) == (Outcome.APPLIED, ())
    scorer.rows.apply(changes.changes)
    moved = set()
    while scorer.advance(DAY / 86_400) is not None:
        moved |= {scored.lead_id for scored in scorer.scored()}
    assert moved == {lead_id(name, ALIAS) for name in names}
    assert {*accounts_of(scorer).values()} == {"kestrel.example"}
    assert scorer.account().leads == len(names)


@pytest.mark.parametrize("where", ["kestrel.example", ALIAS])
def test_a_signal_at_the_account_or_at_an_alias_scores_all_of_its_leads(scorer, where):
    scorer.receive(aliased(ALIAS))
    scorer.enrich("ana")
    scorer.enrich("bob", account=ALIAS)
    assert scorer.signal("funding_round", where) is Outcome.APPLIED
    assert {scored.lead_id for scored in scorer.scored()} == {lead_id("ana"), lead_id("bob", ALIAS)}
    other = ALIAS if where == "kestrel.example" else "kestrel.example"
    assert scorer.signal("funding_round", other) is Outcome.UNCHANGED


def test_a_signal_by_the_name_of_account_and_alias_goes_to_the_account(scorer):
    scorer.enrich("ana")
    scorer.enrich("bob", account=ALIAS)
    scorer.receive(aliased(ALIAS))
    assert scorer.signal(domain=None, name="Kestrel") is Outcome.APPLIED
    assert len(scorer.account().signals) == 1


def test_a_withdrawn_alias_takes_its_leads_and_its_signals_with_it(scorer):
    scorer.receive(aliased(ALIAS))
    scorer.enrich("ana")
    scorer.enrich("bob", account=ALIAS)
    scorer.signal("funding_round", ALIAS)
    scorer.signal("hiring_surge", "kestrel.example")
    assert scorer.receive(aliased()) is Outcome.APPLIED
    by_lead = {scored.lead_id: scored for scored in scorer.scored()}
    ana, bob = by_lead[lead_id("ana")], by_lead[lead_id("bob", ALIAS)]
    assert (ana.account, ana.signals.types) == ("kestrel.example", ["hiring_surge"])
    assert (bob.account, bob.signals.types) == (ALIAS, ["funding_round"])
    assert (bob.account_view.relation, bob.account_view.people) == ("none", 1)
    assert (scorer.account().leads, scorer.account(ALIAS).leads) == (1, 1)


def test_what_an_alias_was_known_for_gives_way(scorer):
    scorer.receive(AccountReceivedV1(ALIAS, relation="competitor"))
    scorer.enrich("bob", account=ALIAS)
    scorer.receive(aliased(ALIAS))
    assert [scored.account_view.relation for scored in scorer.scored()] == ["customer"]
    told_of_alias = AccountReceivedV1(ALIAS, relation="competitor")
    assert scorer.receive(told_of_alias) is Outcome.SUPERSEDED
    assert scorer.account(ALIAS).knowledge == aliased(ALIAS)


@pytest.mark.parametrize("in_order", [True, False])
def test_an_alias_belongs_to_the_account_that_began_to_name_it_last(scorer, in_order):
    scorer.receive(aliased(ALIAS))
    scorer.enrich("ana")
    scorer.enrich("bob", account=ALIAS)
    scorer.signal("funding_round", ALIAS)
    told = [aliased(), aliased(ALIAS, domain="other.example", relation="partner")]
    for knowledge in told if in_order else reversed(told):
        scorer.receive(knowledge)
    assert accounts_of(scorer) == {lead_id("ana"): "kestrel.example", lead_id("bob", ALIAS): "other.example"}
    other, account = scorer.account("other.example"), scorer.account()
    assert (other.leads, len(other.signals), account.leads, account.signals) == (1, 1, 1, {})


def test_an_account_that_goes_on_naming_an_alias_does_not_get_it_back(scorer):
    scorer.receive(aliased(ALIAS))
    scorer.receive(aliased(ALIAS, domain="other.example", relation="partner"))
    scorer.receive(aliased(ALIAS, relation="target"))
    scorer.enrich("bob", account=ALIAS)
    assert scorer.scored()[0].account == "other.example"
    scorer.receive(aliased())
    scorer.receive(aliased(ALIAS))
    assert scorer.scored()[0].account == "kestrel.example"


def test_an_account_that_becomes_an_alias_gives_its_own_aliases_back(scorer):
    scorer.receive(aliased(ALIAS, SECOND))
    scorer.enrich("ana")
    scorer.enrich("bob", account=ALIAS)
    scorer.enrich("cyd", account=SECOND)
    scorer.receive(aliased("kestrel.example", SECOND, domain="group.example", relation="partner"))
    assert accounts_of(scorer) == {
        lead_id("ana"): "group.example",
        lead_id("bob", ALIAS): ALIAS,
        lead_id("cyd", SECOND): "group.example",
    }


def test_an_account_is_no_alias_of_itself(scorer):
    scorer.receive(aliased("www.kestrel.example", "kestrel.example"))
    scorer.enrich("ana")
    assert scorer.scored()[0].account == "kestrel.example"


def test_no_account_lead_is_asked_for_while_an_alias_has_leads(scorer):
    scorer.enrich("bob", account=ALIAS)
    scorer.signal("funding_round", ALIAS)
    scorer.receive(aliased(ALIAS, relation="target"))
    assert scorer.event_types() == ["lead.scored"]


def test_an_alias_of_an_earlier_release_joins_with_its_next_knowledge(scorer):
    known = aliased(ALIAS)
    scorer.enrich("bob", account=ALIAS)
    alias = replace(scorer.account(ALIAS), knowledge=known)
    scorer.rows.apply([Put(alias), Put(AccountRow("kestrel.example", knowledge=known))])
    assert scorer.receive(known) is Outcome.APPLIED
    assert scorer.scored()[0].account == "kestrel.example"


def test_a_person_who_writes_from_an_alias_later_keeps_the_account(scorer):
    scorer.receive(aliased(ALIAS))
    scorer.receive(signal("activity", None, email=f"bob@{ALIAS}", details={"activity": {"type": "webinar"}}))
    scorer.enrich("bob", account=ALIAS, lead_id=lead_id("bob", ALIAS))
    assert scorer.scored()[0].account == "kestrel.example"
    assert [activity.type for activity in scorer.scored()[0].activities] == ["webinar"]
