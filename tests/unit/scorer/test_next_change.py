"""The instant at which a score changes by the passing of time alone, to the microsecond."""

from __future__ import annotations

from dataclasses import replace as with_fields
from datetime import UTC, datetime, timedelta

import pytest

from services.scorer.domain.next_change import actionable_parts, next_change_at
from services.scorer.domain.score import ScoreResult, ScoringSubject, compute_score
from services.scorer.policy import CompiledBand, ScoringPolicy, scoring_policy
from shared.lead.events.parts import Company
from shared.policy.compiled import compiled
from shared.policy.load import load
from tests.support.enriched_leads import AT, DAY, did, enriched_lead, signal
from tests.support.scoring_policies import between, compiled_with, default_scoring, texts_with

TICK = timedelta(microseconds=1)
POLICY = default_scoring()
SQL = "- {band: sql, when: {field: score.grade, in: [A1, A2, B1]}}\n"


def subject_of(*activities, signals=(), lead=None, **held) -> ScoringSubject:
    return ScoringSubject(lead or enriched_lead(), activities, signals, None, **held)


def next_change(
    subject: ScoringSubject, policy: ScoringPolicy = POLICY, at: datetime = AT
) -> datetime | None:
    """Return the next change, after a check that the score differs from there on and not before."""
    now = compute_score(subject, at, policy)
    due_at = next_change_at(subject, now, at, policy)
    if due_at is not None:
        held = ScoringSubject(
            subject.lead, subject.activities, subject.signals, None, now.fit_grade, now.intent_grade
        )
        assert parts(held, due_at - TICK, policy) == actionable_parts(now)
        assert parts(held, due_at, policy) != actionable_parts(now)
    return due_at


def parts(subject: ScoringSubject, at: datetime, policy: ScoringPolicy) -> tuple[object, ...]:
    return actionable_parts(compute_score(subject, at, policy))


def result(subject: ScoringSubject, at: datetime = AT) -> ScoreResult:
    return compute_score(subject, at, POLICY)


# Nothing changes


@pytest.mark.parametrize(
    "subject",
    [
        subject_of(),
        subject_of(did("page_view")),
        subject_of(did("email_click")),
        subject_of(did("demo_request", 900 * DAY)),
        subject_of(signals=[signal("news", ago=90 * DAY)]),
        subject_of(signals=[signal("contract_expiry", details={"expires_on": "soon"})]),
        subject_of(signals=[signal("news", expires_at=AT)]),
    ],
    ids=[
        "no facts",
        "points below every floor",
        "no rule",
        "all points gone",
        "old signal without a rule",
        "no day to rise to",
        "expired",
    ],
)
def test_a_score_without_a_grade_or_signal_to_lose_never_changes(subject):
    assert next_change(subject) is None


# Activities


def test_a_grade_is_lost_when_points_fall_below_its_floor_less_the_hysteresis():
    due_at = next_change(subject_of(did("demo_request")))
    assert due_at is not None
    assert result(subject_of(did("demo_request"), intent_grade="1"), due_at - TICK).score.intent == 70
    assert result(subject_of(did("demo_request"), intent_grade="1"), due_at).score.intent == 69


def test_an_activity_ahead_of_time_starts_to_decay_when_it_happens():
    early, late = (next_change(subject_of(did("demo_request", ago))) for ago in (timedelta(), -5 * DAY))
    assert early is not None
    assert late == early + 5 * DAY


def test_more_activities_hold_a_grade_longer():
    one = next_change(subject_of(did("demo_request")))
    more = next_change(subject_of(did("demo_request"), did("contact_request"), did("webinar")))
    assert one is not None
    assert more is not None
    assert more > one


def test_a_capped_rule_holds_its_points_until_it_is_below_the_cap():
    """Two demo requests give 180 points, of which the rule counts 90: the first half-life costs nothing."""
    one = next_change(subject_of(did("demo_request")))
    two = next_change(subject_of(did("demo_request"), did("demo_request", TICK)))
    assert one is not None
    assert two is not None
    assert two > one + 13 * DAY


def test_the_change_is_reckoned_from_the_instant_that_is_asked_for():
    subject = subject_of(did("demo_request"))
    first = next_change(subject)
    assert first is not None
    held = subject_of(did("demo_request"), intent_grade="1")
    assert next_change(held, at=first - DAY) == first
    second = next_change(subject_of(did("demo_request"), intent_grade="2"), at=first)
    assert second is not None
    assert second > first


# Signals


def test_a_signal_ends_when_it_expires():
    assert next_change(subject_of(signals=[signal("news", expires_at=AT + 3 * DAY)])) == AT + 3 * DAY


def test_a_signal_ends_when_less_than_half_a_point_is_left():
    due_at = next_change(subject_of(signals=[signal("hiring_surge", ago=timedelta())]))
    assert due_at is not None
    # 20 points are one half after 5.32 half-lives of 45 days.
    assert AT + 239 * DAY < due_at < AT + 240 * DAY


def test_the_first_of_several_ends_is_the_change():
    first, second = (signal("news", expires_at=AT + days * DAY) for days in (2, 5))
    other = signal("technology_added", expires_at=AT + 3 * DAY)
    assert next_change(subject_of(signals=[second, other])) == AT + 3 * DAY
    assert next_change(subject_of(signals=[first, second, other])) == AT + 3 * DAY


def test_of_two_signals_of_one_type_only_the_last_end_is_a_change():
    twice = [signal("news", expires_at=AT + days * DAY) for days in (2, 5)]
    assert next_change(subject_of(signals=twice)) == AT + 5 * DAY


def test_a_rising_signal_becomes_live_with_its_first_point_and_ends_after_its_day():
    expiring = signal("contract_expiry", details={"expires_on": "2026-07-01"})
    day = datetime(2026, 7, 1, tzinfo=UTC)
    due_at = next_change(subject_of(signals=[expiring]))
    # 50 points rise over 90 days: the first half point is there after 90 / 100 of a day.
    assert due_at == day - 90 * DAY + 0.9 * DAY
    assert next_change(subject_of(signals=[expiring]), at=day) is not None
    assert next_change(subject_of(signals=[expiring]), at=day + 30 * DAY) is None


# Bands that follow points


def banded(*bands: CompiledBand, reads: str = "score.intent") -> ScoringPolicy:
    return with_fields(POLICY, bands=bands, bands_read=frozenset({reads}))


def test_a_band_on_points_changes_within_a_grade():
    policy = banded(CompiledBand("sql", between("score.intent", 81, 100)))
    due_at = next_change(subject_of(did("demo_request")), policy)
    assert due_at is not None
    assert result(subject_of(did("demo_request")), due_at).score.intent == 80
    assert due_at < (next_change(subject_of(did("demo_request"))) or due_at)


def test_a_band_may_come_and_go_while_points_fall():
    policy = banded(CompiledBand("mql", between("score.total", 91, 92)), reads="score.total")
    subject, at, bands = subject_of(did("demo_request")), AT, []
    for _ in range(3):
        bands.append(compute_score(subject, at, policy).score.band)
        due_at = next_change(subject, policy, at)
        assert due_at is not None
        at = due_at
    assert bands == ["cold", "mql", "cold"]


def test_two_facts_that_step_at_one_instant_are_one_change():
    policy = banded(CompiledBand("sql", between("score.intent", 60, 60)))
    twice = subject_of(did("content_download"), did("webinar"))
    assert compute_score(twice, AT, policy).score.band == "sql"
    due_at = next_change(twice, policy)
    assert due_at is not None
    assert compute_score(twice, due_at, policy).score.intent == 58


def test_a_signal_that_expires_is_a_change_among_steps_of_points():
    policy = banded(CompiledBand("sql", between("score.intent", 99, 100)))
    subject = subject_of(did("content_download"), signals=[signal("news", expires_at=AT + DAY / 24)])
    assert next_change(subject, policy) == AT + DAY / 24


def test_points_may_fall_to_nothing_without_a_change_of_the_band():
    """Every step is gone through, down to the last one."""
    policy = banded(CompiledBand("sql", between("score.intent", 99, 100)))
    assert next_change(subject_of(did("page_view")), policy) is None


def test_a_step_at_or_after_a_change_of_a_condition_is_left_to_the_score_from_there():
    """The signal's condition ends first, so its later steps never come."""
    hiring = "- {name: hiring, on: hiring_surge, points: 20, half_life: 45d}"
    fresh = hiring.replace("45d", "45d, when: {field: signal.details.seen_at, within: 2d}")
    by_points = (SQL, "- {band: sql, when: {field: score.intent, gte: 1}}\n")
    texts = texts_with(scoring=by_points)
    texts["scoring.yaml"] = texts["scoring.yaml"].replace(hiring, fresh)
    policy = scoring_policy(compiled(load(texts)))
    seen = signal("hiring_surge", ago=timedelta(), details={"seen_at": AT.isoformat()})
    subject = subject_of(did("page_view"), signals=[seen])
    assert next_change(subject, policy) == AT + 2 * DAY + TICK


# Conditions on an age


def test_a_condition_on_the_age_of_a_field_changes_where_its_time_is_over():
    company = with_company(last_funding_at=AT - 364 * DAY, revenue_usd=5)
    policy = scoring_policy(compiled_with(scoring=(SQL, FIT_BAND)))
    assert next_change(subject_of(lead=company), policy) == AT + DAY + TICK


def test_a_condition_on_the_age_that_changes_no_grade_is_passed_over():
    """The 5 points for young money leave the grade as it is, so nothing is due."""
    assert next_change(subject_of(lead=with_company(last_funding_at=AT - 364 * DAY, revenue_usd=5))) is None


def test_a_fit_grade_is_held_within_the_hysteresis_when_a_fact_grows_too_old():
    """The fit falls from 75 to 70 when the funding is a year old, and A is kept down to 70."""
    lead = enriched_lead(
        company=Company(employees=1_500, industry="software", country="US", last_funding_at=AT - 364 * DAY)
    )
    assert result(subject_of(lead=lead)).score.fit == 75
    assert result(subject_of(lead=lead), AT + 2 * DAY).score.grade == "B4"
    assert next_change(subject_of(lead=lead)) is None


def test_a_decay_before_the_condition_changes_comes_first():
    policy = scoring_policy(compiled_with(scoring=(SQL, FIT_BAND)))
    lead = with_company(last_funding_at=AT - 200 * DAY, revenue_usd=5)
    due_at = next_change(subject_of(did("demo_request"), lead=lead), policy)
    assert due_at is not None
    assert due_at < AT + 6 * DAY


def test_a_detail_of_a_signal_may_be_asked_for_its_age():
    hiring = "- {name: hiring, on: hiring_surge, points: 20, half_life: 45d}"
    fresh = (
        "- {name: hiring, on: hiring_surge, points: 20, half_life: 45d,"
        " when: {field: signal.details.seen_at, within: 2d}}"
    )
    policy = scoring_policy(compiled_with(scoring=(hiring, fresh)))
    seen = signal("hiring_surge", details={"seen_at": AT.isoformat()})
    assert next_change(subject_of(signals=[seen]), policy) == AT + 2 * DAY + TICK
    unseen = signal("hiring_surge", details={})
    assert next_change(subject_of(signals=[unseen]), policy) is None


def test_an_instant_beyond_the_calendar_never_comes():
    renewal = "- {band: sql, when: {field: answers.renewal, within: 3650d}}\n"
    policy = scoring_policy(compiled_with(scoring=(SQL, renewal)))
    lead = enriched_lead(answers={"renewal": "9995-01-01T00:00:00Z"})
    due_at = next_change(subject_of(lead=lead), policy)
    assert due_at == datetime(9995, 1, 1, tzinfo=UTC)
    assert next_change(subject_of(lead=lead), policy, at=due_at) is None


FIT_BAND = "- {band: sql, when: {field: company.last_funding_at, within: 365d}}\n"


def with_company(**fields):
    company = {"employees": 420, "industry": "software", "country": "US", "technologies": ["sap"], **fields}
    return enriched_lead(company=Company(**company))
