"""The picture of a lead's intent: nothing leaves it, and its words say when the first grade is lost."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.console.views.lead_curve import HEIGHT, WIDTH, curve_view
from services.scorer.domain.curve import AHEAD, BACK, CurvePoint, GradeChange, IntentFloor, ScoreCurve

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


def curve_of(intents: list[int], changes: list[GradeChange]) -> ScoreCurve:
    step = (BACK + AHEAD) / max(1, len(intents) - 1)
    points = [
        CurvePoint(NOW - BACK + step * place, 50, intent, 50, "A1") for place, intent in enumerate(intents)
    ]
    return ScoreCurve(NOW, points, [IntentFloor("1", 75, 70), IntentFloor("2", 50, 45)], changes)


@given(st.lists(st.integers(0, 100), min_size=2, max_size=110))
def test_every_point_lies_inside_the_picture(intents: list[int]):
    view = curve_view(curve_of(intents, []))
    for path in (view.past, view.ahead, view.area):
        for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path):
            assert 0 <= float(x) <= WIDTH
            assert 0 <= float(y) <= HEIGHT


def test_the_words_say_when_the_first_grade_is_lost():
    rise = GradeChange(NOW + timedelta(days=2), "A2", "A1", 80, is_loss=False)
    loss = GradeChange(NOW + timedelta(days=7), "A1", "A2", 70, is_loss=True)
    view = curve_view(curve_of([80, 40], [rise, loss]))
    assert view.headline == "falls to grade 2 on 5 December if nothing else happens"
    assert [mark.text for mark in view.losses] == ["5 Dec: 2"]
    assert curve_view(curve_of([80, 80], [rise])).headline == "keeps its grade for the next 45 days"
