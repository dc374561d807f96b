"""An erased person leaves nothing: no row, no timer, no count, no account of their own."""

from __future__ import annotations

import msgspec

from services.scorer.domain.state import AccountRow, ScoreRow
from shared.lead.events.parts import Company, Person
from shared.lead.ids import lead_id_of
from shared.worker.decision import Outcome
from shared.worker.rows import InputRow, TimerRow
from tests.support.enriched_leads import DAY, did, lead_id

BY_PHONE = lead_id_of("phone:+14155550101")
FREE_MAIL = lead_id_of("email:ana@gmail.com")


def everything_stored(scorer) -> str:
    """Return all rows that are about somebody as text; tombstones and claims hold no personal data."""
    kinds = (ScoreRow, AccountRow, TimerRow, InputRow)
    return msgspec.json.encode([scorer.rows.all(kind) for kind in kinds]).decode()


def test_the_row_and_the_timer_of_the_person_are_removed(scorer):
    scorer.enrich(activities=[did("demo_request")])
    scorer.erase(lead_id("ana"))
    assert scorer.lead() is None
    assert scorer.due_at() is None
    stored = everything_stored(scorer)
    assert lead_id("ana") not in stored
    assert "ana@" not in stored


def test_the_person_is_taken_out_of_the_counts_of_their_account(scorer):
    scorer.enrich("ana", activities=[did("demo_request")])
    scorer.enrich("bob", title="Head of IT")
    scorer.erase(lead_id("ana"))
    account = scorer.account()
    assert (account.leads, account.grades, account.roles) == (1, {"A4": 1}, {"it": 1})
    assert set(account.active) == {lead_id("bob")}


def test_an_account_whose_qualification_depended_on_the_person_is_qualified_no_more(scorer):
    scorer.enrich("ana", activities=[did("demo_request")])
    scorer.enrich("bob")
    assert scorer.account().qualified
    scorer.erase(lead_id("ana"))
    assert not scorer.account().qualified
    scorer.act("demo_request", "bob@kestrel.example")
    scorer.enrich("cyd")
    assert "account.qualified" in scorer.event_types()


def test_the_signals_of_the_account_stay(scorer):
    scorer.enrich()
    scorer.signal("job_change", email="ana@kestrel.example", id_="signal-1")
    scorer.erase(lead_id("ana"))
    assert [kept.event_id for kept in scorer.account().signals.values()] == ["signal-1"]
    assert lead_id("ana") not in everything_stored(scorer).replace('"subject":"' + lead_id("ana"), "")


def test_a_person_without_a_company_takes_their_account_with_them(scorer):
    scorer.enrich(
        lead_id=FREE_MAIL, account=FREE_MAIL, person=Person(email="ana@gmail.com"), company=Company()
    )
    scorer.signal("executive_hire", None, email="ana@gmail.com")
    scorer.erase(FREE_MAIL)
    assert scorer.rows.all(AccountRow) == []
    assert scorer.rows.all(ScoreRow) == []


def test_a_lead_is_found_by_its_alias(scorer):
    """The erasure may name the id that the e-mail gives, while the lead began with a phone number."""
    scorer.enrich(lead_id=BY_PHONE)
    scorer.erase(lead_id("ana"))
    assert scorer.rows.all(ScoreRow) == []
    assert scorer.account().leads == 0


def test_parked_activities_are_removed_with_their_timer(scorer):
    scorer.act("demo_request")
    scorer.erase(lead_id("ana"))
    assert scorer.lead() is None
    assert scorer.due_at() is None


def test_an_erasure_names_all_leads_of_a_person(scorer):
    scorer.enrich("ana")
    scorer.enrich("bob")
    scorer.enrich("cyd")
    scorer.erase(lead_id("ana"), lead_id("bob"))
    assert [row.lead_id for row in scorer.rows.all(ScoreRow)] == [lead_id("cyd")]
    assert scorer.account().leads == 1


def test_an_erasure_of_nobody_known_changes_no_row(scorer):
    scorer.enrich("bob")
    before = everything_stored(scorer)
    scorer.erase(lead_id("ana"))
    assert everything_stored(scorer) == before
    assert scorer.emitted == []


def test_an_erasure_that_comes_twice_changes_nothing_the_second_time(scorer):
    scorer.enrich("ana")
    scorer.enrich("bob")
    scorer.erase(lead_id("ana"))
    before = everything_stored(scorer)
    scorer.erase(lead_id("ana"))
    assert everything_stored(scorer) == before


def test_an_event_from_before_the_erasure_brings_nobody_back(scorer):
    scorer.enrich()
    scorer.erase(lead_id("ana"))
    assert scorer.enrich(sequence=2) is Outcome.SUPERSEDED
    assert scorer.act("demo_request") is Outcome.SUPERSEDED
    assert scorer.lead() is None


def test_somebody_who_writes_after_their_erasure_is_a_new_contact(scorer):
    scorer.enrich(activities=[did("webinar")])
    scorer.erase(lead_id("ana"))
    erased_at = scorer.at
    scorer.at += DAY
    # The enricher had not read the erasure when it emitted this one.
    assert scorer.enrich(sequence=2) is Outcome.SUPERSEDED
    assert scorer.enrich(sequence=1, after_erasure=erased_at) is Outcome.APPLIED
    assert scorer.lead().activities == []
    assert scorer.scored()[0].sequence == 1


def test_a_signal_of_the_account_names_the_person_no_more(scorer):
    scorer.enrich()
    scorer.signal("executive_hire", details={"person": "Ana Ruiz", "role": "CFO"}, id_="about her")
    scorer.signal("news", details={"headline": "Ben Berg is CTO"}, id_="about another")
    scorer.erase(
        lead_id("ana"), accounts=["kestrel.example", "unknown.example"], mentions=["hash of name:ana ruiz"]
    )
    details = {kept.event_id: kept.details for kept in scorer.account().signals.values()}
    assert details == {
        "about her": {"person": "[erased]", "role": "CFO"},
        "about another": {"headline": "Ben Berg is CTO"},
    }
