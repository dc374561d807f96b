"""The instant at which decaying intent falls below the floor of a grade."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.scorer.domain.grade_decay import DecayingIntent
from services.scorer.domain.intent import MatchedFact
from services.scorer.policy import CompiledIntentRule
from tests.support.enriched_leads import AT
from tests.support.scoring_policies import default_scoring

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def falling(rule: CompiledIntentRule, *ages: timedelta) -> DecayingIntent:
    matches = [MatchedFact(rule, "demo_request", "", AT - age, rule.curve) for age in ages]
    return DecayingIntent(matches, default_scoring())


@pytest.mark.parametrize("half_life", [timedelta(seconds=1), DAY, 30_000 * DAY])
def test_a_half_is_left_after_a_half_life_to_the_microsecond(half_life: timedelta) -> None:
    demo = falling(CompiledIntentRule("demo", 80, half_life), half_life / 2)
    # 40 is what 39.5 and more round to: the step down lies a little after the half-life.
    below_at = demo.falls_below(40, AT)
    assert below_at is not None
    points_at = CompiledIntentRule("demo", 80, half_life).curve.points_at
    age = below_at - AT + half_life / 2
    assert (points_at(age - TICK), points_at(age)) == (40, 39)


def test_a_capped_rule_falls_only_once_it_is_below_its_cap() -> None:
    rule = CompiledIntentRule("demo", 40, 10 * DAY, max=40)
    below_at = falling(rule, timedelta(), timedelta()).falls_below(40, AT)
    assert below_at is not None
    assert below_at - AT > 10 * DAY


def test_points_that_decay_beyond_the_end_of_the_calendar_never_fall_below() -> None:
    assert falling(CompiledIntentRule("demo", 80, 10**8 * DAY), DAY).falls_below(40, AT) is None


@pytest.mark.parametrize(
    ("group", "cap", "first_days"),
    [("web", 40, 10), ("events", 80, 0), (None, 80, 0)],
    ids=["a group with a cap", "a group without one", "no group"],
)
def test_the_points_of_a_group_count_up_to_its_cap_if_it_has_one(group, cap, first_days) -> None:
    """The default policy caps the group `web` at 40: two rules with 80 points hold that for a half-life."""
    rules = [CompiledIntentRule(name, 40, 10 * DAY, group=group) for name in ("one", "two")]
    matches = [MatchedFact(rule, "demo_request", "", AT, rule.curve) for rule in rules]
    below_at = DecayingIntent(matches, default_scoring()).falls_below(cap, AT)
    assert below_at is not None
    assert (below_at - AT) // DAY == first_days
