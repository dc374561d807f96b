"""Signals: stored at their account, counted once, parked for accounts and people that are not known yet."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.scorer.domain.intent import UNCOUNTED_LIVE_FOR
from services.scorer.domain.signals import PARKED_FOR
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.domain.subjects import (
    NAME_KEY_LENGTH_MAX,
    SubjectKeys,
    account_keys,
    account_name_key,
    signal_subject_of,
)
from shared.errors import DataError
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Origin, Person, Trigger
from shared.lead.ids import lead_id_of
from shared.storage.rows import Remove
from shared.worker.decision import Outcome
from shared.worker.rows import InputRow
from tests.support.enriched_leads import AT, DAY, did, enriched_lead, lead_id, signal

TARGET = "northpeak.example"
"""A target account of the policy files in `config`."""
FREE_MAIL = lead_id_of("email:ana@gmail.com")


# Whom a signal is about


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        ({}, SubjectKeys("kestrel.example")),
        ({"domain": "https://www.kestrel.example/about"}, SubjectKeys("kestrel.example")),
        ({"name": "Kestrel, Inc."}, SubjectKeys("kestrel.example", "name:kestrel")),
        ({"domain": None, "name": "Kestrel, Inc."}, SubjectKeys(None, "name:kestrel")),
        (
            {"domain": None, "email": "Ana+x@kestrel.example"},
            SubjectKeys("kestrel.example", None, lead_id("ana")),
        ),
        ({"domain": None, "email": "ana@gmail.com"}, SubjectKeys(FREE_MAIL, None, FREE_MAIL)),
        ({"domain": "gmail.com"}, SubjectKeys()),
        ({"domain": None}, SubjectKeys()),
        ({"domain": None, "email": "nobody"}, SubjectKeys()),
    ],
    ids=str,
)
def test_the_subject_of_a_signal_is_what_it_says_of_account_and_person(given, subject):
    assert signal_subject_of(signal(**given)) == subject


def test_an_account_has_a_key_for_its_domain_and_each_alias_once():
    account = AccountReceivedV1(
        "www.kestrel.example", aliases=["kestrel-labs.example", "KESTREL.example", "gmail.com", "?"]
    )
    assert account_keys(account) == ("kestrel.example", "kestrel-labs.example")


def test_an_account_whose_domain_is_no_companys_has_no_keys_whatever_its_aliases():
    assert account_keys(AccountReceivedV1("gmail.com", aliases=["kestrel.example"])) == ()


def test_an_account_has_a_name_key_when_it_has_a_name():
    assert account_name_key(AccountReceivedV1("kestrel.example", name="The Kestrel Ltd.")) == "name:kestrel"
    assert account_name_key(AccountReceivedV1("kestrel.example")) is None


def test_a_name_of_any_length_has_a_key_that_can_be_stored():
    names = ["\ufdfa" * 200, "k" * 200]
    keys = [signal_subject_of(signal(domain=None, name=name)).name_key or "" for name in names]
    assert len({*keys}) == 2
    assert all(key.startswith("name:") and len(key) <= NAME_KEY_LENGTH_MAX for key in keys)


@pytest.mark.parametrize(
    "about_nobody",
    [
        signal(domain=None),
        signal(domain="gmail.com"),
        signal("opt_out"),
        signal("activity", email="nobody", domain=None, details={"activity": {"type": "call"}}),
    ],
    ids=lambda data: f"{data.type} {data.account.domain}",
)
def test_a_signal_about_nobody_is_refused(scorer, about_nobody):
    with pytest.raises(DataError, match=r"^a signal .*needs the ") as refused:
        scorer.receive(about_nobody)
    assert refused.value.kind == "nobody"
    assert scorer.rows.all(AccountRow) == []


# Signals about an account


def test_a_signal_scores_every_lead_of_its_account_again(scorer):
    scorer.enrich("ana")
    scorer.enrich("bob")
    assert scorer.signal(id_="signal-1") is Outcome.APPLIED
    assert {scored.lead_id for scored in scorer.scored()} == {lead_id("ana"), lead_id("bob")}
    for scored in scorer.scored():
        assert scored.trigger == Trigger("signal", "signal-1", "funding_round")
        assert (scored.score.grade, scored.signals.strong) == ("A3", True)


def test_leads_are_scored_again_in_the_order_of_their_ids(scorer):
    for name in ("cyd", "ana", "bob"):
        scorer.enrich(name)
    scorer.signal()
    ids = [scored.lead_id for scored in scorer.scored()]
    assert ids == sorted(ids)


def test_a_signal_that_was_stored_before_changes_nothing(scorer):
    scorer.enrich()
    scorer.signal(id_="signal-1")
    account = scorer.account()
    assert scorer.signal(id_="signal-1") is Outcome.UNCHANGED
    assert scorer.emitted == []
    assert scorer.account() == account


def test_a_signal_stored_already_is_unchanged_even_if_its_claim_was_pruned(scorer):
    scorer.signal(id_="signal-1")
    claims = [Remove(InputRow, row.key) for row in scorer.rows.all(InputRow)]
    scorer.rows.apply(claims)
    assert scorer.signal(id_="signal-1") is Outcome.UNCHANGED


@pytest.mark.parametrize("type_", ["technology_added", "technology_removed", "news", "job_change"])
def test_a_signal_that_no_rule_counts_and_that_never_expires_is_news_for_90_days(scorer, type_: str):
    scorer.enrich()
    assert scorer.signal(type_, id_="news-1", ago=DAY) is Outcome.APPLIED
    [scored] = scorer.scored()
    assert (scored.trigger, scored.score.intent) == (Trigger("signal", "news-1", type_), 0)
    assert (scored.signals.types, scored.signals.strong) == ([type_], False)
    assert [(one.event_id, one.points) for one in scored.signals.live] == [("news-1", 0)]
    scorer.advance(UNCOUNTED_LIVE_FOR - DAY)
    [scored] = scorer.scored()
    assert (scored.signals.types, scored.signals.live, scored.trigger.kind) == ([], [], "decay")


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        ("news", {"ago": UNCOUNTED_LIVE_FOR}),
        ("news", {"expires_at": AT, "ago": DAY}),
        ("intent_surge", {"strength": 20}),
    ],
    ids=["older than that", "expired", "of a rule that does not count it"],
)
def test_a_signal_that_is_not_live_scores_nobody(scorer, type_: str, given: dict[str, Any]):
    scorer.enrich()
    assert scorer.signal(type_, **given) is Outcome.APPLIED
    assert scorer.emitted == []
    assert len(scorer.account().signals) == 1


def test_a_signal_that_no_rule_counts_is_live_until_it_expires(scorer):
    scorer.enrich()
    scorer.signal("news", expires_at=AT + DAY)
    assert [scored.signals.types for scored in scorer.scored()] == [["news"]]
    scorer.advance(DAY)
    [scored] = scorer.scored()
    assert (scored.signals.types, scored.trigger.kind) == ([], "decay")


def test_a_signal_of_a_person_is_kept_without_the_person(scorer):
    scorer.signal("job_change", email="ana@kestrel.example", id_="signal-1")
    [stored] = scorer.account().signals.values()
    assert (stored.event_id, stored.person) == ("signal-1", None)


def test_signals_wait_at_an_account_from_which_nobody_wrote(scorer):
    assert scorer.signal() is Outcome.PARKED
    assert scorer.signal("hiring_surge") is Outcome.PARKED
    assert scorer.emitted == []
    scorer.enrich()
    assert scorer.scored()[0].signals.types == ["funding_round", "hiring_surge"]


def test_a_signal_by_name_goes_to_the_only_account_of_that_name(scorer):
    scorer.enrich()
    assert scorer.signal(domain=None, name="kestrel GMBH") is Outcome.APPLIED
    assert [row.account for row in scorer.rows.all(AccountRow)] == ["kestrel.example"]


def test_a_signal_by_a_name_that_two_accounts_have_is_kept_under_the_name(scorer):
    """To guess would tell a seller of something that happened at another company."""
    scorer.enrich("ana")
    scorer.enrich("bob", account="kestrel.test", company=Company(name="Kestrel", domain="kestrel.test"))
    assert scorer.signal(domain=None, name="Kestrel", id_="signal-1") is Outcome.PARKED
    assert [stored.event_id for stored in scorer.account("name:kestrel").signals.values()] == ["signal-1"]
    assert scorer.signal("hiring_surge", domain=None, name="Kestrel") is Outcome.PARKED
    assert len(scorer.account("name:kestrel").signals) == 2


def test_a_person_on_free_mail_is_an_account_of_their_own(scorer):
    scorer.enrich(
        account=FREE_MAIL, lead_id=FREE_MAIL, person=Person(email="ana@gmail.com"), company=Company()
    )
    assert scorer.signal("executive_hire", None, email="ana@gmail.com") is Outcome.APPLIED
    [scored] = scorer.scored()
    assert (scored.account, scored.signals.types) == (FREE_MAIL, ["executive_hire"])


# Target accounts from which nobody wrote


def test_a_signal_at_a_target_account_asks_for_one_account_lead(scorer):
    assert scorer.signal("executive_hire", TARGET, id_="signal-1") is Outcome.APPLIED
    [event] = scorer.emitted
    assert isinstance(event.data, LeadReceivedV1)
    assert (event.subject, event.key) == (lead_id_of(f"domain:{TARGET}"), TARGET)
    assert event.data.company == Company(domain=TARGET)
    assert event.data.source == Origin(channel="signal")
    assert event.data.trigger == Trigger("signal", "signal-1", "executive_hire")
    assert scorer.account(TARGET).asked
    assert scorer.signal("funding_round", TARGET) is Outcome.APPLIED
    assert scorer.emitted == []


def test_an_account_lead_bears_the_name_that_the_company_gave(scorer):
    scorer.receive(AccountReceivedV1("kestrel.example", name="Kestrel", relation="target"))
    scorer.signal()
    assert scorer.emitted[0].data.company == Company(domain="kestrel.example", name="Kestrel")


@pytest.mark.parametrize("relation", ["none", "customer", "competitor", "partner"])
def test_only_a_target_account_asks_for_a_lead(scorer, relation):
    scorer.receive(AccountReceivedV1("kestrel.example", relation=relation))
    assert scorer.signal() is Outcome.PARKED
    assert scorer.emitted == []
    assert not scorer.account().asked


def test_a_target_account_with_leads_asks_for_none(scorer):
    scorer.enrich(account=TARGET)
    scorer.signal("executive_hire", TARGET)
    assert scorer.event_types() == ["lead.scored"]


# Opt-outs and activities of a person


def test_an_opt_out_is_left_to_the_enricher(scorer):
    scorer.enrich()
    before = scorer.lead()
    assert scorer.signal("opt_out", email="ana@kestrel.example") is Outcome.UNCHANGED
    assert (scorer.emitted, scorer.lead()) == ([], before)


def test_an_activity_raises_the_intent_of_its_lead(scorer):
    scorer.enrich()
    assert scorer.act("demo_request", "ANA+demo@kestrel.example", id_="signal-1") is Outcome.APPLIED
    [scored] = scorer.scored()
    assert (scored.score.grade, scored.trigger) == ("A1", Trigger("signal", "signal-1", "demo_request"))


def test_an_activity_that_moves_the_score_within_its_grade_is_emitted(scorer):
    scorer.enrich(activities=[did("demo_request")])
    assert scorer.act("contact_request") is Outcome.APPLIED
    [scored] = scorer.scored()
    assert (scored.score.grade, scored.score.intent) == ("A1", 100)


def test_an_activity_that_changes_no_score_is_kept_and_not_emitted(scorer):
    scorer.enrich(activities=[did("demo_request"), did("contact_request")])
    assert scorer.act("email_click") is Outcome.APPLIED
    assert scorer.emitted == []
    assert {activity.type for activity in scorer.lead().activities} >= {"email_click"}


def test_an_activity_that_was_reported_twice_is_unchanged(scorer):
    scorer.enrich()
    scorer.act("call", id_="signal-1")
    assert scorer.act("call", id_="signal-2") is Outcome.UNCHANGED
    assert len(scorer.lead().activities) == 1


def test_an_activity_of_an_alias_counts_for_the_lead_that_has_it(scorer):
    by_phone = lead_id_of("phone:+14155550101")
    scorer.enrich(lead_id=by_phone)
    assert scorer.act("demo_request") is Outcome.APPLIED
    assert [row.lead_id for row in scorer.rows.all(ScoreRow)] == [by_phone]
    assert scorer.scored()[0].lead_id == by_phone


def test_another_activity_of_somebody_unknown_prolongs_the_waiting(scorer):
    scorer.act("webinar", id_="signal-1")
    scorer.at += 10 * DAY
    assert scorer.act("call", at=(AT + 10 * DAY).isoformat(), id_="signal-2") is Outcome.PARKED
    assert scorer.due_at() == AT + 10 * DAY + PARKED_FOR
    assert [activity.type for activity in scorer.lead().activities] == ["webinar", "call"]
    assert scorer.advance(PARKED_FOR - timedelta(seconds=1)) is None


@pytest.mark.parametrize("details", [{}, {"activity": "call"}, {"activity": {"type": 3}}, {"activity": {}}])
def test_a_malformed_activity_is_refused_and_the_lead_stays(scorer, details):
    scorer.enrich()
    before = scorer.lead()
    with pytest.raises(DataError, match="activity"):
        scorer.receive(signal("activity", email="ana@kestrel.example", details=details))
    assert scorer.lead() == before


def test_a_lead_on_free_mail_finds_its_own_activities(scorer):
    scorer.act("webinar", "ana@gmail.com")
    lead = enriched_lead(account=FREE_MAIL, lead_id=FREE_MAIL, person=Person(email="ana@gmail.com"))
    scorer.receive(lead)
    assert [activity.type for activity in scorer.rows.get(ScoreRow, FREE_MAIL).activities] == ["webinar"]


def test_a_report_that_is_to_be_stored_in_place_of_an_earlier_one_scores_again(scorer):
    """The lead has the score that it would have if the reports had come in the other order."""
    scorer.enrich()
    expired = AT - timedelta(minutes=1)
    scorer.signal("funding_round", expires_at=expired)
    assert scorer.rows.all(ScoreRow)[0].signals.types == []
    assert scorer.signal("funding_round") is Outcome.APPLIED
    [scored] = scorer.scored()
    assert scored.signals.types == ["funding_round"]
    assert scorer.signal("funding_round", expires_at=expired) is Outcome.UNCHANGED
    assert scorer.emitted == []
