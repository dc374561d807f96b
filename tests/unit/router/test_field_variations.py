"""The values that counterfactuals try for a field, and how a change is described."""

from __future__ import annotations

from typing import Any

import pytest

from services.router.domain.field_variations import candidate_values, describe_change
from shared.lead.fields import Field, Kind, field_named
from shared.rules.operators import Op
from shared.rules.syntax import Compare


def field_of(name: str) -> Field:
    field = field_named(name)
    assert field is not None
    return field


def values(name: str, now: Any, *compares: tuple[Op, Any]) -> list[Any]:
    return candidate_values(field_of(name), [Compare(name, op, value) for op, value in compares], now)


def test_the_values_of_a_number_lie_on_both_sides_of_every_bound_the_nearest_first():
    found = values("company.employees", 700, (Op.GTE, 1_000), (Op.GTE, 20))
    assert {19, 20, 999, 1_000} <= {*found}
    assert [abs(value - 700) for value in found] == sorted(abs(value - 700) for value in found)
    assert 700 not in found


def test_a_number_that_is_not_known_is_compared_from_zero():
    assert values("company.employees", None, (Op.GTE, 1_000))[-1] >= 1_000


def test_the_values_of_a_choice_are_all_the_others():
    found = values("account.relation", "target", (Op.EQ, "competitor"))
    assert sorted(found) == ["competitor", "customer", "none", "partner"]


def test_the_values_of_a_text_are_those_it_is_compared_with_except_the_present_one():
    found = values("owner.queue", "sdr", (Op.EQ, "BDR"), (Op.IN, ("sdr", "senior-ae")))
    assert sorted(found) == ["bdr", "senior-ae"]


def test_the_values_of_a_switch_are_the_other_values():
    assert values("account.market_validated", True, (Op.EQ, False)) == [False]


def test_a_field_that_only_patterns_read_has_no_values_to_try():
    assert values("person.title", "CTO", (Op.MATCHES, "student")) == []


def test_the_values_of_an_open_field_are_those_it_is_compared_with():
    assert field_of("answers.interest").kind is Kind.OPEN
    found = values(
        "answers.interest",
        None,
        (Op.EQ, "reseller"),
        (Op.IN, ("integration", "partner")),
        (Op.NE, "webinars"),
    )
    assert found == ["reseller", "integration", "partner"]


def test_the_values_of_a_set_have_one_member_more_or_one_less():
    looked_for = (Op.CONTAINS, "funding_round")
    assert values("signals.types", ("hiring",), looked_for) == [("hiring", "funding_round")]
    assert values("signals.types", None, looked_for) == [("funding_round",)]
    assert values("signals.types", ("Funding_Round", "hiring"), looked_for) == [("hiring",)]


@pytest.mark.parametrize(
    ("name", "now", "then", "description"),
    [
        ("company.employees", 700, 1_000, "300 more employees"),
        ("company.employees", 1_000, 999, "1 fewer employees"),
        ("company.employees", None, 1_000, "employees 1,000"),
        ("account.people", 0, 2, "2 more account people"),
        ("account.relation", "target", "customer", "account relation customer"),
        ("signals.types", ("hiring",), ("hiring", "funding_round"), "funding_round in signals types"),
        ("signals.types", None, ("hiring",), "hiring in signals types"),
        ("signals.types", ("hiring", "other"), ("hiring",), "no other in signals types"),
    ],
)
def test_a_change_of_a_count_is_a_difference_and_any_other_the_new_value(name, now, then, description):
    assert describe_change(field_of(name), now, then) == description
