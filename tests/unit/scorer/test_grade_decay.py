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
