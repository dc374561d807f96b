"""Whom providers named at an account is told with its leads; it changes no score and no count."""

from __future__ import annotations

from msgspec.structs import replace

from services.scorer.domain.erasure import strike_out
from services.scorer.domain.state import AccountRow
from shared.lead.events.account_enriched import AccountEnrichedV1, FoundContact
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_enriched import Enrichment
from shared.lead.events.parts import Person, Trigger
from shared.lead.mentions import Mentions, hashes_of_person
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome
from tests.support.enriched_leads import AT

INES = FoundContact("Ines Moreau", "VP Finance", "economic_buyer", "apollo", 0.8, 8, AT)
TOM = replace(INES, name="Tom Berg", title="CTO", role="technical")


def told(*contacts: FoundContact, sequence: int = 1, account: str = "kestrel.example") -> AccountEnrichedV1:
    return AccountEnrichedV1(account, sequence, [*contacts], Enrichment("complete", 8, []), AT)


def test_every_lead_of_the_account_is_told_again_with_the_same_score(scorer):
    scorer.enrich("ana")
    scorer.enrich("bob")
    before = {lead.lead_id: lead for lead in scorer.scored()}
    assert scorer.receive(told(INES), "found-1") is Outcome.APPLIED
    assert len(scorer.scored()) == 2
    for lead in scorer.scored():
        assert lead.stakeholders_found == [INES]
        assert lead.trigger == Trigger("enrichment", "found-1", "contacts")
        assert lead.account_view.people == 2
        if lead.lead_id in before:
            assert lead.score == before[lead.lead_id].score
    assert (scorer.account().leads, scorer.account().roles) == (2, {"finance": 2})


def test_a_lead_that_comes_later_is_told_with_them(scorer):
    scorer.enrich("ana")
    scorer.receive(told(INES))
    scorer.enrich("bob")
    assert [lead.stakeholders_found for lead in scorer.scored()] == [[INES]]


def test_the_same_again_and_what_is_older_tells_nothing(scorer):
    scorer.enrich()
    scorer.receive(told(INES, sequence=2))
    assert scorer.receive(told(INES, sequence=2)) is Outcome.UNCHANGED
    assert scorer.receive(told(TOM, sequence=1)) is Outcome.SUPERSEDED
    scorer.receive(told(INES, sequence=3))
    assert scorer.emitted == []
    scorer.receive(told(sequence=4))
    assert scorer.scored()[0].stakeholders_found == []


def test_those_of_an_alias_are_those_of_its_account(scorer):
    scorer.enrich()
    scorer.receive(told(INES))
    scorer.receive(told(TOM, account="kestrel.de"))
    scorer.receive(AccountReceivedV1("kestrel.example", aliases=["kestrel.de"]))
    assert scorer.account().contacts == [INES, TOM]
    assert scorer.receive(told(account="kestrel.de", sequence=9)) is Outcome.SUPERSEDED


def test_who_was_erased_is_struck_out(scorer):
    scorer.enrich()
    scorer.receive(told(INES, TOM))
    hashes = hashes_of_person((), [Person(first_name="Ines", last_name="Moreau")], str.upper)
    changes = ChangeSet(scorer.rows)
    strike_out(changes, ["kestrel.example"], Mentions(hashes, str.upper))
    row = changes.get(AccountRow, "kestrel.example")
    assert row is not None
    assert row.contacts == [TOM]
