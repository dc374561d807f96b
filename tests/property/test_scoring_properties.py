"""Laws of scoring: sums, order, decay, and the instant of the next change."""

from __future__ import annotations

from dataclasses import replace as with_fields
from datetime import timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.scorer.domain.decay import half_life_curve, ramp_curve
from services.scorer.domain.next_change import actionable_parts, next_change_at
from services.scorer.domain.score import ScoreResult, ScoringSubject, compute_score
from services.scorer.policy import CompiledBand, ScoringPolicy
from shared.lead.events.parts import Activity, Company
from shared.lead.events.signal_received import SignalReceivedV1
from tests.support.enriched_leads import AT, DAY, enriched_lead, signal
from tests.support.scoring_policies import between, default_scoring

MICROSECOND = timedelta(microseconds=1)
DEFAULT = default_scoring()
FINE = with_fields(
    DEFAULT,
    bands=(
        CompiledBand("sql", between("score.intent", 40, 50)),
        CompiledBand("mql", between("score.total", 61, 62)),
        CompiledBand("cold"),
    ),
    bands_read=frozenset({"score.intent", "score.total"}),
)
"""A policy whose bands change between grades, and not one way only."""

ages = st.integers(0, 200 * 24 * 3600).map(lambda seconds: timedelta(seconds=seconds))
activities = st.lists(
    st.builds(
        Activity,
        type=st.sampled_from(
            ["demo_request", "contact_request", "page_view", "pricing_view", "content_download", "call"]
        ),
        at=ages.map(lambda age: AT + 20 * DAY - age),
        url=st.sampled_from([None, "/pricing/teams", "https://www.example.com/blog"]),
    ),
    max_size=12,
)


@st.composite
def signals(draw: st.DrawFn, *, rising_too: bool = True) -> list[SignalReceivedV1]:
    types = ["funding_round", "executive_hire", "intent_surge", "hiring_surge", "news"]
    types += ["contract_expiry"] if rising_too else []
    drawn = []
    for type_ in draw(st.lists(st.sampled_from(types), max_size=4)):
        expires_on = (AT + draw(st.integers(-150, 150)) * DAY).date().isoformat()
        drawn.append(
            signal(
                type_,
                ago=draw(ages),
                strength=draw(st.sampled_from([None, 50, 60])),
                details={"expires_on": expires_on} if type_ == "contract_expiry" else {},
                expires_at=draw(st.one_of(st.none(), ages.map(lambda age: AT + 120 * DAY - age))),
            )
        )
    return drawn


@st.composite
def subjects(draw: st.DrawFn, *, rising_too: bool = True) -> ScoringSubject:
    company = Company(
        employees=draw(st.sampled_from([None, 4, 30, 400, 5000])),
        industry=draw(st.sampled_from([None, "Software", "retail"])),
        country=draw(st.sampled_from([None, "US", "BR"])),
        last_funding_at=draw(st.one_of(st.none(), ages.map(lambda age: AT - 2 * age))),
    )
    grades = [*"ABCD"], [*"1234"]
    return ScoringSubject(
        enriched_lead(company=company, title=draw(st.sampled_from([None, "CFO", "Account Manager"]))),
        draw(activities),
        draw(signals(rising_too=rising_too)),
        None,
        *(draw(st.one_of(st.none(), st.sampled_from(names))) for names in grades),
    )


def later(subject: ScoringSubject, now: ScoreResult) -> ScoringSubject:
    return replace(subject, fit_grade=now.fit_grade, intent_grade=now.intent_grade)


@given(subjects())
def test_lines_sum_to_fit_and_to_intent(subject: ScoringSubject) -> None:
    score = compute_score(subject, AT, DEFAULT).score
    assert sum(line.points for line in score.lines if line.part == "fit") == score.fit
    assert sum(line.points for line in score.lines if line.part != "fit") == score.intent
    assert 0 <= score.fit <= 100
    assert 0 <= score.intent <= 100
    assert score.total == int(Fraction(score.fit + score.intent, 2) + Fraction(1, 2))


@given(subjects(), st.randoms(use_true_random=False))
def test_the_order_of_facts_does_not_matter(subject: ScoringSubject, random) -> None:
    shuffled_activities, shuffled_signals = list(subject.activities), list(subject.signals)
    random.shuffle(shuffled_activities)
    random.shuffle(shuffled_signals)
    one = compute_score(subject, AT, DEFAULT)
    other = compute_score(
        replace(subject, activities=shuffled_activities, signals=shuffled_signals), AT, DEFAULT
    )
    assert one.signals == other.signals
    assert sorted(map(repr, one.score.lines)) == sorted(map(repr, other.score.lines))
    assert replace(one.score, lines=[]) == replace(other.score, lines=[])


@given(subjects(rising_too=False), ages, ages)
def test_intent_never_rises_by_waiting(subject: ScoringSubject, wait: timedelta, more: timedelta) -> None:
    first = compute_score(subject, AT + wait, DEFAULT).score.intent
    assert compute_score(subject, AT + wait + more, DEFAULT).score.intent <= first


@given(st.integers(1, 120), st.integers(1, 10**13), st.integers(0, 10**14))
def test_points_halve_exactly(points: int, half_life_us: int, age_us: int) -> None:
    """`points_at(age)` is the whole number next to `points / 2 ** (age / half_life)`; halves are rounded up."""
    curve = half_life_curve(points, half_life_us * MICROSECOND)
    age_us %= 10 * half_life_us
    whole, rest = divmod(age_us, half_life_us)
    points_at = curve.points_at(age_us * MICROSECOND)
    exact = points / 2**whole * 2 ** (-rest / half_life_us)
    assert abs(points_at - exact) <= 0.5 + 1e-9
    if rest == 0:
        assert points_at == int(Fraction(points, 2**whole) + Fraction(1, 2))


@given(st.integers(1, 120), st.integers(1, 10**13), st.integers(0, 10**13), st.integers(0, 10**14))
def test_points_rise_in_a_line(points: int, rises_us: int, ends_us: int, before_us: int) -> None:
    curve = ramp_curve(points, rises_us * MICROSECOND, ends_us * MICROSECOND)
    climbed = max(0, rises_us - before_us % (2 * rises_us))
    expected = int(Fraction(points * climbed, rises_us) + Fraction(1, 2))
    if before_us % (2 * rises_us) > 0 or ends_us > 0:
        assert curve.points_at((climbed - rises_us) * MICROSECOND) == expected
    assert curve.points_at(ends_us * MICROSECOND) == 0


@settings(max_examples=150)
@given(subjects(), st.sampled_from([DEFAULT, FINE]), st.lists(st.integers(0, 999), max_size=30))
def test_nothing_changes_before_the_next_change(
    subject: ScoringSubject, policy: ScoringPolicy, instants: list[int]
) -> None:
    now = compute_score(subject, AT, policy)
    held = later(subject, now)
    due = next_change_at(subject, now, AT, policy)
    horizon = due or AT + 3000 * DAY
    for instant in instants:
        between_us = (horizon - AT) // MICROSECOND * instant // 1000
        assert actionable_parts(
            compute_score(held, AT + between_us * MICROSECOND, policy)
        ) == actionable_parts(now)
    if due is not None:
        assert due > AT
        assert actionable_parts(compute_score(held, due - MICROSECOND, policy)) == actionable_parts(now)
        assert actionable_parts(compute_score(held, due, policy)) != actionable_parts(now)


@settings(max_examples=60)
@given(subjects(), st.integers(1, 400))
def test_timers_find_every_grade_that_a_daily_computation_finds(subject: ScoringSubject, days: int) -> None:
    """Going from one next change to the next leads to the same grades as a computation every day."""
    end = AT + days * DAY
    by_timer, at, now = subject, AT, compute_score(subject, AT, DEFAULT)
    while (due := next_change_at(by_timer, now, at, DEFAULT)) is not None and due <= end:
        by_timer, at = later(by_timer, now), due
        now = compute_score(by_timer, at, DEFAULT)
    by_day, daily = subject, compute_score(subject, AT, DEFAULT)
    for day in range(1, days + 1):
        by_day = later(by_day, daily)
        daily = compute_score(by_day, AT + day * DAY, DEFAULT)
    assert actionable_parts(daily) == actionable_parts(compute_score(later(by_timer, now), end, DEFAULT))


@given(st.integers(0, 100), st.lists(st.integers(0, 100), max_size=5), st.sampled_from("1234"))
def test_falling_by_steps_or_at_once_ends_in_one_grade(end: int, stops: list[int], before: str) -> None:
    floors, held = DEFAULT.intent_floors, before
    for points in sorted({stop for stop in stops if stop > end}, reverse=True):
        # A fall begins no higher than the grade it began with.
        if points < dict(floors.grades)[before] + 1:
            held = floors.grade(points, held, 5)
    assert floors.grade(end, held, 5) == floors.grade(end, before, 5)
