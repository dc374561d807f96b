"""What holds whatever the doubted fields are: a comparison on one is unknown, whatever its operator."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.rules.evaluate import holds_despite
from shared.rules.operators import Op
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Use

AT = datetime(2026, 3, 2, tzinfo=UTC)
STUDENT = Compare("person.seniority", Op.EQ, "student")
NO_TITLE = Compare("person.title", Op.MISSING, True)
SPAM = Compare("spam_score", Op.GTE, 80)
COMPETITOR = Compare("account.relation", Op.EQ, "competitor")
FACTS = {"person.seniority": "student", "spam_score": 100, "account.relation": "competitor"}


@pytest.mark.parametrize(
    ("condition", "truth"),
    [
        (STUDENT, None),
        (NO_TITLE, None),
        (SPAM, None),
        (COMPETITOR, True),
        (Not(STUDENT), None),
        (Not(COMPETITOR), False),
        (AnyOf((STUDENT, COMPETITOR)), True),
        (AnyOf((STUDENT, Not(COMPETITOR))), None),
        (AllOf((STUDENT, COMPETITOR)), None),
        (AllOf((STUDENT, Not(COMPETITOR))), False),
        (AllOf(()), True),
        (Use("rivals", COMPETITOR), True),
    ],
    ids=repr,
)
def test_a_condition_despite_doubts(condition: Condition, truth: bool | None):
    assert holds_despite(condition, FACTS, AT, lambda field: field.startswith(("person.", "spam"))) is truth
    assert holds_despite(condition, FACTS, AT, lambda _field: False) is not None


def test_what_is_no_condition_is_an_error():
    with pytest.raises(TypeError):
        holds_despite("no condition", FACTS, AT, bool)  # type: ignore[arg-type]
