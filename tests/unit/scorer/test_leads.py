"""An enriched lead is scored, a newer one replaces it, and its decay timer scores it again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.scorer.domain.leads import alias_of
from services.scorer.domain.signals import PARKED_FOR
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.domain.update_score import DECAY, ROLE
from shared.lead.events.parts import Company, Origin, Person, Trigger
from shared.lead.ids import lead_id_of
from shared.storage.rows import Put
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow
from shared.worker.timers import timer_event
from tests.support.enriched_leads import AT, DAY, did, enriched_lead, event_of, lead_id

MICROSECOND = timedelta(microseconds=1)
BY_PHONE = lead_id_of("phone:+14155550101")


# Scoring


def test_a_first_lead_is_scored_and_emitted_with_the_lead_and_its_account(scorer):
    assert scorer.enrich(activities=[did("demo_request")]) is Outcome.APPLIED
    [event] = scorer.emitted
    scored = event.data
    assert (event.subject, event.key) == (lead_id("ana"), "kestrel.example")
    assert (scored.score.grade, scored.score.band, scored.sequence) == ("A1", "sql", 1)
    assert scored.person.email == "ana@kestrel.example"
    assert (scored.account_view.people, scored.account_view.market) == (1, "core")
    assert scored.occurred_at == scorer.at


def test_the_row_keeps_the_score_without_its_lines_and_the_lead_without_its_activities(scorer):
    scorer.enrich(activities=[did("demo_request")])
    row = scorer.lead()
    assert row.score.lines == []
    assert row.lead.activities == []
    assert [activity.type for activity in row.activities] == ["demo_request"]


def test_the_trigger_names_the_event_before_the_enrichment_and_the_strongest_activity(scorer):
    scorer.enrich(causation_id="received-7", activities=[did("page_view"), did("webinar")])
    [scored] = scorer.scored()
    assert scored.trigger == Trigger("lead", "received-7", "webinar")


def test_a_lead_that_brings_its_own_trigger_keeps_it(scorer):
    scorer.enrich(trigger=Trigger("signal", "signal-1", "funding_round"))
    [scored] = scorer.scored()
    assert scored.trigger == Trigger("signal", "signal-1", "funding_round")


@pytest.mark.parametrize(
    ("sequence", "outcome"), [(1, Outcome.SUPERSEDED), (2, Outcome.UNCHANGED), (3, Outcome.APPLIED)]
)
def test_only_a_newer_enrichment_is_applied(scorer, sequence, outcome):
    scorer.enrich(sequence=2)
    before = scorer.lead()
    assert scorer.enrich(sequence=sequence, title="Clerk") is outcome
    assert bool(scorer.emitted) is (outcome is Outcome.APPLIED)
    assert (scorer.lead() == before) is (outcome is not Outcome.APPLIED)


def test_late_data_of_the_same_form_is_an_enrichment_and_a_new_form_is_a_lead(scorer):
    scorer.enrich(sequence=1, revision=1)
    scorer.enrich(sequence=2, revision=1)
    [late] = scorer.scored()
    scorer.enrich(sequence=3, revision=2)
    [new_form] = scorer.scored()
    assert [late.trigger.kind, new_form.trigger.kind] == ["enrichment", "lead"]
    assert [late.sequence, new_form.sequence] == [2, 3]


def test_a_revision_never_goes_back(scorer):
    scorer.enrich(sequence=1, revision=3)
    scorer.enrich(sequence=2, revision=2)
    assert scorer.lead().revision == 3
    assert scorer.scored()[0].trigger.kind == "enrichment"


def test_activities_of_all_forms_are_kept_once_each(scorer):
    first, second = did("webinar", DAY), did("call")
    scorer.enrich(sequence=1, activities=[first])
    scorer.enrich(sequence=2, revision=2, activities=[first, second])
    assert scorer.lead().activities == [first, second]


@pytest.mark.parametrize("submitted_at", [None, AT - 3 * DAY])
def test_a_form_counts_as_activity_of_the_person_in_the_account(scorer, submitted_at):
    """The time that the form gives wins over the time of the enrichment."""
    scorer.enrich(source=Origin(channel="website", submitted_at=submitted_at))
    assert scorer.account().active == {lead_id("ana"): submitted_at or AT}


def test_late_data_is_no_activity_of_the_person(scorer):
    scorer.enrich(source=Origin(submitted_at=AT - 9 * DAY))
    scorer.enrich(sequence=2)
    assert scorer.account().active == {lead_id("ana"): AT - 9 * DAY}


# Aliases and parked activities


def test_a_lead_has_an_alias_when_its_email_alone_gives_another_id():
    assert alias_of(enriched_lead()) is None
    assert alias_of(enriched_lead(lead_id=BY_PHONE)) == lead_id("ana")
    assert alias_of(enriched_lead(lead_id=BY_PHONE, person=Person(phone="+14155550101"))) is None


def test_activities_from_before_the_first_form_count_when_it_comes(scorer):
    assert scorer.act("demo_request") is Outcome.PARKED
    assert scorer.lead().lead is None
    assert scorer.due_at() == AT + PARKED_FOR
    scorer.enrich()
    assert scorer.score().grade == "A1"
    assert scorer.due_at() == scorer.lead().due_at != AT + PARKED_FOR


def test_activities_that_were_parked_under_the_alias_move_to_the_lead(scorer):
    scorer.act("webinar")
    scorer.enrich(lead_id=BY_PHONE)
    assert [row.lead_id for row in scorer.rows.all(ScoreRow)] == [BY_PHONE]
    assert [activity.type for activity in scorer.rows.get(ScoreRow, BY_PHONE).activities] == ["webinar"]
    assert scorer.due_at() is None


def test_a_lead_of_its_own_is_not_taken_for_parked_activities(scorer):
    """Two leads, of which one has the id that the e-mail of the other gives, both stay."""
    scorer.enrich(activities=[did("webinar")])
    scorer.enrich(lead_id=BY_PHONE)
    assert {row.lead_id for row in scorer.rows.all(ScoreRow)} == {BY_PHONE, lead_id("ana")}
    assert scorer.rows.get(ScoreRow, BY_PHONE).activities == []


# The account of a lead


def test_a_lead_gives_its_account_the_name_of_the_company(scorer):
    scorer.enrich()
    assert scorer.account().name_key == "name:kestrel"
    scorer.enrich(sequence=2, company=Company(name="Kestrel Labs", domain="kestrel.example"))
    assert scorer.account().name_key == "name:kestrel"


def test_signals_that_were_kept_under_the_name_move_to_the_account(scorer):
    assert scorer.signal(domain=None, name="KESTREL, Inc.", id_="signal-1") is Outcome.PARKED
    scorer.enrich()
    assert [kept.event_id for kept in scorer.account().signals.values()] == ["signal-1"]
    assert scorer.account("name:kestrel") is None
    assert scorer.scored()[0].signals.types == ["funding_round"]


def test_a_person_without_a_company_adopts_no_signals_by_name(scorer):
    scorer.signal(domain=None, name="Kestrel", id_="signal-1")
    scorer.enrich(account=lead_id("ana"), lead_id=lead_id("ana"))
    assert scorer.account("name:kestrel") is not None
    assert scorer.scored()[0].signals.types == []


def test_a_lead_that_changes_its_account_leaves_the_counts_of_the_old_one(scorer):
    scorer.enrich(lead_id=lead_id("ana"), activities=[did("call")])
    scorer.enrich(lead_id=lead_id("ana"), sequence=2, account="new.example")
    left, joined = scorer.account(), scorer.account("new.example")
    assert (left.leads, left.grades, left.active) == (0, {}, {})
    assert (joined.leads, joined.grades) == (1, {"A4": 1})


def test_a_lead_may_leave_an_account_of_which_no_row_is_stored(scorer):
    scorer.rows.apply([Put(ScoreRow(lead_id("ana"), "gone.example"))])
    assert scorer.enrich() is Outcome.APPLIED
    assert scorer.account("gone.example") is None


# Decay


def test_the_decay_timer_is_set_for_the_instant_at_which_the_grade_falls(scorer):
    scorer.enrich(activities=[did("demo_request")])
    due_at = scorer.due_at()
    scorer.at = due_at - MICROSECOND
    assert scorer.fire_due() is None
    assert scorer.advance(MICROSECOND) is Outcome.APPLIED
    [scored] = scorer.scored()
    assert (scored.score.grade, scored.trigger.kind) == ("A2", "decay")
    assert scorer.due_at() > due_at


def test_a_lead_decays_grade_by_grade_until_nothing_is_left_to_change(scorer):
    scorer.enrich(activities=[did("demo_request")])
    grades = []
    while (due_at := scorer.due_at()) is not None:
        scorer.at = due_at
        scorer.fire_due()
        grades += [scored.score.grade for scored in scorer.scored()]
    assert grades == ["A2", "A3", "A4"]
    assert scorer.lead().due_at is None


def test_a_held_grade_is_kept_within_the_hysteresis_when_the_lead_is_scored_again(scorer):
    """After four days the intent is 74 and the new fit 70: a new lead would get B2."""
    scorer.enrich(activities=[did("demo_request")])
    assert scorer.score().grade == "A1"
    scorer.at += 4 * DAY
    smaller_fit = Company(employees=1_500, industry="software", country="US")
    scorer.enrich(sequence=2, company=smaller_fit)
    assert (scorer.score().fit, scorer.score().intent, scorer.score().grade) == (70, 74, "A1")
    scorer.enrich("bob", company=smaller_fit, activities=[did("demo_request")])
    assert scorer.score("bob").grade == "B2"


def test_a_decay_timer_whose_lead_changed_no_grade_only_sets_the_next_timer(scorer):
    """A timer of an earlier policy may come before anything changes."""
    scorer.enrich(activities=[did("demo_request")])
    due_at = scorer.due_at()
    early = TimerRow(subject=lead_id("ana"), role=ROLE, kind=DECAY, due_at=AT + DAY)
    scorer.rows.apply([Put(early)])
    scorer.at = AT + DAY
    # The counts are checked after the event, once the timer is the one that the row names again.
    assert scorer.process(timer_event(early, scorer.at)) is Outcome.UNCHANGED
    assert scorer.emitted == []
    assert scorer.due_at() == due_at


def test_parked_activities_of_a_person_who_never_wrote_are_removed(scorer):
    scorer.act("demo_request")
    assert scorer.advance(PARKED_FOR) is Outcome.UNCHANGED
    assert scorer.lead() is None
    assert scorer.due_at() is None


def test_a_timer_of_a_lead_that_is_gone_is_removed(scorer):
    timer = TimerRow(subject="nobody", role=ROLE, kind=DECAY, due_at=AT)
    scorer.rows.apply([Put(timer)])
    assert scorer.process(timer_event(timer, AT)) is Outcome.UNCHANGED
    assert scorer.rows.all(TimerRow) == []


def test_the_account_keeps_what_it_stored_when_a_lead_is_scored_again(scorer):
    scorer.signal(id_="signal-1")
    scorer.enrich()
    scorer.enrich("bob")
    account = scorer.account()
    assert isinstance(account, AccountRow)
    assert [kept.event_id for kept in account.signals.values()] == ["signal-1"]
    assert account.grades == {"A3": 2}


def test_an_event_that_comes_twice_is_applied_once(scorer):
    event = event_of(enriched_lead(), "enriched-1")
    assert scorer.process(event) is Outcome.APPLIED
    rows = scorer.rows.all(ScoreRow)
    assert scorer.process(event) is Outcome.UNCHANGED
    assert scorer.rows.all(ScoreRow) == rows


# Merged leads

CALLER = {"lead_id": BY_PHONE, "person": Person(phone="+14155550101"), "account": BY_PHONE}


def test_a_merged_lead_is_counted_no_more_and_its_activities_move(scorer):
    scorer.enrich("ana", account="kestrel.example")
    scorer.enrich("call", account="kestrel.example", activities=[did("demo_request")])
    assert scorer.rows.get(AccountRow, "kestrel.example").leads == 2
    scorer.enrich("ana", account="kestrel.example", revision=2, sequence=2, merged=[lead_id("call")])
    [scored] = scorer.scored()
    assert (scored.merged, scored.account_view.people) == ([lead_id("call")], 1)
    assert [activity.type for activity in scored.activities] == ["demo_request"]
    assert scorer.rows.get(AccountRow, "kestrel.example").leads == 1


def test_the_account_that_a_merged_person_was_goes_with_them(scorer):
    scorer.enrich(**CALLER)
    scorer.enrich("ana", merged=[BY_PHONE])
    assert scorer.rows.get(AccountRow, BY_PHONE) is None


@pytest.mark.parametrize("known", [True, False])
def test_what_arrives_late_of_a_merged_lead_is_superseded(scorer, known):
    if known:
        scorer.enrich(**CALLER)
    scorer.enrich("ana", merged=[BY_PHONE])
    assert scorer.enrich(**CALLER, revision=2, sequence=2) is Outcome.SUPERSEDED
    assert scorer.emitted == []


def test_a_merge_is_repeated_without_effect(scorer):
    scorer.enrich("call", activities=[did("demo_request")])
    scorer.enrich("ana", merged=[lead_id("call")])
    rows = [scorer.rows.get(ScoreRow, lead_id("call")), scorer.rows.all(AccountRow)]
    scorer.enrich("ana", sequence=2, merged=[lead_id("call")])
    assert scorer.rows.get(ScoreRow, lead_id("call")) == rows[0]
    assert [row.leads for row in scorer.rows.all(AccountRow)] == [row.leads for row in rows[1]]
